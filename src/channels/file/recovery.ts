// Recovery: what a file channel's segments say when it opens. The checkpoint, or else the newest segment's
// header, states what is gone; the entries after it add the rest. The tail that no later entry names as
// durable is taken as far as it is valid, and written again into the new segment, since nobody knows
// whether it ever reached the disk.
import { dirname } from 'node:path'
import { Fault } from '../../errors.ts'
import type { Logger } from '../../observe/log.ts'
import type { Disk } from '../../system/disk.ts'
import { commandLine } from '../../system/launcher.ts'
import type { ChannelState, SegmentState } from './checkpoint.ts'
import { EntryReader, type Damage } from './entry-reader.ts'
import { entryHeaderBytes, entryKinds, entryOf, readTakePayload, type EntryHeader } from './entry.ts'
import { GoneNumbers, type NumberRange } from './number-ranges.ts'
import type { SegmentCipher, SegmentEncryption } from './segment-cipher.ts'
import { readSegmentHeader, type FoundHeader, type Segment, type SegmentFile } from './segment.ts'

export interface Recovered {
  /** Those that still hold events, oldest first, each with its end. */
  readonly segments: Segment[]
  /** Emptied ones that a kill left behind. */
  readonly emptied: Segment[]
  /** Null where the channel is new. */
  readonly channelId: string | null
  readonly lastId: number
  readonly gone: GoneNumbers
  /** The number the next event gets, and the first number of the rewritten tail. */
  readonly nextNumber: number
  readonly tailFirst: number
  /** Entries to write again, whole and not encrypted. */
  readonly tail: readonly Buffer[]
  /** Where the newest segment, the last of `segments`, may be written on; null where it may not. */
  readonly writeOn: { readonly position: number; readonly lastEntryAt: number | null } | null
}

/** Segments that were there and are not, or not as they were. */
export interface MissingSegments {
  /** First and last id; `from` is null where there may have been any number of them. */
  readonly from: number | null
  readonly to: number
  /** How many undelivered events they held, as far as is known. */
  readonly events: number
  /** Whether it is there, as it was at an earlier time. */
  readonly isEarlier: boolean
  /** Where they lay, as an index into the checkpoint's `directories`; null where that is not known. */
  readonly directory: number | null
}

/**
 * Called before anything is read for which a key is needed: with the id of the channel by its segments, null where
 * there are none, and what is missing. Throws where the channel must not open; else what is missing counts as gone.
 */
export type JudgeMissing = (channelId: string | null, missing: readonly MissingSegments[]) => void

/** Gives what decrypts a segment; rejects where its key cannot be had. */
export type Unlock = (segment: Segment & { readonly encryption: SegmentEncryption }) => Promise<SegmentCipher>

interface Bookkeeping {
  readonly header: EntryHeader
  readonly position: number
  readonly end: number
  readonly ranges: readonly NumberRange[]
}

/**
 * Rejects with CORRUPT where a segment cannot be read, with FOREIGN_FILES where segments of two channels lie there,
 * and as `judge` and `unlock` do. `state` is what the checkpoint says; one of another channel is passed over.
 */
