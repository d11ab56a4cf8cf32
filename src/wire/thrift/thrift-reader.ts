// Reads Thrift's two encodings of messages (Apache Thrift, specs thrift-binary-protocol and thrift-compact-protocol):
//
//   binary    message   int32 0x80010000 | kind, name string, seqid int32; or without version: name, kind byte, seqid
//             field     type byte, id int16; a stop is type 0
//             list, map element types, a byte each, size int32
//             string    size int32, bytes; numbers big-endian
//   compact   message   0x82, kind << 5 | 1, seqid varint, name string
//             field     delta of the id << 4 | type; with delta 0 the id follows as a zig-zag varint; a stop is 0
//             list      size << 4 | type, or 0xf0 | type and the size as a varint
//             map       size varint, and where it is not 0 key type << 4 | value type
//             string    size varint, bytes; numbers zig-zag varints; a boolean field has its value in its type
//
// Nothing is allocated for a size that is announced: elements take a byte at least, so that a size above the bytes that
// are left is refused.

export type ThriftEncoding = 'binary' | 'compact'

/** Types, by their numbers in the binary encoding. */
export const thriftTypes = {
  stop: 0,
  bool: 2,
  byte: 3,
  double: 4,
  i16: 6,
  i32: 8,
  i64: 10,
  string: 11,
  struct: 12,
  map: 13,
  set: 14,
  list: 15,
  uuid: 16,
} as const
const { stop, bool, byte, double, i16, i32, i64, string, struct, map, set, list, uuid } = thriftTypes

/** By their numbers in the compact encoding; the first two are true and false. */
export const compactTypes: readonly number[] = [
  stop,
  bool,
  bool,
  byte,
  i16,
  i32,
  i64,
  double,
  string,
  list,
  set,
  map,
  struct,
  uuid,
]

export const messageKinds = { call: 1, reply: 2, exception: 3, oneway: 4 } as const

/** Bytes of the types that always take as many. */
const fixedBytes = new Map<number, number>([
  [bool, 1],
  [byte, 1],
  [double, 8],
  [uuid, 16],
])
const binaryBytes = new Map<number, number>([...fixedBytes, [i16, 2], [i32, 4], [i64, 8]])

/** Containers and structs in one another, where they are skipped; Thrift's own libraries allow as many. */
const mostDepth = 64

/** Values of one message that are passed over; Flume's messages have none. */
const mostSkipped = 100_000

/** The message says where and why. */
export class ThriftFormatError extends Error {
  override name = 'ThriftFormatError'
}

export interface ThriftMessage {
  readonly kind: number
  readonly name: string
  readonly seqid: number
}

export interface ThriftField {
  readonly type: number
  readonly id: number
}

/** A cursor over one message. Every read checks bounds and throws `ThriftFormatError`. */
export class ThriftReader {
  readonly bytes: Buffer
  readonly #isCompact: boolean
  at = 0
  #skipped = 0

  constructor(bytes: Buffer, encoding: ThriftEncoding) {
    this.bytes = bytes
    this.#isCompact = encoding === 'compact'
  }

