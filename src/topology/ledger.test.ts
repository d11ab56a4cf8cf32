import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from '../../test/fast-check.ts'
import { VirtualClock } from '../../test/virtual-clock.ts'
import { Event } from '../event.ts'
import { encodeOrigin, originHeader } from '../origin/origin.ts'
import { Passage } from './ledger.ts'
import { Edges } from './taps.ts'

const eventOf = (partition: number, from: number, to: number, leaderEpoch = 0) =>
  Event.of({
    other: 'x',
    [originHeader]: encodeOrigin({ partition: `c/t/-/${partition}`, leaderEpoch, from, to }),
  })
const stepsOf = (passage: Passage) => [...passage.steps({ component: 'CHANNEL.c', step: 'put' })]

test('a step counts events, closes their offsets, and knows what has passed before, encoded or not', () => {
  const event = fc.record({
    partition: fc.nat({ max: 2 }),
    to: fc.nat({ max: 30 }),
    width: fc.nat({ max: 2 }),
    isEncoded: fc.boolean(),
    form: fc.constantFrom('origin', 'origin', 'origin', 'none', 'broken'),
  })
  fc.assert(
    fc.property(fc.array(fc.array(event, { maxLength: 8 }), { maxLength: 8 }), batches => {
      const passage = new Passage()
      const tallies = new Map<string, { events: number; repeated: number }>()
      const naive = new Map<string, { events: number; repeated: number; closed: Set<number> }>()
      let unnamed = 0
      for (const batch of batches) {
        const events = batch.map(({ partition, to, width, isEncoded, form }) => {
          const from = Math.max(0, to - width)
          const one =
            form === 'origin'
              ? eventOf(partition, from, to)
              : Event.of(form === 'none' ? {} : { [originHeader]: `1 c/t/-/${partition} 0 ${to}x` })
          if (form !== 'origin') unnamed++
          else {
            const name = `c/t/-/${partition}`
            const known = naive.get(name) ?? { events: 0, repeated: 0, closed: new Set() }
            naive.set(name, known)
            known.events++
            if (known.closed.has(to)) known.repeated++
            else for (let offset = from; offset <= to; offset++) known.closed.add(offset)
          }
          return isEncoded ? Event.fromEncoded(one.encoded) : one
        })
        passage.pass(events, tallies)
      }
      assert.equal(passage.unnamed, unnamed)
      for (const { origin, events, repeated, ranges } of stepsOf(passage)) {
        if (origin === null) continue
        const known = naive.get(origin)!
        assert.deepEqual([events, repeated], [known.events, known.repeated])
        assert.deepEqual(tallies.get(origin), { events, repeated })
        for (let offset = 0; offset < 40; offset++)
          assert.equal(
            ranges!.some(([from, to]) => from <= offset && offset <= to),
            known.closed.has(offset),
          )
      }
    }),
  )
})

test('an offset that another leader gave away again has not passed before', () => {
  const passage = new Passage()
  passage.pass(
    [
      eventOf(0, 0, 9),
      eventOf(0, 10, 12),
      eventOf(0, 8, 10, 1),
      eventOf(0, 11, 11, 1),
      eventOf(0, 11, 11, 1),
    ],
    new Map(),
  )
  const [{ events, repeated, ranges, repeats }] = stepsOf(passage) as [ReturnType<typeof stepsOf>[0]]
  assert.deepEqual([events, repeated, ranges, repeats], [5, 1, [[0, 11]], [[11, 11]]])
})

test('origins that anybody invents take no more memory than a bound', () => {
  const passage = new Passage()
  for (let partition = 0; partition < 6000; partition++) passage.pass([eventOf(partition, 0, 0)], new Map())
  passage.pass([Event.of({ [originHeader]: `1 c/${'t'.repeat(1000)}/-/0 0 1` })], new Map())
  assert.equal(stepsOf(passage).filter(({ origin }) => origin !== null).length, 5000)
  assert.equal(passage.unnamed, 1001)
})

test('what sinks of one channel deliver and set aside is one step of the channel, and one of each sink', () => {
  const edges = new Edges(new VirtualClock())
  const [one, other] = [edges.between('CHANNEL.c', 'SINK.k1'), edges.between('CHANNEL.c', 'SINK.k2')]
  edges.between('SOURCE.s', 'CHANNEL.c').passed([eventOf(0, 0, 1), eventOf(0, 2, 2), eventOf(0, 3, 3)])
  one.passed([eventOf(0, 0, 1)])
  other.passed([eventOf(0, 3, 3), eventOf(0, 0, 1)])
  other.setAside(eventOf(0, 2, 2))
  const steps = [...edges.ledger([['SINK.k2', [eventOf(0, 4, 4)]]])].map(
    ({ component, step, events, repeated, ranges }) => [component, step, events, repeated, ranges],
  )
  assert.deepEqual(steps, [
    ['CHANNEL.c', 'put', 3, 0, [[0, 3]]],
    ['CHANNEL.c', 'delivered', 4, 1, [[0, 3]]],
    ['SINK.k2', 'under way', 1, 0, null],
    ['SINK.k1', 'delivered', 1, 0, null],
    ['SINK.k2', 'delivered', 2, 1, null],
    ['SINK.k2', 'set aside', 1, 0, null],
  ])
})
