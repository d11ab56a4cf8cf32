// Compaction: of each key the newest record stays, with its offset; what it replaces goes. Offsets are never
// given anew, so a compacted log has holes.
//
// A pass has three steps. It reads the segments that are new since the last pass and notes the newest offset
// of each key, as many keys as fit into its memory. It then reads all segments up to there and writes what
// stays into files `<base offset>.cleaned`, several small segments into one. At last each is renamed over the
// segment that its name tells; the checkpoint does not vouch for these segments from before the first rename
// to after the last, so that a start in between reads them. A segment whose records stand in the one before it
// is removed by that start.
//
// Nothing of the newest segment is touched, nothing at or above the last stable offset, no control batch, and
// no record without a key. Source: Kafka documentation, "Log Compaction".
import { createHash } from 'node:crypto'
import { join } from 'node:path'
import type { Disk } from '../../system/disk.ts'
import type { Pace } from '../../system/pace.ts'
import { compressions, defaultMaxUnpackedBytes, unpack } from '../../wire/kafka/compression.ts'
import { crc32cInSteps } from '../../wire/kafka/crc32c.ts'
import { packInSteps } from '../../wire/kafka/packing.ts'
import { readRecordBatch } from '../../wire/kafka/record-batch.ts'
import type { KafkaRecord } from '../../wire/kafka/record.ts'
import type { AbortedTransactions } from './aborted-transactions.ts'
import { batchHeaderBytes, batchSize, isSound, numbersOf, type BatchHeader } from './batch-header.ts'
import { Segment } from './segment.ts'
import { batchFlags } from './transaction-marker.ts'

export const cleanedEnding = '.cleaned'

export interface CompactionParts {
  readonly disk: Disk
  readonly pace: Pace
  readonly directory: string
  /** Full segments from the oldest on, that the pass may change. */
  readonly segments: readonly Segment[]
  /** Records below were compacted before. */
  readonly cleanedTo: number
  /** One above the last offset of `segments`. */
  readonly end: number
  readonly aborted: AbortedTransactions
  /** Whether this is the last batch of its producer, whose sequence is still needed. */
  isLastOfProducer(header: BatchHeader): boolean
  readonly segmentBytes: number
  /** Memory for keys, bytes. */
  readonly keyBytes: number
  /** Deletions older than this that were compacted before are dropped, ms since 1970. */
  readonly deletionsBefore: number
}

/** Segments that are to be replaced by one, which lies beside them; null where nothing of them is left. */
export interface Replacement {
  readonly old: readonly Segment[]
  readonly path: string
  readonly sizeBytes: number
  readonly maxTimestamp: number
}

export interface Pass {
  readonly replacements: readonly Replacement[]
  /** All below is compacted now. */
  readonly cleanedTo: number
}

/** What a key takes in the map, roughly. */
const keyEntryBytes = 120
const chunkBytes = 1024 * 1024
/** Keys and values of a batch that is packed again, at most. */
const packedAgainBytes = 33_554_432
/** Records between two looks at the pace. */
const recordsAtOnce = 2000
const noneKept = new Uint8Array(0)

export class DamagedSegment extends Error {
  override name = 'DamagedSegment'
}

/** Writes what stays into files beside the segments. Rejects with DamagedSegment where one cannot be read. */
export async function compactSegments(parts: CompactionParts): Promise<Pass> {
  const { newest, cleanedTo } = await newestOffsets(parts)
  const { segments } = parts
  const affected = segments.filter(({ baseOffset }) => baseOffset < cleanedTo)
  const replacements: Replacement[] = []
  let output: Output | null = null
  const finish = async () => {
    if (output !== null) replacements.push(await output.finish())
    output = null
  }
  for (const segment of affected) {
    // One that was not made smaller could take as much room as it has now.
    if (output !== null && output.sizeBytes + segment.end > parts.segmentBytes) await finish()
    output ??= await Output.create(parts.disk, parts.directory, segment.baseOffset)
    output.old.push(segment)
    for await (const { batch, header } of batchesIn(segment)) {
      const kept = await keep(batch, header, newest, cleanedTo, parts)
      if (kept !== null) await output.write(kept, header)
    }
  }
  await finish()
  return { replacements, cleanedTo }
}

