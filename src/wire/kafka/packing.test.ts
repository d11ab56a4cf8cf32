import assert from 'node:assert/strict'
import { test } from 'node:test'
import { constants, gunzipSync, zstdCompressSync, zstdDecompressSync } from 'node:zlib'
import { snappyCompress } from '@platformatic/wasm-utils'
import { SeededRandom } from '../../simulation/seeded-random.ts'
import { packByZstd } from '../../system/threads.ts'
import { compress, compressions } from './compression.ts'
import { crc32c, crc32cInSteps } from './crc32c.ts'
import { packInSteps } from './packing.ts'
import { unpackSnappy } from './snappy.ts'
import { windowBytes } from './zstd.ts'
import { decompress } from '../../../test/at-once.ts'

const random = new SeededRandom(7)
const text = (size: number): Buffer => {
  const bytes = Buffer.alloc(size)
  for (let at = 0; at < size; at++) bytes[at] = 97 + random.below(8)
  return bytes
}

for (const [codec, level] of [
  ...compressions.map(one => [one] as const),
  ['zstd', 10],
  ['zstd', 22],
] as const)
  test(`what ${codec} packs in steps, at ${level ?? 'its usual level'}, unpacks to the same`, async () => {
    // A chosen level packs in one step, whatever the size.
    const sizes = level === undefined ? [0, 1, 262_144, 262_145, 524_288, 600_000] : [0, 1, 300_000]
    for (const size of sizes) {
      const bytes = text(size)
      for (const magic of codec === 'zstd' ? [2] : [0, 1, 2]) {
        const packing = packInSteps(bytes, codec, magic, level)
        let steps = 1
        let step = packing.next()
        for (; step.done !== true; step = packing.next()) {
          if (step.value !== undefined) await packByZstd(step.value, { isSimulated: level === 22 })
          steps++
        }
        const packed = step.value
        const number = compressions.indexOf(codec)
        assert.ok(decompress(packed, number, magic, size + 1).equals(bytes), `${size} ${magic}`)
        assert.ok(packed.length < compress(bytes, codec, magic).length * 1.05 + 100)
        const stepBytes = codec === 'gzip' ? 8192 : 262_144
        if (level !== undefined) assert.equal(steps, 2)
        else if (codec !== 'none') assert.equal(steps, Math.max(1, Math.ceil(size / stepBytes)))
        if (codec === 'gzip') assert.ok(gunzipSync(packed).equals(bytes))
        if (codec === 'zstd') assert.ok(zstdDecompressSync(packed).equals(bytes))
      }
    }
  })

test('a checksum in steps is the same', () => {
  const bytes = text(1_200_003)
  for (const start of [0, 3, 1_200_003]) {
    const steps = crc32cInSteps(bytes, start)
    let step = steps.next()
    while (step.done !== true) step = steps.next()
    assert.equal(step.value, crc32c(bytes, start))
  }
})

test('a long block of Snappy without framing unpacks piece by piece to the same, and damage is noticed', () => {
  const bytes = Buffer.concat([
    text(700_000),
    Buffer.alloc(3_000_000, 'ab'),
    random.bytes(500_000),
    text(400_000),
  ])
  const block = snappyCompress(bytes)
  const pieces = [...unpackSnappy(block, Infinity)]
  assert.ok(Buffer.concat(pieces).equals(bytes))
  assert.ok(Math.max(...pieces.map(piece => piece.length)) <= 400_000)
  assert.throws(() => [...unpackSnappy(block, 4_000_000)], /more than the 4000000 bytes allowed/)
  for (const damaged of [block.subarray(0, -1), Buffer.concat([block, Buffer.of(0, 65)])])
    assert.throws(() => [...unpackSnappy(damaged, Infinity)], /damaged/)
  for (let round = 0; round < 20; round++) {
    const changed = Buffer.from(block)
    changed[4 + random.below(block.length - 4)]! ^= 1 << random.below(8)
    try {
      assert.equal(Buffer.concat([...unpackSnappy(changed, Infinity)]).length, bytes.length)
    } catch (error) {
      assert.match(String(error), /PackingError/)
    }
  }
})

test('the window of zstd is what its first frame asks for', () => {
  const content = text(3_000_000)
  const window = (windowLog: number, isKnown: boolean) => {
    const engine = {
      params: {
        [constants.ZSTD_c_windowLog]: windowLog,
        [constants.ZSTD_c_contentSizeFlag]: Number(isKnown),
      },
    }
    return zstdCompressSync(content, engine)
  }
  assert.equal(windowBytes(window(27, true)), 3_000_000)
  for (const log of [17, 21]) assert.equal(windowBytes(window(log, false)), 2 ** log)
  assert.equal(windowBytes(window(20, true)), 2 ** 20)
  assert.equal(windowBytes(Buffer.from('no frame')), 0)
  assert.equal(windowBytes(zstdCompressSync(Buffer.alloc(300))), 300)
  // The second asks for more than whoever looked at the first has counted.
  const two = Buffer.concat([zstdCompressSync(Buffer.from('a')), frameOf(27)])
  assert.throws(
    () => decompress(two, 4, 2, 1e9),
    /asks for a window of 134217728 bytes, larger than the first/,
  )
  assert.equal(decompress(Buffer.concat([frameOf(27), frameOf(27)]), 4, 2, 1e9).length, 2)
})

/** A frame that holds one byte and asks for a window of so many bits. */
const frameOf = (bits: number): Buffer =>
  Buffer.from([0x28, 0xb5, 0x2f, 0xfd, 0, (bits - 10) << 3, 9, 0, 0, 97])

test('ten thousand damaged blocks of Snappy leave the codecs at work', () => {
  const bytes = Buffer.alloc(30_000, 7)
  const packed = compress(bytes, 'snappy', 2)
  const damaged = Buffer.from([5, 1, 2])
  for (let index = 0; index < 10_000; index++)
    assert.throws(() => [...unpackSnappy(damaged, 100)], /a Snappy block is damaged/)
  assert.deepEqual(Buffer.concat([...unpackSnappy(packed, 100_000)]), bytes)
  assert.ok(compress(bytes, 'lz4', 2).length < bytes.length)
})
