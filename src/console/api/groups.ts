// Answers about consumer groups.
import { Type, type Static } from 'typebox'
import { nullable, number, text } from './schemas.ts'

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

export const Groups = Type.Object({
  takenAt: number,
  groups: Type.Array(GroupRow),
  /** Brokers whose groups are missing, in sentences. */
  problems: Type.Array(text),
})
export type Groups = Static<typeof Groups>

export const Group = Type.Object({
  takenAt: number,
  row: GroupRow,
  assignor: text,
  coordinator: text,
  members: Type.Array(
    Type.Object({
      id: text,
      instanceId: nullable(text),
      clientId: text,
      host: text,
      assigned: Type.Array(Type.Object({ topic: text, partitions: Type.Array(number) })),
    }),
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
  /** The lag of the last hour, the oldest first. */
  history: Type.Object({ stepSeconds: number, lag: Type.Array(nullable(number)) }),
})
export type Group = Static<typeof Group>
