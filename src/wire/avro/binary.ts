// Avro binary encoding, as far as the Avro RPC and the file channel need it: long, bytes, string,
// map<string>. Numbers are zig-zag varints; bytes and strings are a length and the bytes; maps and
// arrays are blocks of a count and the items, ended by a zero count. A negative count is followed by
// the byte size of the block. Source: Apache Avro specification 1.11, "Binary encoding".

/** Bytes that are not valid Avro, or lengths above what the caller allows. */
export class AvroFormatError extends Error {
  override name = 'AvroFormatError'
}

/** Bytes a zig-zag varint of `value` takes; `value` must be a safe integer. */
export function longSize(value: number): number {
  let rest = value >= 0 ? value * 2 : value * -2 - 1
  let size = 1
  while (rest >= 128) {
    rest = Math.floor(rest / 128)
    size++
  }
  return size
}

/** Writes `value` as a zig-zag varint at `at`; gives the position after it. */
export function writeLong(target: Buffer, at: number, value: number): number {
  let rest = value >= 0 ? value * 2 : value * -2 - 1
  while (rest >= 128) {
    target[at++] = (rest % 128) | 128
    rest = Math.floor(rest / 128)
  }
  target[at++] = rest
  return at
}

/** A cursor over Avro bytes. Every read checks bounds and throws `AvroFormatError` naming the position. */
export class AvroReader {
  readonly bytes: Buffer
  at: number

  constructor(bytes: Buffer, at = 0) {
    this.bytes = bytes
    this.at = at
  }

  /** A long that fits a JavaScript safe integer. */
  readLong(): number {
    const { bytes } = this
    let byte = bytes[this.at]
    if (byte !== undefined && byte < 128) {
      this.at++
      return byte & 1 ? -(byte >>> 1) - 1 : byte >>> 1
    }
    let value = 0
    let scale = 1
    for (let count = 0; ; count++) {
      if (byte === undefined) throw this.broken('the bytes end inside a number')
      if (count === 10) throw this.broken('a number is longer than 10 bytes')
      value += (byte & 127) * scale
      scale *= 128
      this.at++
      if (byte < 128) break
      byte = bytes[this.at]
    }
    // An odd value is negative: -(value + 1) / 2. Above 2^53 the parity is lost, so refuse.
    if (value > Number.MAX_SAFE_INTEGER) throw this.broken('a number is larger than 2^53')
    return value % 2 === 1 ? -(value + 1) / 2 : value / 2
  }

  /** A length: a long that is not negative and lies within the remaining bytes. */
  readLength(): number {
    const length = this.readLong()
    if (length < 0) throw this.broken(`the length ${length} is negative`)
    if (length > this.bytes.length - this.at)
      throw this.broken(`the length ${length} exceeds the ${this.bytes.length - this.at} bytes left`)
    return length
  }

  /** Bytes, as a view on the source (not copied). */
  readBytes(): Buffer {
    const length = this.readLength()
    const start = this.at
    this.at += length
    return this.bytes.subarray(start, this.at)
  }

  readString(): string {
    const length = this.readLength()
    const start = this.at
    this.at += length
    return this.bytes.toString('utf8', start, this.at)
  }

  skipBytes(): void {
    const length = this.readLength() // moves `at` itself, so it cannot stand in the sum
    this.at += length
  }

  readFixed(size: number): Buffer {
    if (size > this.bytes.length - this.at) throw this.broken(`${size} bytes expected`)
    const start = this.at
    this.at += size
    return this.bytes.subarray(start, this.at)
  }

  /** The item count of the next block of an array or map; 0 ends it. */
  readBlockCount(): number {
    const count = this.readLong()
    if (count >= 0) return count
    this.readLong() // byte size of the block: allows skipping, which we do not need
    return -count
  }

  broken(what: string): AvroFormatError {
    return new AvroFormatError(`not valid Avro at byte ${this.at} of ${this.bytes.length}: ${what}`)
  }
}