/** The newest offset of every key among the records that are new. */
async function newestOffsets({
  segments,
  cleanedTo: from,
  end,
  aborted,
  keyBytes,
  pace,
}: CompactionParts): Promise<{ newest: Map<string, number>; cleanedTo: number }> {
  const newest = new Map<string, number>()
  const mostKeys = Math.max(1, Math.floor(keyBytes / keyEntryBytes))
  const dirty = segments.filter(
    (_, index) => index === segments.length - 1 || segments[index + 1]!.baseOffset > from,
  )
  for (const segment of dirty)
    for await (const { batch, header } of batchesIn(segment)) {
      if (header.lastOffset < from || hasNoRecords(header) || isAborted(header, aborted)) continue
      // A batch counts as a whole or not at all; the first always does, or nothing would ever be done.
      if (newest.size > 0 && newest.size + header.recordCount > mostKeys)
        return { newest, cleanedTo: header.baseOffset }
      for await (const records of recordsOf(batch, pace))
        for (const { key, offset } of records)
          if (key !== null && offset >= from) newest.set(nameOf(key), offset)
    }
  return { newest, cleanedTo: end }
}

/** What stays of a batch; null where nothing does. What unpacks to more than is packed again stays as it is. */
async function keep(
  batch: Buffer,
  header: BatchHeader,
  newest: ReadonlyMap<string, number>,
  cleanedTo: number,
  parts: CompactionParts,
): Promise<Buffer | null> {
  if (header.baseOffset >= cleanedTo || (header.attributes & batchFlags.control) !== 0) return batch
  const isGone = isAborted(header, parts.aborted)
  const stays = ({ key, value, offset, timestamp }: KafkaRecord): boolean => {
    if (isGone) return false
    if (key === null || offset >= cleanedTo) return true
    if ((newest.get(nameOf(key)) ?? -1) > offset) return false
    return value !== null || offset >= parts.cleanedTo || timestamp >= parts.deletionsBefore
  }
  const kept = new Uint8Array(hasNoRecords(header) ? 0 : header.recordCount)
  let count = 0
  let bytes = 0
  let index = 0
  if (kept.length > 0)
    for await (const records of recordsOf(batch, parts.pace))
      for (const record of records) {
        bytes += (record.key?.length ?? 0) + (record.value?.length ?? 0)
        const isKept = stays(record)
        if (isKept) count++
        kept[index++] = Number(isKept)
      }
  if (count > 0 && (count === kept.length || bytes > packedAgainBytes)) return batch
  if (count > 0 || (header.producerId >= 0 && parts.isLastOfProducer(header)))
    return rebuilt(batch, header, count === 0 ? noneKept : kept, parts.pace)
  return null
}

/** The batch with some of its records, which keep their offsets and times; its own bounds stay, too. */
async function rebuilt(
  batch: Buffer,
  { attributes }: BatchHeader,
  kept: Uint8Array,
  pace: Pace,
): Promise<Buffer> {
  const codec = attributes & batchFlags.codec
  const pieces: Buffer[] = []
  if (kept.length > 0) {
    const unpacked = unpack(batch.subarray(batchHeaderBytes), codec, 2, defaultMaxUnpackedBytes)
    for (let one = unpacked.next(); one.done !== true; one = unpacked.next()) {
      if (pace.isOver) await pace.turn()
      pieces.push(one.value)
    }
  }
  const body = Buffer.concat(pieces)
  const spans: Buffer[] = []
  let at = 0
  for (const [index, stays] of kept.entries()) {
    if (index % recordsAtOnce === 0 && pace.isOver) await pace.turn()
    const end = recordEnd(body, at)
    if (stays === 1) spans.push(body.subarray(at, end))
    at = end
  }
  const whole = Buffer.concat(spans)
  const packed = spans.length === 0 ? whole : await pace.run(packInSteps(whole, compressions[codec]!, 2))
  const bytes = Buffer.concat([batch.subarray(0, batchHeaderBytes), packed])
  bytes.writeInt32BE(bytes.length - 12, 8)
  bytes.writeInt16BE(spans.length === 0 ? attributes & ~batchFlags.codec : attributes, 21)
  bytes.writeInt32BE(spans.length, 57)
  bytes.writeUInt32BE(await pace.run(crc32cInSteps(bytes, 21)), 17)
  return bytes
}

