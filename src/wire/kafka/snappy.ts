// Snappy as Kafka's Java clients write it: the framing of snappy-java ("xerial"), readers also take one
// bare block as other clients send it.
//
//   82 53 4e 41 50 50 59 00 | version int32 = 1 | lowest reader int32 = 1 | blocks
//   block: size int32 (big-endian) | raw Snappy, which starts with its unpacked size as a varint
import { snappyCompress, snappyDecompress } from '@platformatic/wasm-utils'
import { PackingError } from './format-error.ts'

/** Its versions are not looked at. Streams may follow one another, each with a header. */
const header = Buffer.from('82534e41505059000000000100000001', 'hex')
/** By it readers know the header of a stream where a size is due. */
const headerBegin = header.readUInt32BE(0)
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
    return yield unpack(bytes, maxBytes, maxBytes)
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
    const part = unpack(bytes.subarray(at, at + size), left, maxBytes)
    left -= part.length
    at += size
    yield part
  }
}

function unpack(block: Buffer, left: number, maxBytes: number): Buffer {
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
  if (size === 0) return Buffer.alloc(0)
  let unpacked: Buffer
  try {
    unpacked = snappyDecompress(block)
  } catch (error) {
    throw new PackingError('a Snappy block is damaged', { cause: error })
  }
  if (unpacked.length !== size) throw new PackingError('a Snappy block is damaged')
  return unpacked
}
