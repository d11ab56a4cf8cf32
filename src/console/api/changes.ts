// What changes something in Kafka, and what is shown before: bodies and answers.
import { Type, type Static } from 'typebox'
import { nullable, number, text, topicName } from './schemas.ts'

const count = Type.Integer({ minimum: 0, maximum: Number.MAX_SAFE_INTEGER })
const broker = Type.Integer({ minimum: 0, maximum: 2 ** 31 - 1 })
const validateOnly = Type.Boolean()

/** `done` is false where the change was only tried. */
export const Outcome = Type.Object({ done: Type.Boolean() })
export type Outcome = Static<typeof Outcome>

/** By partition name, or topic: why it was not changed, null where it was. */
export const Outcomes = Type.Object({
  outcomes: Type.Array(Type.Object({ what: text, problem: nullable(text) })),
})
export type Outcomes = Static<typeof Outcomes>

export const NewTopic = Type.Object({
  name: text,
  /** Null: the brokers' default, as for replicas. */
  partitions: nullable(Type.Integer({ minimum: 1, maximum: 100_000 })),
  replicas: nullable(Type.Integer({ minimum: 1, maximum: 1000 })),
  settings: Type.Array(Type.Object({ name: text, value: text })),
  validateOnly,
})
export type NewTopic = Static<typeof NewTopic>

export const MorePartitions = Type.Object({
  count: Type.Integer({ minimum: 1, maximum: 100_000 }),
  validateOnly,
})

/** What cannot be undone is confirmed with its name. */
export const Confirmation = Type.Object({ name: text })

const Setting = Type.Object({
  name: text,
  /** Null where it is secret, or there is none. */
  value: nullable(text),
  /** topic, broker, all brokers, broker's file or default: who has written it. */
  source: text,
  isReadOnly: Type.Boolean(),
  isSensitive: Type.Boolean(),
  /** What holds without the topic's or broker's own value; null where that is not told. */
  inherited: nullable(text),
  kind: text,
  doc: text,
})
export type Setting = Static<typeof Setting>

export const Settings = Type.Object({
  takenAt: number,
  /** Null where brokers do not tell them (before Kafka 0.11). */
  settings: nullable(Type.Array(Setting)),
})
export type Settings = Static<typeof Settings>

export const SettingChanges = Type.Object({
  changes: Type.Array(
    Type.Object({
      name: text,
      /** The value as it was shown: where it is another by now, nothing is changed. */
      before: nullable(text),
      /** Null takes the own value back. */
      after: nullable(text),
    }),
    { minItems: 1, maxItems: 200 },
  ),
  validateOnly,
})
export type SettingChanges = Static<typeof SettingChanges>

/** Null: all brokers, and as many replicas as there are. */
export const PlacementQuestion = Type.Object({
  topics: Type.Array(topicName, { minItems: 1, maxItems: 10_000 }),
  brokers: nullable(Type.Array(broker, { minItems: 1, maxItems: 1000 })),
  replicas: nullable(Type.Integer({ minimum: 1, maximum: 1000 })),
})

export const Placements = Type.Object({
  topics: Type.Array(
    Type.Object({
      topic: text,
      partitions: Type.Array(
        Type.Object({
          index: number,
          /** Brokers as they are, the preferred leader first. */
          before: Type.Array(number),
          after: Type.Array(number),
          /** Of the leader, which every broker that is new here has to copy. */
          bytes: nullable(number),
        }),
      ),
      /** Why there is no plan for it. */
      problem: nullable(text),
    }),
  ),
})
export type Placements = Static<typeof Placements>

const TopicMove = Type.Object({
  topic: topicName,
  index: count,
  before: Type.Array(broker),
  after: Type.Array(broker, { minItems: 1, maxItems: 1000 }),
})
export type TopicMove = Static<typeof TopicMove>

export const TopicMoves = Type.Object({
  partitions: Type.Array(TopicMove, { minItems: 1, maxItems: 100_000 }),
  /** What each broker sends and receives at most for the moves; null: as much as it can. */
  bytesPerSecond: nullable(Type.Integer({ minimum: 1024, maximum: 1_000_000_000_000 })),
})

export const ChosenTopics = Type.Object({ topics: Type.Array(topicName, { minItems: 1, maxItems: 10_000 }) })

export const MovesUnderWay = Type.Object({
  takenAt: number,
  /** The limit that brokers have for moves, whoever has set it; null: none. */
  bytesPerSecond: nullable(number),
  /** Null where brokers do not tell them (before Kafka 2.4). */
  moves: nullable(
    Type.Array(
      Type.Object({
        topic: text,
        partition: number,
        replicas: Type.Array(number),
        adding: Type.Array(number),
        removing: Type.Array(number),
        /** Bytes that the new brokers have, of those that they shall have; null where brokers do not tell sizes. */
        copied: nullable(number),
        bytes: nullable(number),
      }),
    ),
  ),
})
export type MovesUnderWay = Static<typeof MovesUnderWay>

export const Election = Type.Object({ topics: Type.Array(topicName, { minItems: 1, maxItems: 10_000 }) })

export const NewMessage = Type.Object({
  /** Null: by the key, or any without one. */
  partition: nullable(count),
  /** Null: none. */
  key: nullable(text),
  /** Null: a tombstone. */
  value: nullable(text),
  /** How key and value are written. */
  encoding: Type.Union([Type.Literal('text'), Type.Literal('hex'), Type.Literal('base64')]),
  headers: Type.Array(Type.Object({ name: text, value: text }), { maxItems: 1000 }),
  /** So many like it, one after the other; 1 where absent. */
  count: Type.Optional(Type.Integer({ minimum: 1, maximum: 1000 })),
})
export type NewMessage = Static<typeof NewMessage>

/** The last of them, and how many were written. */
export const Written = Type.Object({ partition: number, offset: number, count: number })
export type Written = Static<typeof Written>

/** Records before these offsets are deleted; null: all that there are. */
export const Deletion = Type.Object({
  name: text,
  partitions: Type.Array(Type.Object({ index: count, before: nullable(count) }), { minItems: 1 }),
})

const PlannedPosition = Type.Object({
  topic: text,
  partition: number,
  /** Null where nothing is committed. */
  from: nullable(number),
  /** Null where it stays as it is. */
  to: nullable(number),
  first: nullable(number),
  end: nullable(number),
  note: text,
})
export type PlannedPosition = Static<typeof PlannedPosition>

export const ResetPlan = Type.Object({
  takenAt: number,
  /** Who is in the group, so that nothing can be reset; null: nobody. */
  active: nullable(text),
  positions: Type.Array(PlannedPosition),
})
export type ResetPlan = Static<typeof ResetPlan>

export const Reset = Type.Object({
  positions: Type.Array(
    Type.Object({
      topic: topicName,
      partition: count,
      /** As it was shown: where it is another by now, nothing is committed. */
      from: nullable(count),
      to: count,
    }),
    { minItems: 1, maxItems: 100_000 },
  ),
})
export type Reset = Static<typeof Reset>

export const Forgotten = Type.Object({ topics: Type.Array(topicName, { minItems: 1, maxItems: 10_000 }) })
