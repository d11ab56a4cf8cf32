// The records of one partition in a Fetch answer, and of one partition in a Produce request: any number
// of record batches and messages of the old formats, in the order of their offsets. A Fetch answer may
// end inside one, which is normal; the rest is fetched again.
import { type Compression, defaultMaxUnpackedBytes } from './compression.ts'
import { FormatError } from './format-error.ts'
import { entryEnd, MessageSetBuilder, readMessages } from './message-set.ts'
import { crc32cInSteps } from './crc32c.ts'
import { batchHeaderBytes, readRecordBatch, RecordBatchBuilder } from './record-batch.ts'
import type { NewRecord, ProducerIdentity, RecordBatch, RecordsBuilder } from './record.ts'

export interface ReadOptions {
  /** Most bytes one batch may unpack to; 128 MiB where absent. */
  readonly maxUnpackedBytes?: number
  /** Whether checksums are verified; true where absent. */
  readonly checksums?: boolean
  /**
   * Whether a packed message that holds another which is cut off is an error; where absent it ends before that one, as
   * it does for Java's client.
   */
  readonly wholeOnly?: boolean
}

/** Goes over the batches without decoding their records. */
export class RecordSetReader {
  readonly #bytes: Buffer
  readonly #limits: Required<ReadOptions>
  #at = 0

  constructor(bytes: Buffer, options: ReadOptions = {}) {
    this.#bytes = bytes
    this.#limits = {
      maxUnpackedBytes: options.maxUnpackedBytes ?? defaultMaxUnpackedBytes,
      checksums: options.checksums ?? true,
      wholeOnly: options.wholeOnly ?? false,
    }
  }

  /** The next batch; null at the end, also where the last one is cut off. Throws FormatError. */
  next(): RecordBatch | null {
    const bytes = this.#bytes
    const end = entryEnd(bytes, this.#at, bytes.length)
    if (end === -1) return null
    if (end - this.#at < 18) throw new FormatError(`the entry at byte ${this.#at} is too short to be one`)
    const magic = bytes[this.#at + 16]!
    if (magic > 2) throw new FormatError(`the records at byte ${this.#at} have the unknown format ${magic}`)
    const batch =
      magic === 2
        ? readRecordBatch(bytes, this.#at, end, this.#limits)
        : readMessages(bytes, this.#at, end, bytes.length, this.#limits)
    this.#at += batch.sizeBytes
    return batch
  }

  /** Bytes the batch after the last whole one takes, where enough of it is there to tell; else 0. */
  get cutOffBytes(): number {
    return this.#bytes.length - this.#at < 12 ? 0 : this.#bytes.readInt32BE(this.#at + 8) + 12
  }
}

/** Whether these are batches of format 2 alone that pass their checksums; in steps of some milliseconds. */
export function* areSoundInSteps(bytes: Buffer): Generator<void, boolean> {
  for (let at = 0; bytes.length - at >= batchHeaderBytes;) {
    const end = at + 12 + bytes.readInt32BE(at + 8)
    if (bytes[at + 16] !== 2 || end - at < batchHeaderBytes) return false
    if (end > bytes.length) break
    if ((yield* crc32cInSteps(bytes, at + 21, end)) !== bytes.readUInt32BE(at + 17)) return false
    at = end
    yield
  }
  return true
}

/** A builder of the message format that a Produce version carries: 0 and 1, 2, 3 and later. */
export function recordsBuilder(
  magic: 0 | 1 | 2,
  codec: Compression = 'none',
  options: { level?: number; expectedBytes?: number } = {},
): RecordsBuilder {
  return magic === 2 ? new RecordBatchBuilder(codec, options) : new MessageSetBuilder(magic, codec, options)
}

/** The message format of a Produce request of this version. */
export function magicOfProduce(version: number): 0 | 1 | 2 {
  return version >= 3 ? 2 : version === 2 ? 1 : 0
}

/** All of `records` in one go. */
export function writeRecords(
  records: readonly NewRecord[],
  options: { magic?: 0 | 1 | 2; codec?: Compression; identity?: ProducerIdentity } = {},
): Buffer {
  const builder = recordsBuilder(options.magic ?? 2, options.codec)
  for (const record of records) builder.append(record)
  return builder.finish(options.identity)
}
