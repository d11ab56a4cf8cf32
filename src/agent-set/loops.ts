// Loops, over any number of agents: events that come back to the topic, or to the Avro source, they came from, for ever.
// The usual one: a Kafka source writes the topic it read from into a header, and a Kafka sink sends to the topic in that
// header. What the configuration alone proves is told apart from what depends on headers that only each event knows.
import type { Problem } from '../config/problem.ts'
import { isTopicName } from '../wire/kafka/topic-name.ts'
import type { AgentJoin, WriteTopic } from './agent-join.ts'
import {
  departuresOf,
  fromOutside,
  fromTopic,
  hasShape,
  readersOf,
  receiversOf,
  topicOf,
  type Departure,
  type Intake,
  type WrittenTo,
} from './event-paths.ts'
import { AnyTopic, isSame, type Known } from './known-headers.ts'

export interface Loops {
  /** Some events surely return. A warning each. */
  readonly proven: readonly Problem[]
  /** Events return if their headers say so. A warning each. */
  readonly possible: readonly Problem[]
}

interface Origin {
  /** Null for events that enter otherwise. */
  readonly topic: Known
  readonly cluster: string
  readonly intake: Intake
}

/** A set of agents may have more ways through it than anybody would follow. */
const mostSteps = 100_000

export function findLoops(join: AgentJoin): Loops {
  const proven = new Search(join, true).run()
  return { proven, possible: proven.length > 0 ? [] : new Search(join, false).run() }
}

class Search {
  readonly #join: AgentJoin
  readonly #onlySure: boolean
  readonly #origins = new Map<string, Origin>()
  readonly #found = new Map<string, Problem>()
  #steps = 0
  #origin!: Origin
  #seen = new Set<string>()

  constructor(join: AgentJoin, onlySure: boolean) {
    this.#join = join
    this.#onlySure = onlySure
  }

