// LZ4 as Kafka writes and reads it: one frame (LZ4 frame format 1.6.x) of independent blocks, no dictionary. What follows
// the frame is ignored, be it another one.
//
//   magic 04 22 4d 18 | FLG | BD | [content size u64] | HC | blocks | 00 00 00 00 | [content checksum]
//   block: size u32 (little-endian; top bit: stored as it is) | data | [block checksum u32]
//
// HC is one byte of xxHash32 over FLG, BD and content size. Kafka's message format 0 computed it over
// the magic as well, a mistake that must be kept there (KIP-57); there readers pass over it. Content size and
// content checksum are passed over, too.
import { lz4Compress } from '@platformatic/wasm-utils'
import { PackingError } from './format-error.ts'

const frameMagic = 0x184d2204
const flag = { blockChecksums: 16, contentSize: 8, contentChecksum: 4 }
const blockSizes = [65536, 262144, 1048576, 4194304]
/** The LZ4 block format's rules for the end, as far as liblz4 holds to them: a copy, a token, five literals. */
const lastLiterals = 5
const leastRest = 2 + 1 + lastLiterals
const lastCopyBytes = 12

const prime1 = 2654435761
const prime2 = 2246822519
const prime3 = 3266489917
const prime4 = 668265263
const prime5 = 374761393
const rotate = (value: number, bits: number) => (value << bits) | (value >>> (32 - bits))

/** xxHash32 with seed 0 (xxHash specification 0.1.1). */
export function xxHash32(bytes: Uint8Array): number {
  const word = (at: number) =>
    bytes[at]! | (bytes[at + 1]! << 8) | (bytes[at + 2]! << 16) | (bytes[at + 3]! << 24)
  let at = 0
  let hash = prime5
  if (bytes.length >= 16) {
    const lanes = [(prime1 + prime2) | 0, prime2 | 0, 0, -prime1 | 0] as [number, number, number, number]
    for (; at + 16 <= bytes.length; at += 16)
      for (let lane = 0; lane < 4; lane++) {
        const mixed = (lanes[lane]! + Math.imul(word(at + lane * 4), prime2)) | 0
        lanes[lane] = Math.imul(rotate(mixed, 13), prime1)
      }
    hash = rotate(lanes[0], 1) + rotate(lanes[1], 7) + rotate(lanes[2], 12) + rotate(lanes[3], 18)
  }
  hash = (hash + bytes.length) | 0
  for (; at + 4 <= bytes.length; at += 4)
    hash = Math.imul(rotate((hash + Math.imul(word(at), prime3)) | 0, 17), prime4)
  for (; at < bytes.length; at++)
    hash = Math.imul(rotate((hash + Math.imul(bytes[at]!, prime5)) | 0, 11), prime1)
  hash = Math.imul(hash ^ (hash >>> 15), prime2)
  hash = Math.imul(hash ^ (hash >>> 13), prime3)
  return (hash ^ (hash >>> 16)) >>> 0
}

/** One frame. `withBrokenChecksum` writes the header checksum as message format 0 wants it. */
export function compressLz4(bytes: Buffer, withBrokenChecksum = false): Buffer {
  // The wasm module cannot take empty input after its memory has grown: write the empty frame here.
  const frame = bytes.length === 0 ? Buffer.from('04224d1860408200000000', 'hex') : lz4Compress(bytes)
  if (withBrokenChecksum) frame[6] = (xxHash32(frame.subarray(0, 6)) >>> 8) & 255
  return frame
}

/** From so many bytes on a piece is given away. */
const pieceBytes = 262_144

/** Piece by piece. Throws PackingError, also above `maxBytes` of output. `magic` is the message format. */
export function* unpackLz4(bytes: Buffer, magic: number, maxBytes: number): Generator<Buffer> {
  let left = maxBytes
  let output = new Output(Math.min(left, bytes.length * 4 + 65536, pieceBytes), left, maxBytes)
  for (const _ of blocksOf(bytes, magic !== 0, () => output)) {
    if (output.at < pieceBytes) continue
    left -= output.at
    yield output.bytes.subarray(0, output.at)
    output = new Output(Math.min(left, pieceBytes), left, maxBytes)
  }
  if (output.at > 0) yield output.bytes.subarray(0, output.at)
}

class Output {
  bytes: Buffer
  at = 0
  readonly #left: number
  readonly #maxBytes: number

  /** Takes `left` of `maxBytes` at most. */
  constructor(size: number, left: number, maxBytes: number) {
    this.bytes = Buffer.allocUnsafeSlow(size)
    this.#left = left
    this.#maxBytes = maxBytes
  }

