// One API of the Kafka protocol: key, versions, and both messages, for both sides of the wire.
//
//   request   size int32 | api key int16, version int16, correlation id int32, client id (nullable
//             text with an int16 length), from the first flexible version on tagged fields | body
//   response  size int32 | correlation id int32, from the first flexible version on tagged fields | body
//
// Bytes behind a body are ignored, as Kafka and its clients do: librdkafka 2.3 leaves three behind its requests
// for the metadata of all topics.
//
// Source: Kafka protocol guide, "Request Header" and "Response Header"; KIP-482; KIP-511 for the one
// exception (ApiVersions answers without tagged fields, see messages/api-versions.ts).
import { ByteReader } from './byte-reader.ts'
import { ByteWriter } from './byte-writer.ts'
import { parseVersions, type BodyOf, type FieldSet, type InputOf } from './fields.ts'
import { FormatError } from './format-error.ts'
import { compileMessage, readInSlices, writeInSlices, type Codec, type Slices } from './message-codec.ts'

/** An answer of more is encoded in slices. */
const itemsAtOnce = 2000

export interface ApiIdentity {
  readonly key: number
  readonly name: string
  readonly minVersion: number
  readonly maxVersion: number
  /** First version with compact lengths and tagged fields; Infinity where there is none. */
  readonly firstFlexibleVersion: number
}

/** What a client needs of an API. `bytes` are a whole message without its size. */
export interface ClientApi<Request, Response> extends ApiIdentity {
  /** The message with its size in front, ready to send. Throws FormatError on what the version cannot carry. */
  encodeRequest(message: {
    version: number
    correlationId: number
    clientId: string | null
    body: Request
  }): Buffer
  /** Bytes fields of the body are views of `bytes`. Throws FormatError. */
  decodeResponse(version: number, bytes: Buffer): { correlationId: number; body: Response }
}

/** What a broker needs of an API. */
export interface ServerApi<Request, Response> extends ApiIdentity {
  decodeRequest(
    version: number,
    bytes: Buffer,
  ): { correlationId: number; clientId: string | null; body: Request }
  /** The same for requests of many items. Rejects with FormatError, and as `slices.count` does. */
  decodeRequestInSlices(
    version: number,
    bytes: Buffer,
    slices: Slices,
  ): Promise<{ correlationId: number; clientId: string | null; body: Request }>
  encodeResponse(message: { version: number; correlationId: number; body: Response }): Buffer
  /**
   * The same in parts: long fields are not copied, and must not change until they are sent. Null where there are so many
   * items that it is to be done in slices.
   */
  encodeResponseInParts(message: {
    version: number
    correlationId: number
    body: Response
  }): readonly Uint8Array[] | null
  encodeResponseInSlices(
    message: { version: number; correlationId: number; body: Response },
    slices: Slices,
  ): Promise<readonly Uint8Array[]>
}

export interface Api<Q extends FieldSet = FieldSet, S extends FieldSet = FieldSet>
  extends ClientApi<InputOf<Q>, BodyOf<S>>, ServerApi<BodyOf<Q>, InputOf<S>> {
  readonly request: Q
  readonly response: S
}

/** The decoded bodies of an API, and what its encoders take: `RequestOf<typeof fetch>`. */
export type RequestOf<A> = A extends Api<infer Q, infer _S> ? BodyOf<Q> : never
export type ResponseOf<A> = A extends Api<infer _Q, infer S> ? BodyOf<S> : never
export type ResponseInputOf<A> = A extends Api<infer _Q, infer S> ? InputOf<S> : never

interface Declared<Q extends FieldSet, S extends FieldSet> {
  readonly key: number
  readonly name: string
  readonly versions: string
  /** '9+'; absent where no version is flexible. */
  readonly flexible?: string
  readonly request: Q
  readonly response: S
  /** The response header has no tagged fields even in flexible versions. */
  readonly plainResponseHeader?: true
  /** An int64 of a response beyond 2^53 is taken for 2^53: another client has written it, and the rest is to be read. */
  readonly clampsResponse?: true
  /** The version in which these response bytes are written, where that is not the one asked for. */
  readonly responseVersion?: (version: number, bytes: Buffer) => number
}

