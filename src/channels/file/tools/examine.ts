// Reads a file channel's log from its first byte to its last without changing anything: what is in it, what is
// damaged, which events that costs, and the events inside. Where a start reads the end of the log and
// believes the rest, this believes nothing.
import { Event } from '../../../event.ts'
import type { Disk } from '../../../system/disk.ts'
import { EntryReader } from '../entry-reader.ts'
import { readNumber } from '../eight-bytes.ts'
import { entryHeaderBytes, entryKinds, entryMagic, paddedTo8, readTakePayload } from '../entry.ts'
import type { EncryptionKeys } from '../encryption-keys.ts'
import type { ChannelState } from '../checkpoint.ts'
import { readMarks } from '../directory-mark.ts'
import { absentDirectories } from '../inventory.ts'
import { GoneNumbers, type NumberRange } from '../number-ranges.ts'
import { unlock, type SegmentEncryption } from '../segment-cipher.ts'
import { listSegments, readSegmentHeader, type SegmentFile, type SegmentHeader } from '../segment.ts'
import { saltOf } from './salt.ts'

export interface ExaminedSegment {
  readonly id: number
  readonly path: string
  readonly bytes: number
  /** Null where neither copy of it can be read. */
  readonly header: SegmentHeader | null
  /** By its header, or else the checkpoint. */
  readonly channelId: string | null
  readonly encryption: SegmentEncryption | null
  readonly salt: number
  readonly start: number
  /** Position after the last entry that counts. */
  readonly end: number
  readonly transactions: number
  readonly events: number
  readonly firstNumber: number | null
  /** Of the last event put into it; null where there is none. */
  readonly lastNumber: number | null
  readonly isStopped: boolean
}

export interface Damage {
  readonly path: string
  readonly from: number
  readonly to: number
  readonly message: string
  /** Numbers of the events that are inside and cannot be had; empty where none is known to be. */
  readonly lost: readonly NumberRange[]
}

export interface Examined {
  readonly segments: readonly ExaminedSegment[]
  readonly damage: readonly Damage[]
  readonly gone: GoneNumbers
  /** The number the next event gets. */
  readonly nextNumber: number
  /** Events that can be read and are not gone. */
  readonly inside: number
  readonly lost: number
  /** Bytes behind the last position known to be durable that are no entry: a write that never finished. */
  readonly unfinished: { readonly path: string; readonly from: number } | null
}

export interface Progress {
  (path: string, done: number, of: number): void
}

/**
 * `directories` are all data directories of one channel, which must not be open. `state`, what its checkpoint says, is
 * used for segments whose headers are gone.
 */
