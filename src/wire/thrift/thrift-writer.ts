// Writes Thrift's two encodings of messages; thrift-reader.ts describes them. Field ids within a struct only grow, by 15 at
// most, as those of Flume do.
import { compactTypes, type ThriftEncoding, type ThriftMessage, thriftTypes } from './thrift-reader.ts'

/** Pieces from here on are handed on as they are; smaller ones are cheaper to copy together. */
const ownPiece = 16 * 1024
const firstBytes = 4096

export class ThriftWriter {
  readonly #isCompact: boolean
  readonly #pieces: Buffer[] = []
  #block: Buffer
  #start = 0
  #at = 0
  #bytes = 0
  /** Of the struct being written, and of those around it. */
  #lastIds: number[] = []

  constructor(encoding: ThriftEncoding) {
    this.#isCompact = encoding === 'compact'
    this.#block = Buffer.allocUnsafeSlow(firstBytes)
  }

  /** What was written behind its length, 4 bytes: a frame, as pieces to write one after the other. */
  get frame(): Buffer[] {
    this.#close()
    const head = Buffer.alloc(4)
    head.writeInt32BE(this.#bytes)
    return [head, ...this.#pieces]
  }

  message({ kind, name, seqid }: ThriftMessage): void {
    if (this.#isCompact) {
      this.#byte(0x82)
      this.#byte((kind << 5) | 1)
      this.#varint(seqid >>> 0)
      this.text(name)
    } else {
      this.#int32(0x80010000 | kind)
      this.text(name)
      this.#int32(seqid)
    }
  }

  struct(write: () => void): void {
    this.#lastIds.push(0)
    write()
    this.#lastIds.pop()
    this.#byte(thriftTypes.stop)
  }

  /** The head of a field; its value follows. */
  field(type: number, id: number): void {
    if (this.#isCompact) {
      const last = this.#lastIds.length - 1
      const delta = id - this.#lastIds[last]!
      this.#lastIds[last] = id
      this.#byte((delta << 4) | compactTypes.indexOf(type))
      // The result of a call has id 0, which is no step from the start.
      if (delta === 0) this.i32(id)
    } else {
      const at = this.#claim(3)
      this.#block[at] = type
      this.#block.writeInt16BE(id, at + 1)
    }
  }

  list(type: number, size: number): void {
    if (!this.#isCompact) {
      this.#byte(type)
      this.#int32(size)
    } else if (size < 15) this.#byte((size << 4) | compactTypes.indexOf(type))
    else {
      this.#byte(0xf0 | compactTypes.indexOf(type))
      this.#varint(size)
    }
  }

  map(keys: number, values: number, size: number): void {
    if (!this.#isCompact) {
      this.#byte(keys)
      this.#byte(values)
      this.#int32(size)
      return
    }
    this.#varint(size)
    if (size > 0) this.#byte((compactTypes.indexOf(keys) << 4) | compactTypes.indexOf(values))
  }

  i32(value: number): void {
    if (this.#isCompact) this.#varint(((value << 1) ^ (value >> 31)) >>> 0)
    else this.#int32(value)
  }

  bytes(value: Buffer): void {
    this.#size(value.length)
    if (value.length < ownPiece) {
      const at = this.#claim(value.length)
      value.copy(this.#block, at)
      return
    }
    this.#close()
    this.#pieces.push(value)
    this.#bytes += value.length
  }

  text(value: string): void {
    const size = Buffer.byteLength(value)
    this.#size(size)
    const at = this.#claim(size)
    this.#block.write(value, at)
  }

  #size(size: number): void {
    if (this.#isCompact) this.#varint(size)
    else this.#int32(size)
  }

  #byte(value: number): void {
    const at = this.#claim(1)
    this.#block[at] = value
  }

  #int32(value: number): void {
    const at = this.#claim(4)
    this.#block.writeInt32BE(value | 0, at)
  }

  #varint(value: number): void {
    let rest = value
    while (rest >= 128) {
      this.#byte((rest & 127) | 128)
      rest >>>= 7
    }
    this.#byte(rest)
  }

  #claim(size: number): number {
    if (this.#at + size > this.#block.length) {
      this.#close()
      this.#block = Buffer.allocUnsafeSlow(Math.max(4 * ownPiece, size))
      this.#start = this.#at = 0
    }
    const at = this.#at
    this.#at += size
    return at
  }

  #close(): void {
    if (this.#at === this.#start) return
    this.#pieces.push(this.#block.subarray(this.#start, this.#at))
    this.#bytes += this.#at - this.#start
    this.#start = this.#at
  }
}
