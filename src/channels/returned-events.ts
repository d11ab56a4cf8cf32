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

  get isEmpty(): boolean {
    return this.#runs.length === 0
  }

  add(run: Run): void {
    if (run.events.length === 0) return
    let at = this.#runs.length
    while (at > 0 && this.#runs[at - 1]!.first > run.first) at--
    this.#runs.splice(at, 0, run)
  }

  /** The first events within the limit; runs that touch are joined. Null when there are none. */
  take(limit: TakeLimit): { first: number; events: Event[] } | null {
    const start = this.#runs[0]
    if (start === undefined) return null
    const events: Event[] = []
    let bytes = 0
    for (let run: Run | undefined = start; run !== undefined; run = this.#runs[0]) {
      if (run.first !== start.first + events.length) break
      let used = 0
      while (used < run.events.length && events.length < limit.events) {
        const event = run.events[used]!
        if (limit.bytes !== undefined) {
          bytes += event.size
          if (bytes > limit.bytes && events.length > 0) break
        }
        events.push(event)
        used++
      }
      if (used < run.events.length) {
        this.#runs[0] = { first: run.first + used, events: run.events.slice(used) }
        break
      }
      this.#runs.shift()
    }
    return { first: start.first, events }
  }
}