export function defineApi<const Q extends FieldSet, const S extends FieldSet>(
  declared: Declared<Q, S>,
): Api<Q, S> {
  const { key, name, request, response, plainResponseHeader } = declared
  const { first: minVersion, last: maxVersion } = parseVersions(declared.versions)
  const firstFlexibleVersion =
    declared.flexible === undefined ? Infinity : parseVersions(declared.flexible).first
  const compiled: { request: Codec | undefined; response: Codec | undefined }[] = []

  function codecOf(side: 'request' | 'response', version: number): Codec {
    if (!(version >= minVersion && version <= maxVersion))
      throw new FormatError(
        `${name} has the versions ${minVersion} to ${maxVersion} here; ${version} was asked for`,
      )
    const slot = (compiled[version] ??= { request: undefined, response: undefined })
    return (slot[side] ??= compileMessage(declared[side], version, version >= firstFlexibleVersion))
  }
  const hasTags = (side: 'request' | 'response', version: number) =>
    version >= firstFlexibleVersion && !(side === 'response' && plainResponseHeader === true)

  function finish(writer: ByteWriter): Buffer {
    writer.bytes.writeInt32BE(writer.at - 4, 0)
    return writer.written
  }
  function beginResponse(version: number, correlationId: number, inParts: boolean): ByteWriter {
    const writer = new ByteWriter(`${name} v${version} response`, 512, inParts)
    writer.claim(4)
    writer.writeInt32(correlationId)
    if (hasTags('response', version)) writer.writeUvarint(0)
    return writer
  }
  function partsOf(writer: ByteWriter): readonly Uint8Array[] {
    const parts = writer.parts as [Uint8Array, ...Uint8Array[]]
    new DataView(parts[0].buffer, parts[0].byteOffset).setInt32(0, writer.size - 4)
    return parts
  }

  return {
    key,
    name,
    minVersion,
    maxVersion,
    firstFlexibleVersion,
    request,
    response,

    encodeRequest({ version, correlationId, clientId, body }) {
      const codec = codecOf('request', version)
      const writer = new ByteWriter(`${name} v${version} request`)
      writer.claim(4)
      writer.writeInt16(key)
      writer.writeInt16(version)
      writer.writeInt32(correlationId)
      const size = clientId === null ? -1 : Buffer.byteLength(clientId)
      writer.writeInt16(size)
      if (clientId !== null) writer.writeText(clientId, size)
      if (hasTags('request', version)) writer.writeUvarint(0)
      codec.write(writer, body)
      return finish(writer)
    },

    decodeRequest(version, bytes) {
      const codec = codecOf('request', version)
      const reader = new ByteReader(bytes, `${name} v${version} request`)
      reader.clamps = true
      const { correlationId, clientId } = readRequestHeader(reader, hasTags('request', version))
      return { correlationId, clientId, body: codec.read(reader) as BodyOf<Q> }
    },

    async decodeRequestInSlices(version, bytes, slices) {
      const codec = codecOf('request', version)
      const reader = new ByteReader(bytes, `${name} v${version} request`)
      reader.clamps = true
      const { correlationId, clientId } = readRequestHeader(reader, hasTags('request', version))
      return { correlationId, clientId, body: (await readInSlices(codec, reader, slices)) as BodyOf<Q> }
    },

    encodeResponse({ version, correlationId, body }) {
      const writer = beginResponse(version, correlationId, false)
      codecOf('response', version).write(writer, body)
      return finish(writer)
    },

    encodeResponseInParts({ version, correlationId, body }) {
      const writer = beginResponse(version, correlationId, true)
      writer.itemsLeft = itemsAtOnce
      codecOf('response', version).write(writer, body)
      return writer.itemsLeft < 0 ? null : partsOf(writer)
    },

    async encodeResponseInSlices({ version, correlationId, body }, slices) {
      const writer = beginResponse(version, correlationId, true)
      await writeInSlices(codecOf('response', version), writer, body, slices)
      return partsOf(writer)
    },

    decodeResponse(asked, bytes) {
      const version = declared.responseVersion?.(asked, bytes) ?? asked
      const codec = codecOf('response', version)
      const reader = new ByteReader(bytes, `${name} v${version} response`)
      reader.clamps = declared.clampsResponse ?? false
      const correlationId = reader.readInt32()
      if (hasTags('response', version)) reader.skipTags()
      return { correlationId, body: codec.read(reader) as BodyOf<S> }
    },
  }
}

export interface RequestHeader {
  readonly apiKey: number
  readonly version: number
  readonly correlationId: number
  readonly clientId: string | null
}

function readRequestHeader(reader: ByteReader, hasTags: boolean): RequestHeader {
  reader.field = 'header'
  const apiKey = reader.readInt16()
  const version = reader.readInt16()
  const correlationId = reader.readInt32()
  const size = reader.lengthOf(reader.readInt16())
  const clientId = size === -1 ? null : reader.readText(size)
  if (hasTags) reader.skipTags()
  return { apiKey, version, correlationId, clientId }
}

/** The header of a request of any API, so that a broker can choose the API and the version. */
export function peekRequestHeader(bytes: Buffer): RequestHeader {
  return readRequestHeader(new ByteReader(bytes, 'Kafka request'), false)
}
