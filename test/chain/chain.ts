// The two-agent chain of the tests that break things: agent A (Kafka source, file channel, Avro sink) and agent B
// (Avro source, file channel, Kafka sink), in the proportions of the seed's files and with what a test needs to be
// different; under load, killed, and looked at until everything has arrived.
//
//   await using chain = await Chain.create({ name: 'killed', bootstrap, directory })
//   await chain.flow({ perSecond: 900 })
//   const { mostRepeats } = await chain.kill('A'); await chain.start('A')
//   await chain.assertComplete(t, mostRepeats)
import assert from 'node:assert/strict'
import { join } from 'node:path'
import type { TestContext } from 'node:test'
import { setTimeout as delay } from 'node:timers/promises'
import { freePort } from '../interop/peers/peers.ts'
import { createTopic, positionsOf } from '../interop/peers/topics.ts'
import { hangMs, waitFor } from '../interop/peers/waiting.ts'
import { ChainAgent, count, type Name } from './agent.ts'
import { FaultProxy } from './faults.ts'
import { assertComplete, readArrivals, type Arrival } from './ledger.ts'
import { startLoad, type Load, type LoadOptions } from './load.ts'

export interface ChainOptions {
  readonly bootstrap: string
  /** Directory of both agents' channels. */
  readonly directory: string
  readonly from: string
  readonly to: string
  readonly group: string
  /** Where B listens, and where A sends (a proxy's port, say); the same where the second is absent. */
  readonly port: number
  readonly sendTo?: number
  /** More lines, by agent: written behind the others, so that they win. */
  readonly moreA?: readonly string[]
  readonly moreB?: readonly string[]
}

/** Agent A, named A: source `s`, channel `c`, sink `k`. */
export function confOfA(chain: ChainOptions): string {
  return `
A.sources = s
A.channels = c
A.sinks = k
A.sources.s.type = org.apache.flume.source.kafka.KafkaSource
A.sources.s.kafka.bootstrap.servers = ${chain.bootstrap}
A.sources.s.kafka.topics = ${chain.from}
A.sources.s.kafka.consumer.group.id = ${chain.group}
A.sources.s.kafka.consumer.session.timeout.ms = 6000
A.sources.s.kafka.consumer.heartbeat.interval.ms = 1000
A.sources.s.batchSize = 100
A.sources.s.interceptors = i
A.sources.s.interceptors.i.type = static
A.sources.s.interceptors.i.key = topic
A.sources.s.interceptors.i.preserveExisting = false
A.sources.s.interceptors.i.value = ${chain.to}
A.sources.s.channels = c
A.channels.c.type = file
A.channels.c.checkpointDir = ${chain.directory}/a/checkpoint
A.channels.c.dataDirs = ${chain.directory}/a/data
A.sinks.k.type = avro
A.sinks.k.hostname = 127.0.0.1
A.sinks.k.port = ${chain.sendTo ?? chain.port}
A.sinks.k.channel = c
${(chain.moreA ?? []).join('\n')}
`
}

/** Agent B, named B: source `s`, channel `c`, sink `k`. */
export function confOfB(chain: ChainOptions): string {
  return `
B.sources = s
B.channels = c
B.sinks = k
B.sources.s.type = avro
B.sources.s.bind = 127.0.0.1
B.sources.s.port = ${chain.port}
B.sources.s.channels = c
B.channels.c.type = file
B.channels.c.checkpointDir = ${chain.directory}/b/checkpoint
B.channels.c.dataDirs = ${chain.directory}/b/data
B.sinks.k.type = org.apache.flume.sink.kafka.KafkaSink
B.sinks.k.kafka.bootstrap.servers = ${chain.bootstrap}
B.sinks.k.kafka.topic = ${chain.to}
B.sinks.k.flumeBatchSize = 100
B.sinks.k.channel = c
${(chain.moreB ?? []).join('\n')}
`
}

