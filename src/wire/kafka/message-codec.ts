// Turns a declaration (fields.ts) into the encoder and decoder of one version. Made once per version
// and kept by api.ts: what runs for every message is a loop over prepared steps.
//
// Versions from the first flexible one on write lengths as varints plus one and end every struct with
// its tagged fields: a count, then number, size and value of each, in the order of their numbers
// (KIP-482). Other versions write int16 lengths for text, int32 for bytes and arrays, -1 for null.
import type { ByteReader } from './byte-reader.ts'
import { ByteWriter } from './byte-writer.ts'
import { isIn, type Field, type FieldSet } from './fields.ts'

type Value = unknown
type Record_ = Record<string, Value>

export interface Codec {
  /** Fewest bytes a value takes: bounds how many elements an array can announce. */
  readonly minSize: number
  read(reader: ByteReader): Value
  write(writer: ByteWriter, value: Value): void
  /** Of what may hold arrays: the same in slices. */
  readInSlices?(reader: ByteReader, slices: Slices): Promise<Value>
  writeInSlices?(writer: ByteWriter, value: Value, slices: Slices): Promise<void>
}

/** How a message of many items is read and written. */
export interface Slices {
  /** Looked at for each element of an array. */
  readonly pace: { readonly isOver: boolean; turn(): Promise<void> }
  /** Called before so many elements more are read, and after so many bytes more were written; what it rejects with ends it. */
  count(items: number, bytes: number): Promise<void>
}

/** So many elements are counted together, and so many bytes. */
const countedItems = 1000
const countedBytes = 65_536

export const readInSlices = (codec: Codec, reader: ByteReader, slices: Slices): Promise<Value> =>
  codec.readInSlices?.(reader, slices) ?? Promise.resolve(codec.read(reader))

export async function writeInSlices(
  codec: Codec,
  writer: ByteWriter,
  value: Value,
  slices: Slices,
): Promise<void> {
  if (codec.writeInSlices === undefined) codec.write(writer, value)
  else await codec.writeInSlices(writer, value, slices)
}

const scalars: Record<string, Codec> = {
  int8: { minSize: 1, read: r => r.readInt8(), write: (w, v) => w.writeInt8(v as number) },
  int16: { minSize: 2, read: r => r.readInt16(), write: (w, v) => w.writeInt16(v as number) },
  uint16: { minSize: 2, read: r => r.readUint16(), write: (w, v) => w.writeUint16(v as number) },
  int32: { minSize: 4, read: r => r.readInt32(), write: (w, v) => w.writeInt32(v as number) },
  uint32: { minSize: 4, read: r => r.readUint32(), write: (w, v) => w.writeUint32(v as number) },
  int64: { minSize: 8, read: r => r.readInt64(), write: (w, v) => w.writeInt64(v as number) },
  float64: { minSize: 8, read: r => r.readFloat64(), write: (w, v) => w.writeFloat64(v as number) },
  bool: { minSize: 1, read: r => r.readInt8() !== 0, write: (w, v) => w.writeInt8(v === true ? 1 : 0) },
  uuid: {
    minSize: 16,
    read: r => r.readView(16).toString('base64url'),
    write(w, v) {
      const raw = Buffer.from(v as string, 'base64url')
      if (raw.length !== 16) throw w.cannot(`"${v}" is not a UUID of 22 base64url characters`)
      w.writeBytes(raw)
    },
  },
}

/** Bytes, in every version: what one version could not carry must not come in by another. */
const longestText = 32_767

/** How text, bytes and arrays say their length: -1 is null. */
interface LengthCodec {
  readonly minSize: number
  read(reader: ByteReader): number
  write(writer: ByteWriter, length: number): void
}
const compactLength: LengthCodec = {
  minSize: 1,
  read: r => r.readUvarint() - 1,
  write: (w, length) => w.writeUvarint(length + 1),
}
const shortLength: LengthCodec = {
  minSize: 2,
  read: r => r.readInt16(),
  write: (w, length) => w.writeInt16(length),
}
const longLength: LengthCodec = {
  minSize: 4,
  read: r => r.readInt32(),
  write: (w, length) => w.writeInt32(length),
}

const stringCodec = (length: LengthCodec, nullable: boolean): Codec => ({
  minSize: length.minSize,
  read(r) {
    const size = r.lengthOf(length.read(r))
    if (size > longestText) throw r.broken(`text of ${size} bytes is longer than ${longestText}`)
    if (size >= 0) return r.readText(size)
    if (!nullable) throw r.broken('text is null where it must not be')
    return null
  },
  write(w, v) {
    if (v === null && nullable) return length.write(w, -1)
    if (typeof v !== 'string') throw w.cannot(`${String(v)} is not text`)
    const size = Buffer.byteLength(v)
    if (size > longestText) throw w.cannot(`text of ${size} bytes is longer than ${longestText}`)
    length.write(w, size)
    w.writeText(v, size)
  },
})

