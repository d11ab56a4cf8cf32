// Where a log goes on after a start: in a new segment, into which the tail that nobody knows to be durable is
// written again.
import { Fault } from '../../errors.ts'
import type { System } from '../../system/system.ts'
import { readNumber } from './eight-bytes.ts'
import { placeEntry } from './entry.ts'
import { sizeFor, type LogStart } from './log.ts'
import type { Recovered } from './recovery.ts'
import type { Encryption } from './segment-cipher.ts'
import { startAfter } from './segment.ts'
import type { SegmentStore } from './segment-store.ts'

/** A start's segment is small, so that it is made quickly; those after it have the usual size. */
const firstSegmentBytes = 4 * 1024 * 1024
const leastSegmentBytes = 128 * 1024

/** Resolves when the segment and what was written again in it are durable. Rejects as SegmentStore.create. */
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
  // On a full disk events must still be taken: a small segment will do for that.
  const make = (bytes: number) => store.create(header, Math.max(bytes, least), tail, { needed: true })
  const { segment, file, size } = await make(Math.min(firstSegmentBytes, segmentBytes)).catch(
    (error: unknown) => {
      if (error instanceof Fault && error.code === 'DISK_FULL') return make(leastSegmentBytes)
      throw error
    },
  )
  segment.cipher = cipher
  return { segment, file, size, position, lastEntry, nextNumber }
}
