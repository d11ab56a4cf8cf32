// Plans for where replicas lie: every broker gets its share, no partition lies twice on one.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { percentagesOf } from './percentages.ts'
import { placementOf } from './placement.ts'

test('replicas lie on different brokers, and brokers have their share of replicas and leaders', () => {
  for (let brokers = 1; brokers <= 7; brokers++)
    for (let replicas = 1; replicas <= brokers; replicas++)
      for (const partitions of [1, 2, 5, 12, 49]) {
        const ids = Array.from({ length: brokers }, (_, index) => index * 3 + 1)
        const plan = placementOf('topic', partitions, replicas, ids)
        assert.equal(plan.length, partitions)
        for (const one of plan) {
          assert.equal(new Set(one).size, replicas)
          assert.ok(one.every(id => ids.includes(id)))
        }
        const leads = ids.map(id => plan.filter(one => one[0] === id).length)
        assert.ok(Math.max(...leads) - Math.min(...leads) <= 1, `${leads}`)
        const placed = plan.map(one => ({ leader: one[0]!, replicas: one, isr: one }))
        const { leaderSkew, preferred } = percentagesOf(placed, brokers, 'replicas')
        assert.deepEqual([leaderSkew, preferred], [0, 100])
        if (partitions % brokers === 0) assert.equal(percentagesOf(placed, brokers, 'replicas').skew, 0)
      }
})

test('the same question has the same answer, and topics begin at different brokers', () => {
  const ids = [3, 1, 2]
  assert.deepEqual(placementOf('a', 4, 2, ids), placementOf('a', 4, 2, [1, 2, 3]))
  const begins = new Set(['a', 'b', 'c', 'd', 'e', 'f'].map(name => placementOf(name, 1, 1, ids)[0]![0]))
  assert.deepEqual([...begins].sort(), [1, 2, 3])
})
