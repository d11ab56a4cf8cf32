// Every way to frame packed records that a producer may come up with, per codec and message format, right and wrong.
// Each case is one entry of three records (where it says nothing else) as a Produce request carries it.
import { crc32, deflateSync } from 'node:zlib'
import { compressions, type Compression } from '../../src/wire/kafka/compression.ts'
import { crc32c } from '../../src/wire/kafka/crc32c.ts'
import { recordsBuilder } from '../../src/wire/kafka/record-set.ts'
import * as f from './frames.ts'

export interface FramingCase {
  readonly name: string
  readonly magic: 0 | 1 | 2
  readonly records: Buffer
}

const { bytesOf, cut, flipped, join, text, uint32le } = f

/** The records of an entry before they are packed. */
function plain(magic: 0 | 1 | 2, values: readonly string[]): Buffer {
  const builder = recordsBuilder(magic)
  for (const value of values) builder.append({ timestamp: 1_600_000_000_000, key: null, value: text(value) })
  return builder.finish().subarray(magic === 2 ? 61 : 0)
}

/** An entry whose packed records are these bytes, whatever they are. */
function entry(magic: 0 | 1 | 2, codec: number, packed: Buffer, count = 3): Buffer {
  if (magic === 2) {
    const batch = join(Buffer.alloc(61), packed)
    batch.writeInt32BE(batch.length - 12, 8)
    batch.writeInt32BE(-1, 12)
    batch[16] = 2
    batch.writeInt16BE(codec, 21)
    batch.writeInt32BE(count - 1, 23)
    batch.writeBigInt64BE(1_600_000_000_000n, 27)
    batch.writeBigInt64BE(1_600_000_000_000n, 35)
    batch.writeBigInt64BE(-1n, 43)
    batch.writeInt16BE(-1, 51)
    batch.writeInt32BE(-1, 53)
    batch.writeInt32BE(count, 57)
    batch.writeUInt32BE(crc32c(batch, 21), 17)
    return batch
  }
  const time = Buffer.alloc(magic === 1 ? 8 : 0)
  if (magic === 1) time.writeBigInt64BE(1_600_000_000_000n)
  const body = join(Buffer.from([magic, codec]), time, f.int32be(-1), f.int32be(packed.length), packed)
  const head = Buffer.alloc(16)
  head.writeBigInt64BE(BigInt(count - 1))
  head.writeInt32BE(body.length + 4, 8)
  head.writeUInt32BE(crc32(body), 12)
  return join(head, body)
}

const short = ['one', 'two', 'three']
/** Values that no codec makes much smaller: a row of numbers written out. */
const long = (bytes: number): string[] => {
  let [state, words] = [1, '']
  while (words.length < bytes) words += (state = (state * 48271) % 2147483647).toString(36)
  return [0, 1, 2].map(part => words.slice((part * bytes) / 3, ((part + 1) * bytes) / 3))
}
/** Values that pack well. */
const dense = (bytes: number): string[] => ['a', 'b', 'c'].map(letter => letter.repeat(bytes / 3))

type Packed = readonly (readonly [name: string, packed: Buffer])[]
const junk = text('not a frame at all, but forty and more bytes')
const zeros = (count: number): Buffer => Buffer.alloc(count)

