// Reads a topic without a group, forwards from a place, or backwards from the end in blocks, and gives what was asked for,
// with how far it came. It ends at the ends that the partitions had when it began, when the reader has gone, or when its
// budget is spent, and it can go on from there.
import type { ConsumedRecord } from '../../kafka-client/contract.ts'
import { Fault } from '../../errors.ts'
import { nameOf } from '../../kafka-client/contract.ts'
import type { Admin } from '../../kafka-client/kafka-client.ts'
import type { ClientSystem } from '../../kafka-client/connection/connection.ts'
import { PartitionReader } from '../../kafka-client/consumer/partition-reader.ts'
import { consumerDefaults, type ConnectionSettings } from '../../kafka-client/settings.ts'
import { looseConditions } from '../../observe/conditions.ts'
import { silentLogger, type Logger } from '../../observe/log.ts'
import type { Session } from '../access/session.ts'
import { withDeadline } from './deadline.ts'
import { holds, type Offsets, type Question } from './question.ts'

/** What a scan reads through. */
export interface Source {
  readonly admin: Admin
  readonly settings: ConnectionSettings
  readonly system: ClientSystem
  /** Hears what the reader has to say of what it cannot read; nobody does where absent. */
  readonly log?: Logger
}

/** Where nothing comes, the ends are looked for so often: what is left may be markers of transactions, or gaps. */
const idleMs = 100
/** Brokers that give nothing for so long have nothing. */
const patienceMs = 10_000
const fewRecords = 500
/** Backwards, so many offsets are read at a time, over all partitions; more from block to block. */
const firstBlock = 1000
const largestBlock = 50_000

export interface Budget {
  readonly ms: number
  readonly records: number
}

export interface Progress {
  /** Offsets passed, of those that there were to pass. */
  readonly scanned: number
  readonly all: number
  readonly bytes: number
  readonly elapsedMs: number
}

/** Why a scan ended: `end`: it came to its end. */
export type Why = 'end' | 'time' | 'records' | 'gone'

export interface Range {
  readonly partition: number
  /** Read are [from, to). */
  from: number
  to: number
}

export interface Extent {
  /** First and next offset of each partition that is looked at. */
  readonly partitions: readonly {
    readonly partition: number
    readonly first: number
    readonly next: number
  }[]
  /** What of each is looked at. */
  readonly ranges: readonly Readonly<Range>[]
}

/** Null where there is no such topic, or one of the partitions is not there. Rejects with what Admin rejects with. */
export async function extentOf(question: Question, { admin }: Source): Promise<Extent | null> {
  const { topic, partitions: wanted, from, before, after } = question
  const known = await admin.offsets.of(topic)
  const partitions = known.filter(({ partition }) => wanted.length === 0 || wanted.includes(partition))
  if (partitions.length === 0 || wanted.some(one => !known.some(({ partition }) => partition === one)))
    return null
  const isTime = typeof from === 'object' && 'time' in from
  const times = isTime
    ? await admin.offsets.at(
        partitions.map(({ partition }) => ({ topic, partition })),
        from.time,
      )
    : null
  const ranges = partitions.map(({ partition, first, next }): Range => {
    const to = before === null ? next : Math.min(next, before.get(partition) ?? first)
    // -1: no message is so young.
    const found = times?.get(nameOf({ topic, partition })) ?? -1
    const place =
      times !== null
        ? found < 0
          ? next
          : found
        : typeof from === 'object' && 'offset' in from
          ? from.offset
          : first
    const begin = after === null ? place : (after.get(partition) ?? next)
    return { partition, from: Math.min(to, Math.max(first, begin)), to: Math.max(first, to) }
  })
  return { partitions, ranges }
}

/** The records of the ranges, as they come, each partition in its order, until all is read or the signal is aborted. */
export async function* readRanges(
  {
    topic,
    ranges,
    signal,
    pollRecords = fewRecords,
    silenceMs = patienceMs,
  }: {
    topic: string
    ranges: readonly Readonly<Range>[]
    signal: AbortSignal
    /** Most records that are given at once. */
    pollRecords?: number
    /** Brokers that give nothing for so long end it with PEER_TIMEOUT. */
    silenceMs?: number
  },
  source: Source,
): AsyncGenerator<ConsumedRecord[]> {
  const { clock } = source.system
  const left = new Map(ranges.filter(({ from, to }) => from < to).map(({ partition, to }) => [partition, to]))
  if (left.size === 0) return
  const reader = readerOf(source)
  try {
    reader.add(
      ranges
        .filter(({ partition }) => left.has(partition))
        .map(({ partition, from }) => ({ topic, partition, offset: from })),
    )
    let heardAt = clock.monotonic()
    while (left.size > 0 && !signal.aborted) {
      const records = await withDeadline(clock, idleMs, signal, over =>
        reader.poll({ maxRecords: pollRecords, signal: over }),
      )
      if (records.length > 0) heardAt = clock.monotonic()
      const inside: ConsumedRecord[] = []
      for (const record of records) {
        const to = left.get(record.partition)
        // What was written since the look began is not part of it.
        if (to !== undefined && record.offset < to) inside.push(record)
        if (to !== undefined && record.offset + 1 >= to) left.delete(record.partition)
      }
      if (inside.length > 0) yield inside
      for (const [partition, to] of left)
        if (reader.position({ topic, partition }) >= to) left.delete(partition)
      if (clock.monotonic() - heardAt > silenceMs)
        throw new Fault(
          'PEER_TIMEOUT',
          `topic ${topic} gave nothing for ${silenceMs / 1000} s, and is not read to its end`,
        )
      // Whoever waits in this process goes first.
      await new Promise<void>(resolve => clock.soon(resolve))
    }
  } finally {
    reader.close()
  }
}

