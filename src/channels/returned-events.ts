// ReturnedEvents: what rolled-back batches gave back, kept in the order of the channel. Every event has
// a number, counted up by one with each put; a batch is a run of numbers, so that whatever order
// batches are rolled back in, the events come out again in the order in which they were put.
import type { TakeLimit } from '../component.ts'
import type { Event } from '../event.ts'

export interface Run {
  /** Number of the first event; the others follow without a gap. */
  readonly first: number
  readonly events: readonly Event[]
}

export class ReturnedEvents {
  /** By number, apart from one another. */
  readonly #runs: Run[] = []

  /** By number. */
  get runs(): readonly Run[] {
    return this.#runs
  }

  add(run: Run): void {
    if (run.events.length === 0) return
    let at = this.#runs.length
    while (at > 0 && this.#runs[at - 1]!.first > run.first) at--
    this.#runs.splice(at, 0, run)
  }

  /** Leaves out the events whose numbers do not count any more. */
  forget(isGone: (number: number) => boolean): void {
    for (const { first, events } of this.#runs.splice(0))
      for (const [index, event] of events.entries())
        if (!isGone(first + index)) append(this.#runs, { first: first + index, events: [event] })
  }

  /** The first events within the limit, as runs; null when there are none. */
  take(limit: TakeLimit): Run[] | null {
    const taken: Run[] = []
    let count = 0
    let bytes = 0
    for (let run = this.#runs[0]; run !== undefined; run = this.#runs[0]) {
      let used = 0
      while (used < run.events.length && count < limit.events) {
        bytes += limit.bytes === undefined ? 0 : run.events[used]!.size
        if (limit.bytes !== undefined && bytes > limit.bytes && count > 0) break
        used++
        count++
      }
      if (used < run.events.length) {
        if (used > 0) append(taken, { first: run.first, events: run.events.slice(0, used) })
        this.#runs[0] = { first: run.first + used, events: run.events.slice(used) }
        break
      }
      append(taken, run)
      this.#runs.shift()
    }
    return taken.length === 0 ? null : taken
  }
}

/** Adds the run behind the others, joined to the last where it touches it. */
function append(runs: Run[], run: Run): void {
  const last = runs.at(-1)
  if (last !== undefined && last.first + last.events.length === run.first)
    runs[runs.length - 1] = { first: last.first, events: [...last.events, ...run.events] }
  else runs.push(run)
}
