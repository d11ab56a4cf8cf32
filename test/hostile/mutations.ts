// Inputs that no program writes on purpose, made of valid ones by a seed: bits changed, ends cut off, two inputs spliced,
// numbers and lengths set to what they never are, sections repeated and taken out, brackets and objects nested deep.
import type { SeededRandom } from '../../src/simulation/seeded-random.ts'

/** No input is longer; most have the size of what they were made of. */
const mostBytes = 64 * 1024

/** What lengths, counts and offsets are not, by how many bytes they take. */
const extremes: Readonly<Record<number, readonly bigint[]>> = {
  1: [0n, 1n, 0x7fn, 0x80n, 0xffn],
  2: [0n, 1n, 0x7fffn, 0x8000n, 0xffffn],
  4: [0n, 1n, 0x7fff_ffffn, 0x8000_0000n, 0xffff_ffffn, 0xffff_fffcn, 0xffffn, 0x10_0000n],
  8: [0n, 1n, 0x7fff_ffff_ffff_ffffn, 0x8000_0000_0000_0000n, 0xffff_ffff_ffff_ffffn, 1n << 53n, 1n << 31n],
}

/** Varints: overlong, without end, and of lengths nobody has. */
const varints = [
  '00', '01', '7f', 'ff01', '8000', '808000', '80808000', '8080808080808080808000', 'ffffffff0f', 'feffffff0f',
  'ffffffff1f', 'ffffffffffffffff7f', 'ffffffffffffffffff01', 'feffffffffffffffff01', 'ffffffffffffffffffffffff',
].map(hex => Buffer.from(hex, 'hex')) // prettier-ignore

const brackets = ['[', '{', '(', '((', '"', '{"a":', '[[', '${', '(?:', '%{', '\\', '<', ',', '\n']
const numbers = ['0', '-1', '2147483647', '2147483648', '9223372036854775807', '1e309', 'Infinity', '-0', '0x10', '.', ''] // prettier-ignore

type Change = (random: SeededRandom, bytes: Buffer, corpus: readonly Buffer[]) => Buffer

const pick = <T>(random: SeededRandom, from: readonly T[]): T => from[random.below(from.length)]!
const place = (random: SeededRandom, bytes: Buffer): number => random.below(bytes.length + 1)

const isDigit = (byte: number): boolean => byte >= 48 && byte <= 57

function replaced(bytes: Buffer, from: number, to: number, by: Buffer): Buffer {
  return Buffer.concat([bytes.subarray(0, from), by, bytes.subarray(to)])
}

/** A section; short ones more often. */
function section(random: SeededRandom, bytes: Buffer): { from: number; to: number } {
  const from = place(random, bytes)
  const most = random.chance(0.7) ? 16 : bytes.length
  return { from, to: Math.min(bytes.length, from + 1 + random.below(Math.max(1, most))) }
}

function number(random: SeededRandom): Buffer {
  const size = pick(random, [1, 2, 4, 4, 4, 8, 8])
  const bytes = Buffer.alloc(8)
  bytes.writeBigUInt64BE(pick(random, extremes[size]!))
  const number = bytes.subarray(8 - size)
  return random.chance(0.3) ? Buffer.from(number.toReversed()) : number
}

const changes: readonly Change[] = [
  (random, bytes) => {
    const copy = Buffer.from(bytes)
    for (let flips = 1 + random.below(4); flips > 0 && copy.length > 0; flips--)
      copy[random.below(copy.length)]! ^= 1 << random.below(8)
    return copy
  },
  (random, bytes) => bytes.subarray(0, place(random, bytes)),
  (random, bytes, corpus) => {
    const other = pick(random, corpus)
    return replaced(bytes, place(random, bytes), bytes.length, other.subarray(place(random, other)))
  },
  (random, bytes) => {
    const by = number(random)
    const at = random.below(Math.max(1, bytes.length - by.length + 1))
    return replaced(bytes, at, Math.min(bytes.length, at + by.length), by)
  },
  (random, bytes) => {
    const at = place(random, bytes)
    return replaced(bytes, at, Math.min(bytes.length, at + random.below(3)), pick(random, varints))
  },
  (random, bytes) => {
    const { from, to } = section(random, bytes)
    return replaced(bytes, from, from, bytes.subarray(from, to))
  },
  (random, bytes) => {
    const { from, to } = section(random, bytes)
    return replaced(bytes, from, to, Buffer.alloc(0))
  },
  (random, bytes) => {
    const { from, to } = section(random, bytes)
    return replaced(bytes, from, to, random.bytes(1 + random.below(24)))
  },
  (random, bytes, corpus) => {
    const other = pick(random, corpus)
    const { from, to } = section(random, other)
    const at = place(random, bytes)
    return replaced(bytes, at, at, other.subarray(from, to))
  },
  (random, bytes) => {
    // In digits, where the input is a text.
    const begin = place(random, bytes)
    let from = begin
    while (from < bytes.length && !isDigit(bytes[from]!)) from++
    if (from === bytes.length) from = begin
    let to = from
    while (to < bytes.length && isDigit(bytes[to]!)) to++
    return replaced(bytes, from, to, Buffer.from(pick(random, numbers)))
  },
  (random, bytes) => {
    const at = place(random, bytes)
    const { from, to } = section(random, bytes)
    const what = random.chance(0.5) ? Buffer.from(pick(random, brackets)) : bytes.subarray(from, to)
    // Most nest a little; few so deep that a parser that calls itself would run out of its stack.
    const times = random.chance(0.05) ? 1 + random.below(20_000) : 1 + random.below(40)
    const count = Math.min(times, Math.floor(mostBytes / Math.max(1, what.length)))
    return replaced(bytes, at, at, Buffer.alloc(count * what.length, what))
  },
]

/** An input made of the corpus. */
export function mutated(random: SeededRandom, corpus: readonly Buffer[]): Buffer {
  if (random.chance(0.01)) return random.bytes(random.below(200))
  let bytes = pick(random, corpus)
  for (let count = 1 + random.below(random.chance(0.3) ? 6 : 2); count > 0; count--) {
    bytes = pick(random, changes)(random, bytes, corpus)
    if (bytes.length > mostBytes) bytes = bytes.subarray(0, mostBytes)
  }
  return bytes
}
