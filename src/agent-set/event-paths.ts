// Where events go, step by step: through a source, its interceptors and its selector into channels, from there through
// sinks into topics or to other agents. Headers are evaluated as far as the configuration determines them.
import type { Flow } from '../component.ts'
import type { AgentJoin, ReadTopics, Receive, Send, Taker, WriteTopic } from './agent-join.ts'
import type { FlowAgent, FlowSink, FlowSource } from './flow-agent.ts'
import { KnownHeaders, type Known } from './known-headers.ts'

/** Events as they come to a source. */
export interface Intake {
  readonly agent: FlowAgent
  readonly source: FlowSource
  /** As the source makes them, before its interceptors. */
  readonly headers: KnownHeaders
  readonly key: string
}

/** Events of one channel's sink on their way out. */
export interface Departure {
  readonly sink: FlowSink
  readonly agent: FlowAgent
  readonly source: FlowSource
  readonly headers: KnownHeaders
  readonly flow: Flow
  /** Whether some events surely go this way. */
  readonly isSure: boolean
  readonly path: readonly string[]
}

/** What of an event is in a record; undefined: whatever others have written. */
export interface WrittenRecord {
  readonly headers: KnownHeaders
  readonly flow: WriteTopic
}

export interface WrittenTo {
  /** Undefined: only the event knows. */
  readonly topic: Known
  /** What of the topic is known where only a part of it is: `logs-*`. */
  readonly shape?: string
  /** What names it: a header, or escapes in kafka.topic; null for the plain setting. */
  readonly namedBy: string | null
}

export const intakeOf = (agent: FlowAgent, source: FlowSource, headers: KnownHeaders): Intake => ({
  agent,
  source,
  headers,
  key: `${agent.label ?? agent.name}.${source.name} ${headers.key}`,
})

/** Events of which nobody knows what they bring. */
export const fromOutside = (agent: FlowAgent, source: FlowSource): Intake =>
  intakeOf(agent, source, new KnownHeaders(undefined))

/** Events of the topic as a Kafka source makes them. */
export function fromTopic(
  { agent, source, flow }: Pick<Taker<ReadTopics>, 'agent' | 'source' | 'flow'>,
  topic: Known,
  record?: WrittenRecord,
): Intake {
  const headers =
    flow.flumeFormat === true
      ? record?.flow.flumeFormat === true
        ? record.headers.copy()
        : new KnownHeaders(undefined)
      : new KnownHeaders(null)
  const setIfAbsent = (name: string, value: Known) => {
    if (headers.of(name) === null) headers.set(name, value)
  }
  setIfAbsent('timestamp', undefined)
  const written = Object.entries(record?.flow.recordHeaders ?? {})
  for (const [eventHeader, recordHeader] of Object.entries(flow.recordHeaders ?? {})) {
    const [from] = written.findLast(([, to]) => to === recordHeader) ?? []
    const unmapped = record?.flow.isExact === true ? undefined : null
    const value = record === undefined ? undefined : from === undefined ? unmapped : record.headers.of(from)
    if (value !== null) headers.set(eventHeader, value)
  }
  if (flow.topicHeader !== null) setIfAbsent(flow.topicHeader, topic)
  setIfAbsent('partition', undefined)
  setIfAbsent('offset', undefined)
  const key = record === undefined ? undefined : record.headers.of('key')
  if (key !== null) headers.set('key', key)
  return intakeOf(agent, source, headers)
}

/** The ways on from a source. */
export function departuresOf({ agent, source, headers: given }: Intake, isMany: boolean): Departure[] {
  const headers = given.after(source.interceptors)
  const of = isMany ? ` of ${agent.label ?? agent.name}` : ''
  const chosen = channelsOf(source, headers)
  return agent.sinks.flatMap(sink => {
    const isSure = chosen.get(sink.channel)
    if (isSure === undefined) return []
    const path = [`source ${source.name}${of}`, `channel ${sink.channel}`, `sink ${sink.name}${of}`]
    return sink.flows.map(flow => ({ sink, agent, source, headers, flow, isSure, path }))
  })
}

/** Channels that take events with these headers, and whether they surely do. */
function channelsOf({ channels, selector }: FlowSource, headers: KnownHeaders): Map<string, boolean> {
  const all = (isSure: boolean) => new Map(channels.map(name => [name, isSure]))
  if (selector === undefined || selector?.does === 'select-all' || selector?.does === 'select-one')
    return all(true)
  if (selector?.does !== 'select-by-header') return all(false)
  const { header, mapping, fallback } = selector
  const value = headers.of(header)
  if (value === null || typeof value === 'string')
    return new Map((mapping.get(value ?? '') ?? fallback).map(name => [name, true]))
  return new Map([...mapping.values(), fallback].flat().map(name => [name, false]))
}

/** The topic that a Kafka sink writes events with these headers to. */
export function topicOf({ topic, topicHeader }: WriteTopic, headers: KnownHeaders): WrittenTo {
  const named = topicHeader === null ? null : headers.of(topicHeader)
  if (named !== null) return { topic: named, namedBy: `header ${topicHeader}` }
  if (topicHeader === null || !topic.includes('%')) return { topic, namedBy: null }
  let isKnown = true
  const shape = topic.replaceAll(/%\{([\w.-]+)\}|%\[\w+\]|%[\w%]/g, (_, header?: string) => {
    const value = header === undefined ? undefined : (headers.of(header) ?? undefined)
    if (header !== undefined && headers.of(header) === null) return ''
    if (typeof value === 'string') return value
    isKnown = false
    return '*'
  })
  return { topic: isKnown ? shape : undefined, shape, namedBy: `kafka.topic = ${topic}` }
}

/** `logs-*`: a name with anything where the star is. */
export function hasShape(topic: string, shape: string): boolean {
  const parts = shape.split('*').map(part => part.replaceAll(/[.+?^${}()|[\]\\]/g, '\\$&'))
  return new RegExp(`^${parts.join('.*')}$`).test(topic)
}

/** Who takes what a departure brings to a topic. */
export function readersOf(
  join: AgentJoin,
  { flow, headers }: { readonly flow: WriteTopic; readonly headers: KnownHeaders },
  { topic, shape }: WrittenTo,
): { intake: Intake; isSure: boolean; flow: ReadTopics; topic: Known }[] {
  return join.readersOf(topic, flow.servers).flatMap(reader => {
    const { topics, pattern } = reader.flow
    if (shape !== undefined && typeof topic !== 'string') {
      if (pattern === undefined && !topics.some(one => hasShape(one, shape))) return []
    }
    const record = { flow, headers }
    return [{ intake: fromTopic(reader, topic, record), isSure: reader.isSure, flow: reader.flow, topic }]
  })
}

export const receiversOf = (
  join: AgentJoin,
  flow: Send,
  headers: KnownHeaders,
): { intake: Intake; isSure: boolean; flow: Receive }[] =>
  join.receiversOf(flow).map(({ agent, source, isSure, flow: receive }) => ({
    intake: intakeOf(agent, source, headers),
    isSure,
    flow: receive,
  }))
