// A whole chain as real processes under faults of every kind, by a seed: `npm run test:chaos -- --minutes 5 --seed 7`.
//
//   load -> broker -> FaultProxy -> agent A -> FaultProxy -> agent B -> FaultProxy -> broker -> ledger
//
// The broker is the embedded one; --kafka takes a real Kafka 4.1. A round is one to three faults at once; then everything is
// made whole, and must be at work again within two minutes. At the end everything that was acknowledged must have arrived:
// nothing lost, nothing invented, each partition in its order, and no more repeats than events were in flight at the faults.
// Prints a line a fault and a summary; ends with 1 where something of this does not hold.
import { execFileSync } from 'node:child_process'
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { parseArgs } from 'node:util'
import { SeededRandom } from '../../src/simulation/seeded-random.ts'
import { startProcess, type Running } from '../interop/peers/process.ts'
import { freePort, startKafka41 } from '../interop/peers/peers.ts'
import { createTopic, positionsOf } from '../interop/peers/topics.ts'
import { waitFor } from '../interop/peers/waiting.ts'
import { root } from '../source-text.ts'
import { ChainAgent, count } from './agent.ts'
import { confOfA, confOfB, windowEvents } from './chain.ts'
import { FaultProxy } from './faults.ts'
import { readArrivals } from './ledger.ts'
import { startLoad } from './load.ts'

const { values: given } = parseArgs({
  options: {
    minutes: { type: 'string', default: '1' },
    seed: { type: 'string', default: String(Date.now() % 1_000_000) },
    kafka: { type: 'boolean', default: false },
  },
})
const seed = Number(given.seed)
const random = new SeededRandom(seed)
const begun = performance.now()
const endsAt = begun + Number(given.minutes) * 60_000
const violations: string[] = []
const say = (line: string): void =>
  console.log(`${((performance.now() - begun) / 1000).toFixed(1).padStart(7)} s  ${line}`)
const violated = (what: string): void => {
  violations.push(what)
  say(`VIOLATED: ${what}`)
}

const within = <T>(work: Promise<T>, ms: number): Promise<T | null> =>
  Promise.race([work.catch(() => null), delay(ms, null, { ref: false })])

const partitions = 3
const perSecond = 1_500
const batch = 100
const stopMs = 10_000
const recoveryMs = 120_000
const diskBytes = 64 * 1024 * 1024

const directory = mkdtempSync(join(tmpdir(), 'millrace-chaos-'))
const disks = { A: join(directory, 'a'), B: join(directory, 'b') }
for (const path of Object.values(disks)) mkdirSync(path)
const hasDisks = process.getuid?.() === 0 && process.platform === 'linux'
if (hasDisks)
  for (const path of Object.values(disks))
    execFileSync('mount', ['-t', 'tmpfs', '-o', `size=${diskBytes}`, 'millrace', path])
else say('SKIPPED: full disks, because only root can mount file systems')

const fakeTime = ['x86_64', 'aarch64']
  .map(machine => `/usr/lib/${machine}-linux-gnu/faketime/libfaketimeMT.so.1`)
  .find(existsSync)
const offsetFile = join(directory, 'clock')
const setClock = (seconds: number): void =>
  writeFileSync(offsetFile, `${seconds < 0 ? '' : '+'}${seconds}s\n`)
setClock(0)
if (fakeTime === undefined)
  say('SKIPPED: clock jumps, because libfaketime is not installed (apt install libfaketime)')
/** For the processes of the chain alone: the wall clock is what the file says, the monotonic one is true. */
const clockEnvironment = {
  LD_PRELOAD: fakeTime ?? '',
  FAKETIME_TIMESTAMP_FILE: offsetFile,
  FAKETIME_NO_CACHE: '1',
  FAKETIME_DONT_FAKE_MONOTONIC: '1',
}

const ports = { broker: await freePort(), told: await freePort() }
const bootstrap = `127.0.0.1:${ports.broker}`
const toKafka = await new FaultProxy({ target: ports.told }).start()
const toB = await new FaultProxy({ target: await freePort() }).start()
/** Two listeners: the agents are sent through the proxy, whoever looks from outside is not. */
const brokerSettings = {
  listeners: `DIRECT://127.0.0.1:${ports.broker},PROXIED://127.0.0.1:${ports.told}`,
  'advertised.listeners': `DIRECT://${bootstrap},PROXIED://127.0.0.1:${toKafka.port}`,
  'listener.security.protocol.map': 'DIRECT:PLAINTEXT,PROXIED:PLAINTEXT',
  'inter.broker.listener.name': 'DIRECT',
}
const startOne = (): Promise<Running> =>
  startProcess({
    name: 'broker',
    directory,
    command: [
      join(root, 'bin/kafka-server-start.sh'),
      brokerFile,
      ...Object.entries(brokerSettings).flatMap(([key, value]) => ['--override', `${key}=${value}`]),
    ],
    ready: /Kafka broker \d+ started/,
    environment: clockEnvironment,
  })
