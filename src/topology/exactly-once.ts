// What of exactly-once delivery only shows when sinks are seen together with their channels and sources: whether events
// have origins, and whether each flow (what a sink keeps of what it has written) belongs to one channel and its sinks.
import type { Flow } from '../component.ts'
import type { Problem } from '../config/problem.ts'
import type { SinkPart, SourcePart, Topology } from './topology.ts'

interface Writing {
  readonly sink: SinkPart
  /** Null: the sink writes at least once. */
  readonly flow: string | null
}

export function checkExactlyOnce({ agent, sources, sinkGroups }: Topology): Problem[] {
  const problems: Problem[] = []
  for (const source of sources)
    if (source.channels.length > 1 && hasOrigins(source) && choosesAgain(source))
      problems.push({
        severity: 'error',
        place: source.place,
        problem: `events of source ${source.name} name the record they come from and the channel, and its selector chooses another channel for a record that is read again: it would be written twice`,
        fix: `use a selector that chooses by the event (multiplexing, replicating), or give source ${source.name} one channel`,
      })
  const all = sinkGroups.flatMap(({ sinks }) => sinks.map(sink => ({ sink, flow: flowOf(agent, sink) })))
  for (const [channel, writing] of Map.groupBy(all, ({ sink }) => sink.channel)) {
    const first = writing.find(({ flow }) => flow !== null)
    if (first === undefined) continue
    for (const one of writing) if (one.flow !== first.flow) problems.push(apart(agent, channel, first, one))
    for (const source of sources)
      if (source.channels.includes(channel) && hasNoOrigins(source))
        problems.push({
          severity: 'error',
          place: source.place,
          problem: `sink ${first.sink.name} of channel ${channel} writes each record once, and events of source ${source.name} do not name the record they come from`,
          fix: `write ${agent}.sources.${source.name}.originHeader = true`,
          edit: { key: `${agent}.sources.${source.name}.originHeader`, value: 'true' },
        })
  }
  for (const [flow, writing] of Map.groupBy(all, one => one.flow)) {
    const other = writing.find(({ sink }) => sink.channel !== writing[0]!.sink.channel)
    if (flow === null || other === undefined) continue
    problems.push({
      severity: 'error',
      place: other.sink.place,
      problem: `sinks ${writing[0]!.sink.name} and ${other.sink.name} read different channels and keep what they have written under one flow (${flow}): events that one has written would be let go by the other`,
      fix: `give ${agent}.sinks.${other.sink.name}.flow another name`,
    })
  }
  return problems
}

const flowsOf = ({ definition, options }: SinkPart | SourcePart): readonly Flow[] =>
  definition.flow?.(options) ?? []

function flowOf(agent: string, sink: SinkPart): string | null {
  for (const one of flowsOf(sink))
    if (one.does === 'write-topic' && one.onceIn !== undefined) return one.onceIn ?? `${agent}/${sink.name}`
  return null
}

const hasOrigins = (source: SourcePart): boolean =>
  flowsOf(source).some(one => one.does === 'read-topics' && one.hasOrigins === true)

const choosesAgain = ({ selector: { definition, options } }: SourcePart): boolean =>
  definition.flow?.(options).some(one => one.does === 'select-one') === true

const hasNoOrigins = (source: SourcePart): boolean =>
  flowsOf(source).some(
    one => one.does === 'read-topics' && one.hasOrigins !== true && one.flumeFormat !== true,
  )

function apart(agent: string, channel: string, first: Writing, { sink, flow }: Writing): Problem {
  const begin = `sinks ${first.sink.name} and ${sink.name} of channel ${channel} take over from each other`
  return flow === null
    ? {
        severity: 'error',
        place: sink.place,
        problem: `${begin}, and only ${first.sink.name} writes each record once`,
        fix: 'let both deliver exactly once, with the same flow, or neither',
      }
    : {
        severity: 'error',
        place: sink.place,
        problem: `${begin}, and do not share what they have written (flows ${first.flow} and ${flow})`,
        fix: `write ${agent}.sinks.${first.sink.name}.flow and ${agent}.sinks.${sink.name}.flow with the same name`,
      }
}
