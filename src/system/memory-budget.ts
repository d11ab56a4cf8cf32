// The memory budget of a process: what everything that was received, unpacked or decoded may take together.
// It is counted in unpacked bytes and in items, before they are allocated. Each connection and each partition has a share.
// What does not fit waits (`mayRead`, `reserve`) or is refused (`take`).
//
// While more than half of the budget is in use, no share may grow beyond the half divided by the shares that are in use, so
// that one cannot starve the others. Shares that hold something could wait for one another for good: therefore one of them
// at a time may always go on, beyond every limit, until it has finished.
import { countOf } from '../printable.ts'
import { Fault } from '../errors.ts'

/** The setting: `-D` of an agent, a key of a broker. */
export const memoryBudgetSetting = 'millrace.memoryBudget'
/** Twice what a busy agent or broker takes beyond an idle one (docs/performance.md). */
export const defaultMemoryBudgetBytes = 128 * 1024 * 1024
/** What an item (an event, a record, a header, a name) takes in memory beside its own bytes: the slice and the event, measured with V8 on 64 bits. */
export const itemBytes = 300

export class MemoryBudget {
  readonly limitBytes: number
  #usedBytes = 0
  #mostUsedBytes = 0
  #inUse = 0
  /** The one that may go on although the budget is used up. */
  #favoured: MemoryShare | null = null
  /** In the order in which they asked. */
  readonly #waiting = new Set<MemoryShare>()

  constructor(limitBytes = defaultMemoryBudgetBytes) {
    this.limitBytes = limitBytes
  }

  get usedBytes(): number {
    return this.#usedBytes
  }

  /** The highest `usedBytes` so far. */
  get mostUsedBytes(): number {
    return this.#mostUsedBytes
  }

  /** Shares that wait for room. */
  get waiting(): number {
    return this.#waiting.size
  }

  /** A share of what one connection or partition holds. `wake` is called when it may ask again after it had to wait. */
  share(wake: () => void = () => {}): MemoryShare {
    return new MemoryShare(
      {
        fits: (share, bytes) => this.#favoured === share || this.#fits(share, bytes),
        mayGrow: (share, bytes, isFavourable) => this.#mayGrow(share, bytes, isFavourable),
        change: (share, bytes) => this.#change(share, bytes),
        finished: (share, isGone) => this.#finished(share, isGone),
        limitBytes: this.limitBytes,
      },
      wake,
    )
  }

