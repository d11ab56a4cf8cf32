// The lag of consumer groups over the last hour, a point every ten seconds, and how it changes. The memory is bounded: of
// more groups than `mostGroups`, those are kept that were seen first and those whose pages were looked at.
import type { Group, GroupRow } from './api.ts'

const stepMs = 10_000
const points = 360
/** 3 kB each. */
const mostGroups = 5000
/** A group's lag within this time tells how it grows. */
const trendMs = 60_000
/** Looks that are as far apart as this still make one line. */
const mostGapSteps = 6

export class LagLine {
  readonly #values = new Float64Array(points).fill(Number.NaN)
  /** Steps since the clock's zero. */
  #first = Infinity
  #last = -Infinity
  /** Of the last minute, at least a step apart. */
  #recent: { at: number; lag: number }[] = []

  /** `at`: monotonic ms. */
  add(lag: number, at: number): void {
    this.#recent = this.#recent.filter(point => at - point.at <= trendMs)
    if (at - (this.#recent.at(-1)?.at ?? -Infinity) >= stepMs) this.#recent.push({ at, lag })
    const step = Math.floor(at / stepMs)
    // A line goes on through steps without a look; after a longer time nothing is known of them.
    const between = step - this.#last > mostGapSteps ? Number.NaN : this.#values[this.#last % points]!
    for (let gap = Math.max(this.#last + 1, step - points + 1); gap < step; gap++)
      this.#values[gap % points] = between
    this.#values[step % points] = lag
    this.#first = Math.min(this.#first, step)
    this.#last = Math.max(this.#last, step)
  }

  valuesUntil(at: number): (number | null)[] {
    const now = Math.floor(at / stepMs)
    const from = Math.max(this.#first, now - points + 1)
    return Array.from({ length: Math.max(0, now - from + 1) }, (_, index) => {
      const step = from + index
      const value = step > this.#last ? Number.NaN : this.#values[step % points]!
      return Number.isNaN(value) ? null : value
    })
  }

  changeUntil(lag: number, at: number): number | null {
    const first = this.#recent.find(point => at - point.at <= trendMs)
    if (first === undefined || at - first.at < 2000) return null
    const change = lag - first.lag
    // What is being read at the moment is no trend.
    return Math.abs(change) < Math.max(10, 0.01 * lag) ? 0 : (change * 1000) / (at - first.at)
  }
}

export class LagHistory {
  readonly #lines = new Map<string, LagLine>()

  /** Notes the lag; null: it is not known. `isLooked`: the group's own page is open. `at`: monotonic ms. */
  add(
    id: string,
    lag: number | null,
    at: number,
    isLooked: boolean,
  ): Pick<GroupRow, 'lagPerSecond' | 'drainsInSeconds'> {
    if (lag === null) return { lagPerSecond: null, drainsInSeconds: null }
    const line = this.#lineOf(id, isLooked)
    const perSecond = line?.changeUntil(lag, at) ?? null
    line?.add(lag, at)
    const isShrinking = perSecond !== null && perSecond < 0 && lag > 0
    return { lagPerSecond: perSecond, drainsInSeconds: isShrinking ? lag / -perSecond : null }
  }

  of(id: string, at: number): Group['history'] {
    return { stepSeconds: stepMs / 1000, lag: this.#lines.get(id)?.valuesUntil(at) ?? [] }
  }

  /** Forgets all groups but these. */
  keep(ids: ReadonlySet<string>): void {
    for (const id of this.#lines.keys()) if (!ids.has(id)) this.#lines.delete(id)
  }

  #lineOf(id: string, isLooked: boolean): LagLine | undefined {
    let line = this.#lines.get(id)
    if (line !== undefined && !isLooked) return line
    if (line === undefined && this.#lines.size >= mostGroups) {
      if (!isLooked) return undefined
      this.#lines.delete(this.#lines.keys().next().value!)
    }
    // The one that was looked at last goes last.
    this.#lines.delete(id)
    this.#lines.set(id, (line ??= new LagLine()))
    return line
  }
}