function zstdCases(all: Buffer, extra: Buffer): Packed {
  const [first, second] = cut(all, 2) as [Buffer, Buffer]
  const parts = cut(all, 3)
  const whole = f.zstd(all)
  const large = plain(2, long(300_000))
  return [
    ['one frame', whole],
    ['two frames', join(f.zstd(first), f.zstd(second))],
    ['three frames', join(...parts.map(part => f.zstd(part)))],
    ['a frame a byte', join(...[...all].map(byte => f.zstd(Buffer.from([byte]))))],
    ['a skippable frame first', join(f.skippable(text('skip')), whole)],
    ['a skippable frame of another number first', join(f.skippable(text('skip'), 15), whole)],
    ['an empty skippable frame first', join(f.skippable(zeros(0)), whole)],
    ['a skippable frame last', join(whole, f.skippable(text('skip')))],
    ['a skippable frame between', join(f.zstd(first), f.skippable(text('skip')), f.zstd(second))],
    [
      'skippable frames first, between and last',
      join(
        f.skippable(junk),
        f.zstd(first),
        f.skippable(junk),
        f.skippable(junk),
        f.zstd(second),
        f.skippable(junk),
      ),
    ],
    ['a skippable frame alone', f.skippable(text('skip'))],
    ['a skippable frame last that is cut off', join(whole, f.skippable(text('skip'), 0, 9))],
    ['a skippable frame first that claims all', join(f.skippable(text('skip'), 0, 4000), whole)],
    ['an empty frame first', join(f.zstd(zeros(0)), whole)],
    ['an empty frame last', join(whole, f.zstd(zeros(0)))],
    [
      'empty frames first, between and last',
      join(f.zstd(zeros(0)), f.zstd(first), f.zstd(zeros(0)), f.zstd(second), f.zstd(zeros(0))),
    ],
    ['an empty frame alone', f.zstd(zeros(0))],
    ['no bytes at all', zeros(0)],
    ['without content size', f.zstdUnsized(all)],
    ['two frames without content size', join(f.zstdUnsized(first), f.zstdUnsized(second))],
    ['with a checksum', f.zstdChecked(all)],
    ['two frames with checksums', join(f.zstdChecked(first), f.zstdChecked(second))],
    ['with a wrong checksum', flipped(f.zstdChecked(all), -1)],
    ['with a checksum that is cut off', f.zstdChecked(all).subarray(0, -2)],
    [
      'the second frame with a wrong checksum',
      join(f.zstdChecked(first), flipped(f.zstdChecked(second), -1)),
    ],
    ['with a content size that is right', f.zstdFrame([all], { contentSize: all.length })],
    ['with a content size that is too small', f.zstdFrame([all], { contentSize: all.length - 1 })],
    ['with a content size that is too large', f.zstdFrame([all], { contentSize: all.length + 1 })],
    ['with a content size beyond all bounds', f.zstdFrame([all], { contentSize: 2 ** 52 })],
    ['stored blocks', f.zstdFrame(parts)],
    ['an empty last block', f.zstdFrame([all, zeros(0)])],
    ['a block of the reserved type', f.zstdFrame([all], { blockType: 3 })],
    ['a block that claims to be packed and is not', f.zstdFrame([all], { blockType: 2 })],
    ['a last block that is missing', f.zstdFrame([all], { withoutLast: true })],
    ['a frame that is cut off', whole.subarray(0, -3)],
    ['a second frame that is cut off', join(f.zstd(first), f.zstd(second).subarray(0, -3))],
    ['a second frame that is damaged', join(f.zstd(first), f.zstdFrame([second], { blockType: 3 }))],
    ['a reserved bit in the header', f.zstdFrame([all], { reservedBit: true })],
    ['a dictionary id of one byte, 0', f.zstdFrame([all], { dictionaryId: Buffer.from([0]) })],
    ['a dictionary id of one byte', f.zstdFrame([all], { dictionaryId: Buffer.from([7]) })],
    ['a dictionary id of two bytes', f.zstdFrame([all], { dictionaryId: Buffer.from([7, 1]) })],
    ['a dictionary id of four bytes', f.zstdFrame([all], { dictionaryId: uint32le(70_000) })],
    [
      'a second frame with a dictionary id',
      join(f.zstd(first), f.zstdFrame([second], { dictionaryId: Buffer.from([7]) })),
    ],
    ['a window of 8 MiB', f.zstdFrame([all], { windowLog: 23 })],
    ['a window of 128 MiB', f.zstdFrame([all], { windowLog: 27 })],
    ['a window of 256 MiB', f.zstdFrame([all], { windowLog: 28 })],
    ['a window of 2 TiB', f.zstdFrame([all], { windowLog: 41 })],
    ['one zero byte behind', join(whole, zeros(1))],
    ['four zero bytes behind', join(whole, zeros(4))],
    ['text behind', join(whole, junk)],
    ['the begin of a magic behind', join(whole, bytesOf('28b5'))],
    ['a magic behind', join(whole, bytesOf('28b52ffd'))],
    ['text before', join(junk, whole)],
    ['text alone', junk],
    ['a gzip member', f.gzip(all)],
    ['a frame more with a record more', join(whole, f.zstd(extra))],
    ['a frame more with a record more, cut off', join(whole, f.zstd(extra).subarray(0, -2))],
    ['a frame less', f.zstd(first)],
    // 131075 bytes are read at once: only in the first of these the end of the last frame is in the same read.
    [
      'a frame behind 131 kB, and one more that is cut off',
      join(f.skippable(zeros(131_067)), whole, f.zstd(extra).subarray(0, 9)),
    ],
    [
      'a frame up to 131 kB, and one more that is cut off',
      join(f.skippable(zeros(131_067 - whole.length - 5)), whole, f.zstd(extra).subarray(0, 9)),
    ],
    ['300 kB in one frame, and one more that is cut off', join(f.zstd(large), f.zstd(extra).subarray(0, 9))],
    ['300 kB in one frame', f.zstd(large)],
    ['300 kB in two frames', join(...cut(large, 2).map(part => f.zstd(part)))],
    [
      '300 kB that pack well in two frames',
      join(...cut(plain(2, dense(300_000)), 2).map(part => f.zstd(part))),
    ],
  ]
}

