// TakeLine: takers that wait for events, first come first served.
import { Fault } from '../errors.ts'
import type { Batch, TakeLimit } from '../component.ts'

interface Taker {
  readonly limit: TakeLimit
  readonly settle: (batch: Batch | null) => void
  readonly fail: (fault: Fault) => void
  readonly leave: () => void
}

export class TakeLine {
  /** In the order of arrival; a set lets one in the middle go. */
  readonly #takers = new Set<Taker>()

  get length(): number {
    return this.#takers.size
  }

  /** What the first one takes. */
  get first(): TakeLimit | undefined {
    const [taker] = this.#takers
    return taker?.limit
  }

  /** Resolves when `serve` finds a batch for it, or with null when the signal is aborted first. */
  wait(limit: TakeLimit, signal: AbortSignal): Promise<Batch | null> {
    return new Promise((resolve, reject) => {
      if (signal.aborted) return resolve(null)
      const abort = (): void => {
        this.#takers.delete(taker)
        resolve(null)
      }
      const taker: Taker = {
        limit,
        settle: resolve,
        fail: reject,
        leave: () => signal.removeEventListener('abort', abort),
      }
      signal.addEventListener('abort', abort, { once: true })
      this.#takers.add(taker)
    })
  }

  /** Asks `next` for a batch for each taker in turn until it has none. */
  serve(next: (limit: TakeLimit) => Batch | null): void {
    for (const taker of this.#takers) {
      const batch = next(taker.limit)
      if (batch === null) return
      this.#takers.delete(taker)
      taker.leave()
      taker.settle(batch)
    }
  }

  failAll(make: () => Fault): void {
    for (const taker of this.#takers) {
      this.#takers.delete(taker)
      taker.leave()
      taker.fail(make())
    }
  }
}
