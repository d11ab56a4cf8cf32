// A record of a Kafka topic, as it is read and as it is written.
import type { ZstdOptions } from 'node:zlib'
import { FormatError } from './format-error.ts'

/** Kafka allows the same key more than once and keeps the order. */
export interface RecordHeader {
  readonly key: string
  readonly value: Buffer | null
}

export interface NewRecord {
  /** Milliseconds since 1970. */
  readonly timestamp: number
  readonly key: Buffer | null
  readonly value: Buffer | null
  /** Message formats 0 and 1 have none. */
  readonly headers?: readonly RecordHeader[]
}

/** Key, value and header values are views of the bytes they were read from. */
export interface KafkaRecord extends NewRecord {
  readonly offset: number
  /** -1 where the message format has none (format 0). */
  readonly timestamp: number
  readonly headers: readonly RecordHeader[]
  /** How many more it has than its reader was to read. */
  readonly headersLeftOut?: number
}

export const noHeaders: readonly RecordHeader[] = Object.freeze([])

/** What a run of records says of itself before it is decoded. */
export interface RecordBatch {
  /** Message format: 2 is the record batch, 0 and 1 are the message sets before it. */
  readonly magic: number
  /** Number of the codec its records are packed with; 0 is none. */
  readonly codec: number
  /** Of a packed message set that of its last message: the others are inside. */
  readonly baseOffset: number
  /** The next offset to read is one above, also where compaction left no record there. */
  readonly lastOffset: number
  /** Where it starts in the bytes read, and how many it takes. */
  readonly position: number
  readonly sizeBytes: number
  /** Written by the broker to end a transaction: its records are not for consumers. */
  readonly isControl: boolean
  readonly isTransactional: boolean
  /** The broker has set the times of its records (LogAppendTime). */
  readonly isAppendTime: boolean
  /** -1 where the producer is not idempotent. */
  readonly producerId: number
  readonly producerEpoch: number
  readonly baseSequence: number
  readonly partitionLeaderEpoch: number
  /** Memory that its decoder keeps while it unpacks, beside what it gives. */
  readonly decoderBytes: number
  /** Decodes all of them. Throws FormatError. */
  records(): KafkaRecord[]
  /** Decodes them one by one, and unpacks no more than that takes. Throws FormatError. */
  reader(options?: RecordReaderOptions): RecordReader
}

export interface RecordReaderOptions {
  /** Largest record, unpacked, bytes. */
  readonly maxRecordBytes?: number
  /** Headers of a record that are read, the first ones; `headersLeftOut` where there are more. */
  readonly maxHeaders?: number
}

export interface RecordReader {
  /**
   * The next record; null when there is none. `undefined`: some megabytes were unpacked, and more have to be; call again,
   * in another turn of the event loop. Throws FormatError.
   */
  next(): KafkaRecord | null | undefined
}

/** A record beyond the limit that the reader was given. It is passed over where its reader is asked for another. */
export class RecordTooLarge extends FormatError {
  override name = 'RecordTooLarge'
  readonly offset: number
  readonly bytes: number
  readonly maxBytes: number

  constructor(offset: number, bytes: number, maxBytes: number) {
    super(`the record at offset ${offset} has ${bytes} bytes, and ${maxBytes} are allowed`)
    this.offset = offset
    this.bytes = bytes
    this.maxBytes = maxBytes
  }
}

/** What the thread pool has to pack before the next step: `packed` is null where it cannot. */
export interface ZstdTask {
  readonly bytes: Buffer
  readonly options: ZstdOptions
  packed: Buffer | null
}

/** Work in steps of some milliseconds. */
export type Steps<R> = Generator<void | ZstdTask, R>

/** Goes through all steps at once. */
export function finished<R>(steps: Generator<void, R>): R {
  let step = steps.next()
  while (step.done !== true) step = steps.next()
  return step.value
}

export function readAll(reader: RecordReader): KafkaRecord[] {
  const records: KafkaRecord[] = []
  for (let one = reader.next(); one !== null; one = reader.next()) if (one !== undefined) records.push(one)
  return records
}

/** Collects records of one partition and gives the bytes to send. */
export interface RecordsBuilder {
  readonly count: number
  /** Size so far, before compression. */
  readonly sizeBytes: number
  append(record: NewRecord): void
  /** The bytes; the builder is used up. Identity fields are for record batches (magic 2) only. */
  finish(identity?: ProducerIdentity): Buffer
  /** The same in steps of some milliseconds. */
  finishInSteps(identity?: ProducerIdentity): Steps<Buffer>
}

export interface ProducerIdentity {
  readonly producerId: number
  readonly producerEpoch: number
  readonly baseSequence: number
  readonly isTransactional?: boolean
}
