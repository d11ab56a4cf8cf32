// Events that can never be delivered, through the runners: what is around them passes once each and in
// order, whatever else fails; they block, or are set aside.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { conditionsOn, contextFor, KeptLog, optionsFor } from '../../test/context.ts'
import { SeededRandom } from '../simulation/seeded-random.ts'
import { memoryChannel } from '../channels/memory.ts'
import type { Channel, SessionSink, Sink, SinkSession } from '../component.ts'
import { DeliveryFault } from '../delivery-fault.ts'
import { Fault } from '../errors.ts'
import { Event } from '../event.ts'
import { looseConditions } from '../observe/conditions.ts'
import { realClock, type Clock } from '../system/clock.ts'
import { realRandom } from '../system/random.ts'
import { SinkRunner } from './sink-runner.ts'

const partitions = 3
const events = (count: number): Event[] =>
  Array.from({ length: count }, (_, number) =>
    Event.of({ topic: 't', partition: String(number % partitions), offset: String(number) }, String(number)),
  )
const numberOf = (event: Event) => Number(event.body.toString())

async function openChannel(): Promise<Channel> {
  const context = contextFor('CHANNEL', 'c1', memoryChannel.counters)
  const channel = memoryChannel.create(
    optionsFor(memoryChannel, { capacity: 100_000, transactionCapacity: 1000 }),
    context,
  )
  await channel.start()
  return channel
}

/** Real but for its sleeps, which take a turn of the event loop, let timers ring and are kept. */
function quickClock(): Clock & { readonly sleeps: number[] } {
  const sleeps: number[] = []
  let ahead = 0
  const monotonic = () => realClock.monotonic() + ahead
  const alarms = new Map<() => void, number>()
  return {
    ...realClock,
    sleeps,
    monotonic,
    after(delayMs, run) {
      alarms.set(run, monotonic() + delayMs)
      return { cancel: () => void alarms.delete(run) }
    },
    sleep: delayMs => {
      sleeps.push(delayMs)
      ahead += delayMs
      for (const [run, at] of alarms) if (at <= monotonic() && alarms.delete(run)) run()
      return new Promise(resolve => realClock.soon(resolve))
    },
  }
}

interface Send {
  left: Event[]
  readonly resolve: () => void
  readonly reject: (fault: Fault) => void
}

/** Writes to partitions as the producer does: in order for each, and when a send fails, all later ones do. */
class PartitionedSink implements SessionSink {
  readonly batchSize = 10
  readonly window = 8
  readonly written: number[][] = Array.from({ length: partitions }, () => [])
  readonly poison = new Set<number>()
  readonly divert: Sink['divert']
  readonly #random: SeededRandom
  readonly #outages: number
  #sends: Send[] = []
  #isRunning = false
  /** The session whose sends these are; null when one of them has failed. */
  #session: SinkSession | null = null

  constructor(seed: number, { outages = 0, divert }: { outages?: number; divert?: Sink['divert'] } = {}) {
    this.#random = new SeededRandom(seed)
    this.#outages = outages
    this.divert = divert
  }

  async start() {}
  async stop() {}

  get count(): number {
    return this.written.reduce((sum, one) => sum + one.length, 0)
  }

