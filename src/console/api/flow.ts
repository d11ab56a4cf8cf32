// Answers about the flow through agents.
import { Type, type Static } from 'typebox'
import { Level, nullable, number, text } from './schemas.ts'

/** What has begun or ended; `node`: a component, or an agent's address. */
const Notice = Type.Object({ at: number, level: Level, node: text, text })
export type Notice = Static<typeof Notice>

const Condition = Type.Object({
  name: text,
  problem: text,
  remedy: text,
  since: number,
  isRed: Type.Boolean(),
})
export type Condition = Static<typeof Condition>

const Fill = Type.Object({
  size: number,
  capacity: nullable(number),
  diskBytes: nullable(number),
  oldestEventAgeMs: nullable(number),
  /** Events a second that it gains; negative while it drains. */
  net: nullable(number),
  /** Seconds until it is full, or empty, at this rate. */
  fullInSeconds: nullable(number),
  emptyInSeconds: nullable(number),
})
export type Fill = Static<typeof Fill>

/** Of the groups in which agents read a topic. */
const Lag = Type.Object({
  groups: Type.Array(text),
  cluster: text,
  /** Messages that are not read yet. */
  messages: number,
  /** By which it grows in a second; negative while it shrinks. */
  perSecond: nullable(number),
  drainsInSeconds: nullable(number),
  /** By more than what is under way at any time. */
  isGrowing: Type.Boolean(),
})
export type Lag = Static<typeof Lag>

const FlowNode = Type.Object({
  id: text,
  /** `outside`: what is no component of an agent: a file, a port, a program. */
  kind: Type.Union([
    Type.Literal('source'),
    Type.Literal('channel'),
    Type.Literal('sink'),
    Type.Literal('topic'),
    Type.Literal('outside'),
  ]),
  /** Address of the agent; null for topics and what is outside. */
  agent: nullable(text),
  name: text,
  type: text,
  level: Level,
  /** A word or two: running, filling, not running. */
  state: text,
  /** Since when, where the level is not good; null where that is not known. */
  since: nullable(number),
  inPerSecond: nullable(number),
  outPerSecond: nullable(number),
  inTotal: nullable(number),
  outTotal: nullable(number),
  fill: nullable(Fill),
  conditions: Type.Array(Condition),
  interceptors: Type.Array(text),
  /** Of a topic that is read, where its cluster is known to the console. */
  lag: nullable(Lag),
})
export type FlowNode = Static<typeof FlowNode>

const FlowEdge = Type.Object({
  from: text,
  to: text,
  perSecond: nullable(number),
  total: nullable(number),
  /** What the line is between two agents: Avro, Avro over TLS. */
  label: text,
  /** Whether events cannot go this way: what is before it waits. */
  isStuck: Type.Boolean(),
})
export type FlowEdge = Static<typeof FlowEdge>

const FlowAgent = Type.Object({
  /** Of its monitoring page: host:port. */
  address: text,
  /** The address until the agent has answered once. */
  name: text,
  kind: Type.Union([Type.Literal('millrace'), Type.Literal('flume'), Type.Literal('unknown')]),
  state: text,
  level: Level,
  /** Why it is not seen; null while it answers. */
  problem: nullable(text),
  /** When it last answered. */
  seenAt: nullable(number),
})
export type FlowAgent = Static<typeof FlowAgent>

/** The whole flow in figures. */
const Totals = Type.Object({
  /** Where events begin and end: not between agents. */
  inPerSecond: nullable(number),
  outPerSecond: nullable(number),
  /** Events in channels, those of agents that are away as they were last seen, and messages in topics not read yet. */
  inChannels: number,
  inTopics: nullable(number),
  oldestEventAgeMs: nullable(number),
})

const Verdict = Type.Object({
  level: Level,
  /** The one thing to know. */
  sentence: text,
  /** What it means, and what to do. */
  detail: text,
  /** The component it is about. */
  node: nullable(text),
  since: nullable(number),
  /** Events that wait up to this component, in channels and topics. */
  waiting: nullable(number),
  /** The error that is the cause; null where there is none. */
  error: nullable(text),
})
export type Verdict = Static<typeof Verdict>

export const Flow = Type.Object({
  takenAt: number,
  agents: Type.Array(FlowAgent),
  nodes: Type.Array(FlowNode),
  edges: Type.Array(FlowEdge),
  totals: Totals,
  verdict: Verdict,
  /** What has begun and ended lately, the newest first. */
  notices: Type.Array(Notice),
})
export type Flow = Static<typeof Flow>

export const NodeDetail = Type.Object({
  writtenAt: text,
  startedAt: nullable(number),
  options: Type.Array(
    Type.Object({
      key: text,
      value: text,
      default: text,
      writtenAt: nullable(text),
    }),
  ),
  counters: Type.Array(Type.Object({ name: text, value: text })),
  /** Conditions of this component that have begun and ended since the console was started; the newest 20, newest first. */
  notices: Type.Array(Notice),
  /** Seconds between two points of `history`, the last of which is now. */
  stepSeconds: number,
  history: Type.Object({
    inPerSecond: Type.Array(nullable(number)),
    outPerSecond: Type.Array(nullable(number)),
    size: Type.Array(nullable(number)),
  }),
})
export type NodeDetail = Static<typeof NodeDetail>

const ShownEvent = {
  headers: Type.Record(text, text),
  /** Text; hexadecimal where the bytes are no UTF-8. */
  body: text,
  isText: Type.Boolean(),
  /** Of the whole body. */
  bytes: number,
  isCut: Type.Boolean(),
}

export const Peek = Type.Object({
  at: number,
  /** Events in the channel. */
  size: number,
  /** `isTaken`: a sink tries to deliver it at the moment. */
  events: Type.Array(Type.Object({ ...ShownEvent, isTaken: Type.Boolean() })),
})
export type Peek = Static<typeof Peek>

/** What the stream of a tap sends: events that have passed since the sample before, and some of them. */
export const TapSample = Type.Object({
  at: number,
  passed: number,
  events: Type.Array(Type.Object(ShownEvent)),
})
export type TapSample = Static<typeof TapSample>
