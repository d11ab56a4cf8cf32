// The formats that Kafka's codecs frame their data in, written by hand, so that every part of a frame can be
// left out, repeated or wrong. Sources: RFC 8878 (zstd), the LZ4 frame format 1.6.4, RFC 1952 (gzip),
// snappy-java's SnappyOutputStream and the Snappy format description.
import { constants, crc32, deflateRawSync, zstdCompressSync } from 'node:zlib'
import { snappyCompress } from '@platformatic/wasm-utils'
import { xxHash32 } from '../../src/wire/kafka/lz4.ts'

export const bytesOf = (hex: string): Buffer => Buffer.from(hex.replaceAll(' ', ''), 'hex')
export const text = (words: string): Buffer => Buffer.from(words)
export const join = (...parts: readonly Buffer[]): Buffer => Buffer.concat(parts)

export function uint32le(value: number): Buffer {
  const bytes = Buffer.alloc(4)
  bytes.writeUInt32LE(value >>> 0)
  return bytes
}

export function int32be(value: number): Buffer {
  const bytes = Buffer.alloc(4)
  bytes.writeInt32BE(value)
  return bytes
}

/** A copy with the byte at `at` (from the end where negative) changed. */
export function flipped(bytes: Buffer, at: number): Buffer {
  const copy = Buffer.from(bytes)
  copy[at < 0 ? copy.length + at : at]! ^= 0x55
  return copy
}

/** Cut into so many parts of nearly one length. */
export function cut(bytes: Buffer, count: number): Buffer[] {
  const size = Math.ceil(bytes.length / count)
  return Array.from({ length: count }, (_, index) => bytes.subarray(index * size, (index + 1) * size))
}

// ------------------------------------------------------------------------------------------- zstd

const { ZSTD_c_checksumFlag, ZSTD_c_contentSizeFlag } = constants

export const zstd = (bytes: Buffer): Buffer => zstdCompressSync(bytes)
export const zstdChecked = (bytes: Buffer): Buffer =>
  zstdCompressSync(bytes, { params: { [ZSTD_c_checksumFlag]: 1 } })
export const zstdUnsized = (bytes: Buffer): Buffer =>
  zstdCompressSync(bytes, { params: { [ZSTD_c_contentSizeFlag]: 0 } })

/** A frame of blocks that are stored as they are. */
export function zstdFrame(
  blocks: readonly Buffer[],
  options: {
    /** Binary logarithm of the window; 17 where absent. */
    windowLog?: number
    dictionaryId?: Buffer
    /** Written as eight bytes. */
    contentSize?: number
    reservedBit?: boolean
    /** 0 stored, 2 compressed, 3 reserved. */
    blockType?: number
    withoutLast?: boolean
  } = {},
): Buffer {
  const { windowLog = 17, dictionaryId = Buffer.alloc(0), contentSize, blockType = 0 } = options
  const flags =
    (contentSize === undefined ? 0 : 0xc0) |
    (options.reservedBit === true ? 8 : 0) |
    [0, 1, 2, 0, 3][dictionaryId.length]!
  const size = Buffer.alloc(contentSize === undefined ? 0 : 8)
  if (contentSize !== undefined) size.writeBigUInt64LE(BigInt(contentSize))
  const written = blocks.map((block, index) => {
    const isLast = index === blocks.length - 1 && options.withoutLast !== true
    return join(uint32le((block.length << 3) | (blockType << 1) | (isLast ? 1 : 0)).subarray(0, 3), block)
  })
  return join(
    bytesOf('28b52ffd'),
    Buffer.from([flags, (windowLog - 10) << 3]),
    dictionaryId,
    size,
    ...written,
  )
}

export const skippable = (content: Buffer, number = 0, claimed = content.length): Buffer =>
  join(uint32le(0x184d2a50 + number), uint32le(claimed), content)

// -------------------------------------------------------------------------------------------- LZ4

/** One block of literals alone. */
export function lz4Literals(bytes: Buffer): Buffer {
  if (bytes.length < 15) return join(Buffer.from([bytes.length << 4]), bytes)
  const rest = bytes.length - 15
  return join(Buffer.from([0xf0, ...Array<number>(Math.floor(rest / 255)).fill(255), rest % 255]), bytes)
}

/** A block that copies `length` bytes (4 and more) from `distance` back, and ends with literals. */
export function lz4Copy(before: Buffer, distance: number, length: number, behind: Buffer): Buffer {
  const head = lz4Literals(before)
  head[0]! |= Math.min(15, length - 4)
  const rest = length - 19
  return join(
    head,
    Buffer.from([distance & 255, distance >>> 8]),
    Buffer.from(rest < 0 ? [] : [...Array<number>(Math.floor(rest / 255)).fill(255), rest % 255]),
    lz4Literals(behind),
  )
}

