// npm run bench -- drain: what the two-agent chain carries when nothing but the chain is measured: the topic is filled first, then
// agents B and A start.
//
//   large   batches of 1000, Flume 1.11.0 on Kafka 4.1.0
//   seed    the files of conf/ (batches of 20, 100 and 5 events), Flume 1.8.0 on Kafka 0.10.2.1
//
// Real Kafka and Flume and ours take turns in one run, for three rounds; the table has the medians. Where Java is not to be had, and
// with MILLRACE_BENCH_PEERS=0, ours alone runs, on the embedded broker. Counted is the time from the tenth part to the last event in
// the second topic, the CPU of both agents from their start to the last, and the highest memory of each. MILLRACE_BENCH_EVENTS sets
// the number of events of ours (400,000 and 100,000), a tenth of which Flume gets, MILLRACE_BENCH_ROUNDS the rounds. How
// busy the machine was is printed: the time of a fixed computation by the clock, by its CPU.
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createAdmin } from '../src/kafka-client/kafka-client.ts'
import { silentLogger } from '../src/observe/log.ts'
import { realSystem } from '../src/system/system.ts'
import {
  freePort,
  skipWithoutPeers,
  startFlume,
  startKafka010,
  startKafka41,
  startMillrace,
  startZooKeeper,
  type Running,
} from '../test/interop/peers/peers.ts'
import { startProcess } from '../test/interop/peers/process.ts'
import { createTopic, produceAll } from '../test/interop/peers/topics.ts'
import { body, largeBatches, seedFiles, type Agent, type Chain, type Place } from './chains.ts'
import { usageOf } from './process-usage.ts'

interface Figures {
  readonly eventsPerSecond: number
  readonly cpuMicros: number
  readonly mostMiB: readonly [number, number]
}

type Start = (directory: string, agent: Agent) => Promise<Running>
type Make = (place: Place) => Chain

interface Contender {
  readonly name: string
  readonly start: Start
  readonly events: number
}

const root = new URL('..', import.meta.url).pathname
const rounds = Number(process.env['MILLRACE_BENCH_ROUNDS'] ?? 3)
const given = Number(process.env['MILLRACE_BENCH_EVENTS'] ?? 0)
const hasPeers = skipWithoutPeers === false && process.env['MILLRACE_BENCH_PEERS'] !== '0'

const median = (values: readonly number[]) => values.toSorted((a, b) => a - b)[values.length >> 1]!

async function fill(bootstrap: string, topic: string, events: number): Promise<void> {
  await createTopic(bootstrap, topic)
  const atOnce = 50_000
  for (let from = 0; from < events; from += atOnce) {
    const count = Math.min(atOnce, events - from)
    const messages = Array.from({ length: count }, (_, index) => ({ key: null, value: body(from + index) }))
    await produceAll(bootstrap, topic, messages, 2000)
  }
}

/** One chain, from the start of its agents until `events` have arrived. */
async function drain(place: Place, make: Make, { start, events }: Contender): Promise<Figures> {
  const { bootstrap, to, home } = place
  const admin = createAdmin({ bootstrapServers: [bootstrap], system: realSystem, log: silentLogger })
  try {
    await createTopic(bootstrap, to)
    const chain = make(place)
    await using agents = new AsyncDisposableStack()
    const b = agents.use(await start(home, chain.b))
    const a = agents.use(await start(home, chain.a))
    const arrived = async (count: number) => {
      while ((await admin.offsets.of(to))[0]!.next < count) await realSystem.clock.sleep(5)
      return performance.now()
    }
    const begun = await arrived(events / 10)
    const seconds = ((await arrived(events)) - begun) / 1000
    const [one, other] = [usageOf(a.pid), usageOf(b.pid)]
    return {
      eventsPerSecond: (events * 0.9) / seconds,
      cpuMicros: ((one.cpuSeconds + other.cpuSeconds) / events) * 1e6,
      mostMiB: [one.highestRssMiB, other.highestRssMiB],
    }
  } finally {
    admin.close()
    rmSync(home, { recursive: true, force: true })
  }
}

