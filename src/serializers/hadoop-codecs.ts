// Codecs of Hadoop as its files hold them (hadoop-common 3.3, org.apache.hadoop.io.compress):
//
//   gzip, zstd      frames of their own formats, any number one after another
//   deflate         zlib streams (RFC 1950), one after another
//   snappy, lz4     blocks: unpacked size int32 (big-endian), packed size int32, raw block of the codec
import { lz4Compress, snappyCompress } from '@platformatic/wasm-utils'
import { deflateSync } from 'node:zlib'
import { field, type Common, type Made } from '../fields.ts'
import { packStream } from '../wire/kafka/packing.ts'
import type { Steps } from '../wire/kafka/record.ts'

export interface HadoopCodec {
  /** Its class, as files of records name it. */
  readonly javaClass: string
  /** Of its files, with the dot. */
  readonly extension: string
  /** In steps of some milliseconds; what they give can follow what was packed before. */
  readonly pack: (bytes: Buffer) => Steps<Buffer>
}

/** Readers unpack a block into a buffer of 256 KiB. */
const blockBytes = 131_072
/** Of a frame of LZ4 with one block: what is before the block's size; the bit that says the block is not packed. */
const lz4HeaderBytes = 7
const lz4StoredBit = 0x80000000

function* inPieces(bytes: Buffer, pack: (piece: Buffer) => Buffer[]): Steps<Buffer> {
  const parts: Buffer[] = []
  for (let at = 0; at < bytes.length; at += blockBytes) {
    if (at > 0) yield
    parts.push(...pack(bytes.subarray(at, at + blockBytes)))
  }
  return Buffer.concat(parts)
}

const blocksOf = (packBlock: (piece: Buffer) => Buffer) => (bytes: Buffer) =>
  inPieces(bytes, piece => {
    const block = packBlock(piece)
    const sizes = Buffer.alloc(8)
    sizes.writeUInt32BE(piece.length, 0)
    sizes.writeUInt32BE(block.length, 4)
    return [sizes, block]
  })

/** The block alone, out of a frame. */
function lz4Block(piece: Buffer): Buffer {
  const frame = lz4Compress(piece)
  const size = frame.readUInt32LE(lz4HeaderBytes)
  if ((size & lz4StoredBit) === 0) return frame.subarray(lz4HeaderBytes + 4, lz4HeaderBytes + 4 + size)
  // Literals alone: a token of 15, then 255s and a rest that add up to their number.
  if (piece.length < 15) return Buffer.concat([Buffer.from([piece.length << 4]), piece])
  const more = piece.length - 15
  const lengths = Buffer.alloc(1 + Math.floor(more / 255), 255)
  lengths[lengths.length - 1] = more % 255
  return Buffer.concat([Buffer.from([0xf0]), lengths, piece])
}

const codecs: Readonly<Record<string, HadoopCodec>> = {
  gzip: { javaClass: 'GzipCodec', extension: '.gz', pack: bytes => packStream('gzip', bytes) },
  deflate: {
    javaClass: 'DefaultCodec',
    extension: '.deflate',
    pack: bytes => inPieces(bytes, piece => [deflateSync(piece)]),
  },
  snappy: { javaClass: 'SnappyCodec', extension: '.snappy', pack: blocksOf(snappyCompress) },
  lz4: { javaClass: 'Lz4Codec', extension: '.lz4', pack: blocksOf(lz4Block) },
  zstandard: { javaClass: 'ZStandardCodec', extension: '.zst', pack: bytes => packStream('zstd', bytes) },
}
const javaPackage = 'org.apache.hadoop.io.compress.'
/** Other names of the same; and codecs that are known and cannot be had. */
const synonyms: Readonly<Record<string, string>> = { default: 'deflate', zstd: 'zstandard' }
const absent = ['bzip2', 'lzo', 'lzop']
const names = Object.keys(codecs).join(', ')

/** An option that names a codec, as Flume finds it: by its class, or by the class's name without Codec, in any case. */
export const codecField = <const C extends Common<HadoopCodec>>(about: C): Made<HadoopCodec, C> =>
  field<HadoopCodec, C>('choice', names, about, raw => {
    const written = raw.trim()
    const short = written.slice(written.lastIndexOf('.') + 1).toLowerCase()
    const name = short.endsWith('codec') ? short.slice(0, -'codec'.length) : short
    const found = codecs[synonyms[name] ?? name]
    if (found !== undefined) return { value: { ...found, javaClass: `${javaPackage}${found.javaClass}` } }
    return absent.includes(name)
      ? {
          problem: `Millrace cannot write ${name}`,
          fix: `write one of: ${names}; of these, gzip is read everywhere`,
        }
      : { problem: `"${raw}" is no codec of Hadoop that is known here`, fix: `write one of: ${names}` }
  })