function gzipCases(all: Buffer, extra: Buffer): Packed {
  const [first, second] = cut(all, 2) as [Buffer, Buffer]
  const whole = f.gzip(all)
  const large = cut(plain(2, long(300_000)), 2)
  return [
    ['one member', whole],
    ['two members', join(f.gzip(first), f.gzip(second))],
    ['three members', join(...cut(all, 3).map(part => f.gzip(part)))],
    ['a member a byte', join(...[...all].map(byte => f.gzip(Buffer.from([byte]))))],
    ['an empty member first', join(f.gzip(zeros(0)), whole)],
    ['an empty member last', join(whole, f.gzip(zeros(0)))],
    ['an empty member alone', f.gzip(zeros(0))],
    ['no bytes at all', zeros(0)],
    ['stored', f.gzip(all, { level: 0 })],
    ['with FNAME', f.gzip(all, { name: 'records' })],
    ['with FCOMMENT', f.gzip(all, { comment: 'three records' })],
    ['with FEXTRA', f.gzip(all, { extra: bytesOf('414202000102') })],
    ['with an empty FEXTRA', f.gzip(all, { extra: zeros(0) })],
    ['with FHCRC', f.gzip(all, { headerChecksum: 'right' })],
    ['with a wrong FHCRC', f.gzip(all, { headerChecksum: 'wrong' })],
    [
      'with every field',
      f.gzip(all, { flags: 1, name: 'n', comment: 'c', extra: text('e'), headerChecksum: 'right' }),
    ],
    [
      'two members with every field',
      join(
        ...[first, second].map(part =>
          f.gzip(part, { flags: 1, name: 'n', comment: 'c', extra: text('e'), headerChecksum: 'right' }),
        ),
      ),
    ],
    ['with FTEXT', f.gzip(all, { flags: 1 })],
    ['with a reserved flag', f.gzip(all, { flags: 0x20 })],
    ['with all reserved flags', f.gzip(all, { flags: 0xe0 })],
    [
      'with FNAME that does not end',
      f.gzip(zeros(0), { flags: 8, deflated: zeros(0), trailer: text('nnnn') }),
    ],
    [
      'with FEXTRA that does not end',
      f.gzip(zeros(0), { flags: 4, deflated: zeros(0), trailer: bytesOf('ff000102') }),
    ],
    ['with another method', f.gzip(all, { method: 7 })],
    ['with a wrong checksum', f.gzip(all, { trailer: join(uint32le(1), uint32le(all.length)) })],
    ['with a wrong size', f.gzip(all, { trailer: join(uint32le(crc32(all)), uint32le(1)) })],
    [
      'the first member with a wrong checksum',
      join(f.gzip(first, { trailer: join(uint32le(1), uint32le(first.length)) }), f.gzip(second)),
    ],
    [
      'the second member with a wrong checksum',
      join(f.gzip(first), f.gzip(second, { trailer: join(uint32le(1), uint32le(second.length)) })),
    ],
    ['a trailer that is cut off', whole.subarray(0, -3)],
    ['without a trailer', whole.subarray(0, -8)],
    ['a member that is cut off', whole.subarray(0, -12)],
    ['a second member that is cut off', join(f.gzip(first), f.gzip(second).subarray(0, -12))],
    ['a second member of another method', join(f.gzip(first), f.gzip(second, { method: 7 }))],
    [
      'a second member that is damaged',
      join(f.gzip(first), f.gzip(second, { deflated: bytesOf('ffffffffff') })),
    ],
    ['a second member with a wrong FHCRC', join(f.gzip(first), f.gzip(second, { headerChecksum: 'wrong' }))],
    ['a member with a wrong FHCRC behind', join(whole, f.gzip(junk, { headerChecksum: 'wrong' }))],
    [
      'a member with FNAME that does not end behind',
      join(whole, f.gzip(zeros(0), { flags: 8, deflated: zeros(0), trailer: junk })),
    ],
    [
      'a member with FEXTRA that does not end behind',
      join(whole, f.gzip(zeros(0), { flags: 4, deflated: zeros(0), trailer: junk })),
    ],
    ['a header and eight bytes behind', join(whole, bytesOf('1f8b08000000000000ff'), zeros(8))],
    ['a header and nine bytes behind', join(whole, bytesOf('1f8b08000000000000ff'), zeros(9))],
    ['one byte behind', join(whole, text('x'))],
    ['a zero byte behind', join(whole, zeros(1))],
    ['eight zero bytes behind', join(whole, zeros(8))],
    ['forty zero bytes behind', join(whole, zeros(40))],
    ['text behind', join(whole, junk)],
    ['a header behind', join(whole, bytesOf('1f8b08000000000000ff'))],
    ['the begin of a member behind', join(whole, f.gzip(junk).subarray(0, 30))],
    ['a damaged member behind', join(whole, f.gzip(zeros(0), { deflated: bytesOf('ffffffffffffffffff') }))],
    ['a header and zeros behind', join(whole, bytesOf('1f8b08000000000000ff'), zeros(30))],
    ['text before', join(junk, whole)],
    ['text alone', junk],
    ['a zlib stream', deflateSync(all)],
    ['a zstd frame', f.zstd(all)],
    ['a member more with a record more', join(whole, f.gzip(extra))],
    ['a member less', f.gzip(first)],
    ['300 kB in one member', f.gzip(join(...large))],
    ['300 kB in two members', join(...large.map(part => f.gzip(part)))],
    // Java looks for another member in the 8 KiB it has read, and only where more than 26 bytes of them are left.
    ...[8192, 8191, 8190, 8184, 8183, 8182, 8180, 8174, 8170, 8165, 8164, 8160, 8150].map(
      end =>
        [
          `a member that ends at byte ${end} behind its header, and another`,
          memberEndingAt(end, second, first),
        ] as const,
    ),
  ]
}

