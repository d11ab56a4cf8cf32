// What an audit keeps of a record: digests of its parts, and where it lies. One row has 48 bytes:
//   0  content (16): key and value, and the time where that is compared
//  16  headers (8)
//  24  key (8)
//  32  partition (4): its index in the list of partitions of its side
//  36  flags (1): 1 has a key, 2 has no value
//  40  offset (8)
import { hash } from 'node:crypto'
import type { ConsumedRecord } from '../../kafka-client/kafka-client.ts'
import type { RecordHeader } from '../../wire/kafka/record.ts'

export const rowBytes = 48
export type Part = 'key' | 'value' | 'headers' | 'timestamp'

/** Where parts of a row lie: from, to. */
export const contentAndHeaders = [0, 24] as const
export const content = [0, 16] as const
export const key = [24, 32] as const

const hasKey = 1
const hasNoValue = 2
const none = Buffer.alloc(32)
/** SHA-256 as its first bytes; nothing is different from what is empty. */
const digest = (bytes: Buffer | null): Buffer => (bytes === null ? none : hash('sha256', bytes, 'buffer'))

/** Fills `row`, which may be used again. */
export function describeRecord(
  row: Buffer,
  { key, value, headers, timestamp, offset }: ConsumedRecord,
  place: { readonly partition: number; readonly compared: ReadonlySet<Part>; readonly leftOut: string },
): void {
  const { compared } = place
  const keyDigest = digest(key)
  const valueDigest = compared.has('value') ? digest(value) : none
  const time = compared.has('timestamp') ? timestamp : 0
  for (let word = 0; word < 4; word++) {
    // The digests are spread: their sum is as good, where the order of the two counts.
    const ofKey = compared.has('key') ? Math.imul(keyDigest.readInt32LE(4 * word), 0x9e3779b1) : 0
    const ofTime = Math.imul((time % 0x100000000) | 0, 0x85ebca6b + 2 * word)
    row.writeInt32LE((valueDigest.readInt32LE(4 * word) + ofKey + ofTime) | 0, 4 * word)
  }
  digestOfHeaders(headers, place.leftOut).copy(row, 16, 0, 8)
  keyDigest.copy(row, 24, 0, 8)
  row.writeUInt32LE(place.partition, 32)
  row.writeUInt32LE((key === null ? 0 : hasKey) | (value === null ? hasNoValue : 0), 36)
  row.writeDoubleLE(offset, 40)
}

function digestOfHeaders(headers: readonly RecordHeader[], leftOut: string): Buffer {
  if (!hasHeaders(headers, leftOut)) return none
  const parts: Buffer[] = []
  for (const { key, value } of headers) {
    if (key === leftOut) continue
    const name = Buffer.from(key)
    const lengths = Buffer.alloc(8)
    lengths.writeInt32LE(name.length, 0)
    lengths.writeInt32LE(value?.length ?? -1, 4)
    parts.push(lengths, name)
    if (value !== null) parts.push(value)
  }
  return digest(Buffer.concat(parts))
}

export const hasHeaders = (headers: readonly RecordHeader[], leftOut: string): boolean =>
  headers.some(({ key }) => key !== leftOut)

/** One character a byte: a key of a Map. */
export const textOf = (row: Buffer, [from, to]: readonly [number, number]): string =>
  row.toString('latin1', from, to)
export const partitionOf = (row: Buffer): number => row.readUInt32LE(32)
export const offsetOf = (row: Buffer): number => row.readDoubleLE(40)
export const isKeyed = (row: Buffer): boolean => (row[36]! & hasKey) !== 0
export const isTombstone = (row: Buffer): boolean => (row[36]! & hasNoValue) !== 0
