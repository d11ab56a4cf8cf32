// PutGate: lets puts into a channel in the order in which they came, as long as there is room. Room is
// counted in events and, where the channel has them, in slots of bytes. A put that does not fit waits,
// and every later one waits behind it.
import type { FullChannel, PutOptions } from '../component.ts'
import { Fault, faultTable } from '../errors.ts'
import { countOf } from '../printable.ts'
import type { Clock, Timer } from '../system/clock.ts'

export interface Room {
  readonly events: number
  readonly slots: number
}

interface Waiting {
  readonly need: Room
  /** Called inside the admission, so that order holds: what it starts comes before any later put. */
  readonly enter: () => void
  readonly refuse: (fault: Fault) => void
  readonly signal: AbortSignal | undefined
  timer?: Timer
  leave?: () => void
}

export class PutGate {
  readonly #channel: string
  readonly #clock: Clock
  #total: Room
  #usedEvents = 0
  #usedSlots = 0
  /** Puts that wait, first come first; a set keeps order and lets one in the middle go. */
  readonly #waiting = new Set<Waiting>()

  constructor(channel: string, clock: Clock, total: Room) {
    this.#channel = channel
    this.#clock = clock
    this.#total = total
  }

  get usedEvents(): number {
    return this.#usedEvents
  }

  /** What the put that waits longest has no room for; null where none waits. */
  get full(): FullChannel | null {
    const [first] = this.#waiting
    return first === undefined ? null : this.#lack(first.need, false)
  }

  /** Calls `enter` once there is room, at once when there is now; else `refuse` after the patience. */
  ask(
    need: Room,
    { patienceMs = 0, signal }: PutOptions,
    enter: () => void,
    refuse: (fault: Fault) => void,
  ): void {
    if (signal?.aborted === true) return refuse(stopped())
    if (this.#waiting.size === 0 && this.#fits(need)) {
      this.#occupy(need)
      return enter()
    }
    if (patienceMs <= 0) return refuse(this.#full(need, 0))
    const waiting: Waiting = { need, enter, refuse, signal }
    this.#waiting.add(waiting)
    if (patienceMs !== Infinity)
      waiting.timer = this.#clock.after(patienceMs, () => this.#giveUp(waiting, this.#full(need, patienceMs)))
    if (signal !== undefined) {
      const abort = () => this.#giveUp(waiting, stopped())
      signal.addEventListener('abort', abort, { once: true })
      waiting.leave = () => signal.removeEventListener('abort', abort)
    }
  }

  /** Occupies room without asking: events found at start. */
  occupy(room: Room): void {
    this.#occupy(room)
  }

  /** Gives room back and lets in whoever fits now, in order. */
  release(room: Room): void {
    this.#usedEvents -= room.events
    this.#usedSlots -= room.slots
    this.#admit()
  }

  resize(total: Room): void {
    this.#total = total
    this.#admit()
  }

  /** Refuses every put that waits. */
  refuseAll(make: () => Fault): void {
    for (const waiting of this.#waiting) {
      this.#forget(waiting)
      waiting.refuse(make())
    }
  }

  #admit(): void {
    for (const waiting of this.#waiting) {
      // Puts of one source are given up together: a smaller one must not slip in behind the one refused.
      if (waiting.signal?.aborted === true) {
        this.#forget(waiting)
        waiting.refuse(stopped())
        continue
      }
      if (!this.#fits(waiting.need)) return
      this.#forget(waiting)
      this.#occupy(waiting.need)
      waiting.enter()
    }
  }

  #fits({ events, slots }: Room): boolean {
    return (
      this.#usedEvents + events <= this.#total.events &&
      (slots === 0 || this.#usedSlots + slots <= this.#total.slots)
    )
  }

  #occupy({ events, slots }: Room): void {
    this.#usedEvents += events
    this.#usedSlots += slots
  }

  #giveUp(waiting: Waiting, fault: Fault): void {
    if (!this.#waiting.has(waiting)) return
    this.#forget(waiting)
    waiting.refuse(fault)
    this.#admit() // one behind it may be smaller
  }

  #forget(waiting: Waiting): void {
    this.#waiting.delete(waiting)
    waiting.timer?.cancel()
    waiting.leave?.()
  }

  #full(need: Room, patienceMs: number): Fault {
    const [first] = this.#waiting
    const { why, remedy } = this.#lack(need, first !== undefined && first.need !== need)
    const waited = patienceMs > 0 ? ` within ${patienceMs / 1000} s` : ''
    return new Fault(
      'CHANNEL_FULL',
      `channel ${this.#channel} had no room for ${countOf(need.events, 'event')}${waited}: ${why}`,
      { remedy },
    )
  }

  #lack({ events, slots }: Room, isBehind: boolean): FullChannel {
    const isOfBytes = this.#usedEvents + events <= this.#total.events && !isBehind && slots > 0
    return isOfBytes
      ? {
          why: 'its bytes are used up (byteCapacity)',
          remedy:
            'The sink delivers more slowly than the source fills the channel. Check the sink, or raise byteCapacity.',
        }
      : {
          why: `it holds ${this.#usedEvents} of ${this.#total.events} events`,
          remedy: faultTable.CHANNEL_FULL.remedy,
        }
  }
}

/** Why a put of so many events can never enter the channel, whose transactions hold `most`; null where it can. */
export function tooManyEvents(channel: string, events: number, most: number): Fault | null {
  return events <= most
    ? null
    : new Fault(
        'TRANSACTION_TOO_LARGE',
        `${countOf(events, 'event')} in one put, but a transaction of channel ${channel} holds ${most}`,
      )
}

function stopped(): Fault {
  return new Fault('STOPPED', 'the put was abandoned because the agent is stopping')
}