export interface ChainGiven {
  /** Its group; its topics are `name-in` and `name-out`. */
  readonly name: string
  readonly bootstrap: string
  /** The chain's files are in a directory of its name here. */
  readonly directory: string
  readonly partitions?: number
  /** Where absent the topics are created with one replica. */
  readonly createTopics?: (from: string, to: string) => Promise<unknown>
  readonly moreA?: readonly string[]
  readonly moreB?: readonly string[]
}

/** Events that may be under way at one agent: the windows of its Kafka end (2,000 events) and of Avro (8 requests of 100). */
export const windowEvents = 2000 + 8 * 100

/** Both agents with topics of their own, a proxy between them, what is written, and what arrives. */
export class Chain implements AsyncDisposable {
  readonly name: string
  readonly from: string
  readonly to: string
  readonly a: ChainAgent
  readonly b: ChainAgent
  /** Between A and B. */
  readonly hop: FaultProxy
  readonly #bootstrap: () => string
  readonly #partitions: number
  #load: Load | null = null
  /** What was committed when A was last started. */
  #base = 0

  private constructor(given: ChainGiven, bootstrap: () => string, hop: FaultProxy, ports: readonly number[]) {
    const { name, partitions = 1, moreA, moreB } = given
    this.name = name
    this.from = `${name}-in`
    this.to = `${name}-out`
    this.hop = hop
    this.#bootstrap = bootstrap
    this.#partitions = partitions
    const directory = join(given.directory, name)
    const options = {
      bootstrap: given.bootstrap,
      directory,
      from: this.from,
      to: this.to,
      group: name,
      port: hop.target,
      sendTo: hop.port,
      ...(moreA === undefined ? {} : { moreA }),
      ...(moreB === undefined ? {} : { moreB }),
    }
    this.a = new ChainAgent('A', directory, confOfA(options), ports[0]!)
    this.b = new ChainAgent('B', directory, confOfB(options), ports[1]!)
  }

  /** Creates the topics; the agents are not started. `outside`: the brokers as the test reaches them, where they move. */
  static async create(given: ChainGiven, outside: () => string = () => given.bootstrap): Promise<Chain> {
    const hop = await new FaultProxy({ target: await freePort() }).start()
    const chain = new Chain(given, outside, hop, [await freePort(), await freePort()])
    const { from, to } = chain
    if (given.createTopics !== undefined) await given.createTopics(from, to)
    else for (const topic of [from, to]) await createTopic(outside(), topic, given.partitions)
    return chain
  }

  get agents(): readonly ChainAgent[] {
    return [this.a, this.b]
  }

  of(...names: readonly Name[]): ChainAgent[] {
    return names.map(name => (name === 'A' ? this.a : this.b))
  }

  async start(...names: readonly Name[]): Promise<void> {
    if (names.includes('A')) this.#base = await this.committed()
    await Promise.all(this.of(...names).map(agent => agent.start()))
  }

