// Message sets, message formats 0 and 1 (Kafka before 0.11). Source: Kafka documentation, "Old Message
// Format", KIP-31 and KIP-32. Numbers are big-endian.
//
//   entry     offset int64 | size int32 | message
//   message   crc uint32, CRC-32 of what follows | magic int8 | attributes int8 |
//             timestamp int64 (format 1) | key length int32, -1: null | key | value length int32 | value
//   attributes  bits 0-2 codec, bit 3 timestamp is the broker's (format 1)
//
// A packed set is the value of one message, the wrapper. Its offset is that of its last message; the
// messages inside count from 0 in format 1 and have their own offsets in format 0.
import { crc32 } from 'node:zlib'
import { compress, compressions, decompress, type Compression } from './compression.ts'
import { FormatError, PackingError } from './format-error.ts'
import { readInt64, readTime, writeInt64 } from './record-batch.ts'
import {
  noHeaders,
  type KafkaRecord,
  type NewRecord,
  type RecordBatch,
  type RecordsBuilder,
} from './record.ts'

export const entryHeaderBytes = 12
const overhead = [26, 34] as const

export class MessageSetBuilder implements RecordsBuilder {
  count = 0
  readonly #magic: 0 | 1
  readonly #codec: Compression
  readonly #level: number | undefined
  #bytes: Buffer
  #at = 0
  #maxTimestamp = -1

  constructor(
    magic: 0 | 1,
    codec: Compression = 'none',
    options: { level?: number; expectedBytes?: number } = {},
  ) {
    if (codec === 'zstd') throw new FormatError('message format 0 and 1 cannot carry zstd')
    this.#magic = magic
    this.#codec = codec
    this.#level = options.level
    this.#bytes = Buffer.allocUnsafeSlow(options.expectedBytes ?? 1024)
  }

  get sizeBytes(): number {
    return this.#at
  }

