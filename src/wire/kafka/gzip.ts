// gzip (RFC 1952) as Java's GZIPInputStream reads it, by which Kafka unpacks: member after member up to the end, or up
// to what does not begin as one and is ignored.
import { crc32 } from 'node:zlib'
import { UnpackedFrames } from './unpacked-frames.ts'

/** Checksum and size behind each member. */
const trailerBytes = 8
/** So many bytes behind a member are not even looked at. */
const ignoredBytes = 18
const flags = { headerChecksum: 2, extra: 4, name: 8, comment: 16 }

/** Piece by piece. Throws PackingError, also above `maxBytes` of output. */
export function* unpackGzip(bytes: Buffer, maxBytes: number): Generator<Buffer> {
  const members = new UnpackedFrames('gzip', bytes, maxBytes)
  try {
    let begin = headerEnd(bytes, 0)
    if (begin === -1) throw members.broken('do not begin with a header of gzip')
    while (begin !== -1) {
      let sum = 0
      let size = 0
      for (const piece of members.frame(begin)) {
        sum = crc32(piece, sum)
        size += piece.length
        yield piece
      }
      const { end } = members
      if (
        end + trailerBytes > bytes.length ||
        bytes.readUInt32LE(end) !== sum ||
        bytes.readUInt32LE(end + 4) !== size % 2 ** 32
      )
        throw members.broken('are damaged: a member is cut off or fails its checksum')
      const next = end + trailerBytes
      begin = bytes.length - next <= ignoredBytes ? -1 : headerEnd(bytes, next)
    }
  } finally {
    members.close()
  }
}

/** Where the header that begins at `start` ends; -1 where it is none, is cut off or fails its checksum. */
function headerEnd(bytes: Buffer, start: number): number {
  // Without its fields it has ten bytes, the first three of which never change.
  if (bytes.length - start < 10 || bytes.readUIntBE(start, 3) !== 0x1f8b08) return -1
  const present = bytes[start + 3]!
  let at = start + 10
  if ((present & flags.extra) !== 0) {
    if (bytes.length - at < 2) return -1
    at += 2 + bytes.readUInt16LE(at)
  }
  for (const text of [flags.name, flags.comment])
    if ((present & text) !== 0) {
      const end = at > bytes.length ? -1 : bytes.indexOf(0, at)
      if (end === -1) return -1
      at = end + 1
    }
  if ((present & flags.headerChecksum) !== 0) {
    if (bytes.length - at < 2) return -1
    if (bytes.readUInt16LE(at) !== (crc32(bytes.subarray(start, at)) & 0xffff)) return -1
    at += 2
  }
  return at > bytes.length ? -1 : at
}
