// Packing in steps of some milliseconds, for whoever must not keep the event loop: what a codec takes whole is given to it
// piece by piece. Up to one step the bytes are those of packing in one go.
import { lz4Compress } from '@platformatic/wasm-utils'
import { constants, DeflateRaw, Gzip, ZstdCompress } from 'node:zlib'
import { compress, type Compression } from './compression.ts'
import { PackingError } from './format-error.ts'
import type { Steps, ZstdTask } from './record.ts'
import { compressSnappy } from './snappy.ts'
import type { ZlibInside } from './unpacked-frames.ts'

/** Bytes of a step: a multiple of the blocks of Snappy. */
const stepBytes = 262_144
/** Of gzip: at level 9, text of two letters takes 4 ms a kilobyte. */
const gzipStepBytes = 8192
/** Above this level, one block of zstd may take longer than a turn of the event loop: the thread pool packs. */
const quickLevel = 9
/** Windows of 2 MiB: at level 22, the tables of a larger one take hundreds of megabytes. */
const mostWindowLog = 21
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
): Steps<Buffer> {
  if (codec === 'zstd' && level !== undefined && level > quickLevel) return yield* packedByPool(bytes, level)
  if (codec === 'none' || bytes.length <= (codec === 'gzip' ? gzipStepBytes : stepBytes))
    return compress(bytes, codec, magic, level)
  switch (codec) {
    case 'gzip':
    case 'zstd':
      return yield* packStream(codec, bytes, level)
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

/** One member of gzip, its deflated data alone, or one frame of zstd, at the usual level where none is given. */
export function* packStream(
  format: 'gzip' | 'deflate' | 'zstd',
  bytes: Buffer,
  level?: number,
): Generator<void, Buffer> {
  if (format === 'zstd') {
    const params = level === undefined ? {} : { params: { [constants.ZSTD_c_compressionLevel]: level } }
    return yield* packedBy(new ZstdCompress({ pledgedSrcSize: bytes.length, ...params }), bytes, stepBytes, {
      more: constants.ZSTD_e_continue,
      end: constants.ZSTD_e_end,
    })
  }
  const options = level === undefined ? {} : { level }
  return yield* packedBy(
    format === 'gzip' ? new Gzip(options) : new DeflateRaw(options),
    bytes,
    gzipStepBytes,
    {
      more: constants.Z_NO_FLUSH,
      end: constants.Z_FINISH,
    },
  )
}

function* packedByPool(bytes: Buffer, level: number): Steps<Buffer> {
  const task: ZstdTask = {
    bytes,
    options: {
      pledgedSrcSize: bytes.length,
      params: {
        [constants.ZSTD_c_compressionLevel]: level,
        [constants.ZSTD_c_windowLog]: Math.min(mostWindowLog, Math.max(10, 32 - Math.clz32(bytes.length))),
      },
    },
    packed: null,
  }
  yield task
  if (task.packed === null) throw new PackingError('records cannot be packed by zstd')
  return task.packed
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
  engine: Gzip | DeflateRaw | ZstdCompress,
  bytes: Buffer,
  step: number,
  flush: { readonly more: number; readonly end: number },
): Generator<void, Buffer> {
  const { _handle: handle, _writeState: state } = engine as unknown as ZlibInside
  let failure: string | null = null
  Object.assign(handle, { onerror: (message: string) => (failure = message) })
  const parts: Buffer[] = []
  try {
    let output = Buffer.allocUnsafeSlow(outputBytes)
    let room = outputBytes
    for (let from = 0; from === 0 || from < bytes.length; from += step) {
      if (from > 0) yield
      const end = Math.min(from + step, bytes.length)
      let at = from
      for (;;) {
        const how = end === bytes.length ? flush.end : flush.more
        handle.writeSync(how, bytes, at, end - at, output, outputBytes - room, room)
        if (failure !== null) throw new PackingError(`records cannot be packed: ${String(failure)}`)
        room = state[0]!
        at = end - state[1]!
        if (room > 0) break
        parts.push(output)
        output = Buffer.allocUnsafeSlow(outputBytes)
        room = outputBytes
      }
    }
    parts.push(output.subarray(0, outputBytes - room))
  } finally {
    handle.close()
  }
  return Buffer.concat(parts)
}
