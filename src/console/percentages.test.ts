// CMAK's percentages against a second way to count them, over clusters by seed.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from '../../test/fast-check.ts'
import { percentagesOf, type PlacedPartition } from './percentages.ts'

const cluster = fc
  .record({ brokers: fc.integer({ min: 1, max: 12 }), replication: fc.integer({ min: 1, max: 5 }) })
  .chain(({ brokers, replication }) => {
    const ids = Array.from({ length: brokers }, (_, id) => id)
    const copies = Math.min(replication, brokers)
    const partition = fc
      .record({
        replicas: fc.shuffledSubarray(ids, { minLength: copies, maxLength: copies }),
        keep: fc.array(fc.boolean(), { minLength: copies, maxLength: copies }),
        leader: fc.integer({ min: -1, max: copies - 1 }),
      })
      .map(({ replicas, keep, leader }): PlacedPartition => ({
        replicas,
        isr: replicas.filter((_, index) => keep[index]),
        leader: leader < 0 ? -1 : replicas[leader]!,
      }))
    return fc.record({ brokers: fc.constant(brokers), partitions: fc.array(partition, { maxLength: 40 }) })
  })

/** The same rules, broker by broker, in whole numbers. */
function counted(partitions: readonly PlacedPartition[], brokers: number, by: 'replicas' | 'isr') {
  const ids = Array.from({ length: brokers }, (_, id) => id)
  const replicasOn = ids.map(id => partitions.filter(one => one[by].includes(id)).length)
  const leadersOn = ids.map(id => partitions.filter(one => one.leader === id).length)
  const holders = replicasOn.filter(count => count > 0).length
  const replication = Math.max(0, ...partitions.map(one => one.replicas.length))
  const whole = (part: number, all: number) => (all === 0 ? 0 : Math.floor((part * 100) / all))
  // count > ceil(P R / Bt) exactly when (count - 1) Bt >= P R
  const isAbove = (count: number, load: number) => holders > 0 && (count - 1) * holders >= load
  return {
    spread: whole(holders, brokers),
    skew: whole(replicasOn.filter(count => isAbove(count, partitions.length * replication)).length, holders),
    leaderSkew: whole(leadersOn.filter(count => isAbove(count, partitions.length)).length, holders),
    preferred: whole(partitions.filter(one => one.leader === one.replicas[0]).length, partitions.length),
    underReplicated: whole(
      partitions.filter(one => one.isr.length < one.replicas.length).length,
      partitions.length,
    ),
  }
}

test('C7: 500 clusters by seed: as counted broker by broker', () => {
  fc.assert(
    fc.property(
      cluster,
      fc.constantFrom('replicas' as const, 'isr' as const),
      ({ brokers, partitions }, by) => {
        assert.deepEqual(percentagesOf(partitions, brokers, by), counted(partitions, brokers, by))
      },
    ),
    { numRuns: 500 },
  )
})

test('C7: an example of CMAK: six partitions of two replicas on three brokers, all led by one', () => {
  const partitions = [0, 1, 2, 0, 1, 2].map(first => ({
    leader: 0,
    replicas: [first, (first + 1) % 3],
    isr: [first, (first + 1) % 3],
  }))
  assert.deepEqual(percentagesOf(partitions, 4, 'replicas'), {
    spread: 75,
    skew: 0,
    leaderSkew: 33,
    preferred: 33,
    underReplicated: 0,
  })
})
