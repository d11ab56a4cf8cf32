// What every sink must do, as checks that reject: order under failures in a window, what is not delivered named
// and nothing else repeated, events that never can be, stop, give-up. Each sink runs them on a stage of its own,
// with a peer that can be made to refuse, to keep waiting and to take again.
import assert from 'node:assert/strict'
import { memoryChannel } from '../../src/channels/memory.ts'
import type { Sink, SinkSession } from '../../src/component.ts'
import { DeliveryFault } from '../../src/delivery-fault.ts'
import { Fault } from '../../src/errors.ts'
import { Event } from '../../src/event.ts'
import { realClock, type Clock } from '../../src/system/clock.ts'
import { openSession, SinkRunner } from '../../src/topology/sink-runner.ts'
import { contextFor, optionsFor } from '../context.ts'
import { SeededRandom } from '../../src/simulation/seeded-random.ts'

export interface SinkStage extends AsyncDisposable {
  /** Not started. Events go one lane: to one partition, into one file. */
  readonly sink: Sink
  /** Bodies of the events that the peer has, in their order. */
  arrived(): readonly string[] | Promise<readonly string[]>
  /** Which bodies the peer refuses now, with what comes with them; it takes all at the beginning. */
  refuses: (body: string) => boolean
}

export interface SinkPlan {
  open(): Promise<SinkStage>
  /** Whether there is a peer that refuses at all. */
  readonly canRefuse: boolean
  /** How long anything may take, ms; 10 s where absent. */
  readonly limitMs?: number
  /** Makes the peer keep everything waiting from now on. */
  readonly hang?: (stage: SinkStage) => void
  /** Events that can never be delivered, whatever the peer refuses, each for a reason of its own. */
  readonly poison?: Readonly<Record<string, () => Event>>
}

export const eventOf = (body: string): Event => Event.of({}, body)
const eventsOf = (bodies: readonly (number | string)[]) => bodies.map(body => eventOf(String(body)))
const bodiesOf = (events: readonly Event[]) => events.map(event => event.body.toString())
const numbers = (from: number, count: number) => Array.from({ length: count }, (_, index) => from + index)
const turn = () => new Promise<void>(resolve => realClock.soon(resolve))
const windowOf = (sink: Sink) => ('open' in sink ? sink.window : 1)

const usualLimitMs = 10_000

/** Rejects where it takes longer than the plan lets it. */
async function soon<T>({ limitMs = usualLimitMs }: SinkPlan, promise: Promise<T>, what: string): Promise<T> {
  const late = Promise.withResolvers<never>()
  const timer = realClock.after(limitMs, () => late.reject(new Error(`${what}: not within ${limitMs} ms`)))
  try {
    return await Promise.race([promise, late.promise])
  } finally {
    timer.cancel()
  }
}

interface Handed {
  readonly events: readonly Event[]
  /** Those not delivered, in their order, where it is over; null before. */
  left: readonly Event[] | null
  readonly settled: Promise<void>
}

/** Hands events to a session, and keeps what becomes of them. */
function hand(session: SinkSession, events: readonly Event[]): Handed {
  const handed: Handed = {
    events,
    left: null,
    settled: session.deliver(events).then(
      () => void (handed.left = []),
      (error: unknown) => {
        const named = error instanceof DeliveryFault ? error.undelivered : events
        assert.deepEqual(
          named,
          events.filter(event => named.includes(event)),
          'what is named are events of the call, in their order',
        )
        handed.left = named
      },
    ),
  }
  // Looked at later.
  handed.settled.catch(() => {})
  return handed
}

/** One batch after the other, each in as many sessions as it needs. */
async function deliverAll(
  plan: SinkPlan,
  sink: Sink,
  events: readonly Event[],
  signal: AbortSignal,
): Promise<void> {
  let left = events
  for (let tries = 0; left.length > 0; tries++) {
    assert.ok(tries < 100, 'what the peer takes is delivered')
    const session = openSession(sink, signal)
    const handed = hand(session, left.slice(0, sink.batchSize))
    await soon(plan, handed.settled, 'a delivery')
    left = [...handed.left!, ...left.slice(handed.events.length)]
    await session.close?.()
  }
}

async function withSink(
  plan: SinkPlan,
  work: (stage: SinkStage, signal: AbortSignal, giveUp: AbortController) => Promise<void>,
): Promise<void> {
  await using stage = await plan.open()
  const giveUp = new AbortController()
  await stage.sink.start()
  try {
    await work(stage, giveUp.signal, giveUp)
  } finally {
    await soon(plan, stage.sink.stop(), 'the stop')
  }
}