  /** Starts both, and the load when the group has its first positions. */
  async flow(load: Partial<LoadOptions>): Promise<void> {
    await this.start('A', 'B')
    const isPlaced = async () => (await this.#positions()).size === this.#partitions
    await waitFor(isPlaced, `${this.name}: the group's first positions are committed`)
    this.load(load)
  }

  /** Starts to write. */
  load(options: Partial<LoadOptions>): Load {
    const partitions = this.#partitions
    return (this.#load = startLoad(this.#bootstrap(), {
      topic: this.from,
      partitions,
      batch: 50,
      ...options,
    }))
  }

  /** Records of the load that are acknowledged so far, by partition. */
  get sent(): ReadonlyMap<number, number> {
    return this.#load?.sent ?? new Map()
  }

  /** Writes no more. Gives how many records are acknowledged, by partition. */
  async stopLoad(): Promise<ReadonlyMap<number, number>> {
    assert.ok(this.#load !== null, `${this.name}: nothing is written`)
    return this.#load.stop()
  }

  /** The chain runs for so long before the test goes on: a fault has its moment. */
  runOn(ms: number): Promise<void> {
    return delay(ms)
  }

  /** Resolves when events pass through the agents. */
  async atWork(...names: readonly Name[]): Promise<void> {
    for (const agent of this.of(...names))
      await waitFor(
        () => agent.isAtWork(),
        `${this.name}: events pass through ${agent.name}\n${this.lastLines}`,
      )
  }

  /** Events that B's sink has delivered so far. */
  delivered(): Promise<number> {
    return this.b.count('SINK.k', 'EventDrainSuccessCount')
  }

  /** Events in both channels. */
  async held(): Promise<number> {
    const held = await Promise.all(this.agents.map(agent => agent.count('CHANNEL.c', 'ChannelSize')))
    return held[0]! + held[1]!
  }

  /** Resolves when so many events are in the channels. */
  async holds(events: number): Promise<void> {
    let held = 0
    const isFull = async () => (held = await this.held()) >= events
    await waitFor(isFull, `${this.name}: the channels hold ${events} events`).catch((error: unknown) => {
      throw new Error(`${held} held, ${[...this.sent]} sent\n${this.lastLines}`, { cause: error })
    })
  }

  /** Resolves when so many more events than now have been delivered. */
  async flows(events = 300): Promise<void> {
    const before = await this.delivered()
    await waitFor(
      async () => (await this.delivered()) >= before + events,
      `${this.name}: ${events} more events are delivered\n${this.lastLines}`,
    )
  }

  #positions(): Promise<Map<number, number>> {
    return positionsOf(this.#bootstrap(), this.name, this.from)
  }

  /** The sum of the group's positions. */
  async committed(): Promise<number> {
    return [...(await this.#positions()).values()].reduce((sum, one) => sum + one, 0)
  }

  /**
   * Kills the agents, one that is not at work too. Gives how many events may come again: what A had read, which is
   * looked at just before, and the group has not committed, and the window of each.
   */
  async kill(...names: readonly Name[]): Promise<{ read: number; mostRepeats: number }> {
    const isA = names.includes('A')
    const received = isA ? count(await this.a.metrics(), 'SOURCE.s', 'EventReceivedCount') : 0
    await Promise.all(this.of(...names).map(agent => agent.kill()))
    const read = isA ? Math.max(0, this.#base + received - (await this.committed())) : 0
    return { read, mostRepeats: read + names.length * windowEvents }
  }

  /**
   * Ends the load. Gives what has arrived of it; what the load itself wrote twice is no repeat. `first`: the first
   * number expected, by partition.
   */
  async arrivals(
    t: TestContext,
    { limitMs, first }: { limitMs?: number; first?: ReadonlyMap<number, number> } = {},
  ): Promise<Arrival> {
    const sent = await this.stopLoad()
    const given = { limitMs: limitMs ?? hangMs, ...(first === undefined ? {} : { first }) }
    const arrived = await readArrivals(this.#bootstrap(), this.to, sent, given)
    const written = await readArrivals(this.#bootstrap(), this.from, sent, { extraMs: 0 })
    const repeats = Math.max(0, arrived.repeats - written.repeats)
    t.diagnostic(
      `${this.name}: ${arrived.events} events, ${repeats} repeats, ${written.repeats} of the load's own`,
    )
    return { ...arrived, repeats }
  }

  /** Everything arrives, in order, repeated at most so often, and both agents are green. Gives the repeats. */
  async assertComplete(
    t: TestContext,
    mostRepeats: number,
    first?: ReadonlyMap<number, number>,
  ): Promise<number> {
    const arrived = await this.arrivals(t, first === undefined ? {} : { first })
    const repeats = assertComplete(arrived, { mostRepeats, logs: [this.lastLines] })
    await this.assertWell()
    return repeats
  }

  async assertWell(): Promise<void> {
    for (const agent of this.agents)
      await waitFor(async () => (await agent.problem()) === null, `health is green\n${this.lastLines}`)
  }

  /** The end of what each process printed. */
  get lastLines(): string {
    return this.agents.map(({ lastLines }) => lastLines).join('\n----\n')
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#load?.stop().catch(() => {})
    for (const one of [this.a, this.b, this.hop]) await one[Symbol.asyncDispose]()
  }
}