export interface Lz4Options {
  /** Version 1, independent blocks where absent. */
  flags?: number
  /** Blocks of 64 KiB where absent. */
  descriptor?: number
  contentSize?: number
  /** What stands for the content checksum; `right` computes it. */
  contentChecksum?: 'right' | Buffer
  blockChecksum?: 'right' | Buffer
  dictionaryId?: Buffer
  /** The header's checksum: over flags, descriptor and size; over the magic as well (format 0); or this byte. */
  header?: 'right' | 'over-magic' | number
  /** Blocks are stored as they are. */
  stored?: boolean
  endMark?: Buffer
}

/** A frame of blocks; `blocks` are packed already, `content` is what they unpack to. */
export function lz4Frame(blocks: readonly Buffer[], content: Buffer, options: Lz4Options = {}): Buffer {
  const { contentSize, contentChecksum, blockChecksum, dictionaryId, header = 'right' } = options
  const flags =
    (options.flags ?? 0x60) |
    (blockChecksum === undefined ? 0 : 16) |
    (contentSize === undefined ? 0 : 8) |
    (contentChecksum === undefined ? 0 : 4) |
    (dictionaryId === undefined ? 0 : 1)
  const size = Buffer.alloc(contentSize === undefined ? 0 : 8)
  if (contentSize !== undefined) size.writeBigUInt64LE(BigInt(contentSize))
  const descriptor = join(
    Buffer.from([flags, options.descriptor ?? 0x40]),
    size,
    dictionaryId ?? Buffer.alloc(0),
  )
  const magic = bytesOf('04224d18')
  const sum =
    typeof header === 'number'
      ? header
      : (xxHash32(header === 'right' ? descriptor : join(magic, descriptor)) >>> 8) & 255
  const checksum = (bytes: Buffer, wanted: 'right' | Buffer | undefined) =>
    wanted === undefined ? Buffer.alloc(0) : wanted === 'right' ? uint32le(xxHash32(bytes)) : wanted
  return join(
    magic,
    descriptor,
    Buffer.from([sum]),
    ...blocks.flatMap(block => [
      uint32le(block.length | (options.stored === true ? 0x80000000 : 0)),
      block,
      checksum(block, blockChecksum),
    ]),
    options.endMark ?? uint32le(0),
    checksum(content, contentChecksum),
  )
}

/** A frame of one block of literals. */
export const lz4 = (bytes: Buffer, options: Lz4Options = {}): Buffer =>
  lz4Frame(bytes.length === 0 ? [] : [options.stored === true ? bytes : lz4Literals(bytes)], bytes, options)

// ------------------------------------------------------------------------------------------- gzip

export interface GzipOptions {
  flags?: number
  method?: number
  extra?: Buffer
  name?: string
  comment?: string
  headerChecksum?: 'right' | 'wrong'
  deflated?: Buffer
  trailer?: Buffer
  level?: number
}

export function gzip(bytes: Buffer, options: GzipOptions = {}): Buffer {
  const { extra, name, comment, headerChecksum } = options
  const flags =
    (options.flags ?? 0) |
    (headerChecksum === undefined ? 0 : 2) |
    (extra === undefined ? 0 : 4) |
    (name === undefined ? 0 : 8) |
    (comment === undefined ? 0 : 16)
  const head = join(
    Buffer.from([0x1f, 0x8b, options.method ?? 8, flags, 0, 0, 0, 0, 0, 255]),
    extra === undefined
      ? Buffer.alloc(0)
      : join(Buffer.from([extra.length & 255, extra.length >>> 8]), extra),
    text(name === undefined ? '' : `${name}\0`),
    text(comment === undefined ? '' : `${comment}\0`),
  )
  const sum = (crc32(head) & 0xffff) ^ (headerChecksum === 'wrong' ? 1 : 0)
  return join(
    head,
    headerChecksum === undefined ? Buffer.alloc(0) : Buffer.from([sum & 255, sum >>> 8]),
    options.deflated ?? deflateRawSync(bytes, { level: options.level ?? 6 }),
    options.trailer ?? join(uint32le(crc32(bytes)), uint32le(bytes.length)),
  )
}

// ----------------------------------------------------------------------------------------- Snappy

export const snappyBlock = (bytes: Buffer): Buffer =>
  bytes.length === 0 ? Buffer.from([0]) : Buffer.from(snappyCompress(bytes))

export const xerialHeader = (version = 1, lowest = 1): Buffer =>
  join(bytesOf('82 53 4e 41 50 50 59 00'), int32be(version), int32be(lowest))

export const xerialChunk = (block: Buffer, claimed = block.length): Buffer => join(int32be(claimed), block)

export const xerial = (parts: readonly Buffer[], version = 1, lowest = 1): Buffer =>
  join(xerialHeader(version, lowest), ...parts.map(part => xerialChunk(snappyBlock(part))))
