// How agents are joined: which sources read what a sink writes to Kafka, and which take what a sink sends. Hosts and
// bootstrap lists may be written in several ways.
import { addressesIn, parseAddress, whereOf, withoutBrackets } from '../address.ts'
import type { Flow } from '../component.ts'
import type { FlowAgent, FlowSource } from './flow-agent.ts'
import { AnyTopic, isSame, type Known } from './known-headers.ts'

export type ReadTopics = Extract<Flow, { does: 'read-topics' }>
export type WriteTopic = Extract<Flow, { does: 'write-topic' }>
export type Send = Extract<Flow, { does: 'send' }>
export type Receive = Extract<Flow, { does: 'receive' }>

/** A source, with the flow by which it takes events. */
export interface Taker<F extends Flow> {
  readonly agent: FlowAgent
  readonly source: FlowSource
  readonly flow: F
  /** Whether it surely takes them; else it may. */
  readonly isSure: boolean
}

export class AgentJoin {
  readonly agents: readonly FlowAgent[]
  readonly #isWhole: boolean
  readonly #readers: readonly Taker<ReadTopics>[]
  readonly #receivers: readonly Taker<Receive>[]
  readonly #clusters = new Clusters()

  /** `isWhole`: there are no other agents, so that the only one that listens on a port is who is meant by it. */
  constructor(agents: readonly FlowAgent[], isWhole: boolean) {
    this.agents = agents
    this.#isWhole = isWhole
    const takers = <K extends Flow['does']>(does: K) =>
      agents.flatMap(agent =>
        agent.sources.flatMap(source =>
          source.flows
            .filter((flow): flow is Extract<Flow, { does: K }> => flow.does === does)
            .map(flow => ({ agent, source, flow, isSure: true })),
        ),
      )
    this.#readers = takers('read-topics')
    this.#receivers = takers('receive')
    const flows = agents.flatMap(({ sources, sinks }) => [...sources, ...sinks].flatMap(one => one.flows))
    for (const flow of flows) if ('servers' in flow) this.#clusters.add(flow.servers)
  }

  get readers(): readonly Taker<ReadTopics>[] {
    return this.#readers
  }

  get receivers(): readonly Taker<Receive>[] {
    return this.#receivers
  }

  /** A name for the cluster that the bootstrap list leads to; equal where lists have a broker in common. */
  clusterOf(servers: string): string {
    return this.#clusters.of(servers)
  }

  /** Who reads the topic; `topic` undefined: one that only the event knows. */
  readersOf(topic: Known, servers: string): Taker<ReadTopics>[] {
    const cluster = this.clusterOf(servers)
    return this.#readers.flatMap(reader => {
      if (this.clusterOf(reader.flow.servers) !== cluster) return []
      const { topics, pattern } = reader.flow
      if (typeof topic === 'string')
        return topics.includes(topic) || (pattern !== undefined && fits(topic, pattern)) ? [reader] : []
      if (topic === undefined || topic === null) return [{ ...reader, isSure: false }]
      if (pattern !== undefined && isSame(topic, new AnyTopic(pattern))) return [reader]
      const mayFit = pattern !== undefined || topics.some(one => fits(one, topic.pattern))
      return mayFit ? [{ ...reader, isSure: false }] : []
    })
  }

  /** Sources that take events of others than the agents of the set. */
  entries(): { agent: FlowAgent; source: FlowSource }[] {
    const sends = this.agents.flatMap(({ sinks }) => sinks.flatMap(({ flows }) => flows))
    const fed = new Set(
      sends.flatMap(flow => (flow.does === 'send' ? this.receiversOf(flow).map(({ source }) => source) : [])),
    )
    return this.agents.flatMap(agent =>
      agent.sources
        .filter(source => !fed.has(source) && !source.flows.some(({ does }) => does === 'read-topics'))
        .map(source => ({ agent, source })),
    )
  }

  receiversOf({ host, port }: Send): Taker<Receive>[] {
    const at = (wanted: Reach) =>
      this.#receivers.filter(({ flow }) => flow.port === port && reachOf(host, flow.host) === wanted)
    const sure = at('yes')
    if (sure.length > 0) return sure
    const others = at('maybe')
    const isSure = this.#isWhole && others.length === 1
    return others.map(one => ({ ...one, isSure }))
  }
}

/** Whether the pattern matches the whole name. */
export const fits = (name: string, pattern: RegExp): boolean =>
  new RegExp(`^(?:${pattern.source})$`, pattern.flags.replaceAll(/[gmy]/g, '')).test(name)

const wildcards = new Set(['0.0.0.0', '::'])
const loopback = new Set(['localhost', '127.0.0.1', '::1'])

/** One name for what may be written in several ways. */
export function normalHost(written: string): string {
  const host = withoutBrackets(written).toLowerCase()
  return host === '' || loopback.has(host) ? 'localhost' : host
}

export const isWildcard = (host: string): boolean => wildcards.has(withoutBrackets(host))

type Reach = 'yes' | 'maybe' | 'no'

const isAddress = (host: string): boolean =>
  host === 'localhost' || host.includes(':') || /^\d+(\.\d+){3}$/.test(host)

/** Whether who connects to `target` finds who listens on `bound`, the port apart. */
function reachOf(target: string, bound: string): Reach {
  const [to, at] = [normalHost(target), normalHost(bound)]
  if (to === at) return 'yes'
  if (wildcards.has(at)) return to === 'localhost' ? 'yes' : 'maybe'
  // Who listens on the loopback alone is found by its names alone.
  return at === 'localhost' || (isAddress(to) && isAddress(at)) ? 'no' : 'maybe'
}

/** Servers that stand in one list belong to one cluster. */
class Clusters {
  readonly #of = new Map<string, Set<string>>()

  add(list: string): void {
    const servers = serversIn(list)
    const merged = new Set(servers.flatMap(server => [server, ...(this.#of.get(server) ?? [])]))
    for (const server of merged) this.#of.set(server, merged)
  }

  of(list: string): string {
    const [first = ''] = serversIn(list)
    return [...(this.#of.get(first) ?? [first])].sort()[0]!
  }
}

const serversIn = (list: string): string[] =>
  addressesIn(list).map(text => {
    const address = parseAddress(text)
    return address === null ? text : whereOf({ ...address, host: normalHost(address.host) })
  })
