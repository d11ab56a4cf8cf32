// npm run bench -- seed: the two-agent chain, real Flume and ours on the same broker in one run.
//
//   small batches   the files of conf/ (batches of 20, 100 and 5 events), Flume 1.8.0, Kafka 0.10.2.1
//   large batches   batches of 1000, Flume 1.11.0, Kafka 4.1.0
//
// Throughput: messages produced as fast as the broker takes them, from the first until the last has
// arrived in the target topic. Latency: 50 messages a second, from send to receipt. CPU and memory are
// those of both agents together, from /proc. Needs Java and Maven. MILLRACE_BENCH_EVENTS sets the number.
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Kafka as KafkaJs, logLevel } from 'kafkajs'
import {
  freePort,
  startFlume,
  startKafka010,
  startKafka41,
  startMillrace,
  startZooKeeper,
  type Kafka,
  type Running,
} from '../test/interop/peers/peers.ts'
import { body, largeBatches, seedFiles, type Agent, type Chain, type Place } from './chains.ts'
import { usageOf } from './process-usage.ts'
import { countOf, createTopic, produceAll } from '../test/interop/peers/topics.ts'

interface Figures {
  readonly startMs: number
  readonly eventsPerSecond: number
  readonly p50Ms: number
  readonly p99Ms: number
  readonly cpuSeconds: number
  readonly rssMiB: number
}

type Start = (directory: string, agent: Agent) => Promise<Running>

const later = (ms: number) => new Promise(resolve => void setTimeout(resolve, ms))

async function measure(
  kafka: Kafka,
  id: string,
  directory: string,
  start: Start,
  make: (place: Place) => Chain,
  events: number,
): Promise<Figures> {
  const home = join(directory, id)
  await createTopic(kafka.bootstrap, `in-${id}`)
  await createTopic(kafka.bootstrap, `out-${id}`)
  const [from, to] = [`in-${id}`, `out-${id}`]
  const chain = make({ bootstrap: kafka.bootstrap, from, to, group: id, port: await freePort(), home })
  await using agents = new AsyncDisposableStack()
  const begun = performance.now()
  const b = agents.use(await start(home, chain.b))
  const a = agents.use(await start(home, chain.a))
  const startMs = (performance.now() - begun) / 2
  const arrived = async (count: number) => {
    while ((await countOf(kafka.bootstrap, `out-${id}`)) < count) await later(20)
  }
  await produceAll(kafka.bootstrap, `in-${id}`, [{ key: null, value: 'first' }])
  await arrived(1)

  const cpuBefore = usageOf(a.pid).cpuSeconds + usageOf(b.pid).cpuSeconds
  const sent = performance.now()
  await produceAll(
    kafka.bootstrap,
    `in-${id}`,
    Array.from({ length: events }, (_, index) => ({ key: null, value: body(index) })),
    2000,
  )
  await arrived(events + 1)
  const seconds = (performance.now() - sent) / 1000
  const usage = [usageOf(a.pid), usageOf(b.pid)]
  const cpuSeconds = usage[0]!.cpuSeconds + usage[1]!.cpuSeconds - cpuBefore
  const latencies = await measureLatency(kafka, id, events + 1)
  return {
    startMs,
    eventsPerSecond: events / seconds,
    p50Ms: latencies[Math.floor(latencies.length * 0.5)]!,
    p99Ms: latencies[Math.floor(latencies.length * 0.99)]!,
    cpuSeconds,
    rssMiB: usage[0]!.rssMiB + usage[1]!.rssMiB,
  }
}

/** `before` is what the topic holds already: the reader must be past it first. */
async function measureLatency(kafka: Kafka, id: string, before: number): Promise<number[]> {
  const client = new KafkaJs({ brokers: [kafka.bootstrap], logLevel: logLevel.NOTHING })
  const consumer = client.consumer({ groupId: `latency-${id}`, maxWaitTimeInMs: 50 })
  const producer = client.producer()
  await producer.connect()
  await consumer.connect()
  await consumer.subscribe({ topic: `out-${id}`, fromBeginning: true })
  const total = 500
  const latencies: number[] = []
  let read = 0
  let caughtUp = () => {}
  const ready = new Promise<void>(resolve => (caughtUp = resolve))
  let complete = () => {}
  const all = new Promise<void>(resolve => (complete = resolve))
  await consumer.run({
    autoCommit: false,
    eachMessage: async ({ message }) => {
      if (++read === before) caughtUp()
      const [, time] = /^sent (\d+\.\d+)/.exec(message.value?.toString() ?? '') ?? []
      if (time === undefined) return
      latencies.push(performance.now() - Number(time))
      if (latencies.length === total) complete()
    },
  })
  await ready
  for (let index = 0; index < total; index++) {
    await Promise.all([
      producer.send({
        topic: `in-${id}`,
        acks: 1,
        messages: [{ value: `sent ${performance.now().toFixed(3)}` }],
      }),
      later(20),
    ])
  }
  await all
  await consumer.disconnect()
  await producer.disconnect()
  return latencies.sort((one, other) => one - other)
}

function print(title: string, flumeName: string, flume: Figures, ours: Figures): void {
  const row = (name: string, one: number, other: number, digits = 0) =>
    console.log(
      `  ${name.padEnd(26)} ${one.toFixed(digits).padStart(10)} ${other.toFixed(digits).padStart(10)} ${(other / one).toFixed(3).padStart(9)}`,
    )
  console.log(
    `\n${title}\n  ${''.padEnd(26)} ${flumeName.padStart(10)} ${'Millrace'.padStart(10)} ${'ratio'.padStart(9)}`,
  )
  row('events/s', flume.eventsPerSecond, ours.eventsPerSecond)
  row('latency p50, ms', flume.p50Ms, ours.p50Ms, 1)
  row('latency p99, ms', flume.p99Ms, ours.p99Ms, 1)
  row('CPU, s', flume.cpuSeconds, ours.cpuSeconds, 2)
  row('memory of both, MiB', flume.rssMiB, ours.rssMiB)
  row('start of an agent, ms', flume.startMs, ours.startMs)
}

const millrace: Start = (directory, agent) => startMillrace(directory, agent)
const flumeOf =
  (version: '1.8.0' | '1.11.0'): Start =>
  (directory, agent) =>
    startFlume(version, directory, agent)
const given = Number(process.env['MILLRACE_BENCH_EVENTS'] ?? 0)

export async function runSeedBench(): Promise<void> {
  const directory = mkdtempSync(join(tmpdir(), 'millrace-bench-'))
  try {
    {
      await using zookeeper = await startZooKeeper(directory)
      await using kafka = await startKafka010(directory, zookeeper)
      const events = given || 20_000
      const flume = await measure(kafka, 'flume', directory, flumeOf('1.8.0'), seedFiles, events)
      const ours = await measure(kafka, 'millrace', directory, millrace, seedFiles, events)
      print(`the files of conf/, Kafka 0.10.2.1, ${events} events of 200 bytes`, '1.8.0', flume, ours)
    }
    await using kafka = await startKafka41(directory)
    const events = given || 100_000
    const flume = await measure(kafka, 'flume', directory, flumeOf('1.11.0'), largeBatches, events)
    const ours = await measure(kafka, 'millrace', directory, millrace, largeBatches, events)
    print(`large batches (1000), Kafka 4.1.0, ${events} events of 200 bytes`, '1.11.0', flume, ours)
  } finally {
    rmSync(directory, { recursive: true, force: true })
  }
}
