// Log lines about senders that do not behave: one line a connection, and under a flood no more than a
// fixed number a minute, the rest counted in one line.
import type { Logger } from '../observe/log.ts'
import type { Clock } from '../system/clock.ts'

const spanMs = 60_000
const linesPerSpan = 10

export class Complaints {
  readonly #log: Logger
  readonly #clock: Clock
  #lines = 0
  #dropped = 0
  #open = false

  constructor(log: Logger, clock: Clock) {
    this.#log = log
    this.#clock = clock
  }

  say(line: string): void {
    if (!this.#open) {
      this.#open = true
      this.#clock.after(spanMs, () => this.#endSpan(), { background: true })
    }
    if (++this.#lines <= linesPerSpan) this.#log.warn(line)
    else this.#dropped++
  }

  #endSpan(): void {
    if (this.#dropped > 0)
      this.#log.warn(`${this.#dropped} more connections were closed for such reasons within a minute`)
    this.#open = false
    this.#lines = this.#dropped = 0
  }
}
