// Outage: how a failure that repeats is told. One line when it begins, one a minute while it lasts,
// one when it ends; health is red meanwhile.
import { Fault, messageOf } from '../errors.ts'
import type { Logger } from '../observe/log.ts'
import type { Clock } from '../system/clock.ts'

const reminderMs = 60_000

export class Outage {
  readonly #clock: Clock
  readonly #log: Logger
  readonly #setHealth: (problem: string | null) => void
  #since: number | null = null
  #lastLine = 0
  #failures = 0

  constructor(clock: Clock, log: Logger, setHealth: (problem: string | null) => void) {
    this.#clock = clock
    this.#log = log
    this.#setHealth = setHealth
  }

  /** Tries that failed in a row. */
  get failures(): number {
    return this.#failures
  }

  /** `doing` completes "… failed": "Delivering events", "Starting". */
  failed(doing: string, error: unknown): void {
    const now = this.#clock.monotonic()
    const reason = messageOf(error)
    const remedy = error instanceof Fault ? ` ${error.remedy}` : ''
    this.#setHealth(`${doing} failed: ${reason}`)
    this.#failures++
    if (this.#since === null) {
      this.#since = this.#lastLine = now
      this.#log.error(
        `${doing} failed and is tried again until it succeeds: ${reason}.${remedy}`,
        causeOf(error),
      )
    } else if (now - this.#lastLine >= reminderMs) {
      this.#lastLine = now
      const seconds = Math.round((now - this.#since) / 1000)
      this.#log.error(
        `${doing} has been failing for ${seconds} s (${this.#failures} tries): ${reason}.${remedy}`,
      )
    }
  }

  succeeded(doing: string): void {
    if (this.#since === null) return
    const seconds = ((this.#clock.monotonic() - this.#since) / 1000).toFixed(1)
    this.#log.info(`${doing} succeeds again after ${seconds} s and ${this.#failures} failed tries`)
    this.#since = null
    this.#failures = 0
    this.#setHealth(null)
  }
}

/** A fault says all in its message; of anything else the stack helps. */
function causeOf(error: unknown): unknown {
  return error instanceof Fault ? undefined : error
}

/** Milliseconds to wait after `failures` tries in a row: 100, 200, 400 … up to `maxMs`. */
export function backoffMs(failures: number, maxMs = 5000): number {
  return Math.min(maxMs, 100 * 2 ** Math.min(failures - 1, 16))
}