/** Two members; the deflated bytes of the first, padded by empty stored blocks, take so many bytes. */
function memberEndingAt(end: number, second: Buffer, first: Buffer): Buffer {
  const stored = (bytes: Buffer, isLast: boolean) =>
    join(Buffer.from([isLast ? 1 : 0]), uint32le(bytes.length | (~bytes.length << 16)), bytes)
  const last = stored(first, true)
  // Each empty block takes five bytes; the rest are blocks of fixed codes that hold nothing, ten bits each.
  let rest = end - last.length
  const parts: Buffer[] = []
  while (rest % 5 !== 0) {
    // An empty block of fixed codes (3 + 7 bits) and the begin of a stored one (3 bits, padding, 4 bytes).
    parts.push(bytesOf('020000 00ff ff'.replaceAll(' ', '')))
    rest -= 6
  }
  for (; rest > 0; rest -= 5) parts.push(stored(zeros(0), false))
  return join(f.gzip(first, { deflated: join(...parts, last) }), f.gzip(second))
}

function snappyCases(all: Buffer, extra: Buffer): Packed {
  const [first, second] = cut(all, 2) as [Buffer, Buffer]
  const whole = f.xerial([all])
  const raw = f.snappyBlock(all)
  const large = plain(2, long(300_000))
  return [
    ['xerial, one chunk', whole],
    ['xerial, two chunks', f.xerial([first, second])],
    ['xerial, a chunk a byte', f.xerial([...all].map(byte => Buffer.from([byte])))],
    ['xerial, 300 kB in ten chunks', f.xerial(cut(large, 10))],
    ['xerial, 300 kB in one chunk', f.xerial([large])],
    ['raw', raw],
    ['raw, 300 kB', f.snappyBlock(large)],
    ['raw, 300 kB that pack well', f.snappyBlock(plain(2, dense(300_000)))],
    ['raw, one byte behind', join(raw, text('x'))],
    ['raw, cut off', raw.subarray(0, -1)],
    ['raw, with a size that is too large', join(Buffer.from([all.length + 1]), raw.subarray(1))],
    ['raw, with a size that is too small', join(Buffer.from([all.length - 1]), raw.subarray(1))],
    ['raw, with a size of 2 GiB', join(bytesOf('ffffffff07'), raw.subarray(1))],
    ['raw, with a size of 4 GiB', join(bytesOf('ffffffff0f'), raw.subarray(1))],
    ['raw, with a size that never ends', bytesOf('ffffffffffffffffffff')],
    ['raw, twice', join(f.snappyBlock(first), f.snappyBlock(second))],
    ['raw and empty', Buffer.from([0])],
    ['no bytes at all', zeros(0)],
    ...[
      [2, 1],
      [1, 2],
      [2, 2],
      [1, 0],
      [0, 0],
      [0, 1],
      [-1, -1],
      [1, -1],
      [-1, 1],
      [2147483647, 1],
      [1, 2147483647],
    ].map(
      ([version, lowest]) =>
        [`xerial, version ${version}, lowest reader ${lowest}`, f.xerial([all], version, lowest)] as const,
    ),
    ['xerial, the header alone', f.xerialHeader()],
    ['xerial, the header cut off', f.xerialHeader().subarray(0, 12)],
    ['xerial, the magic alone', f.xerialHeader().subarray(0, 8)],
    ['xerial, another magic', flipped(whole, 7)],
    ['xerial, another first byte', flipped(whole, 0)],
    ['xerial, an empty chunk first', f.xerial([zeros(0), all])],
    ['xerial, an empty chunk last', f.xerial([all, zeros(0)])],
    ['xerial, an empty chunk alone', f.xerial([zeros(0)])],
    ['xerial, a chunk of no bytes first', join(f.xerialHeader(), f.int32be(0), whole.subarray(16))],
    ['xerial, a chunk of no bytes last', join(whole, f.int32be(0))],
    ['xerial, a chunk that is cut off', whole.subarray(0, -2)],
    ['xerial, a second chunk that is cut off', f.xerial([first, second]).subarray(0, -2)],
    ['xerial, a chunk of a negative size', join(f.xerialHeader(), f.xerialChunk(raw, -5))],
    ['xerial, a chunk size beyond the end', join(f.xerialHeader(), f.xerialChunk(raw, raw.length + 100))],
    [
      'xerial, a damaged chunk',
      join(f.xerialHeader(), f.xerialChunk(join(Buffer.from([all.length]), bytesOf('fefefefefefe')))),
    ],
    [
      'xerial, a second chunk that is damaged',
      join(f.xerial([first]), f.xerialChunk(bytesOf('10fefefefefe'))),
    ],
    ...[1, 2, 3].map(count => [`xerial, ${count} bytes behind`, join(whole, zeros(count))] as const),
    ['xerial, text behind', join(whole, junk)],
    ['xerial, a stream behind a stream', join(f.xerial([first]), f.xerial([second]))],
    ['xerial, a stream of another version behind', join(f.xerial([first]), f.xerial([second], 1, 0))],
    ['xerial, a header behind', join(whole, f.xerialHeader())],
    ['xerial, the begin of a header behind', join(whole, f.xerialHeader().subarray(0, 8))],
    ['xerial, two headers behind', join(whole, f.xerialHeader(), f.xerialHeader())],
    ['xerial, a header and a byte behind', join(whole, f.xerialHeader(), zeros(1))],
    ['xerial, a header of another magic behind', join(whole, flipped(f.xerial([extra]), 6))],
    ['xerial, two headers first', join(f.xerialHeader(), whole)],
    [
      "Snappy's own framing",
      join(
        bytesOf('ff060000734e61507059'),
        bytesOf('01'),
        uint32le(all.length + 4).subarray(0, 3),
        uint32le(0),
        all,
      ),
    ],
    ['text alone', junk],
    ['a gzip member', f.gzip(all)],
    ['xerial, a chunk more with a record more', f.xerial([all, extra])],
    ['xerial, a chunk less', f.xerial([first])],
  ]
}

