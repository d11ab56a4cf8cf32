// Deliveries of a sink that writes files: batches that are handed over while a write is under way are written together,
// by one worker, in their order.
import type { SinkSession } from '../component.ts'
import { DeliveryFault } from '../delivery-fault.ts'
import { Fault } from '../errors.ts'
import type { Event } from '../event.ts'
import type { Counters } from '../observe/counters.ts'

interface Delivery {
  readonly events: readonly Event[]
  readonly resolve: () => void
  /** Ends the session, too. */
  readonly reject: (error: unknown) => void
}

export interface GroupedWork {
  readonly counters: Counters
  /**
   * Writes the batches in their order. Gives how many are delivered, with the error of the one behind them; a rejection
   * means none.
   */
  write(batches: readonly (readonly Event[])[]): Promise<{ delivered: number; error?: unknown }>
  /** What else is due, before the next batches. */
  tend(): Promise<void>
}

/** The same for a batch behind the one that failed: events of that one, and what is wrong with them, are not its own. */
function behind(error: unknown): unknown {
  if (!(error instanceof DeliveryFault)) return error
  return error.code === 'UNDELIVERABLE'
    ? new Fault('BATCH_REFUSED', 'the batch before this one was not delivered')
    : new Fault(error.code, error.message, { cause: error.cause, remedy: error.remedy })
}

export class GroupedDeliveries {
  readonly #work: GroupedWork
  #queue: Delivery[] = []
  #isDue = false
  #running: Promise<void> | null = null

  constructor(work: GroupedWork) {
    this.#work = work
  }

  open(): SinkSession {
    /** Why a write failed: what is handed over later is not written before what it held. */
    let failure: unknown = null
    return {
      deliver: events => {
        this.#work.counters.add('EventDrainAttemptCount', events.length)
        return new Promise((resolve, reject) => {
          if (failure !== null) return reject(failure)
          const fail = (error: unknown) => {
            failure ??= behind(error)
            reject(error)
          }
          this.#queue.push({ events, resolve, reject: fail })
          this.#begin()
        })
      },
    }
  }

  /** Tends soon; resolves when everything due is done. */
  tend(): Promise<void> {
    this.#isDue = true
    return this.#begin()
  }

  #begin(): Promise<void> {
    return (this.#running ??= this.#run().finally(() => (this.#running = null)))
  }

  async #run(): Promise<void> {
    const { counters } = this.#work
    while (this.#queue.length > 0 || this.#isDue) {
      if (this.#isDue) {
        this.#isDue = false
        await this.#work.tend()
      }
      const group = this.#queue
      this.#queue = []
      if (group.length === 0) continue
      const { delivered, error } = await this.#work
        .write(group.map(one => one.events))
        .catch((reason: unknown) => ({ delivered: 0, error: reason }))
      for (const { events, resolve } of group.slice(0, delivered)) {
        counters.add('EventDrainSuccessCount', events.length)
        resolve()
      }
      if (delivered === group.length) continue
      counters.add('EventWriteFail')
      // Those that came meanwhile fail as well: the order must hold when they come again.
      for (const [index, { reject }] of [...group.slice(delivered), ...this.#queue.splice(0)].entries())
        reject(index === 0 ? error : behind(error))
    }
  }
}