  /** Makes room for `size` more bytes. */
  reserve(size: number): void {
    const needed = this.at + size
    if (needed <= this.bytes.length) return
    if (needed > this.#left)
      throw new PackingError(`LZ4 data unpack to more than the ${this.#maxBytes} bytes allowed`)
    const larger = Buffer.allocUnsafeSlow(Math.min(this.#left, Math.max(needed, this.bytes.length * 2)))
    this.bytes.copy(larger, 0, 0, this.at)
    this.bytes = larger
  }
}

/** Unpacks block after block into the output of the moment. */
function* blocksOf(bytes: Buffer, checksHeader: boolean, into: () => Output): Generator<void> {
  let at = 0
  const need = (size: number) => {
    if (size > bytes.length - at) throw new PackingError('the LZ4 frame is cut off')
    at += size
    return at - size
  }
  if (bytes.readUInt32LE(need(4)) !== frameMagic) throw new PackingError('not an LZ4 frame')
  const flags = bytes[need(1)]!
  const descriptor = bytes[need(1)]!
  // Version 1, independent blocks, no dictionary, a block size of the table; nothing else is set.
  if ((flags & 0xe3) !== 0x60 || (descriptor & 0xcf) !== 0x40)
    throw new PackingError(
      `an LZ4 frame that Kafka does not take: FLG ${flags.toString(16)}, BD ${descriptor.toString(16)}`,
    )
  const blockSize = blockSizes[(descriptor >>> 4) & 3]!
  if ((flags & flag.contentSize) !== 0) need(8)
  const sum = (xxHash32(bytes.subarray(4, at)) >>> 8) & 255
  if (bytes[need(1)]! !== sum && checksHeader)
    throw new PackingError('the header of the LZ4 frame fails its checksum')
  for (;;) {
    const size = bytes.readUInt32LE(need(4))
    const length = size & 0x7fffffff
    if (length === 0) break
    if (length > blockSize) throw new PackingError('an LZ4 block is larger than its frame allows')
    const from = need(length)
    const output = into()
    if (size >>> 31 === 1) {
      output.reserve(length)
      output.at += bytes.copy(output.bytes, output.at, from, from + length)
    } else readBlock(bytes, from, from + length, output, blockSize)
    if (
      (flags & flag.blockChecksums) !== 0 &&
      xxHash32(bytes.subarray(from, from + length)) !== bytes.readUInt32LE(need(4))
    )
      throw new PackingError('an LZ4 block fails its checksum')
    yield
  }
  if ((flags & flag.contentChecksum) !== 0) need(4)
}

/** Sequences of literals and copies, which reach back as far as the block begins. */
function readBlock(input: Buffer, start: number, end: number, output: Output, blockSize: number): void {
  const floor = output.at
  const limit = output.at + blockSize
  let at = start
  const damaged = () => new PackingError('an LZ4 block is damaged')
  for (;;) {
    if (at >= end) throw damaged()
    const token = input[at++]!
    let literals = token >>> 4
    if (literals === 15)
      for (let more = 255; more === 255; literals += more) {
        if (at >= end) throw damaged()
        more = input[at++]!
      }
    if (literals > end - at || output.at + literals > limit) throw damaged()
    if (output.bytes.length - output.at < literals) output.reserve(literals)
    let target = output.at
    let bytes = output.bytes
    if (literals > 32) input.copy(bytes, target, at, at + literals)
    else for (let index = 0; index < literals; index++) bytes[target + index] = input[at + index]!
    target += literals
    output.at = target
    at += literals
    if (at === end) return
    if (end - at < leastRest || target > limit - lastCopyBytes) throw damaged()
    const distance = input[at]! | (input[at + 1]! << 8)
    at += 2
    let length = (token & 15) + 4
    if (length === 19)
      for (let more = 255; more === 255; length += more) {
        if (at >= end) throw damaged()
        more = input[at++]!
      }
    let source = target - distance
    if (distance === 0 || source < floor || target + length > limit - lastLiterals) throw damaged()
    if (bytes.length - target < length) {
      output.reserve(length)
      bytes = output.bytes
    }
    if (length > 32)
      // A copy may reach into itself: what it has made so far is there to be copied.
      for (let made = 0; made < length;) {
        const part = Math.min(length - made, distance + made)
        bytes.copyWithin(target + made, source, source + part)
        made += part
      }
    else for (const stop = target + length; target < stop;) bytes[target++] = bytes[source++]!
    output.at += length
  }
}
