// The bytes of requests that all connections hold together. Above the limit connections stop reading
// until others have been answered. One that stands in the middle of a request may always finish it, so
// that halves of requests never block each other for good.

export interface BudgetUser {
  /** It may read again, or should ask again. */
  wake(): void
}

export class MemoryBudget {
  readonly #limitBytes: number
  readonly #waiting = new Set<BudgetUser>()
  #used = 0
  #finishing: BudgetUser | null = null

  constructor(limitBytes: number) {
    this.#limitBytes = limitBytes
  }

  get usedBytes(): number {
    return this.#used
  }

  /** Whether the user may read now; where not, it is woken later. */
  allows(user: BudgetUser, midRequest: boolean): boolean {
    if (this.#used < this.#limitBytes) return true
    if (midRequest) this.#finishing ??= user
    if (this.#finishing === user) return true
    this.#waiting.add(user)
    return false
  }

  /** The user holds so many bytes more, or fewer. */
  add(bytes: number): void {
    this.#used += bytes
    if (bytes < 0 && this.#used < this.#limitBytes) this.#wakeAll()
  }

  /** The user has its request whole, or is gone. */
  release(user: BudgetUser): void {
    this.#waiting.delete(user)
    if (this.#finishing !== user) return
    this.#finishing = null
    this.#wakeAll()
  }

  #wakeAll(): void {
    this.#finishing = null
    const woken = [...this.#waiting]
    this.#waiting.clear()
    for (const user of woken) user.wake()
  }
}
