// The codecs of record batches and message sets, by their number in the attributes. All of them work at
// once, in the calling thread.
import { constants, gunzipSync, gzipSync, zstdCompressSync, zstdDecompressSync } from 'node:zlib'
import { FormatError } from './format-error.ts'
import { compressLz4, decompressLz4 } from './lz4.ts'
import { compressSnappy, decompressSnappy } from './snappy.ts'

/** In the order of their numbers, with the names that `compression.type` knows. */
export const compressions = ['none', 'gzip', 'snappy', 'lz4', 'zstd'] as const
export type Compression = (typeof compressions)[number]

/** Most bytes that one batch may unpack to where the caller sets no other limit: 128 MiB. */
export const defaultMaxUnpackedBytes = 134217728

/** `magic` is the message format: LZ4 has a broken header checksum in format 0. */
export function compress(bytes: Buffer, codec: Compression, magic: number, level?: number): Buffer {
  switch (codec) {
    case 'none':
      return bytes
    case 'gzip':
      return gzipSync(bytes, level === undefined ? {} : { level })
    case 'snappy':
      return compressSnappy(bytes)
    case 'lz4':
      return compressLz4(bytes, magic === 0)
    case 'zstd':
      return zstdCompressSync(
        bytes,
        level === undefined ? {} : { params: { [constants.ZSTD_c_compressionLevel]: level } },
      )
  }
}

/** Throws FormatError on damaged data, an unknown codec, and above `maxBytes` of output. */
export function decompress(bytes: Buffer, codecNumber: number, maxBytes: number): Buffer {
  switch (compressions[codecNumber]) {
    case 'none':
      return bytes
    case 'gzip':
      return guard('gzip', maxBytes, () => gunzipSync(bytes, { maxOutputLength: maxBytes }))
    case 'snappy':
      return decompressSnappy(bytes, maxBytes)
    case 'lz4':
      return decompressLz4(bytes, maxBytes)
    case 'zstd':
      return guard('zstd', maxBytes, () => zstdDecompressSync(bytes, { maxOutputLength: maxBytes }))
    default:
      throw new FormatError(`records are packed with codec ${codecNumber}, which nobody has defined`)
  }
}

function guard(name: string, maxBytes: number, run: () => Buffer): Buffer {
  try {
    return run()
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException
    const problem =
      code === 'ERR_BUFFER_TOO_LARGE'
        ? `unpack to more than the ${maxBytes} bytes allowed`
        : `are damaged: ${message}`
    throw new FormatError(`${name} data ${problem}`, { cause: error })
  }
}
