// What breaks exactly-once delivery between agents: events that name no record reach a sink that writes each record once,
// and sinks that take over from each other lead to sinks that do not share what they have written.
import type { AgentJoin } from './agent-join.ts'
import type { FlowAgent, FlowSink, FlowSource } from './flow-agent.ts'
import { keyOf, nameOf, partOf, placeOf, type Finding, type SetAgent } from './set-agent.ts'

/** A sink that writes topics, at the end of a way. */
interface End {
  readonly agent: FlowAgent
  readonly sink: FlowSink
  /** Under which it keeps what it has written; null: it writes at least once. */
  readonly once: string | null
}

export function findOnceProblems(agents: readonly SetAgent[], join: AgentJoin): Finding[] {
  const ownerOf = (agent: FlowAgent) => agents.find(({ flow }) => flow === agent)!
  return agents.flatMap(owner => {
    const { sources, sinks } = owner.flow
    const bare = sources.filter(hasNoOrigins).flatMap((source): Finding[] => {
      const far = endsOf(join, owner.flow, source).find(
        ({ agent, once }) => agent !== owner.flow && once !== null,
      )
      if (far === undefined) return []
      const part = partOf(owner, 'source', source.name)
      return [
        {
          rule: 'exactly-once',
          severity: 'warning',
          place: placeOf(part, 'originHeader', 'type'),
          problem: `${nameOf(partOf(ownerOf(far.agent), 'sink', far.sink.name))} writes each record once, and events of ${nameOf(part)} do not name the record they come from`,
          fix: `write ${keyOf(part, 'originHeader')} = true`,
        },
      ]
    })
    const apart = [...Map.groupBy(sinks, ({ channel }) => channel).values()].flatMap((some): Finding[] => {
      const ways = some
        .map(sink => ({ sink, ends: behind(join, sink, new Set()) }))
        .filter(({ ends }) => ends.length > 0)
      const all = ways.flatMap(({ ends }) => ends)
      const [first] = all
      const other = all.find(({ once }) => once !== first!.once)
      if (ways.length < 2 || first === undefined || other === undefined) return []
      const part = partOf(ownerOf(other.agent), 'sink', other.sink.name)
      return [
        {
          rule: 'exactly-once',
          severity: 'error',
          place: placeOf(part, 'flow', 'deliveryGuarantee', 'type'),
          problem: `sinks ${some.map(({ name }) => name).join(' and ')} of ${owner.label} take over from each other, and ${nameOf(partOf(ownerOf(first.agent), 'sink', first.sink.name))} and ${nameOf(part)} behind them do not share what they have written (${wordsOf(first)}, ${wordsOf(other)})`,
          fix: 'let both deliver exactly once and write the same flow, or neither',
        },
      ]
    })
    return [...bare, ...apart]
  })
}

const wordsOf = ({ once }: End): string => (once === null ? 'at least once' : `flow ${once}`)

const hasNoOrigins = ({ flows }: FlowSource): boolean =>
  flows.some(one => one.does === 'read-topics' && one.hasOrigins !== true && one.flumeFormat !== true)

const endsOf = (join: AgentJoin, agent: FlowAgent, source: FlowSource): End[] =>
  agent.sinks
    .filter(({ channel }) => source.channels.includes(channel))
    .flatMap(sink => [...ownEnds(agent, sink), ...behind(join, sink, new Set([source]))])

const ownEnds = (agent: FlowAgent, sink: FlowSink): End[] =>
  sink.flows.flatMap(one =>
    one.does !== 'write-topic' || one.isDeadLetter === true
      ? []
      : [
          {
            agent,
            sink,
            once: one.onceIn === undefined ? null : (one.onceIn ?? `${agent.name}/${sink.name}`),
          },
        ],
  )

/** Of the agents that the sink sends to, and of those behind them. */
function behind(join: AgentJoin, { flows }: FlowSink, seen: Set<FlowSource>): End[] {
  return flows.flatMap(flow =>
    flow.does !== 'send'
      ? []
      : join.receiversOf(flow).flatMap(({ agent, source }) => {
          if (seen.has(source)) return []
          seen.add(source)
          return agent.sinks
            .filter(({ channel }) => source.channels.includes(channel))
            .flatMap(sink => [...ownEnds(agent, sink), ...behind(join, sink, seen)])
        }),
  )
}
