// Replay: which events of Flume's logs are undelivered, by where they stand; no body is kept. Puts and takes
// count once the commit of their transaction is read. The order of the result is that in which the puts were
// committed, as Flume's own replay has it: commits of one log in the order in which they stand there, and the
// logs merged by their next record's write order id. That id is given out before a record is written, so a
// log is not sorted by it; such a merge is the same as sorting by the highest id read so far in the log.
//
// From the logs alone (`checkpoint` null) this is exact where there is one data directory: takes lie in the
// log of their puts or a later one, and Flume deletes logs from the front only. From a checkpoint, what it
// holds is inside, and only commits with a higher write order id count.
//
// No checksum covers the ids in a record. What never happens in whole logs is taken for damage of them: a commit
// whose transaction has not begun or is of the other kind, a record of a transaction that has ended, a
// transaction that stays open while its log goes on for long and whose id is far from those that began next to
// it. What then may have been committed counts as committed. An open transaction with an id like the others' is
// a source that waited, for room or for its turn, until Flume was killed: its events were never accepted.
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
  /** Whether its id is far from those of the transactions that began before and after it. */
  isFar: boolean
  /** The record of this log that was its last, counted from the log's begin. */
  last: number
}

/** What one directory's logs have said so far. */
interface DirectoryState {
  readonly open: Map<number, OpenTransaction>
  /** Those that have ended, of late: their indexes. */
  readonly ended: Map<number, number>
  /** The transaction that began last, and its id. */
  latest: { readonly id: number; readonly one: OpenTransaction } | null
  logs: number
}

/** So many are remembered. */
const mostEnded = 1000
/** A transaction that has not ended before so many further records of its log is looked at. */
const longOpen = 200
/**
 * Flume numbers transactions from the time of its start in ms, one by one, when they are made; one that waits for
 * room may write its first record much later.
 */
const usualDistance = 2 ** 20

/** endless: it may have been committed, although no commit of it was read. */
const states = { open: 0, rolledBack: 1, committedBefore: 2, committed: 3, endless: 4 } as const

export class Replay {
  readonly #checkpoint: FlumeCheckpoint | null
  readonly #states: LogState[] = []
  /** By id of the log; also of logs that are gone. */
  readonly #taken = new Map<number, GrowingNumbers<Uint32Array>>()
  /** A transaction stays in one directory. */
  readonly #directories = new Map<string, DirectoryState>()
  /** Of each transaction, by index: a state, and where its commit (while there is none: its begin) comes. */
  readonly #ends = GrowingNumbers.uint32()
  readonly #orders = GrowingNumbers.float64()
  readonly #ranks = GrowingNumbers.uint32()
  #rank = 0

  constructor(checkpoint: FlumeCheckpoint | null) {
    this.#checkpoint = checkpoint
  }