/** In runs of one to three events, up to the batch size. */
function batchesOf(count: number, size: number): Event[][] {
  const all = eventsOf(numbers(0, count))
  const batches: Event[][] = []
  for (let at = 0; at < count; at += batches.at(-1)!.length)
    batches.push(all.slice(at, at + Math.min(size, 1 + (batches.length % 3))))
  return batches
}

async function inOrder(plan: SinkPlan): Promise<void> {
  await withSink(plan, async ({ sink, arrived }, signal) => {
    const session = openSession(sink, signal)
    const batches = batchesOf(40, sink.batchSize)
    for (let at = 0; at < batches.length; at += windowOf(sink)) {
      const handed = batches.slice(at, at + windowOf(sink)).map(batch => session.deliver(batch))
      await soon(plan, Promise.all(handed), 'deliveries')
    }
    await session.close?.()
    assert.deepEqual(await arrived(), numbers(0, 40).map(String))
  })
}

/**
 * A batch in the window is refused while others are handed over behind it, in every moment around the failure
 * and after it. Nothing of these may come before what is delivered again, what is named is not there, and the
 * rest is.
 */
async function failureInWindow(plan: SinkPlan): Promise<void> {
  for (const turnsBetween of [0, 1])
    for (const at of [0, 1, 3])
      await withSink(plan, async (stage, signal) => {
        const { sink, arrived } = stage
        const batches = batchesOf(60, sink.batchSize)
        const bad = bodiesOf(batches[at]!).at(-1)!
        stage.refuses = body => body === bad
        const session = openSession(sink, signal)
        const handed: Handed[] = []
        let afterwards = 0
        const isFull = () => handed.filter(({ left }) => left === null).length === windowOf(sink)
        const end = realClock.monotonic() + (plan.limitMs ?? usualLimitMs)
        for (;;) {
          assert.ok(realClock.monotonic() < end, 'a delivery that the peer refuses fails soon')
          if (handed.some(({ left }) => left !== null && left.length > 0)) {
            // From here on the peer would take everything. A sink that is one function is given nothing more.
            stage.refuses = () => false
            if (++afterwards > 6 || !('open' in sink)) break
          }
          if (!isFull()) handed.push(hand(session, batches[handed.length]!))
          assert.ok(handed.length < batches.length, 'a delivery that the peer refuses fails')
          if (turnsBetween > 0 || isFull()) await turn()
          else await Promise.resolve()
        }
        await soon(
          plan,
          Promise.all(handed.map(({ settled }) => settled)),
          'what was handed over around a failure',
        )
        for (let count = 0; count < 3; count++) await turn()
        const there = await arrived()
        const left = handed.flatMap(one => one.left!)
        assert.deepEqual(
          bodiesOf(left).filter(body => there.includes(body)),
          [],
          'what is named as not delivered has not arrived',
        )
        const known = handed.flatMap(({ events }) => events).filter(event => !left.includes(event))
        assert.deepEqual(there, bodiesOf(known), 'what is not named has arrived, once and in order')
        await session.close?.()
        await deliverAll(plan, sink, [...left, ...batches.slice(handed.length).flat()], signal)
        assert.deepEqual(await arrived(), numbers(0, 60).map(String), 'everything arrives once, in order')
      })
}

async function poisonIsNamed(plan: SinkPlan, make: () => Event): Promise<void> {
  await withSink(plan, async ({ sink, arrived }, signal) => {
    const bad = make()
    const [before, behind, later] = eventsOf([0, 1, 2])
    const session = openSession(sink, signal)
    const first = session.deliver([before!, bad, behind!])
    const second = windowOf(sink) > 1 ? session.deliver([later!]) : null
    second?.catch(() => {})
    const fault = await soon(
      plan,
      first.then(
        () => assert.fail('it was delivered'),
        (error: unknown) => error,
      ),
      'an event that never can be delivered',
    )
    assert.ok(fault instanceof DeliveryFault, String(fault))
    assert.equal(fault.code, 'UNDELIVERABLE')
    assert.equal(fault.event, bad, 'the event is named')
    assert.ok(fault.undelivered.includes(bad))
    if (second !== null) {
      const error: unknown = await soon(plan, second, 'what is behind it').catch((reason: unknown) => reason)
      assert.ok(error instanceof Fault && error.code !== 'UNDELIVERABLE', 'it alone is to blame')
    }
    await session.close?.()
    const left = fault.undelivered.filter(event => event !== bad)
    await deliverAll(plan, sink, [...left, ...(second === null ? [] : [later!])], signal)
    assert.deepEqual(await arrived(), second === null ? ['0', '1'] : ['0', '1', '2'])
  })
}

