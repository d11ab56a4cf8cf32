// Reads the segments of a partition: batches from an offset on, and the offset that belongs to a time.
import { defaultMaxUnpackedBytes } from '../../wire/kafka/compression.ts'
import { FormatError } from '../../wire/kafka/format-error.ts'
import { readRecordBatch } from '../../wire/kafka/record-batch.ts'
import { batchHeaderBytes, batchSize, readBatchHeader } from './batch-header.ts'
import { readBuffers } from './read-buffers.ts'
import type { Segment } from './segment.ts'

export interface ReadLimits {
  readonly maxBytes: number
  /** Give one batch even where it is larger than that. */
  readonly atLeastOne: boolean
  /** No batch that begins at or beyond this offset. */
  readonly below: number
}

/**
 * Most that is read to come to the offset from where the index points, bytes: a batch of its size, where one is given in
 * any case, and where not, what a few of the usual ones have.
 */
const mostSlack = { atLeastOne: 1 << 20, small: 16_384 }

/** The place of the segment that holds the offset, among segments in the order of their offsets. */
export function segmentOf(segments: readonly Segment[], offset: number): number {
  let index = segments.length - 1
  while (index > 0 && segments[index]!.baseOffset > offset) index--
  return index
}

/** Whole batches from the one that holds `from` on. */
export async function readBatches(
  segments: readonly Segment[],
  from: number,
  limits: ReadLimits,
): Promise<Buffer> {
  if (limits.maxBytes === 0 && !limits.atLeastOne) return Buffer.alloc(0)
  for (let index = segmentOf(segments, from); index < segments.length; index++) {
    if (from >= limits.below || segments[index]!.baseOffset >= limits.below) break
    const found = await readSegment(segments[index]!, from, limits)
    if (found !== null) return found
  }
  return Buffer.alloc(0)
}

/** As batchSize. Throws FormatError where no batch is so short: a step over it would lead nowhere. `start`: where the bytes do. */
function wholeSize({ path }: Segment, bytes: Buffer, at: number, start: number): number {
  const size = batchSize(bytes, at)
  if (size === -1 || size >= batchHeaderBytes) return size
  throw new FormatError(`${path} is damaged at byte ${start + at}: a batch of ${size} bytes`)
}

/** Null where the segment holds nothing from that offset on. */
async function readSegment(
  segment: Segment,
  from: number,
  { maxBytes, atLeastOne, below }: ReadLimits,
): Promise<Buffer | null> {
  const { position, nextPosition } = (await segment.index()).floor(from)
  const slack = Math.min(
    Math.min(nextPosition, segment.end) - position,
    atLeastOne ? mostSlack.atLeastOne : mostSlack.small,
  )
  let bytes = await segment.read(position, slack + maxBytes + batchHeaderBytes)
  let start = position
  let at = 0
  for (;;) {
    const size = wholeSize(segment, bytes, at, start)
    if (size === -1) {
      if (start + at >= segment.end) return null
      start += at
      at = 0
      bytes = await segment.read(start, batchHeaderBytes + maxBytes)
      if (bytes.length < batchHeaderBytes) return null
      continue
    }
    const { baseOffset, lastOffset } = readBatchHeader(bytes, at)
    if (lastOffset >= from) {
      if (baseOffset >= below) return taken(bytes, at, at)
      if (at + size > bytes.length && atLeastOne) return await segment.read(start + at, size)
      break
    }
    at += size
  }
  let end = at
  const next = () => wholeSize(segment, bytes, end, start)
  for (let size = next(); size !== -1; size = next()) {
    if (end + size > bytes.length) break
    if (end + size - at > maxBytes && !(atLeastOne && end === at)) break
    if (readBatchHeader(bytes, end).baseOffset >= below) break
    end += size
  }
  return taken(bytes, at, end)
}

/** A part of what was read: few bytes do not keep the room for many. */
function taken(bytes: Buffer, from: number, to: number): Buffer {
  const part = bytes.subarray(from, to)
  if (part.length * 2 >= bytes.length) return part
  const copy = Buffer.allocUnsafeSlow(part.length)
  part.copy(copy)
  readBuffers.giveBack(bytes)
  return copy
}

/** The first record from `startOffset` on at or after the time, ms; null where there is none. */
export async function findOffsetOfTime(
  segments: readonly Segment[],
  timestamp: number,
  startOffset: number,
): Promise<{ offset: number; timestamp: number } | null> {
  for (const segment of segments) {
    const index = await segment.index()
    if (segment !== segments.at(-1) && segment.maxTimestamp < timestamp) continue
    let found: { position: number; size: number } | null = null
    await segment.scan(index.floorOfTime(timestamp), (position, header) => {
      if (header.lastOffset < startOffset || header.maxTimestamp < timestamp) return true
      found = { position, size: header.sizeBytes }
      return false
    })
    if (found === null) continue
    const { position, size } = found as { position: number; size: number }
    const bytes = await segment.read(position, size)
    const batch = readRecordBatch(bytes, 0, bytes.length, {
      maxUnpackedBytes: defaultMaxUnpackedBytes,
      checksums: false,
    })
    const record = batch.records().find(one => one.timestamp >= timestamp && one.offset >= startOffset)
    if (record !== undefined) return { offset: record.offset, timestamp: record.timestamp }
  }
  return null
}