  readMessage(): ThriftMessage {
    if (this.#isCompact) {
      const protocol = this.#readByte()
      if (protocol !== 0x82) throw this.broken(`it begins with byte ${protocol}, not with 130`)
      const head = this.#readByte()
      if ((head & 31) !== 1) throw this.broken(`its version is ${head & 31}, not 1`)
      const seqid = this.#readVarint() | 0
      return { kind: head >> 5, seqid, name: this.readString() }
    }
    const first = this.#readInt32()
    if (first >= 0) {
      // A message of old, without a version: its name's length.
      const name = this.#take(this.#within(first, 1)).toString('utf8')
      return { name, kind: this.#readByte(), seqid: this.#readInt32() }
    }
    if ((first & 0xffff0000) >>> 0 !== 0x80010000)
      throw this.broken(`its version is ${(first >>> 16).toString(16)}, not 8001`)
    return { kind: first & 255, name: this.readString(), seqid: this.#readInt32() }
  }

  /** The fields of a struct, up to its stop. Whoever asks reads the value of each, or skips it, before the next. */
  *fields(): Generator<ThriftField, void> {
    for (let last = 0; ;) {
      const field = this.#readField(last)
      if (field.type === stop) return
      last = field.id
      yield field
    }
  }

  readI32(): number {
    if (!this.#isCompact) return this.#readInt32()
    const value = this.#readVarint()
    return (value >>> 1) ^ -(value & 1)
  }

  /** How many elements follow, of what type. */
  readList(): { readonly type: number; readonly size: number } {
    if (!this.#isCompact) {
      const type = this.#readByte()
      return { type, size: this.#within(this.#readInt32(), 1) }
    }
    const head = this.#readByte()
    const size = head >> 4 === 15 ? this.#readVarint() : head >> 4
    return { type: this.#typeOf(head & 15), size: this.#within(size, 1) }
  }

  /** How many entries follow, of what types; those of an empty one are not known. */
  readMap(): { readonly keys: number; readonly values: number; readonly size: number } {
    if (!this.#isCompact) {
      const [keys, values] = [this.#readByte(), this.#readByte()]
      return { keys, values, size: this.#within(this.#readInt32(), 2) }
    }
    const size = this.#within(this.#readVarint(), 2)
    const types = size === 0 ? 0 : this.#readByte()
    return { keys: this.#typeOf(types >> 4), values: this.#typeOf(types & 15), size }
  }

  /** As a view on the message. */
  readBytes(): Buffer {
    const size = this.skipBytes()
    return this.bytes.subarray(this.at - size, this.at)
  }

  /** Passes over bytes or a string; gives how many bytes there were, which end where the reader is now. */
  skipBytes(): number {
    const size = this.#within(this.#isCompact ? this.#readVarint() : this.#readInt32(), 1)
    this.at += size
    return size
  }

  readString(): string {
    return this.readBytes().toString('utf8')
  }

  /** Passes over a value, a field's where `isField`. */
  skip(type: number, { isField = true, depth = 0 } = {}): void {
    if (depth > mostDepth) throw this.broken(`more than ${mostDepth} containers are inside one another`)
    if (++this.#skipped > mostSkipped) throw this.broken(`it has more than ${mostSkipped} unknown values`)
    const inside = { isField: false, depth: depth + 1 }
    // A boolean field of the compact encoding has no byte of its own.
    if (this.#isCompact && isField && type === bool) return
    const size = (this.#isCompact ? fixedBytes : binaryBytes).get(type)
    if (size !== undefined) return void this.#take(size)
    switch (type) {
      case i16:
      case i32:
      case i64:
        return this.#skipVarint()
      case string:
        return void this.skipBytes()
      case struct:
        for (const field of this.fields()) this.skip(field.type, { depth: depth + 1 })
        return
      case list:
      case set: {
        const { type: of, size: count } = this.readList()
        for (let index = 0; index < count; index++) this.skip(of, inside)
        return
      }
      case map: {
        const { keys, values, size: count } = this.readMap()
        for (let index = 0; index < count; index++) {
          this.skip(keys, inside)
          this.skip(values, inside)
        }
        return
      }
      default:
        throw this.broken(`there is no type ${type}`)
    }
  }

  broken(what: string): ThriftFormatError {
    const encoding = this.#isCompact ? 'compact' : 'binary'
    return new ThriftFormatError(
      `no valid Thrift (${encoding}) at byte ${this.at} of ${this.bytes.length}: ${what}`,
    )
  }

  #readField(last: number): ThriftField {
    const head = this.#readByte()
    if (!this.#isCompact) return { type: head, id: head === stop ? 0 : this.#take(2).readInt16BE(0) }
    const type = this.#typeOf(head & 15)
    if (type === stop) return { type, id: 0 }
    const delta = head >> 4
    return { type, id: delta === 0 ? (this.readI32() << 16) >> 16 : last + delta }
  }

  #typeOf(compact: number): number {
    const type = compactTypes[compact]
    if (type === undefined) throw this.broken(`there is no type ${compact}`)
    return type
  }

  /** The size, where so many elements of so many bytes at least can follow. */
  #within(size: number, leastBytes: number): number {
    const left = this.bytes.length - this.at
    if (size < 0 || size * leastBytes > left)
      throw this.broken(`a size of ${size} is announced, and ${left} bytes are left`)
    return size
  }

  #take(size: number): Buffer {
    const end = this.at + size
    if (end > this.bytes.length)
      throw this.broken(`${size} bytes are needed, and ${this.bytes.length - this.at} are left`)
    const taken = this.bytes.subarray(this.at, end)
    this.at = end
    return taken
  }

  #readByte(): number {
    const value = this.bytes[this.at]
    if (value === undefined) throw this.broken('the bytes end')
    this.at++
    return value
  }

  #readInt32(): number {
    const start = this.at
    if (start + 4 > this.bytes.length) throw this.broken('the bytes end inside a number')
    this.at += 4
    return this.bytes.readInt32BE(start)
  }

  /** Of 32 bits at most. */
  #readVarint(): number {
    let value = 0
    for (let shift = 0; shift < 35; shift += 7) {
      const part = this.#readByte()
      value |= (part & 127) << shift
      if (part < 128) return value >>> 0
    }
    throw this.broken('a number is longer than 5 bytes')
  }

  #skipVarint(): void {
    for (let count = 0; count < 10; count++) if (this.#readByte() < 128) return
    throw this.broken('a number is longer than 10 bytes')
  }
}