function lz4Cases(all: Buffer, extra: Buffer): Packed {
  const [first, second] = cut(all, 2) as [Buffer, Buffer]
  const whole = f.lz4(all)
  const blocks = [f.lz4Literals(first), f.lz4Literals(second)]
  const large = cut(plain(2, long(180_000)), 3)
  return [
    ['one frame', whole],
    ['two blocks', f.lz4Frame(blocks, all)],
    ['180 kB in three blocks', f.lz4Frame(large.map(f.lz4Literals), join(...large))],
    ['180 kB in one block of at most 256 KiB', f.lz4(join(...large), { descriptor: 0x50 })],
    ['180 kB in one block of at most 64 KiB', f.lz4(join(...large))],
    ['300 kB that pack well', denseLz4()],
    ['stored blocks', f.lz4Frame([first, second], all, { stored: true })],
    [
      'stored blocks with checksums',
      f.lz4Frame([first, second], all, { stored: true, blockChecksum: 'right' }),
    ],
    ['two frames', join(f.lz4(first), f.lz4(second))],
    ['an empty frame first', join(f.lz4(zeros(0)), whole)],
    ['an empty frame last', join(whole, f.lz4(zeros(0)))],
    ['an empty frame alone', f.lz4(zeros(0))],
    ['no bytes at all', zeros(0)],
    ['a skippable frame first', join(f.skippable(text('skip')), whole)],
    ['a skippable frame last', join(whole, f.skippable(text('skip')))],
    ['a skippable frame between', join(f.lz4(first), f.skippable(text('skip')), f.lz4(second))],
    ['a skippable frame alone', f.skippable(text('skip'))],
    ['blocks of at most 64 KiB', f.lz4(all, { descriptor: 0x40 })],
    ['blocks of at most 256 KiB', f.lz4(all, { descriptor: 0x50 })],
    ['blocks of at most 1 MiB', f.lz4(all, { descriptor: 0x60 })],
    ['blocks of at most 4 MiB', f.lz4(all, { descriptor: 0x70 })],
    ...[0, 1, 2, 3].map(
      size => [`block size ${size}, which is reserved`, f.lz4(all, { descriptor: size << 4 })] as const,
    ),
    ['a reserved low bit in BD', f.lz4(all, { descriptor: 0x41 })],
    ['the reserved high bit in BD', f.lz4(all, { descriptor: 0xc0 })],
    ['a reserved bit in FLG', f.lz4(all, { flags: 0x62 })],
    ...[0, 2, 3].map(
      version => [`version ${version}`, f.lz4(all, { flags: (version << 6) | 0x20 })] as const,
    ),
    ['dependent blocks, one', f.lz4(all, { flags: 0x40 })],
    ['dependent blocks, two that are not', f.lz4Frame(blocks, all, { flags: 0x40 })],
    ['dependent blocks, two that are', dependent(0x40)],
    ['blocks that depend and do not say so', dependent(0x60)],
    ['with a content size', f.lz4(all, { contentSize: all.length })],
    ['with a wrong content size', f.lz4(all, { contentSize: 1 })],
    ['with a content checksum', f.lz4(all, { contentChecksum: 'right' })],
    ['with a wrong content checksum', f.lz4(all, { contentChecksum: uint32le(1) })],
    ['with a content checksum that is cut off', f.lz4(all, { contentChecksum: zeros(2) })],
    ['with a content checksum that is missing', f.lz4(all, { contentChecksum: zeros(0) })],
    ['with a block checksum', f.lz4(all, { blockChecksum: 'right' })],
    ['with block checksums', f.lz4Frame(blocks, all, { blockChecksum: 'right' })],
    ['with a wrong block checksum', f.lz4(all, { blockChecksum: uint32le(1) })],
    [
      'with every checksum and size',
      f.lz4Frame(blocks, all, { blockChecksum: 'right', contentChecksum: 'right', contentSize: all.length }),
    ],
    ['with a dictionary id', f.lz4(all, { dictionaryId: uint32le(7) })],
    ["with the header's checksum over the magic too", f.lz4(all, { header: 'over-magic' })],
    [
      "with the header's checksum over the magic too, and a content size",
      f.lz4(all, { header: 'over-magic', contentSize: all.length }),
    ],
    ["with a wrong header's checksum", f.lz4(all, { header: 0 })],
    ['a legacy frame', join(bytesOf('02214c18'), uint32le(f.lz4Literals(all).length), f.lz4Literals(all))],
    ['without an end mark', f.lz4(all, { endMark: zeros(0) })],
    ['an end mark that is cut off', f.lz4(all, { endMark: zeros(2) })],
    ['an end mark with the high bit', f.lz4(all, { endMark: uint32le(0x80000000) })],
    ['a block of no bytes first', f.lz4Frame([zeros(0), ...blocks], all)],
    ['a block that unpacks to nothing first', f.lz4Frame([zeros(1), ...blocks], all)],
    ['a stored block larger than allowed', f.lz4(join(...large), { stored: true })],
    ['a block that is cut off', whole.subarray(0, -6)],
    ['a second block that is cut off', f.lz4Frame(blocks, all).subarray(0, -6)],
    ['a damaged block', f.lz4Frame([join(f.lz4Literals(all), bytesOf('0fffff'))], all)],
    ['a second block that is damaged', f.lz4Frame([f.lz4Literals(first), bytesOf('00ffff00')], all)],
    ['a copy from before the begin', f.lz4Frame([f.lz4Copy(all.subarray(0, 10), 11, 30, junk)], all)],
    ...[0, 1, 4, 5, 6].map(
      count => [`a block that ends with ${count} literals behind a copy`, copying(count)] as const,
    ),
    ...[
      [100, 4],
      [100, 5],
      [4, 8],
      [4, 7],
    ].map(
      ([length, rest]) =>
        [
          `180 kB, a full block with a copy of ${length} and ${rest} literals at its end`,
          fullBlock(length!, rest!),
        ] as const,
    ),
    ['a header that is cut off', whole.subarray(0, 5)],
    ['a header alone', whole.subarray(0, 7)],
    ['one zero byte behind', join(whole, zeros(1))],
    ['four zero bytes behind', join(whole, zeros(4))],
    ['text behind', join(whole, junk)],
    ['text before', join(junk, whole)],
    ['text alone', junk],
    ['a gzip member', f.gzip(all)],
    ['a frame more with a record more', join(whole, f.lz4(extra))],
    [
      'a block more with a record more',
      f.lz4Frame([f.lz4Literals(all), f.lz4Literals(extra)], join(all, extra)),
    ],
    ['a block less', f.lz4(first)],
  ]
}

