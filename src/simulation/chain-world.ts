// One life of a whole chain, determined by a seed: the embedded broker, Flume agents, a producer that writes into
// the topics that they read and a reader of all topics, on machines with a simulated network, disk and clock,
// and faults of every kind. When the faults are over everything must drain; ledger.ts says what must be true then.
import { whereOf } from '../address.ts'
import { Broker } from '../broker/broker.ts'
import { readBrokerSettings, type BrokerSettings } from '../broker/broker-settings.ts'
import { messageOf } from '../errors.ts'
import { Agent } from '../topology/agent.ts'
import { defaultProgressTopic } from '../origin/progress.ts'
import type { Topology } from '../topology/topology.ts'
import { ChainLog } from './chain-log.ts'
import { ChainOutside } from './chain-outside.ts'
import {
  bootstrapOf,
  type ChainBroker,
  type ChainOutcome,
  type ChainPlan,
  type ModelDoors,
} from './chain-plan.ts'
import { Faults } from './faults.ts'
import { ChainLedger } from './ledger.ts'
import { Machine, type Program } from './machine.ts'
import { Schedule } from './schedule.ts'
import { SeededRandom } from './seeded-random.ts'
import { SimulatedNetwork } from './simulated-network.ts'
import { letSignalsGo } from './signals.ts'
import { Supervised } from './supervised.ts'

/**
 * How long everything may take to arrive once the faults are over. The longest waits are for a JoinGroup whose connection has
 * gone silent (45 s) and for members that do not come back.
 */
const drainMs = 400_000
/** How long nothing may arrive before what is missing counts as lost, where the chain may lose. */
const quietMs = 60_000
/** How often somebody looks for new topics. */
const lookMs = 1_000
/** How often somebody looks after failed channels. */
const operatorMs = 20_000
/** How long a commit may wait for a broker on a connection that has gone silent, and how long it takes then. */
const silenceMs = 30_000
const commitMs = 5_000
/** How often health is looked at meanwhile. */
const healthMs = 100
/** How long agents run that were stopped and started again: they join their group and read. */
const quietStartMs = 4_000
/** What a stop may take. */
const stopMs = 11_000

/** `soon` calls back in the next turn of the real event loop. */
export async function runChain(
  seed: number,
  plan: ChainPlan,
  soon: (run: () => void) => void,
): Promise<ChainOutcome> {
  return await new ChainWorld(seed, plan, new Schedule(soon)).run()
}

class ChainWorld {
  readonly #plan: ChainPlan
  readonly #random: SeededRandom
  readonly #schedule: Schedule
  readonly #log: ChainLog
  readonly #network: SimulatedNetwork
  readonly #ledger: ChainLedger
  readonly #violations: string[] = []
  readonly #brokers: readonly Supervised<Broker>[]
  readonly #agents: readonly Supervised<Agent>[]
  readonly #topologies: readonly Topology[]
  readonly #outside: ChainOutside
  readonly #faults: Faults
  #doorsLeft: number
  #drainedMs = Infinity
  #isStuck = false

