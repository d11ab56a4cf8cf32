// How late the event loop is: while one turn of it takes long, nothing else is answered, no heartbeat is sent and no
// signal is heard. A timer that should ring every 100 ms shows it, to that precision.
import type { Clock, Timer } from '../system/clock.ts'
import type { Condition } from './conditions.ts'

const intervalMs = 100
/** From here on it is a condition, until so long nothing of the kind has happened. */
const longMs = 1000
const calmMs = 30_000

export class LoopDelay {
  readonly #clock: Clock
  readonly #isLong: Condition
  #timer: Timer | null = null
  #longestMs = 0
  #recent: { readonly at: number; readonly ms: number } = { at: -Infinity, ms: 0 }

  constructor(clock: Clock, isLong: Condition) {
    this.#clock = clock
    this.#isLong = isLong
  }

  /** Since the start, ms. */
  get longestMs(): number {
    return Math.round(this.#longestMs)
  }

  /** In the last 30 s, ms. */
  get recentMs(): number {
    return this.#clock.monotonic() - this.#recent.at > calmMs ? 0 : Math.round(this.#recent.ms)
  }

  start(): void {
    // Simulated time does not pass within a turn.
    if (this.#clock.isSimulated === true) return
    const due = this.#clock.monotonic() + intervalMs
    this.#timer = this.#clock.after(
      intervalMs,
      () => {
        this.#note(this.#clock.monotonic() - due)
        this.start()
      },
      { background: true },
    )
  }

  stop(): void {
    this.#timer?.cancel()
  }

  #note(ms: number): void {
    const at = this.#clock.monotonic()
    if (ms > this.#longestMs) this.#longestMs = ms
    if (ms >= this.#recent.ms || at - this.#recent.at > calmMs) this.#recent = { at, ms }
    if (ms >= longMs)
      this.#isLong.raise(
        `The event loop was held up for ${Math.round(ms)} ms: nothing was answered and no heartbeat was sent meanwhile`,
        {
          remedy:
            'Where the machine is not overloaded and the process was not stopped, report what the agent was given.',
        },
      )
    else if (this.#isLong.isRaised && this.recentMs < longMs)
      this.#isLong.clear('The event loop runs freely again')
  }
}
