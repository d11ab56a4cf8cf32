// HandedOut: what a channel has handed to takers: batches that are open, and events that came back from batches.
import type { PeekedEvent, TakeLimit } from '../component.ts'
import { OpenBatch, type OpenBatchParts } from './open-batch.ts'
import { ReturnedEvents, type Run } from './returned-events.ts'

export interface HandedOutParts extends Pick<OpenBatchParts, 'remove'> {
  /** Events came back, which other takers may wait for. */
  onReturned(): void
}

export class HandedOut {
  readonly #returned = new ReturnedEvents()
  readonly #open = new Set<OpenBatch>()

  /** The first of those that came back; null where none did. */
  again(limit: TakeLimit): Run[] | null {
    return this.#returned.take(limit)
  }

  /** Of those that came back: how many there are, and the end of some that others have by now. */
  get returnedCount(): number {
    return this.#returned.runs.reduce((sum, run) => sum + run.events.length, 0)
  }

  forget(isGone: (number: number) => boolean): void {
    this.#returned.forget(isGone)
  }

  open(runs: readonly Run[], { remove, onReturned }: HandedOutParts): OpenBatch {
    const batch: OpenBatch = new OpenBatch(runs, {
      remove,
      giveBack: returned => {
        for (const run of returned) this.#returned.add(run)
        onReturned()
      },
      onEnd: () => this.#open.delete(batch),
    })
    this.#open.add(batch)
    return batch
  }

  /** The oldest events of the channel; `waiting` are those that nobody has taken yet. */
  peek(limit: TakeLimit, waiting: readonly Run[]): PeekedEvent[] {
    const taken = [...this.#open].flatMap(batch => batch.runs.map(run => ({ run, isTaken: true })))
    const others = [...this.#returned.runs, ...waiting].map(run => ({ run, isTaken: false }))
    const inOrder = [...taken, ...others].sort((one, other) => one.run.first - other.run.first)
    const found: PeekedEvent[] = []
    let bytes = 0
    for (const { run, isTaken } of inOrder)
      for (const event of run.events) {
        bytes += event.size
        if (found.length >= limit.events || (found.length > 0 && bytes > (limit.bytes ?? Infinity)))
          return found
        found.push({ event, isTaken })
      }
    return found
  }
}
