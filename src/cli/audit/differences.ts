// Differences of one kind: how many, and the first of them.
import type { Place } from './joining.ts'

export interface Difference {
  readonly from?: Place | undefined
  readonly to?: Place | undefined
  /** What is different. */
  readonly what?: string
}

const before = (one: Difference, other: Difference): number => {
  const [left, right] = [one.from ?? one.to!, other.from ?? other.to!]
  return left.partition - right.partition || left.offset - right.offset
}

export class Differences {
  readonly #most: number
  #first: Difference[] = []
  count = 0

  constructor(most: number) {
    this.#most = most
  }

  add(one: Difference): void {
    this.count++
    if (this.#most === 0) return
    this.#first.push(one)
    if (this.#first.length >= 4 * this.#most + 1000) this.#first = this.first
  }

  /** By the place in `from`, or in `to` where there is none. */
  get first(): Difference[] {
    return this.#first.sort(before).slice(0, this.#most)
  }
}
