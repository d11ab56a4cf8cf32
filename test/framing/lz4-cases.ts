// The ways to frame records packed with LZ4.
import { dense, junk, long, plain, zeros, type Packed } from './contents.ts'
import * as f from './frames.ts'

const { bytesOf, cut, join, text, uint32le } = f

export function lz4Cases(all: Buffer, extra: Buffer): Packed {
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