  open(signal: AbortSignal): SinkSession {
    assert.equal(this.#sends.length, 0, 'nothing of the session before is under way')
    const session: SinkSession = {
      deliver: batch => {
        if (this.#session !== session)
          return Promise.reject(new DeliveryFault('KAFKA', 'held back', { undelivered: batch, event: null }))
        return new Promise((resolve, reject) => {
          const send = { left: [...batch], resolve, reject }
          this.#sends.push(send)
          const abort = () => {
            const at = this.#sends.indexOf(send)
            if (at !== -1) this.#fail(at, new Fault('STOPPED', 'given up'), null)
          }
          signal.addEventListener('abort', abort)
          this.#step()
        })
      },
    }
    this.#session = session
    return session
  }

  #step(): void {
    if (this.#isRunning) return
    this.#isRunning = true
    realClock.soon(() => {
      this.#isRunning = false
      if (this.#random.chance(this.#outages)) this.#fail(0, new Fault('PEER_CLOSED', 'cut'), null)
      // Some partitions, each a few events on, over all sends.
      for (let partition = 0; partition < partitions; partition++) {
        if (this.#random.chance(0.4)) continue
        for (let count = this.#random.below(12); count > 0; count--) {
          const at = this.#sends.findIndex(({ left }) => left.some(one => numberOf(one) % 3 === partition))
          if (at === -1) break
          const send = this.#sends[at]!
          const event = send.left.find(one => numberOf(one) % 3 === partition)!
          if (this.poison.has(numberOf(event))) {
            this.#fail(at, new Fault('UNDELIVERABLE', 'broker:9092 refuses a record for t: too large'), event)
            break
          }
          send.left.splice(send.left.indexOf(event), 1)
          this.written[partition]!.push(numberOf(event))
        }
      }
      for (const send of this.#sends.filter(({ left }) => left.length === 0)) send.resolve()
      this.#sends = this.#sends.filter(({ left }) => left.length > 0)
      if (this.#sends.length > 0) this.#step()
    })
  }

  #fail(at: number, fault: Fault, event: Event | null): void {
    this.#session = null
    for (const [index, send] of this.#sends.splice(at).entries())
      send.reject(
        new DeliveryFault(index === 0 ? fault.code : 'KAFKA', fault.message, {
          undelivered: send.left,
          event: index === 0 ? event : null,
        }),
      )
  }
}

function run(channel: Channel, sink: Sink, clock: Clock = quickClock()) {
  const log = new KeptLog()
  const { condition, health } = conditionsOn(clock, log)
  const members = [{ name: 'k1', sink }]
  const runner = new SinkRunner({
    name: 'sink k1',
    members,
    channel,
    clock,
    random: realRandom,
    log,
    condition,
  })
  runner.start()
  return { runner, log, health }
}

/** Looks once a turn of the event loop. */
async function until(holds: () => boolean): Promise<void> {
  while (!holds()) await new Promise(resolve => realClock.soon(() => resolve(null)))
}

const inOrder = (numbers: readonly number[]) =>
  assert.deepEqual(
    numbers,
    numbers.toSorted((a, b) => a - b),
  )

test('what is written is never delivered again, and order holds, whatever fails', async () => {
  for (let seed = 0; seed < 40; seed++) {
    const channel = await openChannel()
    const aside: number[] = []
    const sink = new PartitionedSink(seed, {
      outages: 0.1,
      divert: async event => void aside.push(numberOf(event)),
    })
    for (const number of [7, 8, 100, 149, 150, 299]) sink.poison.add(number)
    const { runner } = run(channel, sink)
    for (let at = 0; at < 300; at += 100) await channel.put(events(300).slice(at, at + 100))
    await until(() => sink.count + aside.length >= 300)
    await runner.stop(1000)
    assert.equal(channel.size, 0, `seed ${seed}`)
    for (const numbers of sink.written) inOrder(numbers)
    inOrder(aside)
    assert.deepEqual(
      [...sink.written.flat(), ...aside].sort((a, b) => a - b),
      Array.from({ length: 300 }, (_, number) => number),
      `seed ${seed}`,
    )
    assert.deepEqual(new Set(aside), sink.poison)
  }
})

test('an event that blocks is told in one line and one a minute, and passes when the remedy is there', async () => {
  const channel = await openChannel()
  const sink = new PartitionedSink(1)
  sink.poison.add(42)
  const clock = quickClock()
  const { runner, log, health } = run(channel, sink, clock)
  await channel.put(events(100))
  // 1 + 2 + 4 + 8 + 16 s, then every 30 s.
  await until(() => clock.sleeps.length >= 10)
  assert.deepEqual(clock.sleeps.slice(0, 7), [1000, 2000, 4000, 8000, 16_000, 30_000, 30_000])
  const errors = log.lines.filter(line => line.startsWith('ERROR'))
  assert.ok(!errors.some(line => line.includes('failed and is retried')), errors.join('\n'))
  assert.match(
    errors[0]!,
    /^ERROR Sink k1 is blocked by an event that cannot be delivered: the event with the headers topic=t, partition=0, offset=42 and a body of 2 bytes: broker:9092 refuses a record for t: too large\./,
  )
  assert.match(errors[1]!, /^ERROR Sink k1 is blocked .* the event .*offset=42.* This has lasted for \d+ s\./)
  assert.ok(errors.length <= 4, errors.join('\n'))
  assert.match(health().at(-1)!, /blocked by an event that cannot be delivered: .*offset=42/)
  assert.ok(sink.written[0]!.every(number => number < 42))
  sink.poison.clear()
  await until(() => sink.count === 100)
  await log.line(/^INFO Sink k1 is no longer blocked, after/)
  assert.deepEqual(health(), [])
  await runner.stop(1000)
  assert.equal(channel.size, 0)
  for (const numbers of sink.written) inOrder(numbers)
})

test('a stop while blocked leaves in the channel only what was not delivered, in order', async () => {
  const channel = await openChannel()
  const sink = new PartitionedSink(2)
  sink.poison.add(30)
  const clock = quickClock()
  const { runner } = run(channel, sink, clock)
  await channel.put(events(90))
  await until(() => clock.sleeps.length >= 2)
  await runner.stop(1000)
  const batch = (await channel.take({ events: 1000 }, new AbortController().signal))!
  const left = batch.events.map(numberOf)
  assert.equal(left[0], 30)
  inOrder(left)
  assert.equal(sink.count + left.length, 90, 'nothing is in both places')
})

test('a peer that goes away while an event blocks has words of its own', async () => {
  const channel = await openChannel()
  let answer: () => Error = () => new Fault('UNDELIVERABLE', 'too large')
  const clock = quickClock()
  const sink: Sink = {
    batchSize: 1,
    start: async () => {},
    stop: async () => {},
    deliver: async () => Promise.reject(answer()),
  }
  const { runner, log, health } = run(channel, sink, clock)
  await channel.put(events(1))
  await log.line(/is blocked by an event/)
  answer = () => new Fault('PEER_UNREACHABLE', 'broker:9092 refuses connections')
  await log.line(/Delivering events by sink k1 failed and is retried until it succeeds: broker:9092/)
  assert.match(health().at(-1)!, /broker:9092 refuses connections/)
  answer = () => new Fault('UNDELIVERABLE', 'too large')
  await log.line(/Delivering events by sink k1 succeeds again/)
  await until(() => /blocked by/.test(health().at(-1) ?? ''))
  await runner.stop(1000)
})

test('setting aside that fails is an outage; that is refused for good, a block; nothing is lost', async () => {
  const channel = await openChannel()
  const aside: number[] = []
  let answer: (() => Error) | null = () => new Fault('DISK_FULL', '/dead.jsonl: no space left')
  const sink = new PartitionedSink(3, {
    divert: async event => {
      if (answer !== null) throw answer()
      aside.push(numberOf(event))
    },
  })
  sink.poison.add(5)
  const { runner, log } = run(channel, sink)
  await channel.put(events(20))
  await log.line(/failed and is retried until it succeeds: \/dead.jsonl: no space left/)
  answer = () => new Fault('UNDELIVERABLE', 'topic dead takes no 2 bytes')
  await log.line(
    /Sink k1 is blocked .*offset=5 .* too large. It could not be set aside either: topic dead takes no 2 bytes/,
  )
  assert.deepEqual(aside, [])
  answer = null
  await log.line(/WARN Sink k1 set an event aside that can never be delivered, .*offset=5 .*too large/)
  await until(() => sink.count === 19)
  await runner.stop(1000)
  assert.deepEqual(aside, [5])
  assert.equal(channel.size, 0)
})

test('many events set aside are told once, with their number a minute later', async () => {
  const channel = await openChannel()
  const clock = quickClock()
  let passed = 0
  const sink = new PartitionedSink(4, {
    // A minute for every hundred of them.
    divert: async () => void (++passed % 100 === 0 && (await clock.sleep(60_001))),
  })
  for (let number = 0; number < 250; number++) sink.poison.add(number)
  const { runner, log } = run(channel, sink, clock)
  await channel.put(events(250))
  await until(() => channel.size === 0)
  await runner.stop(1000)
  const lines = log.lines.filter(line => line.includes('aside'))
  assert.equal(lines.length, 3, lines.join('\n'))
  assert.match(lines[1]!, /WARN Sink k1 set an event aside .*the last of 98 such lines within a minute/)
})

test('an event that another sink of the channel delivers meanwhile blocks no longer', async () => {
  const channel = await openChannel()
  const sink = new PartitionedSink(5)
  sink.poison.add(12)
  const { runner, log } = run(channel, sink)
  await channel.put(events(60))
  await log.line(/is blocked/)
  let taken: number | null = null
  while (taken === null) {
    const batch = (await channel.take({ events: 1 }, new AbortController().signal))!
    if (numberOf(batch.events[0]!) !== 12) await batch.rollback()
    else {
      await batch.commit()
      taken = 12
    }
  }
  await log.line(/no longer blocked/)
  await until(() => channel.size === 0)
  await runner.stop(1000)
})

test('a sink that asks for it is called again at once, without a line', async () => {
  const channel = await openChannel()
  const sizes: number[] = []
  const clock = quickClock()
  const sink: Sink = {
    batchSize: 8,
    start: async () => {},
    stop: async () => {},
    async deliver(batch) {
      sizes.push(batch.length)
      if (batch.length > 6)
        throw new DeliveryFault('BATCH_REFUSED', 'too many', { undelivered: batch.slice(2) })
    },
  }
  const { runner, log } = run(channel, sink, clock)
  await channel.put(events(8))
  await until(() => channel.size === 0)
  await runner.stop(1000)
  assert.deepEqual(sizes, [8, 6])
  assert.deepEqual(clock.sleeps, [])
  assert.deepEqual(log.lines, [])
})

test('a sink that names events it was not given costs repeats, not events', async () => {
  const channel = await openChannel()
  const calls: number[][] = []
  const sink: Sink = {
    batchSize: 4,
    start: async () => {},
    stop: async () => {},
    async deliver(batch) {
      calls.push(batch.map(numberOf))
      if (calls.length === 1) throw new DeliveryFault('PEER_CLOSED', 'cut', { undelivered: events(2) })
    },
  }
  const { runner, log } = run(channel, sink)
  await channel.put(events(4))
  await until(() => channel.size === 0)
  await runner.stop(1000)
  assert.deepEqual(calls, [
    [0, 1, 2, 3],
    [0, 1, 2, 3],
  ])
  assert.match(log.lines.join('\n'), /delivered but not marked so; they will be delivered again/)
})

// ------------------------------------------------------------------------------------------- groups

function runGroup(channel: Channel, sinks: Record<string, Sink>) {
  const log = new KeptLog()
  const failed: string[] = []
  const runner = new SinkRunner({
    name: 'sink group g1',
    members: Object.entries(sinks).map(([name, sink]) => ({ name, sink })),
    channel,
    processor: {
      order: () => Object.keys(sinks),
      delivered: () => {},
      failed: name => void failed.push(name),
    },
    clock: quickClock(),
    random: realRandom,
    log,
    condition: looseConditions(realClock, log),
  })
  runner.start()
  return { runner, log, failed }
}

test('in a group what one sink has delivered does not go to the next', async () => {
  const channel = await openChannel()
  const second: number[] = []
  const first: number[] = []
  const sinks = {
    k1: {
      batchSize: 10,
      start: async () => {},
      stop: async () => {},
      async deliver(batch: readonly Event[]) {
        first.push(...batch.slice(0, 4).map(numberOf))
        throw new DeliveryFault('PEER_CLOSED', 'cut', { undelivered: batch.slice(4) })
      },
    },
    k2: {
      batchSize: 10,
      start: async () => {},
      stop: async () => {},
      deliver: async (batch: readonly Event[]) => void second.push(...batch.map(numberOf)),
    },
  }
  const { runner, failed } = runGroup(channel, sinks)
  await channel.put(events(10))
  await until(() => channel.size === 0)
  await runner.stop(1000)
  assert.deepEqual(first, [0, 1, 2, 3])
  assert.deepEqual(second, [4, 5, 6, 7, 8, 9])
  assert.deepEqual(failed, ['k1'])
})

test('a sink of a group that fails with every batch is told once, and the group is not red', async () => {
  const channel = await openChannel()
  const base = { batchSize: 1, start: async () => {}, stop: async () => {} }
  let delivered = 0
  const sinks = {
    k1: { ...base, deliver: () => Promise.reject(new Fault('PEER_CLOSED', 'cut')) },
    k2: { ...base, deliver: async () => void delivered++ },
  }
  const { runner, log } = runGroup(channel, sinks)
  await channel.put(events(50))
  await until(() => channel.size === 0)
  await runner.stop(1000)
  assert.equal(delivered, 50)
  assert.deepEqual(log.lines, ['WARN sink k1 of sink group g1 failed: cut.'])
})

test('in a group an event that no sink can deliver is no failure of a sink, and is set aside', async () => {
  const channel = await openChannel()
  const aside: number[] = []
  const k1 = new PartitionedSink(6)
  const k2 = new PartitionedSink(7, { divert: async event => void aside.push(numberOf(event)) })
  for (const sink of [k1, k2]) sink.poison.add(15)
  const { runner, failed, log } = runGroup(channel, { k1, k2 })
  await channel.put(events(30))
  await until(() => channel.size === 0)
  await runner.stop(1000)
  assert.deepEqual(aside, [15])
  assert.deepEqual(failed, [])
  assert.equal(k1.count + k2.count, 29)
  assert.equal(log.lines.filter(line => /Sink group g1 set an event aside/.test(line)).length, 1)
})

test('in a group an event that only one sink cannot deliver goes to the other', async () => {
  const channel = await openChannel()
  const k1 = new PartitionedSink(8)
  const k2 = new PartitionedSink(9)
  k1.poison.add(15)
  const { runner, failed } = runGroup(channel, { k1, k2 })
  await channel.put(events(30))
  await until(() => channel.size === 0)
  await runner.stop(1000)
  assert.equal(k1.count + k2.count, 30)
  assert.ok(k2.written[0]!.includes(15))
  assert.deepEqual(failed, ['k1'])
})
