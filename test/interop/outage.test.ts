// Kafka or the receiving agent is away for half a minute under load, or comes and goes: memory stays bounded, a
// channel fills to its capacity and its source waits, everything drains by itself and is complete, and the
// log tells of it once. Several chains side by side; under MILLRACE_DEEP ten minutes.
import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, test, type TestContext } from 'node:test'
import { setTimeout as delay } from 'node:timers/promises'
import { SeededRandom } from '../../src/simulation/seeded-random.ts'
import type { ChainAgent } from '../chain/agent.ts'
import { Chain } from '../chain/chain.ts'
import type { FaultProxy } from '../chain/faults.ts'
import { startSite, type Site } from './peers/clusters.ts'
import { skipWithoutPeers } from './peers/peers.ts'
import { waitFor } from './peers/waiting.ts'

const isDeep = process.env['MILLRACE_DEEP'] === '1'
const outageMs = isDeep ? 600_000 : 30_000
/** What an agent may grow by. */
const growthMib = 64
/** Events under way at a fault: the windows of the Avro sink (8 requests) and the Kafka sink (20 batches). */
const inFlight = 8 * 100 + 20 * 100

/** Small, so that an outage fills it. */
const channelCapacity = 2000

/** An outage takes its time. */
const lasts = (ms: number, signal?: AbortSignal): Promise<void> =>
  delay(Math.max(0, ms), undefined, signal === undefined ? {} : { signal }).catch(() => {})

/** A chain whose agents reach their brokers through a proxy each. */
interface WatchedChain extends AsyncDisposable {
  readonly chain: Chain
  readonly forA: FaultProxy
  readonly forB: FaultProxy
}

const namesOf = (chain: string): string[] => [`${chain}-A`, `${chain}-B`]

async function chainOn(site: Site, name: string, directory: string, isIdle = false): Promise<WatchedChain> {
  const [forA, forB] = namesOf(name).map(one => site.proxy(one)) as [FaultProxy, FaultProxy]
  const small = ['channels.c.capacity = 2000', 'channels.c.transactionCapacity = 100']
  const chain = await Chain.create({
    name,
    bootstrap: site.bootstrap,
    directory,
    partitions: 2,
    moreA: [
      ...small,
      `sources.s.kafka.bootstrap.servers = 127.0.0.1:${forA.port}`,
      'sources.s.kafka.consumer.auto.offset.reset = earliest',
      'sources.s.kafka.consumer.request.timeout.ms = 5000',
      'sinks.k.connect-timeout = 5000',
      'sinks.k.request-timeout = 5000',
    ].map(line => `A.${line}`),
    moreB: [
      ...small,
      `sinks.k.kafka.bootstrap.servers = 127.0.0.1:${forB.port}`,
      'sinks.k.kafka.producer.request.timeout.ms = 5000',
      'sinks.k.kafka.producer.acks = all',
    ].map(line => `B.${line}`),
  })
  if (!isIdle) await chain.start('A', 'B')
  chain.load({ perSecond: 250 })
  return { chain, forA, forB, [Symbol.asyncDispose]: () => chain[Symbol.asyncDispose]() }
}

interface Outage {
  readonly begin: () => unknown
  readonly end: () => unknown
  /** Whose health is red meanwhile. */
  readonly red: readonly ('a' | 'b')[]
  /** Whose channel fills to its capacity. */
  readonly full?: readonly ('a' | 'b')[]
  /** Lines that come once each: its beginning, its end. */
  readonly lines: Readonly<Partial<Record<'a' | 'b', readonly RegExp[]>>>
  /** How soon deliveries begin after the end: about a second, and what a busy machine needs. */
  readonly drainMs: number
  /** Repeats beyond what is in flight once. */
  readonly mostRepeats?: number
}

/** The text without its numbers. */
const kindOf = (line: string) => line.replaceAll(/\d+(\.\d+)?/g, 'N')

function assertQuiet(agent: ChainAgent, lines: readonly string[], expected: readonly RegExp[]): void {
  const shown = `${agent.name}:\n${lines.join('\n')}`
  for (const pattern of expected)
    assert.equal(
      lines.filter(line => pattern.test(line) && !/ for \d+ s/.test(line)).length,
      1,
      `${pattern} once in ${shown}`,
    )
  const kinds = new Map<string, number>()
  for (const line of lines) kinds.set(kindOf(line), (kinds.get(kindOf(line)) ?? 0) + 1)
  const minutes = Math.ceil(outageMs / 60_000)
  for (const [kind, count] of kinds) {
    const isReminder = / for N s/.test(kind)
    assert.ok(count <= (isReminder ? minutes : 1), `${count} times: ${kind}\n${shown}`)
  }
}