  constructor(seed: number, plan: ChainPlan, schedule: Schedule) {
    const random = (this.#random = new SeededRandom(seed))
    this.#schedule = schedule
    this.#log = new ChainLog(schedule)
    this.#plan = plan
    this.#ledger = new ChainLedger(plan.copies)
    this.#doorsLeft = plan.modelDoors
    this.#network = new SimulatedNetwork(schedule, random, {
      latencyMs: random.chance(0.5) ? [0.05, 0.3] : [0.5, 8],
      bytesPerMs: [100_000, 2_000][random.below(2)]!,
      pieces: [0, 0.1, 0.6][random.below(3)]!,
      windowBytes: [65_536, 2_000][random.below(2)]!,
    })
    const around = { schedule, random, network: this.#network }
    const machine = (name: string, hosts: readonly string[]): Machine => {
      const made = new Machine(name, around)
      for (const host of [name, ...hosts]) this.#network.addName(host, made)
      return made
    }
    const supervised = <S extends Broker | Agent>(at: Machine, make: (program: Program) => S) =>
      new Supervised<S>(at, schedule, make, line => this.#log.note(`${at.name} ${line}`))
    const doors: ModelDoors = { ledger: this.#ledger, onDone: () => void this.#doorsLeft-- }
    this.#topologies = plan.agents.map(({ topology }) => topology(doors))
    this.#brokers = plan.brokers.map(broker => {
      const { name, addresses } = broker
      const settings = settingsOf(broker)
      return supervised(
        machine(name, addresses.map(whereOf)),
        ({ system }) => new Broker({ system, log: this.#log.of(name), settings }),
      )
    })
    this.#agents = plan.agents.map((agent, index) =>
      supervised(machine(agent.name, agent.hosts), program =>
        this.#makeAgent(program, agent.name, this.#topologies[index]!),
      ),
    )
    this.#outside = new ChainOutside({
      system: machine('outside', []).start().system,
      log: this.#log,
      random: new SeededRandom(plan.writingSeed),
      readCommitted: plan.readsCommitted,
      onFailed: sentence => this.#violated(sentence),
    })
    this.#log.onLine = line => {
      const [, lost] = /(\d+) events? in memory (?:is|are) lost/.exec(line) ?? []
      this.#ledger.announcedLosses += Number(lost ?? 0)
    }
    const services = [...this.#brokers, ...this.#agents]
    this.#faults = new Faults({
      schedule,
      random,
      network: this.#network,
      services,
      disks: this.#agents,
      mortal: [...this.#brokers, ...this.#agents.filter((_, index) => plan.agents[index]!.isMortal)],
      note: line => this.#log.note(line),
    })
  }

  async run(): Promise<ChainOutcome> {
    const unhandled = (error: unknown): void =>
      void this.#violations.push(`an unhandled rejection: ${messageOf(error)}`)
    process.on('unhandledRejection', unhandled)
    const restore = letSignalsGo()
    try {
      await this.#live()
    } finally {
      restore()
      process.off('unhandledRejection', unhandled)
    }
    const ledger = this.#ledger
    return {
      trace: this.#schedule.trace,
      violations: this.#violations,
      sent: ledger.sentCount,
      missing: ledger.missing().length,
      isStuck: this.#isStuck,
      repeats: ledger.repeats,
      copies: ledger.arrived.times,
      doubledIn: [...ledger.doubledIn],
      changed: ledger.invented.length,
      events: this.#schedule.events,
      faults: this.#faults.happened,
      drainedMs: this.#drainedMs,
      log: this.#log.lines,
    }
  }

  async #live(): Promise<void> {
    const schedule = this.#schedule
    const { inputs, others, records, stormMs } = this.#plan
    for (const broker of this.#brokers) broker.start()
    let areThere = false
    void this.#outside.createTopics([...inputs, ...others]).then(() => (areThere = true))
    if (!(await schedule.run(() => areThere, 30_000))) return void this.#violated('no topics within 30 s')
    for (const agent of this.#agents) agent.start()
    this.#readAll(this.#ledger)
    await schedule.run(() => false, schedule.now + this.#plan.warmUpMs)
    let isWritten = false
    void this.#outside.write({ inputs, records, duringMs: stormMs / 1.3, ledger: this.#ledger }).then(() => {
      isWritten = true
    })
    const { watchMs } = this.#plan
    if (watchMs !== undefined) {
      await schedule.run(() => this.#ledger.doubledIn.size > 0, schedule.now + stormMs + watchMs)
      if (!isWritten && this.#ledger.doubledIn.size === 0) this.#violated('not everything was written')
      return
    }
    this.#planFaults()
    this.#watchChannels()
    await schedule.run(() => false, schedule.now + stormMs)
    this.#faults.heal()
    this.#log.note('the faults are over')
    this.#operate()
    const healedAt = schedule.now
    const isComplete = (): boolean => isWritten && this.#doorsLeft === 0 && this.#ledger.isComplete
    let hasDrained = false
    for (let arrived = -1; schedule.now < healedAt + drainMs && !hasDrained;) {
      const before = arrived
      arrived = this.#ledger.arrivedCount
      // A chain that may lose is not waited for where nothing moves any more.
      if (this.#plan.mayLose && before === arrived && this.#held === 0) break
      hasDrained = await schedule.run(isComplete, Math.min(schedule.now + quietMs, healedAt + drainMs))
    }
    if (hasDrained) this.#drainedMs = schedule.now - healedAt
    else {
      this.#isStuck = !isWritten || this.#doorsLeft > 0 || !this.#plan.mayLose || this.#held > 0
      this.#violated(this.#whatIsLeft(isWritten))
    }
    // What comes again comes late.
    await schedule.run(() => false, schedule.now + 2_000)
    if (hasDrained) {
      await this.#readAgain()
      if (this.#plan.restarts) await this.#committed()
      await this.#stop()
      if (this.#plan.restarts && this.#violations.length === 0) await this.#startAgain()
    }
    this.#judge()
  }

  /** Events in channels. */
  get #held(): number {
    let held = 0
    for (const { running } of this.#agents)
      for (const counters of running?.counters() ?? []) held += Number(counters.get('ChannelSize') ?? 0)
    return held
  }

  #whatIsLeft(isWritten: boolean): string {
    const after = `${drainMs / 1000} s after the last fault`
    if (!isWritten) return `not everything is acknowledged or refused ${after}`
    if (this.#doorsLeft > 0) return `${this.#doorsLeft} sources have not handed over everything ${after}`
    const missing = this.#ledger.missing()
    if (missing.length === 0) return `${this.#ledger.unfoundCount} acknowledged records are in no topic`
    return `${missing.length} events have not arrived ${after}: ${missing.slice(0, 5).join(', ')}`
  }

  /** What was read once is there for whoever reads later. */
  async #readAgain(): Promise<void> {
    const again = new ChainLedger()
    for (const id of this.#ledger.found.times.keys()) again.send(...partsOf(id))
    for (const id of this.#ledger.arrived.times.keys()) again.send(...partsOf(id))
    this.#readAll(again)
    const { found, arrived } = this.#ledger
    const isSame = (): boolean =>
      hasAll(again.found.times, found.times) &&
      (this.#plan.hasModels || hasAll(again.arrived.times, arrived.times))
    if (!(await this.#schedule.run(isSame, this.#schedule.now + 40_000)))
      this.#violated('records that were read once are not in their topic any more')
  }

  /** Everything that is in Kafka, topics that are yet to be created as well. */
  #readAll(into: ChainLedger): void {
    const { inputs, brokers } = this.#plan
    const seen = new Set<string>()
    const look = (): void => {
      for (const [index, { running }] of this.#brokers.entries()) {
        const broker = bootstrapOf(brokers[index]!)
        for (const { name, partitions } of running?.topics.topics.values() ?? []) {
          const key = `${broker} ${name}`
          const isInput = inputs.some(one => one.broker === broker && one.name === name)
          if (seen.has(key) || name.startsWith('__') || name === defaultProgressTopic) continue
          seen.add(key)
          const isWatched = this.#plan.watchMs !== undefined
          if (!isInput && !isWatched && this.#plan.isBetween({ broker, name })) continue
          const take = (body: Buffer | null) =>
            isWatched ? into.see(key, body) : isInput ? into.find(body) : into.arrive(body)
          this.#outside.read({ broker, name, partitions: partitions.length }, take)
        }
      }
      this.#schedule.after(lookMs, look)
    }
    look()
  }

  /** No channel ever holds more than it may. */
  #watchChannels(): void {
    for (const { running, machine } of this.#agents)
      for (const counters of running?.counters() ?? []) {
        const [size, capacity] = ['ChannelSize', 'ChannelCapacity'].map(name =>
          Number(counters.get(name) ?? 0),
        )
        if (size! > capacity!)
          this.#violated(`a channel of ${machine.name} holds ${size} events of ${capacity}`)
      }
    this.#schedule.after(1_000, () => this.#watchChannels())
  }

  /** Restarts, as an operator would, agents with a channel that stays failed until then. */
  #operate(): void {
    this.#schedule.after(operatorMs, () => {
      for (const agent of this.#agents) if (hasFailedChannel(agent)) void agent.stop(100)
      this.#operate()
    })
  }

  #judge(): void {
    const ledger = this.#ledger
    const { agents, faultCount, inFlight, keepsOrder, modelDoors } = this.#plan
    if (ledger.announcedLosses > 0 && !this.#plan.mayLose && agents.every(({ isMortal }) => isMortal))
      this.#violated(`${ledger.announcedLosses} events are lost by channels that keep them`)
    if (ledger.foundTwice !== null)
      this.#violated(`${ledger.foundTwice} stands twice in the topic that an idempotent producer wrote`)
    if (ledger.invented.length > 0) this.#violated(`invented or changed: ${ledger.invented[0]}`)
    const disorder = keepsOrder ? ledger.disorder() : null
    if (disorder !== null) this.#violated(`order is not kept: ${disorder}`)
    const most = faultCount > 0 || modelDoors > 0 ? this.#faults.count * inFlight : 0
    if (ledger.repeats > most)
      this.#violated(
        `${ledger.repeats} repeats after ${this.#faults.count} faults, at most ${most} were in flight`,
      )
  }

  /** Waits until what was delivered is committed: where somebody looked after it, or found out that nothing comes. */
  async #committed(): Promise<void> {
    const schedule = this.#schedule
    const isWell = (): boolean => !this.#network.isWaitedFor && !this.#agents.some(hasFailedChannel)
    // What is sent again may be what breaks a connection, long after the fault that set its limit of bytes.
    for (let cuts = -1; cuts !== this.#network.cuts;) {
      cuts = this.#network.cuts
      const limitMs = schedule.now + silenceMs
      while (!isWell() && schedule.now < limitMs) await schedule.run(() => false, schedule.now + healthMs)
      await schedule.run(() => false, schedule.now + commitMs)
    }
  }

  /** Who was stopped in peace has committed everything: a start repeats nothing. */
  async #startAgain(): Promise<void> {
    const before = this.#ledger.repeats
    this.#log.note('everything is started again')
    for (const one of [...this.#brokers, ...this.#agents]) one.start()
    await this.#schedule.run(() => false, this.#schedule.now + quietStartMs)
    const more = this.#ledger.repeats - before
    if (more > 0) this.#violated(`${more} events came again after a stop and a start without a fault`)
    await this.#stop()
  }

  async #stop(): Promise<void> {
    for (const all of [this.#agents, this.#brokers]) {
      let stopped = 0
      for (const one of all) void one.stop(null).then(() => stopped++)
      if (!(await this.#schedule.run(() => stopped === all.length, this.#schedule.now + stopMs)))
        this.#violated(`${all.length - stopped} programs have not stopped within ${stopMs / 1000} s`)
    }
  }

  #planFaults(): void {
    const { faults, faultCount, stormMs, agents } = this.#plan
    for (let index = 0; faults.length > 0 && index < faultCount; index++) {
      const kind = faults[this.#random.below(faults.length)]!
      this.#schedule.after(500 + this.#random.next() * (stormMs * 0.75 - 500), () =>
        this.#faults.inject(kind),
      )
    }
    for (const [index, { changed, name }] of agents.entries())
      if (changed !== null)
        for (const next of [changed, this.#topologies[index]!])
          this.#schedule.after(this.#random.next() * stormMs, () => {
            this.#log.note(`${name} is reloaded`)
            const running = this.#agents[index]!.running
            running?.reload(next).catch((error: unknown) => {
              this.#log.note(`the reload failed: ${messageOf(error)}`)
            })
          })
  }

  #makeAgent(program: Program, name: string, topology: Topology): Agent {
    return new Agent(topology, {
      agent: name,
      system: program.system,
      log: this.#log.of(name),
      home: '/home',
      logRawData: false,
      systemProperties: new Map(),
    })
  }

  #violated(sentence: string): void {
    this.#log.note(`VIOLATED: ${sentence}`)
    this.#violations.push(sentence)
  }
}

function settingsOf({ name, addresses }: ChainBroker): BrokerSettings {
  const ports = [...new Set(addresses.map(({ port }) => port))]
  const { settings, errors } = readBrokerSettings('', 'server.properties', {
    listeners: ports.map((port, index) => `L${index}://${name}:${port}`).join(','),
    'listener.security.protocol.map': ports.map((_, index) => `L${index}:PLAINTEXT`).join(','),
    'inter.broker.listener.name': 'L0',
    'log.dirs': '/kafka',
    'log.segment.bytes': '65536',
  })
  if (errors.length > 0) throw new Error(errors.join('; '))
  return settings
}

const partsOf = (id: string): [door: number, number: number] => id.split('/').map(Number) as [number, number]

/** It stays failed until a start, and what was delivered from it meanwhile comes again. */
const hasFailedChannel = ({ running }: Supervised<Agent>): boolean =>
  running?.health().problems.some(({ component }) => component.startsWith('CHANNEL.')) === true

const hasAll = (found: ReadonlyMap<string, number>, wanted: ReadonlyMap<string, number>): boolean =>
  found.size === wanted.size && [...wanted].every(([id, times]) => found.get(id) === times)