export async function examine(
  disk: Disk,
  directories: readonly string[],
  state: ChannelState | null,
  onSegment: Progress = () => {},
): Promise<Examined> {
  const files = await listSegments(disk, directories)
  const damage: Damage[] = []
  const segments: ExaminedSegment[] = []
  const gone = new GoneNumbers()
  const puts = new GoneNumbers() // here: numbers seen in some put
  let nextNumber = 0
  let unfinished: Examined['unfinished'] = null
  const described = []
  for (const file of files) described.push(await describe(disk, file, state, damage))
  for (const [index, one] of described.entries()) {
    const { file, header, salt, start, size, channelId, encryption } = one
    onSegment(file.path, index, files.length)
    const before = described[index - 1]
    if (before !== undefined && before.file.id + 1 !== file.id)
      damage.push(missing(before.file, file, header))
    if (header !== null) {
      gone.add({ first: 0, end: header.low })
      for (const range of header.gone) gone.add(range)
      nextNumber = Math.max(nextNumber, header.first)
    }
    const isNewest = index === files.length - 1
    const told = described[index + 1]?.header?.previousEnd
    const found = await read(disk, { id: file.id, path: file.path, salt, start, end: told ?? size })
    // Without a successor that says so, what no later entry names as durable may be unfinished.
    const damages = told === undefined ? found.damages.filter(one => one.from < found.durable) : found.damages
    const torn = told === undefined ? found.damages.find(one => one.from >= found.durable) : undefined
    if (torn !== undefined && isNewest && !torn.isEmpty) unfinished = { path: file.path, from: torn.from }
    const end = torn?.from ?? found.end
    let events = 0
    let transactions = 0
    let firstNumber: number | null = header?.first ?? null
    let lastNumber: number | null = null
    let isStopped = false
    for (const entry of found.entries) {
      if (entry.position >= end) break
      isStopped = entry.kind === entryKinds.stop
      nextNumber = Math.max(nextNumber, entry.first + (entry.kind === entryKinds.put ? entry.count : 0))
      for (const range of entry.ranges) gone.add(range)
      if (entry.kind === entryKinds.stop) continue
      transactions++
      if (entry.kind !== entryKinds.put) continue
      firstNumber ??= entry.first
      events += entry.count
      lastNumber = entry.first + entry.count - 1
      puts.add({ first: entry.first, end: entry.first + entry.count })
    }
    for (const { from, to } of damages)
      damage.push({ path: file.path, from, to, message: 'no valid entry', lost: [] })
    segments.push({
      id: file.id,
      path: file.path,
      bytes: size,
      header,
      channelId,
      encryption,
      salt,
      start,
      end,
      transactions,
      events,
      firstNumber,
      lastNumber,
      isStopped,
    })
  }
  const told = described.every(({ channelId }) => channelId === state?.channelId) ? state : null
  // What the checkpoint knows stood in segments that are not there.
  if (told !== null) {
    gone.add({ first: 0, end: told.low })
    for (const [first, end] of told.gone) gone.add({ first, end })
    nextNumber = Math.max(nextNumber, told.nextNumber)
  }
  for (const { path } of absentDirectories(files, told, await readMarks(disk, directories)))
    damage.push(aside(path, 'a data directory of this channel that is not there, or not named'))
  const lost = holesIn(puts, gone, nextNumber)
  const lostEvents = lost.reduce((sum, { first, end }) => sum + end - first, 0)
  return {
    segments,
    damage: assign(damage, lost, segments),
    gone,
    nextNumber,
    inside: Math.max(0, nextNumber - gone.low - gone.countAbove - lostEvents),
    lost: lostEvents,
    unfinished,
  }
}

/** Encrypted segments with events inside: without their keys those cannot be had. */
export function encryptedSegments({ segments, gone }: Examined): EncryptedSegment[] {
  return segments.filter(isEncrypted).filter(one => hasEventsInside(one, gone))
}

function isEncrypted(segment: ExaminedSegment): segment is EncryptedSegment {
  return segment.encryption !== null && segment.channelId !== null
}
type EncryptedSegment = ExaminedSegment & {
  readonly channelId: string
  readonly encryption: SegmentEncryption
}

/** Rejects with KEY_STORE where one of the keys that eventsInside needs cannot be had. */
export async function requireKeys(examined: Examined, keys: EncryptionKeys): Promise<void> {
  for (const segment of encryptedSegments(examined)) await unlock(keys, segment)
}

/** The first encrypted segment in the directories, whatever is inside; null where there is none. */
export async function firstEncrypted(
  disk: Disk,
  directories: readonly string[],
): Promise<{ readonly path: string; readonly keyAlias: string } | null> {
  for (const { path } of await listSegments(disk, directories)) {
    const file = await disk.open(path, 'read')
    try {
      const read = await readSegmentHeader(file)
      if (!('problem' in read) && read.header.encryption !== null)
        return { path, keyAlias: read.header.encryption.keyAlias }
    } finally {
      await file.close()
    }
  }
  return null
}

/** As far as the numbers in it say. */
function hasEventsInside({ firstNumber, lastNumber }: ExaminedSegment, gone: GoneNumbers): boolean {
  return firstNumber !== null && lastNumber !== null && gone.nextInside(firstNumber) <= lastNumber
}

