// Opens the directory of a partition: what the checkpoint accounts for is taken over, the rest of the
// newest segment is read, its checksums verified, and what a crash left unfinished is cut off. What the checkpoint
// accounts for and is not there, keeps the partition from opening, unless its loss is accepted.
import { join } from 'node:path'
import { Fault } from '../../errors.ts'
import { ensureDirectory } from '../../storage/directory.ts'
import { AbortedTransactions } from './aborted-transactions.ts'
import type { BatchHeader } from './batch-header.ts'
import { cleanedEnding } from './compaction.ts'
import { checkpointName, readCheckpoint, type Checkpoint } from './checkpoint.ts'
import type { LogParts, RecoveredLog } from './log-parts.ts'
import { PartitionLog } from './partition-log.ts'
import { ProducerStates } from './producer-states.ts'
import { baseOfName, cutEnding, Segment, segmentName } from './segment.ts'
import { SparseIndex } from './sparse-index.ts'
import { decodeMarker } from './transaction-marker.ts'
import { readWhole } from '../../storage/atomic-file.ts'

export interface Opening {
  /** The partition was there before: it has a segment. */
  readonly isKnown?: boolean
  /** Whether it opens without what is missing. */
  readonly acceptsLoss?: boolean
}

/** What an operator can do where state of the broker is not there. */
export const missingRemedy =
  'Put back what is missing, and start the broker again; or start it once with --accept-loss to go on without.'

/**
 * Makes the directory where it is missing. Rejects with CORRUPT where acknowledged records are damaged, and with
 * STATE_MISSING where some are not there.
 */
export async function openPartitionLog(
  parts: LogParts,
  { isKnown = false, acceptsLoss = false }: Opening = {},
): Promise<PartitionLog> {
  const { disk } = parts.system
  const miss = (what: string): void => {
    if (!acceptsLoss) throw new Fault('STATE_MISSING', what, { remedy: missingRemedy })
    parts.log.warn(`partition ${parts.name}: ${what}. The loss is accepted`)
  }
  await ensureDirectory(disk, parts.directory)
  await disk.makePrivate?.(parts.directory)
  const names = await disk.list(parts.directory)
  // What a compaction had begun and not put in place.
  for (const name of names.filter(one => one.endsWith(cleanedEnding)))
    await disk.remove(join(parts.directory, name))
  const bases = names.map(baseOfName).filter(base => base !== null)
  const checkpoint = await readCheckpoint(disk, join(parts.directory, checkpointName))
  if (bases.length === 0) {
    const end = checkpoint?.tail.nextOffset ?? 0
    if (isKnown)
      miss(
        `${parts.directory} holds no segment${end > 0 ? `: records up to offset ${end - 1} are missing` : ''}`,
      )
    return new PartitionLog(parts, await begin(parts, checkpoint))
  }
  if (checkpoint !== null) missSegments(parts, bases, checkpoint, miss)
  const segments = bases.map(base => new Segment(disk, parts.directory, base))
  const producers = new ProducerStates()
  producers.restore(checkpoint?.producers ?? [])
  const aborted = new AbortedTransactions()
  aborted.restore(checkpoint?.aborted ?? [])
  const nextOffset = await recover(parts, segments, checkpoint, { producers, aborted }, miss)
  // Offsets of records that are given up are not given out again.
  const end = Math.max(nextOffset, checkpoint?.tail.nextOffset ?? 0)
  if (end > nextOffset) await addSegment(parts, segments, end)
  else await segments.at(-1)!.openForWriting()
  // An older start offset in a checkpoint means nothing once the segments before are gone.
  const startOffset = Math.max(checkpoint?.startOffset ?? 0, segments[0]!.baseOffset)
  return new PartitionLog(parts, {
    segments,
    startOffset,
    nextOffset: end,
    producers,
    aborted,
    cleanedTo: checkpoint?.cleanedTo ?? 0,
  })
}

async function addSegment(
  { system: { disk }, directory }: LogParts,
  segments: Segment[],
  base: number,
): Promise<void> {
  const segment = new Segment(disk, directory, base)
  await segment.create()
  await disk.syncDirectory(directory)
  segments.push(segment)
}

async function begin(parts: LogParts, checkpoint: Checkpoint | null): Promise<RecoveredLog> {
  const base = checkpoint?.tail.nextOffset ?? 0
  const segments: Segment[] = []
  await addSegment(parts, segments, base)
  return {
    segments,
    startOffset: base,
    nextOffset: base,
    producers: new ProducerStates(),
    aborted: new AbortedTransactions(),
    cleanedTo: 0,
  }
}

/** Calls `miss` where segments that the checkpoint accounts for are not among those that begin at `bases`. */
function missSegments(
  { directory, name, log }: LogParts,
  bases: readonly number[],
  { full, tail, startOffset }: Checkpoint,
  miss: (what: string) => void,
): void {
  const told = [...full.map(([base]) => base), tail.base]
  const gone = told.filter(base => !bases.includes(base))
  const lost = gone.filter(base => base > bases[0]!)
  const last = lost.at(-1)
  if (last !== undefined) {
    const end = told.find(base => base > last) ?? tail.nextOffset
    miss(
      `${lost.map(segmentName).join(', ')} ${lost.length === 1 ? 'is' : 'are'} missing from ${directory}: records within ${offsetsOf(lost[0]!, end)}`,
    )
  }
  // On a full disk retention removes them without a checkpoint.
  if (gone.length > lost.length && bases[0]! > startOffset)
    log.warn(
      `partition ${name}: records of ${offsetsOf(startOffset, bases[0]!)} are not there any more: they were removed by retention on a full disk, or from outside`,
    )
}

