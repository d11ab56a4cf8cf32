// A clock that a test moves by hand: timers run in their order, at their time, when it is moved past them.
import type { Clock, Timer } from '../src/system/clock.ts'

interface Entry {
  readonly at: number
  readonly run: () => void
}

export class VirtualClock implements Clock {
  #now = 0
  readonly #entries = new Set<Entry>()

  now = (): number => 1_700_000_000_000 + this.#now
  monotonic = (): number => this.#now

  after = (delayMs: number, run: () => void): Timer => {
    const entry = { at: this.#now + Math.max(0, delayMs), run }
    this.#entries.add(entry)
    return { cancel: () => void this.#entries.delete(entry) }
  }

  sleep = (delayMs: number, signal?: AbortSignal): Promise<void> =>
    new Promise(resolve => {
      if (signal?.aborted === true) return resolve()
      const timer = this.after(delayMs, resolve)
      signal?.addEventListener('abort', () => {
        timer.cancel()
        resolve()
      })
    })

  soon = (run: () => void): void => void setImmediate(run)

  /** Moves on, timer by timer; each gets a turn of the event loop for what it sets off. */
  async advance(byMs: number): Promise<void> {
    const end = this.#now + byMs
    for (;;) {
      await new Promise(resolve => setImmediate(resolve))
      const [next] = [...this.#entries].filter(({ at }) => at <= end).sort((one, other) => one.at - other.at)
      if (next === undefined) break
      this.#entries.delete(next)
      this.#now = Math.max(this.#now, next.at)
      next.run()
    }
    this.#now = end
  }
}