export async function recover(
  disk: Disk,
  log: Logger,
  files: readonly SegmentFile[],
  state: ChannelState | null,
  unlock: Unlock,
  judge: JudgeMissing = () => {},
): Promise<Recovered> {
  const last = files.at(-1)
  const found = last === undefined ? null : await readHeader(disk, log, last)
  const isOurs = state !== null && state.segments.at(-1)?.id === state.segment
  const told = isOurs && (found === null || state.channelId === found.header.channelId) ? state : null
  const isFitting = told !== null && found !== null && (await fits(disk, told, files, found))
  if (state !== null && found !== null && !isFitting)
    log.warn('the checkpoint does not belong to the log beside it, and is passed over')
  const segments = found === null ? [] : await describe(disk, log, files, found, isFitting ? told : null)
  const newest = segments.at(-1) ?? null
  // The segments that were the newest are not there: nothing that is there says more than the checkpoint.
  const isCut = told !== null && told.segment > (last?.id ?? 0)
  const known = isCut || (isFitting && told.segment === last?.id) ? told : null
  const gone =
    known === null
      ? new GoneNumbers(found?.header.low, found?.header.gone)
      : new GoneNumbers(
          known.low,
          known.gone.map(([first, end]) => ({ first, end })),
        )
  let nextNumber = known?.nextNumber ?? found?.header.first ?? 0
  let tailFirst: number | null = null
  let ends: readonly Bookkeeping[] = []
  let writeOn: Recovered['writeOn'] = null
  if (newest !== null && newest.end === Infinity) {
    const { entries, durable, end, damages } = await scan(
      disk,
      newest,
      known === null || isCut ? newest.start : known.position,
    )
    for (const damage of damages) {
      newest.damaged = true
      log.error(`segment ${newest.path} is damaged at bytes ${damage.from} to ${damage.to}`)
    }
    for (const entry of entries) {
      const { header, position, ranges } = entry
      if (position >= end) break
      nextNumber = numberAfter(nextNumber, entry)
      if (position >= durable) tailFirst ??= header.first
      for (const range of ranges) gone.add(range)
    }
    newest.end = durable
    ends = entries.filter(one => one.position >= durable && one.position < end)
    const lastEntryAt = entries.findLast(one => one.position < end)?.position ?? known?.mark?.at ?? null
    if (!isCut) writeOn = { position: end, lastEntryAt }
  }

  // In front of a gap, where nothing that is there says where it ends.
  const ending = new Map<number, number>()
  for (const segment of segments) {
    if (segment.end !== Infinity) continue
    const { entries, end } = await scan(disk, segment, segment.start)
    segment.end = end
    ending.set(segment.id, entries.reduce(numberAfter, segment.first))
  }
  const { missing, numbers } = missingFrom(segments, ending, told, gone, nextNumber)
  judge(newest?.channelId ?? null, missing)
  for (const range of numbers) gone.add(range)
  // Its header does not say that what is missing was given up.
  if (numbers.length > 0) writeOn = null
  nextNumber = Math.max(nextNumber, told?.nextNumber ?? 0)

  // What a kill left behind although its events were gone stands before the first needed one.
  const needed = Math.max(
    0,
    segments.findLastIndex(({ first }) => first <= gone.low),
  )
  const kept = segments.slice(needed)
  const isNeeded = nextNumber > gone.low || ends.some(one => one.header.kind === entryKinds.put)
  for (const segment of isNeeded ? kept : []) if (isEncrypted(segment)) segment.cipher = await unlock(segment)
  return {
    segments: kept,
    emptied: segments.slice(0, needed),
    channelId: newest?.channelId ?? told?.channelId ?? null,
    lastId: Math.max(last?.id ?? 0, told?.segment ?? 0),
    gone,
    nextNumber,
    tailFirst: tailFirst ?? nextNumber,
    tail: newest === null ? [] : await readTail(disk, newest, ends),
    writeOn,
  }
}

/** The number that an event put after the entry has, or `next` where that is higher. */
function numberAfter(next: number, { header: { kind, first, count } }: Bookkeeping): number {
  return Math.max(next, kind === entryKinds.put ? first + count : first)
}

/** One that is there, or of which the checkpoint tells. */
interface Link {
  readonly id: number
  /** Number of its first event. */
  readonly first: number
  readonly isHere: boolean
  readonly isTold: boolean
  readonly directory: number | null
}

/**
 * What is not there although it held undelivered events, and the numbers of those. `ending`: of segments in front of
 * a gap, the number after their last event.
 */