const bytesCodec = (length: LengthCodec, nullable: boolean): Codec => ({
  minSize: length.minSize,
  read(r) {
    const size = r.lengthOf(length.read(r))
    if (size >= 0) return r.readView(size)
    if (!nullable) throw r.broken('bytes are null where they must not be')
    return null
  },
  write(w, v) {
    if (v === null && nullable) return length.write(w, -1)
    if (!(v instanceof Uint8Array)) throw w.cannot(`${String(v)} is not bytes`)
    length.write(w, v.length)
    w.writeBytes(v)
  },
})

class ArrayCodec implements Codec {
  readonly #length: LengthCodec
  readonly #nullable: boolean
  readonly #element: Codec

  constructor(length: LengthCodec, nullable: boolean, element: Codec) {
    this.#length = length
    this.#nullable = nullable
    this.#element = element
  }

  get minSize(): number {
    return this.#length.minSize
  }

  read(r: ByteReader): Value {
    const count = this.#count(r)
    if (count < 0) return null
    const items: Value[] = []
    for (let index = 0; index < count; index++) items.push(this.#element.read(r))
    return items
  }

  async readInSlices(r: ByteReader, slices: Slices): Promise<Value> {
    const count = this.#count(r)
    if (count < 0) return null
    const items: Value[] = []
    for (let index = 0; index < count; index++) {
      if (index % countedItems === 0) await slices.count(Math.min(countedItems, count - index), 0)
      if (slices.pace.isOver) await slices.pace.turn()
      items.push(
        this.#element.readInSlices === undefined
          ? this.#element.read(r)
          : await this.#element.readInSlices(r, slices),
      )
    }
    return items
  }

  write(w: ByteWriter, v: Value): void {
    const items = this.#begin(w, v)
    if (items === null) return
    w.itemsLeft -= items.length
    if (w.itemsLeft < 0) return
    for (const item of items) this.#element.write(w, item)
  }

  async writeInSlices(w: ByteWriter, v: Value, slices: Slices): Promise<void> {
    const items = this.#begin(w, v)
    if (items === null) return
    let counted = w.size
    for (const item of items) {
      if (slices.pace.isOver) await slices.pace.turn()
      if (this.#element.writeInSlices !== undefined) {
        await this.#element.writeInSlices(w, item, slices)
        continue
      }
      this.#element.write(w, item)
      if (w.size - counted < countedBytes) continue
      await slices.count(0, w.size - counted)
      counted = w.size
    }
  }

  /** -1 for null. */
  #count(r: ByteReader): number {
    const count = this.#length.read(r)
    if (count < 0 && this.#nullable) return -1
    if (count < 0) throw r.broken('an array is null where it must not be')
    if (count * this.#element.minSize > r.left)
      throw r.broken(`an array of ${count} elements does not fit the ${r.left} bytes left`)
    return count
  }

  #begin(w: ByteWriter, v: Value): readonly Value[] | null {
    if (v === null && this.#nullable) {
      this.#length.write(w, -1)
      return null
    }
    if (!Array.isArray(v)) throw w.cannot(`${String(v)} is not an array`)
    this.#length.write(w, v.length)
    return v
  }
}

class NullableStruct implements Codec {
  readonly minSize = 1
  readonly #inner: Codec

  constructor(inner: Codec) {
    this.#inner = inner
  }

  read(r: ByteReader): Value {
    return r.readInt8() < 0 ? null : this.#inner.read(r)
  }

