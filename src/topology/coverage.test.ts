// What the headers `millrace.origin` of a source's events close in each channel, for random interceptors, selectors,
// refusals and reassignments.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from '../../test/fast-check.ts'
import { KeptLog } from '../../test/context.ts'
import type { Channel, PutOptions } from '../component.ts'
import { Fault } from '../errors.ts'
import { Event } from '../event.ts'
import { looseConditions } from '../observe/conditions.ts'
import { decodeOrigin, encodeOrigin, originHeader, type Origin } from '../origin/origin.ts'
import { realClock } from '../system/clock.ts'
import { realRandom } from '../system/random.ts'
import { SourceChannelProcessor } from './channel-processor.ts'

const never = new AbortController().signal
const partition = 'cluster/t/id/0'
/** Of the optional channel the last. */
const names = ['c1', 'c2', 'c3']

/** Where the event of an offset goes, by offset: a bit a channel; 0: an interceptor drops it. */
type Routes = readonly number[]
const goesTo = (routes: Routes, offset: number, name: string): boolean =>
  ((routes[offset % routes.length]! >> names.indexOf(name)) & 1) === 1

/** A channel that keeps what is put, and refuses what its list says: for good, or until it is retried. */
function openChannel(refusals: (Fault | null)[]): { channel: Channel; put: Origin[] } {
  const put: Origin[] = []
  const channel = {
    capacity: 1000,
    size: 0,
    put(events: readonly Event[], _options?: PutOptions) {
      const refusal = refusals.shift() ?? null
      if (refusal !== null) return Promise.reject(refusal)
      for (const event of events) put.push(decodeOrigin(event.headers.get(originHeader)!)!)
      return Promise.resolve()
    },
  }
  return { channel: channel as unknown as Channel, put }
}

function chainOf(routes: Routes, refusals: Readonly<Record<string, (Fault | null)[]>> = {}) {
  const channels = new Map(names.map(name => [name, openChannel([...(refusals[name] ?? [])])]))
  const log = new KeptLog()
  const offsetOf = (event: Event) => Number(event.body.toString())
  const processor = new SourceChannelProcessor({
    interceptors: [{ intercept: event => (routes[offsetOf(event) % routes.length] === 0 ? null : event) }],
    selector: {
      select: event => ({
        required: names.slice(0, 2).filter(name => goesTo(routes, offsetOf(event), name)),
        optional: names.slice(2).filter(name => goesTo(routes, offsetOf(event), name)),
      }),
    },
    channels: new Map([...channels].map(([name, { channel }]) => [name, channel])),
    clock: { ...realClock, sleep: () => Promise.resolve() },
    random: realRandom,
    log,
    condition: looseConditions(realClock, log),
  })
  const eventsOf = (from: number, to: number): Event[] =>
    Array.from({ length: to - from + 1 }, (_, index) => {
      const origin = { partition, leaderEpoch: 0, from: from + index, to: from + index }
      return Event.of({ [originHeader]: encodeOrigin(origin) }, String(from + index))
    })
  return {
    put: (name: string) => channels.get(name)!.put,
    /** As the source does: what is refused for good is offered again, as it is. */
    async handOver(from: number, to: number): Promise<void> {
      const events = eventsOf(from, to)
      const offer = () => processor.processUntilAccepted(events, never, [{ partition, from, to }])
      await offer().catch(offer)
    },
  }
}

const routes = fc.array(fc.nat({ max: 7 }), { minLength: 1, maxLength: 20 })
const lengths = fc.array(fc.integer({ min: 1, max: 9 }), { minLength: 1, maxLength: 12 })
const again = new Fault('CHANNEL_FAILED', 'for the test')
const forGood = new Fault('KAFKA_FATAL', 'for the test')
const refusals = fc.array(fc.constantFrom(null, null, again, forGood), { maxLength: 12 })

/** That no offset is closed by another event than its own where it goes into the channel itself. */
function assertSound(put: readonly Origin[], given: Routes, name: string): void {
  for (const { from, to } of put)
    for (let offset = from; offset < to; offset++)
      assert.equal(goesTo(given, offset, name), false, `${name}: ${offset} is closed by ${to}`)
}

test('in each channel the events close all offsets up to the last, and each once', async () => {
  await fc.assert(
    fc.asyncProperty(routes, lengths, fc.nat({ max: 50 }), async (given, calls, begin) => {
      const chain = chainOf(given)
      let next = begin
      for (const length of calls) {
        await chain.handOver(next, next + length - 1)
        next += length
      }
      for (const name of names) {
        assertSound(chain.put(name), given, name)
        let closed = begin
        for (const { from, to } of chain.put(name)) {
          assert.equal(from, closed)
          closed = to + 1
        }
      }
    }),
  )
})

test('no event closes an offset that may yet come, whatever is refused and wherever reading goes on', async () => {
  const jump = fc.record({
    length: fc.integer({ min: 1, max: 9 }),
    jump: fc.constantFrom(0, 0, 0, 5, -3, -20),
  })
  await fc.assert(
    fc.asyncProperty(
      routes,
      fc.array(jump, { minLength: 1, maxLength: 12 }),
      fc.record({ c1: refusals, c2: refusals, c3: refusals }),
      async (given, calls, refused) => {
        const chain = chainOf(given, refused)
        let next = 20
        const handed = new Set<number>()
        const underWay: Promise<void>[] = []
        for (const { length, jump } of calls) {
          next = Math.max(0, next + jump)
          for (let offset = next; offset < next + length; offset++) handed.add(offset)
          underWay.push(chain.handOver(next, next + length - 1).catch(() => {}))
          // Several calls are under way, and end in any order.
          if (length % 3 === 0) await Promise.all(underWay)
          next += length
        }
        await Promise.all(underWay)
        for (const name of names) {
          assertSound(chain.put(name), given, name)
          for (const one of chain.put(name)) assert.equal(one.partition, `${partition}/${name}`)
          // Nor one that was skipped: another agent reads it.
          for (const { from, to } of chain.put(name))
            for (let offset = from; offset <= to; offset++) assert.ok(handed.has(offset))
        }
      },
    ),
    { numRuns: 500 },
  )
})

test('what was jumped over is closed by nobody', async () => {
  const chain = chainOf([1])
  await chain.handOver(0, 4)
  await chain.handOver(10, 11)
  assert.deepEqual(
    chain.put('c1').map(({ from, to }) => [from, to]),
    [0, 1, 2, 3, 4, 10, 11].map(offset => [offset, offset]),
  )
})

test('an event without origin, and one of another partition, go through as they are', async () => {
  const { channel } = openChannel([])
  const taken: Event[] = []
  const keeping = Object.assign(Object.create(channel) as Channel, {
    put: (events: readonly Event[]) => Promise.resolve(void taken.push(...events)),
  })
  const log = new KeptLog()
  const processor = new SourceChannelProcessor({
    interceptors: [],
    selector: { select: () => ({ required: ['c1'], optional: [] }) },
    channels: new Map([['c1', keeping]]),
    clock: realClock,
    random: realRandom,
    log,
    condition: looseConditions(realClock, log),
  })
  const bare = Event.of({}, 'a')
  const foreign = Event.of({ [originHeader]: '1 cluster/other/id/0 0 3-7' }, 'b')
  await processor.processUntilAccepted([bare, foreign], never, [{ partition, from: 0, to: 0 }])
  assert.deepEqual(taken, [bare, foreign])
  assert.equal(foreign.headers.get(originHeader), '1 cluster/other/id/0 0 3-7')
})
