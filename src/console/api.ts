// The console's HTTP API: every answer's schema, and the types that the server and the browser infer from it.
// Times are milliseconds since 1970, rates events a second; null stands for what is not known.
import { Type, type Static, type TSchema } from 'typebox'

const nullable = <T extends TSchema>(schema: T) => Type.Union([schema, Type.Null()])
const number = Type.Number()
const text = Type.String()

/** good: disc; warn: triangle; bad: square; off: ring. Never shown by colour alone. */
const Level = Type.Union([
  Type.Literal('good'),
  Type.Literal('warn'),
  Type.Literal('bad'),
  Type.Literal('off'),
])
export type Level = Static<typeof Level>

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
  inPerSecond: nullable(number),
  outPerSecond: nullable(number),
  inTotal: nullable(number),
  outTotal: nullable(number),
  fill: nullable(Fill),
  conditions: Type.Array(Condition),
  interceptors: Type.Array(text),
})
export type FlowNode = Static<typeof FlowNode>

const FlowEdge = Type.Object({
  from: text,
  to: text,
  perSecond: nullable(number),
  total: nullable(number),
  /** What the line is between two agents: Avro, Avro over TLS. */
  label: text,
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

const Verdict = Type.Object({
  level: Level,
  /** The one thing to know. */
  sentence: text,
  /** What it means, and what to do. */
  detail: text,
  /** The component it is about. */
  node: nullable(text),
  since: nullable(number),
})
export type Verdict = Static<typeof Verdict>

const Notice = Type.Object({ at: number, level: Level, node: text, text })
export type Notice = Static<typeof Notice>

export const Flow = Type.Object({
  takenAt: number,
  agents: Type.Array(FlowAgent),
  nodes: Type.Array(FlowNode),
  edges: Type.Array(FlowEdge),
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
  /** Seconds between two points of `history`, the last of which is now. */
  stepSeconds: number,
  history: Type.Object({
    inPerSecond: Type.Array(nullable(number)),
    outPerSecond: Type.Array(nullable(number)),
    size: Type.Array(nullable(number)),
  }),
})
export type NodeDetail = Static<typeof NodeDetail>

export const Clusters = Type.Array(Type.Object({ name: text, servers: text }))
export type Clusters = Static<typeof Clusters>

export const Brokers = Type.Object({
  takenAt: number,
  clusterId: nullable(text),
  brokers: Type.Array(
    Type.Object({
      id: number,
      host: text,
      port: number,
      rack: nullable(text),
      isController: Type.Boolean(),
      leaders: number,
      replicas: number,
      bytes: nullable(number),
    }),
  ),
})
export type Brokers = Static<typeof Brokers>

/** CMAK's percentages: whole numbers, rounded down. */
const Percentages = Type.Object({
  spread: number,
  skew: number,
  leaderSkew: number,
  preferred: number,
  underReplicated: number,
})
export type Percentages = Static<typeof Percentages>

const TopicRow = Type.Object({
  name: text,
  isInternal: Type.Boolean(),
  /** Kafka's error where the topic cannot be described. */
  problem: nullable(text),
  partitions: number,
  replicas: number,
  offline: number,
  bytes: nullable(number),
  /** Sum of the offsets that are next to be written. */
  offsets: nullable(number),
  perSecond: nullable(number),
  percentages: Percentages,
  /** As CMAK counts: by replicas in sync instead of those assigned. */
  cmak: Percentages,
})
export type TopicRow = Static<typeof TopicRow>

export const Topics = Type.Object({ takenAt: number, topics: Type.Array(TopicRow) })
export type Topics = Static<typeof Topics>

export const Topic = Type.Object({
  takenAt: number,
  row: TopicRow,
  partitions: Type.Array(
    Type.Object({
      index: number,
      leader: number,
      replicas: Type.Array(number),
      isr: Type.Array(number),
      first: nullable(number),
      next: nullable(number),
      bytes: nullable(number),
    }),
  ),
  /** Null where brokers do not tell them (before Kafka 0.11). */
  settings: nullable(
    Type.Array(Type.Object({ name: text, value: nullable(text), isDefault: Type.Boolean() })),
  ),
  groups: Type.Array(Type.Object({ id: text, lag: nullable(number) })),
})
export type Topic = Static<typeof Topic>

const GroupRow = Type.Object({
  id: text,
  state: text,
  members: nullable(number),
  topics: Type.Array(text),
  /** Null where an end is not known. */
  lag: nullable(number),
  /** Records a second by which the lag grows; negative while it shrinks. */
  lagPerSecond: nullable(number),
  drainsInSeconds: nullable(number),
  problem: nullable(text),
})
export type GroupRow = Static<typeof GroupRow>

export const Groups = Type.Object({ takenAt: number, groups: Type.Array(GroupRow) })
export type Groups = Static<typeof Groups>

export const Group = Type.Object({
  takenAt: number,
  row: GroupRow,
  assignor: text,
  coordinator: text,
  members: Type.Array(
    Type.Object({ id: text, instanceId: nullable(text), clientId: text, host: text, partitions: number }),
  ),
  positions: Type.Array(
    Type.Object({
      topic: text,
      partition: number,
      committed: nullable(number),
      end: nullable(number),
      lag: nullable(number),
      owner: nullable(text),
    }),
  ),
})
export type Group = Static<typeof Group>

const Shown = Type.Object({
  /** null: there is none, which deletes a key in a compacted topic; hex: bytes that are no text. */
  kind: Type.Union([Type.Literal('null'), Type.Literal('text'), Type.Literal('json'), Type.Literal('hex')]),
  text,
  /** Of all of it, also where only its beginning is shown. */
  bytes: number,
  isCut: Type.Boolean(),
})
export type Shown = Static<typeof Shown>

const Message = Type.Object({
  partition: number,
  offset: number,
  timestamp: nullable(number),
  key: Shown,
  value: Shown,
  headers: Type.Array(Type.Object({ key: text, value: Shown })),
})
export type Message = Static<typeof Message>

export const Messages = Type.Object({
  takenAt: number,
  /** Of the topic, or the one that was asked for. */
  partitions: Type.Array(number),
  /** Messages that were looked at, of those that there were to look at. */
  scanned: number,
  all: number,
  bytes: number,
  /** Whether the look came to its end in time. */
  isComplete: Type.Boolean(),
  elapsedMs: number,
  messages: Type.Array(Message),
})
export type Messages = Static<typeof Messages>

/** Of every answer that is not 2xx. */
export const Refusal = Type.Object({ error: text, remedy: text })
export type Refusal = Static<typeof Refusal>
