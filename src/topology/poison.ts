// Poison: the events a runner knows that can never be delivered as they are, and how it meets them. What
// stands before such an event is delivered first; then it goes alone: set aside where the sink can do
// that, else retried until it passes, while what is behind it waits. Nothing else is held up or repeated.
import { doubledMs, type Backoff } from '../backoff.ts'
import type { Batch, Sink } from '../component.ts'
import { DeliveryFault } from '../delivery-fault.ts'
import { Fault, messageOf } from '../errors.ts'
import { type Event, TooManyHeaders } from '../event.ts'
import type { Blockade } from './blockade.ts'

/** An event that blocks is retried after 1 s, 2 s, … up to this. */
const blockedRest: Backoff = { firstMs: 1000, mostMs: 30_000 }

export class Poison {
  readonly #blockade: Blockade
  /** With the reason; null where that is to be seen again. */
  readonly #known = new Map<Event, Fault | null>()
  /** How many events at the head of the channel came back from the runner: the known ones are among them. */
  #returned = 0
  /** The one that was at the head of the channel when it was met last. */
  #atHead: Event | null = null

  constructor(blockade: Blockade) {
    this.#blockade = blockade
  }

  get isKnown(): boolean {
    return this.#known.size > 0
  }

  /** What to hand to the sink of a batch just taken: all, or what is before the poison, or that alone. */
  choose(events: readonly Event[]): readonly Event[] {
    this.#returned = Math.max(0, this.#returned - events.length)
    if (this.#known.size === 0) return events
    // One that does not come back is with another runner of the channel.
    if (this.#atHead !== null && this.#atHead !== events[0]) this.#forget([this.#atHead])
    const at = events.findIndex(event => this.#known.has(event))
    if (at === -1 && this.#returned === 0) this.#forget([...this.#known.keys()])
    this.#atHead = at === 0 ? events[0]! : null
    return at === -1 ? events : events.slice(0, Math.max(1, at))
  }

  #forget(gone: readonly Event[]): void {
    for (const event of gone) this.#known.delete(event)
    this.#atHead = null
    this.#blockade.over()
  }

  /** So many events of a batch went back to the head of the channel. */
  returned(count: number): void {
    this.#returned += count
  }

  /** Whether the events are one that is to be set aside now; the reason. */
  reasonToDivert(events: readonly Event[]): Fault | null {
    return (events.length === 1 && this.#known.get(events[0]!)) || null
  }

  /** Sets the event aside. Rejects as `divert` does, with both reasons where it is refused there too. */
  async divert(divert: NonNullable<Sink['divert']>, event: Event, signal: AbortSignal): Promise<void> {
    const reason = this.#known.get(event)!
    try {
      await divert(event, reason, signal)
    } catch (error) {
      if (!isHopeless(error)) throw error
      // Before the next try to set it aside it is delivered again: the remedy may be on either side.
      this.#known.set(event, null)
      throw new RefusedTwice(reason, error)
    }
    this.#blockade.diverted(event, reason)
  }

  /** The events were delivered or set aside. */
  passed(events: readonly Event[]): void {
    if (this.#known.has(events[0]!)) this.#forget([events[0]!])
  }

  /** Remembers what the failure tells; true where it is an event's own and no outage. */
  notice(error: unknown, sent: readonly Event[]): boolean {
    const event = poisonOf(error, sent)
    if (event === null) return false
    if (!(error instanceof RefusedTwice)) this.#known.set(event, error as Fault)
    return true
  }

  /** After `notice` was true: says what blocks, where it does; gives the milliseconds to rest. */
  judge(error: unknown, sent: readonly Event[], canDivert: boolean): number {
    const event = poisonOf(error, sent)!
    const isAlone = sent.length === 1
    if (!(error instanceof RefusedTwice) && (!isAlone || canDivert)) return 0
    this.#blockade.blocked(event, error)
    return doubledMs(this.#blockade.tries, blockedRest)
  }
}

/** Those of the events sent that are not known to be delivered. */
export function undeliveredOf(error: unknown, sent: readonly Event[]): readonly Event[] {
  return error instanceof DeliveryFault ? error.undelivered : sent
}

/** What is not left is gone. Where that cannot be, all of the batch goes back. */
export async function endBatch(batch: Batch, left: readonly Event[]): Promise<void> {
  if (left.length === 0) return batch.commit()
  if (left.length === batch.events.length) return batch.rollback()
  try {
    await batch.commitExcept(left)
  } catch (error) {
    // Still open only where `left` is not of the batch, which a sink has said.
    await batch.rollback().catch(() => {})
    throw error
  }
}

/** An event that can never be delivered could not be set aside either. */
class RefusedTwice extends Fault {
  constructor(reason: Fault, refusal: unknown) {
    super('UNDELIVERABLE', `${reason.message}. It could not be set aside either: ${messageOf(refusal)}`, {
      cause: refusal,
    })
  }
}

function isHopeless(error: unknown): boolean {
  return error instanceof Fault && error.code === 'UNDELIVERABLE'
}

/** The event that can never be delivered, where it is known which one of those sent it is. */
export function poisonOf(error: unknown, sent: readonly Event[]): Event | null {
  if (!isHopeless(error)) return null
  const named = error instanceof DeliveryFault || error instanceof TooManyHeaders ? error.event : null
  return named ?? (sent.length === 1 ? sent[0]! : null)
}
