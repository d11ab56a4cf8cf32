// What of a Kafka record the text headers and the body of an event cannot carry, as the text of one header,
// `millrace.record`. JSON with up to five members, each only where it is needed (docs/formats/kept-record.md):
//
//   key            base64 of a key that is not UTF-8; null where there is none but a header `key` exists
//   value          null: the record had no value, and the body is empty
//   headers        the record headers in order: [name, text], [name, null], [name, base64, "base64"], or
//                  [name, event header, "header"] where a header of the event has the value
//   timestamp      milliseconds since 1970 where the header `timestamp` has another value; -1: the record had none
//   timestampType  "LogAppendTime": the broker has set the time
import { isUtf8 } from 'node:buffer'

export const keptRecordHeader = 'millrace.record'

export type KeptHeader =
  | { readonly name: string; readonly value: Buffer | null }
  | { readonly name: string; readonly eventHeader: string }

export interface KeptRecord {
  /** Absent where the header `key` has it, or nothing has. */
  key?: Buffer | null
  hasNoValue?: boolean
  headers?: readonly KeptHeader[]
  timestamp?: number
  isAppendTime?: boolean
}

export function encodeKeptRecord({ key, hasNoValue, headers, timestamp, isAppendTime }: KeptRecord): string {
  return JSON.stringify({
    key: key?.toString('base64') ?? key,
    value: hasNoValue === true ? null : undefined,
    headers: headers?.map(encodeHeader),
    timestamp,
    timestampType: isAppendTime === true ? 'LogAppendTime' : undefined,
  })
}

function encodeHeader(header: KeptHeader): readonly (string | null)[] {
  const { name } = header
  if ('eventHeader' in header) return [name, header.eventHeader, 'header']
  const { value } = header
  if (value === null) return [name, null]
  return isUtf8(value) ? [name, value.toString()] : [name, value.toString('base64'), 'base64']
}

/** Null where the text is none of ours: anybody can send a header of this name. */
export function decodeKeptRecord(text: string): KeptRecord | null {
  let json: unknown
  try {
    json = JSON.parse(text)
  } catch {
    return null
  }
  if (typeof json !== 'object' || json === null || Array.isArray(json)) return null
  const { key, value, headers, timestamp, timestampType, ...others } = json as Record<string, unknown>
  if (Object.keys(others).length > 0) return null
  const kept: KeptRecord = {}
  if (key !== undefined) {
    const bytes = key === null ? null : bytesOf(key)
    if (bytes === undefined) return null
    kept.key = bytes
  }
  if (value !== undefined) {
    if (value !== null) return null
    kept.hasNoValue = true
  }
  if (headers !== undefined) {
    const list = Array.isArray(headers) ? headers.map(decodeHeader) : [null]
    if (list.includes(null)) return null
    kept.headers = list as KeptHeader[]
  }
  if (timestamp !== undefined) {
    if (!Number.isSafeInteger(timestamp)) return null
    kept.timestamp = timestamp as number
  }
  if (timestampType !== undefined) {
    if (timestampType !== 'LogAppendTime') return null
    kept.isAppendTime = true
  }
  return kept
}

function decodeHeader(json: unknown): KeptHeader | null {
  if (!Array.isArray(json) || json.length < 2 || json.length > 3) return null
  const [name, value, form] = json as unknown[]
  if (typeof name !== 'string') return null
  if (value === null) return form === undefined ? { name, value } : null
  if (typeof value !== 'string') return null
  if (form === undefined) return { name, value: Buffer.from(value) }
  if (form === 'header') return { name, eventHeader: value }
  const bytes = form === 'base64' ? bytesOf(value) : undefined
  return bytes === undefined ? null : { name, value: bytes }
}

function bytesOf(text: unknown): Buffer | undefined {
  if (typeof text !== 'string' || !/^[A-Za-z0-9+/]*={0,2}$/.test(text)) return undefined
  return Buffer.from(text, 'base64')
}
