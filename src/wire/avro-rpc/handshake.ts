// The handshake that opens an Avro RPC connection, as part of the first message in each direction.
//
//   request   clientHash fixed16, clientProtocol union{null,string}, serverHash fixed16,
//             meta union{null,map<bytes>}
//   response  match enum{BOTH,CLIENT,NONE}, serverProtocol union{null,string},
//             serverHash union{null,fixed16}, meta union{null,map<bytes>}
//
// BOTH: both hashes known. CLIENT: the server knows the client; the client reads the server's text.
// NONE: the server does not know the client's hash; the call was not executed and is repeated with the
// text. Meta is free: two Millrace agents agree in it how many requests may be in flight, under the key
// `millrace.window` with the number as decimal text; Flume ignores it. Source: Apache Avro specification
// 1.11, "Protocol Wire Format", and captures between Flume agents.
import { type AvroReader, longSize, writeLong } from '../avro/binary.ts'

export const matches = ['BOTH', 'CLIENT', 'NONE'] as const
export type Match = (typeof matches)[number]
export type Meta = ReadonlyMap<string, Buffer>

export interface HandshakeRequest {
  readonly clientHash: Buffer
  readonly clientProtocol: string | null
  readonly serverHash: Buffer
  readonly meta: Meta | null
}

export interface HandshakeResponse {
  readonly match: Match
  readonly serverProtocol: string | null
  readonly serverHash: Buffer | null
  readonly meta: Meta | null
}

/** Most entries of a meta map: it is read before anybody is trusted. */
const maxMetaEntries = 100
export const windowKey = 'millrace.window'
/** Most requests in flight that are ever agreed. */
export const maxWindow = 64

/** The meta map that offers, or agrees to, `window` requests in flight. */
export const windowMeta = (window: number): Meta => new Map([[windowKey, Buffer.from(String(window))]])

/** The number of requests in flight a meta map names; 0 where it names none. */
export function windowOf(meta: Meta | null): number {
  const text = meta?.get(windowKey)?.toString('latin1') ?? ''
  return /^[0-9]{1,4}$/.test(text) ? Math.min(Number(text), maxWindow) : 0
}

export function encodeHandshakeRequest(request: HandshakeRequest): Buffer {
  return Buffer.concat([
    request.clientHash,
    ...optional(request.clientProtocol, encodeText),
    request.serverHash,
    ...optional(request.meta, encodeMeta),
  ])
}

/** Reads at the reader's position; throws AvroFormatError. */
export function decodeHandshakeRequest(reader: AvroReader): HandshakeRequest {
  return {
    clientHash: Buffer.from(reader.readFixed(16)),
    clientProtocol: readOptional(reader, () => reader.readString()),
    serverHash: Buffer.from(reader.readFixed(16)),
    meta: readOptional(reader, () => readMeta(reader)),
  }
}

export function encodeHandshakeResponse(response: HandshakeResponse): Buffer {
  return Buffer.concat([
    encodeLong(matches.indexOf(response.match)),
    ...optional(response.serverProtocol, encodeText),
    ...optional(response.serverHash, hash => hash),
    ...optional(response.meta, encodeMeta),
  ])
}

/** Reads at the reader's position; throws AvroFormatError. */
export function decodeHandshakeResponse(reader: AvroReader): HandshakeResponse {
  const index = reader.readLong()
  const match = matches[index]
  if (match === undefined) throw reader.broken(`a handshake cannot match ${index}`)
  return {
    match,
    serverProtocol: readOptional(reader, () => reader.readString()),
    serverHash: readOptional(reader, () => Buffer.from(reader.readFixed(16))),
    meta: readOptional(reader, () => readMeta(reader)),
  }
}

/** Reads a map<bytes>; values are copied, for they outlive the message. */
export function readMeta(reader: AvroReader): Meta {
  const meta = new Map<string, Buffer>()
  let all = 0
  for (let count = reader.readBlockCount(); count > 0; count = reader.readBlockCount())
    for (let index = 0; index < count; index++) {
      if (all++ >= maxMetaEntries) throw reader.broken(`more than ${maxMetaEntries} entries of metadata`)
      const key = reader.readString()
      meta.set(key, Buffer.from(reader.readBytes()))
    }
  return meta
}

function readOptional<T>(reader: AvroReader, read: () => T): T | null {
  const branch = reader.readLong()
  if (branch !== 0 && branch !== 1) throw reader.broken(`a union of two has no branch ${branch}`)
  return branch === 0 ? null : read()
}

export function encodeLong(value: number): Buffer {
  const target = Buffer.alloc(longSize(value))
  writeLong(target, 0, value)
  return target
}

const optional = <T>(value: T | null, encode: (value: T) => Buffer): Buffer[] =>
  value === null ? [encodeLong(0)] : [encodeLong(1), encode(value)]

function encodeText(text: string): Buffer {
  const bytes = Buffer.from(text)
  return Buffer.concat([encodeLong(bytes.length), bytes])
}

function encodeMeta(meta: Meta): Buffer {
  const parts: Buffer[] = meta.size > 0 ? [encodeLong(meta.size)] : []
  for (const [key, value] of meta) parts.push(encodeText(key), encodeLong(value.length), value)
  return Buffer.concat([...parts, encodeLong(0)])
}
