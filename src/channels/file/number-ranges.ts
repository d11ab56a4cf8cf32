// GoneNumbers: which events have left the channel. All below `low`, and apart from that a few runs
// above it, where several takers commit out of order or damage tore a hole.
export interface NumberRange {
  readonly first: number
  /** Exclusive. */
  readonly end: number
}

export class GoneNumbers {
  #low: number
  /** By number, apart from one another, all above #low. */
  #ranges: NumberRange[]
  #above = 0

  constructor(low = 0, ranges: readonly NumberRange[] = []) {
    this.#low = low
    this.#ranges = []
    for (const range of ranges) this.add(range)
  }

  /** The first event that is still inside, or the next number when none is. */
  get low(): number {
    return this.#low
  }

  get ranges(): readonly NumberRange[] {
    return this.#ranges
  }

  /** How many are gone above `low`. */
  get countAbove(): number {
    return this.#above
  }

  add(range: NumberRange): void {
    let first = Math.max(range.first, this.#low)
    let end = range.end
    if (first >= end) return
    const ranges = this.#ranges
    if (first > this.#low) {
      let from = ranges.length
      while (from > 0 && ranges[from - 1]!.end >= first) from--
      let to = from
      for (; to < ranges.length && ranges[to]!.first <= end; to++) {
        first = Math.min(first, ranges[to]!.first)
        end = Math.max(end, ranges[to]!.end)
        this.#above -= ranges[to]!.end - ranges[to]!.first
      }
      ranges.splice(from, to - from, { first, end })
      this.#above += end - first
      return
    }
    this.#low = end
    while (ranges.length > 0 && ranges[0]!.first <= this.#low) {
      const next = ranges.shift()!
      this.#above -= next.end - next.first
      this.#low = Math.max(this.#low, next.end)
    }
  }

  /** The run that holds `number`, as the first number after it; `number` itself when it is inside. */
  nextInside(number: number): number {
    if (number < this.#low) return this.#low
    for (const { first, end } of this.#ranges) {
      if (first > number) break
      if (number < end) return end
    }
    return number
  }

  /** How many numbers of the range are inside. */
  countInside({ first, end }: NumberRange): number {
    let count = 0
    for (let at = this.nextInside(first); at < end;) {
      const until = Math.min(end, this.nextGone(at))
      count += until - at
      at = this.nextInside(until)
    }
    return count
  }

  /** The first gone number above `number`, or Infinity. */
  nextGone(number: number): number {
    for (const { first } of this.#ranges) if (first > number) return first
    return Infinity
  }
}
