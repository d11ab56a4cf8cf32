// The ledger of an agent: which events of each origin partition have passed each of its steps. It counts whole calls behind
// what they do, keeps ranges of offsets in place of events, and outlasts a reload. Events without an origin are counted.
import type { Handovers } from '../component.ts'
import { type Event, HeaderName } from '../event.ts'
import type { LedgerStep } from '../observe/snapshot.ts'
import { OffsetSet } from '../origin/offset-set.ts'
import { decodeOrigin, originHeader, type Origin } from '../origin/origin.ts'

/** Origins are what others write: of more of them, or longer ones, nothing but the number is kept. */
const mostPartitions = 5000
const longestPartition = 600

const originName = new HeaderName(originHeader)

interface Account {
  events: number
  /** Events that had passed before. */
  repeated: number
  /** The latest leader epoch of its events. */
  epoch: number
  /** Offsets that its events close. */
  readonly offsets: OffsetSet
  readonly repeats: OffsetSet
}

interface Tally {
  events: number
  repeated: number
}

/** By origin partition. */
export type Tallies = Map<string, Tally>

export function* talliedSteps(
  tallies: Tallies,
  of: Pick<LedgerStep, 'step' | 'component'>,
): Generator<LedgerStep> {
  for (const [origin, tally] of tallies) yield { ...of, origin, ...tally, ...noRanges }
}

/** One step: events come into a channel, or leave it. */
export class Passage {
  readonly #accounts = new Map<string, Account>()
  /** Of no origin that is kept. */
  unnamed = 0

  /** Counts them in `tallies` as well, by partition. */
  pass(events: readonly Event[], tallies: Tallies): void {
    let before = ''
    let head = ''
    let account: Account | null = null
    let tally: Tally | null = null
    for (const event of events) {
      const text = event.header(originName)
      if (text === undefined) {
        this.unnamed++
        continue
      }
      // Of neighbours, as a rule, nothing but the offset is different.
      let to = account !== null && text.slice(0, head.length) === head ? offsetAt(text, head.length) : -1
      let from = to
      if (to === -1) {
        const origin = decodeOrigin(text)
        account = origin === null ? null : this.#accountOf(origin.partition)
        if (origin === null || account === null) {
          this.unnamed++
          continue
        }
        head = text.slice(0, text.lastIndexOf(' ') + 1)
        if (head !== before) {
          before = head
          tally = tallyOf(tallies, origin.partition)
          begin(account, origin)
        }
        ;({ from, to } = origin)
      }
      account!.events++
      tally!.events++
      if (account!.offsets.holds(to)) {
        account!.repeated++
        tally!.repeated++
        account!.repeats.add(to, to)
      } else account!.offsets.add(from, to)
    }
  }

  #accountOf(partition: string): Account | null {
    const known = this.#accounts.get(partition)
    if (known !== undefined) return known
    if (this.#accounts.size === mostPartitions || partition.length > longestPartition) return null
    const account = { events: 0, repeated: 0, epoch: -1, offsets: new OffsetSet(), repeats: new OffsetSet() }
    this.#accounts.set(partition, account)
    return account
  }

  /** Offsets alone, of which nobody has looked at the events. */
  read(partition: string, first: number, last: number): void {
    this.#accountOf(partition)?.offsets.add(first, last)
  }

  *steps(of: Pick<LedgerStep, 'step' | 'component'>): Generator<LedgerStep> {
    for (const [origin, { events, repeated, offsets, repeats }] of this.#accounts)
      yield {
        ...of,
        origin,
        events,
        repeated,
        ranges: offsets.ranges.map(([one, other]) => [one, other]),
        forgottenBelow: offsets.forgottenBelow,
        repeats: repeats.ranges.map(([one, other]) => [one, other]),
      }
    if (this.unnamed > 0) yield { ...of, origin: null, events: this.unnamed, repeated: 0, ...noRanges }
  }
}

const noRanges = { ranges: null, forgottenBelow: 0, repeats: null }

/** What stood at an offset before was cut off by a leader without it. */
function begin(account: Account, { leaderEpoch, from, to }: Origin): void {
  if (leaderEpoch <= account.epoch) return
  if (account.offsets.holds(to)) account.offsets.removeFrom(from)
  account.epoch = leaderEpoch
}

/** The number that the rest of the text is; -1 where it is none, such as a range. */
function offsetAt(text: string, start: number): number {
  const end = text.length
  if (end === start || end - start > 15) return -1
  let value = 0
  for (let at = start; at < end; at++) {
    const digit = text.charCodeAt(at) - 48
    if (digit < 0 || digit > 9) return -1
    value = value * 10 + digit
  }
  return value
}

function tallyOf(tallies: Tallies, partition: string): Tally {
  let tally = tallies.get(partition)
  if (tally === undefined) tallies.set(partition, (tally = { events: 0, repeated: 0 }))
  return tally
}

/** What a source has read and its interceptors have dropped. */
export class SourceLedger {
  readonly #read = new Passage()
  readonly #dropped = new Passage()

  read(handovers: Handovers): void {
    for (const { partition, from: first, to: last } of handovers) this.#read.read(partition, first, last)
  }

  /** By interceptors, or by a selector that chooses no channel. */
  dropped(events: readonly Event[]): void {
    this.#dropped.pass(events, new Map())
  }

  *steps(component: string): Generator<LedgerStep> {
    yield* this.#read.steps({ component, step: 'read' })
    yield* this.#dropped.steps({ component, step: 'dropped' })
  }
}
