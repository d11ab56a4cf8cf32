// Reads the big-endian fields of Java's files one after another and refuses to run over the end.

export class ByteCursor {
  readonly #bytes: Buffer
  #at = 0

  constructor(bytes: Buffer) {
    this.#bytes = bytes
  }

  get left(): number {
    return this.#bytes.length - this.#at
  }

  /** A view, not a copy. */
  bytes(count: number): Buffer {
    if (count < 0 || count > this.left) throw new Error('the file ends too early')
    this.#at += count
    return this.#bytes.subarray(this.#at - count, this.#at)
  }

  byte(): number {
    return this.bytes(1)[0]!
  }

  short(): number {
    return this.bytes(2).readUInt16BE(0)
  }

  int(): number {
    return this.bytes(4).readInt32BE(0)
  }

  text(): string {
    return this.bytes(this.short()).toString('utf8')
  }
}