/** Watches the chain until `over` is aborted. */
async function watch({ a, b }: Chain, over: AbortSignal): Promise<void> {
  while (!over.aborted) {
    for (const agent of [a, b]) await agent.sample().catch(() => {})
    await lasts(250, over)
  }
}

async function withstands(t: TestContext, watched: WatchedChain, outage: Outage): Promise<void> {
  const { chain, forA, forB } = watched
  const { a, b, name } = chain
  const agents = { a, b }
  const over = new AbortController()
  const watching = watch(chain, over.signal)
  await chain.flows(2500)
  const before = { a: a.mostMib, b: b.mostMib }
  for (const agent of [a, b]) {
    agent.mostMib = agent.mostHeld = 0
    agent.newLines()
  }
  await outage.begin()
  const until = performance.now() + outageMs
  // Long enough for every time-out to pass.
  await lasts(outageMs / 2)
  for (const which of outage.red)
    assert.notEqual(await agents[which].problem(), null, `${name}: ${agents[which].name} is green`)
  await lasts(until - performance.now())
  await outage.end()
  const delivered = await chain.delivered()
  const ended = performance.now()
  await waitFor(async () => (await chain.delivered()) > delivered, `${name} drains`)
  const drainMs = Math.round(performance.now() - ended)
  const during = { a: a.mostMib, b: b.mostMib }
  const arrived = await chain.arrivals(t)
  await chain.assertWell()
  over.abort()
  await watching
  const logs = { a: a.newLines(), b: b.newLines() }
  const mib = (one: Record<'a' | 'b', number>) => `${one.a.toFixed(0)}/${one.b.toFixed(0)}`
  t.diagnostic(
    `${name}: drains after ${drainMs} ms; MiB of A/B before ${mib(before)}, ` +
      `during ${mib(during)}, after ${mib({ a: a.rssMib, b: b.rssMib })}; most in channels ${a.mostHeld}/${b.mostHeld}; ` +
      `connections ${chain.hop.connections}/${forA.connections}/${forB.connections}`,
  )
  assert.deepEqual(arrived.faults.slice(0, 5), [], `${name}\n${logs.a.join('\n')}\n${logs.b.join('\n')}`)
  assert.ok(arrived.repeats <= (outage.mostRepeats ?? inFlight), `${arrived.repeats} repeats`)
  for (const which of ['a', 'b'] as const) {
    assert.ok(
      agents[which].mostMib <= before[which] + growthMib,
      `${name}: ${agents[which].name} grew from ${before[which]} to ${agents[which].mostMib} MiB`,
    )
    if (outage.full?.includes(which) === true) assert.equal(agents[which].mostHeld, channelCapacity)
    assert.ok(agents[which].mostHeld <= channelCapacity)
    assertQuiet(agents[which], logs[which], outage.lines[which] ?? [])
  }
  assert.ok(
    drainMs <= outage.drainMs,
    `${name} drains after ${drainMs} ms\n${logs.a.join('\n')}\n${logs.b.join('\n')}`,
  )
}

const brokerAway = [
  /Kafka broker 127\.0\.0\.1:\d+ cannot be used: /,
  /Kafka broker 127\.0\.0\.1:\d+ can be used again/,
]
const peerAway = [
  /Delivering events by sink k failed and is retried/,
  /Delivering events by sink k succeeds again/,
]
const channelFull = [
  /channel c takes no events: .* the source waits for room/,
  /channel c takes events again/,
]

