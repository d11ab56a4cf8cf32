// Answers about messages.
import { Type, type Static } from 'typebox'
import { nullable, number, text } from './schemas.ts'

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