/** Time by the clock for each second of CPU that a fixed computation takes: 1 on a quiet machine. */
function noise(): number {
  const [clock, cpu] = [performance.now(), process.cpuUsage()]
  let sum = 1
  for (let index = 0; index < 2e8; index++) sum = (Math.imul(sum, 1103515245) + index) | 0
  const { user, system } = process.cpuUsage(cpu)
  // Nothing would be computed if nobody looked at it.
  if (Number.isNaN(sum)) throw new Error('the computation has no result')
  return (performance.now() - clock) / ((user + system) / 1000)
}

async function compare(
  title: string,
  given: { bootstrap: string; directory: string; make: Make },
  contenders: readonly Contender[],
): Promise<void> {
  const { bootstrap, directory, make } = given
  // Each has a topic of its own, which holds as many events as it gets.
  const topics = contenders.map(({ events }) => `in-${events}`)
  for (const [index, topic] of topics.entries())
    if (topics.indexOf(topic) === index) await fill(bootstrap, topic, contenders[index]!.events)
  const before = noise()
  const all = contenders.map(() => [] as Figures[])
  for (let round = 0; round < rounds; round++)
    for (const [index, contender] of contenders.entries()) {
      const group = `${title.split(' ')[0]}-${round}-${index}`
      const place = { bootstrap, from: topics[index]!, to: `out-${group}`, group }
      const home = join(directory, group)
      all[index]!.push(await drain({ ...place, port: await freePort(), home }, make, contender))
    }
  console.log(
    `\n${title}, medians of ${rounds} rounds; the clock went ${before.toFixed(2)} times as fast as the CPU before, ${noise().toFixed(2)} times behind`,
  )
  for (const [index, { name, events }] of contenders.entries()) {
    const of = (pick: (one: Figures) => number) => median(all[index]!.map(pick))
    console.log(
      `  ${name.padEnd(13)} ${events} events  ${of(one => one.eventsPerSecond).toFixed(0)} events/s  ` +
        `CPU ${of(one => one.cpuMicros).toFixed(1)} us an event  ` +
        `memory A ${of(one => one.mostMiB[0]).toFixed(0)} MiB, B ${of(one => one.mostMiB[1]).toFixed(0)} MiB`,
    )
  }
}

const flume = (version: '1.8.0' | '1.11.0', events: number): Contender => ({
  name: `Flume ${version}`,
  start: (directory, agent) => startFlume(version, directory, agent),
  events: Math.ceil(events / 10),
})
const millrace = (events: number): Contender => ({
  name: 'Millrace',
  start: (directory, agent) => startMillrace(directory, agent),
  events,
})

export async function runDrainBench(): Promise<void> {
  const directory = mkdtempSync(join(tmpdir(), 'millrace-bench-'))
  const [large, small] = [given || 400_000, given || 100_000]
  try {
    if (!hasPeers) {
      const port = await freePort()
      const bootstrap = `127.0.0.1:${port}`
      const overrides = [`port=${port}`, `log.dirs=${join(directory, 'broker')}`]
      await using _broker = await startProcess({
        name: 'broker',
        directory,
        command: [join(root, 'bin/millrace'), 'broker', ...overrides.flatMap(pair => ['--override', pair])],
        ready: /Kafka broker .* started/,
      })
      const place = { bootstrap, directory }
      await compare('large batches, embedded broker', { ...place, make: largeBatches }, [millrace(large)])
      await compare('seed files, embedded broker', { ...place, make: seedFiles }, [millrace(small)])
      return
    }
    {
      await using kafka = await startKafka41(directory)
      const place = { bootstrap: kafka.bootstrap, directory, make: largeBatches }
      await compare('large batches, Kafka 4.1.0', place, [flume('1.11.0', large), millrace(large)])
    }
    await using zookeeper = await startZooKeeper(directory)
    await using kafka = await startKafka010(directory, zookeeper)
    const place = { bootstrap: kafka.bootstrap, directory, make: seedFiles }
    await compare('seed files, Kafka 0.10.2.1', place, [flume('1.8.0', small), millrace(small)])
  } finally {
    rmSync(directory, { recursive: true, force: true })
  }
}
