// Messages that travel inside others as bytes and carry their own version in front (int16): what members
// of a consumer group tell each other. A reader takes a newer version for the newest it knows and leaves
// the rest unread, as Kafka's clients do.
import { ByteReader } from './byte-reader.ts'
import { ByteWriter } from './byte-writer.ts'
import { parseVersions, type BodyOf, type FieldSet, type InputOf } from './fields.ts'
import { FormatError } from './format-error.ts'
import { compileMessage, type Codec } from './message-codec.ts'

export interface VersionedMessage<F extends FieldSet> {
  readonly maxVersion: number
  readonly fields: F
  /** Throws FormatError on what the version cannot carry. */
  encode(version: number, body: InputOf<F>): Buffer
  /** Reads no more than version `most` has. Throws FormatError. Bytes fields are views. */
  decode(bytes: Buffer, most?: number): { version: number; body: BodyOf<F> }
}

export function defineVersionedMessage<const F extends FieldSet>(declared: {
  readonly name: string
  readonly versions: string
  readonly fields: F
}): VersionedMessage<F> {
  const { name, fields } = declared
  const { first, last } = parseVersions(declared.versions)
  const compiled: Codec[] = []
  const codecOf = (version: number) => (compiled[version] ??= compileMessage(fields, version, false))

  return {
    maxVersion: last,
    fields,
    encode(version, body) {
      const writer = new ByteWriter(`${name} v${version}`)
      if (version < first || version > last) throw writer.cannot('there is no such version')
      writer.writeInt16(version)
      codecOf(version).write(writer, body)
      return writer.written
    },
    decode(bytes, most = last) {
      const reader = new ByteReader(bytes, name)
      const version = reader.readInt16()
      if (version < first) throw new FormatError(`${name} has the version ${version}`)
      const known = Math.min(version, most)
      reader.what = `${name} v${known}`
      return { version, body: codecOf(known).read(reader) as BodyOf<F> }
    },
  }
}
