// Snappy as Kafka's Java clients write it: the framing of snappy-java ("xerial"), readers also take one
// bare block as other clients send it.
//
//   82 53 4e 41 50 50 59 00 | version int32 = 1 | lowest reader int32 = 1 | blocks
//   block: size int32 (big-endian) | raw Snappy, which starts with its unpacked size as a varint
import { snappyCompress } from '@platformatic/wasm-utils'
import { PackingError } from './format-error.ts'

/** Its versions are not looked at. Streams may follow one another, each with a header. */
const header = Buffer.from('82534e41505059000000000100000001', 'hex')
/** By it readers know the header of a stream where a size is due. */
const headerBegin = header.readUInt32BE(0)
/** Copies reach back so far. */
const historyBytes = 65_536
const pieceBytes = 262_144
/** What snappy-java puts into one block. */
const blockBytes = 32768

export function compressSnappy(bytes: Buffer): Buffer {
  const parts: Buffer[] = [header]
  for (let at = 0; at < bytes.length; at += blockBytes) {
    const block = snappyCompress(bytes.subarray(at, at + blockBytes))
    const size = Buffer.alloc(4)
    size.writeUInt32BE(block.length)
    parts.push(size, block)
  }
  return Buffer.concat(parts)
}

/** Block by block. Throws PackingError above `maxBytes` of output, before anything of that size is made. */
export function* unpackSnappy(bytes: Buffer, maxBytes: number): Generator<Buffer> {
  if (bytes.length < header.length || bytes.compare(header, 0, 8, 0, 8) !== 0)
    return void (yield* unpack(bytes, maxBytes, maxBytes))
  let left = maxBytes
  // As in snappy-java, fewer bytes than a size takes are ignored at the end.
  for (let at = header.length; bytes.length - at >= 4;) {
    const size = bytes.readUInt32BE(at)
    if (size === headerBegin) {
      if (bytes.length - at < header.length) throw new PackingError('the Snappy data are cut off')
      at += header.length
      continue
    }
    at += 4
    if (size > bytes.length - at) throw new PackingError('the Snappy data are cut off')
    left -= yield* unpack(bytes.subarray(at, at + size), left, maxBytes)
    at += size
  }
}

/** Gives how much it was. */
function* unpack(block: Buffer, left: number, maxBytes: number): Generator<Buffer, number> {
  let size = 0
  let at = 0
  for (let scale = 1; ; scale *= 128) {
    const byte = block[at++]
    if (byte === undefined || at > 5) throw new PackingError('a Snappy block has no valid size')
    size += (byte & 127) * scale
    if (byte < 128) break
  }
  if (size > left) throw new PackingError(`Snappy data unpack to more than the ${maxBytes} bytes allowed`)
  // The densest element, a copy of 64 bytes, takes three bytes.
  if (size > block.length * 64) throw new PackingError(`a Snappy block claims to unpack to ${size} bytes`)
  if (size === 0) {
    yield Buffer.alloc(0)
    return 0
  }
  yield* unpackElements(block, at, size)
  return size
}

/**
 * A block, piece by piece where it is long (clients that are not Java's send a batch as one). Not by the wasm module that
 * packs: a damaged block ends in a panic there, which keeps its memory, and after some thousands of them the module packs
 * and unpacks nothing any more. A block is made of elements, whose tags say in their low two bits what follows. 0: literals,
 * their length less one in the upper six bits or, from 60 on, in one to four bytes more; 1: a copy of 4 to 11 bytes from up
 * to 2 KiB before; 2 and 3: one of up to 64 bytes, with the distance in two or four bytes. All encoders look back 64 KiB at
 * most. Source: format_description.txt of google/snappy.
 */
function* unpackElements(block: Buffer, start: number, size: number): Generator<Buffer> {
  const damaged = () => new PackingError('a Snappy block is damaged')
  let output = Buffer.allocUnsafeSlow(Math.min(size, historyBytes + pieceBytes))
  /** Of the output: what has not been given away begins at `from`. */
  let from = 0
  let to = 0
  let left = size
  for (let at = start; at < block.length;) {
    const tag = block[at++]!
    const kind = tag & 3
    let length = (tag >>> 2) + 1
    let distance = 0
    const extra = kind === 0 ? Math.max(0, length - 60) : kind === 3 ? 4 : kind
    if (block.length - at < extra) throw damaged()
    const number = extra === 0 ? 0 : block.readUIntLE(at, extra)
    at += extra
    if (kind === 0) {
      if (extra > 0) length = number + 1
      if (length > block.length - at) throw damaged()
    } else if (kind === 1) {
      length = ((tag >>> 2) & 7) + 4
      distance = ((tag >>> 5) << 8) | number
    } else distance = number
    if (length > left || (kind > 0 && (distance === 0 || distance > to))) throw damaged()
    left -= length
    while (length > 0) {
      if (to === output.length) {
        yield output.subarray(from, to)
        const next = Buffer.allocUnsafeSlow(historyBytes + pieceBytes)
        output.copy(next, 0, to - historyBytes, to)
        output = next
        from = to = historyBytes
      }
      const part = Math.min(length, output.length - to)
      if (kind === 0) at += block.copy(output, to, at, at + part)
      else for (let index = 0; index < part; index++) output[to + index] = output[to + index - distance]!
      to += part
      length -= part
    }
  }
  if (left > 0) throw damaged()
  if (to > from) yield output.subarray(from, to)
}
