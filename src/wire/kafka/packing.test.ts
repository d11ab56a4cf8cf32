import assert from 'node:assert/strict'
import { test } from 'node:test'
import { gunzipSync, zstdDecompressSync } from 'node:zlib'
import { SeededRandom } from '../../simulation/seeded-random.ts'
import { compress, compressions, decompress } from './compression.ts'
import { crc32c, crc32cInSteps } from './crc32c.ts'
import { packInSteps } from './packing.ts'

const random = new SeededRandom(7)
const text = (size: number): Buffer => {
  const bytes = Buffer.alloc(size)
  for (let at = 0; at < size; at++) bytes[at] = 97 + random.below(8)
  return bytes
}

for (const codec of compressions)
  test(`what ${codec} packs in steps unpacks to the same`, () => {
    for (const size of [0, 1, 262_144, 262_145, 524_288, 1_300_000]) {
      const bytes = text(size)
      for (const magic of codec === 'zstd' ? [2] : [0, 1, 2]) {
        const packing = packInSteps(bytes, codec, magic)
        let steps = 1
        let step = packing.next()
        for (; step.done !== true; step = packing.next()) steps++
        const packed = step.value
        const number = compressions.indexOf(codec)
        assert.ok(decompress(packed, number, magic, size + 1).equals(bytes), `${size} ${magic}`)
        assert.ok(packed.length < compress(bytes, codec, magic).length * 1.05 + 100)
        if (codec !== 'none') assert.equal(steps, Math.max(1, Math.ceil(size / 262_144)))
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
