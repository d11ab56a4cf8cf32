// The header of a record batch (format 2) as the broker needs it: read and stamped in place, without
// decoding records. The layout stands at the head of wire/kafka/record-batch.ts.
import { crc32c, crc32cInSteps } from '../../wire/kafka/crc32c.ts'
import { FormatError } from '../../wire/kafka/format-error.ts'
import { batchHeaderBytes, readInt64, readTime, writeInt64 } from '../../wire/kafka/record-batch.ts'

export { batchHeaderBytes }

export interface BatchHeader {
  readonly baseOffset: number
  readonly lastOffset: number
  readonly sizeBytes: number
  readonly attributes: number
  readonly baseTimestamp: number
  readonly maxTimestamp: number
  readonly producerId: number
  readonly producerEpoch: number
  readonly baseSequence: number
  readonly recordCount: number
}

/** Bytes of the batch at `at`, header included; -1 where fewer than a header are left. */
export function batchSize(bytes: Buffer, at: number): number {
  return bytes.length - at < batchHeaderBytes ? -1 : bytes.readInt32BE(at + 8) + 12
}

/** At least a header must be there. Throws FormatError where an int64 is beyond 2^53. */
export function readBatchHeader(bytes: Buffer, at: number): BatchHeader {
  const baseOffset = readInt64(bytes, at)
  return {
    baseOffset,
    lastOffset: baseOffset + bytes.readInt32BE(at + 23),
    sizeBytes: bytes.readInt32BE(at + 8) + 12,
    attributes: bytes.readInt16BE(at + 21),
    baseTimestamp: readTime(bytes, at + 27),
    maxTimestamp: readTime(bytes, at + 35),
    producerId: readInt64(bytes, at + 43),
    producerEpoch: bytes.readInt16BE(at + 51),
    baseSequence: bytes.readInt32BE(at + 53),
    recordCount: bytes.readInt32BE(at + 57),
  }
}

/** The header, or null where it holds numbers that none has: some of them are part of no checksum. */
export function numbersOf(bytes: Buffer, at: number): BatchHeader | null {
  try {
    return readBatchHeader(bytes, at)
  } catch (error) {
    if (error instanceof FormatError) return null
    throw error
  }
}

/** Whether bytes `at` to `end` are a whole batch of format 2 that passes its checksum. */
export function isSound(bytes: Buffer, at: number, end: number): boolean {
  return (
    end - at >= batchHeaderBytes &&
    bytes[at + 16] === 2 &&
    crc32c(bytes, at + 21, end) === bytes.readUInt32BE(at + 17)
  )
}

/** The same of all bytes, in steps of some milliseconds, as what follows. */
export function* isSoundInSteps(bytes: Buffer): Generator<void, boolean> {
  return bytes[16] === 2 && (yield* crc32cInSteps(bytes, 21)) === bytes.readUInt32BE(17)
}

/** Neither field is part of the checksum: a broker assigns them. */
export function stampOffset(batch: Buffer, baseOffset: number, leaderEpoch: number): void {
  writeInt64(batch, 0, baseOffset)
  batch.writeInt32BE(leaderEpoch, 12)
}

/** Sets the time of all records to the broker's, with a new checksum. */
export function* stampAppendTime(batch: Buffer, timestamp: number): Generator<void, void> {
  batch.writeInt16BE(batch.readInt16BE(21) | 8, 21)
  writeInt64(batch, 35, timestamp)
  batch.writeUInt32BE(yield* crc32cInSteps(batch, 21), 17)
}

/** The batches of `bytes`, each with its place; ends before one that is cut off. */
export function* batchesOf(bytes: Buffer): Iterable<{ at: number; end: number; header: BatchHeader }> {
  for (let at = 0; ;) {
    const size = batchSize(bytes, at)
    if (size === -1 || at + size > bytes.length) return
    if (size < batchHeaderBytes) throw new FormatError(`the batch at byte ${at} claims ${size} bytes`)
    yield { at, end: at + size, header: readBatchHeader(bytes, at) }
    at += size
  }
}
