// One budget for the bytes that all connections of a server hold: halves of requests and requests that
// wait for the channel. Over the budget reading pauses; nobody is cut off for it. Requests that are
// complete end by themselves; so that halves alone can never block each other for good, one connection
// may always read on until its request is complete.

export interface BudgetedReader {
  /** Whether it holds a part of a request. */
  readonly midRequest: boolean
  /** Called when it may be allowed to read again: it asks by `mayRead`. */
  wake(): void
}

export class ReadBudget {
  readonly #limitBytes: number
  #usedBytes = 0
  /** The one that may read although the budget is used up. */
  #favoured: BudgetedReader | null = null
  /** In the order in which they asked. */
  readonly #waiting = new Set<BudgetedReader>()

  constructor(limitBytes: number) {
    this.#limitBytes = limitBytes
  }

  get usedBytes(): number {
    return this.#usedBytes
  }

  /** Whether the reader may read now; if not, it is woken later. */
  mayRead(reader: BudgetedReader): boolean {
    if (this.#usedBytes < this.#limitBytes) return true
    // Who holds nothing can wait: what others hold will be let go without it.
    if (reader.midRequest) this.#favoured ??= reader
    if (this.#favoured === reader) return true
    this.#waiting.add(reader)
    return false
  }

  /** Counts bytes a reader has come to hold (positive) or let go. */
  charge(deltaBytes: number): void {
    this.#usedBytes += deltaBytes
    if (deltaBytes < 0 && this.#usedBytes < this.#limitBytes) {
      this.#favoured = null
      const waiting = [...this.#waiting]
      this.#waiting.clear()
      for (const reader of waiting) reader.wake()
    }
  }

  /** The reader's request is complete, or the reader is gone: its turn, if it had one, passes on. */
  yield(reader: BudgetedReader): void {
    this.#waiting.delete(reader)
    if (this.#favoured !== reader) return
    this.#favoured = null
    const next = [...this.#waiting].find(one => one.midRequest)
    if (next === undefined) return
    this.#waiting.delete(next)
    next.wake()
  }
}