/**
 * Those inside, in order, in batches as they were put; `onUnreadable` is told of what was changed after it was
 * encrypted, or is no put although its checksum fits. Rejects with KEY_STORE where a key cannot be had.
 */
export async function* eventsInside(
  disk: Disk,
  examined: Examined,
  keys: EncryptionKeys | null,
  onUnreadable: (damage: Damage) => void,
): AsyncGenerator<{ first: number; events: Event[] }> {
  const { segments, gone } = examined
  for (const segment of segments) {
    if (!hasEventsInside(segment, gone)) continue
    const { id, path, salt, start, end } = segment
    const cipher = isEncrypted(segment) ? await unlock(keys, segment) : null
    const file = await disk.open(path, 'read')
    try {
      const reader = new EntryReader(file, { id, salt, cipher }, start, end)
      for (let found = await reader.next(); found !== null; found = await reader.next()) {
        if ('damage' in found) {
          const { from, to } = found.damage
          if (!examined.damage.some(one => one.path === path && one.from <= from && from < one.to))
            onUnreadable({ path, from, to, message: 'changed after it was encrypted', lost: [] })
          continue
        }
        if (found.header.kind !== entryKinds.put) continue
        const { header, payload } = found
        if (!isPut(payload, header.count)) {
          const lost = [{ first: header.first, end: header.first + header.count }]
          const message =
            'no events that can be read; of an encrypted segment its header or the checkpoint must be whole'
          onUnreadable({ path, from: found.position, to: found.end, message, lost })
          continue
        }
        let at = header.count * 4
        let events: Event[] = []
        let first = header.first
        for (let index = 0; index < header.count; index++) {
          const length = payload.readUInt32LE(index * 4)
          const number = header.first + index
          if (gone.nextInside(number) === number) {
            if (events.length === 0) first = number
            events.push(Event.fromEncoded(payload.subarray(at, at + length)))
          } else if (events.length > 0) {
            yield { first, events }
            events = []
          }
          at += length
        }
        if (events.length > 0) yield { first, events }
      }
    } finally {
      await file.close()
    }
  }
}

/** Whether the lengths of the events are those of the payload. */
function isPut(payload: Buffer, count: number): boolean {
  let bytes = count * 4
  if (bytes > payload.length) return false
  for (let index = 0; index < count; index++) bytes += payload.readUInt32LE(index * 4)
  return paddedTo8(bytes) === payload.length
}

interface Described {
  readonly file: SegmentFile
  readonly header: SegmentHeader | null
  readonly salt: number
  readonly start: number
  readonly size: number
  readonly channelId: string | null
  readonly encryption: SegmentEncryption | null
}

async function describe(
  disk: Disk,
  file: SegmentFile,
  state: ChannelState | null,
  damage: Damage[],
): Promise<Described> {
  const { path, id } = file
  const door = await disk.open(path, 'read')
  try {
    const size = await door.size()
    const read = await readSegmentHeader(door)
    const problem =
      'problem' in read ? read.problem : read.header.id === id ? read.damage : 'its name and its id differ'
    if (problem !== null)
      damage.push({
        path,
        from: 0,
        to: 'problem' in read ? 0 : read.start,
        message: `header: ${problem}`,
        lost: [],
      })
    if (!('problem' in read) && read.header.id === id) {
      const { salt, channelId, encryption } = read.header
      return { file, header: read.header, salt, start: read.start, size, channelId, encryption }
    }
    const found = await findFirst(door, id, size)
    const told = state?.segments.find(one => one.id === id)
    // It speaks of another log unless the salt is that of the entries.
    if (state === null || told?.salt !== found.salt)
      return { file, header: null, ...found, size, channelId: null, encryption: null }
    const { channelId } = state
    return {
      file,
      header: null,
      ...found,
      start: told.start,
      size,
      channelId,
      encryption: told.encryption ?? null,
    }
  } finally {
    await door.close()
  }
}

