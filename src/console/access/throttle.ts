// Slows down whoever tries passwords: beyond a few failures each next one has to wait, twice as long as the one before,
// by user and by address. A try counts as a failure from its begin, so that a thousand at once are no way around.
import type { Clock } from '../../system/clock.ts'

const longestMs = 5 * 60_000
/** A failure is forgotten after so long without another. */
const forgetMs = 60 * 60_000
/** Names and addresses that are remembered; those that failed last. */
const mostKeys = 10_000

interface Failures {
  count: number
  lastAt: number
}

export class Throttle {
  readonly #clock: Clock
  readonly #free: number
  /** The oldest first. */
  readonly #failures = new Map<string, Failures>()

  /** `free`: failures that nobody waits for. */
  constructor(clock: Clock, free: number) {
    this.#clock = clock
    this.#free = free
  }

  /** Milliseconds until the next try; 0: it may begin, and has begun. */
  begin(key: string): number {
    const now = this.#clock.monotonic()
    const known = this.#failures.get(key)
    const isFresh = known !== undefined && now - known.lastAt < forgetMs
    const count = isFresh ? known.count : 0
    if (isFresh && count >= this.#free) {
      const wait = Math.min(longestMs, 1000 * 2 ** (count - this.#free))
      const left = known.lastAt + wait - now
      if (left > 0) return left
    }
    this.#failures.delete(key)
    this.#failures.set(key, { count: count + 1, lastAt: now })
    const [oldest] = this.#failures.keys()
    if (this.#failures.size > mostKeys) this.#failures.delete(oldest!)
    return 0
  }

  /** The try that has begun was none that failed. */
  takeBack(key: string): void {
    const known = this.#failures.get(key)
    if (known !== undefined) known.count--
  }

  succeeded(key: string): void {
    this.#failures.delete(key)
  }
}

/** The part of an address that one subscriber has: the first 64 bits of IPv6. */
export const subscriberOf = (address: string): string =>
  address.includes(':') && !address.includes('.') ? expand(address).slice(0, 4).join(':') : address

function expand(address: string): string[] {
  const [head = '', tail] = address.split('%')[0]!.split('::')
  const [before, after] = [head.split(':').filter(Boolean), (tail ?? '').split(':').filter(Boolean)]
  const zeros = tail === undefined ? 0 : Math.max(0, 8 - before.length - after.length)
  return [...before, ...Array.from({ length: zeros }, () => '0'), ...after]
}
