// Which transactions of a partition were aborted: consumers that read committed records alone leave out
// what lies in them. Entries stand in the order of their markers.

export interface AbortedTransaction {
  readonly producerId: number
  readonly firstOffset: number
  /** The offset of the marker that ended it. */
  readonly lastOffset: number
}

/** As the checkpoint keeps it. */
export type StoredAborted = readonly [producerId: number, firstOffset: number, lastOffset: number]

export class AbortedTransactions {
  #entries: AbortedTransaction[] = []

  get count(): number {
    return this.#entries.length
  }

  /** A start may see a marker again that its checkpoint knew of. */
  add(entry: AbortedTransaction): void {
    const last = this.#entries.at(-1)
    if (last === undefined || last.lastOffset < entry.lastOffset) this.#entries.push(entry)
  }

  /** Those with records between `from` and, not included, `to`. */
  between(from: number, to: number): AbortedTransaction[] {
    let first = 0
    for (let end = this.#entries.length; first < end;) {
      const middle = (first + end) >>> 1
      if (this.#entries[middle]!.lastOffset < from) first = middle + 1
      else end = middle
    }
    return this.#entries.slice(first).filter(({ firstOffset }) => firstOffset < to)
  }

  /** Forgets those that end before the log begins. */
  forgetBefore(startOffset: number): void {
    if ((this.#entries[0]?.lastOffset ?? Infinity) >= startOffset) return
    this.#entries = this.#entries.filter(({ lastOffset }) => lastOffset >= startOffset)
  }

  store(): StoredAborted[] {
    return this.#entries.map(one => [one.producerId, one.firstOffset, one.lastOffset])
  }

  restore(stored: readonly StoredAborted[]): void {
    this.#entries = stored.map(([producerId, firstOffset, lastOffset]) => ({
      producerId,
      firstOffset,
      lastOffset,
    }))
  }
}
