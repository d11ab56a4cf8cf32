// Outage: how a failure that repeats is told. One line when it begins, one a minute while it lasts,
// one when it ends; health is red meanwhile.
import { Fault, messageOf } from '../errors.ts'
import type { Logger } from '../observe/log.ts'
import { OutageLines } from '../observe/outage-lines.ts'
import type { Clock } from '../system/clock.ts'

export class Outage {
  readonly #lines: OutageLines
  readonly #setHealth: (problem: string | null) => void

  constructor(clock: Clock, log: Logger, setHealth: (problem: string | null) => void) {
    this.#lines = new OutageLines(clock, log)
    this.#setHealth = setHealth
  }

  /** Tries that failed in a row. */
  get failures(): number {
    return this.#lines.tries
  }

  /** `doing` completes "… failed": "Delivering events", "Starting". */
  failed(doing: string, error: unknown): void {
    const reason = messageOf(error)
    const remedy = error instanceof Fault ? ` ${error.remedy}` : ''
    this.#setHealth(`${doing} failed: ${reason}`)
    this.#lines.failed(
      {
        level: 'error',
        what: `Failure of "${doing}"`,
        began: () => `${doing} failed and is tried again until it succeeds: ${reason}.${remedy}`,
        lasts: ({ seconds, tries }) =>
          `${doing} has been failing for ${seconds} s (${tries} tries): ${reason}.${remedy}`,
      },
      causeOf(error),
    )
  }

  succeeded(doing: string): void {
    if (!this.#lines.isOut) return
    this.#lines.succeeded(
      (seconds, tries) => `${doing} succeeds again after ${seconds} s and ${tries} failed tries`,
    )
    this.#setHealth(null)
  }
}

/** A fault says all in its message; of anything else the stack helps. */
function causeOf(error: unknown): unknown {
  return error instanceof Fault ? undefined : error
}
