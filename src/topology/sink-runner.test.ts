import assert from 'node:assert/strict'
import { test } from 'node:test'
import { conditionsOn, contextFor, KeptLog, optionsFor } from '../../test/context.ts'
import { memoryChannel } from '../channels/memory.ts'
import type { Channel, SessionSink, Sink } from '../component.ts'
import { Fault } from '../errors.ts'
import { Event } from '../event.ts'
import { realClock } from '../system/clock.ts'
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
