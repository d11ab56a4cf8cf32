// Answers about messages.
import { Type, type Static } from 'typebox'
import { nullable, number, text } from './schemas.ts'

const Shown = Type.Object({
  /** null: there is none, which deletes a key in a compacted topic; hex: bytes that are no text; avro: JSON made of Avro. */
  kind: Type.Union([
    Type.Literal('null'),
    Type.Literal('text'),
    Type.Literal('json'),
    Type.Literal('avro'),
    Type.Literal('hex'),
  ]),
  /** In a few words: Avro, Flume event. */
  format: text,
  text,
  /** Of all of it, also where only its beginning is shown. */
  bytes: number,
  isCut: Type.Boolean(),
  /** Why it is not read as it might be. */
  problem: nullable(text),
})
export type Shown = Static<typeof Shown>

export const Message = Type.Object({
  partition: number,
  offset: number,
  timestamp: nullable(number),
  key: Shown,
  value: Shown,
  /** The first of them; all with one message alone. */
  headers: Type.Array(Type.Object({ key: text, value: Shown })),
  headerCount: number,
})
export type Message = Static<typeof Message>

export const Messages = Type.Object({
  takenAt: number,
  /** Of the topic, or those that were asked for. */
  partitions: Type.Array(number),
  /** Messages that were looked at, of those that there were to look at. */
  scanned: number,
  all: number,
  bytes: number,
  /** Whether the look came to its end in time. */
  isComplete: Type.Boolean(),
  elapsedMs: number,
  messages: Type.Array(Message),
  /** `before` of the page with older messages, and `after` of the one with newer ones; null where there is none. */
  older: nullable(text),
  newer: nullable(text),
})
export type Messages = Static<typeof Messages>

/** What a stream of messages sends beside them, several times a second. */
export const SearchProgress = Type.Object({ scanned: number, all: number, bytes: number, elapsedMs: number })
export type SearchProgress = Static<typeof SearchProgress>

export const SearchEnd = Type.Object({
  ...SearchProgress.properties,
  found: number,
  /** end: all was looked at. */
  why: Type.Union([
    Type.Literal('end'),
    Type.Literal('found'),
    Type.Literal('time'),
    Type.Literal('records'),
    Type.Literal('gone'),
  ]),
  /** What goes on from there: `before=…` or `after=…`. */
  rest: nullable(text),
})
export type SearchEnd = Static<typeof SearchEnd>

export const TailBatch = Type.Object({
  messages: Type.Array(Message),
  /** Since the tail began: what came, what of it was asked for, and what of that was left out because it was too much. */
  seen: number,
  matched: number,
  dropped: number,
  /** `after` of a tail that goes on from here. */
  after: text,
})
export type TailBatch = Static<typeof TailBatch>
