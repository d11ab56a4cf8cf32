// One call of a session's `deliver`: settled when the last of its events is, each of which is written by the writer of its
// origin partition.
import { DeliveryFault } from '../../../delivery-fault.ts'
import { Fault, messageOf } from '../../../errors.ts'
import type { Event } from '../../../event.ts'

export class Delivery {
  /** Its place in the order of the session's calls. */
  readonly index: number
  readonly done: Promise<void>
  readonly #events: readonly Event[]
  readonly #undelivered = new Set<Event>()
  /** Why the first of them was not written, and the event that can never be, where that is known. */
  #failure: { readonly error: unknown; readonly event: Event | null } | null = null
  #left: number
  readonly #settlers = Promise.withResolvers<void>()

  constructor(index: number, events: readonly Event[]) {
    this.index = index
    this.#events = events
    this.#left = events.length
    this.done = this.#settlers.promise
    if (this.#left === 0) this.#settlers.resolve()
  }

  written(): void {
    this.#settle()
  }

  failed(event: Event, error: unknown, culprit: Event | null = null): void {
    this.#undelivered.add(event)
    if (this.#failure === null || (culprit !== null && this.#failure.event === null))
      this.#failure = { error, event: culprit }
    this.#settle()
  }

  #settle(): void {
    if (--this.#left > 0) return
    if (this.#failure === null) return this.#settlers.resolve()
    const { error, event } = this.#failure
    const undelivered = this.#events.filter(one => this.#undelivered.has(one))
    const fault = error instanceof Fault ? error : new Fault('KAFKA', messageOf(error), { cause: error })
    const { message, remedy, cause } = fault
    // Without the event it is no fault of an event, whatever the client calls it.
    const code = event === null && fault.code === 'UNDELIVERABLE' ? 'KAFKA' : fault.code
    this.#settlers.reject(new DeliveryFault(code, message, { undelivered, event, cause, remedy }))
  }
}
