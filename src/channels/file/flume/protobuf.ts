// Protocol Buffers as far as Flume's file channel uses them: walks the fields of one message. What a caller
// does not ask for is skipped. Throws Malformed where the bytes are no message; nothing is copied.

export class Malformed extends Error {}

/** Above this a number of 8 bytes is not what it was; Flume's ids are milliseconds since 1970 that count up. */
const mostNumber = 2 ** 53

export class MessageReader {
  readonly bytes: Buffer
  #at: number
  #end: number
  /** Number of the field that `next` found. */
  field = 0
  #wire = 0

  constructor(bytes: Buffer, at = 0, end = bytes.length) {
    this.bytes = bytes
    this.#at = at
    this.#end = end
  }

  get at(): number {
    return this.#at
  }

  /** Goes to the next field; false at the message's end. Exactly one of the readers below follows a true. */
  next(): boolean {
    if (this.#at === this.#end) return false
    const tag = this.varint()
    this.field = tag >>> 3
    this.#wire = tag & 7
    if (this.field === 0) throw new Malformed('field number 0')
    return true
  }

  /** A length as it also stands before a message that is delimited by it. */
  varint(): number {
    let value = 0
    for (let shift = 0; shift < 35; shift += 7) {
      if (this.#at >= this.#end) throw new Malformed('ends inside a number')
      const byte = this.bytes[this.#at++]!
      value += (byte & 0x7f) * 2 ** shift
      if (byte < 0x80) return value
    }
    throw new Malformed('a number of too many bytes')
  }

  /** A message that begins here with its length: a reader of its own; this one stands after it. */
  delimited(): MessageReader {
    const length = this.varint()
    const from = this.#at
    this.#skip(length)
    return new MessageReader(this.bytes, from, this.#at)
  }

  message(): MessageReader {
    this.#expect(2)
    return this.delimited()
  }

  slice(): Buffer {
    this.#expect(2)
    const length = this.varint()
    const from = this.#at
    this.#skip(length)
    return this.bytes.subarray(from, this.#at)
  }

  text(): string {
    return this.slice().toString()
  }

  fixed32(): number {
    this.#expect(5)
    this.#skip(4)
    return this.bytes.readInt32LE(this.#at - 4)
  }

  fixed64(): number {
    this.#expect(1)
    this.#skip(8)
    const value = this.bytes.readUInt32LE(this.#at - 8) + this.bytes.readInt32LE(this.#at - 4) * 2 ** 32
    if (Math.abs(value) > mostNumber) throw new Malformed(`a number too large: ${value}`)
    return value
  }

  skip(): void {
    if (this.#wire === 0) this.#skipVarint()
    else if (this.#wire === 1) this.#skip(8)
    else if (this.#wire === 5) this.#skip(4)
    else if (this.#wire === 2) this.#skip(this.varint())
    else throw new Malformed(`wire type ${this.#wire}`)
  }

  #expect(wire: number): void {
    if (this.#wire !== wire) throw new Malformed(`field ${this.field} has wire type ${this.#wire}`)
  }

  #skip(bytes: number): void {
    if (bytes > this.#end - this.#at) throw new Malformed('ends inside a field')
    this.#at += bytes
  }

  #skipVarint(): void {
    for (let count = 0; count < 10; count++) {
      this.#skip(1)
      if (this.bytes[this.#at - 1]! < 0x80) return
    }
    throw new Malformed('a number of too many bytes')
  }
}
