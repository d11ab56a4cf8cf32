// The record batch, message format 2 (Kafka 0.11 and later). Source: Kafka documentation, "Message
// Format", and KIP-98. Numbers are big-endian; varints are zig-zag.
//
//    0 baseOffset int64            21 attributes int16          43 producerId int64, -1: none
//    8 batchLength int32, from 12  23 lastOffsetDelta int32     51 producerEpoch int16
//   12 partitionLeaderEpoch int32  27 baseTimestamp int64       53 baseSequence int32
//   16 magic int8 = 2              35 maxTimestamp int64        57 record count int32
//   17 crc uint32, CRC-32C of all bytes from 21 on              61 records, packed together
//
//   attributes   bits 0-2 codec, bit 3 timestamp is the broker's (maxTimestamp for all records),
//                bit 4 transactional, bit 5 control batch
//   record       length varint | attributes int8 = 0 | timestamp delta varlong | offset delta varint |
//                key length varint, -1: null | key | value length | value | header count varint |
//                headers: key length varint | key | value length varint, -1: null | value
import { compress, compressions, decoderBytes, unpack, type Compression } from './compression.ts'
import { crc32c, crc32cInSteps } from './crc32c.ts'
import { FormatError } from './format-error.ts'
import { packInSteps } from './packing.ts'
import {
  finished,
  noHeaders,
  readAll,
  RecordTooLarge,
  type KafkaRecord,
  type NewRecord,
  type ProducerIdentity,
  type RecordBatch,
  type RecordHeader,
  type RecordReader,
  type RecordReaderOptions,
  type Steps,
  type RecordsBuilder,
} from './record.ts'
import { turnBytes, UnpackedWindow } from './unpacked-window.ts'
import { varintSize, writeVarint } from './varint.ts'

export const batchHeaderBytes = 61
const two32 = 4294967296

export function readInt64(bytes: Buffer, at: number): number {
  const value = bytes.readInt32BE(at) * two32 + bytes.readUInt32BE(at + 4)
  if (!Number.isSafeInteger(value)) throw new FormatError(`an int64 at byte ${at} is beyond 2^53`)
  return value
}

/** Times beyond 2^53 (somebody wrote nanoseconds) lose digits rather than block their partition. */
export function readTime(bytes: Buffer, at: number): number {
  return bytes.readInt32BE(at) * two32 + bytes.readUInt32BE(at + 4)
}

export function writeInt64(bytes: Buffer, at: number, value: number): void {
  const high = Math.floor(value / two32)
  bytes.writeInt32BE(high, at)
  bytes.writeUInt32BE(value - high * two32, at + 4)
}

// ------------------------------------------------------------------------------------------ writing

const encodedKeys = new Map<string, Buffer>()

/** Header keys repeat with every record: keep their bytes, but not without bound. */
function encodeKey(key: string): Buffer {
  const known = encodedKeys.get(key)
  if (known !== undefined) return known
  const made = Buffer.from(key)
  if (encodedKeys.size < 1000 && made.length < 256) encodedKeys.set(key, made)
  return made
}

/** Most bytes a record takes in a batch, without the header of the batch. */
export function recordBytes(record: NewRecord): number {
  let size = 21 + (record.key?.length ?? 0) + (record.value?.length ?? 0) + 10
  for (const { key, value } of record.headers ?? noHeaders)
    size += 10 + Buffer.byteLength(key) + (value?.length ?? 0)
  return size
}

export class RecordBatchBuilder implements RecordsBuilder {
  count = 0
  #bytes: Buffer
  #at = batchHeaderBytes
  #baseTimestamp = -1
  #maxTimestamp = -1
  readonly #codec: Compression
  readonly #level: number | undefined

  constructor(codec: Compression = 'none', options: { level?: number; expectedBytes?: number } = {}) {
    this.#codec = codec
    this.#level = options.level
    this.#bytes = Buffer.allocUnsafeSlow(batchHeaderBytes + (options.expectedBytes ?? 1024))
  }

