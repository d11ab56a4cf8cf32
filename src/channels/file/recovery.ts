// Recovery: what a file channel's segments say when it opens. The checkpoint, or else the newest segment's
// header, states what is gone; the entries after it add the rest. The tail that no later entry names as
// durable is taken as far as it is valid, and written again into the new segment, since nobody knows
// whether it ever reached the disk.
import { Fault } from '../../errors.ts'
import type { Logger } from '../../observe/log.ts'
import type { Disk } from '../../system/disk.ts'
import type { ChannelState, SegmentState } from './checkpoint.ts'
import { EntryReader, type Damage } from './entry-reader.ts'
import { entryHeaderBytes, entryKinds, entryOf, readTakePayload, type EntryHeader } from './entry.ts'
import { GoneNumbers, type NumberRange } from './number-ranges.ts'
import type { SegmentCipher, SegmentEncryption } from './segment-cipher.ts'
import { readSegmentHeader, type FoundHeader, type Segment, type SegmentHeader } from './segment.ts'

interface SegmentFile {
  readonly id: number
  readonly directory: string
  readonly path: string
}

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
  /** Entries to write again, whole and not encrypted. */
  readonly tail: readonly Buffer[]
}

/** Gives what decrypts a segment; rejects where its key cannot be had. */
export type Unlock = (segment: Segment & { readonly encryption: SegmentEncryption }) => Promise<SegmentCipher>

interface Bookkeeping {
  readonly header: EntryHeader
  readonly position: number
  readonly end: number
  readonly ranges: readonly NumberRange[]
}

/**
 * Rejects with CORRUPT where something is missing that must not be, and as `unlock` does for segments with events
 * inside. `state` is what the checkpoint says.
 */
export async function recover(
  disk: Disk,
  log: Logger,
  files: readonly SegmentFile[],
  state: ChannelState | null,
  unlock: Unlock,
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
  const found = await readHeader(disk, log, files.at(-1)!)
  const { header } = found
  if (state !== null && !(await fits(disk, state, files, header))) {
    log.warn('the checkpoint does not belong to the log beside it, and is passed over')
    state = null
  }
  const segments = await describe(disk, log, files, found, state)
  const newest = segments.at(-1)!
  const known = state?.segment === newest.id ? state : null
  const gone =
    known === null
      ? new GoneNumbers(header.low, header.gone)
      : new GoneNumbers(
          known.low,
          known.gone.map(([first, end]) => ({ first, end })),
        )
  const { entries, durable, end, damages } = await scan(disk, newest, known?.position ?? newest.start)
  for (const damage of damages) {
    newest.damaged = true
    log.error(`segment ${newest.path} is damaged at bytes ${damage.from} to ${damage.to}`)
  }
  let nextNumber = known?.nextNumber ?? header.first
  let tailFirst: number | null = null
  for (const { header: entry, position, ranges } of entries) {
    if (position >= end) break
    if (position >= durable) tailFirst ??= entry.first
    if (entry.kind === entryKinds.put) nextNumber = Math.max(nextNumber, entry.first + entry.count)
    else nextNumber = Math.max(nextNumber, entry.first)
    for (const range of ranges) gone.add(range)
  }
  newest.end = durable

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
  const ends = entries.filter(one => one.position >= durable && one.position < end)
  const isNeeded = nextNumber > gone.low || ends.some(one => one.header.kind === entryKinds.put)
  for (const segment of isNeeded ? kept : []) if (isEncrypted(segment)) segment.cipher = await unlock(segment)
  return {
    segments: kept,
    emptied: segments.slice(0, needed),
    channelId: newest.channelId,
    lastId: newest.id,
    gone,
    nextNumber,
    tailFirst: tailFirst ?? nextNumber,
    tail: await readTail(disk, newest, ends),
  }
}

function isEncrypted(segment: Segment): segment is Segment & { encryption: SegmentEncryption } {
  return segment.encryption !== null
}