/** A record is its length, a zig-zag varint, and so many bytes. */
function recordEnd(body: Buffer, at: number): number {
  let value = 0
  let shift = 1
  for (;;) {
    const byte = body[at++]!
    value += (byte & 127) * shift
    shift *= 128
    if (byte < 128) return at + value / 2
  }
}

const hasNoRecords = ({ attributes, recordCount }: BatchHeader): boolean =>
  (attributes & batchFlags.control) !== 0 || recordCount === 0

const isAborted = (
  { attributes, producerId, baseOffset, lastOffset }: BatchHeader,
  aborted: AbortedTransactions,
) =>
  (attributes & batchFlags.transactional) !== 0 &&
  aborted.between(baseOffset, lastOffset + 1).some(one => one.producerId === producerId)

async function* recordsOf(batch: Buffer, pace: Pace): AsyncGenerator<readonly KafkaRecord[]> {
  const reader = readRecordBatch(batch, 0, batch.length, {
    maxUnpackedBytes: defaultMaxUnpackedBytes,
    checksums: false,
  }).reader()
  let read: KafkaRecord[] = []
  let bytes = 0
  for (let record = reader.next(); record !== null; record = reader.next()) {
    if (record !== undefined) {
      read.push(record)
      bytes += (record.key?.length ?? 0) + (record.value?.length ?? 0)
      if (read.length < recordsAtOnce && bytes < chunkBytes) continue
    }
    yield read
    read = []
    bytes = 0
    if (pace.isOver) await pace.turn()
  }
  yield read
}

/** A long key is known by its hash. */
const nameOf = (key: Buffer): string =>
  key.length < 32 ? key.toString('latin1') : createHash('sha256').update(key).digest('base64')

/** Every batch of the segment, checked. */
async function* batchesIn(segment: Segment): AsyncGenerator<{ batch: Buffer; header: BatchHeader }> {
  let size = chunkBytes
  for (let at = 0; at < segment.end;) {
    const bytes = await segment.read(at, size)
    let used = 0
    size = chunkBytes
    for (;;) {
      const whole = batchSize(bytes, used)
      if (whole !== -1 && used + whole > bytes.length) size = Math.max(chunkBytes, whole)
      if (whole === -1 || used + whole > bytes.length) break
      if (whole < batchHeaderBytes || !isSound(bytes, used, used + whole)) break
      const header = numbersOf(bytes, used)
      if (header === null) break
      yield { batch: bytes.subarray(used, used + whole), header }
      used += whole
    }
    at += used
    if (used === 0 && size === chunkBytes)
      throw new DamagedSegment(`${segment.path} is damaged at byte ${at}: the log is not compacted`)
  }
}

/** A file that is to take the place of segments. */
class Output {
  readonly old: Segment[] = []
  sizeBytes = 0
  #maxTimestamp = -Infinity
  readonly #path: string
  readonly #file: Awaited<ReturnType<Disk['open']>>

  private constructor(path: string, file: Awaited<ReturnType<Disk['open']>>) {
    this.#path = path
    this.#file = file
  }

  static async create(disk: Disk, directory: string, baseOffset: number): Promise<Output> {
    const path = join(directory, `${String(baseOffset).padStart(20, '0')}${cleanedEnding}`)
    if (await disk.exists(path)) await disk.remove(path)
    return new Output(path, await disk.open(path, 'create'))
  }

  async write(batch: Buffer, { maxTimestamp }: BatchHeader): Promise<void> {
    await this.#file.write(batch, this.sizeBytes)
    this.sizeBytes += batch.length
    this.#maxTimestamp = Math.max(this.#maxTimestamp, maxTimestamp)
  }

  async finish(): Promise<Replacement> {
    await this.#file.sync()
    await this.#file.close()
    return {
      old: this.old,
      path: this.#path,
      sizeBytes: this.sizeBytes,
      maxTimestamp: this.#maxTimestamp,
    }
  }
}