/** Three long values in blocks of 64 KiB that reach nowhere else, and pack well. */
function denseLz4(): Buffer {
  const bytes = plain(2, dense(300_000))
  const blocks = cut(bytes, 5).map(part => {
    // The letter changes at most once within a part: two runs.
    let run = 1
    while (run < part.length - 20 && (run < 20 || part[run + 18] === part[run + 17])) run++
    const at = run >= part.length - 20 ? 20 : run
    return part.length - at > 40 && part.subarray(at + 20, -8).every(byte => byte === part[at + 19])
      ? f.lz4Copy(part.subarray(0, at + 20), 1, part.length - at - 28, part.subarray(-8))
      : f.lz4Literals(part)
  })
  return f.lz4Frame(blocks, bytes)
}

/** Two blocks, the second of which copies from the first. */
function dependent(flags: number): Buffer {
  const bytes = plain(2, ['x'.repeat(40), 'y', 'x'.repeat(40)])
  const at = bytes.lastIndexOf('x'.repeat(40))
  const head = bytes.subarray(0, at)
  const distance = at - bytes.indexOf('x')
  return f.lz4Frame(
    [f.lz4Literals(head), f.lz4Copy(zeros(0), distance, 35, bytes.subarray(at + 35))],
    bytes,
    { flags },
  )
}

