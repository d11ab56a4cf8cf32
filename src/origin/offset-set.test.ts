import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from '../../test/fast-check.ts'
import { OffsetSet, union, without, type OffsetRange } from './offset-set.ts'

const range = fc
  .tuple(fc.nat({ max: 60 }), fc.nat({ max: 8 }))
  .map(([from, length]): OffsetRange => [from, from + length])
const offsetsOf = (ranges: readonly OffsetRange[]) =>
  new Set(ranges.flatMap(([from, to]) => Array.from({ length: to - from + 1 }, (_, index) => from + index)))

test('a set of offsets holds what was added, in as few ranges as there are', () => {
  fc.assert(
    fc.property(fc.array(range, { maxLength: 20 }), fc.option(fc.nat({ max: 70 })), (all, cut) => {
      const set = new OffsetSet()
      for (const [from, to] of all) set.add(from, to)
      if (cut !== null) set.removeFrom(cut)
      const naive = new Set([...offsetsOf(all)].filter(offset => cut === null || offset < cut))
      for (let offset = 0; offset < 80; offset++)
        assert.equal(set.holds(offset), naive.has(offset), `${offset}`)
      const runs = [...naive].filter(offset => !naive.has(offset - 1)).length
      assert.equal(set.ranges.length, runs)
      assert.deepEqual(
        set.ranges,
        set.ranges.toSorted((one, other) => one[0] - other[0]),
      )
    }),
  )
})

test('differences and unions are those of sets', () => {
  fc.assert(
    fc.property(fc.array(range, { maxLength: 8 }), fc.array(range, { maxLength: 8 }), (one, other) => {
      const [left, right] = [offsetsOf(one), offsetsOf(other)]
      const rest = [...left].filter(offset => !right.has(offset))
      assert.deepEqual(offsetsOf(without(union(one), other)), new Set(rest))
      assert.deepEqual(offsetsOf(union(one, other)), new Set([...left, ...right]))
    }),
  )
})

test('of many ranges the lowest are forgotten', () => {
  const set = new OffsetSet()
  for (let offset = 0; offset < 200; offset += 2) set.add(offset, offset)
  assert.equal(set.ranges.length, 32)
  assert.equal(set.forgottenBelow, 135)
  assert.deepEqual(set.ranges.at(-1), [198, 198])
})
