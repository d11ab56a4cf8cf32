// npm run bench -- groups: the two-agent chain without sink groups, with them, and with exact records, in turn in one run.
//
//   plain          Kafka, agent A, Avro, agent B, Kafka; one sink at each step
//   failover       the same with two sinks at each step, the second of which waits for the first to fail
//   load_balance   the same with two sinks at each step, which take turns
//   exact          the first with recordFidelity = exact at both ends
//
// The embedded broker, file channels that sync every transaction, the sinks' own batch sizes, messages of 200
// bytes in one partition. All messages are in the first topic before the agents start; counted is the time from
// the tenth part to the last in the second topic, and the CPU of both agents from their start to the last.
// MILLRACE_BENCH_EVENTS sets the number of messages, MILLRACE_BENCH_ROUNDS how often each chain runs, and
// MILLRACE_BENCH_KINDS which run beside the first.
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createAdmin } from '../src/kafka-client/kafka-client.ts'
import { silentLogger } from '../src/observe/log.ts'
import { realSystem } from '../src/system/system.ts'
import { confOfA, confOfB } from '../test/chain/chain.ts'
import { freePort, startMillrace } from '../test/interop/peers/peers.ts'
import { startProcess } from '../test/interop/peers/process.ts'
import { createTopic, produceAll } from '../test/interop/peers/topics.ts'
import { usageOf } from './process-usage.ts'

const root = new URL('..', import.meta.url).pathname
const events = Number(process.env['MILLRACE_BENCH_EVENTS'] ?? 100_000)
const rounds = Number(process.env['MILLRACE_BENCH_ROUNDS'] ?? 5)
const wanted = process.env['MILLRACE_BENCH_KINDS']?.split(',')
const kinds = (['plain', 'failover', 'load_balance', 'exact'] as const).filter(
  kind => kind === 'plain' || wanted?.includes(kind) !== false,
)

interface Figures {
  readonly eventsPerSecond: number
  readonly cpuSeconds: number
}

const median = (values: readonly number[]) => values.toSorted((a, b) => a - b)[values.length >> 1]!

/** A second sink beside `k`, with its settings, and the group of both. */
function grouped(agent: string, type: string, settings: Readonly<Record<string, string | number>>): string[] {
  const lines = [`sinks = k k2`, `sinkgroups = g`, `sinkgroups.g.sinks = k k2`]
  lines.push(`sinkgroups.g.processor.type = ${type}`)
  if (type === 'failover') lines.push('sinkgroups.g.processor.priority.k = 2')
  for (const [key, value] of Object.entries({ ...settings, channel: 'c' }))
    lines.push(`sinks.k2.${key} = ${value}`)
  return lines.map(line => `${agent}.${line}`)
}

async function measure(
  bootstrap: string,
  directory: string,
  kind: (typeof kinds)[number],
  round: number,
): Promise<Figures> {
  const id = `${kind}-${round}`
  const home = join(directory, id)
  const port = await freePort()
  const to = `out-${id}`
  const chain = { bootstrap, directory: home, from: 'in', to, group: id, port }
  const first = ['A.sources.s.kafka.consumer.auto.offset.reset = earliest']
  const avro = { type: 'avro', hostname: '127.0.0.1', port }
  const kafka = {
    type: 'org.apache.flume.sink.kafka.KafkaSink',
    'kafka.bootstrap.servers': bootstrap,
    'kafka.topic': to,
    flumeBatchSize: 100,
  }
  const exact =
    kind === 'exact' ? ['A.sources.s', 'B.sinks.k'].map(one => `${one}.recordFidelity = exact`) : []
  const [moreA, moreB] =
    kind === 'plain' || kind === 'exact'
      ? [[...first, ...exact.slice(0, 1)], exact.slice(1)]
      : [[...first, ...grouped('A', kind, avro)], grouped('B', kind, kafka)]
  const admin = createAdmin({ bootstrapServers: [bootstrap], system: realSystem, log: silentLogger })
  try {
    await createTopic(bootstrap, to)
    await using agents = new AsyncDisposableStack()
    const b = agents.use(await startMillrace(home, { agent: 'B', conf: confOfB({ ...chain, moreB }) }))
    const a = agents.use(await startMillrace(home, { agent: 'A', conf: confOfA({ ...chain, moreA }) }))
    const arrived = async (count: number) => {
      while ((await admin.offsets.of(to))[0]!.next < count) await realSystem.clock.sleep(5)
      return performance.now()
    }
    const begun = await arrived(events / 10)
    const eventsPerSecond = (events * 0.9 * 1000) / ((await arrived(events)) - begun)
    return { eventsPerSecond, cpuSeconds: usageOf(a.pid).cpuSeconds + usageOf(b.pid).cpuSeconds }
  } finally {
    admin.close()
    rmSync(home, { recursive: true, force: true })
  }
}

export async function runGroupsBench(): Promise<void> {
  const directory = mkdtempSync(join(tmpdir(), 'millrace-bench-'))
  try {
    const port = await freePort()
    const bootstrap = `127.0.0.1:${port}`
    const overrides = [`port=${port}`, `log.dirs=${join(directory, 'broker')}`]
    await using _broker = await startProcess({
      name: 'broker',
      directory,
      command: [join(root, 'bin/millrace'), 'broker', ...overrides.flatMap(pair => ['--override', pair])],
      ready: /Kafka broker .* started/,
    })
    const messages = Array.from({ length: events }, (_, index) => ({
      key: null,
      value: `${index} `.padEnd(200, 'x'),
    }))
    await createTopic(bootstrap, 'in')
    await produceAll(bootstrap, 'in', messages, 2000)
    const all = new Map(kinds.map(kind => [kind, [] as Figures[]]))
    for (let round = 0; round < rounds; round++)
      for (const kind of kinds) all.get(kind)!.push(await measure(bootstrap, directory, kind, round))
    console.log(`${events} events, median of ${rounds} rounds, and of the ratio to plain in the same round:`)
    const plain = all.get('plain')!
    for (const [kind, figures] of all) {
      const ratios = figures.map((one, round) => one.eventsPerSecond / plain[round]!.eventsPerSecond)
      const spread = `${Math.min(...ratios).toFixed(2)} to ${Math.max(...ratios).toFixed(2)}`
      const rate = median(figures.map(one => one.eventsPerSecond))
      const cpu = median(figures.map(one => one.cpuSeconds))
      console.log(
        `  ${kind.padEnd(13)} ${rate.toFixed(0).padStart(7)} events/s   ${median(ratios).toFixed(2)} (${spread})   CPU ${cpu.toFixed(2)} s`,
      )
    }
  } finally {
    rmSync(directory, { recursive: true, force: true })
  }
}
