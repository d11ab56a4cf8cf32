// A chain whose agents are killed (SIGKILL) under load and started again: what was in flight at each kill,
// as the dying agent's own counters said a moment before and the broker says after it, and how many
// repeats that allows.
//
// What may come twice after a kill:
// - of A, the sink's side: batches that B has stored and A's channel has not recorded as gone;
// - of A, the source's side: events in A's channel whose position the group has not committed;
// - of B: batches that Kafka has and B's channel has not recorded as gone, and requests that B stored
//   and did not answer.
// The counters are read a moment before the kill. In that moment each stage can move on, by no more than
// it may have in flight: one window of each is added. The windows: 8 requests between the agents; batches
// of 2000 events in all, but at least 4, at the Kafka source and at the Kafka sink.
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import type { SeededRandom } from '../../src/simulation/seeded-random.ts'
import { ChainAgent, count, type Metrics, type Name } from '../chain/agent.ts'
import { confOfA, confOfB } from '../chain/chain.ts'
import { freePort } from './peers/peers.ts'
import { createTopic, withAdmin } from './peers/topics.ts'
import { waitFor } from './peers/waiting.ts'

export const kinds = [
  'puts',
  'requests',
  'produce requests',
  'commits of takes',
  'commits of positions',
] as const
type Kind = (typeof kinds)[number]
/** Events under way in a stage, by what they waited for. */
export type InFlight = Partial<Record<Kind, number>>

export interface Kill {
  readonly what: string
  readonly at: number
  readonly inFlight: InFlight
  /** Events found in the channels that were opened again. */
  readonly reopened: Partial<Record<Name, number>>
  /** Repeats this kill can cause. */
  readonly mostRepeats: number
  /** From the kill until events passed through what was killed. */
  awayMs: number
}

export interface Proportions {
  /** Events of a transaction: Kafka source, Avro sink, Kafka sink. */
  readonly source: number
  readonly sink: number
  readonly kafkaSink: number
}

/** Requests in flight between two agents, and batches of the Kafka source and sink: see these. */
const avroWindow = 8
const kafkaWindow = (most: number, batch: number) => Math.min(most, Math.max(4, Math.ceil(2000 / batch)))

const kindsOf: Readonly<Record<Name, readonly Kind[]>> = {
  A: ['puts', 'requests', 'commits of takes', 'commits of positions'],
  B: ['puts', 'produce requests', 'commits of takes'],
}
/** How often the counters are read at most until they show what was hoped for. */
const mostLooks = 100

export class KillChain implements AsyncDisposable {
  readonly name: string
  readonly from: string
  readonly to: string
  readonly a: ChainAgent
  readonly b: ChainAgent
  readonly kills: Kill[] = []
  readonly #bootstrap: string
  readonly #random: SeededRandom
  readonly #proportions: Proportions
  /** Positions committed when the present A was started. */
  #base = 0
  /** Repeats that were still due when a restarted agent was killed before it had got anywhere. */
  #carried = 0

  private constructor(given: {
    name: string
    bootstrap: string
    directory: string
    random: SeededRandom
    proportions: Proportions
    ports: [number, number, number]
  }) {
    const { name, bootstrap, directory, random, proportions, ports } = given
    this.name = name
    this.from = `${name}-in`
    this.to = `${name}-out`
    this.#bootstrap = bootstrap
    this.#random = random
    this.#proportions = proportions
    const home = join(directory, name)
    const chain = { bootstrap, directory: home, from: this.from, to: this.to, group: name, port: ports[0] }
    const confA = confOfA({
      ...chain,
      moreA: [`A.sources.s.batchSize = ${proportions.source}`, `A.sinks.k.batch-size = ${proportions.sink}`],
    })
    const confB = confOfB({ ...chain, moreB: [`B.sinks.k.flumeBatchSize = ${proportions.kafkaSink}`] })
    this.a = new ChainAgent('A', home, confA, ports[1])
    this.b = new ChainAgent('B', home, confB, ports[2])
  }

