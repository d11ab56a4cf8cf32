// Group commit: what is added while a write runs forms the next group, so that many callers share one
// write and one sync. After a failed write nothing is retried: the system may have dropped what it
// could not write and report the next sync as good. Everything outstanding and everything later is refused,
// unless the owner knows better (a full disk: what did not fit is cut off, and there may be room later).

export interface GroupWriterParts<T> {
  /** Writes the group, durable as promised when it resolves. Never called twice at once, nor after it rejected. */
  write(group: readonly T[]): Promise<void>
  bytesOf(item: T): number
  /** Most bytes of a group; one item may be larger. */
  readonly groupBytes: number
  /** Called once, before the items are refused. */
  onFailed?(error: Error): void
  /**
   * Whether it can go on after this error, having undone what `write` began: then everything outstanding is
   * refused, and the function given is called in the same step, before anything new can be added.
   */
  recover?(error: unknown): Promise<(() => void) | null>
}

interface Waiting<T> {
  readonly item: T
  readonly resolve: () => void
  readonly reject: (error: Error) => void
}

export class GroupWriter<T> {
  readonly #parts: GroupWriterParts<T>
  #queue: Waiting<T>[] = []
  #running: Promise<void> | null = null
  #failed: Error | null = null

  constructor(parts: GroupWriterParts<T>) {
    this.#parts = parts
  }

  get failed(): Error | null {
    return this.#failed
  }

  /** Resolves when the item is written; items are written in the order of the calls. */
  add(item: T): Promise<void> {
    if (this.#failed !== null) return Promise.reject(this.#failed)
    return new Promise((resolve, reject) => {
      this.#queue.push({ item, resolve, reject })
      // What is added in the same turn shares the first group.
      this.#running ??= Promise.resolve().then(() => this.#run())
    })
  }

  /** Resolves when everything added so far and meanwhile is written or refused. */
  async idle(): Promise<void> {
    while (this.#running !== null) await this.#running
  }

  /** Refuses everything from now on, as after a failed write. */
  poison(error: Error): void {
    if (this.#failed !== null) return
    this.#parts.onFailed?.(error)
    this.close(error)
  }

  /** Refuses everything from now on with this error; nothing has failed. */
  close(error: Error): void {
    this.#failed ??= error
    this.#refuse(this.#queue.splice(0), this.#failed)
  }

  async #run(): Promise<void> {
    while (this.#queue.length > 0) {
      const group = this.#nextGroup()
      try {
        await this.#parts.write(group.map(one => one.item))
      } catch (error) {
        const cause = error instanceof Error ? error : new Error(String(error))
        const goOn = (await this.#parts.recover?.(error).catch(() => null)) ?? null
        if (goOn === null) this.poison(cause)
        this.#refuse(group, cause)
        this.#refuse(this.#queue.splice(0), cause)
        if (goOn === null) break
        goOn()
        continue
      }
      for (const { resolve } of group) resolve()
    }
    // In the same step as the look at the queue: nothing added after it is overlooked.
    this.#running = null
  }

  #nextGroup(): Waiting<T>[] {
    let bytes = 0
    let count = 0
    for (const { item } of this.#queue) {
      const size = this.#parts.bytesOf(item)
      if (count > 0 && bytes + size > this.#parts.groupBytes) break
      bytes += size
      count++
    }
    if (count < this.#queue.length) return this.#queue.splice(0, count)
    const all = this.#queue
    this.#queue = []
    return all
  }

  #refuse(group: readonly Waiting<T>[], error: Error): void {
    for (const { reject } of group) reject(error)
  }
}
