// SinkRoute: which sink the next batch goes to. A sink that is in no group is the only choice; in a group the
// processor has the say. What one sink fails to deliver goes to the next in its order at once; only when none
// is left has the delivery failed. An event that one sink can never deliver is that sink's failure where
// another delivers it, and nobody's where none can.
import type { Sink, SinkProcessor } from '../component.ts'
import { Fault, messageOf } from '../errors.ts'
import type { Event } from '../event.ts'
import type { Condition, ConditionMaker } from '../observe/conditions.ts'
import type { Clock } from '../system/clock.ts'
import { poisonOf } from './poison.ts'
import type { Edge } from './taps.ts'

export interface Member {
  readonly name: string
  readonly sink: Sink
  /** From its channel; where it can be tapped. */
  readonly edge?: Edge
}

export interface SinkRouteParts {
  /** "sink k1", "sink group g1". */
  readonly name: string
  readonly members: readonly Member[]
  /** Absent for a sink alone. */
  readonly processor?: SinkProcessor
  readonly clock: Clock
  readonly condition: ConditionMaker
}

/** What a sink could not deliver, and why. */
export interface Failure {
  readonly error: unknown
  readonly sent: readonly Event[]
}

/** Tries that may follow one another at once because the sink asks for it. */
const mostAtOnce = 30

export class SinkRoute {
  readonly #parts: SinkRouteParts
  readonly #processor: SinkProcessor
  readonly #members: ReadonlyMap<string, Member>
  /** Of the sinks of a group: the others deliver meanwhile, so that they are not red. */
  readonly #failures: ReadonlyMap<string, Condition>
  /** Those that failed since something was delivered. */
  readonly #tried = new Map<Member, Failure>()
  /** Has asked for another try at once. */
  #again: Member | null = null
  #atOnce = 0

  constructor(parts: SinkRouteParts) {
    this.#parts = parts
    this.#members = new Map(parts.members.map(member => [member.name, member]))
    const names = [...this.#members.keys()]
    const among = names.length > 1 ? names : []
    this.#failures = new Map(
      among.map(name => [name, parts.condition(`sink ${name}`, { level: 'warn', isRed: false })]),
    )
    this.#processor = parts.processor ?? { order: () => names, delivered() {}, failed() {} }
  }

  /** Batches may be with several sinks at once. */
  get spreads(): boolean {
    return this.#processor.spreads === true
  }

  /** The sink for the next batch; null where all of them rest or have failed. */
  next(): Member | null {
    if (this.#again !== null) return this.#again
    for (const name of this.#processor.order(this.#parts.clock.monotonic())) {
      const member = this.#members.get(name)
      if (member !== undefined && !this.#tried.has(member)) return member
    }
    return null
  }

  assigned({ name }: Member): void {
    this.#processor.assigned?.(name)
  }

  delivered({ name }: Member, events: readonly Event[]): void {
    const now = this.#parts.clock.monotonic()
    for (const [by, { error, sent }] of this.#tried) {
      const event = poisonOf(error, sent)
      if (event === null || !events.includes(event)) continue
      this.#processor.failed(by.name, now)
      this.#fail(by, `cannot deliver what ${name} can: ${messageOf(error)}`)
    }
    this.#again = null
    this.#atOnce = 0
    this.#tried.clear()
    this.#processor.delivered(name, now)
    this.#failures.get(name)?.clear(`sink ${name} of ${this.#parts.name} delivers again`)
  }

  #fail({ name }: Member, how: string): void {
    this.#failures.get(name)?.raise(`sink ${name} of ${this.#parts.name} ${how}`)
  }

  failed(member: Member, failure: Failure): void {
    const { error, sent } = failure
    const isAtOnce = error instanceof Fault && error.retry === 'at-once' && this.#atOnce++ < mostAtOnce
    this.#again = isAtOnce ? member : null
    if (isAtOnce) return
    this.#tried.set(member, failure)
    if (poisonOf(error, sent) !== null) return
    this.#processor.failed(member.name, this.#parts.clock.monotonic())
    this.#fail(member, `failed: ${messageOf(error)}`)
  }

  /** Why no sink is left to try: an event that can never be delivered where one said so, else the last reason. */
  exhausted(): Failure {
    const failures = [...this.#tried.values()]
    this.#tried.clear()
    const resting = new Fault('PEER_REFUSED', `every sink of ${this.#parts.name} rests after failures`, {
      remedy: 'See the reasons named for each of them.',
    })
    return (
      failures.findLast(({ error, sent }) => poisonOf(error, sent) !== null) ??
      failures.at(-1) ?? { error: resting, sent: [] }
    )
  }
}