export interface ScanParts<T> {
  readonly source: Source
  readonly session: Session
  readonly budget: Budget
  readonly gone: AbortSignal
  /** What is kept of a message that is asked for: its bytes belong to a larger answer of a broker. */
  readonly make: (record: ConsumedRecord) => T
}

export class Scan<T> {
  readonly #question: Question
  readonly #parts: ScanParts<T>
  readonly #begun: number
  readonly #over = new AbortController()
  /** Forwards: where each partition goes on. Backwards: below what. */
  readonly #places: Map<number, number>
  readonly #ranges: readonly Readonly<Range>[]
  readonly isBackwards: boolean
  #scanned = 0
  #records = 0
  #bytes = 0
  why: Why = 'end'

  constructor(question: Question, { ranges }: Extent, parts: ScanParts<T>) {
    this.#question = question
    this.#parts = parts
    this.#ranges = ranges
    this.isBackwards = isBackwards(question)
    this.#places = new Map(ranges.map(({ partition, from, to }) => [partition, this.isBackwards ? to : from]))
    this.#begun = parts.source.system.clock.monotonic()
  }

  get progress(): Progress {
    return {
      scanned: this.#scanned,
      all: this.#ranges.reduce((sum, { from, to }) => sum + to - from, 0),
      bytes: this.#bytes,
      elapsedMs: Math.round(this.#parts.source.system.clock.monotonic() - this.#begun),
    }
  }

  /** Where it can go on: `before` of a scan backwards, `after` of one forwards; null where there is nothing more. */
  get rest(): Offsets | null {
    const isMore = this.#ranges.some(({ partition, from, to }) =>
      this.isBackwards ? this.#places.get(partition)! > from : this.#places.get(partition)! < to,
    )
    return isMore ? new Map(this.#places) : null
  }

  /**
   * What is asked for, masked, some at a time: forwards as it comes, each partition in its order; backwards block by block,
   * the newest of each first. A batch may be empty: it is the time to look at `progress`.
   */
  async *batches(): AsyncGenerator<T[]> {
    const { budget, gone, source } = this.#parts
    const stop = () => this.#over.abort()
    if (gone.aborted) stop()
    gone.addEventListener('abort', stop)
    const timer = source.system.clock.after(budget.ms, stop, { background: true })
    try {
      if (this.isBackwards) yield* this.#backwards()
      else yield* this.#forwards()
    } finally {
      timer.cancel()
      gone.removeEventListener('abort', stop)
    }
  }

  async *#forwards(): AsyncGenerator<T[]> {
    for await (const batch of this.#read(this.#ranges)) {
      for (const { partition, offset } of batch) this.#pass(partition, offset + 1)
      yield this.#matching(batch).map(this.#parts.make)
      if (this.#isSpent()) return
    }
    if (this.why === 'end') for (const { partition, to } of this.#ranges) this.#pass(partition, to)
  }

  async *#backwards(): AsyncGenerator<T[]> {
    for (let block = firstBlock; ; block = Math.min(largestBlock, block * 2)) {
      const open = this.#ranges.filter(({ partition, from }) => this.#places.get(partition)! > from)
      if (open.length === 0) return
      const each = Math.max(20, Math.floor(block / open.length))
      const ranges = open.map(({ partition, from }) => {
        const to = this.#places.get(partition)!
        return { partition, from: Math.max(from, to - each), to }
      })
      const found: { at: number; offset: number; made: T }[] = []
      const before = this.#scanned
      for await (const batch of this.#read(ranges)) {
        this.#scanned += batch.length
        for (const record of this.#matching(batch))
          found.push({ at: record.timestamp, offset: record.offset, made: this.#parts.make(record) })
        yield []
      }
      this.#scanned = before
      // A block that was not read to its end is read again by whoever goes on.
      if (this.why !== 'end') return
      for (const { partition, from, to } of ranges) {
        this.#places.set(partition, from)
        this.#scanned += to - from
      }
      yield found.sort((one, other) => other.at - one.at || other.offset - one.offset).map(({ made }) => made)
      if (this.#isSpent()) return
    }
  }

  #pass(partition: number, next: number): void {
    const before = this.#places.get(partition)!
    if (next <= before) return
    this.#places.set(partition, next)
    this.#scanned += next - before
  }

  #matching(batch: readonly ConsumedRecord[]): ConsumedRecord[] {
    const { session } = this.#parts
    const { topic } = this.#question
    // What is masked is not found either.
    return batch.map(record => session.mask(topic, record)).filter(record => holds(record, this.#question))
  }

  #isSpent(): boolean {
    if (this.#records < this.#parts.budget.records || this.rest === null) return false
    this.why = 'records'
    return true
  }

  /** Ends early, with `why`, when the time is over or the reader has gone. */
  async *#read(ranges: readonly Readonly<Range>[]): AsyncGenerator<ConsumedRecord[]> {
    const { source, gone } = this.#parts
    const { topic } = this.#question
    for await (const batch of readRanges({ topic, ranges, signal: this.#over.signal }, source)) {
      if (this.#over.signal.aborted) break
      this.#records += batch.length
      for (const { key, value } of batch) this.#bytes += (key?.length ?? 0) + (value?.length ?? 0)
      yield batch
    }
    if (this.#over.signal.aborted) this.why = gone.aborted ? 'gone' : 'time'
  }
}

/** Newest first: without a place to begin at, or below a page that has been seen. */
export const isBackwards = ({ from, before, after }: Question): boolean =>
  after === null && (from === 'newest' || before !== null)

/** Reads partitions from where they are added; to be closed. */
export const readerOf = ({ system, settings, log = silentLogger }: Source): PartitionReader =>
  new PartitionReader({
    system,
    log,
    condition: looseConditions(system.clock, log),
    settings: { ...consumerDefaults, ...settings },
  })