function missingFrom(
  segments: readonly Segment[],
  ending: ReadonlyMap<number, number>,
  told: ChannelState | null,
  gone: GoneNumbers,
  nextNumber: number,
): { missing: MissingSegments[]; numbers: NumberRange[] } {
  const links = new Map<number, Link>()
  for (const { id, first, directory = -1 } of told?.segments ?? [])
    links.set(id, { id, first, isHere: false, isTold: true, directory: directory < 0 ? null : directory })
  for (const { id, first } of segments)
    links.set(id, { directory: null, isTold: false, ...links.get(id), id, first, isHere: true })
  const chain = [...links.values()].sort((one, other) => one.id - other.id)
  const missing: MissingSegments[] = []
  const numbers: NumberRange[] = []
  const miss = (
    part: Pick<MissingSegments, 'from' | 'to' | 'directory'>,
    first: number,
    end: number,
    isEarlier = false,
  ): boolean => {
    const events = gone.countInside({ first, end })
    if (events === 0) return false
    missing.push({ ...part, events, isEarlier })
    numbers.push({ first, end })
    return true
  }
  const needed = Math.max(
    0,
    chain.findLastIndex(({ first }) => first <= gone.low),
  )
  let before: Link | null = null
  for (const [index, link] of chain.entries()) {
    if (index < needed) continue
    const { id, first, directory } = link
    if (before === null) miss({ from: null, to: id - 1, directory: null }, gone.low, first)
    // Where the checkpoint names both, the loss of what was between them was accepted.
    else if (id > before.id + 1 && !(link.isTold && before.isTold))
      miss({ from: before.id + 1, to: id - 1, directory: null }, ending.get(before.id) ?? first, first)
    before = link
    if (link.isHere) continue
    const isLast = index === chain.length - 1
    const isMissing = miss({ from: id, to: id, directory }, first, chain[index + 1]?.first ?? nextNumber)
    // What was put into the newest after the checkpoint nobody knows.
    if (!isMissing && isLast && told?.isStopped !== true)
      missing.push({ from: id, to: id, events: 0, isEarlier: false, directory })
  }
  // The newest is an older copy of itself.
  const newest = chain.at(-1)
  if (newest?.isHere === true && told !== null && told.nextNumber > nextNumber)
    miss({ from: newest.id, to: newest.id, directory: newest.directory }, nextNumber, told.nextNumber, true)
  return { missing, numbers }
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
      if (header.channelId !== channelId) throw twoChannels(file, files.at(-1)!)
      const before = segments.at(-1)
      if (before?.id === id - 1) before.end = header.previousEnd
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

/**
 * Whether the state speaks of these files: its segment is there and ends, up to the position, as it says; or, where
 * its segment is newer than all that are there, the newest of these is as it says.
 */
async function fits(
  disk: Disk,
  state: ChannelState,
  files: readonly SegmentFile[],
  newest: FoundHeader,
): Promise<boolean> {
  const told = state.segments.find(({ id }) => id === newest.header.id)
  if (state.segment > newest.header.id)
    return told !== undefined && newest.header.salt === told.salt && newest.start === told.start
  return await endsAsTold(disk, state, files)
}

async function endsAsTold(disk: Disk, state: ChannelState, files: readonly SegmentFile[]): Promise<boolean> {
  const told = state.segments.at(-1)!
  const found = files.find(({ id }) => id === state.segment)
  if (found === undefined) return false
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

const repairing = (directory: string): string =>
  `"${commandLine('millrace', 'channel', 'repair', directory, '--to', 'DIRECTORY')}" makes a log of what can be read`

function twoChannels(one: SegmentFile, other: SegmentFile): Fault {
  return new Fault(
    'FOREIGN_FILES',
    `${one.path} and ${other.path} are of two channels. Nothing was changed`,
    {
      remedy: `Name the directories of one channel in dataDirs. "${commandLine('millrace', 'channel', 'inspect', one.directory)}" says what is in a directory; "${commandLine('millrace', 'channel', 'export', one.directory, '--to', 'FILE')}" gives its undelivered events as lines that "${commandLine('flume-ng', 'avro-client', '--dead-letters', 'FILE')}" sends.`,
    },
  )
}

/** Rejects with CORRUPT where it cannot be read. */
async function readHeader(disk: Disk, log: Logger, { id, path }: SegmentFile): Promise<FoundHeader> {
  const file = await disk.open(path, 'read')
  try {
    const read = await readSegmentHeader(file)
    const problem =
      'problem' in read ? read.problem : read.header.id === id ? null : 'its name and its id differ'
    if ('problem' in read || problem !== null)
      throw new Fault('CORRUPT', `segment ${path} cannot be read: ${problem}; ${repairing(dirname(path))}`)
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
    `${path}: the transaction at ${position} was changed after it was encrypted; ${repairing(dirname(path))}`,
  )
}
