// Simulated time: everything that happens in a simulated world is an event of this schedule, and time moves
// only when all that the last event set going waits for another one. Nothing in a world may wait for anything
// else, so that the same seed gives the same run.
const turnsAtOnce = 32

interface Entry {
  readonly at: number
  readonly order: number
  run: (() => void) | null
}

export interface Scheduled {
  cancel(): void
}

export class Schedule {
  /** Milliseconds since the world began, with a fraction. */
  now = 0
  /** A number that stands for all that happened so far. */
  trace = 0
  events = 0
  #order = 0
  readonly #heap: Entry[] = []
  readonly #soon: (run: () => void) => void
  /** Call-backs of the real event loop that were asked for and are yet to come. */
  #turns = 0
  #settled: (() => void) | null = null

  /**
   * `soon` calls back from the real event loop, and between two call-backs promises and streams go as far as they can.
   * Many are asked for at once: a turn of the loop costs more than most events.
   */
  constructor(soon: (run: () => void) => void) {
    this.#soon = soon
  }

  /** `run` is called once, `delayMs` from now, after everything that was due before. */
  after(delayMs: number, run: () => void): Scheduled {
    const entry: Entry = { at: this.now + Math.max(0, delayMs), order: this.#order++, run }
    this.#push(entry)
    return { cancel: () => void (entry.run = null) }
  }

  /** Adds to the trace what an event's time alone does not tell. */
  note(what: number): void {
    this.trace = (Math.imul(this.trace, 31) + what) | 0
  }

  /** Runs until `isOver` or until `limitMs` of the world's time; gives whether it is over. */
  async run(isOver: () => boolean, limitMs: number): Promise<boolean> {
    await this.#settle()
    while (!isOver()) {
      const next = this.#pop()
      if (next === null || next.at > limitMs) {
        if (next !== null) this.#push(next)
        this.now = Math.max(this.now, Math.min(limitMs, next?.at ?? limitMs))
        return false
      }
      this.now = next.at
      this.events++
      this.note(Math.round(next.at * 1000))
      next.run!()
      await this.#settle()
    }
    return true
  }

  #settle(): Promise<void> {
    return new Promise(resolve => {
      this.#settled = resolve
      if (this.#turns > 0) return
      this.#turns = turnsAtOnce
      for (let turn = 0; turn < turnsAtOnce; turn++) this.#soon(this.#turn)
    })
  }

  readonly #turn = (): void => {
    this.#turns--
    const settled = this.#settled
    this.#settled = null
    settled?.()
  }

  #push(entry: Entry): void {
    const heap = this.#heap
    let at = heap.push(entry) - 1
    while (at > 0) {
      const above = (at - 1) >> 1
      if (isBefore(heap[above]!, entry)) break
      heap[at] = heap[above]!
      at = above
    }
    heap[at] = entry
  }

  /** The next one that was not cancelled. */
  #pop(): Entry | null {
    const heap = this.#heap
    while (heap.length > 0) {
      const first = heap[0]!
      const last = heap.pop()!
      if (heap.length > 0) {
        let at = 0
        for (;;) {
          let below = 2 * at + 1
          if (below >= heap.length) break
          if (below + 1 < heap.length && isBefore(heap[below + 1]!, heap[below]!)) below++
          if (!isBefore(heap[below]!, last)) break
          heap[at] = heap[below]!
          at = below
        }
        heap[at] = last
      }
      if (first.run !== null) return first
    }
    return null
  }
}

const isBefore = (one: Entry, other: Entry): boolean =>
  one.at < other.at || (one.at === other.at && one.order < other.order)
