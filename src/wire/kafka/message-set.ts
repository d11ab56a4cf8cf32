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
import { compress, compressions, type Compression, unpack } from './compression.ts'
import { FormatError, PackingError } from './format-error.ts'
import { packInSteps } from './packing.ts'
import { readInt64, readTime, writeInt64 } from './record-batch.ts'
import {
  noHeaders,
  readAll,
  RecordTooLarge,
  type KafkaRecord,
  type NewRecord,
  type RecordBatch,
  type RecordReader,
  type RecordReaderOptions,
  type RecordsBuilder,
  type Steps,
} from './record.ts'
import { turnBytes, UnpackedWindow } from './unpacked-window.ts'

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
    return this.#sealed(compress(this.#plain, this.#codec, this.#magic, this.#level))
  }

  *finishInSteps(): Steps<Buffer> {
    return this.#sealed(yield* packInSteps(this.#plain, this.#codec, this.#magic, this.#level))
  }

  get #plain(): Buffer {
    return this.#bytes.subarray(0, this.#at)
  }

  #sealed(packed: Buffer): Buffer {
    if (this.#codec === 'none') return packed
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
    return batchOf(
      first,
      first.record.offset,
      start,
      firstEnd,
      options => new WrapperReader(first, limits, options),
    )
  const records = [first.record]
  let at = firstEnd
  for (let end = entryEnd(bytes, at, limit); end !== -1; end = entryEnd(bytes, at, limit)) {
    if (end - at < 18 || bytes[at + 16]! > 1 || (bytes[at + 17]! & 7) !== 0) break
    records.push(readEntry(bytes, at, end, limits).record)
    at = end
  }
  return batchOf(first, records.at(-1)!.offset, start, at, () => {
    const rest = records.values()
    return { next: () => rest.next().value ?? null }
  })
}

function batchOf(
  { magic, codec, record, isAppendTime }: Entry,
  lastOffset: number,
  start: number,
  end: number,
  reader: RecordBatch['reader'],
): RecordBatch {
  return {
    magic,
    codec,
    baseOffset: record.offset,
    lastOffset,
    position: start,
    sizeBytes: end - start,
    isControl: false,
    isTransactional: false,
    isAppendTime,
    producerId: -1,
    producerEpoch: -1,
    baseSequence: -1,
    partitionLeaderEpoch: -1,
    // zstd came with the format after these.
    decoderBytes: 0,
    records: () => readAll(reader()),
    reader,
  }
}

/** The messages in a wrapper. */
class WrapperReader implements RecordReader {
  readonly #wrapper: Entry
  readonly #limits: Limits
  readonly #maxRecordBytes: number | undefined
  readonly #where: string
  #entries: UnpackedEntries
  /** What is added to the offsets inside; null while it is not known, which takes a look at all of them. */
  #shift: number | null
  #last = -1

  constructor(wrapper: Entry, limits: Limits, { maxRecordBytes }: RecordReaderOptions = {}) {
    this.#wrapper = wrapper
    this.#limits = limits
    this.#maxRecordBytes = maxRecordBytes
    this.#where = `the packed message at offset ${wrapper.record.offset}`
    this.#shift = wrapper.magic === 0 ? 0 : null
    this.#entries = this.#open()
  }

  #open(): UnpackedEntries {
    const { magic, codec, record } = this.#wrapper
    if (record.value === null) throw new FormatError(`${this.#where} is empty`)
    const most = this.#maxRecordBytes === undefined ? this.#limits.maxUnpackedBytes : Infinity
    return new UnpackedEntries(unpack(record.value, codec, magic, most))
  }

  next(): KafkaRecord | null | undefined {
    if (this.#shift === null && !this.#findShift()) return undefined
    const entry = this.#nextEntry()
    if (!entry) return entry
    const { record, codec } = readEntry(entry, 0, entry.length, this.#limits)
    if (codec !== 0) throw new FormatError(`${this.#where} holds another packed one`)
    this.#last = record.offset
    const { magic, isAppendTime } = this.#wrapper
    if (magic === 0) return record
    const { timestamp } = isAppendTime ? this.#wrapper.record : record
    return { ...record, offset: record.offset + this.#shift!, timestamp }
  }

  #nextEntry(): Buffer | null | undefined {
    const maxBytes = this.#maxRecordBytes ?? Infinity
    const entry = this.#entries.next(maxBytes)
    const { tooLargeBytes, offset } = this.#entries
    if (tooLargeBytes > 0) {
      this.#last = offset
      if (this.#shift !== null) throw new RecordTooLarge(offset + this.#shift, tooLargeBytes, maxBytes)
    }
    if (entry !== null) return entry
    if (this.#limits.wholeOnly && this.#entries.left > 0)
      throw new PackingError(`${this.#where} holds a message that is cut off`)
    if (this.#last === -1) throw new PackingError(`${this.#where} holds no message`)
    return null
  }

  /** For format 1; false where it takes another turn. */
  #findShift(): boolean {
    let looked = 0
    for (let entry = this.#nextEntry(); entry !== null; entry = this.#nextEntry()) {
      if (entry === undefined) return false
      this.#last = this.#entries.offset
      looked += entry.length
      if (looked > turnBytes) return false
    }
    const { offset } = this.#wrapper.record
    // Some producers leave it at 0.
    this.#shift = offset === 0 ? 0 : offset - this.#last
    if (this.#shift < 0) throw new PackingError(`${this.#where} holds messages up to offset ${this.#last}`)
    this.#entries = this.#open()
    return true
  }
}

class UnpackedEntries extends UnpackedWindow {
  /** Of the entry that was begun last, as it stands inside; -1 before the first. */
  offset = -1
  /** Its bytes, where these were too many; it is passed over by the next call. */
  tooLargeBytes = 0

  /** Null at the end, also where the last one is cut off; undefined as RecordReader.next, and where one is too large. */
  next(maxBytes: number): Buffer | null | undefined {
    const unwanted = this.tooLargeBytes === 0 ? 0 : entryHeaderBytes + this.tooLargeBytes
    this.tooLargeBytes = 0
    if (!this.pass(unwanted, turnBytes)) return undefined
    if (this.left < entryHeaderBytes && !this.gather(entryHeaderBytes, turnBytes)) return undefined
    if (this.left < entryHeaderBytes) return null
    const size = this.bytes.readInt32BE(this.at + 8)
    if (size < 0) throw new FormatError(`the entry at byte ${this.passed + this.at} has the size ${size}`)
    this.offset = readInt64(this.bytes, this.at)
    if (size > maxBytes) {
      this.tooLargeBytes = size
      return undefined
    }
    const whole = entryHeaderBytes + size
    if (this.left < whole && !this.gather(whole, turnBytes)) return undefined
    if (this.left < whole) return null
    this.at += whole
    return this.bytes.subarray(this.at - whole, this.at)
  }

  /** Bytes in the window. */
  get left(): number {
    return this.bytes.length - this.at
  }
}
