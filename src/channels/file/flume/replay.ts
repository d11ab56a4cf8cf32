// Replay: which events of Flume's logs are undelivered, by where they stand; no body is kept. Puts and takes
// count once the commit of their transaction is read. The order of the result is that in which the puts were
// committed, as Flume's own replay has it: commits of one log in the order in which they stand there, and the
// logs merged by their next record's write order id. That id is given out before a record is written, so a
// log is not sorted by it; such a merge is the same as sorting by the highest id read so far in the log.
//
// From the logs alone (`checkpoint` null) this is exact where there is one data directory: takes lie in the
// log of their puts or a later one, and Flume deletes logs from the front only. From a checkpoint, what it
// holds is inside, and only commits with a higher write order id count.
import { GrowingNumbers } from './growing-numbers.ts'
import type { FlumeCheckpoint } from './checkpoint.ts'
import type { LogReader, Unreadable } from './log-reader.ts'
import { recordKinds, type FlumeRecord } from './record.ts'

/** A log that takes part, in the order of their ids. */
export interface ReplayedLog {
  readonly id: number
  readonly directory: string
  readonly path: string
}

/** The undelivered events, in order: in which log (index) and where. */
export interface Survivors {
  readonly logs: Uint32Array
  readonly positions: Uint32Array
}

/** What one log said. */
interface LogState {
  readonly log: ReplayedLog
  /** Ascending. */
  readonly puts: GrowingNumbers<Uint32Array>
  /** The transaction of each, an index. */
  readonly transactions: GrowingNumbers<Uint32Array>
}

/** A transaction whose end is not read yet. */
interface OpenTransaction {
  readonly index: number
  readonly takes: { file: number; at: number }[]
  events: number
  isDoubtful: boolean
}

const states = { open: 0, rolledBack: 1, committedBefore: 2, committed: 3 } as const

export class Replay {
  readonly #checkpoint: FlumeCheckpoint | null
  readonly #states: LogState[] = []
  /** By id of the log; also of logs that are gone. */
  readonly #taken = new Map<number, GrowingNumbers<Uint32Array>>()
  /** By directory, since a transaction stays in one, then by its id. */
  readonly #open = new Map<string, Map<number, OpenTransaction>>()
  /** Of each transaction, by index: a state, and where its commit (while there is none: its begin) comes. */
  readonly #ends = GrowingNumbers.uint32()
  readonly #orders = GrowingNumbers.float64()
  readonly #ranks = GrowingNumbers.uint32()
  #rank = 0

  constructor(checkpoint: FlumeCheckpoint | null) {
    this.#checkpoint = checkpoint
  }

  /** Reads one log; the lowest id first. */
  async read(log: ReplayedLog, reader: LogReader, tell: (unreadable: Unreadable) => void): Promise<void> {
    const state = { log, puts: GrowingNumbers.uint32(), transactions: GrowingNumbers.uint32() }
    this.#states.push(state)
    let open = this.#open.get(log.directory)
    if (open === undefined) this.#open.set(log.directory, (open = new Map()))
    let highest = 0
    for (let found = await reader.next(); found !== null; found = await reader.next())
      if ('record' in found) {
        highest = Math.max(highest, found.record.order)
        this.#apply(state, open, found.record, found.position, highest)
      } else {
        tell(found.unreadable)
        // The end of what was open may have stood there: better twice than not at all.
        if (!found.unreadable.isTail) for (const one of open.values()) one.isDoubtful = true
      }
  }

  #apply(
    state: LogState,
    open: Map<number, OpenTransaction>,
    record: FlumeRecord,
    position: number,
    highest: number,
  ): void {
    const { kind, transaction } = record
    let one = open.get(transaction)
    if (kind === recordKinds.put || kind === recordKinds.take) {
      if (one === undefined) {
        one = { index: this.#ends.length, takes: [], events: 0, isDoubtful: false }
        open.set(transaction, one)
        this.#ends.push(states.open)
        this.#orders.push(highest)
        this.#ranks.push(this.#rank++)
      }
      if (kind === recordKinds.take)
        return void one.takes.push({ file: record.takenFile, at: record.takenAt })
      one.events++
      state.puts.push(position)
      state.transactions.push(one.index)
      return
    }
    if (one === undefined) return
    open.delete(transaction)
    if (kind === recordKinds.rollback) return this.#ends.set(one.index, states.rolledBack)
    const isBefore = this.#checkpoint !== null && record.order <= this.#checkpoint.order
    if (record.committed === recordKinds.put) {
      this.#ends.set(one.index, isBefore ? states.committedBefore : states.committed)
      this.#orders.set(one.index, highest)
      this.#ranks.set(one.index, this.#rank++)
      return
    }
    if (isBefore) return
    for (const { file, at } of one.takes) {
      let taken = this.#taken.get(file)
      if (taken === undefined) this.#taken.set(file, (taken = GrowingNumbers.uint32()))
      taken.push(at)
    }
  }

  /**
   * Call when all logs are read. `doubtful` counts events whose commit may have stood in a damaged part, and
   * that are among the survivors; `missing` are pointers of the checkpoint at which no put stands.
   */
  survivors(): { survivors: Survivors; doubtful: number; missing: number } {
    const doubtful = new Set<number>()
    let doubtfulEvents = 0
    for (const open of this.#open.values())
      for (const { index, isDoubtful, events } of open.values())
        if (isDoubtful && events > 0) {
          doubtful.add(index)
          doubtfulEvents += events
        }
    const owners = GrowingNumbers.uint32()
    const logs = GrowingNumbers.uint32()
    const positions = GrowingNumbers.uint32()
    let matched = 0
    this.#states.forEach(({ log, puts, transactions }, logIndex) => {
      const taken = new Cursor(this.#taken.get(log.id)?.values().sort())
      const inside = new Cursor(this.#checkpoint?.inside.get(log.id))
      for (let index = 0; index < puts.length; index++) {
        const position = puts.at(index)
        const isTaken = taken.has(position)
        const isInside = inside.has(position)
        if (isInside) matched++
        const transaction = transactions.at(index)
        const isCommitted = this.#ends.at(transaction) === states.committed || doubtful.has(transaction)
        if (isTaken || !(isInside || isCommitted)) continue
        owners.push(transaction)
        logs.push(logIndex)
        positions.push(position)
      }
    })
    let pointers = 0
    for (const one of this.#checkpoint?.inside.values() ?? []) pointers += one.length
    return {
      survivors: this.#sorted(owners.values(), logs.values(), positions.values()),
      doubtful: doubtfulEvents,
      missing: pointers - matched,
    }
  }

  #sorted(owners: Uint32Array, logs: Uint32Array, positions: Uint32Array): Survivors {
    const orders = this.#orders.values()
    const ranks = this.#ranks.values()
    // Logs and positions ascend already, which is the order inside a transaction.
    const places = new Uint32Array(owners.length).map((_, index) => index)
    places.sort((a, b) => {
      const one = owners[a]!
      const other = owners[b]!
      return orders[one]! - orders[other]! || ranks[one]! - ranks[other]! || a - b
    })
    return { logs: places.map(place => logs[place]!), positions: places.map(place => positions[place]!) }
  }
}

/** Looks for ascending numbers among ascending numbers. */
class Cursor {
  readonly #numbers: Uint32Array
  #at = 0

  constructor(numbers: Uint32Array = new Uint32Array(0)) {
    this.#numbers = numbers
  }

  has(number: number): boolean {
    while (this.#at < this.#numbers.length && this.#numbers[this.#at]! < number) this.#at++
    return this.#numbers[this.#at] === number
  }
}
