// Segment: one file of the log, millrace-<id>.wal: a header, then entries (entry.ts), then zeros or what
// a recycled file held before. The header states all that is needed of the segments before it, so that
// a start reads the newest segment alone. Numbers are little-endian.
//
//   at  bytes
//    0  4   magic "MRS1"
//    4  4   CRC-32 of bytes 8 to the header's end
//    8  4   version of the format: 2, or 3 where the segment is encrypted
//   12  4   bytes of the header, a multiple of 4096
//   16  8   id: 1 for the channel's first segment, then one more each
//   24  16  id of the channel, random
//   40  8   when it was made, milliseconds since 1970
//   48  8   number of the first event put into this segment
//   56  8   end of the last entry that counts in the segment before this; 0 where there is none.
//           What stands behind it there was never acknowledged, whatever it looks like.
//   64  8   every event with a lower number was gone when this segment was begun
//   72  4   salt of the entries' checksums, random
//   76  4   runs of numbers gone above that
//   80  16  each: first, end (exclusive)
//
// In version 3 behind these, counted from there (segment-cipher.ts):
//
//    0  4   cipher: 1 AES/CTR, 2 AES/GCM
//    4  4   bytes of the key's alias
//    8  16  random bytes of which, with the operator's key, this segment's key is made
//   24  16  check of the key
//   40      alias of the operator's key, UTF-8
//
// The same bytes follow once more, then the first entry: damage to the header must not cost the segment. In
// version 1 there is no second copy.
//
// A segment is written under another name (millrace-spare.wal), header and all, synced, and only then
// renamed: one that has its name has a whole header.
import { join } from 'node:path'
import { crc32 } from 'node:zlib'
import type { Disk, DiskFile } from '../../system/disk.ts'
import { laterFormat } from '../../errors.ts'
import { readNumber, writeNumber } from './eight-bytes.ts'
import type { NumberRange } from './number-ranges.ts'
import { checkBytes, randomBytes, type SegmentCipher, type SegmentEncryption } from './segment-cipher.ts'

const magicNumber = Buffer.from('MRS1', 'latin1').readUInt32LE(0)
const plainVersion = 2
const encryptedVersion = 3
const block = 4096
const fixedBytes = 80
const encryptionBytes = 8 + randomBytes + checkBytes
const cipherKinds = ['ctr', 'gcm'] as const
const mostHeaderBytes = 64 * 1024 * 1024
/** The second copy is looked for up to here. */
const mostCopyAt = 1024 * 1024

export interface SegmentHeader {
  readonly id: number
  readonly channelId: string
  readonly createdAt: number
  readonly first: number
  readonly previousEnd: number
  readonly low: number
  readonly salt: number
  readonly gone: readonly NumberRange[]
  /** Null where it is not encrypted. */
  readonly encryption: SegmentEncryption | null
}

export interface Segment {
  readonly id: number
  readonly salt: number
  readonly directory: string
  readonly path: string
  readonly channelId: string
  /** Number of the first event put into it. */
  readonly first: number
  /** Position of the first entry. */
  readonly start: number
  /** Position after the last entry that counts; Infinity while it is written. */
  end: number
  /** A checksum failed in it and there is no copy: it is kept aside, not deleted, when its events are gone. */
  damaged: boolean
  readonly encryption: SegmentEncryption | null
  /** Of an encrypted segment, once its key is there. */
  cipher: SegmentCipher | null
}

export const spareName = 'millrace-spare.wal'
export const segmentName = (id: number): string => `millrace-${id}.wal`

/** The id in a segment's file name, or null. */
export function segmentIdOf(name: string): number | null {
  const found = /^millrace-(\d{1,15})\.wal$/.exec(name)
  return found === null ? null : Number(found[1])
}

export interface SegmentFile {
  readonly id: number
  readonly directory: string
  readonly path: string
}

/** The segments that lie in the directories, lowest id first. */
export async function listSegments(disk: Disk, directories: readonly string[]): Promise<SegmentFile[]> {
  const found: SegmentFile[] = []
  for (const directory of directories)
    for (const name of await disk.list(directory)) {
      const id = segmentIdOf(name)
      if (id !== null) found.push({ id, directory, path: join(directory, name) })
    }
  return found.sort((one, other) => one.id - other.id)
}

/** Position of the first entry in a segment whose header names so many runs. */
export function startAfter(ranges: number, encryption: SegmentEncryption | null = null): number {
  return 2 * headerBytesFor(ranges, encryption)
}

function headerBytesFor(ranges: number, encryption: SegmentEncryption | null): number {
  const more = encryption === null ? 0 : encryptionBytes + Buffer.byteLength(encryption.keyAlias)
  return Math.ceil((fixedBytes + ranges * 16 + more) / block) * block
}

