// A growing buffer in which one Kafka message is written. The other side of byte-reader.ts.
import { FormatError } from './format-error.ts'

const two32 = 4294967296
/** Bytes of a field that are handed on as they are instead of copied, where the message may have parts. */
const referenceBytes = 16384

export function uvarintSize(value: number): number {
  return value < 128 ? 1 : value < 16384 ? 2 : value < 2097152 ? 3 : value < 268435456 ? 4 : 5
}

export class ByteWriter {
  bytes: Buffer
  at = 0
  /** The message being written and its field, for error texts. */
  what: string
  field = ''
  /** Below 0 after so many elements of arrays; nothing more of an array is written then. */
  itemsLeft = Infinity

  /** What is complete already; null where the message has to be in one piece. */
  readonly #parts: Uint8Array[] | null
  #partStart = 0
  #partBytes = 0

  constructor(what: string, size = 512, inParts = false) {
    this.what = what
    this.#parts = inParts ? [] : null
    this.bytes = Buffer.allocUnsafe(size)
  }

  cannot(problem: string): FormatError {
    const field = this.field === '' ? '' : `, field ${this.field}`
    return new FormatError(`cannot write ${this.what}${field}: ${problem}`)
  }

  /** What was written, as a view. */
  get written(): Buffer {
    return this.bytes.subarray(0, this.at)
  }

  /** The message, in one piece or several. */
  get parts(): Uint8Array[] {
    return [...(this.#parts ?? []), this.bytes.subarray(this.#partStart, this.at)]
  }

  /** Of the whole message. */
  get size(): number {
    return this.at + this.#partBytes
  }

  /** Makes room for `size` bytes; gives where they go. */
  claim(size: number): number {
    const start = this.at
    this.at = start + size
    if (this.at > this.bytes.length) {
      // What is long already is not copied again and again.
      if (this.#parts !== null && start - this.#partStart >= referenceBytes)
        return this.#beginPart(start, size)
      const larger = Buffer.allocUnsafeSlow(Math.max(this.bytes.length * 2, this.at + 256))
      this.bytes.copy(larger, 0, 0, start)
      this.bytes = larger
    }
    return start
  }

  #beginPart(end: number, size: number): number {
    this.#parts!.push(this.bytes.subarray(this.#partStart, end))
    this.#partBytes += end
    this.#partStart = 0
    this.bytes = Buffer.allocUnsafeSlow(Math.max(4 * referenceBytes, size))
    this.at = size
    return 0
  }

  #checked(value: number, min: number, max: number): number {
    if (!Number.isInteger(value) || value < min || value > max)
      throw this.cannot(`${value} is not a whole number from ${min} to ${max}`)
    return value
  }

  writeInt8(value: number): void {
    const at = this.claim(1)
    this.bytes.writeInt8(this.#checked(value, -128, 127), at)
  }

  writeInt16(value: number): void {
    const at = this.claim(2)
    this.bytes.writeInt16BE(this.#checked(value, -32768, 32767), at)
  }

  writeUint16(value: number): void {
    const at = this.claim(2)
    this.bytes.writeUInt16BE(this.#checked(value, 0, 65535), at)
  }

  writeInt32(value: number): void {
    const at = this.claim(4)
    this.bytes.writeInt32BE(this.#checked(value, -2147483648, 2147483647), at)
  }

  writeUint32(value: number): void {
    const at = this.claim(4)
    this.bytes.writeUInt32BE(this.#checked(value, 0, 4294967295), at)
  }

  writeInt64(value: number): void {
    if (!Number.isSafeInteger(value)) throw this.cannot(`${value} is not a whole number within 2^53`)
    const at = this.claim(8)
    const high = Math.floor(value / two32)
    this.bytes.writeInt32BE(high, at)
    this.bytes.writeUInt32BE(value - high * two32, at + 4)
  }

  writeFloat64(value: number): void {
    const at = this.claim(8)
    this.bytes.writeDoubleBE(value, at)
  }

  writeUvarint(value: number): void {
    let at = this.claim(uvarintSize(value))
    while (value >= 128) {
      this.bytes[at++] = (value & 127) | 128
      value = Math.floor(value / 128)
    }
    this.bytes[at] = value
  }

  writeBytes(value: Uint8Array): void {
    if (this.#parts !== null && value.length >= referenceBytes) {
      this.#parts.push(this.bytes.subarray(this.#partStart, this.at), value)
      this.#partStart = this.at
      this.#partBytes += value.length
      return
    }
    const at = this.claim(value.length)
    this.bytes.set(value, at)
  }

  writeText(value: string, size: number): void {
    const at = this.claim(size)
    this.bytes.write(value, at, size, size === value.length ? 'latin1' : 'utf8')
  }
}