  #mayGrow(share: MemoryShare, bytes: number, isFavourable: boolean): boolean {
    if (this.#fits(share, bytes)) return true
    // A share that holds nothing can wait: what others hold will be released without it.
    if (isFavourable) this.#favoured ??= share
    if (this.#favoured === share) return true
    this.#waiting.add(share)
    return false
  }

  #fits(share: MemoryShare, bytes: number): boolean {
    const used = this.#usedBytes + bytes
    if (used > this.limitBytes || this.#usedBytes === this.limitBytes) return false
    const half = this.limitBytes / 2
    const others = this.#inUse - (share.heldBytes > 0 ? 1 : 0)
    return used <= half || others === 0 || share.heldBytes + bytes <= half / (others + 1)
  }

  #change(share: MemoryShare, bytes: number): void {
    if (share.heldBytes === bytes) this.#inUse += bytes > 0 ? 1 : 0
    else if (share.heldBytes === 0) this.#inUse--
    this.#usedBytes += bytes
    if (this.#usedBytes > this.#mostUsedBytes) this.#mostUsedBytes = this.#usedBytes
    const isOver = this.#favoured === share && share.heldBytes === 0
    if (bytes < 0 && (isOver || this.#usedBytes < this.limitBytes)) {
      this.#favoured = null
      this.#wakeAll()
    }
  }

  #finished(share: MemoryShare, isGone: boolean): void {
    if (isGone) this.#waiting.delete(share)
    if (this.#favoured !== share) return
    this.#favoured = null
    this.#wakeAll()
  }

  /** Each asks again; those for which there is no room wait on. */
  #wakeAll(): void {
    const woken = [...this.#waiting]
    this.#waiting.clear()
    for (const share of woken) share.wake()
  }
}

/** What a share may ask of its budget. */
interface Keeper {
  readonly limitBytes: number
  fits(share: MemoryShare, bytes: number): boolean
  mayGrow(share: MemoryShare, bytes: number, isFavourable: boolean): boolean
  /** Called when the share holds so much more, or less, already. */
  change(share: MemoryShare, bytes: number): void
  finished(share: MemoryShare, isGone: boolean): void
}

export class MemoryShare {
  readonly #budget: Keeper
  readonly #wake: () => void
  #heldBytes = 0
  #waiting: (() => void)[] = []

  constructor(budget: Keeper, wake: () => void) {
    this.#budget = budget
    this.#wake = wake
  }

  get heldBytes(): number {
    return this.#heldBytes
  }

  /**
   * Whether more may be read now; if not, `wake` is called later. Who stands in the middle of a request may be let on
   * beyond the limit: it says so by `finished` when the request is whole.
   */
  mayRead(isMidRequest: boolean): boolean {
    return this.#budget.mayGrow(this, 1, isMidRequest)
  }

  /** Counts what is there already, or (negative) is no longer. */
  add(bytes: number, items = 0): void {
    const change = bytes + items * itemBytes
    if (change === 0) return
    this.#heldBytes += change
    this.#budget.change(this, change)
  }

  /**
   * Waits until so much fits, and counts it. Rejects with OVER_BUDGET where it never will: `what` is its subject; and with
   * STOPPED when the signal is aborted first.
   */
  async reserve(what: string, bytes: number, items = 0, signal?: AbortSignal): Promise<void> {
    const needed = bytes + items * itemBytes
    if (needed > this.#budget.limitBytes) throw this.#refusal(what, bytes, items)
    while (!this.#budget.mayGrow(this, needed, this.#heldBytes > 0)) {
      if (signal?.aborted === true) throw new Fault('STOPPED', `${what} is not waited for any more`)
      await new Promise<void>(resolve => {
        const done = () => {
          signal?.removeEventListener('abort', done)
          this.#waiting = this.#waiting.filter(one => one !== done)
          resolve()
        }
        this.#waiting.push(done)
        signal?.addEventListener('abort', done, { once: true })
      })
    }
    this.add(bytes, items)
  }

  /** Counts so much, or throws OVER_BUDGET where it does not fit now. `what` is the subject of the message. */
  take(what: string, bytes: number, items = 0): void {
    if (!this.tryTake(bytes, items)) throw this.#refusal(what, bytes, items)
  }

  /** Counts so much where it fits now; says whether. */
  tryTake(bytes: number, items = 0): boolean {
    const needed = bytes + items * itemBytes
    if (needed > this.#budget.limitBytes || !this.#budget.fits(this, needed)) return false
    this.add(bytes, items)
    return true
  }

  /** Its request is whole: another may go on beyond the limit now. */
  finished(): void {
    this.#budget.finished(this, false)
  }

  /** Holds nothing and waits for nothing any more. */
  close(): void {
    this.add(-this.#heldBytes)
    this.#budget.finished(this, true)
    this.wake()
  }

  /** For the budget. */
  wake(): void {
    for (const resolve of this.#waiting.splice(0)) resolve()
    this.#wake()
  }

  #refusal(what: string, bytes: number, items: number): Fault {
    const size = items === 0 ? `${bytes} bytes` : `${bytes} bytes in ${countOf(items, 'item')}`
    return new Fault(
      'OVER_BUDGET',
      `${what} (${size}) does not fit the memory budget of ${this.#budget.limitBytes} bytes (${memoryBudgetSetting})`,
    )
  }
}

/** The least that may be set, bytes. */
export const leastMemoryBudgetBytes = 1024 * 1024

/** What the value of the setting asks for, bytes: the default where it is absent, null where it is no such number. */
export function readMemoryBudget(value: string | undefined): number | null {
  if (value === undefined) return defaultMemoryBudgetBytes
  const bytes = /^\d{1,15}$/.test(value.trim()) ? Number(value) : 0
  return bytes >= leastMemoryBudgetBytes ? bytes : null
}
