// Outage: how a failure that repeats is told. One line when it begins, one a minute while it lasts,
// one when it ends; health is red meanwhile.
import { Fault, messageOf } from '../errors.ts'
import type { Logger } from '../observe/log.ts'
import { OutageLines } from '../observe/outage-lines.ts'
import type { Clock } from '../system/clock.ts'
import { realRandom, type Random } from '../system/random.ts'

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

/**
 * Milliseconds to wait after `failures` tries in a row: 100, 200, 400 … up to `maxMs`, a fifth more or less
 * so that many agents do not come back at the same moment. A second at most: what has come back is
 * noticed soon, and a try a second burdens nobody.
 */
export function backoffMs(failures: number, maxMs = 1000, random: Random = realRandom): number {
  return Math.min(maxMs, 100 * 2 ** Math.min(failures - 1, 16)) * (0.8 + 0.4 * random.next())
}
