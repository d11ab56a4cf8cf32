// npm run bench -- broker: the embedded broker beside real Kafka 4.1.0 in one run, under Kafka's own tools.
//
//   produced   kafka-producer-perf-test, acks=all, one topic of one partition, as fast as it goes
//   consumed   kafka-consumer-perf-test, the same topics from their beginning
//   start      from the command to the first answered ApiVersions, median
//   memory     of the broker's process alone, idle after its start and the most it ever had
//
// Kafka acknowledges before the disk has the records (flush.messages is not set, as ever), on a JVM with the
// options of its own launcher. Ours waits for fdatasync, and in relaxed mode syncs once a second. Needs Java
// and Maven. MILLRACE_BENCH_RECORDS sets how many records of 200 bytes there are, a third of that of 1 KiB;
// MILLRACE_BENCH_BROKERS=kafka,synced,relaxed which brokers.
import { mkdtempSync, rmSync } from 'node:fs'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fetchPeer } from '../test/interop/peers/fetch.ts'
import { freePort, startKafka41 } from '../test/interop/peers/peers.ts'
import { startProcess, type Running } from '../test/interop/peers/process.ts'
import { createTopic } from '../test/interop/peers/topics.ts'
import { usageOf } from './process-usage.ts'

const root = new URL('..', import.meta.url).pathname
const records = Number(process.env['MILLRACE_BENCH_RECORDS'] ?? 1_000_000)
const loads = [
  { name: '200 B', bytes: 200, count: records },
  { name: '1 KiB', bytes: 1024, count: Math.round(records / 3) },
]

type Broker = Running & { readonly bootstrap: string }

interface Kind {
  readonly name: string
  readonly starts: number
  start(directory: string, port: number): Promise<Broker>
}

/** What bin/kafka-server-start.sh of Kafka gives its JVM. */
const kafkaJvm = [
  '-Xms1g',
  '-Xmx1g',
  '-XX:TieredStopAtLevel=4',
  '-XX:-UseSerialGC',
  '-XX:+UseG1GC',
  '-XX:MaxGCPauseMillis=20',
  '-XX:InitiatingHeapOccupancyPercent=35',
]

const ours = (name: string, overrides: readonly string[]): Kind => ({
  name,
  starts: 5,
  async start(directory, port) {
    const pairs = [`port=${port}`, `log.dirs=${join(directory, 'data')}`, ...overrides]
    const running = await startProcess({
      name: 'millrace-broker',
      directory,
      command: [join(root, 'bin/millrace'), 'broker', ...pairs.flatMap(pair => ['--override', pair])],
      ready: /Kafka broker .* started/,
    })
    return Object.assign(running, { bootstrap: `127.0.0.1:${port}` })
  },
})

const kinds: Record<string, Kind> = {
  kafka: {
    name: 'Kafka 4.1.0',
    starts: 3,
    start: (directory, port) => startKafka41(directory, { port, javaOptions: kafkaJvm }),
  },
  synced: ours('synced', []),
  relaxed: ours('relaxed', ['millrace.durability=relaxed']),
}

type Figures = Map<string, number>

const later = (ms: number) => new Promise(resolve => void setTimeout(resolve, ms))

/** ApiVersions version 0, correlation id 1, no client id. */
const question = Buffer.from('0000000a00120000000000 01ffff'.replaceAll(' ', ''), 'hex')

function answers(port: number): Promise<boolean> {
  return new Promise(resolve => {
    const socket = connect(port, '127.0.0.1', () => socket.write(question))
    const end = (answered: boolean) => {
      socket.destroy()
      resolve(answered)
    }
    socket.on('data', () => end(true))
    socket.on('error', () => end(false))
    socket.on('close', () => end(false))
  })
}

async function startMs(kind: Kind, directory: string): Promise<number> {
  const times: number[] = []
  for (let run = 0; run < kind.starts; run++) {
    const port = await freePort()
    const begun = performance.now()
    const starting = kind.start(join(directory, `start-${run}`), port)
    while (!(await answers(port))) await later(3)
    times.push(performance.now() - begun)
    await (await starting).stop()
  }
  return times.sort((one, other) => one - other)[times.length >> 1]!
}