/** Both copies. */
export function encodeSegmentHeader(header: SegmentHeader): Buffer {
  const { gone, encryption } = header
  const bytes = Buffer.alloc(headerBytesFor(gone.length, encryption))
  bytes.writeUInt32LE(magicNumber, 0)
  bytes.writeUInt32LE(encryption === null ? plainVersion : encryptedVersion, 8)
  bytes.writeUInt32LE(bytes.length, 12)
  writeNumber(bytes, header.id, 16)
  bytes.write(header.channelId, 24, 16, 'hex')
  writeNumber(bytes, header.createdAt, 40)
  writeNumber(bytes, header.first, 48)
  writeNumber(bytes, header.previousEnd, 56)
  writeNumber(bytes, header.low, 64)
  bytes.writeUInt32LE(header.salt, 72)
  bytes.writeUInt32LE(gone.length, 76)
  gone.forEach(({ first, end }, index) => {
    writeNumber(bytes, first, fixedBytes + index * 16)
    writeNumber(bytes, end, fixedBytes + index * 16 + 8)
  })
  if (encryption !== null) writeEncryption(bytes, fixedBytes + gone.length * 16, encryption)
  bytes.writeUInt32LE(crc32(bytes.subarray(8)), 4)
  return Buffer.concat([bytes, bytes])
}

function writeEncryption(bytes: Buffer, at: number, encryption: SegmentEncryption): void {
  const { cipher, keyAlias, random, check } = encryption
  bytes.writeUInt32LE(1 + cipherKinds.indexOf(cipher), at)
  bytes.writeUInt32LE(Buffer.byteLength(keyAlias), at + 4)
  bytes.write(random, at + 8, randomBytes, 'hex')
  bytes.write(check, at + 8 + randomBytes, checkBytes, 'hex')
  bytes.write(keyAlias, at + encryptionBytes)
}

/** Null where it makes no sense. */
function readEncryption(bytes: Buffer, at: number): SegmentEncryption | null {
  if (at + encryptionBytes > bytes.length) return null
  const cipher = cipherKinds[bytes.readUInt32LE(at) - 1]
  const end = at + encryptionBytes + bytes.readUInt32LE(at + 4)
  if (cipher === undefined || end > bytes.length) return null
  return {
    cipher,
    random: bytes.toString('hex', at + 8, at + 8 + randomBytes),
    check: bytes.toString('hex', at + 8 + randomBytes, at + encryptionBytes),
    keyAlias: bytes.toString('utf8', at + encryptionBytes, end),
  }
}

export interface FoundHeader {
  readonly header: SegmentHeader
  /** Position of the first entry. */
  readonly start: number
  /** Why the first copy cannot be read, where the second one was. */
  readonly damage: string | null
}

/** The header, or why neither copy of it can be read. */
export async function readSegmentHeader(file: DiskFile): Promise<FoundHeader | { problem: string }> {
  const first = await readCopy(file, 0)
  if (!('problem' in first)) return { ...first, damage: null }
  // Where the second one begins is what the first one should have said.
  for (let at = block; at <= mostCopyAt; at += block) {
    const second = await readCopy(file, at)
    if (!('problem' in second) && second.start === 2 * at) return { ...second, damage: first.problem }
  }
  return first
}

async function readCopy(
  file: DiskFile,
  from: number,
): Promise<{ header: SegmentHeader; start: number } | { problem: string }> {
  let bytes = Buffer.alloc(block)
  if ((await file.read(bytes, from)) < block) return { problem: 'it is shorter than a header' }
  if (bytes.readUInt32LE(0) !== magicNumber) return { problem: 'it does not begin as a segment does' }
  const size = bytes.readUInt32LE(12)
  if (size % block !== 0 || size < block || size > mostHeaderBytes)
    return { problem: 'the length of its header is wrong' }
  if (size > block) {
    bytes = Buffer.alloc(size)
    if ((await file.read(bytes, from)) < size) return { problem: 'it ends inside its header' }
  }
  if (crc32(bytes.subarray(8)) !== bytes.readUInt32LE(4))
    return { problem: "its header's checksum does not fit" }
  const found = bytes.readUInt32LE(8)
  if (found > encryptedVersion) throw laterFormat(file.path, found, encryptedVersion)
  if (found < 1) return { problem: 'it has format 0, which does not exist' }
  const count = bytes.readUInt32LE(76)
  if (fixedBytes + count * 16 > size) return { problem: 'its header names more than it holds' }
  const gone: NumberRange[] = []
  for (let at = fixedBytes; gone.length < count; at += 16)
    gone.push({ first: readNumber(bytes, at), end: readNumber(bytes, at + 8) })
  const encryption = found < encryptedVersion ? null : readEncryption(bytes, fixedBytes + count * 16)
  if (found >= encryptedVersion && encryption === null)
    return { problem: 'its header does not say how it is encrypted' }
  return {
    start: found === 1 ? size : 2 * size,
    header: {
      id: readNumber(bytes, 16),
      channelId: bytes.toString('hex', 24, 40),
      createdAt: readNumber(bytes, 40),
      first: readNumber(bytes, 48),
      previousEnd: readNumber(bytes, 56),
      low: readNumber(bytes, 64),
      salt: bytes.readUInt32LE(72),
      gone,
      encryption,
    },
  }
}
