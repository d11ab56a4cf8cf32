import assert from 'node:assert/strict'
import { test } from 'node:test'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { conditionsOn, contextFor, KeptLog, optionsFor } from '../../test/context.ts'
import { memoryChannel } from '../channels/memory.ts'
import type { Channel, SessionSink, Sink, SinkProcessorDefinition } from '../component.ts'
import { Fault } from '../errors.ts'
import { Event } from '../event.ts'
import { failoverProcessor } from '../sink-processors/failover.ts'
import { loadBalanceProcessor } from '../sink-processors/load-balance.ts'
import { realClock, type Clock } from '../system/clock.ts'
import { realRandom } from '../system/random.ts'
import { SinkRunner } from './sink-runner.ts'

const events = (from: number, count: number) =>
  Array.from({ length: count }, (_, index) => Event.of({}, String(from + index)))
const bodies = (batch: readonly Event[]) => batch.map(event => event.body.toString())

async function openChannel(): Promise<Channel> {
  const context = contextFor('CHANNEL', 'c1', memoryChannel.counters)
  const channel = memoryChannel.create(
    optionsFor(memoryChannel, { capacity: 10_000, transactionCapacity: 1000 }),
    context,
  )
  await channel.start()
  return channel
}

/** A sink whose deliveries end when the test says so. */
class ScriptedSink implements SessionSink {
  readonly batchSize: number
  readonly window: number
  readonly calls: { bodies: string[]; succeed: () => void; fail: (error: Error) => void }[] = []
  #called: () => void = () => {}

  constructor(batchSize: number, window: number) {
    this.batchSize = batchSize
    this.window = window
  }

  async start() {}
  async stop() {}

  open(signal: AbortSignal) {
    return {
      deliver: (batch: readonly Event[]) =>
        new Promise<void>((resolve, reject) => {
          signal.addEventListener('abort', () => reject(new Fault('STOPPED', 'given up')))
          this.calls.push({ bodies: bodies(batch), succeed: resolve, fail: reject })
          this.#called()
        }),
    }
  }