  /** Reads one log; the lowest id first. Tells what is wrong with it. */
  async read(
    log: ReplayedLog,
    reader: LogReader,
    tell: (position: number, message: string) => void,
  ): Promise<void> {
    const state = { log, puts: GrowingNumbers.uint32(), transactions: GrowingNumbers.uint32() }
    this.#states.push(state)
    let directory = this.#directories.get(log.directory)
    if (directory === undefined)
      this.#directories.set(
        log.directory,
        (directory = { open: new Map(), ended: new Map(), latest: null, logs: 0 }),
      )
    const { open } = directory
    directory.logs++
    for (const one of open.values()) one.last = Infinity
    let highest = 0
    let count = 0
    for (let found = await reader.next(); found !== null; found = await reader.next())
      if ('record' in found) {
        const { record, position } = found
        highest = Math.max(highest, record.order)
        const problem = this.#apply(state, directory, record, position, highest, count++)
        if (problem !== null) tell(position, problem)
      } else {
        const { unreadable } = found
        tell(unreadable.from, describe(unreadable))
        // The end of what was open may have stood there: better twice than not at all.
        if (!unreadable.isTail) for (const one of open.values()) one.isDoubtful = true
      }
    for (const one of open.values()) if (one.isFar && one.last + longOpen < count) one.isDoubtful = true
  }

  /** Gives what is wrong with the record, or null. */
  #apply(
    state: LogState,
    directory: DirectoryState,
    record: FlumeRecord,
    position: number,
    highest: number,
    count: number,
  ): string | null {
    const { kind, transaction } = record
    const { open, ended } = directory
    let one = open.get(transaction)
    if (kind === recordKinds.put || kind === recordKinds.take) {
      let problem: string | null = null
      if (one === undefined) {
        const { latest } = directory
        const isFar = latest === null || Math.abs(transaction - latest.id) > usualDistance
        if (!isFar) latest.one.isFar = false
        one = { index: this.#ends.length, takes: [], events: 0, isDoubtful: false, isFar, last: count }
        directory.latest = { id: transaction, one }
        open.set(transaction, one)
        this.#ends.push(states.open)
        this.#orders.push(highest)
        this.#ranks.push(this.#rank++)
        if (this.#hadEnded(directory, transaction))
          problem = `the record at ${position} belongs to a transaction that had ended (${transaction}): one of its ids is damaged`
      }
      one.last = count
      if (kind === recordKinds.take) one.takes.push({ file: record.takenFile, at: record.takenAt })
      else {
        one.events++
        state.puts.push(position)
        state.transactions.push(one.index)
      }
      return problem
    }
    if (one === undefined) {
      // A rollback of nothing is written, too. In the first log what began may have been in one that is deleted.
      if (kind === recordKinds.rollback) return null
      if (!this.#hadEnded(directory, transaction) && directory.logs === 1) return null
      for (const other of open.values()) other.isDoubtful = true
      return `the commit at ${position} ends a transaction that has not begun (${transaction}): one of its ids is damaged`
    }
    if (record.committed !== null && (record.committed === recordKinds.put) !== one.events > 0) {
      for (const other of open.values()) other.isDoubtful = true
      return `the commit at ${position} is of another kind than its transaction (${transaction}): one of its ids is damaged`
    }
    open.delete(transaction)
    ended.set(transaction, one.index)
    if (ended.size > mostEnded) ended.delete(ended.keys().next().value!)
    if (kind === recordKinds.rollback) {
      this.#ends.set(one.index, states.rolledBack)
      return null
    }
    const isBefore = this.#checkpoint !== null && record.order <= this.#checkpoint.order
    if (record.committed === recordKinds.put) {
      this.#ends.set(one.index, isBefore ? states.committedBefore : states.committed)
      this.#orders.set(one.index, highest)
      this.#ranks.set(one.index, this.#rank++)
      return null
    }
    if (isBefore) return null
    for (const { file, at } of one.takes) {
      let taken = this.#taken.get(file)
      if (taken === undefined) this.#taken.set(file, (taken = GrowingNumbers.uint32()))
      taken.push(at)
    }
    return null
  }

  /** Whether the transaction seemed to end; a rollback that was not its end is taken back. */
  #hadEnded({ ended }: DirectoryState, transaction: number): boolean {
    const index = ended.get(transaction)
    if (index === undefined) return false
    if (this.#ends.at(index) === states.rolledBack) this.#ends.set(index, states.endless)
    return true
  }

  /**
   * Call when all logs are read. `doubtful` counts events whose commit may have stood in a damaged part, and
   * that are among the survivors; `missing` are pointers of the checkpoint at which no put stands.
   */
  survivors(): { survivors: Survivors; doubtful: number; missing: number } {
    for (const { open } of this.#directories.values())
      for (const { index, isDoubtful } of open.values()) if (isDoubtful) this.#ends.set(index, states.endless)
    let doubtful = 0
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
        const end = this.#ends.at(transaction)
        const isCommitted = end === states.committed || end === states.endless
        if (isTaken || !(isInside || isCommitted)) continue
        if (end === states.endless && !isInside) doubtful++
        owners.push(transaction)
        logs.push(logIndex)
        positions.push(position)
      }
    })
    let pointers = 0
    for (const one of this.#checkpoint?.inside.values() ?? []) pointers += one.length
    return {
      survivors: this.#sorted(owners.values(), logs.values(), positions.values()),
      doubtful,
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

function describe({ from, to, why, isTail }: Unreadable): string {
  return isTail
    ? `bytes ${from} to ${to}, its end, hold no whole record (${why}): a write that never ended, or damage`
    : `bytes ${from} to ${to} cannot be read (${why})`
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
