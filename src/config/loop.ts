// The header loop: a Kafka source writes the topic it read from into a header, a Kafka sink sends to the
// topic in that header, and the event goes back to where it came from, for ever. Where the
// configuration alone proves that, this says so. Nothing uncertain is reported.
import { addressesIn, parseAddress, whereOf, withoutBrackets } from '../address.ts'
import type { Flow } from '../component.ts'
import type { Place, Problem } from './problem.ts'

/** One agent's parts as the loop check sees them: what each does, and how they are wired. */
export interface FlowAgent {
  readonly name: string
  readonly sources: readonly FlowSource[]
  readonly sinks: readonly { name: string; channel: string; flows: readonly Flow[] }[]
}

export interface FlowSource {
  readonly name: string
  readonly place: Place
  /** Channels that are sure to get events of this source. */
  readonly channels: readonly string[]
  readonly flows: readonly Flow[]
  /** What each does; null where that is not known. */
  readonly interceptors: readonly (readonly Flow[] | null)[]
}

/** What is known of a header: its value, that it is absent, or nothing. */
type Known = string | null | undefined

class KnownHeaders {
  readonly #values: Map<string, Known>
  /** What holds for headers that are not in the map. */
  readonly #others: null | undefined

  constructor(others: null | undefined, values: ReadonlyMap<string, Known> = new Map()) {
    this.#others = others
    this.#values = new Map(values)
  }

  of(header: string): Known {
    return this.#values.has(header) ? this.#values.get(header) : this.#others
  }

  set(header: string, value: Known): void {
    this.#values.set(header, value)
  }

  /** After the interceptors. */
  after(interceptors: FlowSource['interceptors']): KnownHeaders {
    let headers = new KnownHeaders(this.#others, this.#values)
    for (const flows of interceptors) {
      if (flows === null) headers = new KnownHeaders(undefined)
      for (const flow of flows ?? []) {
        if (flow.does === 'remove-header') headers.set(flow.header, null)
        if (flow.does !== 'set-header') continue
        const before = headers.of(flow.header)
        if (flow.overwrite || before === null) headers.set(flow.header, flow.value ?? undefined)
      }
    }
    return headers
  }
}

interface Trip {
  /** The topic the events came from, or `/pattern/` for each topic it matches. */
  readonly origin: string
  readonly servers: string
  readonly place: Place
  readonly headers: KnownHeaders
  readonly path: readonly string[]
  readonly been: readonly string[]
}

/** A warning for each Kafka source whose events provably return to the topic they came from. */
export function findLoops(agents: readonly FlowAgent[]): Problem[] {
  const problems: Problem[] = []
  for (const agent of agents)
    for (const source of agent.sources)
      for (const flow of source.flows) {
        if (flow.does !== 'read-topics') continue
        const origins = [...flow.topics, ...(flow.pattern === undefined ? [] : [`/${flow.pattern.source}/`])]
        for (const origin of origins) {
          const found = follow(agents, agent, source, {
            origin,
            servers: flow.servers,
            place: source.place,
            headers: headersAtStart(flow.topicHeader, origin, flow.bringsHeaders === true),
            path: [`topic ${origin}`],
            been: [],
          })
          if (found === undefined) continue
          problems.push(found)
          break
        }
      }
  return problems
}

/** The headers of an event as a Kafka source makes it. */
function headersAtStart(topicHeader: string | null, topic: string, bringsHeaders: boolean): KnownHeaders {
  if (bringsHeaders) return new KnownHeaders(undefined)
  const headers = new KnownHeaders(null)
  for (const name of ['timestamp', 'partition', 'offset', 'key']) headers.set(name, undefined)
  if (topicHeader !== null) headers.set(topicHeader, topic)
  return headers
}

/** Follows events of the trip's topic from `source` on, to the first way back. */
function follow(
  agents: readonly FlowAgent[],
  agent: FlowAgent,
  source: FlowSource,
  trip: Trip,
): Problem | undefined {
  const here = `${agent.name}.${source.name}`
  if (trip.been.includes(here)) return undefined
  const headers = trip.headers.after(source.interceptors)
  const been = [...trip.been, here]
  const of = agents.length > 1 ? ` of ${agent.name}` : ''
  for (const sink of agent.sinks) {
    if (!source.channels.includes(sink.channel)) continue
    const path = [
      ...trip.path,
      `source ${source.name}${of}`,
      `channel ${sink.channel}`,
      `sink ${sink.name}${of}`,
    ]
    for (const flow of sink.flows) {
      const found =
        flow.does === 'write-topic'
          ? writeTopic(agents, `${agent.name}.sinks.${sink.name}`, flow, { ...trip, headers, path, been })
          : flow.does === 'send'
            ? send(agents, flow, { ...trip, headers, path, been })
            : undefined
      if (found !== undefined) return found
    }
  }
  return undefined
}

function writeTopic(
  agents: readonly FlowAgent[],
  key: string,
  flow: Extract<Flow, { does: 'write-topic' }>,
  trip: Trip,
): Problem | undefined {
  const named = flow.topicHeader === null ? null : trip.headers.of(flow.topicHeader)
  if (named === undefined) return undefined
  const target = named ?? flow.topic
  const path = [...trip.path, `topic ${target}`]
  if (target === trip.origin && sameServers(flow.servers, trip.servers))
    return {
      severity: 'warning',
      place: trip.place,
      problem: `events return to the topic they came from: ${path.join(' -> ')}${named === null ? '' : ` (the header ${flow.topicHeader} names it, and overrides ${flow.topic})`}`,
      fix:
        named === null ? `give ${key}.kafka.topic another topic` : `write ${key}.allowTopicOverride = false`,
    }
  // On to whoever reads that topic.
  for (const next of agents)
    for (const reader of next.sources)
      for (const read of reader.flows)
        if (
          read.does === 'read-topics' &&
          read.topics.includes(target) &&
          sameServers(flow.servers, read.servers)
        ) {
          const headers = headersAtStart(read.topicHeader, target, read.bringsHeaders === true)
          const found = follow(agents, next, reader, { ...trip, headers, path })
          if (found !== undefined) return found
        }
  return undefined
}

function send(
  agents: readonly FlowAgent[],
  { host, port }: Extract<Flow, { does: 'send' }>,
  trip: Trip,
): Problem | undefined {
  for (const next of agents)
    for (const receiver of next.sources)
      if (
        receiver.flows.some(one => one.does === 'receive' && one.port === port && reaches(host, one.host))
      ) {
        const found = follow(agents, next, receiver, trip)
        if (found !== undefined) return found
      }
  return undefined
}

const wildcards = new Set(['0.0.0.0', '::'])
const loopback = new Set(['localhost', '127.0.0.1', '::1'])

/** One name for what may be written in several ways. */
function normalHost(written: string): string {
  const host = withoutBrackets(written).toLowerCase()
  return host === '' || loopback.has(host) ? 'localhost' : host
}

function reaches(target: string, bound: string): boolean {
  const [to, at] = [normalHost(target), normalHost(bound)]
  return to === at || (to === 'localhost' && wildcards.has(at))
}

/** Whether two bootstrap lists name a broker in common. */
function sameServers(one: string, other: string): boolean {
  const list = (servers: string) =>
    addressesIn(servers).map(text => {
      const address = parseAddress(text)
      return address === null ? text : whereOf({ ...address, host: normalHost(address.host) })
    })
  return list(one).some(server => list(other).includes(server))
}