  get sizeBytes(): number {
    return this.#at
  }

  append({ timestamp, key, value, headers = noHeaders }: NewRecord): void {
    if (this.count === 0) this.#baseTimestamp = timestamp
    if (timestamp > this.#maxTimestamp) this.#maxTimestamp = timestamp
    const delta = timestamp - this.#baseTimestamp
    let size = 1 + varintSize(delta) + varintSize(this.count) + varintSize(headers.length)
    size += key === null ? 1 : varintSize(key.length) + key.length
    size += value === null ? 1 : varintSize(value.length) + value.length
    for (const header of headers) {
      const keySize = encodeKey(header.key).length
      size += varintSize(keySize) + keySize
      size += header.value === null ? 1 : varintSize(header.value.length) + header.value.length
    }
    let at = this.#reserve(size + 5)
    const bytes = this.#bytes
    at = writeVarint(bytes, at, size)
    bytes[at++] = 0
    at = writeVarint(bytes, at, delta)
    at = writeVarint(bytes, at, this.count++)
    at = writeNullable(bytes, at, key)
    at = writeNullable(bytes, at, value)
    at = writeVarint(bytes, at, headers.length)
    for (const header of headers) {
      at = writeNullable(bytes, at, encodeKey(header.key))
      at = writeNullable(bytes, at, header.value)
    }
    this.#at = at
  }

  finish(identity?: ProducerIdentity): Buffer {
    return finished(this.#sealed(compress(this.#plain, this.#codec, 2, this.#level), identity))
  }

  *finishInSteps(identity?: ProducerIdentity): Steps<Buffer> {
    return yield* this.#sealed(yield* packInSteps(this.#plain, this.#codec, 2, this.#level), identity)
  }

  get #plain(): Buffer {
    return this.#bytes.subarray(batchHeaderBytes, this.#at)
  }

  *#sealed(packed: Buffer, identity?: ProducerIdentity): Generator<void, Buffer> {
    let bytes = this.#bytes.subarray(0, this.#at)
    const number = compressions.indexOf(this.#codec)
    if (number !== 0) {
      const smaller = Buffer.allocUnsafeSlow(batchHeaderBytes + packed.length)
      packed.copy(smaller, batchHeaderBytes)
      bytes = smaller
    }
    bytes.fill(0, 0, batchHeaderBytes)
    bytes.writeInt32BE(bytes.length - 12, 8)
    bytes.writeInt32BE(-1, 12)
    bytes[16] = 2
    bytes.writeInt16BE(number | (identity?.isTransactional === true ? 16 : 0), 21)
    bytes.writeInt32BE(this.count - 1, 23)
    writeInt64(bytes, 27, this.#baseTimestamp)
    writeInt64(bytes, 35, this.#maxTimestamp)
    writeInt64(bytes, 43, identity?.producerId ?? -1)
    bytes.writeInt16BE(identity?.producerEpoch ?? -1, 51)
    bytes.writeInt32BE(identity?.baseSequence ?? -1, 53)
    bytes.writeInt32BE(this.count, 57)
    bytes.writeUInt32BE(yield* crc32cInSteps(bytes, 21), 17)
    return bytes
  }

  #reserve(size: number): number {
    if (this.#at + size > this.#bytes.length) {
      const larger = Buffer.allocUnsafeSlow(Math.max(this.#bytes.length * 2, this.#at + size))
      this.#bytes.copy(larger, 0, 0, this.#at)
      this.#bytes = larger
    }
    return this.#at
  }
}

function writeNullable(target: Buffer, at: number, value: Buffer | null): number {
  if (value === null) {
    target[at] = 1 // zig-zag of -1
    return at + 1
  }
  at = writeVarint(target, at, value.length)
  target.set(value, at)
  return at + value.length
}

// ------------------------------------------------------------------------------------------ reading

/** Reads the header of the batch that takes bytes `start` to `end`. Throws FormatError. */
export function readRecordBatch(
  bytes: Buffer,
  start: number,
  end: number,
  options: { maxUnpackedBytes: number; checksums: boolean },
): RecordBatch {
  const baseOffset = readInt64(bytes, start)
  const where = `the record batch at offset ${baseOffset} (byte ${start})`
  if (end - start < batchHeaderBytes) throw new FormatError(`${where} is only ${end - start} bytes long`)
  if (options.checksums && crc32c(bytes, start + 21, end) !== bytes.readUInt32BE(start + 17))
    throw new FormatError(`${where} fails its checksum`)
  const attributes = bytes.readInt16BE(start + 21)
  const readerOf = (limits: RecordReaderOptions = {}): RecordReader => {
    const packed = bytes.subarray(start + batchHeaderBytes, end)
    const pieces = unpack(
      packed,
      attributes & 7,
      2,
      limits.maxRecordBytes === undefined ? options.maxUnpackedBytes : Infinity,
    )
    return new BatchReader(new RecordCursor(pieces, where), {
      count: bytes.readInt32BE(start + 57),
      baseOffset,
      baseTimestamp: readTime(bytes, start + 27),
      appendTime: (attributes & 8) === 0 ? null : readTime(bytes, start + 35),
      ...limits,
    })
  }
  return {
    magic: 2,
    codec: attributes & 7,
    baseOffset,
    lastOffset: baseOffset + bytes.readInt32BE(start + 23),
    position: start,
    sizeBytes: end - start,
    isControl: (attributes & 32) !== 0,
    isTransactional: (attributes & 16) !== 0,
    isAppendTime: (attributes & 8) !== 0,
    producerId: readInt64(bytes, start + 43),
    producerEpoch: bytes.readInt16BE(start + 51),
    baseSequence: bytes.readInt32BE(start + 53),
    partitionLeaderEpoch: bytes.readInt32BE(start + 12),
    decoderBytes: decoderBytes(bytes.subarray(start + batchHeaderBytes, end), attributes & 7),
    records: () => readAll(readerOf({})),
    reader: readerOf,
  }
}

/**
 * Whether the records of the sound batch that takes all of `bytes` are what its header says: as many, numbered one by
 * one, each and their sum as long as it claims; in steps of some milliseconds at most. Nothing is made of them, and no
 * more than a few megabytes of what is unpacked are held. Throws FormatError where not.
 */
export function* checkRecordsInSteps(bytes: Buffer, maxUnpackedBytes: number): Generator<void, void> {
  const packed = bytes.subarray(batchHeaderBytes)
  const pieces = unpack(packed, bytes.readInt16BE(21) & 7, 2, maxUnpackedBytes)
  yield* new RecordCursor(pieces, 'the record batch').checkAll(bytes.readInt32BE(57))
}

interface BatchNumbers extends RecordReaderOptions {
  readonly count: number
  readonly baseOffset: number
  readonly baseTimestamp: number
  readonly appendTime: number | null
}

class BatchReader implements RecordReader {
  readonly #cursor: RecordCursor
  readonly #numbers: BatchNumbers
  #index = 0
  /** The record at `#index` was too large. */
  #isPassing = false

  constructor(cursor: RecordCursor, numbers: BatchNumbers) {
    this.#cursor = cursor
    this.#numbers = numbers
    if (numbers.count < 0) throw cursor.broken(`it claims ${numbers.count} records`)
  }

  next(): KafkaRecord | null | undefined {
    const { count, baseOffset, maxRecordBytes = Infinity } = this.#numbers
    if (this.#isPassing) {
      if (!this.#cursor.passOver()) return undefined
      this.#isPassing = false
      this.#index++
    }
    if (this.#index === count) {
      this.#cursor.requireEnd()
      return null
    }
    const size = this.#cursor.begin(this.#index)
    if (size > maxRecordBytes) {
      this.#isPassing = true
      throw new RecordTooLarge(baseOffset + this.#index, size, maxRecordBytes)
    }
    if (!this.#cursor.complete(this.#index)) return undefined
    return this.#cursor.record(this.#index++, this.#numbers)
  }
}

/** So many records, or headers of one, are checked in one step. */
const checkedAtOnce = 20_000
/** Longer records are checked piece by piece. */
const longRecordBytes = 1_048_576

/** Goes over records that are unpacked piece by piece. */
class RecordCursor extends UnpackedWindow {
  readonly #where: string
  /** Bytes of the record that was begun and not read yet; -1 between records. */
  #size = -1

  constructor(pieces: Iterator<Buffer>, where: string) {
    super(pieces)
    this.#where = where
  }

  *checkAll(count: number): Generator<void, void> {
    if (count < 0) throw this.broken(`it claims ${count} records`)
    let next = turnBytes
    for (let index = 0; index < count; index++) {
      if (index % checkedAtOnce === checkedAtOnce - 1 || this.passed > next) {
        next = this.passed + turnBytes
        yield
      }
      if (this.begin(index) > longRecordBytes) {
        yield* this.#checkLong(index)
        continue
      }
      while (!this.complete(index)) yield
      const end = this.#enter()
      this.#varint()
      if (this.#varint() !== index) throw this.broken(`record ${index} is numbered otherwise`)
      this.#skipNullable(end)
      this.#skipNullable(end)
      const headers = this.#varint()
      if (headers < 0 || headers * 2 > end - this.at) throw this.broken(`a record claims ${headers} headers`)
      for (let header = 0; header < headers; header++) {
        if (this.#skipNullable(end) === 0) throw this.broken('a header has no key')
        this.#skipNullable(end)
      }
      if (this.at !== end) throw this.broken(`record ${index} does not end where it says`)
    }
    this.requireEnd()
  }

  /** A record that is looked at without being in the window as a whole. */
  *#checkLong(index: number): Generator<void, void> {
    const end = this.passed + this.at + this.#size
    this.#size = -1
    this.gather(1)
    this.at++
    this.#gatheredNumber()
    if (this.#gatheredNumber() !== index) throw this.broken(`record ${index} is numbered otherwise`)
    yield* this.#passNullable(end)
    yield* this.#passNullable(end)
    const headers = this.#gatheredNumber()
    if (headers < 0 || headers * 2 > end - this.passed - this.at)
      throw this.broken(`a record claims ${headers} headers`)
    for (let header = 0; header < headers; header++) {
      if (header % checkedAtOnce === checkedAtOnce - 1) yield
      if (!(yield* this.#passNullable(end))) throw this.broken('a header has no key')
      yield* this.#passNullable(end)
    }
    if (this.passed + this.at !== end) throw this.broken(`record ${index} does not end where it says`)
  }

  #gatheredNumber(): number {
    if (this.bytes.length - this.at < 10) this.gather(10)
    return this.#varint()
  }

  /** Whether there is something; `end` is where its record ends among all bytes. */
  *#passNullable(end: number): Generator<void, boolean> {
    const size = this.#gatheredNumber()
    if (size === -1) return false
    if (size < 0 || size > end - this.passed - this.at)
      throw this.broken(`a length of ${size} is beyond its record`)
    for (let isPassed = this.pass(size, longRecordBytes); !isPassed; isPassed = this.pass(0, longRecordBytes))
      yield
    return true
  }

  /** Reads the length of the next record, once; gives how many bytes it takes. */
  begin(index: number): number {
    if (this.#size === -1) {
      // A number of this size takes no more.
      if (this.bytes.length - this.at < 10) this.gather(10)
      this.#size = this.#varint()
      if (this.#size < 1) throw this.broken(`record ${index} claims ${this.#size} bytes`)
    }
    return this.#size
  }

  /** Unpacks until the record that was begun is whole; false where that takes more than a turn. */
  complete(index: number): boolean {
    const size = this.#size
    if (this.bytes.length - this.at >= size) return true
    if (!this.gather(size, turnBytes)) return false
    if (this.bytes.length - this.at < size) throw this.broken(`record ${index} claims ${size} bytes`)
    return true
  }

  /** Goes behind the record that was begun; false where that takes another turn. */
  passOver(): boolean {
    const size = Math.max(0, this.#size)
    this.#size = 0
    if (!this.pass(size, turnBytes)) return false
    this.#size = -1
    return true
  }

  /** Gives where the record that was begun ends, and passes its attributes, of which none are defined. */
  #enter(): number {
    const end = this.at + this.#size
    this.#size = -1
    this.at++
    return end
  }

  /** The record that was begun and gathered. */
  record(index: number, numbers: BatchNumbers): KafkaRecord {
    const end = this.#enter()
    const delta = this.#varint()
    const offset = numbers.baseOffset + this.#varint()
    const key = this.#nullable(end)
    const value = this.#nullable(end)
    const headerCount = this.#varint()
    const timestamp = numbers.appendTime ?? numbers.baseTimestamp + delta
    if (headerCount === 0) {
      if (this.at !== end) throw this.broken(`record ${index} does not end where it says`)
      return { offset, timestamp, key, value, headers: noHeaders }
    }
    if (headerCount < 0 || headerCount * 2 > end - this.at)
      throw this.broken(`a record claims ${headerCount} headers`)
    const { maxHeaders = Infinity } = numbers
    const headers = this.#headers(Math.min(headerCount, maxHeaders), end)
    if (headerCount > maxHeaders) {
      this.at = end
      return { offset, timestamp, key, value, headers, headersLeftOut: headerCount - maxHeaders }
    }
    if (this.at !== end) throw this.broken(`record ${index} does not end where it says`)
    return { offset, timestamp, key, value, headers }
  }

  requireEnd(): void {
    this.gather(this.bytes.length - this.at + 1)
    const left = this.bytes.length - this.at
    if (left !== 0) throw this.broken(`${left} bytes are left over`)
  }

  #headers(count: number, end: number): RecordHeader[] {
    const headers: RecordHeader[] = []
    for (let index = 0; index < count; index++) {
      const key = this.#nullable(end)
      if (key === null) throw this.broken('a header has no key')
      headers.push({ key: key.toString(), value: this.#nullable(end) })
    }
    return headers
  }

  #nullable(end: number): Buffer | null {
    const start = this.#skipNullable(end)
    return start === 0 ? null : this.bytes.subarray(start, this.at)
  }

  /** Gives where its bytes begin, which is never 0; 0 for null. */
  #skipNullable(end: number): number {
    const size = this.#varint()
    if (size === -1) return 0
    const start = this.at
    if (size < 0 || size > end - start) throw this.broken(`a length of ${size} is beyond its record`)
    this.at = start + size
    return start
  }

  #varint(): number {
    const bytes = this.bytes
    const first = bytes[this.at]
    if (first !== undefined && first < 128) {
      this.at++
      return first & 1 ? -(first >>> 1) - 1 : first >>> 1
    }
    // The sign is the lowest bit; beyond 2^53 the value loses its last digits, which no length survives
    // and a time may.
    let value = 0
    let scale = 0.5
    let sign = 0
    for (let count = 0; ; count++) {
      const byte = bytes[this.at]
      if (byte === undefined || count === 10) throw this.broken('a number is cut off or too long')
      this.at++
      if (count === 0) sign = byte & 1
      value += (count === 0 ? byte & 126 : byte & 127) * scale
      if (byte < 128) break
      scale *= 128
    }
    return sign === 1 ? -value - 1 : value
  }

  broken(problem: string): FormatError {
    return new FormatError(
      `${this.#where} is damaged near byte ${this.passed + this.at} of its records: ${problem}`,
    )
  }
}
