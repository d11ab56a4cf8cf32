// Every way to frame packed records that a producer may come up with, per codec and message format, right and wrong.
// Each case is one entry of three records (where it says nothing else) as a Produce request carries it.
import { crc32, deflateSync } from 'node:zlib'
import { compressions, type Compression } from '../../src/wire/kafka/compression.ts'
import { crc32c } from '../../src/wire/kafka/crc32c.ts'
import { dense, junk, long, plain, zeros, type Packed } from './contents.ts'
import * as f from './frames.ts'
import { lz4Cases } from './lz4-cases.ts'

export interface FramingCase {
  readonly name: string
  readonly magic: 0 | 1 | 2
  readonly records: Buffer
}

const { bytesOf, cut, flipped, join, text, uint32le } = f

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