  async readInSlices(r: ByteReader, slices: Slices): Promise<Value> {
    return r.readInt8() < 0 ? null : await readInSlices(this.#inner, r, slices)
  }

  write(w: ByteWriter, v: Value): void {
    w.writeInt8(v === null ? -1 : 1)
    if (v !== null) this.#inner.write(w, v)
  }

  async writeInSlices(w: ByteWriter, v: Value, slices: Slices): Promise<void> {
    w.writeInt8(v === null ? -1 : 1)
    if (v !== null) await writeInSlices(this.#inner, w, v, slices)
  }
}

/** Whether a struct may be left out: everything in it is as by default. */
function isDefault(field: Field, value: Value): boolean {
  if (value === undefined) return true
  const fallback = defaultOf(field)
  if (field.kind === 'array' || field.kind === 'bytes')
    return value === null || fallback === null ? value === fallback : (value as Value[]).length === 0
  if (field.kind === 'struct') {
    if (value === null || fallback === null) return value === fallback
    return Object.entries(field.fields!).every(([name, inner]) => isDefault(inner, (value as Record_)[name]))
  }
  return value === fallback
}

/** A fresh default: arrays and structs must not be shared between messages. */
function defaultOf(field: Field): Value {
  const { default: given } = field.options
  if (given === null) return null
  if (field.kind === 'array') return []
  if (field.kind !== 'struct') return given
  const made: Record_ = {}
  for (const [name, inner] of Object.entries(field.fields!)) made[name] = defaultOf(inner)
  return made
}

interface Step {
  readonly name: string
  readonly path: string
  readonly field: Field
  /** Absent where the version does not have the field, or has it as a tagged one. */
  readonly codec: Codec | null
  readonly isTagged: boolean
}

interface TaggedStep {
  readonly tag: number
  readonly step: Step
  readonly codec: Codec
}

class StructCodec implements Codec {
  readonly minSize: number
  readonly #steps: readonly Step[]
  readonly #tagged: readonly TaggedStep[]
  readonly #flexible: boolean
  readonly readInSlices?: NonNullable<Codec['readInSlices']>
  readonly writeInSlices?: NonNullable<Codec['writeInSlices']>

  constructor(fields: FieldSet, version: number, flexible: boolean, path: string) {
    const tagged: TaggedStep[] = []
    this.#flexible = flexible
    this.#steps = Object.entries(fields).map(([name, field]) => {
      const inner = path === '' ? name : `${path}.${name}`
      const { versions, tag, tagged: taggedVersions } = field.options
      const has = versions === undefined || isIn(version, versions)
      const isTagged = has && tag !== undefined && isIn(version, taggedVersions)
      const codec = has ? compileField(field, version, flexible, inner) : null
      const step = { name, path: inner, field, codec: isTagged ? null : codec, isTagged }
      if (isTagged) tagged.push({ tag, step, codec: codec! })
      return step
    })
    this.#tagged = tagged.sort((a, b) => a.tag - b.tag)
    this.minSize = this.#steps.reduce((sum, step) => sum + (step.codec?.minSize ?? 0), flexible ? 1 : 0)
    if (!this.#steps.some(({ codec }) => codec?.readInSlices !== undefined)) return
    this.readInSlices = (r, slices) => this.#readInSlices(r, slices)
    this.writeInSlices = (w, value, slices) => this.#writeInSlices(w, value, slices)
  }

  read(r: ByteReader): Value {
    const body: Record_ = {}
    for (const { name, path, codec, field } of this.#steps) {
      r.field = path
      body[name] = codec === null ? defaultOf(field) : codec.read(r)
    }
    if (this.#flexible) this.#readTags(r, body)
    return body
  }

  async #readInSlices(r: ByteReader, slices: Slices): Promise<Value> {
    const body: Record_ = {}
    for (const { name, path, codec, field } of this.#steps) {
      r.field = path
      if (codec === null) body[name] = defaultOf(field)
      else body[name] = codec.readInSlices === undefined ? codec.read(r) : await codec.readInSlices(r, slices)
    }
    if (this.#flexible) this.#readTags(r, body)
    return body
  }

  #readTags(r: ByteReader, body: Record_): void {
    if (this.#tagged.length === 0) return r.skipTags()
    for (let count = r.readTagCount(); count > 0; count--) {
      const tag = r.readUvarint()
      // Of a field that is known the value alone counts, as in Kafka.
      const size = r.readUvarint()
      const known = this.#tagged.find(one => one.tag === tag)
      if (known === undefined) {
        r.take(size)
        continue
      }
      r.field = known.step.path
      body[known.step.name] = known.codec.read(r)
    }
  }

  write(w: ByteWriter, value: Value): void {
    const body = value as Record_
    for (const step of this.#steps) {
      const given = this.#given(w, step, body)
      step.codec?.write(w, given)
    }
    if (this.#flexible) this.#writeTags(w, body)
  }

  async #writeInSlices(w: ByteWriter, value: Value, slices: Slices): Promise<void> {
    const body = value as Record_
    for (const step of this.#steps) {
      const given = this.#given(w, step, body)
      if (step.codec?.writeInSlices === undefined) step.codec?.write(w, given)
      else await step.codec.writeInSlices(w, given, slices)
    }
    if (this.#flexible) this.#writeTags(w, body)
  }

  #given(w: ByteWriter, { name, path, codec, field, isTagged }: Step, body: Record_): Value {
    const given = body[name]
    w.field = path
    if (codec === null && !isTagged && field.options.ignorable !== true && !isDefault(field, given))
      throw w.cannot('this version does not have the field, and its value must not be left out')
    return given === undefined && codec !== null ? defaultOf(field) : given
  }

  #writeTags(w: ByteWriter, body: Record_): void {
    const present = this.#tagged.filter(({ step }) => !isDefault(step.field, body[step.name]))
    w.writeUvarint(present.length)
    for (const { tag, step, codec } of present) {
      const apart = new ByteWriter(w.what)
      apart.field = step.path
      codec.write(apart, body[step.name])
      w.writeUvarint(tag)
      w.writeUvarint(apart.at)
      w.writeBytes(apart.written)
    }
  }
}

function compileField(field: Field, version: number, flexible: boolean, path: string): Codec {
  const nullable = isIn(version, field.options.nullable)
  const length = flexible ? compactLength : longLength
  switch (field.kind) {
    case 'string':
      return stringCodec(flexible ? compactLength : shortLength, nullable)
    case 'bytes':
      return bytesCodec(length, nullable)
    case 'array':
      return new ArrayCodec(length, nullable, compileField(field.element!, version, flexible, path))
    case 'struct': {
      const inner = new StructCodec(field.fields!, version, flexible, path)
      return nullable ? new NullableStruct(inner) : inner
    }
    default:
      return scalars[field.kind]!
  }
}

/** The codec of a whole message body in one version. */
export function compileMessage(fields: FieldSet, version: number, flexible: boolean): Codec {
  return new StructCodec(fields, version, flexible, '')
}
