// The codecs of record batches and message sets, by their number in the attributes. All of them work at
// once, in the calling thread.
import { constants, gzipSync, zstdCompressSync } from 'node:zlib'
import { PackingError } from './format-error.ts'
import { decompressGzip } from './gzip.ts'
import { compressLz4, decompressLz4 } from './lz4.ts'
import { compressSnappy, decompressSnappy } from './snappy.ts'
import { decompressZstd } from './zstd.ts'

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

/**
 * Takes what Kafka's Java client takes of the framings there are. Throws PackingError on damaged data, an unknown codec,
 * and above `maxBytes` of output. `magic` is the message format: LZ4's header checksum counts from format 1 on.
 */
export function decompress(bytes: Buffer, codecNumber: number, magic: number, maxBytes: number): Buffer {
  switch (compressions[codecNumber]) {
    case 'none':
      return bytes
    case 'gzip':
      return decompressGzip(bytes, maxBytes)
    case 'snappy':
      return decompressSnappy(bytes, maxBytes)
    case 'lz4':
      return decompressLz4(bytes, magic, maxBytes)
    case 'zstd':
      if (magic >= 2) return decompressZstd(bytes, maxBytes)
  }
  throw new PackingError(
    `records are packed with codec ${codecNumber}, which message format ${magic} does not have`,
  )
}
