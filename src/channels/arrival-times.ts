// ArrivalTimes: when the events of a channel arrived, by their numbers. One time stands for all that arrived within
// 1 % of the longest wait there is, so that a channel of any size needs a few thousand at most.
import type { Clock } from '../system/clock.ts'

/** However short the waits are, times are no closer. */
const leastMs = 1

export class ArrivalTimes {
  readonly #clock: Clock
  /** By number, and by time: monotonic ms. */
  readonly #marks: { readonly first: number; readonly at: number }[] = []

  constructor(clock: Clock) {
    this.#clock = clock
  }

  /** How many times are kept. */
  get kept(): number {
    return this.#marks.length
  }

  /** Events from number `first` on arrive; all below `low` have left. */
  arrived(first: number, low: number): void {
    const marks = this.#marks
    let gone = 0
    while (gone + 1 < marks.length && marks[gone + 1]!.first <= low) gone++
    if (gone > 0) marks.splice(0, gone)
    const at = this.#clock.monotonic()
    const last = marks.at(-1)
    if (
      last !== undefined &&
      last.first >= low &&
      at - last.at < Math.max(leastMs, (at - marks[0]!.at) / 100)
    )
      return
    marks.push({ first, at })
  }

  /** How long the event of this number has been there, ms; null where it came before the first that was told. */
  ageOf(number: number): number | null {
    const mark = this.#marks.findLast(({ first }) => first <= number)
    return mark === undefined ? null : this.#clock.monotonic() - mark.at
  }
}