  /** Resolves when `count` deliveries have begun in all. */
  async begun(count: number): Promise<void> {
    while (this.calls.length < count) await new Promise<void>(resolve => (this.#called = resolve))
  }
}

function runnerOf(channel: Channel, sink: Sink) {
  const log = new KeptLog()
  const { condition, health } = conditionsOn(realClock, log)
  const runner = new SinkRunner({
    name: 'sink k1',
    members: [{ name: 'k1', sink }],
    channel,
    clock: realClock,
    random: realRandom,
    log,
    condition,
  })
  runner.start()
  return { runner, log, health }
}

test('several batches are under way at once, in order, up to the window', async () => {
  const channel = await openChannel()
  const sink = new ScriptedSink(2, 3)
  const { runner } = runnerOf(channel, sink)
  await channel.put(events(0, 10))
  await sink.begun(3)
  assert.deepEqual(
    sink.calls.map(call => call.bodies),
    [
      ['0', '1'],
      ['2', '3'],
      ['4', '5'],
    ],
  )
  sink.calls[0]!.succeed()
  await sink.begun(4)
  assert.deepEqual(sink.calls[3]!.bodies, ['6', '7'])
  for (const call of sink.calls) call.succeed()
  await sink.begun(5)
  sink.calls[4]!.succeed()
  await runner.stop(1000)
  assert.equal(channel.size, 0)
})

test('what waits is taken together where the sink gathers, and one event at once where nothing else waits', async () => {
  const channel = await openChannel()
  const sink = Object.assign(new ScriptedSink(2, 2), { gathered: 5 })
  const { runner } = runnerOf(channel, sink)
  await channel.put(events(0, 1))
  await sink.begun(1)
  await channel.put(events(1, 8))
  await sink.begun(2)
  sink.calls[0]!.succeed()
  await sink.begun(3)
  assert.deepEqual(
    sink.calls.map(call => call.bodies),
    [['0'], ['1', '2', '3', '4', '5'], ['6', '7', '8']],
  )
  for (const call of sink.calls) call.succeed()
  await runner.stop(1000)
  assert.equal(channel.size, 0)
})

test('a failure rolls back its batch and those after it; they come again in the same order', async () => {
  const channel = await openChannel()
  const sink = new ScriptedSink(2, 3)
  const { runner, log, health } = runnerOf(channel, sink)
  await channel.put(events(0, 6))
  await sink.begun(3)
  sink.calls[0]!.succeed()
  sink.calls[2]!.fail(new Fault('PEER_CLOSED', 'b:44444 closed the connection'))
  sink.calls[1]!.fail(new Fault('PEER_CLOSED', 'b:44444 closed the connection'))
  await sink.begun(5)
  assert.deepEqual(
    sink.calls.slice(3).map(call => call.bodies),
    [
      ['2', '3'],
      ['4', '5'],
    ],
  )
  assert.match(health()[0]!, /b:44444 closed the connection/)
  for (const call of sink.calls.slice(3)) call.succeed()
  await log.line(/succeeds again/)
  await runner.stop(1000)
  assert.equal(channel.size, 0)
  assert.equal(log.lines.filter(line => line.startsWith('ERROR')).length, 1, 'one line when it begins')
  assert.deepEqual(health(), [])
})

test('a failure is noticed while the runner waits for more events', async () => {
  const channel = await openChannel()
  const sink = new ScriptedSink(10, 4)
  const { runner } = runnerOf(channel, sink)
  await channel.put(events(0, 1))
  await sink.begun(1)
  sink.calls[0]!.fail(new Error('no'))
  await sink.begun(2)
  assert.deepEqual(sink.calls[1]!.bodies, ['0'])
  sink.calls[1]!.succeed()
  await runner.stop(1000)
  assert.equal(channel.size, 0)
})

test('stopping gives up deliveries that do not end; their events stay in the channel, in order', async () => {
  const channel = await openChannel()
  const sink = new ScriptedSink(2, 2)
  const { runner } = runnerOf(channel, sink)
  await channel.put(events(0, 5))
  await sink.begun(2)
  sink.calls[0]!.succeed()
  await sink.begun(3)
  await runner.stop(0)
  assert.equal(channel.size, 3)
  const batch = await channel.take({ events: 10 }, new AbortController().signal)
  assert.deepEqual(bodies(batch!.events), ['2', '3', '4'])
})

test('a batch taken in the moment in which an earlier one fails does not overtake it', async () => {
  // The failure is told a different number of microtasks after the put that wakes the runner each time.
  for (let delay = 0; delay < 12; delay++) {
    const channel = await openChannel()
    const delivered: string[] = []
    let firstTry = true
    let held: (fail: () => void) => void = () => {}
    const waiting = new Promise<() => void>(resolve => (held = resolve))
    let done = () => {}
    const both = new Promise<void>(resolve => (done = resolve))
    const sink: SessionSink = {
      batchSize: 1,
      window: 2,
      start: async () => {},
      stop: async () => {},
      // As a sink on a connection: the first delivery waits; later ones leave in a later turn, where it stands.
      open() {
        let hasFailed = false
        return {
          deliver: batch =>
            new Promise((resolve, reject) => {
              const [body] = bodies(batch) as [string]
              const fail = () => {
                hasFailed = true
                reject(new Fault('PEER_CLOSED', 'closed'))
              }
              if (body === '0' && firstTry) {
                firstTry = false
                return held(fail)
              }
              realClock.soon(() => {
                if (hasFailed) return fail()
                delivered.push(body)
                resolve()
                if (delivered.includes('0') && delivered.includes('1')) done()
              })
            }),
        }
      },
    }
    const { runner } = runnerOf(channel, sink)
    await channel.put(events(0, 1))
    const fail = await waiting
    void channel.put(events(1, 1))
    for (let count = 0; count < delay; count++) await Promise.resolve()
    fail()
    await both
    await runner.stop(1000)
    assert.deepEqual(delivered.slice(0, 2), ['0', '1'], `after ${delay} microtasks`)
  }
})

// ------------------------------------------------------------------------------------------- groups

/** Time that passes when the test says so; sleeps that are over end at once. */
function handClock() {
  let now = 0
  const waiting = new Set<() => void>()
  const clock: Clock = {
    ...realClock,
    monotonic: () => now,
    sleep: (delayMs, signal) =>
      new Promise(resolve => {
        const end = now + delayMs
        const look = () => {
          if (now < end && signal?.aborted !== true) return
          waiting.delete(look)
          resolve()
        }
        waiting.add(look)
        signal?.addEventListener('abort', look)
        look()
      }),
  }
  const pass = (ms: number) => {
    now += ms
    for (const look of waiting) look()
  }
  return { clock, pass }
}

function groupOf(
  channel: Channel,
  sinks: Record<string, Sink>,
  definition: SinkProcessorDefinition,
  options: Record<string, unknown> = {},
) {
  const log = new KeptLog()
  const { clock, pass } = handClock()
  const names = Object.keys(sinks)
  const processor = definition.create(optionsFor(definition, options), {
    ...contextFor('SINK', 'g1'),
    sinks: names,
  })
  const { condition, health } = conditionsOn(clock, log)
  const runner = new SinkRunner({
    name: 'sink group g1',
    members: Object.entries(sinks).map(([name, sink]) => ({ name, sink })),
    processor,
    channel,
    clock,
    random: realRandom,
    log,
    condition,
  })
  runner.start()
  return { runner, log, health, pass }
}

const turns = async (count: number) => {
  for (let turn = 0; turn < count; turn++) await new Promise<void>(resolve => realClock.soon(resolve))
}

test('failover: the next sink serves when nothing is under way any more, and order holds', async () => {
  const channel = await openChannel()
  const [k1, k2] = [new ScriptedSink(1, 3), new ScriptedSink(1, 3)]
  const { runner, log, pass, health } = groupOf(channel, { k1, k2 }, failoverProcessor, {
    priority: { k1: '2', k2: '1' },
  })
  await channel.put(events(0, 12))
  await k1.begun(3)
  k1.calls[1]!.fail(new Fault('PEER_CLOSED', 'b:44444 closed the connection'))
  k1.calls[2]!.fail(new Fault('PEER_CLOSED', 'b:44444 closed the connection'))
  await turns(5)
  assert.equal(k2.calls.length, 0, 'the first is still under way')
  k1.calls[0]!.succeed()
  await k2.begun(3)
  assert.deepEqual(
    k2.calls.map(call => call.bodies[0]),
    ['1', '2', '3'],
  )
  assert.match(
    log.lines.join('\n'),
    /^WARN sink k1 of sink group g1 failed: b:44444 closed the connection\.$/m,
  )
  // Its rest of 2 s is over: it takes its place again, but not before what is under way has ended.
  pass(2000)
  k2.calls[0]!.succeed()
  k2.calls[1]!.succeed()
  await turns(5)
  assert.equal(k1.calls.length, 3)
  k2.calls[2]!.succeed()
  await k1.begun(6)
  assert.deepEqual(
    k1.calls.slice(3).map(call => call.bodies[0]),
    ['4', '5', '6'],
  )
  for (const call of k1.calls) call.succeed()
  await k1.begun(9)
  for (const call of k1.calls) call.succeed()
  await k1.begun(11)
  for (const call of k1.calls) call.succeed()
  await runner.stop(1000)
  assert.equal(channel.size, 0)
  assert.deepEqual(health(), [], 'another sink served: no outage')
})

test('failover: while all rest nothing is lost, and the best serves when its rest is over', async () => {
  const channel = await openChannel()
  const [k1, k2] = [new ScriptedSink(2, 2), new ScriptedSink(2, 2)]
  const { runner, log, pass, health } = groupOf(channel, { k1, k2 }, failoverProcessor)
  await channel.put(events(0, 2))
  for (const sink of [k1, k2]) {
    await sink.begun(1)
    sink.calls[0]!.fail(new Fault('PEER_UNREACHABLE', 'nobody listens'))
  }
  await log.line(/Delivering events by sink group g1 failed and is retried until it succeeds: nobody listens/)
  await turns(1)
  pass(1300)
  await turns(5)
  assert.deepEqual([k1.calls.length, k2.calls.length], [1, 1])
  assert.match(health()[0]!, /every sink of sink group g1 rests after failures/)
  pass(1300)
  await k1.begun(2)
  assert.deepEqual(k1.calls[1]!.bodies, ['0', '1'])
  k1.calls[1]!.succeed()
  await log.line(/Delivering events by sink group g1 succeeds again/)
  await runner.stop(1000)
  assert.equal(channel.size, 0)
})

test('load_balance: batches are dealt in turn, each sink has its window', async () => {
  const channel = await openChannel()
  const [k1, k2] = [new ScriptedSink(1, 2), new ScriptedSink(1, 2)]
  const { runner } = groupOf(channel, { k1, k2 }, loadBalanceProcessor)
  await channel.put(events(0, 8))
  await k1.begun(2)
  await k2.begun(2)
  const bodiesOf = (sink: ScriptedSink) => sink.calls.flatMap(call => call.bodies)
  assert.deepEqual(
    [bodiesOf(k1), bodiesOf(k2)],
    [
      ['0', '2'],
      ['1', '3'],
    ],
  )
  for (let round = 0; round < 20; round++) {
    for (const { calls } of [k1, k2]) for (const call of calls) call.succeed()
    await turns(1)
  }
  assert.deepEqual(
    [bodiesOf(k1), bodiesOf(k2)],
    [
      ['0', '2', '4', '6'],
      ['1', '3', '5', '7'],
    ],
  )
  await runner.stop(1000)
  assert.equal(channel.size, 0)
})

test('load_balance: what one sink does not deliver goes to the other at once, and what that has stays delivered', async () => {
  const channel = await openChannel()
  const [k1, k2] = [new ScriptedSink(1, 2), new ScriptedSink(1, 2)]
  const { runner, health } = groupOf(channel, { k1, k2 }, loadBalanceProcessor, { backoff: true })
  await channel.put(events(0, 4))
  await k2.begun(2)
  for (const call of k1.calls) call.fail(new Fault('PEER_CLOSED', 'closed'))
  for (const call of k2.calls) call.succeed()
  await k2.begun(4)
  assert.deepEqual(
    k2.calls.flatMap(call => call.bodies),
    ['1', '3', '0', '2'],
  )
  for (const call of k2.calls) call.succeed()
  await runner.stop(1000)
  assert.equal(channel.size, 0)
  assert.deepEqual(health(), [])
})

test('in a group a sink that asks for another try at once gets it', async () => {
  const channel = await openChannel()
  const [k1, k2] = [new ScriptedSink(4, 2), new ScriptedSink(4, 2)]
  const { runner, log } = groupOf(channel, { k1, k2 }, loadBalanceProcessor)
  await channel.put(events(0, 4))
  await k1.begun(1)
  k1.calls[0]!.fail(new Fault('BATCH_REFUSED', 'too many'))
  await k1.begun(2)
  assert.deepEqual([k1.calls[1]!.bodies.length, k2.calls.length], [4, 0])
  k1.calls[1]!.succeed()
  await runner.stop(1000)
  assert.deepEqual(log.lines, [])
  assert.equal(channel.size, 0)
})

test('a session that is over is replaced when nothing of it is under way', async () => {
  const channel = await openChannel()
  const did: string[] = []
  let sessions = 0
  const sink: SessionSink = {
    batchSize: 1,
    window: 4,
    start: async () => {},
    stop: async () => {},
    open() {
      const number = ++sessions
      let count = 0
      return {
        get isOver() {
          return count === 2
        },
        async deliver(batch) {
          count++
          await turns(3)
          did.push(`${number}: ${bodies(batch)[0]}`)
        },
        close: async () => void did.push(`${number} closed`),
      }
    },
  }
  const { runner, log } = runnerOf(channel, sink)
  await channel.put(events(0, 5))
  while (channel.size > 0) await turns(1)
  await runner.stop(1000)
  assert.deepEqual(did, ['1: 0', '1: 1', '1 closed', '2: 2', '2: 3', '2 closed', '3: 4', '3 closed'])
  assert.deepEqual(log.lines, [])
})

test('what listens to the signal of a session, or of a delivery, is not kept when that is over', async () => {
  setFlagsFromString('--expose-gc')
  const collect = runInNewContext('gc') as () => void
  const refusals = 20
  const given: WeakRef<object>[] = []
  /** Listens, and never takes that back; refuses, and passes once. */
  const listenTo = (signal: AbortSignal): (() => Promise<void>) => {
    const kept = { abort() {} }
    given.push(new WeakRef(kept))
    signal.addEventListener('abort', () => kept.abort())
    const passes = given.length > refusals
    return async () => {
      if (!passes) throw new Fault('BATCH_REFUSED', 'not now')
    }
  }
  const common = { batchSize: 1, async start() {}, async stop() {} }
  const sinks: readonly Sink[] = [
    { ...common, window: 4, open: signal => ({ deliver: listenTo(signal) }) },
    { ...common, deliver: (_, signal) => listenTo(signal)() },
  ]
  for (const sink of sinks) {
    given.length = 0
    const channel = await openChannel()
    const { runner } = runnerOf(channel, sink)
    await channel.put(events(0, 1))
    while (channel.size > 0) await new Promise(resolve => setImmediate(resolve))
    // What was dereferenced, or made, in this turn stays until the next.
    await new Promise(resolve => setImmediate(resolve))
    collect()
    const kept = given.filter(one => one.deref() !== undefined).length
    assert.ok(given.length > refusals && kept <= 2, `${kept} of ${given.length} are kept`)
    await runner.stop(0)
  }
})
