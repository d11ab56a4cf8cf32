// The codecs of record batches and message sets, by their number in the attributes. All of them work at
// once, in the calling thread.
import { constants, gzipSync, zstdCompressSync } from 'node:zlib'
import { PackingError } from './format-error.ts'
import { unpackGzip } from './gzip.ts'
import { compressLz4, unpackLz4 } from './lz4.ts'
import { compressSnappy, unpackSnappy } from './snappy.ts'
import { unpackZstd, windowBytes } from './zstd.ts'

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
 * Unpacks piece by piece, each made when it is asked for; none is empty where there is something. Takes what Kafka's Java client takes of the framings
 * there are. Throws PackingError on damaged data, an unknown codec, and above `maxBytes` of output. `magic` is the message
 * format: LZ4's header checksum counts from format 1 on.
 */
export function unpack(
  bytes: Buffer,
  codecNumber: number,
  magic: number,
  maxBytes: number,
): Iterator<Buffer> {
  switch (compressions[codecNumber]) {
    case 'none':
      return [bytes].values()
    case 'gzip':
      return unpackGzip(bytes, maxBytes)
    case 'snappy':
      return unpackSnappy(bytes, maxBytes)
    case 'lz4':
      return unpackLz4(bytes, magic, maxBytes)
    case 'zstd':
      if (magic >= 2) return unpackZstd(bytes, maxBytes)
  }
  throw new PackingError(
    `records are packed with codec ${codecNumber}, which message format ${magic} does not have`,
  )
}

/** A decoder that keeps more is counted. */
const uncountedBytes = 2_097_152

/** How much memory the decoder of the packed bytes takes beside what it gives; 0 where that is not worth counting. */
export function decoderBytes(bytes: Buffer, codecNumber: number): number {
  const kept = compressions[codecNumber] === 'zstd' ? windowBytes(bytes) : 0
  return kept > uncountedBytes ? kept : 0
}