describe(
  'away for a while',
  { skip: skipWithoutPeers, timeout: 240_000 + outageMs, concurrency: true },
  () => {
    let directory: string
    let killed: Site
    let alive: Site

    before(async () => {
      directory = mkdtempSync(join(tmpdir(), 'millrace-outage-'))
      const started = await Promise.allSettled([
        startSite(join(directory, 'killed'), ['kill', 'late'].flatMap(namesOf)).then(site => (killed = site)),
        startSite(
          join(directory, 'alive'),
          ['stop', 'receiver', 'sink', 'source', 'flapping'].flatMap(namesOf),
        ).then(site => (alive = site)),
      ])
      for (const one of started) if (one.status === 'rejected') throw one.reason
    })
    after(async () => {
      for (const site of [killed, alive]) await site?.[Symbol.asyncDispose]()
      rmSync(directory, { recursive: true, force: true })
    })

    test('Kafka killed and started again', async t => {
      await using watched = await chainOn(killed!, 'kill', directory)
      await using idle = await chainOn(killed!, 'late', directory, true)
      const late = idle.chain
      await waitFor(() => [...late.sent.values()].every(sent => sent >= 500), 'records of the late chain')
      await withstands(t, watched, {
        async begin() {
          await killed!.broker.kill()
          // Agents that start while it is away, and the first of them while the other is away, too.
          await late.a.start()
          await late.b.start()
        },
        end: () => killed!.broker.start(),
        red: ['a'],
        lines: { a: brokerAway },
        // The client that writes the load waits up to half a minute before it retries.
        drainMs: 60_000,
      })
      await late.flows(1000)
      await late.assertComplete(t, inFlight)
    })

    // Like a broker that stands still: it accepts connections, and nothing passes.
    test('Kafka silent', async t => {
      await using watched = await chainOn(alive!, 'stop', directory)
      const proxies = [watched.forA, watched.forB]
      await withstands(t, watched, {
        begin: () => proxies.forEach(proxy => proxy.hold()),
        end: () => proxies.forEach(proxy => proxy.release()),
        red: ['a'],
        lines: { a: brokerAway },
        drainMs: 10_000,
      })
    })

    test('the receiving agent killed and started again', async t => {
      await using watched = await chainOn(alive!, 'receiver', directory)
      await withstands(t, watched, {
        begin: () => watched.chain.b.kill(),
        end: () => watched.chain.b.start(),
        red: ['a'],
        full: ['a'],
        lines: { a: [...peerAway, ...channelFull] },
        drainMs: 10_000,
      })
    })

    test('the brokers of the sink alone', async t => {
      await using watched = await chainOn(alive!, 'sink', directory)
      const { forB } = watched
      await withstands(t, watched, {
        begin() {
          forB.faults = () => ({ at: 0, how: 'rst' })
          forB.cut('rst')
        },
        end() {
          forB.faults = () => null
        },
        red: ['a', 'b'],
        full: ['a', 'b'],
        lines: { a: [...peerAway, ...channelFull], b: brokerAway },
        drainMs: 5000,
      })
      assert.ok(forB.connections < (outageMs / 1000) * 6, `${forB.connections} connections`)
    })

    test('the brokers of the source alone, silent', async t => {
      await using watched = await chainOn(alive!, 'source', directory)
      const { forA } = watched
      await withstands(t, watched, {
        begin: () => forA.hold(),
        end: () => forA.release(),
        red: ['a'],
        lines: { a: brokerAway },
        drainMs: 10_000,
        // Nothing is read on that could not be committed any more.
        mostRepeats: 500,
      })
      assert.ok(forA.connections < outageMs / 1000, `${forA.connections} connections`)
    })

    test('everything coming and going every few seconds', async t => {
      await using watched = await chainOn(alive!, 'flapping', directory)
      const { chain, forA, forB } = watched
      const { a, b } = chain
      const seed = Number(process.env['MILLRACE_SEED'] ?? 7)
      const random = new SeededRandom(seed)
      await chain.flows(1000)
      const before = { a: a.rssMib, b: b.rssMib }
      for (const agent of [a, b]) agent.newLines()
      const over = new AbortController()
      const watching = watch(chain, over.signal)
      const end = performance.now() + outageMs
      let flaps = 0
      const flapping = [chain.hop, forA, forB].map(async proxy => {
        while (performance.now() < end) {
          await lasts(2000 + random.next() * 3000)
          await proxy.refuse()
          flaps++
          await lasts(2000 + random.next() * 3000)
          await proxy.accept()
        }
      })
      await Promise.all(flapping)
      const arrived = await chain.arrivals(t)
      over.abort()
      await watching
      t.diagnostic(
        `seed ${seed}: ${flaps} flaps, ${arrived.events} events, ${arrived.repeats} repeats, ${a.mostMib.toFixed(0)}/${b.mostMib.toFixed(0)} MiB`,
      )
      const logs = { a: a.newLines(), b: b.newLines() }
      assert.deepEqual(arrived.faults.slice(0, 5), [], `${logs.a.join('\n')}\n${logs.b.join('\n')}`)
      assert.ok(arrived.repeats <= flaps * inFlight, `${arrived.repeats} repeats`)
      for (const which of ['a', 'b'] as const) {
        assert.ok(chain[which].mostMib <= before[which] + growthMib)
        // Three outages of each of three things are told, begin and end, then one a minute and a count.
        const most = 3 * (2 * 3 + 3 * Math.ceil(outageMs / 60_000)) + 10
        assert.ok(logs[which].length <= most, `${logs[which].length} lines:\n${logs[which].join('\n')}`)
      }
    })
  },
)
