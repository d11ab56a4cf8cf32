// The header loop: a Kafka source writes the topic it read from into a header, a Kafka sink sends to the
// topic in that header, and the event goes back to where it came from, for ever. Where the
// configuration alone proves that, this says so. Nothing uncertain is reported.
import type { Flow } from '../component.ts'
import type { Place, Problem } from './problem.ts'

/** One agent's parts as the loop check sees them: what each does, and how they are wired. */
export interface FlowAgent {
  readonly name: string
  readonly sources: readonly {
    name: string
    place: Place
    channels: readonly string[]
    flows: readonly Flow[]
    interceptors: readonly (readonly Flow[])[]
  }[]
  readonly sinks: readonly { name: string; channel: string; flows: readonly Flow[] }[]
}

/** What is known of a header while an event travels: its value, that it is absent, or nothing. */
type Known = string | null | undefined

interface Trip {
  readonly topic: string
  readonly servers: string
  readonly place: Place
  readonly headers: ReadonlyMap<string, Known>
  readonly path: readonly string[]
}

/** A warning for each Kafka source whose events provably return to it. */
export function findLoops(agents: readonly FlowAgent[]): Problem[] {
  const problems: Problem[] = []
  for (const agent of agents)
    for (const source of agent.sources)
      for (const flow of source.flows) {
        if (flow.does !== 'read-topics') continue
        for (const topic of flow.topics) {
          const headers = new Map<string, Known>()
          if (flow.topicHeader !== null) headers.set(flow.topicHeader, topic)
          const start: Trip = {
            topic,
            servers: flow.servers,
            place: source.place,
            headers,
            path: [`topic ${topic}`],
          }
          const found = follow(agents, agent, source, start, [])
          if (found !== undefined) {
            problems.push(found)
            break
          }
        }
      }
  return problems
}

function follow(
  agents: readonly FlowAgent[],
  agent: FlowAgent,
  source: FlowAgent['sources'][number],
  trip: Trip,
  been: readonly string[],
): Problem | undefined {
  const here = `${agent.name}.${source.name}`
  if (been.includes(here)) return undefined
  const headers = new Map(trip.headers)
  for (const flow of source.interceptors.flat()) {
    if (flow.does === 'remove-header') headers.set(flow.header, null)
    if (flow.does === 'set-header' && (flow.overwrite || (headers.get(flow.header) ?? null) === null))
      headers.set(flow.header, flow.value ?? undefined)
  }
  for (const sink of agent.sinks) {
    if (!source.channels.includes(sink.channel)) continue
    const path = [
      ...trip.path,
      `source ${source.name}`,
      `channel ${sink.channel}`,
      `sink ${sink.name}${agents.length > 1 ? ` of ${agent.name}` : ''}`,
    ]
    for (const flow of sink.flows) {
      if (flow.does === 'write-topic') {
        const named =
          flow.topicHeader === null
            ? null
            : headers.has(flow.topicHeader)
              ? headers.get(flow.topicHeader)
              : null
        if (named === undefined) continue
        const target = named ?? flow.topic
        if (target !== trip.topic || !sameServers(flow.servers, trip.servers)) continue
        const byHeader = named !== null
        return {
          severity: 'warning',
          place: trip.place,
          problem: `events return to the topic they came from: ${[...path, `topic ${target}`].join(' -> ')}${byHeader ? ` (the header ${flow.topicHeader} names it, and overrides ${flow.topic})` : ''}`,
          fix: byHeader
            ? `write ${agent.name}.sinks.${sink.name}.allowTopicOverride = false`
            : `give ${agent.name}.sinks.${sink.name}.kafka.topic another topic`,
        }
      }
      if (flow.does !== 'send') continue
      for (const next of agents)
        for (const receiver of next.sources)
          if (
            receiver.flows.some(
              one => one.does === 'receive' && one.port === flow.port && reaches(flow.host, one.host),
            )
          ) {
            const found = follow(agents, next, receiver, { ...trip, headers, path }, [...been, here])
            if (found !== undefined) return found
          }
    }
  }
  return undefined
}

const wildcards = new Set(['0.0.0.0', '::', '[::]'])
const loopback = new Set(['localhost', '127.0.0.1', '::1'])

function reaches(target: string, bound: string): boolean {
  return target === bound || (loopback.has(target) && (loopback.has(bound) || wildcards.has(bound)))
}

/** Whether two bootstrap lists name a broker in common. */
function sameServers(one: string, other: string): boolean {
  const list = (servers: string) =>
    servers.split(',').map(server =>
      server
        .trim()
        .toLowerCase()
        .replace(/^(127\.0\.0\.1|::1):/, 'localhost:'),
    )
  return list(one).some(server => list(other).includes(server))
}