async function stopKeepsWhatWasDelivered(plan: SinkPlan): Promise<void> {
  await using stage = await plan.open()
  const { sink } = stage
  await sink.start()
  const session = openSession(sink, new AbortController().signal)
  const handed = batchesOf(6, sink.batchSize)
    .slice(0, windowOf(sink))
    .map(batch => hand(session, batch))
  await soon(plan, Promise.all(handed.map(({ settled }) => settled)), 'deliveries')
  // A session that is open holds up no stop.
  await soon(plan, sink.stop(), 'the stop')
  const delivered = handed.flatMap(({ events, left }) => events.filter(event => !left!.includes(event)))
  assert.deepEqual(await stage.arrived(), bodiesOf(delivered))
}

async function giveUpSettles(plan: SinkPlan): Promise<void> {
  await withSink(plan, async (stage, signal, giveUp) => {
    const { sink, arrived } = stage
    const session = openSession(sink, signal)
    await soon(plan, session.deliver([eventOf('0')]), 'a delivery')
    plan.hang!(stage)
    const handed = numbers(1, windowOf(sink)).map(number => hand(session, [eventOf(String(number))]))
    for (let count = 0; count < 5; count++) await turn()
    giveUp.abort()
    await soon(plan, Promise.all(handed.map(({ settled }) => settled)), 'what was given up')
    const late = hand(session, [eventOf('late')])
    await soon(plan, late.settled, 'what comes after the end')
    assert.deepEqual(bodiesOf(late.left!), ['late'])
    const there = await arrived()
    for (const { events, left } of handed)
      for (const event of events)
        if (!left!.includes(event)) assert.ok(there.includes(event.body.toString()), 'what resolved is there')
  })
}

/** Through the runner, with refusals that come and go by seed: everything once and in order. */
async function throughTheRunner(plan: SinkPlan): Promise<void> {
  for (let seed = 0; seed < 4; seed++)
    await withSink(plan, async (stage, _, giveUp) => {
      giveUp.abort() // the runner has a signal of its own
      const random = new SeededRandom(seed)
      const refused = new Set<string>()
      stage.refuses = body => {
        if (refused.has(body) || !random.chance(0.04)) return false
        refused.add(body)
        return true
      }
      const context = contextFor('CHANNEL', 'c1', memoryChannel.counters)
      const channel = memoryChannel.create(optionsFor(memoryChannel, { capacity: 1000 }), context)
      await channel.start()
      const { sink } = stage
      const clock: Clock = { ...realClock, sleep: () => turn() }
      const { log, condition } = context
      const runner = new SinkRunner({
        name: 'sink k1',
        members: [{ name: 'k1', sink }],
        channel,
        clock,
        random: { next: () => random.below(1000) / 1000, bytes: Buffer.alloc, uuid: () => '' },
        log,
        condition,
      })
      runner.start()
      const putting = (async () => {
        for (let at = 0; at < 200; at += 20) {
          await channel.put(eventsOf(numbers(at, 20)))
          if (random.chance(0.5)) await turn()
        }
      })()
      const over = new AbortController()
      const drained = async () => {
        await putting
        while (channel.size > 0 && !over.signal.aborted) await turn()
      }
      try {
        await soon(plan, drained(), `seed ${seed}: everything is delivered`)
      } finally {
        over.abort()
        await soon(plan, runner.stop(0), 'the end of the runner')
      }
      assert.deepEqual(await stage.arrived(), numbers(0, 200).map(String), `seed ${seed}`)
    })
}

/** What there is to check of a sink; each check rejects where the sink does not keep to it. */
export const checksOf = (plan: SinkPlan): Readonly<Record<string, () => Promise<void>>> => ({
  'delivers in order what is handed over ahead': () => inOrder(plan),
  ...(plan.canRefuse && {
    'keeps the order around a failure in the window, and names what is not delivered': () =>
      failureInWindow(plan),
  }),
  ...Object.fromEntries(
    Object.entries(plan.poison ?? {}).map(([why, make]) => [
      `names the event that can never be delivered: ${why}`,
      () => poisonIsNamed(plan, make),
    ]),
  ),
  'keeps what it has delivered when it stops': () => stopKeepsWhatWasDelivered(plan),
  ...(plan.hang && { 'settles what is given up, and delivers nothing later': () => giveUpSettles(plan) }),
  'delivers everything once and in order by the runner': () => throughTheRunner(plan),
})
