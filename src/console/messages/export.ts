// Messages as a file: a line of JSON each, or a row of CSV, in the order that they are read; the last line says how it ended.
// Nothing is lost: bytes that are no text are in base64, and no value is not an empty one.
import type { ConsumedRecord } from '../../kafka-client/contract.ts'
import { textOf } from '../../wire/avro/datum.ts'

export const exportKinds = ['ndjson', 'csv'] as const
export type ExportKind = (typeof exportKinds)[number]

export const exportTypes: Readonly<Record<ExportKind, string>> = {
  ndjson: 'application/x-ndjson; charset=utf-8',
  csv: 'text/csv; charset=utf-8; header=present',
}

export interface ExportEnd {
  readonly messages: number
  readonly isComplete: boolean
  /** Why it ended before its end, as a sentence. */
  readonly why: string
}

interface Lines {
  readonly head: string
  of(record: ConsumedRecord): string
  end(end: ExportEnd): string
}

export const exportLines = (kind: ExportKind): Lines => (kind === 'csv' ? csv : ndjson)

const ndjson: Lines = {
  head: '',
  of({ topic, partition, offset, timestamp, key, value, headers }) {
    return `${JSON.stringify({
      topic,
      partition,
      offset,
      timestamp: timestamp < 0 ? null : timestamp,
      ...written('key', key),
      ...written('value', value),
      headers: headers.map(one => ({ key: one.key, ...written('value', one.value) })),
    })}\n`
  },
  end: end => `${JSON.stringify({ end })}\n`,
}

/** `value`, null where there is none, or `valueBase64` where the bytes are no UTF-8. */
function written(name: string, bytes: Buffer | null): Record<string, string | null> {
  if (bytes === null) return { [name]: null }
  const text = textOf(bytes)
  return text === null ? { [`${name}Base64`]: bytes.toString('base64') } : { [name]: text }
}

const columns = ['partition', 'offset', 'time', 'key_format', 'key', 'value_format', 'value', 'headers']

const csv: Lines = {
  head: `${columns.join(',')}\r\n`,
  of({ partition, offset, timestamp, key, value, headers }) {
    const time = timestamp < 0 || timestamp > 8.64e15 ? '' : new Date(timestamp).toISOString()
    const names = headers.map(one => ({ key: one.key, ...written('value', one.value) }))
    const cells = [
      time,
      ...formatAndText(key),
      ...formatAndText(value),
      headers.length === 0 ? '' : JSON.stringify(names),
    ]
    return `${partition},${offset},${cells.map(cell).join(',')}\r\n`
  },
  end: ({ messages, isComplete, why }) =>
    `${cell(`# ${messages} messages${isComplete ? ', all that there are' : `; ${why}`}`)}\r\n`,
}

function formatAndText(bytes: Buffer | null): readonly [format: string, text: string] {
  if (bytes === null) return ['null', '']
  const text = textOf(bytes)
  return text === null ? ['base64', bytes.toString('base64')] : ['text', text]
}

/** RFC 4180; what a spreadsheet would take for a formula begins with an apostrophe. */
export function cell(text: string): string {
  const safe = /^[=+\-@\t\r\n\uff1d\uff0b\uff0d\uff20]/.test(text) ? `'${text}` : text
  return /[",\r\n\t;']/.test(safe) ? `"${safe.replaceAll('"', '""')}"` : safe
}