  /** Makes the topics and starts both agents; ready when the group has its first positions. */
  static async start(given: {
    name: string
    bootstrap: string
    directory: string
    partitions: number
    random: SeededRandom
    proportions: Proportions
  }): Promise<KillChain> {
    const ports: [number, number, number] = [await freePort(), await freePort(), await freePort()]
    const chain = new KillChain({ ...given, ports })
    await createTopic(given.bootstrap, chain.from, given.partitions)
    await createTopic(given.bootstrap, chain.to, given.partitions)
    try {
      await Promise.all([chain.b.start(), chain.a.start()])
      const isPlaced = async () => (await chain.committed()).length === given.partitions
      await waitFor(isPlaced, `${chain.name}: the group's first positions are committed`)
    } catch (error) {
      await chain[Symbol.asyncDispose]()
      throw error
    }
    return chain
  }

  get logs(): string[] {
    return [...this.a.logs, ...this.b.logs]
  }

  /** The end of what each process printed. */
  get lastLines(): string {
    return `${this.a.lastLines}\n----\n${this.b.lastLines}`
  }

  /** Ends both agents, which must be well. */
  async stop(): Promise<void> {
    for (const victim of [this.a, this.b]) await victim.stop()
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all([this.a, this.b].map(victim => victim[Symbol.asyncDispose]()))
  }