/** Three records, the last of which is one letter copied up to its last bytes, and they are literals. */
function copying(literals: number): Buffer {
  const bytes = plain(2, ['one', 'two', 'z'.repeat(48)])
  // A record ends with the number of its headers.
  const begin = bytes.length - 48
  const end = Math.max(literals, 1)
  const copied = bytes.length - begin - end
  const block = f.lz4Copy(bytes.subarray(0, begin), 1, copied, bytes.subarray(-end))
  return f.lz4Frame([literals === 0 ? block.subarray(0, -2) : block], bytes)
}

/** Three records, the last of which is long; their first block unpacks to exactly as much as its frame allows. */
function fullBlock(length: number, literals: number): Buffer {
  const bytes = plain(2, ['one', 'two', 'z'.repeat(131_072)])
  const begin = 65_536 - length - literals
  // Literals take more bytes than they unpack to: the block is most of one long copy, before the one in question.
  const head = f.lz4Copy(bytes.subarray(0, 40), 1, begin - 40 - 20, bytes.subarray(begin - 20, begin))
  const tail = f.lz4Copy(
    bytes.subarray(begin - 20, begin),
    1,
    length,
    bytes.subarray(65_536 - literals, 65_536),
  )
  // The literals at the end of the one are those at the begin of the other.
  const block = join(head.subarray(0, -f.lz4Literals(bytes.subarray(begin - 20, begin)).length), tail)
  return f.lz4Frame([block, ...cut(bytes.subarray(65_536), 2).map(f.lz4Literals)], bytes)
}