/** The first entry that speaks of this segment and this place, and the salt with which its checksum fits. */
async function findFirst(
  door: { read(target: Buffer, position: number): Promise<number> },
  id: number,
  size: number,
): Promise<{ salt: number; start: number }> {
  const bytes = Buffer.alloc(size)
  await door.read(bytes, 0)
  for (let at = bytes.indexOf(entryMagic); at !== -1; at = bytes.indexOf(entryMagic, at + 1)) {
    if (at + entryHeaderBytes > size) break
    if (readNumber(bytes, at + 24) === id && readNumber(bytes, at + 32) === at)
      return { salt: saltOf(bytes.subarray(at)), start: at }
  }
  return { salt: 0, start: size }
}

interface FoundEntry {
  readonly kind: number
  readonly position: number
  readonly first: number
  readonly count: number
  readonly ranges: readonly NumberRange[]
}

async function read(
  disk: Disk,
  segment: { id: number; path: string; salt: number; start: number; end: number },
): Promise<{
  entries: FoundEntry[]
  damages: { from: number; to: number; isEmpty: boolean }[]
  durable: number
  end: number
}> {
  const file = await disk.open(segment.path, 'read')
  try {
    const reader = new EntryReader(file, segment, segment.start, segment.end)
    const entries: FoundEntry[] = []
    const damages: { from: number; to: number; isEmpty: boolean }[] = []
    let durable = segment.start
    let end = segment.start
    for (let found = await reader.next(); found !== null; found = await reader.next()) {
      if ('damage' in found) {
        damages.push({ ...found.damage, isEmpty: await isZero(file, found.damage.from) })
        continue
      }
      const { header, payload, position } = found
      durable = Math.max(durable, header.durable)
      end = found.end
      const ranges = header.kind === entryKinds.take ? readTakePayload(payload) : []
      entries.push({ kind: header.kind, position, first: header.first, count: header.count, ranges })
    }
    return { entries, damages, durable, end }
  } finally {
    await file.close()
  }
}

/** Whether nothing was ever written there. */
async function isZero(
  file: { read(target: Buffer, position: number): Promise<number> },
  from: number,
): Promise<boolean> {
  const bytes = Buffer.alloc(entryHeaderBytes)
  await file.read(bytes, from)
  return bytes.every(byte => byte === 0)
}

function missing(before: SegmentFile, after: SegmentFile, header: SegmentHeader | null): Damage {
  const to = header === null ? '' : `, events up to ${header.first - 1}`
  return aside(after.path, `segments ${before.id + 1} to ${after.id - 1} before it are missing${to}`)
}

/** Of no bytes in particular. */
function aside(path: string, message: string): Damage {
  return { path, from: 0, to: 0, message, lost: [] }
}

/** Numbers below `next` that are in no put and not gone. */
function holesIn(puts: GoneNumbers, gone: GoneNumbers, next: number): NumberRange[] {
  const holes: NumberRange[] = []
  for (let at = gone.nextInside(gone.low); at < next;) {
    const inPut = puts.nextInside(at)
    if (inPut !== at) {
      at = gone.nextInside(inPut)
      continue
    }
    const end = Math.min(next, puts.nextGone(at), gone.nextGone(at))
    holes.push({ first: at, end })
    at = gone.nextInside(end)
  }
  return holes
}

/** Each hole goes to the damage in the segment whose numbers it lies among. */
function assign(
  damage: readonly Damage[],
  lost: readonly NumberRange[],
  segments: readonly ExaminedSegment[],
): Damage[] {
  const result = damage.map(one => ({ ...one, lost: [...one.lost] as NumberRange[] }))
  for (const range of lost) {
    const home = segments.findLast(({ firstNumber }) => firstNumber !== null && firstNumber <= range.first)
    const where = result.filter(one => one.path === home?.path && one.to > one.from)
    const target = where[0] ?? result[0]
    if (target !== undefined) target.lost.push(range)
    else
      result.push({
        path: home?.path ?? '',
        from: 0,
        to: 0,
        message: 'events are in no segment',
        lost: [range],
      })
  }
  return result
}
