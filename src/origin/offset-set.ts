// A set of offsets in ranges, for what follows each other nearly always. Of many ranges the lowest are forgotten: nothing
// below `forgottenBelow` is known, and none of it counts as missing.

/** Ranges that are kept apart. */
const mostRanges = 32

export type OffsetRange = readonly [from: number, to: number]

export class OffsetSet {
  #ranges: [from: number, to: number][] = []
  /** 0 while nothing was forgotten. */
  forgottenBelow = 0

  /** In order, without overlap, with gaps between them. */
  get ranges(): readonly OffsetRange[] {
    return this.#ranges
  }

  holds(offset: number): boolean {
    const last = this.#ranges.at(-1)
    if (last === undefined || offset > last[1]) return false
    return this.#ranges.some(([from, to]) => from <= offset && offset <= to)
  }

  add(from: number, to: number): void {
    const last = this.#ranges.at(-1)
    if (last !== undefined && from >= last[0] && from <= last[1] + 1) {
      if (to > last[1]) last[1] = to
      return
    }
    const touching = this.#ranges.filter(range => range[0] <= to + 1 && from <= range[1] + 1)
    const merged: [number, number] = [
      Math.min(from, ...touching.map(range => range[0])),
      Math.max(to, ...touching.map(range => range[1])),
    ]
    const at = this.#ranges.findIndex(range => range[1] + 1 >= from)
    this.#ranges.splice(at < 0 ? this.#ranges.length : at, touching.length, merged)
    if (this.#ranges.length <= mostRanges) return
    this.forgottenBelow = this.#ranges.shift()![1] + 1
  }

  /** They were given to others. */
  removeFrom(offset: number): void {
    this.#ranges = this.#ranges.filter(([from]) => from < offset)
    const last = this.#ranges.at(-1)
    if (last !== undefined) last[1] = Math.min(last[1], offset - 1)
  }
}

/** What of `ranges` is in none of `others`; both in order or not. */
export function without(ranges: readonly OffsetRange[], others: readonly OffsetRange[]): OffsetRange[] {
  let left = [...ranges].sort((one, other) => one[0] - other[0])
  for (const [from, to] of others)
    left = left.flatMap(([low, high]): OffsetRange[] =>
      to < low || from > high
        ? [[low, high]]
        : [
            ...(low < from ? [[low, from - 1] as const] : []),
            ...(high > to ? [[to + 1, high] as const] : []),
          ],
    )
  return left
}

/** One set of them all. */
export function union(...all: readonly (readonly OffsetRange[])[]): OffsetRange[] {
  const joined: [number, number][] = []
  for (const [from, to] of all.flat().sort((one, other) => one[0] - other[0])) {
    const last = joined.at(-1)
    if (last !== undefined && from <= last[1] + 1) last[1] = Math.max(last[1], to)
    else joined.push([from, to])
  }
  return joined
}
