// Events that arrive in one topic more than once without any fault, because two ways lead there: two channels of a
// replicating selector, two consumer groups. Only ways that are sure count.
import { isTopicName } from '../wire/kafka/topic-name.ts'
import { AgentJoin, type ReadTopics, type Taker } from './agent-join.ts'
import {
  departuresOf,
  fromOutside,
  fromTopic,
  receiversOf,
  topicOf,
  type Departure,
  type Intake,
} from './event-paths.ts'
import type { WrittenRecord } from './event-paths.ts'
import { AnyTopic, type Known } from './known-headers.ts'
import type { Finding } from './set-agent.ts'

/** By cluster and topic: the ways by which one event comes there. */
type Arrivals = ReadonlyMap<string, { readonly topic: string; readonly ways: readonly Departure[] }>

/** For sets without loops. */
export function findDoubledEvents(join: AgentJoin): Finding[] {
  const ways = new Ways(join)
  const found = new Map<string, Finding>()
  const look = (from: string, arrivals: Arrivals): void => {
    for (const [key, { topic, ways: all }] of arrivals) {
      const last = all.at(-1)
      if (all.length < 2 || last === undefined) continue
      const sinks = [
        ...new Set(all.map(({ sink, agent }) => `sink ${sink.name} of ${agent.label ?? agent.name}`)),
      ]
      if (!found.has(key))
        found.set(key, {
          rule: 'doubled-events',
          severity: 'warning',
          place: last.sink.place,
          problem: `each event ${from} arrives ${all.length} times in topic ${topic}, written by ${sinks.join(' and ')}`,
          fix: 'let one way lead there, or give one of them another topic',
        })
      // What follows from it is no further fault.
      return
    }
  }
  for (const { flow } of join.readers) {
    const any = flow.pattern === undefined ? [] : [new AnyTopic(flow.pattern)]
    for (const topic of [...flow.topics, ...any])
      look(`of topic ${topic}`, ways.fromTopic(topic, flow.servers))
  }
  for (const { agent, source } of join.entries())
    look(`of source ${source.name} of ${agent.label ?? agent.name}`, ways.from(fromOutside(agent, source)))
  return [...found.values()]
}

class Ways {
  readonly #join: AgentJoin
  readonly #known = new Map<string, Arrivals>()

  constructor(join: AgentJoin) {
    this.#join = join
  }

  /** Every group reads everything; of the members of one group one does. */
  fromTopic(topic: Known, servers: string, record?: WrittenRecord): Arrivals {
    const readers = this.#join.readersOf(topic, servers).filter(({ isSure }) => isSure)
    const groupOf = ({ flow, agent, source }: Taker<ReadTopics>) =>
      flow.group ?? `${agent.name} ${source.name}`
    return all(
      [...Map.groupBy(readers, groupOf).values()].map(members =>
        oneOf(members.map(member => this.from(fromTopic(member, topic, record)))),
      ),
    )
  }

  /** Every channel takes an event, and one of its sinks delivers it. */
  from(intake: Intake): Arrivals {
    const known = this.#known.get(intake.key)
    if (known !== undefined) return known
    // A way that returns here without being sure of it ends.
    this.#known.set(intake.key, new Map())
    const departures = departuresOf(intake, true).filter(({ isSure }) => isSure)
    const byChannel = [...Map.groupBy(departures, ({ sink }) => sink.channel).values()].map(of =>
      oneOf(
        [...Map.groupBy(of, ({ sink }) => sink.name).values()].map(flows =>
          all(flows.map(one => this.#through(one))),
        ),
      ),
    )
    const merge = intake.source.selector?.does === 'select-one' ? oneOf : all
    const arrivals = merge(byChannel)
    this.#known.set(intake.key, arrivals)
    return arrivals
  }

  #through(departure: Departure): Arrivals {
    const { flow, headers } = departure
    if (flow.does === 'send') {
      const takers = receiversOf(this.#join, flow, headers).filter(({ isSure }) => isSure)
      return oneOf(takers.map(({ intake }) => this.from(intake)))
    }
    if (flow.does !== 'write-topic' || flow.isDeadLetter === true) return new Map()
    const { topic } = topicOf(flow, headers)
    if (topic === undefined || topic === null || (typeof topic === 'string' && !isTopicName(topic)))
      return new Map()
    const here = { topic: String(topic), ways: [departure] }
    const key = `${this.#join.clusterOf(flow.servers)} ${topic}`
    return all([new Map([[key, here]]), this.fromTopic(topic, flow.servers, { flow, headers })])
  }
}

function all(parts: readonly Arrivals[]): Arrivals {
  const sum = new Map<string, { topic: string; ways: readonly Departure[] }>()
  for (const part of parts)
    for (const [key, { topic, ways }] of part)
      sum.set(key, { topic, ways: [...(sum.get(key)?.ways ?? []), ...ways].slice(0, mostWays) })
  return sum
}

function oneOf(parts: readonly Arrivals[]): Arrivals {
  const most = new Map<string, { topic: string; ways: readonly Departure[] }>()
  for (const part of parts)
    for (const [key, arrival] of part)
      if ((most.get(key)?.ways.length ?? 0) < arrival.ways.length) most.set(key, arrival)
  return most
}

/** Ways multiply where they meet again and again. */
const mostWays = 50