const offsetsOf = (from: number, end: number): string =>
  end - from <= 1 ? `offset ${from}` : `offsets ${from} to ${end - 1}`

/** Brings the segments' ends and indexes up to date; gives the next offset. */
async function recover(
  parts: LogParts,
  segments: Segment[],
  checkpoint: Checkpoint | null,
  { producers, aborted }: Pick<RecoveredLog, 'producers' | 'aborted'>,
  miss: (what: string) => void,
): Promise<number> {
  const tail = segments.at(-1)!
  const full = new Map(checkpoint?.full.map(([base, size, max]) => [base, { size, max }]))
  const mark = checkpoint?.tail
  let nextOffset = segments[0]!.baseOffset
  for (const segment of segments.slice()) {
    // A compaction has put its records into the one before, and was ended before it could remove it.
    if (segment.baseOffset < nextOffset) {
      await segment.remove()
      segments.splice(segments.indexOf(segment), 1)
      continue
    }
    const known = full.get(segment.baseOffset)
    const size = await sizeOf(parts, segment)
    if (segment !== tail && known?.size === size) {
      segment.end = size
      segment.maxTimestamp = known.max ?? -Infinity
      continue
    }
    if (known !== undefined && size < known.size)
      miss(`${segment.path} had ${known.size} bytes and has ${size}: the records behind them are missing`)
    // A file shorter than the checkpoint says was damaged from outside; then everything is read.
    const isMarked = mark !== undefined && mark.base === segment.baseOffset && mark.position <= size
    const from = isMarked ? mark.position : 0
    nextOffset = isMarked ? mark.nextOffset : segment.baseOffset
    segment.end = size
    segment.maxTimestamp = (isMarked ? mark.maxTimestamp : null) ?? -Infinity
    const stored = await readWhole(parts.system.disk, segment.indexPath)
    const index = isMarked && stored !== null ? SparseIndex.decode(stored, from) : new SparseIndex()
    segment.storedEntries = index.count
    const end = await segment.scan(
      from,
      (position, header, batch) => {
        // Compaction leaves holes.
        if (header.baseOffset < nextOffset || header.lastOffset < header.baseOffset) return false
        index.note({ offset: header.baseOffset, position, maxTimestampBefore: segment.maxTimestamp })
        segment.maxTimestamp = Math.max(segment.maxTimestamp, header.maxTimestamp)
        // The checkpoint knows all of what lies before.
        if (header.baseOffset >= (mark?.nextOffset ?? 0))
          noteBatch(header, batch, { producers, aborted }, parts.system.clock.now())
        nextOffset = header.lastOffset + 1
        return true
      },
      true,
    )
    segment.adoptIndex(index)
    segment.end = end
    const told = mark?.base === segment.baseOffset ? mark.nextOffset : 0
    if (nextOffset < told)
      miss(`${segment.path} ends before the records of ${offsetsOf(nextOffset, told)}, which it held`)
    if (end === size) continue
    if (segment !== tail)
      throw new Fault(
        'CORRUPT',
        `${segment.path} is damaged at byte ${end}: the records from offset ${nextOffset} on cannot be read, and newer segments stand behind it. Restore it from a copy, or move it away together with the newer ones to go on without them`,
      )
    await cut(parts, segment, size, nextOffset)
  }
  return nextOffset
}

function noteBatch(
  header: BatchHeader,
  batch: Buffer,
  { producers, aborted }: Pick<RecoveredLog, 'producers' | 'aborted'>,
  now: number,
): void {
  const marker = decodeMarker(batch, header)
  if (marker === null) return producers.note(header, now)
  const firstOffset = producers.endTransaction(marker, now)
  if (!marker.committed && firstOffset >= 0)
    aborted.add({ producerId: marker.producerId, firstOffset, lastOffset: header.lastOffset })
}

/**
 * Cuts off what is no whole batch. Batches behind it may be of the same unfinished write, whose pages reach a
 * disk in any order, or it is damage: then they are kept in a file beside.
 */
async function cut(parts: LogParts, segment: Segment, size: number, nextOffset: number): Promise<void> {
  const { end } = segment
  segment.end = size
  const behind = await segment.countSoundBehind(end, nextOffset)
  segment.end = end
  await segment.openForWriting()
  const aside = behind > 0 ? `${segment.path}${cutEnding}${end}` : null
  if (aside !== null) await copyAside(parts, segment, { from: end, to: size, aside })
  await segment.file.truncate(end)
  await segment.file.sync()
  parts.log.warn(
    aside === null
      ? `${segment.path}: cut ${size - end} bytes at ${end} that are no whole record batch: a write that was never finished`
      : `${segment.path}: cut ${size - end} bytes at ${end}, where a record batch is not whole: of a write that was never finished, or damaged. ${behind} whole batches behind it are kept in ${aside}`,
  )
}

const copyBytes = 4 * 1024 * 1024

async function copyAside(
  { system: { disk }, directory }: LogParts,
  { file }: Segment,
  { from, to, aside }: { readonly from: number; readonly to: number; readonly aside: string },
): Promise<void> {
  if (await disk.exists(aside)) await disk.remove(aside)
  const copy = await disk.open(aside, 'create')
  try {
    for (let at = from; at < to; at += copyBytes) {
      const bytes = Buffer.alloc(Math.min(copyBytes, to - at))
      await copy.write(bytes.subarray(0, await file.read(bytes, at)), at - from)
    }
    await copy.sync()
  } finally {
    await copy.close()
  }
  await disk.syncDirectory(directory)
}

async function sizeOf(parts: LogParts, segment: Segment): Promise<number> {
  const file = await parts.system.disk.open(segment.path, 'read')
  try {
    return await file.size()
  } finally {
    await file.close()
  }
}
