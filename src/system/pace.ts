// Keeps turns of the event loop short: computations that may take long look at the pace of their process now and then,
// and wait for another turn where this one has lasted long enough. All of them together have one turn: what is due while
// others wait waits behind them, in order (`isAwaited`).
import type { Clock } from './clock.ts'
import { packByZstd, type ZstdTask } from './threads.ts'

/** After so long others get a turn, ms. */
export const turnMs = 10

export class Pace {
  readonly #clock: Clock
  /** When the turn of the moment was first looked at; -1 before. */
  #began = -1
  readonly #waiting: (() => void)[] = []

  constructor(clock: Clock) {
    this.#clock = clock
  }

  /** Whether somebody waits already: who begins something goes behind them. */
  get isAwaited(): boolean {
    return this.#waiting.length > 0
  }

  /** Whether to wait for `turn` before going on. */
  get isOver(): boolean {
    // Simulated time does not pass within a turn.
    if (this.#clock.isSimulated === true) return false
    const now = this.#clock.monotonic()
    if (this.#began === -1) {
      this.#began = now
      this.#clock.soon(() => this.#next())
      return false
    }
    return now - this.#began > turnMs
  }

  /** Resolves in a turn that has just begun. */
  turn(): Promise<void> {
    void this.isOver // lets the next turn be noticed
    return new Promise(resolve => void this.#waiting.push(resolve))
  }

  /** All steps, with other turns between them where they take long; a step may be waited for. */
  async run<R>(steps: Generator<void | ZstdTask, R>): Promise<R> {
    let step = steps.next()
    for (; step.done !== true; step = steps.next()) await this.after(step.value)
    return step.value
  }

  /** Before the step that follows one of `run`. */
  after(step: void | ZstdTask): void | Promise<void> {
    if (step !== undefined) return packByZstd(step, this.#clock)
    return this.isOver ? this.turn() : undefined
  }

  /** `make` of each, one after another. */
  async map<T, R>(
    items: readonly T[],
    make: (item: T, index: number) => R | Promise<R>,
  ): Promise<Awaited<R>[]> {
    const made: Awaited<R>[] = []
    for (let index = 0; index < items.length; index++) {
      if (this.isOver) await this.turn()
      const one = make(items[index]!, index)
      made.push(one instanceof Promise ? await one : (one as Awaited<R>))
    }
    return made
  }

  /** One of those that wait goes on. */
  #next(): void {
    this.#began = this.#waiting.length > 0 ? this.#clock.monotonic() : -1
    if (this.#began === -1) return
    this.#clock.soon(() => this.#next())
    this.#waiting.shift()!()
  }
}
