// Checks the records of one partition in a Produce request and brings them into the form they are kept in:
// one record batch of format 2. Message sets of the formats before are converted.
import { errorCodes } from '../wire/kafka/error-codes.ts'
import { compressions, defaultMaxUnpackedBytes, type Compression } from '../wire/kafka/compression.ts'
import { FormatError, PackingError } from '../wire/kafka/format-error.ts'
import { checkRecordsInSteps, readRecordBatch } from '../wire/kafka/record-batch.ts'
import {
  RecordTooLarge,
  type KafkaRecord,
  type RecordReader,
  type RecordsBuilder,
  type Steps,
} from '../wire/kafka/record.ts'
import { RecordSetReader, recordsBuilder } from '../wire/kafka/record-set.ts'
import {
  batchHeaderBytes,
  isSoundInSteps,
  readBatchHeader,
  stampAppendTime,
  type BatchHeader,
} from './log/batch-header.ts'
import { batchFlags as flags } from './log/transaction-marker.ts'
import type { ErrorName } from './error-name.ts'
import type { LogSettings } from './topic-settings.ts'

export interface IncomingRules extends LogSettings {
  /** The broker's clock, ms. */
  readonly now: number
  /** Version of the Produce request: zstd is allowed from 7 on. */
  readonly version: number
}

/** Why records are refused: Kafka's error and a sentence. */
export class RefusedRecords extends Error {
  override name = 'RefusedRecords'
  readonly errorCode: number

  constructor(errorName: ErrorName, message: string) {
    super(message)
    this.errorCode = errorCodes[errorName]
  }
}

const zstd = 4
/** What to throw for records that cannot be read. Where they cannot be unpacked, Kafka's broker fails. */
const refusal = (error: unknown, name: ErrorName): unknown =>
  error instanceof FormatError
    ? new RefusedRecords(error instanceof PackingError ? 'UNKNOWN_SERVER_ERROR' : name, error.message)
    : error
const oldestMagic = 16
/** Version of Produce from which on there is one batch of format 2 a partition. */
const firstOfBatches = 3

/**
 * Where the batch or message at `at` ends; null where it is not whole, which Kafka takes for the end of the
 * records. Throws RefusedRecords.
 */
function endAt(records: Buffer, at: number): number | null {
  const left = records.length - at
  if (left < 12) return null
  const size = records.readInt32BE(at + 8)
  const magic = left > oldestMagic ? records[at + oldestMagic]! : 0
  if (size < 14 || magic > 2)
    throw new RefusedRecords('CORRUPT_MESSAGE', `byte ${at} of the records begins no batch`)
  return left <= oldestMagic || size + 12 > left ? null : at + size + 12
}

/** The batch to append, made in steps of some milliseconds. Throws RefusedRecords. */
export function* takeIncoming(
  records: Buffer | null,
  rules: IncomingRules,
): Steps<{ batch: Buffer; header: BatchHeader }> {
  if (records === null || records.length === 0)
    throw new RefusedRecords('INVALID_RECORD', 'the partition comes without records')
  const isBatch = records[oldestMagic] === 2 || rules.version >= firstOfBatches
  let batch = isBatch ? yield* checkedBatch(records, rules) : yield* convertedBatch(records, rules)
  batch = yield* keptForm(batch, rules)
  requireSize(batch.length, rules)
  if (rules.messageTimestampType === 'LogAppendTime') yield* stampAppendTime(batch, rules.now)
  return { batch, header: readBatchHeader(batch, 0) }
}

/** What the records of one partition may unpack to where they are packed again, bytes: a request of Kafka's producers has one million. */
const convertedBytes = 16_777_216

function requireSize(bytes: number, { maxMessageBytes }: IncomingRules): void {
  if (bytes <= maxMessageBytes) return
  throw new RefusedRecords(
    'MESSAGE_TOO_LARGE',
    `the batch has ${bytes} bytes, and ${maxMessageBytes} are allowed (max.message.bytes)`,
  )
}

function requireConvertible(bytes: number): void {
  if (bytes <= convertedBytes) return
  throw new RefusedRecords(
    'MESSAGE_TOO_LARGE',
    `the records unpack to more than the ${convertedBytes} bytes that are packed again for a topic; send smaller batches, or what the topic keeps as it comes`,
  )
}

function* checkedBatch(given: Buffer, rules: IncomingRules): Generator<void, Buffer> {
  const { version } = rules
  const size = endAt(given, 0)
  if (size === null || endAt(given, size) !== null || given[oldestMagic] !== 2)
    throw new RefusedRecords(
      'INVALID_RECORD',
      'a Produce request holds one whole batch of format 2 a partition',
    )
  // As in Kafka, before anything else is looked at.
  requireSize(size, rules)
  const records = given.subarray(0, size)
  if (size < batchHeaderBytes || !(yield* isSoundInSteps(records)))
    throw new RefusedRecords('CORRUPT_MESSAGE', 'the batch fails its checksum')
  let header: BatchHeader
  try {
    header = readBatchHeader(records, 0)
  } catch (error) {
    throw refusal(error, 'INVALID_RECORD')
  }
  const { attributes, recordCount, lastOffset, baseOffset } = header
  if (recordCount < 1 || lastOffset - baseOffset !== recordCount - 1)
    throw new RefusedRecords(
      'INVALID_RECORD',
      `the batch counts ${recordCount} records, and its offsets do not fit that`,
    )
  if ((attributes & flags.control) !== 0)
    throw new RefusedRecords('INVALID_RECORD', 'clients may not write control batches')
  if ((attributes & flags.transactional) !== 0 && (header.producerId < 0 || header.baseSequence < 0))
    throw new RefusedRecords('INVALID_RECORD', 'transactional records come without producer id or sequence')
  const codec = attributes & flags.codec
  if (codec === zstd && version < 7)
    throw new RefusedRecords(
      'UNSUPPORTED_COMPRESSION_TYPE',
      `zstd is not allowed in Produce version ${version}`,
    )
  try {
    yield* checkRecordsInSteps(records, defaultMaxUnpackedBytes)
  } catch (error) {
    throw refusal(error, 'INVALID_RECORD')
  }
  return records
}

