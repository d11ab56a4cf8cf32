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
  /** Time moves only where it is moved: nothing may wait for a thread. */
  readonly isSimulated?: boolean
}

/** Node runs what is to come later than this at once. */
const longestMs = 2_147_483_647

/** What was due in the past is due now: Node would warn of it. */
const later = (delayMs: number, run: () => void): NodeJS.Timeout =>
  setTimeout(run, Math.min(Math.max(delayMs, 0), longestMs))

export const realClock: Clock = {
  now: () => Date.now(),
  monotonic: () => performance.now(),
  after(delayMs, run, options) {
    const timeout = later(delayMs, run)
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
      const timeout = later(delayMs, done)
      signal?.addEventListener('abort', done, { once: true })
    })
  },
  soon: run => void setImmediate(run),
}

/** Lets waiting input and output go first, for computations that take long; it says nothing of time. */
export const nextTurn = (): Promise<void> => new Promise(resolve => setImmediate(resolve))
