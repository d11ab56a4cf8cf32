// What every channel must do, as tests: each channel runs them with channels of its own making.
// The model test compares random puts, takes, peeks, commits, rollbacks (and restarts, where events outlive the
// channel) with a plain list.
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from '../fast-check.ts'
import type { Batch, Channel } from '../../src/component.ts'
import { Event } from '../../src/event.ts'
import type { TestContext } from '../context.ts'
import { eventsOf, rejectsWith, textsOf } from './channel-events.ts'

export interface ChannelLimits {
  readonly capacity: number
  readonly transactionCapacity: number
}

/** Channels over one place: the next one finds what the one before left, where the channel is durable. */
export interface ChannelHome {
  open(limits: ChannelLimits): { channel: Channel; context: TestContext }
  remove(): Promise<void>
}

const never = new AbortController().signal

function numbers(from: number, count: number): string[] {
  return Array.from({ length: count }, (_, index) => String(from + index))
}

/** Whether the promise has settled after everything that can run now has run. */
async function isPending(promise: Promise<unknown>): Promise<boolean> {
  const nothing = Symbol('pending')
  const later = new Promise(resolve => setImmediate(() => resolve(nothing)))
  return (await Promise.race([promise.catch(() => null), later])) === nothing
}

export function testChannel(
  name: string,
  home: () => Promise<ChannelHome>,
  { durable }: { durable: boolean },
): void {
  const run = async (
    limits: ChannelLimits,
    body: (channel: Channel, context: TestContext) => Promise<void>,
  ): Promise<void> => {
    const place = await home()
    const { channel, context } = place.open(limits)
    await channel.start()
    try {
      await body(channel, context)
    } finally {
      await channel.stop()
      await place.remove()
    }
  }
  const usual = { capacity: 100, transactionCapacity: 50 }

  describe(`${name} channel: the contract`, () => {
    it('gives events first in, first out, headers and bodies unchanged', () =>
      run(usual, async channel => {
        await channel.put(eventsOf(0, 3))
        await channel.put([Event.of({ n: '', é: 'ü€😀' }, '')])
        await channel.put(eventsOf(4, 2))
        const first = await channel.take({ events: 4 }, never)
        assert.deepEqual(
          first!.events.slice(0, 3).map(event => event.body.toString()),
          ['0', '1', '2'],
        )
        assert.deepEqual(
          [...first!.events[3]!.headers],
          [
            ['n', ''],
            ['é', 'ü€😀'],
          ],
        )
        assert.equal(first!.events[3]!.body.length, 0)
        assert.deepEqual(textsOf(await channel.take({ events: 9 }, never)), ['4', '5'])
      }))

    it('keeps puts in the order in which they were called', () =>
      run(usual, async channel => {
        await Promise.all([
          channel.put(eventsOf(0, 5)),
          channel.put(eventsOf(5, 1)),
          channel.put(eventsOf(6, 20)),
        ])
        assert.deepEqual(textsOf(await channel.take({ events: 50 }, never)), numbers(0, 26))
      }))

    it('counts events of open takes in its size, and only a commit makes room', () =>
      run({ capacity: 5, transactionCapacity: 5 }, async channel => {
        await channel.put(eventsOf(0, 5))
        assert.equal(channel.size, 5)
        const batch = await channel.take({ events: 2 }, never)
        assert.equal(channel.size, 5)
        await rejectsWith('CHANNEL_FULL', channel.put(eventsOf(5, 1), { patienceMs: 0 }))
        const waiting = channel.put(eventsOf(5, 2), { patienceMs: Infinity })
        assert.ok(await isPending(waiting))
        await batch!.commit()
        await waiting
        assert.equal(channel.size, 5)
        assert.deepEqual(textsOf(await channel.take({ events: 9 }, never)), ['2', '3', '4', '5', '6'])
      }))

    it('takes all events of a put or none', () =>
      run({ capacity: 5, transactionCapacity: 5 }, async channel => {
        await channel.put(eventsOf(0, 3))
        await rejectsWith('CHANNEL_FULL', channel.put(eventsOf(3, 3), { patienceMs: 0 }), /3 of 5 events/)
        assert.equal(channel.size, 3)
        await channel.put(eventsOf(3, 2), { patienceMs: 0 })
        // A take may end where the events of one place do.
        const taken: string[] = []
        while (taken.length < 5) taken.push(...textsOf(await channel.take({ events: 9 }, never)))
        assert.deepEqual(taken, numbers(0, 5))
      }))

    it('holds back later puts while one waits for room', () =>
      run({ capacity: 4, transactionCapacity: 4 }, async channel => {
        await channel.put(eventsOf(0, 3))
        const large = channel.put(eventsOf(3, 3), { patienceMs: Infinity })
        const small = channel.put(eventsOf(6, 1), { patienceMs: Infinity })
        assert.ok(await isPending(small))
        const batch = await channel.take({ events: 2 }, never)
        await batch!.commit()
        await large
        assert.ok(await isPending(small))
        const more = await channel.take({ events: 4 }, never)
        assert.deepEqual(textsOf(more), ['2', '3', '4', '5'])
        await more!.commit()
        await small
        assert.deepEqual(textsOf(await channel.take({ events: 4 }, never)), ['6'])
      }))

    it('gives up after the patience with CHANNEL_FULL and lets the next in', () =>
      run({ capacity: 4, transactionCapacity: 4 }, async channel => {
        await channel.put(eventsOf(0, 3))
        const large = channel.put(eventsOf(3, 3), { patienceMs: 20 })
        const small = channel.put(eventsOf(6, 1), { patienceMs: Infinity })
        await rejectsWith('CHANNEL_FULL', large, /no room for 3 events within 0.02 s/)
        await small
        assert.deepEqual(textsOf(await channel.take({ events: 4 }, never)), ['0', '1', '2', '6'])
      }))

    it('ends a waiting put with STOPPED when its signal is aborted', () =>
      run({ capacity: 1, transactionCapacity: 1 }, async channel => {
        await channel.put(eventsOf(0, 1))
        const stop = new AbortController()
        const waiting = channel.put(eventsOf(1, 1), { patienceMs: Infinity, signal: stop.signal })
        assert.ok(await isPending(waiting))
        stop.abort()
        await rejectsWith('STOPPED', waiting)
        await rejectsWith('STOPPED', channel.put(eventsOf(1, 1), { signal: stop.signal }))
        assert.equal(channel.size, 1)
      }))

    it('refuses more events than a transaction holds', () =>
      run({ capacity: 10, transactionCapacity: 3 }, async channel => {
        await rejectsWith('TRANSACTION_TOO_LARGE', channel.put(eventsOf(0, 4)), /4 events .* holds 3/)
        await channel.put(eventsOf(0, 3))
        await channel.put([])
        assert.equal(channel.size, 3)
        await channel.put(eventsOf(3, 3))
        assert.equal((await channel.take({ events: 100 }, never))!.events.length, 3)
      }))

    it('has a take wait for the first event and wakes it at once', () =>
      run(usual, async channel => {
        const first = channel.take({ events: 10 }, never)
        const second = channel.take({ events: 10 }, never)
        assert.ok(await isPending(first))
        await channel.put(eventsOf(0, 2))
        assert.deepEqual(textsOf(await first), ['0', '1'])
        assert.ok(await isPending(second))
        await channel.put(eventsOf(2, 1))
        assert.deepEqual(textsOf(await second), ['2'])
      }))

    it('lets no put in behind another that is given up with it', () =>
      run({ capacity: 10, transactionCapacity: 10 }, async channel => {
        const stop = new AbortController()
        await channel.put(eventsOf(0, 8))
        const large = channel.put(eventsOf(8, 5), { patienceMs: Infinity, signal: stop.signal })
        const small = channel.put(eventsOf(13, 1), { patienceMs: Infinity, signal: stop.signal })
        const ended = Promise.all([rejectsWith('STOPPED', large), rejectsWith('STOPPED', small)])
        stop.abort()
        await ended
        assert.equal(channel.size, 8)
      }))

    it('ends a waiting take with null when its signal is aborted', () =>
      run(usual, async channel => {
        const stop = new AbortController()
        const waiting = channel.take({ events: 1 }, stop.signal)
        assert.ok(await isPending(waiting))
        stop.abort()
        assert.equal(await waiting, null)
        assert.equal(await channel.take({ events: 1 }, stop.signal), null)
        await channel.put(eventsOf(0, 1))
        assert.deepEqual(textsOf(await channel.take({ events: 1 }, never)), ['0'])
      }))

    it('bounds a take by bytes, but never below one event', () =>
      run(usual, async channel => {
        const events = eventsOf(0, 5)
        const { size } = events[0]!
        await channel.put(events)
        assert.equal((await channel.take({ events: 9, bytes: 1 }, never))!.events.length, 1)
        const two = await channel.take({ events: 9, bytes: size * 2 }, never)
        assert.deepEqual(textsOf(two), ['1', '2'])
        await two!.rollback()
        assert.deepEqual(textsOf(await channel.take({ events: 9, bytes: size * 3 - 1 }, never)), ['1', '2'])
      }))

    it('returns a rolled-back batch to the head, in order', () =>
      run(usual, async channel => {
        await channel.put(eventsOf(0, 10))
        const batch = await channel.take({ events: 4 }, never)
        await batch!.rollback()
        assert.equal(channel.size, 10)
        assert.deepEqual(textsOf(await channel.take({ events: 2 }, never)), ['0', '1'])
        assert.deepEqual(textsOf(await channel.take({ events: 20 }, never)).slice(0, 2), ['2', '3'])
      }))

    it('keeps the order when several open batches are rolled back, whichever goes first', () =>
      run(usual, async channel => {
        await channel.put(eventsOf(0, 12))
        const open: Batch[] = []
        for (let index = 0; index < 4; index++) open.push((await channel.take({ events: 3 }, never))!)
        for (const index of [3, 2]) await open[index]!.rollback()
        for (const index of [0, 1]) await open[index]!.rollback()
        assert.deepEqual(textsOf(await channel.take({ events: 50 }, never)), numbers(0, 12))
      }))

    it('lets some events of a batch go and returns the others to their places', () =>
      run({ capacity: 12, transactionCapacity: 12 }, async (channel, { counters }) => {
        await channel.put(eventsOf(0, 12))
        const first = (await channel.take({ events: 5 }, never))!
        const second = (await channel.take({ events: 5 }, never))!
        const waiting = channel.put(eventsOf(12, 7), { patienceMs: Infinity })
        const part = (batch: Batch, indexes: number[]) => indexes.map(index => batch.events[index]!)
        await second.commitExcept(part(second, [0, 4]))
        assert.ok(await isPending(waiting))
        await first.commitExcept(part(first, [1, 2, 4]))
        assert.equal(channel.size, 7)
        await assert.rejects(first.commit())
        const again = (await channel.take({ events: 4 }, never))!
        assert.deepEqual(textsOf(again), ['1', '2', '4', '5'], 'over the holes')
        await again.commitExcept(again.events)
        const all = (await channel.take({ events: 9 }, never))!
        assert.deepEqual(textsOf(all), ['1', '2', '4', '5', '9'])
        await all.commitExcept([])
        await waiting
        assert.deepEqual(textsOf(await channel.take({ events: 2 }, never)), ['10', '11'])
        assert.deepEqual(textsOf(await channel.take({ events: 9 }, never)), numbers(12, 7))
        assert.equal(counters.get('EventTakeSuccessCount'), 10)
      }))

    it('refuses to leave events that are not of the batch, or not in its order', () =>
      run(usual, async channel => {
        await channel.put(eventsOf(0, 3))
        const batch = (await channel.take({ events: 3 }, never))!
        await assert.rejects(batch.commitExcept(eventsOf(0, 1)))
        await assert.rejects(batch.commitExcept(batch.events.toReversed()))
        await batch.rollback()
        assert.equal(channel.size, 3)
      }))

    if (durable)
      it('knows after a restart which events of a batch are gone', async () => {
        const place = await home()
        let { channel } = place.open(usual)
        await channel.start()
        await channel.put(eventsOf(0, 20))
        const first = (await channel.take({ events: 10 }, never))!
        const second = (await channel.take({ events: 10 }, never))!
        await second.commitExcept([second.events[3]!, second.events[4]!, second.events[9]!])
        await first.commitExcept(first.events.slice(7))
        await channel.stop()
        const left: string[] = []
        for (let restart = 0; restart < 2; restart++) {
          ;({ channel } = place.open(usual))
          await channel.start()
          assert.equal(channel.size, 6)
          const open: Batch[] = []
          for (left.length = 0; left.length < 6; left.push(...textsOf(open.at(-1)!)))
            open.push((await channel.take({ events: 20 }, never))!)
          assert.deepEqual(left, ['7', '8', '9', '13', '14', '19'])
          await channel.stop()
        }
        await place.remove()
      })

    it('serves competing takers each event once', () =>
      run({ capacity: 1000, transactionCapacity: 100 }, async channel => {
        const seen: string[] = []
        const stop = new AbortController()
        const taker = async (often: number): Promise<void> => {
          for (let turn = 0; ; turn++) {
            const batch = await channel.take({ events: 7 }, stop.signal)
            if (batch === null) return
            if (turn % often === 0) await batch.rollback()
            else {
              await batch.commit()
              seen.push(...textsOf(batch))
              if (seen.length >= 500) stop.abort()
            }
          }
        }
        const takers = [taker(2), taker(3), taker(5)]
        for (let at = 0; at < 500; at += 20) await channel.put(eventsOf(at, 20))
        await Promise.all(takers)
        assert.deepEqual(
          seen.map(Number).sort((a, b) => a - b),
          numbers(0, 500).map(Number),
        )
        assert.equal(channel.size, 0)
      }))

    it('refuses a second end of a batch', () =>
      run(usual, async channel => {
        await channel.put(eventsOf(0, 1))
        const batch = await channel.take({ events: 1 }, never)
        await batch!.commit()
        await assert.rejects(batch!.commit())
        await assert.rejects(batch!.rollback())
        assert.equal(channel.size, 0)
      }))

    it('ends waiting puts and takes with CHANNEL_CLOSED when it stops, and refuses new ones', async () => {
      const place = await home()
      const { channel } = place.open({ capacity: 1, transactionCapacity: 1 })
      await channel.start()
      await channel.put(eventsOf(0, 1))
      const batch = await channel.take({ events: 1 }, never)
      const put = channel.put(eventsOf(1, 1), { patienceMs: Infinity })
      const take = channel.take({ events: 1 }, never)
      assert.ok(await isPending(put))
      assert.ok(await isPending(take))
      const stopped = channel.stop()
      const commit = batch!.commit()
      await rejectsWith('CHANNEL_CLOSED', put)
      await rejectsWith('CHANNEL_CLOSED', take)
      await commit
      await stopped
      assert.equal(channel.size, 0)
      await rejectsWith('CHANNEL_CLOSED', channel.put(eventsOf(2, 1)))
      await rejectsWith('CHANNEL_CLOSED', channel.take({ events: 1 }, never))
      await place.remove()
    })

    it('lets look at its oldest events while others take them, within a bound of bytes', () =>
      run({ capacity: 1000, transactionCapacity: 100 }, async (channel, { counters }) => {
        const stop = new AbortController()
        const done: number[] = []
        const taker = async (): Promise<void> => {
          for (;;) {
            const batch = await channel.take({ events: 7 }, stop.signal)
            if (batch === null) return
            await batch.commit()
            done.push(...textsOf(batch).map(Number))
            if (done.length === 400) stop.abort()
          }
        }
        const takers = [taker(), taker()]
        for (let at = 0; at < 400; at += 20) {
          await channel.put(eventsOf(at, 20))
          const gone = done.length
          const seen = (await channel.peek!({ events: 50 })).map(({ event }) => Number(event.body.toString()))
          // What is shown was inside when it was looked at: in order, none twice, nothing that was gone before.
          assert.deepEqual(
            seen,
            [...new Set(seen)].sort((a, b) => a - b),
          )
          assert.ok(!seen.some(number => done.slice(0, gone).includes(number)))
        }
        await Promise.all(takers)
        assert.equal(counters.get('EventTakeSuccessCount'), 400)
        assert.deepEqual(await channel.peek!({ events: 5 }), [])
        await channel.put(eventsOf(0, 20))
        const { size } = eventsOf(0, 1)[0]!
        assert.equal((await channel.peek!({ events: 20, bytes: 3 * size })).length, 3)
        assert.equal((await channel.peek!({ events: 20, bytes: 1 })).length, 1)
        assert.equal(channel.size, 20)
      }))

    it("moves the counters as Flume's channels do", () =>
      run({ capacity: 5, transactionCapacity: 5 }, async (channel, { counters }) => {
        await channel.put(eventsOf(0, 3))
        await rejectsWith('CHANNEL_FULL', channel.put(eventsOf(3, 3), { patienceMs: 0 }))
        const batch = await channel.take({ events: 2 }, never)
        assert.equal(counters.get('ChannelSize'), 3)
        await batch!.rollback()
        await (await channel.take({ events: 2 }, never))!.commit()
        const values = Object.fromEntries(counters.values)
        assert.equal(values['ChannelCapacity'], 5)
        assert.equal(values['ChannelSize'], 1)
        assert.equal(values['EventPutAttemptCount'], 6)
        assert.equal(values['EventPutSuccessCount'], 3)
        assert.equal(values['EventTakeAttemptCount'], 4)
        assert.equal(values['EventTakeSuccessCount'], 2)
      }))

    it('does what a plain list does, whatever is done to it', async () => {
      type Step =
        | { do: 'put'; count: number }
        | { do: 'take'; events: number }
        | { do: 'commit' | 'rollback'; which: number }
        | { do: 'commitExcept'; which: number; left: number }
        | { do: 'restart' }
      const step: fc.Arbitrary<Step> = fc.oneof(
        {
          weight: 4,
          arbitrary: fc.record({ do: fc.constant('put' as const), count: fc.integer({ min: 1, max: 8 }) }),
        },
        {
          weight: 4,
          arbitrary: fc.record({ do: fc.constant('take' as const), events: fc.integer({ min: 1, max: 8 }) }),
        },
        { weight: 3, arbitrary: fc.record({ do: fc.constant('commit' as const), which: fc.nat(5) }) },
        { weight: 2, arbitrary: fc.record({ do: fc.constant('rollback' as const), which: fc.nat(5) }) },
        {
          weight: 2,
          arbitrary: fc.record({
            do: fc.constant('commitExcept' as const),
            which: fc.nat(5),
            left: fc.nat(63),
          }),
        },
        ...(durable ? [{ weight: 1, arbitrary: fc.constant({ do: 'restart' as const }) }] : []),
      )
      const limits = { capacity: 20, transactionCapacity: 6 }
      await fc.assert(
        fc.asyncProperty(fc.array(step, { maxLength: 60 }), async steps => {
          const place = await home()
          let { channel } = place.open(limits)
          await channel.start()
          let waiting: number[] = []
          let open: { batch: Batch; numbers: number[] }[] = []
          let next = 0
          const inside = () => waiting.length + open.reduce((sum, one) => sum + one.numbers.length, 0)
          const giveBack = (numbers: readonly number[]) =>
            (waiting = [...waiting, ...numbers].sort((a, b) => a - b))
          try {
            for (const one of steps) {
              if (one.do === 'put') {
                const put = channel.put(eventsOf(next, one.count), { patienceMs: 0 })
                if (one.count > limits.transactionCapacity) await rejectsWith('TRANSACTION_TOO_LARGE', put)
                else if (inside() + one.count > limits.capacity) await rejectsWith('CHANNEL_FULL', put)
                else {
                  await put
                  for (let index = 0; index < one.count; index++) waiting.push(next++)
                }
              } else if (one.do === 'take') {
                if (waiting.length === 0) continue
                const batch = (await channel.take({ events: one.events }, never))!
                const numbers = textsOf(batch).map(Number)
                const most = Math.min(one.events, limits.transactionCapacity)
                assert.ok(numbers.length >= 1 && numbers.length <= most)
                assert.deepEqual(numbers, waiting.slice(0, numbers.length))
                waiting = waiting.slice(numbers.length)
                open.push({ batch, numbers })
              } else if (one.do === 'restart') {
                await channel.stop()
                for (const { numbers } of open) giveBack(numbers)
                open = []
                ;({ channel } = place.open(limits))
                await channel.start()
              } else {
                const [ended] = open.splice(one.which % Math.max(1, open.length), 1)
                if (ended === undefined) continue
                if (one.do === 'commitExcept') {
                  // `left` has a bit for each event of the batch.
                  const isLeft = (_: unknown, index: number) => (one.left >> index) % 2 === 1
                  await ended.batch.commitExcept(ended.batch.events.filter(isLeft))
                  giveBack(ended.numbers.filter(isLeft))
                } else {
                  await ended.batch[one.do]()
                  if (one.do === 'rollback') giveBack(ended.numbers)
                }
              }
              assert.equal(channel.size, inside())
              const peeked = await channel.peek!({ events: 15 })
              const taken = open.flatMap(({ numbers }) => numbers)
              const all = [...waiting, ...taken].sort((a, b) => a - b).slice(0, 15)
              assert.deepEqual(
                peeked.map(({ event, isTaken }) => [Number(event.body.toString()), isTaken]),
                all.map(number => [number, taken.includes(number)]),
              )
            }
          } finally {
            await channel.stop()
            await place.remove()
          }
        }),
        { numRuns: process.env['MILLRACE_DEEP'] === undefined ? 100 : 2000 },
      )
    })
  })
}
