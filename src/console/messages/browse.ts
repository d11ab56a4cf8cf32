// A page of messages, and the places of the pages before and behind it. Partitions are merged by time without leaving a
// message out or showing one twice, whatever times producers have set: each partition keeps its own order, and the page
// ends where the next message of a partition is not known.
import type { ConsumedRecord } from '../../kafka-client/contract.ts'
import type { Session } from '../access/session.ts'
import type { Message, Messages } from '../api.ts'
import { withDeadline } from './deadline.ts'
import { offsetsText, type Offsets, type Question } from './question.ts'
import { extentOf, isBackwards, readRanges, Scan, type Extent, type Range, type Source } from './scan.ts'
import { shownOf } from './shown.ts'

/** A look ends after so long, wherever it is. */
const budgetMs = 5000
/** So many messages are looked through for a text. */
const budgetRecords = 200_000
/** Of a row; an open message shows more. */
const rowChars = 1000
const rowHeaders = 20

export interface BrowseParts {
  readonly source: Source
  readonly session: Session
  readonly limit: number
  readonly gone: AbortSignal
}

/** Null where there is no such topic or partition. Rejects with what Admin and PartitionReader reject with. */
export async function browse(question: Question, parts: BrowseParts): Promise<Messages | null> {
  const { clock } = parts.source.system
  const begun = clock.monotonic()
  const extent = await extentOf(question, parts.source)
  if (extent === null) return null
  const isSearch = question.find !== '' || question.until !== null
  const found = isSearch
    ? await searched(question, extent, parts)
    : await withDeadline(clock, budgetMs, parts.gone, gone => paged(question, extent, { ...parts, gone }))
  return {
    takenAt: clock.now(),
    partitions: extent.partitions.map(({ partition }) => partition),
    all: extent.ranges.reduce((sum, { from, to }) => sum + to - from, 0),
    elapsedMs: Math.round(clock.monotonic() - begun),
    ...found,
  }
}

type Found = Pick<Messages, 'messages' | 'older' | 'newer' | 'isComplete' | 'scanned' | 'bytes'>

async function searched(question: Question, extent: Extent, parts: BrowseParts): Promise<Found> {
  const { source, session, limit, gone } = parts
  const budget = { ms: budgetMs, records: budgetRecords }
  const scan = new Scan(question, extent, { source, session, gone, budget, make: rowOf })
  const messages: Message[] = []
  for await (const batch of scan.batches()) {
    messages.push(...batch)
    if (messages.length >= limit) break
  }
  const { scanned, bytes } = scan.progress
  const rest = scan.rest === null ? null : offsetsText(scan.rest)
  return {
    messages: messages.slice(0, limit),
    older: scan.isBackwards ? rest : null,
    newer: scan.isBackwards ? null : rest,
    isComplete: scan.why === 'end' && rest === null,
    scanned,
    bytes,
  }
}

interface Lane {
  readonly partition: number
  readonly rows: Message[]
  /** Read up to here (backwards: down to here), also where a gap is. */
  at: number
  readonly end: number
}

async function paged(question: Question, extent: Extent, parts: BrowseParts): Promise<Found> {
  const { source, limit, gone } = parts
  const { topic } = question
  const down = isBackwards(question)
  const lanes = extent.ranges.map(({ partition, from, to }): Lane => ({
    partition,
    rows: [],
    at: down ? to : from,
    end: down ? from : to,
  }))
  const places = new Map(lanes.map(({ partition, at }) => [partition, at]))
  const messages: Message[] = []
  let [scanned, bytes, isComplete] = [0, 0, true]
  while (messages.length < limit && isComplete) {
    // Only those of which nothing is at hand, so that the merge can go on.
    const ranges = lanes
      .filter(lane => lane.rows.length === 0 && lane.at !== lane.end)
      .map((lane): Range => {
        const { partition, at, end } = lane
        return down
          ? { partition, from: Math.max(end, at - limit), to: at }
          : { partition, from: at, to: Math.min(end, at + limit) }
      })
    const read = new Map<number, Message[]>(ranges.map(({ partition }) => [partition, []]))
    for await (const batch of readRanges({ topic, ranges, signal: gone }, source))
      for (const record of batch) {
        read.get(record.partition)!.push(rowOf(parts.session.mask(topic, record)))
        scanned++
        bytes += (record.key?.length ?? 0) + (record.value?.length ?? 0)
      }
    if (gone.aborted) isComplete = false
    else
      for (const { partition, from, to } of ranges) {
        const lane = lanes.find(one => one.partition === partition)!
        lane.at = down ? from : to
        const rows = read.get(partition)!
        lane.rows.push(...(down ? rows.toReversed() : rows))
        if (rows.length === 0) places.set(partition, lane.at)
      }
    if (!mergeInto(messages, { lanes, limit, down, places })) break
  }
  const first = new Map(extent.partitions.map(one => [one.partition, one.first]))
  const next = new Map(extent.partitions.map(one => [one.partition, one.next]))
  const begins = new Map(extent.ranges.map(({ partition, from, to }) => [partition, down ? to : from]))
  const [low, high]: [Offsets, Offsets] = down ? [places, begins] : [begins, places]
  const isBelow = [...low].some(([partition, offset]) => offset > first.get(partition)!)
  const isAbove = [...high].some(([partition, offset]) => offset < next.get(partition)!)
  return {
    messages,
    older: isBelow ? offsetsText(low) : null,
    newer: isAbove ? offsetsText(high) : null,
    isComplete,
    scanned,
    bytes,
  }
}

interface Merge {
  readonly lanes: readonly Lane[]
  readonly limit: number
  readonly down: boolean
  readonly places: Map<number, number>
}

/** Takes the head of the earliest time (backwards the latest) again and again. False where nothing is left at all. */
function mergeInto(messages: Message[], { lanes, limit, down, places }: Merge): boolean {
  while (messages.length < limit) {
    // What a partition has next decides: while that is not known, nothing can be taken.
    if (lanes.some(lane => lane.rows.length === 0 && lane.at !== lane.end)) return true
    const heads = lanes.filter(({ rows }) => rows.length > 0)
    if (heads.length === 0) return false
    const sign = down ? -1 : 1
    const lane = heads.reduce((best, one) =>
      sign * ((one.rows[0]!.timestamp ?? 0) - (best.rows[0]!.timestamp ?? 0)) < 0 ? one : best,
    )
    const row = lane.rows.shift()!
    messages.push(row)
    // Behind the last one that is at hand, what was read without finding anything counts as passed.
    places.set(lane.partition, lane.rows.length === 0 ? lane.at : down ? row.offset : row.offset + 1)
  }
  return true
}

/** What a row shows of a message. */
export const rowOf = (record: ConsumedRecord): Message => messageOf(record, rowChars, rowHeaders)

export function messageOf(record: ConsumedRecord, mostChars: number, mostHeaders: number): Message {
  const { partition, offset, timestamp, key, value, headers } = record
  const show = (bytes: Buffer | null) => shownOf(bytes, { as: 'auto', mostChars })
  return {
    partition,
    offset,
    timestamp: timestamp < 0 ? null : timestamp,
    key: show(key),
    value: show(value),
    headers: headers
      .slice(0, mostHeaders)
      .map(one => ({ key: one.key.slice(0, mostChars), value: show(one.value) })),
    headerCount: headers.length,
  }
}
