// OpenBatch: what a channel hands out. It ends once: all gone, all returned, or some of each.
import type { Batch } from '../component.ts'
import type { Event } from '../event.ts'
import type { Run } from './returned-events.ts'

export interface OpenBatchParts {
  /** Marks the events as gone; resolves when that is durable. When it rejects they are given back. */
  remove(run: Run): Promise<void>
  /** Puts the events back at their places, at once. */
  giveBack(runs: readonly Run[]): void
  /** It is committed or rolled back from now on. */
  onEnd(): void
}

export class OpenBatch implements Batch {
  readonly events: readonly Event[]
  readonly runs: readonly Run[]
  readonly #parts: OpenBatchParts
  #ended = false

  constructor(runs: readonly Run[], parts: OpenBatchParts) {
    this.runs = runs
    this.#parts = parts
    this.events = runs.length === 1 ? runs[0]!.events : runs.flatMap(run => run.events)
  }

  async commit(): Promise<void> {
    this.#end()
    await this.#remove(this.runs)
  }

  async rollback(): Promise<void> {
    this.#end()
    this.#parts.giveBack(this.runs)
  }

  async commitExcept(left: readonly Event[]): Promise<void> {
    const { gone, kept } = divide(this.runs, left)
    this.#end()
    // First, so that nothing behind them is taken before them.
    if (kept.length > 0) this.#parts.giveBack(kept)
    if (gone.length > 0) await this.#remove(gone)
  }

  async #remove(runs: readonly Run[]): Promise<void> {
    const results = await Promise.allSettled(runs.map(run => this.#parts.remove(run)))
    const failed = results.findIndex(({ status }) => status === 'rejected')
    if (failed === -1) return
    this.#parts.giveBack(runs.filter((_, index) => results[index]!.status === 'rejected'))
    throw (results[failed] as PromiseRejectedResult).reason
  }

  #end(): void {
    if (this.#ended) throw new Error('the batch was committed or rolled back before')
    this.#ended = true
    this.#parts.onEnd()
  }
}

/** The runs in two: events of `left`, which stand in the runs in the same order, and the others. */
function divide(runs: readonly Run[], left: readonly Event[]): { gone: Run[]; kept: Run[] } {
  const gone: Run[] = []
  const kept: Run[] = []
  let at = 0
  for (const { first, events } of runs) {
    let start = 0
    while (start < events.length) {
      const isLeft = events[start] === left[at]
      let end = start
      while (end < events.length && (events[end] === left[at]) === isLeft) {
        end++
        if (isLeft) at++
      }
      ;(isLeft ? kept : gone).push({ first: first + start, events: events.slice(start, end) })
      start = end
    }
  }
  if (at !== left.length)
    throw new Error('events were to be left that are not of this batch, or not in its order')
  return { gone, kept }
}