/** One of Kafka's tools, to its end; resolves with what it printed. */
async function tool(directory: string, name: string, main: string, args: readonly string[]): Promise<string> {
  const running = await startProcess({
    name,
    directory,
    command: [
      'java',
      '-Xmx512m',
      '-cp',
      `${await fetchPeer('kafka-4.1.0')}/*`,
      `org.apache.kafka.tools.${main}`,
      ...args,
    ],
    ready: /records\/sec|start\.time/,
  })
  const code = await running.ended
  if (code !== 0) throw new Error(`${main} ended with ${code}:\n${running.output}`)
  return running.output
}

const flags = (values: Record<string, string | number>): string[] =>
  Object.entries(values).flatMap(([name, value]) => [`--${name}`, String(value)])

async function produced(bootstrap: string, directory: string, topic: string, load: (typeof loads)[number]) {
  const output = await tool(directory, `produce-${topic}`, 'ProducerPerformance', [
    ...flags({ topic, 'num-records': load.count, 'record-size': load.bytes, throughput: -1 }),
    '--producer-props',
    `bootstrap.servers=${bootstrap}`,
    'acks=all',
  ])
  return Number([...output.matchAll(/(\d+(\.\d+)?) records\/sec/g)].at(-1)![1])
}

async function consumed(bootstrap: string, directory: string, topic: string, count: number) {
  const output = await tool(
    directory,
    `consume-${topic}`,
    'ConsumerPerformance',
    flags({ 'bootstrap-server': bootstrap, topic, messages: count, timeout: 60_000 }),
  )
  const row = output.split('\n').find(line => /^\d{4}-/.test(line))!
  return Number(row.split(',')[5])
}

async function measure(kind: Kind, directory: string): Promise<Figures> {
  const figures: Figures = new Map()
  figures.set('start, ms', await startMs(kind, directory))
  await using broker = await kind.start(join(directory, 'load'), await freePort())
  await later(2000)
  figures.set('memory idle, MiB', usageOf(broker.pid).rssMiB)
  for (const load of loads) {
    const topic = `load-${load.bytes}`
    await createTopic(broker.bootstrap, topic)
    const before = usageOf(broker.pid).cpuSeconds
    figures.set(`produced ${load.name}, records/s`, await produced(broker.bootstrap, directory, topic, load))
    figures.set(`  CPU for that, ${load.name}, s`, usageOf(broker.pid).cpuSeconds - before)
    figures.set(
      `consumed ${load.name}, records/s`,
      await consumed(broker.bootstrap, directory, topic, load.count),
    )
  }
  const { cpuSeconds, highestRssMiB } = usageOf(broker.pid)
  figures.set('memory at most, MiB', highestRssMiB)
  figures.set('CPU in all, s', cpuSeconds)
  return figures
}

export async function runBrokerBench(): Promise<void> {
  const chosen = (process.env['MILLRACE_BENCH_BROKERS'] ?? 'kafka,synced,relaxed').split(',')
  const measured = new Map<string, Figures>()
  for (const key of chosen) {
    const kind = kinds[key]
    if (kind === undefined)
      throw new Error(`MILLRACE_BENCH_BROKERS: no ${key}; ${Object.keys(kinds).join(', ')}`)
    console.log(`${kind.name} ...`)
    const directory = mkdtempSync(join(tmpdir(), 'millrace-bench-'))
    try {
      measured.set(kind.name, await measure(kind, directory))
    } finally {
      rmSync(directory, { recursive: true, force: true })
    }
  }
  const [first, ...others] = [...measured]
  const cell = (text: string) => text.padStart(13)
  console.log(
    `\n${''.padEnd(28)}${cell(first![0])}${others.map(([name]) => `${cell(name)}${cell('ratio')}`).join('')}`,
  )
  for (const [row, base] of first![1])
    console.log(
      `${row.padEnd(28)}${cell(base.toFixed(0))}${others.map(([, figures]) => `${cell(figures.get(row)!.toFixed(0))}${cell((figures.get(row)! / base).toFixed(2))}`).join('')}`,
    )
}
