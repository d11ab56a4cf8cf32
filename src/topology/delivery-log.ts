// What a sink has delivered, for the log at DEBUG: how many events in how many batches, and how long a batch took. A
// line a second at most.
import type { Logger } from '../observe/log.ts'
import { oncePerSecond } from '../observe/sparing-log.ts'
import { countOf } from '../printable.ts'
import type { Clock } from '../system/clock.ts'

export class DeliveryLog {
  readonly #log: Logger
  readonly #clock: Clock
  readonly #tell: () => void
  /** What the log has not said of. */
  #events = 0
  #batches = 0
  #mostMs = 0

  constructor(sink: string, log: Logger, clock: Clock) {
    this.#log = log
    this.#clock = clock
    this.#tell = oncePerSecond(log, clock, () => {
      const most = `${Math.ceil(this.#mostMs)} ms`
      const took = this.#batches === 1 ? `in ${most}` : `in ${this.#batches} batches, each within ${most}`
      const line = `sink ${sink} delivered ${countOf(this.#events, 'event')} ${took}`
      this.#events = 0
      this.#batches = 0
      this.#mostMs = 0
      return line
    })
  }

  /** Called before a delivery begins; what it gives is called once that has succeeded. */
  begin(events: number): () => void {
    if (!this.#log.debugs) return nothing
    const begin = this.#clock.monotonic()
    return () => {
      this.#events += events
      this.#batches++
      this.#mostMs = Math.max(this.#mostMs, this.#clock.monotonic() - begin)
      this.#tell()
    }
  }
}

const nothing = (): void => {}
