// A record of a Kafka topic, as it is read and as it is written.

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
}

export const noHeaders: readonly RecordHeader[] = Object.freeze([])

/** What a run of records says of itself before it is decoded. */
export interface RecordBatch {
  /** Message format: 2 is the record batch, 0 and 1 are the message sets before it. */
  readonly magic: number
  /** Number of the codec its records are packed with; 0 is none. */
  readonly codec: number
  readonly baseOffset: number
  /** The next offset to read is one above, also where compaction left no record there. */
  readonly lastOffset: number
  /** Where it starts in the bytes read, and how many it takes. */
  readonly position: number
  readonly sizeBytes: number
  /** Written by the broker to end a transaction: its records are not for consumers. */
  readonly isControl: boolean
  readonly isTransactional: boolean
  /** -1 where the producer is not idempotent. */
  readonly producerId: number
  readonly producerEpoch: number
  readonly baseSequence: number
  readonly partitionLeaderEpoch: number
  /** Decodes them. Throws FormatError. */
  records(): KafkaRecord[]
}

/** Collects records of one partition and gives the bytes to send. */
export interface RecordsBuilder {
  readonly count: number
  /** Size so far, before compression. */
  readonly sizeBytes: number
  append(record: NewRecord): void
  /** The bytes; the builder is used up. Identity fields are for record batches (magic 2) only. */
  finish(identity?: ProducerIdentity): Buffer
}

export interface ProducerIdentity {
  readonly producerId: number
  readonly producerEpoch: number
  readonly baseSequence: number
  readonly isTransactional?: boolean
}
