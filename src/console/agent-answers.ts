// What agents answer, looked at before it is believed: behind the address of an agent may stand anything.
import {
  either,
  flag,
  listOf,
  mapOf,
  nullable,
  number,
  object,
  optional,
  readJson,
  text,
  tuple,
  whole,
} from '../json-shape.ts'
import type { Peek, TapSample } from '../observe/event-view.ts'
import type { SeenSnapshot } from './flow.ts'

const option = nullable(either(text, number, flag, listOf(text)))
const options = mapOf(object({ value: option, default: option, writtenAt: nullable(text) }))
const part = { name: text, type: text, writtenAt: text, options }
const component = {
  ...part,
  state: text,
  reason: nullable(text),
  startedAt: nullable(number),
  stoppedAt: nullable(number),
  counters: nullable(mapOf(either(number, flag))),
  ownCounters: mapOf(number),
  inPerSecond: nullable(number),
  outPerSecond: nullable(number),
}
const is = (word: string) => (value: unknown) => value === word
const flows = listOf(
  either(
    object({
      does: is('read-topics'),
      servers: text,
      topics: listOf(text),
      pattern: optional(nullable(text)),
    }),
    object({ does: is('write-topic'), servers: text, topic: text, topicHeader: nullable(text) }),
    object({ does: either(is('send'), is('receive')), host: text, port: number }),
  ),
)
const snapshot = object({
  agent: text,
  state: text,
  takenAt: number,
  process: optional(object({ pid: optional(number) })),
  sources: listOf(
    object({
      ...component,
      flows,
      channels: listOf(text),
      selector: object(part),
      interceptors: listOf(object(part)),
    }),
  ),
  channels: listOf(
    object({
      ...component,
      size: nullable(number),
      capacity: nullable(number),
      diskBytes: nullable(number),
      oldestEventAgeMs: nullable(number),
    }),
  ),
  sinks: listOf(object({ ...component, flows, channel: text, group: nullable(text) })),
  sinkGroups: listOf(object({ name: text, sinks: listOf(text), processor: object(part) })),
  // Of agents that have one.
  ledger: optional(
    listOf(
      object({
        origin: nullable(text),
        component: text,
        step: text,
        events: whole,
        repeated: whole,
        ranges: nullable(listOf(tuple(whole, whole))),
        forgottenBelow: whole,
        repeats: nullable(listOf(tuple(whole, whole))),
      }),
    ),
  ),
  conditions: listOf(
    object({ component: text, name: text, problem: text, remedy: text, since: number, isRed: flag }),
  ),
})

const event = { headers: mapOf(text), body: text, isText: flag, bytes: number, isCut: flag }
const peek = object({ at: number, size: number, events: listOf(object({ ...event, isTaken: flag })) })
const sample = object({ at: number, passed: number, events: listOf(object(event)) })

/** The page /peek; null where it is none. */
export const readPeek = (body: string): Peek | null => readJson(body, peek)

/** One sample of /tap; null where it is none. */
export const readSample = (data: string): TapSample | null => readJson(data, sample)

/** The page /snapshot of an agent; null where it is none. */
export const readSnapshot = (body: string): SeenSnapshot | null => readJson(body, snapshot)

/** The page /metrics of a Flume: by component, its attributes as text; null where it is none. */
export const readMetrics = (body: string): Record<string, Record<string, string>> | null =>
  readJson(body, mapOf(mapOf(text)))
