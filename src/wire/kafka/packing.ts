// Packing in steps of some milliseconds, for whoever must not keep the event loop: what a codec takes whole is given to it
// piece by piece. Up to one step the bytes are those of packing in one go.
import { lz4Compress } from '@platformatic/wasm-utils'
import { constants, Gzip, ZstdCompress } from 'node:zlib'
import { compress, type Compression } from './compression.ts'
import { PackingError } from './format-error.ts'
import { compressSnappy } from './snappy.ts'
import type { ZlibInside } from './unpacked-frames.ts'

/** A multiple of the blocks of Snappy. */
const stepBytes = 262_144
const outputBytes = 65_536
/** Magic, flags, block size and checksum of a frame of LZ4; and the end mark behind its blocks. */
const lz4HeaderBytes = 7
const lz4EndBytes = 4
const snappyHeaderBytes = 16

/** As `compress`. Throws PackingError. */
export function* packInSteps(
  bytes: Buffer,
  codec: Compression,
  magic: number,
  level?: number,
): Generator<void, Buffer> {
  if (codec === 'none' || bytes.length <= stepBytes) return compress(bytes, codec, magic, level)
  switch (codec) {
    case 'gzip':
      return yield* packedBy(new Gzip(level === undefined ? {} : { level }), bytes, {
        more: constants.Z_NO_FLUSH,
        end: constants.Z_FINISH,
      })
    case 'zstd': {
      const params = level === undefined ? {} : { params: { [constants.ZSTD_c_compressionLevel]: level } }
      return yield* packedBy(new ZstdCompress({ pledgedSrcSize: bytes.length, ...params }), bytes, {
        more: constants.ZSTD_e_continue,
        end: constants.ZSTD_e_end,
      })
    }
    case 'snappy':
      return yield* joined(bytes, compressSnappy, snappyHeaderBytes, 0)
    case 'lz4': {
      // Its blocks do not know of one another. The first header allows the largest.
      const frame = yield* joined(bytes, lz4Compress, lz4HeaderBytes, lz4EndBytes)
      if (magic === 0) compress(bytes.subarray(0, stepBytes), 'lz4', 0).copy(frame, 0, 0, lz4HeaderBytes)
      return frame
    }
  }
}

/** Pieces that were packed by themselves, without the beginnings and endings between them. */
function* joined(
  bytes: Buffer,
  pack: (piece: Buffer) => Buffer,
  headerBytes: number,
  endBytes: number,
): Generator<void, Buffer> {
  const parts: Buffer[] = []
  for (let at = 0; at < bytes.length; at += stepBytes) {
    if (at > 0) yield
    const packed = pack(bytes.subarray(at, at + stepBytes))
    const isLast = at + stepBytes >= bytes.length
    parts.push(packed.subarray(at === 0 ? 0 : headerBytes, packed.length - (isLast ? 0 : endBytes)))
  }
  return Buffer.concat(parts)
}

function* packedBy(
  engine: Gzip | ZstdCompress,
  bytes: Buffer,
  flush: { readonly more: number; readonly end: number },
): Generator<void, Buffer> {
  const { _handle: handle, _writeState: state } = engine as unknown as ZlibInside
  let failure: string | null = null
  Object.assign(handle, { onerror: (message: string) => (failure = message) })
  const parts: Buffer[] = []
  try {
    for (let from = 0; from < bytes.length; from += stepBytes) {
      if (from > 0) yield
      const end = Math.min(from + stepBytes, bytes.length)
      let at = from
      for (let room = 0; room === 0;) {
        const output = Buffer.allocUnsafeSlow(outputBytes)
        handle.writeSync(
          end === bytes.length ? flush.end : flush.more,
          bytes,
          at,
          end - at,
          output,
          0,
          outputBytes,
        )
        if (failure !== null) throw new PackingError(`records cannot be packed: ${String(failure)}`)
        room = state[0]!
        at = end - state[1]!
        parts.push(output.subarray(0, outputBytes - room))
      }
    }
  } finally {
    handle.close()
  }
  return Buffer.concat(parts)
}
