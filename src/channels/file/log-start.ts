// Where a log goes on after a start: in a new segment, into which the tail that nobody knows to be durable is
// written again. Where a full disk has no room for one, the newest segment is written on, with notes of taken events
// alone: its blocks are there already, and part of every segment is kept for them.
import { isDiskFull } from '../../errors.ts'
import type { System } from '../../system/system.ts'
import { readNumber } from './eight-bytes.ts'
import { placeEntry } from './entry.ts'
import { leastTakeBytes, sizeFor, type LogStart } from './log.ts'
import type { Recovered } from './recovery.ts'
import type { Encryption } from './segment-cipher.ts'
import { startAfter } from './segment.ts'
import type { SegmentStore } from './segment-store.ts'

/** A start's segment is small, so that it is made quickly; those after it have the usual size. */
const firstSegmentBytes = 4 * 1024 * 1024
const leastSegmentBytes = 128 * 1024
const pieceBytes = 1024 * 1024

/** Resolves when the segment and what was written again in it are durable. Rejects as SegmentStore.create, with DISK_FULL where the newest segment will not do either. */
export async function startLog(
  { clock, random }: System,
  store: SegmentStore,
  found: Recovered,
  { segmentBytes, encryption }: { segmentBytes: number; encryption: Encryption | null },
): Promise<LogStart> {
  const { gone, nextNumber } = found
  const id = found.lastId + 1
  const channelId = found.channelId ?? random.bytes(16).toString('hex')
  const encrypted = encryption?.begin({ id, channelId }) ?? null
  const header = {
    id,
    channelId,
    createdAt: clock.now(),
    first: found.tailFirst,
    previousEnd: found.segments.at(-1)?.end ?? 0,
    low: gone.low,
    salt: random.bytes(4).readUInt32LE(0),
    gone: gone.ranges,
    encryption: encrypted?.description ?? null,
  }
  const start = startAfter(gone.ranges.length, header.encryption)
  const cipher = encrypted?.cipher ?? null
  let position = start
  let lastEntry: LogStart['lastEntry'] = null
  const tail = found.tail.map(entry => {
    const place = { segmentId: id, salt: header.salt, position, durable: start, first: readNumber(entry, 48) }
    const placed = placeEntry(entry, place, cipher)
    lastEntry = { at: position, crc: placed.readUInt32LE(4) }
    position += placed.length
    return placed
  })
  const least = sizeFor(position - start, start)
  const make = (bytes: number) => store.create(header, Math.max(bytes, least), tail, { needed: true })
  // On a full disk events must still be taken: a small segment will do for that.
  for (const bytes of [Math.min(firstSegmentBytes, segmentBytes), leastSegmentBytes])
    try {
      const { segment, file, size } = await make(bytes)
      segment.cipher = cipher
      return { segment, file, size, position, lastEntry, nextNumber, isForTakes: false }
    } catch (error) {
      if (!isDiskFull(error)) throw error
      const writtenOn = bytes === leastSegmentBytes ? await writeOn(store, found) : null
      if (writtenOn !== null) return writtenOn
      if (bytes === leastSegmentBytes) throw error
    }
  throw new Error('not reached')
}

/** Null where it cannot be written on, or has no room for notes of taken events. */
async function writeOn(
  store: SegmentStore,
  { segments, nextNumber, writeOn: on }: Recovered,
): Promise<LogStart | null> {
  if (on === null) return null
  const segment = segments.at(-1)!
  const { file, size } = await store.reopen(segment)
  try {
    const { position, lastEntryAt } = on
    if (size - position < leastTakeBytes) {
      await file.close()
      return null
    }
    // The same bytes at the same place: a sync of what another process wrote does not say that it succeeded there.
    const piece = Buffer.alloc(pieceBytes)
    for (let at = segment.end; at < position; at += pieceBytes) {
      const bytes = piece.subarray(0, Math.min(pieceBytes, position - at))
      await file.read(bytes, at)
      await file.write(bytes, at)
    }
    // Entries behind a torn one would count again once the gap in front of them is filled.
    piece.fill(0)
    for (let at = position; at < size; at += pieceBytes)
      await file.write(piece.subarray(0, Math.min(pieceBytes, size - at)), at)
    await file.sync()
    const crc = Buffer.alloc(4)
    if (lastEntryAt !== null) await file.read(crc, lastEntryAt + 4)
    const lastEntry = lastEntryAt === null ? null : { at: lastEntryAt, crc: crc.readUInt32LE(0) }
    segment.end = Infinity
    return { segment, file, size, position, lastEntry, nextNumber, isForTakes: true }
  } catch (error) {
    await file.close().catch(() => {})
    throw error
  }
}