const makers: Readonly<Record<Exclude<Compression, 'none'>, (all: Buffer, extra: Buffer) => Packed>> = {
  gzip: gzipCases,
  snappy: snappyCases,
  lz4: lz4Cases,
  zstd: zstdCases,
}

/** Cases with long contents are made of format 2 alone. */
const isLong = (name: string): boolean => /\d\d\d kB|depend|behind its header|literals/.test(name)

export function framingCases(): FramingCase[] {
  const cases: FramingCase[] = []
  for (const magic of [2, 1, 0] as const)
    for (const [codec, make] of Object.entries(makers)) {
      const all = plain(magic, short)
      const extra = plain(magic, [...short, 'four']).subarray(all.length)
      for (const [name, packed] of make(all, extra))
        if (magic === 2 || (codec !== 'zstd' && !isLong(name)))
          cases.push({
            name: `format ${magic}, ${codec}: ${name}`,
            magic,
            records: entry(magic, compressions.indexOf(codec as Compression), packed),
          })
    }
  const all = plain(2, short)
  for (const codec of [5, 6, 7])
    cases.push({ name: `format 2, codec ${codec}`, magic: 2, records: entry(2, codec, all) })
  for (const magic of [0, 1] as const)
    for (const codec of [4, 5, 7])
      cases.push({
        name: `format ${magic}, codec ${codec}`,
        magic,
        records: entry(magic, codec, codec === 4 ? f.zstd(plain(magic, short)) : plain(magic, short)),
      })
  return cases
}
