// LZ4 as Kafka writes it: one frame (LZ4 frame format 1.6.x), independent blocks, no dictionary.
//
//   magic 04 22 4d 18 | FLG | BD | [content size u64] | HC | blocks | 00 00 00 00 | [content checksum]
//   block: size u32 (little-endian; top bit: stored as it is) | data | [block checksum u32]
//
// HC is one byte of xxHash32 over FLG, BD and content size. Kafka's message format 0 computed it over
// the magic as well, a mistake that must be kept there (KIP-57); readers here accept both. Block and
// content checksums are skipped: the record batch has a checksum of its own.
import { lz4Compress } from '@platformatic/wasm-utils'
import { FormatError } from './format-error.ts'

const frameMagic = 0x184d2204
const blockSizes = [0, 0, 0, 0, 65536, 262144, 1048576, 4194304]

const prime1 = 2654435761
const prime2 = 2246822519
const prime3 = 3266489917
const prime4 = 668265263
const prime5 = 374761393
const rotate = (value: number, bits: number) => (value << bits) | (value >>> (32 - bits))

/** xxHash32 with seed 0, for inputs shorter than 16 bytes: all that frame headers need. */
export function shortXxHash32(bytes: Uint8Array): number {
  let hash = (prime5 + bytes.length) | 0
  let at = 0
  for (; at + 4 <= bytes.length; at += 4) {
    const word = bytes[at]! | (bytes[at + 1]! << 8) | (bytes[at + 2]! << 16) | (bytes[at + 3]! << 24)
    hash = Math.imul(rotate((hash + Math.imul(word, prime3)) | 0, 17), prime4)
  }
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
  if (withBrokenChecksum) frame[6] = (shortXxHash32(frame.subarray(0, 6)) >>> 8) & 255
  return frame
}

/** Reads frames to the end of `bytes`. Throws FormatError above `maxBytes` of output. */
export function decompressLz4(bytes: Buffer, maxBytes: number): Buffer {
  const output = new Output(Math.min(maxBytes, bytes.length * 4 + 65536), maxBytes)
  let at = 0
  while (at < bytes.length) at = readFrame(bytes, at, output)
  return output.bytes.subarray(0, output.at)
}

class Output {
  bytes: Buffer
  at = 0
  readonly #maxBytes: number

  constructor(size: number, maxBytes: number) {
    this.bytes = Buffer.allocUnsafeSlow(size)
    this.#maxBytes = maxBytes
  }

  /** Makes room for `size` more bytes. */
  reserve(size: number): void {
    const needed = this.at + size
    if (needed <= this.bytes.length) return
    if (needed > this.#maxBytes)
      throw new FormatError(`LZ4 data unpack to more than the ${this.#maxBytes} bytes allowed`)
    const larger = Buffer.allocUnsafeSlow(Math.min(this.#maxBytes, Math.max(needed, this.bytes.length * 2)))
    this.bytes.copy(larger, 0, 0, this.at)
    this.bytes = larger
  }
}

function readFrame(bytes: Buffer, start: number, output: Output): number {
  let at = start
  const need = (size: number) => {
    if (size > bytes.length - at) throw new FormatError('the LZ4 frame is cut off')
    const from = at
    at += size
    return from
  }
  if (bytes.readUInt32LE(need(4)) !== frameMagic) throw new FormatError('not an LZ4 frame')
  const flags = bytes[need(1)]!
  const blockSize = blockSizes[(bytes[need(1)]! >>> 4) & 7]!
  if (flags >>> 6 !== 1 || blockSize === 0 || (flags & 1) === 1)
    throw new FormatError('an LZ4 frame of a version or with a dictionary nobody should send')
  const headerStart = start + 4
  if ((flags & 8) !== 0) need(8)
  const sum = (from: number) => (shortXxHash32(bytes.subarray(from, at)) >>> 8) & 255
  const right = [sum(headerStart)]
  if ((flags & 8) === 0) right.push(sum(start))
  if (!right.includes(bytes[need(1)]!)) throw new FormatError('the header of the LZ4 frame is damaged')
  const isIndependent = (flags & 32) !== 0
  const frameStart = output.at
  for (;;) {
    const size = bytes.readUInt32LE(need(4))
    if (size === 0) break
    const length = size & 0x7fffffff
    const from = need(length)
    if (length > blockSize) throw new FormatError('an LZ4 block is larger than its frame allows')
    if (size >>> 31 === 1) {
      output.reserve(length)
      output.at += bytes.copy(output.bytes, output.at, from, from + length)
    } else readBlock(bytes, from, from + length, output, isIndependent ? output.at : frameStart, blockSize)
    if ((flags & 16) !== 0) need(4)
  }
  if ((flags & 4) !== 0) need(4)
  return at
}

/** Sequences of literals and copies; `floor` is the first byte a copy may reach back to. */
function readBlock(
  input: Buffer,
  start: number,
  end: number,
  output: Output,
  floor: number,
  blockSize: number,
): void {
  const limit = output.at + blockSize
  let at = start
  const damaged = () => new FormatError('an LZ4 block is damaged')
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
    if (end - at < 2) throw damaged()
    const distance = input[at]! | (input[at + 1]! << 8)
    at += 2
    let length = (token & 15) + 4
    if (length === 19)
      for (let more = 255; more === 255; length += more) {
        if (at >= end) throw damaged()
        more = input[at++]!
      }
    let source = target - distance
    if (distance === 0 || source < floor || target + length > limit) throw damaged()
    if (bytes.length - target < length) {
      output.reserve(length)
      bytes = output.bytes
    }
    if (length > 32 && distance >= length) bytes.copyWithin(target, source, source + length)
    else for (const stop = target + length; target < stop;) bytes[target++] = bytes[source++]!
    output.at += length
  }
}
