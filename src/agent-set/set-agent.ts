// The agents of a set, each with what was written of it, and what the checks of a set report.
import type { Definition, Surroundings } from '../component.ts'
import type { AgentConfig, ComponentConfig } from '../config/agent-config.ts'
import type { Place, Problem } from '../config/problem.ts'
import type { SinkPart, SourcePart, Topology } from '../topology/topology.ts'
import { flowAgentOf, type FlowAgent } from './flow-agent.ts'

/** Stable names of what is found, for `--format json` and SARIF. */
export const rules = {
  configuration: 'The configuration of one agent has an error, or something in it has no effect.',
  loop: 'Events return to the topic or to the source that they came from.',
  'possible-loop':
    'Events return to where they came from if a header that only each event knows names that topic.',
  'doubled-events': 'Each event arrives several times in one topic.',
  'nobody-listens': 'A sink sends to a port on which no agent of the set listens.',
  'nobody-sends': 'A source listens on a port to which no agent of the set sends.',
  'shared-port': 'Two agents listen on one port.',
  'shared-directory': 'Two agents use one directory or file.',
  'shared-group': 'Two agents read different topics as one consumer group.',
  'batch-too-large': "A sink's batch does not fit into a transaction of the next agent's channel.",
  'protocol-mismatch': 'A sink and the source that it sends to speak different protocols.',
  'compression-mismatch': 'Only one side of a connection compresses.',
  'tls-mismatch': 'Only one side of a connection uses TLS.',
  'weak-acks': 'A Kafka sink releases events of a durable channel before all in-sync replicas have them.',
  'exactly-once': 'Part of a chain breaks exactly-once delivery.',
  broker: 'A cluster does not have, or does not allow, what an agent needs (--live).',
} as const
export type Rule = keyof typeof rules

export interface Finding extends Omit<Problem, 'severity'> {
  readonly rule: Rule
  /** A note changes nothing about the outcome. */
  readonly severity: Problem['severity'] | 'note'
}

export interface SetAgent {
  /** Differs from all others: with its file where several agents have the same name. */
  readonly label: string
  readonly topology: Topology
  readonly config: AgentConfig
  readonly flow: FlowAgent
}

export interface SetMember {
  readonly file: string
  readonly topology: Topology
  readonly config: AgentConfig
}

export function setAgentsOf(
  members: readonly SetMember[],
  isOwnInterceptor: (type: string) => boolean,
): SetAgent[] {
  return members.map(({ file, topology, config }) => {
    const isAlone = members.filter(one => one.topology.agent === topology.agent).length === 1
    const label = isAlone ? topology.agent : `${topology.agent} (${file})`
    return { label, topology, config, flow: { ...flowAgentOf(topology, isOwnInterceptor), label } }
  })
}

/** A component with how it was written. */
export interface SetPart {
  readonly owner: SetAgent
  readonly kind: 'source' | 'channel' | 'sink'
  readonly name: string
  readonly definition: Definition
  readonly options: never
  readonly written: ComponentConfig
}

export function partOf(owner: SetAgent, kind: 'source' | 'channel' | 'sink', name: string): SetPart {
  return partsOf(owner).find(one => one.kind === kind && one.name === name)!
}

export function partsOf(owner: SetAgent): SetPart[] {
  const { topology, config } = owner
  const named = (all: readonly ComponentConfig[], name: string) => all.find(one => one.name === name)!
  const sinks: readonly SinkPart[] = topology.sinkGroups.flatMap(group => group.sinks)
  const sources: readonly SourcePart[] = topology.sources
  return [
    ...topology.channels.map(one => ({ ...one, kind: 'channel' as const, all: config.channels })),
    ...sources.map(one => ({ ...one, kind: 'source' as const, all: config.sources })),
    ...sinks.map(one => ({ ...one, kind: 'sink' as const, all: config.sinks })),
  ].map(({ kind, name, definition, options, all }) => ({
    owner,
    kind,
    name,
    definition,
    options,
    written: named(all, name),
  }))
}

/** `sink k1 of a`. */
export const nameOf = ({ kind, name, owner }: SetPart): string => `${kind} ${name} of ${owner.label}`

/** `a.sinks.k1.port`, as it is written. */
export const keyOf = ({ kind, name, owner }: SetPart, key: string): string =>
  `${owner.topology.agent}.${kind}s.${name}.${key}`

/** Where the first of the keys that is written stands, else where the component's type does. */
export function placeOf({ written }: SetPart, ...keys: readonly string[]): Place {
  const found = keys.flatMap(key => written.settings.get(key) ?? [])[0]
  return (found ?? written.type).place
}

/** What only one component may have, e.g. `port 0.0.0.0:4141`, with the part that claims it. */
export const claimsOf = (
  agents: readonly SetAgent[],
  surroundings: Surroundings,
): { part: SetPart; claim: string }[] =>
  agents.flatMap(partsOf).flatMap(part => {
    const claims = part.definition.claims?.(part.options, surroundings) ?? []
    return claims.map(claim => ({ part, claim }))
  })