/** Checks what a topic asks of every record, and packs the batch as the topic wants it kept. */
function* keptForm(batch: Buffer, rules: IncomingRules): Steps<Buffer> {
  const {
    now,
    messageTimestampAfterMaxMs: aheadMs,
    messageTimestampBeforeMaxMs: backMs,
    compressionType,
  } = rules
  const appendTime = rules.messageTimestampType === 'LogAppendTime'
  const needsKeys = rules.cleanupPolicy.includes('compact')
  const header = readBatchHeader(batch, 0)
  if (!appendTime && header.maxTimestamp > now + aheadMs)
    throw new RefusedRecords(
      'INVALID_TIMESTAMP',
      `a record has the time ${header.maxTimestamp}, more than ${aheadMs} ms ahead of the broker's clock`,
    )
  const earliest = now - backMs
  const checksTimes = !appendTime && earliest > 0
  const codec = compressions[header.attributes & flags.codec]!
  const wanted = compressionType === 'producer' ? codec : codecOf(compressionType)
  if (!checksTimes && !needsKeys && wanted === codec) return batch
  const builder = wanted === codec ? null : builderOf(header, wanted, rules)
  const reader = readRecordBatch(batch, 0, batch.length, {
    maxUnpackedBytes: defaultMaxUnpackedBytes,
    checksums: false,
  }).reader({ maxRecordBytes: convertedBytes })
  for (let read = 1; ; read++) {
    const record = yield* nextOf(reader, read, 'CORRUPT_MESSAGE')
    if (record === null) break
    const { timestamp, key } = record
    if (checksTimes && timestamp >= 0 && timestamp < earliest)
      throw new RefusedRecords(
        'INVALID_TIMESTAMP',
        `a record has the time ${timestamp}, more than ${backMs} ms before the broker's clock`,
      )
    if (needsKeys && key === null)
      throw new RefusedRecords('INVALID_RECORD', 'a record of a compacted topic has no key')
    if (builder === null) continue
    builder.append(record)
    requireConvertible(builder.sizeBytes)
  }
  if (builder === null) return batch
  const { producerId, producerEpoch, baseSequence, attributes } = header
  const isTransactional = (attributes & flags.transactional) !== 0
  return yield* builder.finishInSteps({ producerId, producerEpoch, baseSequence, isTransactional })
}

/** Records that are read in one step. */
const readAtOnce = 2000
/** A record that is longer takes a step of its own. */
const longBytes = 2048

/** The next record, or null. */
function* nextOf(reader: RecordReader, read: number, broken: ErrorName): Generator<void, KafkaRecord | null> {
  if (read % readAtOnce === 0) yield
  try {
    for (;;) {
      const record = reader.next()
      if (record === undefined || (record?.value?.length ?? 0) > longBytes) yield
      if (record !== undefined) return record
    }
  } catch (error) {
    if (error instanceof RecordTooLarge) requireConvertible(error.bytes)
    throw refusal(error, broken)
  }
}

const codecOf = (name: string): Compression =>
  name === 'uncompressed' ? 'none' : (compressions.find(one => one === name) ?? 'none')

function builderOf(
  header: BatchHeader,
  codec: Compression,
  { compressionGzipLevel: gzip, compressionZstdLevel: zstd }: IncomingRules,
): RecordsBuilder {
  const level = codec === 'gzip' ? gzip : codec === 'zstd' ? zstd : undefined
  return recordsBuilder(2, codec, {
    expectedBytes: header.sizeBytes * 2,
    ...(level === undefined || level === -1 ? {} : { level }),
  })
}

function* convertedBatch(records: Buffer, rules: IncomingRules): Steps<Buffer> {
  // One batch is made of all of them; with its own framing it is not a quarter as long.
  requireSize(Math.floor(records.length / 4), rules)
  try {
    const codec = compressions[records.length > 17 ? records[17]! & flags.codec : 0] ?? 'none'
    const builder = recordsBuilder(2, codec, { expectedBytes: records.length })
    const reader = new RecordSetReader(records, { wholeOnly: true, maxUnpackedBytes: convertedBytes })
    let read = 0
    for (let batch = reader.next(); batch !== null; batch = reader.next()) {
      read += batch.sizeBytes
      if (batch.magic === 2)
        throw new RefusedRecords('INVALID_RECORD', 'message formats are mixed in one partition')
      if (batch.codec !== 0) requireSize(batch.sizeBytes, rules)
      const messages = batch.reader()
      for (let read = 1; ; read++) {
        const record = yield* nextOf(messages, read, 'CORRUPT_MESSAGE')
        if (record === null) break
        requireSize((record.key?.length ?? 0) + (record.value?.length ?? 0), rules)
        builder.append(record)
        requireConvertible(builder.sizeBytes)
      }
    }
    if (builder.count === 0 || endAt(records, read) !== null)
      throw new RefusedRecords('CORRUPT_MESSAGE', 'the message set is empty or damaged')
    return yield* builder.finishInSteps()
  } catch (error) {
    throw refusal(error, 'CORRUPT_MESSAGE')
  }
}