  /** Positions of the group, those there are. */
  async committed(): Promise<number[]> {
    return [...(await positionsOf(this.#bootstrap, this.name, this.from)).values()]
  }

  /** Lets the chain run for a random while, at most `mostMs`. */
  async runOn(mostMs = 1000): Promise<void> {
    await delay(this.#random.below(mostMs))
  }

  /** Kills the agents under load and starts them again at once; resolves when events pass through them. */
  async kill(...names: Name[]): Promise<void> {
    await this.runOn()
    await this.#strike(names.join(' and '), names)
    await this.#goOn(names)
  }

  /** Kills the agent, starts it, and kills it again while it starts. */
  async killTwice(name: Name): Promise<void> {
    await this.runOn()
    await this.#strike(name, [name])
    const [victim] = this.#victims([name]) as [ChainAgent]
    await victim.start(/Starting agent/)
    await this.runOn(400)
    await this.#strike(`${name} while it starts`, [name])
    await this.#goOn([name])
  }

  /** Tells the agent to stop, and kills it before it has. */
  async killStopping(name: Name): Promise<void> {
    await this.runOn()
    await this.#strike(`${name} while it stops`, [name], 60)
    await this.#goOn([name])
  }

  /** Tells the agents to stop, and starts them again when they have; resolves when events pass through them. */
  async restart(...names: Name[]): Promise<void> {
    await this.runOn()
    const victims = this.#victims(names)
    await Promise.all(victims.map(victim => victim.stop()))
    await Promise.all(victims.map(victim => victim.start()))
    for (const victim of victims)
      await waitFor(() => victim.isAtWork(), `${this.name}: events pass through ${victim.name} again`)
  }

  #victims(names: readonly Name[]): ChainAgent[] {
    return names.map(name => (name === 'A' ? this.a : this.b))
  }

  /** What the agents' counters say; looks again until something of one kind, chosen at random, is in flight. */
  async #sample(names: readonly Name[]): Promise<(Metrics | null)[]> {
    const possible = kinds.filter(kind => names.some(name => kindsOf[name].includes(kind)))
    const wanted = possible[this.#random.below(possible.length)]!
    for (let looks = 0; ; looks++) {
      const sample = await Promise.all(this.#victims(names).map(victim => victim.metrics()))
      const isThere = names.some((name, index) => this.#inFlight(name, sample[index] ?? null)[wanted] > 0)
      if (isThere || looks === mostLooks || sample.every(one => one === null)) return sample
    }
  }

  /** Kills at once, or so many milliseconds at most after SIGTERM. */
  async #strike(what: string, names: readonly Name[], stoppingMs = 0): Promise<void> {
    const victims = this.#victims(names)
    const sample = await this.#sample(names)
    const at = Date.now()
    if (stoppingMs > 0) {
      for (const victim of victims) victim.running.kill('SIGTERM')
      await this.runOn(stoppingMs)
    }
    for (const victim of victims) victim.running.kill('SIGKILL')
    await Promise.all(victims.map(victim => victim.kill()))
    const committed = names.includes('A') ? sum(await this.committed()) : 0
    const inFlight: InFlight = {}
    let mostRepeats = this.#carried
    for (const [index, name] of names.entries())
      mostRepeats += this.#judge(name, sample[index] ?? null, committed, inFlight)
    if (names.includes('A')) this.#base = committed
    this.#carried = mostRepeats
    this.kills.push({ what, at, inFlight, reopened: {}, mostRepeats, awayMs: 0 })
  }

  async #goOn(names: readonly Name[]): Promise<void> {
    const victims = this.#victims(names)
    await Promise.all(victims.map(victim => victim.start()))
    for (const victim of victims)
      await waitFor(() => victim.isAtWork(), `${this.name}: events pass through ${victim.name} again`)
    const kill = this.kills.at(-1)!
    for (const victim of victims) kill.reopened[victim.name] = victim.reopened
    kill.awayMs = Date.now() - kill.at
    this.#carried = 0
  }

  /** Events in the agent's stages, as its counters say. Positions: what is read and not in the channel yet. */
  #inFlight(name: Name, metrics: Metrics | null): Record<Kind, number> {
    const isA = name === 'A'
    const of = (component: string, attribute: string) => count(metrics, component, attribute)
    const delivered = of('SINK.k', 'EventDrainSuccessCount')
    // What failed was tried while the peer was away.
    const failed = isA ? of('SINK.k', 'EventWriteFail') * this.#proportions.sink : 0
    const sending = of('SINK.k', 'EventDrainAttemptCount') - delivered - failed
    return {
      puts: of('CHANNEL.c', 'EventPutAttemptCount') - of('CHANNEL.c', 'EventPutSuccessCount'),
      requests: isA ? sending : 0,
      'produce requests': isA ? 0 : sending,
      'commits of takes': delivered - of('CHANNEL.c', 'EventTakeSuccessCount'),
      'commits of positions': isA
        ? of('SOURCE.s', 'EventReceivedCount') - of('SOURCE.s', 'EventAcceptedCount')
        : 0,
    }
  }

  /** Notes what was in flight in the agent; gives how many repeats that makes at most. */
  #judge(name: Name, metrics: Metrics | null, committed: number, noted: InFlight): number {
    const { source, sink, kafkaSink } = this.#proportions
    const isA = name === 'A'
    const inFlight = this.#inFlight(name, metrics)
    // What was read and, after the kill, is not committed: what the channel has of it comes again.
    if (isA && metrics !== null)
      inFlight['commits of positions'] =
        this.#base + count(metrics, 'SOURCE.s', 'EventReceivedCount') - committed
    for (const kind of kinds) if (inFlight[kind] > 0) noted[kind] = (noted[kind] ?? 0) + inFlight[kind]
    const windows = isA
      ? avroWindow * sink + kafkaWindow(128, source) * source
      : kafkaWindow(64, kafkaSink) * kafkaSink + avroWindow * sink
    // Puts under way come again as what is read and not committed, or, at B, as requests not answered.
    const repeatable = kinds.filter(kind => kind !== 'puts').map(kind => Math.max(0, inFlight[kind]))
    return sum(repeatable) + windows
  }
}

/** Positions that the group has committed, by partition. The broker may still be loading the group. */
export async function positionsOf(
  bootstrap: string,
  groupId: string,
  topic: string,
): Promise<Map<number, number>> {
  const positions = new Map<number, number>()
  const ask = async () => {
    const found = await withAdmin(bootstrap, admin => admin.fetchOffsets({ groupId, topics: [topic] }))
    for (const { partition, offset } of found.flatMap(({ partitions }) => partitions))
      if (Number(offset) >= 0) positions.set(partition, Number(offset))
    return true
  }
  await waitFor(() => ask().catch(() => false), `the positions of group ${groupId}`)
  return positions
}

const sum = (numbers: readonly number[]) => numbers.reduce((total, one) => total + one, 0)