  append({ timestamp, key, value }: NewRecord): void {
    const size = overhead[this.#magic] + (key?.length ?? 0) + (value?.length ?? 0)
    if (this.#at + size > this.#bytes.length) {
      const larger = Buffer.allocUnsafeSlow(Math.max(this.#bytes.length * 2, this.#at + size))
      this.#bytes.copy(larger, 0, 0, this.#at)
      this.#bytes = larger
    }
    if (timestamp > this.#maxTimestamp) this.#maxTimestamp = timestamp
    this.#at = writeEntry(this.#bytes, this.#at, this.count++, this.#magic, 0, timestamp, key, value)
  }

  finish(): Buffer {
    const plain = this.#bytes.subarray(0, this.#at)
    if (this.#codec === 'none') return plain
    const packed = compress(plain, this.#codec, this.#magic, this.#level)
    const wrapper = Buffer.allocUnsafeSlow(overhead[this.#magic] + packed.length)
    const codec = compressions.indexOf(this.#codec)
    writeEntry(wrapper, 0, this.count - 1, this.#magic, codec, this.#maxTimestamp, null, packed)
    return wrapper
  }
}

function writeEntry(
  target: Buffer,
  start: number,
  offset: number,
  magic: 0 | 1,
  attributes: number,
  timestamp: number,
  key: Buffer | null,
  value: Buffer | null,
): number {
  let at = start + 16
  target[at++] = magic
  target[at++] = attributes
  if (magic === 1) {
    writeInt64(target, at, timestamp)
    at += 8
  }
  for (const part of [key, value]) {
    at = target.writeInt32BE(part?.length ?? -1, at)
    if (part !== null) {
      target.set(part, at)
      at += part.length
    }
  }
  writeInt64(target, start, offset)
  target.writeInt32BE(at - start - entryHeaderBytes, start + 8)
  target.writeUInt32BE(crc32(target.subarray(start + 16, at)), start + 12)
  return at
}

interface Entry {
  readonly magic: number
  readonly codec: number
  readonly isAppendTime: boolean
  readonly record: KafkaRecord
}

interface Limits {
  readonly maxUnpackedBytes: number
  readonly checksums: boolean
  readonly wholeOnly: boolean
}

function readEntry(bytes: Buffer, start: number, end: number, limits: Limits): Entry {
  const offset = readInt64(bytes, start)
  const broken = (problem: string) =>
    new FormatError(`the message at offset ${offset} (byte ${start}) ${problem}`)
  let at = start + entryHeaderBytes
  if (end - at < 14) throw broken(`is only ${end - at} bytes long`)
  if (limits.checksums && crc32(bytes.subarray(at + 4, end)) !== bytes.readUInt32BE(at))
    throw broken('fails its checksum')
  const magic = bytes[at + 4]!
  const attributes = bytes[at + 5]!
  at += 6
  if (magic > 1) throw broken(`has the format ${magic}`)
  let timestamp = -1
  if (magic === 1) {
    if (end - at < 16) throw broken('is cut off')
    timestamp = readTime(bytes, at)
    at += 8
  }
  const nullable = () => {
    if (end - at < 4) throw broken('is cut off')
    const size = bytes.readInt32BE(at)
    at += 4
    if (size === -1) return null
    if (size < 0 || size > end - at) throw broken(`has a length of ${size} beyond its end`)
    at += size
    return bytes.subarray(at - size, at)
  }
  const key = nullable()
  const value = nullable()
  if (at !== end) throw broken('does not end where it says')
  const record = { offset, timestamp, key, value, headers: noHeaders }
  return { magic, codec: attributes & 7, isAppendTime: magic === 1 && (attributes & 8) !== 0, record }
}

/** The end of the entry that starts at `at`, or -1 where the bytes end before it does. */
export function entryEnd(bytes: Buffer, at: number, limit: number): number {
  if (limit - at < entryHeaderBytes) return -1
  const size = bytes.readInt32BE(at + 8)
  if (size < 0) throw new FormatError(`the entry at byte ${at} has the size ${size}`)
  return at + entryHeaderBytes + size > limit ? -1 : at + entryHeaderBytes + size
}

/**
 * Reads a run of messages that starts at `start` (the first ends at `firstEnd`): a wrapper alone, or bare
 * messages up to the next wrapper, record batch or the end.
 */
export function readMessages(
  bytes: Buffer,
  start: number,
  firstEnd: number,
  limit: number,
  limits: Limits,
): RecordBatch {
  const first = readEntry(bytes, start, firstEnd, limits)
  if (first.codec !== 0)
    return batchOf(first, unpackWrapper(first, limits), first.record.offset, start, firstEnd)
  const records = [first.record]
  let at = firstEnd
  for (let end = entryEnd(bytes, at, limit); end !== -1; end = entryEnd(bytes, at, limit)) {
    if (end - at < 18 || bytes[at + 16]! > 1 || (bytes[at + 17]! & 7) !== 0) break
    records.push(readEntry(bytes, at, end, limits).record)
    at = end
  }
  return batchOf(first, records, records.at(-1)!.offset, start, at)
}

function batchOf(
  { magic, codec }: Entry,
  records: KafkaRecord[],
  lastOffset: number,
  start: number,
  end: number,
): RecordBatch {
  return {
    magic,
    codec,
    baseOffset: records[0]?.offset ?? lastOffset,
    lastOffset,
    position: start,
    sizeBytes: end - start,
    isControl: false,
    isTransactional: false,
    producerId: -1,
    producerEpoch: -1,
    baseSequence: -1,
    partitionLeaderEpoch: -1,
    records: () => records,
  }
}

function unpackWrapper({ magic, codec, isAppendTime, record }: Entry, limits: Limits): KafkaRecord[] {
  const where = `the packed message at offset ${record.offset}`
  if (record.value === null) throw new FormatError(`${where} is empty`)
  const bytes = decompress(record.value, codec, magic, limits.maxUnpackedBytes)
  const inner: Entry[] = []
  for (let at = 0; at < bytes.length;) {
    const end = entryEnd(bytes, at, bytes.length)
    if (end === -1) {
      if (limits.wholeOnly) throw new PackingError(`${where} holds a message that is cut off`)
      break
    }
    const entry = readEntry(bytes, at, end, limits)
    if (entry.codec !== 0) throw new FormatError(`${where} holds another packed one`)
    inner.push(entry)
    at = end
  }
  const last = inner.at(-1)?.record.offset
  if (last === undefined) throw new PackingError(`${where} holds no message`)
  if (magic === 0) return inner.map(entry => entry.record)
  // Some producers leave it at 0.
  const shift = record.offset === 0 ? 0 : record.offset - last
  if (shift < 0) throw new PackingError(`${where} holds messages up to offset ${last}`)
  return inner.map(entry => ({
    ...entry.record,
    offset: entry.record.offset + shift,
    timestamp: isAppendTime ? record.timestamp : entry.record.timestamp,
  }))
}