/** All segments with their ends; the headers of those that the checkpoint tells of are not read. */
async function describe(
  disk: Disk,
  log: Logger,
  files: readonly SegmentFile[],
  newest: FoundHeader,
  state: ChannelState | null,
): Promise<Segment[]> {
  const told = new Map((state?.segments ?? []).map(one => [one.id, one]))
  const segments: Segment[] = []
  let channelId = state?.channelId
  for (const file of files) {
    const { id, directory, path } = file
    let description: Omit<SegmentState, 'id' | 'end'> | undefined = told.get(id)
    let damaged = false
    if (description === undefined) {
      const read = file === files.at(-1) ? newest : await readHeader(disk, log, file)
      const { header } = read
      damaged = read.damage !== null
      channelId ??= header.channelId
      if (header.channelId !== channelId)
        throw new Fault('CORRUPT', `${path} belongs to another channel than ${files[0]!.path}`)
      const before = segments.at(-1)
      if (before !== undefined) before.end = header.previousEnd
      const { salt, first, encryption } = header
      description = { salt, first, start: read.start, ...(encryption !== null && { encryption }) }
    }
    const { salt, first, start, encryption = null } = description
    const end = told.get(id)?.end ?? Infinity
    const place = { id, directory, path, channelId: channelId! }
    segments.push({ ...place, salt, first, start, end, damaged, encryption, cipher: null })
  }
  return segments
}

/** Whether the state speaks of these files: its segment is there and ends, up to the position, as it says. */
async function fits(
  disk: Disk,
  state: ChannelState,
  files: readonly SegmentFile[],
  newest: SegmentHeader,
): Promise<boolean> {
  const told = state.segments.at(-1)
  const found = files.find(({ id }) => id === state.segment)
  if (state.channelId !== newest.channelId || told?.id !== state.segment || found === undefined) return false
  const file = await disk.open(found.path, 'read')
  try {
    const read = await readSegmentHeader(file)
    if ('problem' in read || read.header.salt !== told.salt || read.start !== told.start) return false
    if (state.mark === null) return state.position === told.start
    const bytes = Buffer.alloc(8)
    const isRead = (await file.read(bytes, state.mark.at)) === bytes.length
    return isRead && bytes.readUInt32LE(4) === state.mark.crc
  } finally {
    await file.close()
  }
}

/** Rejects with CORRUPT where it cannot be read. */
async function readHeader(disk: Disk, log: Logger, { id, path }: SegmentFile): Promise<FoundHeader> {
  const file = await disk.open(path, 'read')
  try {
    const read = await readSegmentHeader(file)
    const problem =
      'problem' in read ? read.problem : read.header.id === id ? null : 'its name and its id differ'
    if ('problem' in read || problem !== null)
      throw new Fault(
        'CORRUPT',
        `segment ${path} cannot be read: ${problem}; "millrace channel repair" makes a log of what can be read`,
      )
    if (read.damage !== null)
      log.error(`the header of segment ${path} is damaged (${read.damage}); its second copy is whole`)
    return read
  } finally {
    await file.close()
  }
}

/** Bookkeeping of the segment's valid entries from `from` on, before which all is durable, and where they end. */
async function scan(
  disk: Disk,
  segment: Segment,
  from: number,
): Promise<{ entries: Bookkeeping[]; durable: number; end: number; damages: Damage[] }> {
  const file = await disk.open(segment.path, 'read')
  try {
    const size = await file.size()
    const entries: Bookkeeping[] = []
    const damages: Damage[] = []
    let durable = from
    // Without its cipher: what is inside the puts does not matter here.
    const { id, salt } = segment
    const reader = new EntryReader(file, { id, salt }, from, size)
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
      tail.push(segment.cipher === null ? entry : opened(segment, segment.cipher, entry, header, position))
    }
    return tail
  } finally {
    await file.close()
  }
}

function opened(
  { path }: Segment,
  cipher: SegmentCipher,
  entry: Buffer,
  header: EntryHeader,
  position: number,
): Buffer {
  if (header.kind !== entryKinds.put) return entry
  const payload = cipher.open(entry.subarray(entryHeaderBytes), position, entry.subarray(0, entryHeaderBytes))
  if (payload !== null) return entryOf(payload, header)
  throw new Fault(
    'CORRUPT',
    `${path}: the transaction at ${position} was changed after it was encrypted; "millrace channel repair" makes a log of what can be read`,
  )
}
