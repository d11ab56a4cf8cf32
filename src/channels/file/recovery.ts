// Recovery: what a file channel's segments say when it opens. The newest segment's header states what is
// gone; its entries add the rest. The tail that no later entry names as durable is taken as far as it
// is valid, and written again into the new segment, since nobody knows whether it ever reached the disk.
import { Fault } from '../../errors.ts'
import type { Logger } from '../../observe/log.ts'
import type { Disk } from '../../system/disk.ts'
import { EntryReader, type Damage } from './entry-reader.ts'
import { entryHeaderBytes, entryKinds, readTakePayload, type EntryHeader } from './entry.ts'
import { GoneNumbers, type NumberRange } from './number-ranges.ts'
import { readSegmentHeader, type Segment, type SegmentHeader } from './segment.ts'

export interface Recovered {
  /** Those that still hold events, oldest first, each with its end. */
  readonly segments: Segment[]
  /** Emptied ones that a kill left behind. */
  readonly emptied: Segment[]
  readonly channelId: string | null
  readonly lastId: number
  readonly gone: GoneNumbers
  /** The number the next event gets, and the first number of the rewritten tail. */
  readonly nextNumber: number
  readonly tailFirst: number
  /** Entries to write again, whole. */
  readonly tail: readonly Buffer[]
}

interface Bookkeeping {
  readonly header: EntryHeader
  readonly position: number
  readonly end: number
  readonly ranges: readonly NumberRange[]
}

/** Rejects with CORRUPT where something is missing that must not be. */
export async function recover(
  disk: Disk,
  log: Logger,
  files: readonly { id: number; directory: string; path: string }[],
): Promise<Recovered> {
  if (files.length === 0)
    return {
      segments: [],
      emptied: [],
      channelId: null,
      lastId: 0,
      gone: new GoneNumbers(),
      nextNumber: 0,
      tailFirst: 0,
      tail: [],
    }
  const segments: Segment[] = []
  const headers: SegmentHeader[] = []
  for (const { id, directory, path } of files) {
    const { header, bytes } = await readHeader(disk, path, id)
    const { salt, channelId, first } = header
    if (channelId !== (headers[0]?.channelId ?? channelId))
      throw new Fault('CORRUPT', `${path} belongs to another channel than ${segments[0]!.path}`)
    segments.push({
      id,
      salt,
      channelId,
      directory,
      path,
      first,
      start: bytes,
      end: Infinity,
      damaged: false,
    })
    headers.push(header)
  }
  segments.forEach((segment, index) => {
    const following = headers[index + 1]
    if (following !== undefined) segment.end = following.previousEnd
  })
  const newest = segments.at(-1)!
  const header = headers.at(-1)!
  const gone = new GoneNumbers(header.low, header.gone)
  const { entries, durable, end, damages } = await scan(disk, newest)
  for (const damage of damages) {
    newest.damaged = true
    log.error(`segment ${newest.path} is damaged at bytes ${damage.from} to ${damage.to}`)
  }
  let nextNumber = header.first
  let tailFirst: number | null = null
  for (const { header: entry, position, ranges } of entries) {
    if (position >= end) break
    if (position >= durable) tailFirst ??= entry.first
    if (entry.kind === entryKinds.put) nextNumber = Math.max(nextNumber, entry.first + entry.count)
    else nextNumber = Math.max(nextNumber, entry.first)
    for (const range of ranges) gone.add(range)
  }
  newest.end = durable
  const tail = await readTail(
    disk,
    newest,
    entries.filter(one => one.position >= durable && one.position < end),
  )

  // What a kill left behind although its events were gone stands before the first needed one.
  let needed = 0
  segments.forEach((segment, index) => {
    if (index > 0 && segment.first <= gone.low) needed = index
  })
  const kept = segments.slice(needed)
  kept.forEach((segment, index) => {
    const before = kept[index - 1]
    if (before !== undefined && before.id + 1 !== segment.id)
      throw new Fault(
        'CORRUPT',
        `segments ${before.id + 1} to ${segment.id - 1} between ${before.path} and ${segment.path} are missing; was a directory taken out of dataDirs?`,
      )
  })
  if (gone.low < kept[0]!.first) {
    // The takes were noted, but the note did not reach the disk before the emptied segment went.
    log.warn(`events ${gone.low} to ${kept[0]!.first - 1} are in no segment any more and count as taken`)
    gone.add({ first: gone.low, end: kept[0]!.first })
  }
  return {
    segments: kept,
    emptied: segments.slice(0, needed),
    channelId: newest.channelId,
    lastId: newest.id,
    gone,
    nextNumber,
    tailFirst: tailFirst ?? nextNumber,
    tail,
  }
}

async function readHeader(
  disk: Disk,
  path: string,
  id: number,
): Promise<{ header: SegmentHeader; bytes: number }> {
  const file = await disk.open(path, 'read')
  try {
    const read = await readSegmentHeader(file)
    const problem =
      'problem' in read ? read.problem : read.header.id === id ? null : 'its name and its id differ'
    if ('problem' in read || problem !== null)
      throw new Fault('CORRUPT', `segment ${path} cannot be read: ${problem}`)
    return read
  } finally {
    await file.close()
  }
}

/** Bookkeeping of the segment's valid entries, and where they end. */
async function scan(
  disk: Disk,
  segment: Segment,
): Promise<{ entries: Bookkeeping[]; durable: number; end: number; damages: Damage[] }> {
  const file = await disk.open(segment.path, 'read')
  try {
    const size = await file.size()
    const entries: Bookkeeping[] = []
    const damages: Damage[] = []
    let durable = segment.start
    const reader = new EntryReader(file, segment, segment.start, size)
    for (let found = await reader.next(); found !== null; found = await reader.next()) {
      if ('damage' in found) {
        damages.push(found.damage)
        continue
      }
      const { header, payload, position, end } = found
      durable = Math.max(durable, header.durable)
      const ranges = header.kind === entryKinds.take ? readTakePayload(payload) : []
      entries.push({ header, position, end, ranges })
    }
    // The first damage that no entry names as durable is where the unsynced tail ends.
    const torn = damages.find(damage => damage.from >= durable)
    const end = torn?.from ?? size
    return { entries, durable, end, damages: damages.filter(damage => damage.from < durable) }
  } finally {
    await file.close()
  }
}

async function readTail(disk: Disk, segment: Segment, entries: readonly Bookkeeping[]): Promise<Buffer[]> {
  const file = await disk.open(segment.path, 'read')
  try {
    const tail: Buffer[] = []
    for (const { header, position, end } of entries) {
      if (header.kind === entryKinds.stop) continue
      const entry = Buffer.allocUnsafe(end - position)
      if ((await file.read(entry, position)) < entryHeaderBytes)
        throw new Fault('DISK', `${segment.path} ended while it was read`)
      tail.push(entry)
    }
    return tail
  } finally {
    await file.close()
  }
}