const brokerFile = join(directory, 'server.properties')
writeFileSync(brokerFile, `log.dirs=${join(directory, 'kafka')}\noffsets.topic.num.partitions=3\n`)
let broker: Running
if (given.kafka) {
  const controller = `CONTROLLER://127.0.0.1:${await freePort()}`
  broker = await startKafka41(directory, {
    properties: {
      ...brokerSettings,
      'listener.security.protocol.map': 'DIRECT:PLAINTEXT,PROXIED:PLAINTEXT,CONTROLLER:PLAINTEXT',
      listeners: `${brokerSettings.listeners},${controller}`,
      'controller.quorum.voters': `1@${controller.slice('CONTROLLER://'.length)}`,
    },
  })
} else broker = await startOne()

const group = 'chaos'
const ends = { bootstrap: `127.0.0.1:${toKafka.port}`, from: 'in', to: 'out', group }
const chain = { ...ends, directory, port: toB.target, sendTo: toB.port }
const channel = (name: string) => [
  `${name}.channels.c.minimumRequiredSpace = 1048576`,
  `${name}.channels.c.maxFileSize = 4194304`,
]
const earliest = 'A.sources.s.kafka.consumer.auto.offset.reset = earliest'
const agents = {
  A: await ChainAgent.of('A', directory, confOfA({ ...chain, moreA: [...channel('A'), earliest] })),
  B: await ChainAgent.of('B', directory, confOfB({ ...chain, moreB: channel('B') })),
}
type Name = keyof typeof agents
const names: readonly Name[] = ['A', 'B']
const startAgent = async (name: Name): Promise<void> => {
  Object.assign(process.env, clockEnvironment)
  const starting = agents[name].start()
  for (const key of Object.keys(clockEnvironment)) delete process.env[key]
  await starting
}

const pausedAt = new Map<string, number>()
const seen: Record<string, { peakMib: number; loopMs: number }> = {}
const noteSeen = (name: string, pid: number, loopMs: number): void => {
  const { peakMib = 0, loopMs: longestMs = 0 } = seen[name] ?? {}
  const status = existsSync(`/proc/${pid}`) ? readFileSync(`/proc/${pid}/status`, 'utf8') : ''
  const peak = Number(/VmHWM:\s+(\d+)/.exec(status)?.[1] ?? 0) / 1024
  seen[name] = { peakMib: Math.max(peakMib, peak), loopMs: Math.max(longestMs, loopMs) }
}

/** What A has read and the group has not committed: at most so many events in this round. */
let mostUncommitted = 0
let base = { received: 0, committed: 0 }
const committedNow = async (): Promise<number> => {
  const positions = await positionsOf(bootstrap, group, 'in')
  return [...positions.values()].reduce((sum, one) => sum + one, 0)
}
const receivedNow = async (): Promise<number | null> => {
  const metrics = await within(agents.A.metrics(), 2_000)
  return metrics === null ? null : count(metrics, 'SOURCE.s', 'EventReceivedCount')
}

/** What a fault costs most: what is read and not committed now, and what is under way. */
async function noteUncommitted(): Promise<void> {
  const received = await receivedNow()
  const committed = await within(committedNow(), 5_000)
  if (received === null || committed === null) return
  mostUncommitted = Math.max(mostUncommitted, received - base.received - (committed - base.committed))
}

async function look(): Promise<void> {
  noteSeen('broker', broker.pid, 0)
  for (const name of names) {
    const snapshot = await within(agents[name].snapshot(), 2_000)
    // It is that of the last 30 s.
    const isTrue = performance.now() - (pausedAt.get(name) ?? -Infinity) > 35_000
    noteSeen(name, agents[name].running.pid, isTrue ? (snapshot?.process.loopDelayMs ?? 0) : 0)
  }
}

interface Fault {
  readonly what: string
  /** No two faults of a round have one in common. */
  readonly target: string
  begin(): Promise<unknown> | void
  end?(): Promise<unknown> | void
}

