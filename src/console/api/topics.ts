// Answers about topics.
import { Type, type Static } from 'typebox'
import { nullable, number, text } from './schemas.ts'

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
    Type.Array(Type.Object({ name: text, value: nullable(text), source: text, isSensitive: Type.Boolean() })),
  ),
  groups: Type.Array(Type.Object({ id: text, lag: nullable(number) })),
})
export type Topic = Static<typeof Topic>
