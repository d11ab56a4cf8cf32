// Entry: one transaction in the log. Every entry starts at a multiple of 8 in its segment. Numbers are
// little-endian; those of 8 bytes are below 2^48.
//
//   at  bytes
//    0  4   magic "MRE1"
//    4  4   CRC-32 of bytes 8 to 56, begun with the segment's salt
//    8  1   kind: 1 put, 2 take, 3 stop; 3 zero bytes follow
//   12  4   bytes of the payload, a multiple of 8
//   16  4   CRC-32 of the payload
//   20  4   events
//   24  8   id of the segment
//   32  8   position of this entry in the segment
//   40  8   position in this segment known to be durable before this entry was written
//   48  8   put: number of its first event; else the number the next put will have
//   56      payload, zeros at its end up to a multiple of 8
//
//   put     length of each event (4 bytes each), then the events as Event.encoded; in an encrypted segment
//           all of this, zeros included, as segment-cipher.ts says
//   take    runs of event numbers that are gone: first (8), end (8, exclusive)
//   stop    empty: the channel was stopped cleanly and all before is durable
//
// Segment id, position and salt in each entry keep bytes of a recycled file, and bytes of an event that
// look like an entry, from passing. A valid header names a durable position: anything invalid before
// it is rot, anything from it on may be a write that never ended.
import { crc32 } from 'node:zlib'
import type { Event } from '../../event.ts'
import { readNumber, writeNumber } from './eight-bytes.ts'
import type { NumberRange } from './number-ranges.ts'
import type { SegmentCipher } from './segment-cipher.ts'

export const entryHeaderBytes = 56
export const entryMagic = Buffer.from('MRE1', 'latin1')
const magicNumber = entryMagic.readUInt32LE(0)

export const entryKinds = { put: 1, take: 2, stop: 3 } as const
export type EntryKind = (typeof entryKinds)[keyof typeof entryKinds]

export interface EntryHeader {
  readonly kind: EntryKind
  readonly payloadBytes: number
  readonly payloadCrc: number
  readonly count: number
  readonly durable: number
  readonly first: number
}

/** Where an entry goes: known only when its group is written. */
export interface EntryPlace {
  readonly segmentId: number
  readonly salt: number
  readonly position: number
  readonly durable: number
  readonly first: number
}

export function paddedTo8(bytes: number): number {
  return Math.ceil(bytes / 8) * 8
}

/** Bytes the entry of a put with these events takes. */
export function putEntryBytes(events: readonly Event[]): number {
  let bytes = events.length * 4
  for (const event of events) bytes += event.size
  return entryHeaderBytes + paddedTo8(bytes)
}

/** The entry but for its place: call `placeEntry` before writing it. */
export function encodePut(events: readonly Event[], bytes: number): Buffer {
  const entry = Buffer.allocUnsafe(bytes)
  let lengthAt = entryHeaderBytes
  let at = entryHeaderBytes + events.length * 4
  for (const event of events) {
    const end = event.writeTo(entry, at)
    entry.writeUInt32LE(end - at, lengthAt)
    lengthAt += 4
    at = end
  }
  entry.fill(0, at)
  describe(entry, entryKinds.put, events.length)
  return entry
}

export function encodeTake(ranges: readonly NumberRange[]): Buffer {
  const entry = Buffer.allocUnsafe(entryHeaderBytes + ranges.length * 16)
  let at = entryHeaderBytes
  let count = 0
  for (const { first, end } of ranges) {
    writeNumber(entry, first, at)
    writeNumber(entry, end, at + 8)
    at += 16
    count += end - first
  }
  describe(entry, entryKinds.take, count)
  return entry
}

export function encodeStop(): Buffer {
  const entry = Buffer.alloc(entryHeaderBytes)
  describe(entry, entryKinds.stop, 0)
  return entry
}

function describe(entry: Buffer, kind: EntryKind, count: number): void {
  const payload = entry.subarray(entryHeaderBytes)
  entry.writeUInt32LE(magicNumber, 0)
  entry.writeUInt32LE(kind, 8)
  entry.writeUInt32LE(payload.length, 12)
  entry.writeUInt32LE(crc32(payload), 16)
  entry.writeUInt32LE(count, 20)
}

/**
 * Completes an entry, also one that was read elsewhere and moves, and gives what is to be written: the entry,
 * or where the segment has a cipher an encrypted copy of a put, `cipher.overhead` bytes longer.
 */
export function placeEntry(entry: Buffer, place: EntryPlace, cipher: SegmentCipher | null = null): Buffer {
  const placed = cipher !== null && entry.readUInt32LE(8) === entryKinds.put ? grown(entry, cipher) : entry
  const { segmentId, salt, position, durable, first } = place
  writeNumber(placed, segmentId, 24)
  writeNumber(placed, position, 32)
  writeNumber(placed, durable, 40)
  writeNumber(placed, first, 48)
  if (placed !== entry) {
    const target = placed.subarray(entryHeaderBytes)
    cipher!.seal(entry.subarray(entryHeaderBytes), target, position, placed.subarray(0, entryHeaderBytes))
    placed.writeUInt32LE(crc32(target), 16)
  }
  placed.writeUInt32LE(crc32(placed.subarray(8, entryHeaderBytes), salt), 4)
  return placed
}

/** The header with the payload's new length, and room for the payload. */
function grown(entry: Buffer, { overhead }: SegmentCipher): Buffer {
  const copy = Buffer.allocUnsafe(entry.length + overhead)
  entry.copy(copy, 0, 0, entryHeaderBytes)
  copy.writeUInt32LE(copy.length - entryHeaderBytes, 12)
  return copy
}

/** A put that was read, as encodePut made it. */
export function entryOf(payload: Buffer, { count, first }: EntryHeader): Buffer {
  const entry = Buffer.concat([Buffer.alloc(entryHeaderBytes), payload])
  describe(entry, entryKinds.put, count)
  writeNumber(entry, first, 48)
  return entry
}

/** The header at `at` of `bytes`, which is `position` of the segment; null where no valid one stands. */
export function readEntryHeader(
  bytes: Buffer,
  at: number,
  segment: { readonly id: number; readonly salt: number },
  position: number,
): EntryHeader | null {
  if (at + entryHeaderBytes > bytes.length || bytes.readUInt32LE(at) !== magicNumber) return null
  if (readNumber(bytes, at + 24) !== segment.id || readNumber(bytes, at + 32) !== position) return null
  if (crc32(bytes.subarray(at + 8, at + entryHeaderBytes), segment.salt) !== bytes.readUInt32LE(at + 4))
    return null
  return {
    kind: bytes.readUInt32LE(at + 8) as EntryKind,
    payloadBytes: bytes.readUInt32LE(at + 12),
    payloadCrc: bytes.readUInt32LE(at + 16),
    count: bytes.readUInt32LE(at + 20),
    durable: readNumber(bytes, at + 40),
    first: readNumber(bytes, at + 48),
  }
}

export function readTakePayload(payload: Buffer): NumberRange[] {
  const ranges: NumberRange[] = []
  for (let at = 0; at + 16 <= payload.length; at += 16)
    ranges.push({ first: readNumber(payload, at), end: readNumber(payload, at + 8) })
  return ranges
}
