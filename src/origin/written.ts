// What a flow has written of one origin partition: a set of offsets, each with the leader epoch in which it was written.
// A set and no high-water mark: when a partition moves, events of its new owner may arrive before what the old one holds.
//
// The offset of a record that a leader cut off (unclean election) is given to another record, in a later epoch: this one
// is not what was written. So an event is written where its offset is, in its epoch or a later one.
import type { Origin } from './origin.ts'

export interface WrittenRange {
  readonly from: number
  readonly to: number
  readonly leaderEpoch: number
}

/** Ranges that touch are kept apart by their epochs up to so many; beyond, the lowest become one. */
const mostApart = 32

export class Written {
  /** In order, without overlap; neighbours that touch differ in their epochs. */
  #ranges: WrittenRange[]

  constructor(ranges: readonly WrittenRange[] = []) {
    this.#ranges = [...ranges]
  }

  get ranges(): readonly WrittenRange[] {
    return this.#ranges
  }

  holds({ to, leaderEpoch }: Pick<Origin, 'to' | 'leaderEpoch'>): boolean {
    const range = this.#ranges[this.#indexOf(to)]
    return range !== undefined && range.from <= to && range.leaderEpoch >= leaderEpoch
  }

  /** Of an offset that is there already the later epoch counts. */
  add({ from, to, leaderEpoch }: WrittenRange): void {
    const first = this.#indexOf(from)
    let after = first
    while (after < this.#ranges.length && this.#ranges[after]!.from <= to) after++
    // With the neighbours that it may touch.
    const begin = Math.max(0, first - 1)
    const between: WrittenRange[] = []
    let next = from
    const put = (range: WrittenRange): void => {
      const last = between.at(-1)
      if (range.from > range.to) return
      if (last?.to === range.from - 1 && last.leaderEpoch === range.leaderEpoch)
        between[between.length - 1] = { ...last, to: range.to }
      else between.push(range)
    }
    for (const [at, old] of this.#ranges.slice(begin, after + 1).entries()) {
      const isTouched = begin + at >= first && begin + at < after
      if (!isTouched) {
        if (old.from > to) put({ from: next, to, leaderEpoch })
        if (old.from > to) next = to + 1
        put(old)
        continue
      }
      put({ from: old.from, to: from - 1, leaderEpoch: old.leaderEpoch })
      put({ from: next, to: old.from - 1, leaderEpoch })
      put({
        from: Math.max(old.from, from),
        to: Math.min(old.to, to),
        leaderEpoch: Math.max(old.leaderEpoch, leaderEpoch),
      })
      next = Math.min(old.to, to) + 1
      if (next > to) put({ from: to + 1, to: old.to, leaderEpoch: old.leaderEpoch })
    }
    put({ from: next, to, leaderEpoch })
    this.#ranges.splice(begin, after + 1 - begin, ...between)
    this.#limit()
  }

  /** The lowest are the oldest: no leader cuts them off any more. */
  #limit(): void {
    for (let at = 1; this.#ranges.length > mostApart && at < this.#ranges.length;) {
      const [one, other] = [this.#ranges[at - 1]!, this.#ranges[at]!]
      if (one.to !== other.from - 1) {
        at++
        continue
      }
      const leaderEpoch = Math.max(one.leaderEpoch, other.leaderEpoch)
      this.#ranges.splice(at - 1, 2, { from: one.from, to: other.to, leaderEpoch })
    }
  }

  /** Of the first range that ends at the offset or behind it. */
  #indexOf(offset: number): number {
    let [low, high] = [0, this.#ranges.length]
    while (low < high) {
      const middle = (low + high) >>> 1
      if (this.#ranges[middle]!.to < offset) low = middle + 1
      else high = middle
    }
    return low
  }
}
