// A proxy between us and real brokers cuts connections at bytes of each kind of request and of answer,
// swallows answers and requests, delays: everything arrives, in order, and nothing waits longer than the
// configured time-outs. A sample of the positions; under MILLRACE_DEEP every byte.
import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, test, type TestContext } from 'node:test'
import { FramePlan, KafkaHop, apis, type ApiName } from './kafka-hop.ts'
import { assertComplete, readArrivals } from '../chain/ledger.ts'
import { startLoad } from '../chain/load.ts'
import { startSite, type Site } from './peers/clusters.ts'
import { skipWithoutPeers } from './peers/peers.ts'
import { createTopic } from './peers/topics.ts'
import { waitFor } from './peers/waiting.ts'

const isDeep = process.env['MILLRACE_DEEP'] === '1'
const limitMs = isDeep ? 1_200_000 : 100_000
const ofSink: readonly ApiName[] = ['ApiVersions', 'Metadata', 'Produce']
const ofSource = (Object.keys(apis) as ApiName[]).filter(name => name !== 'Produce')
/** Every byte, and the last ones of long frames. */
const everyByte = [...Array.from({ length: 400 }, (_, at) => at), 1000, 3000, 6000, 9000]
const sample = [0, 3, 4, 7, 8, 12, 21, 33, 48, 71, 110, 180, 300, 2000]

interface Run {
  readonly name: string
  readonly source: FramePlan | null
  readonly sink: FramePlan | null
  readonly properties?: Readonly<Record<string, string>>
  readonly delayMs?: number
  /** How long nothing may be delivered, and how long the first delivery may take. */
  readonly mostWaitMs: number
  readonly mostFirstMs?: number
}

async function run(t: TestContext, site: Site, given: Run): Promise<void> {
  const { name } = given
  const { bootstrap } = site
  const [from, to] = [`${name}-in`, `${name}-out`]
  await createTopic(bootstrap, from, 2)
  await createTopic(bootstrap, to, 2)
  const [forSource, forSink] = namesOf(name).map(listener => site.proxy(listener))
  given.source?.install(forSource!)
  given.sink?.install(forSink!)
  for (const proxy of [forSource!, forSink!]) proxy.delayMs.up = proxy.delayMs.down = given.delayMs ?? 0
  const load = startLoad(bootstrap, { topic: from, partitions: 2, batch: 10, perSecond: 300 })
  await using hop = new KafkaHop()
  await hop.start({
    source: forSource!,
    sink: forSink!,
    from,
    to,
    ...(given.properties === undefined ? {} : { properties: given.properties }),
  })
  const logs = () => [...hop.sourceContext.log.lines, ...hop.sinkContext.log.lines].slice(-40).join('\n')
  try {
    await waitFor(
      () => (given.source?.isDone ?? true) && (given.sink?.isDone ?? true) && hop.delivered > 1000,
      `all faults made in ${name}`,
      limitMs,
    )
  } catch (error) {
    throw new Error(`left: ${given.source} ${given.sink}; ${hop.delivered} delivered\n${logs()}`, {
      cause: error,
    })
  }
  const sent = await load.stop()
  const arrived = await readArrivals(bootstrap, to, sent)
  const written = await readArrivals(bootstrap, from, sent)
  const faults = (given.source?.made ?? 0) + (given.sink?.made ?? 0)
  const repeats = arrived.repeats - written.repeats
  t.diagnostic(
    `${name}: ${given.source?.made ?? 0} faults of the source, ${given.sink?.made ?? 0} of the sink, ${arrived.events} events, ` +
      `${repeats} repeats, first after ${Math.round(hop.firstMs)} ms, then longest wait ${Math.round(hop.longestMs)} ms, connections ${forSource!.connections}/${forSink!.connections}`,
  )
  // A lost answer repeats one request of each partition, a lost commit what was not committed.
  assertComplete({ ...arrived, repeats }, { mostRepeats: faults * 200, logs: [logs()] })
  assert.ok(hop.firstMs < (given.mostFirstMs ?? 60_000), `nothing at all for ${Math.round(hop.firstMs)} ms`)
  assert.ok(hop.longestMs < given.mostWaitMs, `nothing for ${Math.round(hop.longestMs)} ms\n${logs()}`)
}

const cuts = (names: readonly ApiName[], positions: readonly number[]) =>
  new FramePlan({
    names,
    directions: ['up', 'down'],
    positions,
    how: turn => (turn % 2 === 0 ? 'rst' : 'fin'),
  })
const swallows = (names: readonly ApiName[]) =>
  new FramePlan({
    names,
    directions: isDeep ? ['up', 'down'] : ['down'],
    positions: [0],
    how: () => 'swallow',
  })

const chains = ['cut', 'silent', 'late']
const namesOf = (chain: string): string[] => [`${chain}-A`, `${chain}-B`]

describe(
  'Kafka 4.1 behind a proxy',
  { skip: skipWithoutPeers, timeout: limitMs + 120_000, concurrency: true },
  () => {
    let directory: string
    let site: Site
    before(async () => {
      directory = mkdtempSync(join(tmpdir(), 'millrace-proxy-kafka-'))
      site = await startSite(directory, chains.flatMap(namesOf))
    })
    after(async () => {
      await site?.[Symbol.asyncDispose]()
      rmSync(directory, { recursive: true, force: true })
    })

    test('cut at bytes of each kind of request and answer', t =>
      run(t, site, {
        name: 'cut',
        source: cuts(ofSource, isDeep ? everyByte : sample),
        sink: cuts(ofSink, isDeep ? everyByte : sample),
        properties: { 'request.timeout.ms': '10000' },
        mostWaitMs: 10_000,
      }))

    test('silent for longer than request.timeout.ms, in requests and in answers of each kind', t =>
      run(t, site, {
        name: 'silent',
        // JoinGroup and SyncGroup wait for max.poll.interval.ms more.
        source: swallows(isDeep ? ofSource : ofSource.filter(name => !/JoinGroup|SyncGroup/.test(name))),
        sink: swallows(ofSink),
        properties: { 'request.timeout.ms': '2000' },
        // One after the other before the first record, each 2 s and what it sets off.
        mostFirstMs: 90_000,
        mostWaitMs: 10_000,
      }))

    test('200 ms later in both directions', t =>
      run(t, site, { name: 'late', source: null, sink: null, delayMs: 200, mostWaitMs: 10_000 }))
  },
)

describe('Kafka 0.10.2.1 behind a proxy', { skip: skipWithoutPeers, timeout: limitMs + 120_000 }, () => {
  let directory: string
  let site: Site
  before(async () => {
    directory = mkdtempSync(join(tmpdir(), 'millrace-proxy-kafka-'))
    site = await startSite(directory, namesOf('cut'), '0.10.2.1')
  })
  after(async () => {
    await site?.[Symbol.asyncDispose]()
    rmSync(directory, { recursive: true, force: true })
  })

  test('cut at bytes of each kind of request and answer', t =>
    run(t, site, {
      name: 'cut',
      // An answer to JoinGroup that is lost leaves a member behind until its session ends.
      source: cuts(
        ofSource.filter(name => name !== 'JoinGroup'),
        isDeep ? everyByte : [0, 5, 17, 40, 90, 2000],
      ),
      sink: cuts(ofSink, isDeep ? everyByte : [0, 5, 17, 40, 90, 2000]),
      properties: { 'request.timeout.ms': '10000' },
      mostWaitMs: 20_000,
    }))
})