let slowestStopMs = 0

async function stopped(name: string, running: Running): Promise<void> {
  const from = performance.now()
  running.kill('SIGTERM')
  const how = await within(running.ended, 3 * stopMs)
  const tookMs = performance.now() - from
  slowestStopMs = Math.max(slowestStopMs, tookMs)
  if (tookMs > stopMs) violated(`${name} took ${Math.round(tookMs)} ms to stop`)
  else if (how !== 0 && how !== 143) violated(`${name} ended with ${how} on SIGTERM`)
  if (how === null) running.kill('SIGKILL')
  await running.ended
}
const ofAgent = (name: Name): Fault[] => {
  const target = name
  const running = () => agents[name].running
  const again = () => startAgent(name)
  return [
    { what: `kill ${name}`, target, begin: () => agents[name].kill(), end: again },
    { what: `stop ${name}`, target, begin: () => stopped(name, running()), end: again },
    {
      what: `pause ${name}`,
      target,
      begin: () => running().kill('SIGSTOP'),
      end() {
        running().kill('SIGCONT')
        pausedAt.set(name, performance.now())
      },
    },
    { what: `reload ${name}`, target, begin: () => running().kill('SIGHUP') },
  ]
}
const ofBroker = (): Fault[] => {
  const target = 'broker'
  const again = async () => void (broker = await startOne())
  const kill = async () => {
    broker.kill('SIGKILL')
    await broker.ended
  }
  const all: Fault[] = [
    { what: 'pause broker', target, begin: () => broker.kill('SIGSTOP'), end: () => broker.kill('SIGCONT') },
    { what: 'kill broker', target, begin: kill, end: again },
    { what: 'stop broker', target, begin: () => stopped('the broker', broker), end: again },
  ]
  return given.kafka ? all.slice(0, 1) : all
}
const ofWay = (name: string, proxy: FaultProxy): Fault[] => {
  const target = `way to ${name}`
  const anywhere = () => ({
    at: random.below(20_000),
    how: (['fin', 'rst', 'swallow', 'silence'] as const)[random.below(4)]!,
  })
  return [
    { what: `cut the way to ${name}`, target, begin: () => proxy.cut(random.chance(0.5) ? 'rst' : 'fin') },
    { what: `hold the way to ${name}`, target, begin: () => proxy.hold(), end: () => proxy.release() },
    { what: `refuse the way to ${name}`, target, begin: () => proxy.refuse(), end: () => proxy.accept() },
    {
      what: `cut or silence each connection to ${name} after some bytes`,
      target,
      begin: () => {
        proxy.faults = anywhere
        proxy.cut('rst')
      },
      end: () => void (proxy.faults = () => null),
    },
  ]
}
const ofDisk = (name: Name): Fault => {
  const filler = join(disks[name], 'filler')
  return {
    what: `fill the disk of ${name}`,
    target: `disk of ${name}`,
    begin() {
      try {
        writeFileSync(filler, Buffer.alloc(diskBytes))
      } catch {
        // It is full: as much as there was room for is written.
      }
    },
    end: () => rmSync(filler, { force: true }),
  }
}
const ofClock = (): Fault => ({
  what: 'set the clock',
  target: 'clock',
  begin: () => setClock(random.below(6_600) - 3_300),
  end: () => (random.chance(0.5) ? setClock(0) : undefined),
})

const faults = (): Fault[] => [
  ...names.flatMap(ofAgent),
  ...ofBroker(),
  ...ofWay('Kafka', toKafka),
  ...ofWay('B', toB),
  ...(hasDisks ? names.map(ofDisk) : []),
  ...(fakeTime === undefined ? [] : [ofClock()]),
]

/** As many as may be in one round, each with a target of its own. */
function choose(): Fault[] {
  const chosen: Fault[] = []
  for (let left = 1 + random.below(3); left > 0; left--) {
    const free = faults().filter(one => !chosen.some(({ target }) => target === one.target))
    chosen.push(free[random.below(free.length)]!)
  }
  return chosen
}

async function flows(): Promise<boolean> {
  const [a, b] = await Promise.all(names.map(name => within(agents[name].metrics(), 2_000)))
  if (a === null || b === null || a === undefined || b === undefined) return false
  const now = [count(a, 'SOURCE.s', 'EventAcceptedCount'), count(b, 'SINK.k', 'EventDrainSuccessCount')]
  const isFlowing = flowed !== null && now.every((one, index) => one > flowed![index]!)
  flowed ??= now
  return isFlowing
}
let flowed: number[] | null = null