  run(): Problem[] {
    for (const reader of this.#join.readers) {
      const { flow } = reader
      const any = flow.pattern === undefined ? [] : [new AnyTopic(flow.pattern)]
      for (const topic of [...flow.topics, ...any])
        if (this.#onlySure || this.#isEntry(topic, flow.servers))
          this.#add(topic, flow.servers, fromTopic(reader, topic))
    }
    for (const agent of this.#join.agents)
      for (const source of agent.sources)
        if (!source.flows.some(({ does }) => does === 'read-topics'))
          this.#add(null, '', fromOutside(agent, source))
    // Grows meanwhile: by what arrives in topics with what is known of it.
    for (const origin of this.#origins.values()) {
      this.#origin = origin
      this.#seen = new Set()
      const start = origin.topic === null ? [] : [`topic ${origin.topic}`]
      this.#follow(origin.intake, start, new Map())
    }
    return [...this.#found.values()]
  }

  /** Whether events come into the topic from outside alone. */
  #isEntry(topic: Known, servers: string): boolean {
    const cluster = this.#join.clusterOf(servers)
    const writes = this.#join.agents
      .flatMap(({ sinks }) => sinks.flatMap(({ flows }) => flows))
      .filter((flow): flow is WriteTopic => flow.does === 'write-topic')
    return !writes.some(
      flow =>
        flow.topic === topic && flow.topicHeader === null && this.#join.clusterOf(flow.servers) === cluster,
    )
  }

  #add(topic: Known, servers: string, intake: Intake): void {
    const cluster = this.#join.clusterOf(servers)
    const key = `${cluster} ${topic} ${intake.key}`
    if (!this.#origins.has(key)) this.#origins.set(key, { topic, cluster, intake })
  }

  /** `above`: intakes that this one follows from, and how long the path was there; topics begin it again. */
  #follow(intake: Intake, path: readonly string[], above: ReadonlyMap<string, number>): void {
    const begun = above.get(intake.key)
    if (begun !== undefined) return this.#report(intake, path.slice(begun), null)
    if (this.#seen.has(intake.key) || ++this.#steps > mostSteps) return
    this.#seen.add(intake.key)
    const here = new Map(above).set(intake.key, path.length)
    for (const departure of departuresOf(intake, this.#join.agents.length > 1)) {
      if (this.#onlySure && !departure.isSure) continue
      const { flow } = departure
      const on = [...path, ...departure.path]
      if (flow.does === 'write-topic') this.#write({ ...departure, flow }, on)
      if (flow.does === 'send')
        for (const { intake: next, isSure } of receiversOf(this.#join, flow, departure.headers))
          if (isSure || !this.#onlySure) this.#follow(next, on, here)
    }
  }

  #write(departure: Departure & { readonly flow: WriteTopic }, path: readonly string[]): void {
    const { flow } = departure
    const written = topicOf(flow, departure.headers)
    if (this.#onlySure && (written.topic === undefined || flow.isDeadLetter === true)) return
    // A name that grows with each round ends where Kafka allows no longer one.
    if (typeof written.topic === 'string' && !isTopicName(written.topic)) return
    const cluster = this.#join.clusterOf(flow.servers)
    const { topic: origin } = this.#origin
    if (origin !== null && cluster === this.#origin.cluster && this.#returns(written)) {
      const target = written.topic ?? origin
      return this.#report(this.#origin.intake, [...path, `topic ${target}`], { ...departure, written })
    }
    for (const { intake, isSure, topic } of readersOf(this.#join, departure, written)) {
      if (this.#onlySure && !isSure) continue
      this.#add(topic, flow.servers, intake)
      const target = topic === undefined ? 'a topic that a header names' : `topic ${topic}`
      this.#follow(intake, [...path, target], new Map())
    }
  }

  #returns({ topic, shape }: WrittenTo): boolean {
    const { topic: origin } = this.#origin
    if (topic !== undefined) return isSame(topic, origin)
    return shape === undefined || typeof origin !== 'string' || hasShape(origin, shape)
  }

  #report(
    { agent, source }: Intake,
    path: readonly string[],
    end: (Departure & { readonly flow: WriteTopic; readonly written: WrittenTo }) | null,
  ): void {
    const way = path.join(' -> ')
    const place = source.place
    const problem =
      end === null ? this.#ofSource(agent.label ?? agent.name, source.name, way) : this.#ofTopic(end, way)
    // The same loop is found from each of its topics.
    const key = [...new Set(path)].sort().join()
    if (!this.#found.has(key)) this.#found.set(key, { severity: 'warning', place, ...problem })
  }

  #ofSource(agent: string, source: string, way: string): Pick<Problem, 'problem' | 'fix'> {
    const may = this.#onlySure ? 'return' : 'may return'
    return {
      problem: `events ${may} to the source they came from: ${way} -> source ${source} of ${agent}`,
      fix: 'send to another host or port at one of these sinks',
    }
  }

  #ofTopic(
    {
      agent,
      sink,
      flow,
      written,
    }: { agent: { name: string }; sink: { name: string }; flow: WriteTopic; written: WrittenTo },
    way: string,
  ): Pick<Problem, 'problem' | 'fix'> {
    const key = `${agent.name}.sinks.${sink.name}`
    const { namedBy, topic } = written
    if (!this.#onlySure) {
      const why =
        flow.isDeadLetter === true
          ? `${key} sets aside there what it cannot deliver`
          : topic === undefined
            ? `the ${namedBy} of ${key} depends on each event`
            : 'some step of the way depends on each event'
      return {
        problem: `events may return to the topic they came from: ${way} (${why})`,
        fix:
          flow.isDeadLetter === true
            ? 'let nobody read the topic that sends events back to the same sink'
            : `write ${key}.allowTopicOverride = false, or set the header by a static interceptor`,
      }
    }
    const overrides = namedBy?.startsWith('header') === true
    const why =
      namedBy === null ? '' : ` (the ${namedBy} names it${overrides ? `, and overrides ${flow.topic}` : ''})`
    return {
      problem: `events return to the topic they came from: ${way}${why}`,
      fix: overrides ? `write ${key}.allowTopicOverride = false` : `give ${key}.kafka.topic another topic`,
    }
  }
}
