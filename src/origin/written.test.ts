import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from '../../test/fast-check.ts'
import { Written } from './written.ts'

const range = fc
  .record({
    from: fc.nat({ max: 40 }),
    length: fc.nat({ max: 12 }),
    leaderEpoch: fc.integer({ min: -1, max: 3 }),
  })
  .map(({ from, length, leaderEpoch }) => ({ from, to: from + length, leaderEpoch }))

/** By offset: the latest epoch in which it was written. */
function naive(all: readonly { from: number; to: number; leaderEpoch: number }[]): Map<number, number> {
  const epochs = new Map<number, number>()
  for (const { from, to, leaderEpoch } of all)
    for (let offset = from; offset <= to; offset++)
      epochs.set(offset, Math.max(leaderEpoch, epochs.get(offset) ?? -2))
  return epochs
}

test('the set holds what a map of single offsets holds, in as few ranges as there are', () => {
  fc.assert(
    fc.property(fc.array(range, { maxLength: 20 }), all => {
      const written = new Written()
      for (const one of all) written.add(one)
      const epochs = naive(all)
      for (let to = 0; to < 60; to++)
        for (let leaderEpoch = -1; leaderEpoch < 5; leaderEpoch++)
          assert.equal(
            written.holds({ to, leaderEpoch }),
            (epochs.get(to) ?? -2) >= leaderEpoch,
            `${to}@${leaderEpoch}`,
          )
      let runs = 0
      for (let offset = 0; offset < 60; offset++)
        if (epochs.has(offset) && epochs.get(offset) !== epochs.get(offset - 1)) runs++
      assert.equal(written.ranges.length, runs)
      assert.deepEqual(new Written(written.ranges).ranges, written.ranges)
    }),
    { numRuns: 2_000 },
  )
})

test('many epochs do not make many ranges, and gaps stay open', () => {
  const written = new Written()
  for (let epoch = 0; epoch < 1_000; epoch++)
    written.add({ from: epoch * 10, to: epoch * 10 + (epoch === 500 ? 7 : 9), leaderEpoch: epoch })
  assert.ok(written.ranges.length <= 33)
  assert.equal(written.holds({ to: 5008, leaderEpoch: 0 }), false)
  assert.equal(written.holds({ to: 5007, leaderEpoch: 500 }), true)
  // Of the latest epochs each is told from the one after.
  assert.equal(written.holds({ to: 9_989, leaderEpoch: 998 }), true)
  assert.equal(written.holds({ to: 9_989, leaderEpoch: 999 }), false)
})