const happened = new Map<string, number>()
let mostRepeats = 0

/** How many events come again after a fault at most: of what one process had under way, or both where Kafka was away. */
const costOf = (what: string, target: string): number =>
  /^(reload|fill|set)/.test(what)
    ? 0
    : Math.max(0, mostUncommitted) + windowEvents * (/broker|Kafka/.test(target) ? 2 : 1)

async function round(): Promise<void> {
  base = { received: (await receivedNow()) ?? 0, committed: await committedNow() }
  mostUncommitted = 0
  const chosen = choose()
  for (const { what, begin } of chosen) {
    await noteUncommitted()
    say(`${what.padEnd(58)} ${mostUncommitted} read and not committed`)
    happened.set(what, (happened.get(what) ?? 0) + 1)
    await look()
    await begin()
    await delay(random.below(1_500))
  }
  await delay(random.below(random.chance(0.2) ? 15_000 : 3_000))
  await noteUncommitted()
  for (const { end } of chosen.toReversed()) await end?.()
  flowed = null
  await waitFor(
    flows,
    `everything is at work again after: ${chosen.map(({ what }) => what).join(', ')}`,
    recoveryMs,
  )
  await noteUncommitted()
  for (const { what, target } of chosen) mostRepeats += costOf(what, target)
}

try {
  say(
    `seed ${seed}, ${given.minutes} minutes, ${given.kafka ? 'Kafka 4.1' : 'the embedded broker'}, in ${directory}`,
  )
  for (const topic of ['in', 'out']) await createTopic(bootstrap, topic, partitions)
  await Promise.all(names.map(startAgent))
  const load = startLoad(bootstrap, { topic: 'in', partitions, batch, perSecond, apart: true })
  await waitFor(async () => (await committedNow()) > 0, 'the first position is committed')
  try {
    while (performance.now() < endsAt) await round()
  } catch (error) {
    violated((error as Error).message)
  }
  const sent = await load.stop()
  const first = await readArrivals(bootstrap, 'in', sent)
  const {
    events,
    repeats,
    faults: wrong,
  } = await readArrivals(bootstrap, 'out', sent, { limitMs: recoveryMs })
  await look()
  for (const fault of wrong.slice(0, 10)) violated(fault)
  const inFlight = mostRepeats + first.repeats
  if (repeats > inFlight)
    violated(`${repeats} repeats, and at most ${inFlight} events were in flight at the faults`)
  for (const name of names) await stopped(name, agents[name].running)
  if (!given.kafka) await stopped('the broker', broker)
  const total = [...sent.values()].reduce((sum, one) => sum + one, 0)
  const about = (what: RegExp) => wrong.filter(one => what.test(one)).length
  console.log(`
acknowledged ${total}, arrived ${events}: lost ${about(/missing/)}, invented ${about(/nobody/)}, out of order ${about(/behind/)}, \
repeats ${repeats} of at most ${inFlight} (the load itself wrote ${first.repeats} twice)
faults ${[...happened.values()].reduce((sum, one) => sum + one, 0)}: ${[...happened].map(([what, times]) => `${what} ${times}`).join(', ')}
slowest stop ${Math.round(slowestStopMs)} ms; ${Object.entries(seen)
    .map(
      ([name, { peakMib, loopMs }]) =>
        `${name}: at most ${Math.round(peakMib)} MiB, longest loop delay ${name === 'broker' ? 'not told' : `${Math.round(loopMs)} ms`}`,
    )
    .join('; ')}`)
} catch (error) {
  violated((error as Error).stack ?? String(error))
} finally {
  for (const one of [...names.map(name => agents[name]), broker, toKafka, toB])
    await within(Promise.resolve(one[Symbol.asyncDispose]()), 20_000)
  if (violations.length > 0)
    for (const name of names)
      writeFileSync(join(directory, `${name}.log`), agents[name].logs.join('\n----\n'))
  if (hasDisks) for (const path of Object.values(disks)) execFileSync('umount', ['-l', path])
  if (violations.length > 0) console.log(`logs are in ${directory}`)
  else rmSync(directory, { recursive: true, force: true })
}
console.log(
  violations.length === 0
    ? `seed ${seed}: all is well`
    : `seed ${seed}: ${violations.length} violations:\n${violations.join('\n')}`,
)
process.exit(violations.length === 0 ? 0 : 1)
