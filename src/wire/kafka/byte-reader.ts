// A cursor over the bytes of one Kafka message. Every read checks bounds, and every length is checked
// against the bytes left before anything is made of it. Source: Kafka protocol guide, "Protocol Primitive
// Types". Numbers are big-endian; compact lengths are unsigned varints of the length plus one, 0 for null.
import { FormatError } from './format-error.ts'

const two32 = 4294967296
const mostTags = 1000

export class ByteReader {
  readonly bytes: Buffer
  at: number
  readonly end: number
  /** The message being read, for error texts: `Fetch v4 response`. */
  what: string
  /** The field being read, for error texts: `responses.partitions.records`. */
  field = ''
  /** Whether an int64 beyond 2^53 is taken for 2^53: what a foreign client asks for need not be representable. */
  clamps = false

  constructor(bytes: Buffer, what: string, at = 0, end = bytes.length) {
    this.bytes = bytes
    this.what = what
    this.at = at
    this.end = end
  }

  get left(): number {
    return this.end - this.at
  }

  broken(problem: string): FormatError {
    const field = this.field === '' ? '' : `, field ${this.field}`
    return new FormatError(`not a valid ${this.what}${field}, byte ${this.at} of ${this.end}: ${problem}`)
  }

  /** Moves past `size` bytes; gives where they start. */
  take(size: number): number {
    const start = this.at
    if (size > this.end - start) throw this.broken(`${size} bytes expected, ${this.end - start} left`)
    this.at = start + size
    return start
  }

  readInt8(): number {
    return this.bytes.readInt8(this.take(1))
  }

  readInt16(): number {
    return this.bytes.readInt16BE(this.take(2))
  }

  readUint16(): number {
    return this.bytes.readUInt16BE(this.take(2))
  }

  readInt32(): number {
    return this.bytes.readInt32BE(this.take(4))
  }

  readUint32(): number {
    return this.bytes.readUInt32BE(this.take(4))
  }

  /** An int64 that is a safe integer. */
  readInt64(): number {
    const start = this.take(8)
    const value = this.bytes.readInt32BE(start) * two32 + this.bytes.readUInt32BE(start + 4)
    if (!Number.isSafeInteger(value)) {
      if (this.clamps) return value < 0 ? Number.MIN_SAFE_INTEGER : Number.MAX_SAFE_INTEGER
      this.at = start
      throw this.broken('an int64 is beyond 2^53')
    }
    return value
  }

  readFloat64(): number {
    return this.bytes.readDoubleBE(this.take(8))
  }

  /** An unsigned varint of at most 32 bits. */
  readUvarint(): number {
    const { bytes } = this
    const first = this.at < this.end ? bytes[this.at]! : 0
    if (this.at < this.end && first < 128) {
      this.at++
      return first
    }
    let value = 0
    let scale = 1
    for (let count = 0; ; count++) {
      if (count === 5) throw this.broken('a varint is longer than 5 bytes')
      const byte = bytes[this.take(1)]!
      value += (byte & 127) * scale
      if (byte < 128) break
      scale *= 128
    }
    if (value >= two32) throw this.broken('a varint is beyond 32 bits')
    return value
  }

  /** A view of the next bytes, not a copy. */
  readView(size: number): Buffer {
    const start = this.take(size)
    return this.bytes.subarray(start, start + size)
  }

  readText(size: number): string {
    const start = this.take(size)
    return this.bytes.toString('utf8', start, start + size)
  }

  /** -1 for null, which every negative length means to Kafka; otherwise a length within the bytes left. */
  lengthOf(value: number): number {
    if (value < 0) return -1
    if (value > this.end - this.at)
      throw this.broken(`the length ${value} exceeds the ${this.end - this.at} bytes left`)
    return value
  }

  /** Of tagged fields: Kafka's messages have a handful, and each that is passed over costs time. */
  readTagCount(): number {
    const count = this.readUvarint()
    if (count > mostTags) throw this.broken(`${count} tagged fields are more than ${mostTags}`)
    return count
  }

  /** Skips a section of tagged fields nobody asked for. */
  skipTags(): void {
    for (let count = this.readTagCount(); count > 0; count--) {
      this.readUvarint()
      this.take(this.readUvarint())
    }
  }
}
