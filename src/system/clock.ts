// The door to time: wall clock, monotonic clock, timers.

export interface Timer {
  /** Cancels it; does nothing after it fired. */
  cancel(): void
}

export interface Clock {
  /** Wall clock, milliseconds since 1970. */
  now(): number
  /** Milliseconds that never go back, from an arbitrary start, with a fraction. */
  monotonic(): number
  /** Calls `run` once after `delayMs`. The timer keeps the process alive unless `background` is set. */
  after(delayMs: number, run: () => void, options?: { background?: boolean }): Timer
  /** Resolves after `delayMs`, or at once when the signal is aborted: look at the signal afterwards. */
  sleep(delayMs: number, signal?: AbortSignal): Promise<void>
  /** Calls `run` in the next turn of the event loop, after waiting input and output. */
  soon(run: () => void): void
}

export const realClock: Clock = {
  now: () => Date.now(),
  monotonic: () => performance.now(),
  after(delayMs, run, options) {
    const timeout = setTimeout(run, delayMs)
    if (options?.background === true) timeout.unref()
    return { cancel: () => clearTimeout(timeout) }
  },
  sleep(delayMs, signal) {
    return new Promise(resolve => {
      if (signal?.aborted === true) return resolve()
      const done = () => {
        clearTimeout(timeout)
        signal?.removeEventListener('abort', done)
        resolve()
      }
      const timeout = setTimeout(done, delayMs)
      signal?.addEventListener('abort', done, { once: true })
    })
  },
  soon: run => void setImmediate(run),
}

/** Lets waiting input and output go first, for computations that take long; it says nothing of time. */
export const nextTurn = (): Promise<void> => new Promise(resolve => setImmediate(resolve))

/** Most that steps which wait for nothing may take one after the other, ms. */
const turnMs = 10

/**
 * For a loop whose steps may resolve without anything from outside: they would follow one another in one turn of the event
 * loop, and hold up everything else, for as long as there is work.
 */
export class Turns {
  readonly #clock: Clock
  #began: number

  constructor(clock: Clock) {
    this.#clock = clock
    this.#began = clock.monotonic()
  }

  /** To be awaited after a step: a promise of the next turn where this one may have been long enough. */
  next(): Promise<void> | null {
    if (this.#clock.monotonic() - this.#began < turnMs) return null
    return new Promise(resolve =>
      this.#clock.soon(() => {
        this.#began = this.#clock.monotonic()
        resolve()
      }),
    )
  }
}
