// FreeSpace: whether the data directories have room for puts. Looked at on the way, at most once a
// second; while there is too little puts are refused, and a timer looks until there is enough again.
import { Fault } from '../../errors.ts'
import type { Condition, ConditionMaker } from '../../observe/conditions.ts'
import type { Clock, Timer } from '../../system/clock.ts'
import { NoRoom, type SegmentStore } from './segment-store.ts'

const lookMs = 1000
const lookWhileLowMs = 100

export class FreeSpace {
  readonly #store: SegmentStore
  readonly #clock: Clock
  readonly #floorBytes: number
  readonly #channel: string
  readonly #condition: Condition
  #problem: Fault | null = null
  /** Free bytes at which puts are taken again: what a segment needs as well, where there was no room for one. */
  #enoughBytes: number
  #lookedAt = -Infinity
  #looking = false
  #timer: Timer | null = null

  constructor(
    store: SegmentStore,
    clock: Clock,
    { floorBytes }: { readonly floorBytes: number },
    channel: string,
    condition: ConditionMaker,
  ) {
    this.#store = store
    this.#clock = clock
    this.#floorBytes = this.#enoughBytes = floorBytes
    this.#channel = channel
    this.#condition = condition('free space')
  }

  /** Why puts are refused, or null. */
  get problem(): Fault | null {
    return this.#problem
  }

  look(): void {
    if (this.#looking || this.#clock.monotonic() - this.#lookedAt < lookMs) return
    void this.refresh()
  }

  async refresh(): Promise<void> {
    this.#looking = true
    try {
      const free = await this.#store.freeBytes()
      if (free >= this.#enoughBytes) {
        this.#problem = null
        this.#enoughBytes = this.#floorBytes
        this.#condition.clear(`channel ${this.#channel} takes puts again: ${free} bytes are free`)
      } else if (this.#problem === null)
        this.tell(
          new Fault(
            'DISK_FULL',
            `channel ${this.#channel} refuses puts: ${free} bytes are free where its data lies, fewer than minimumRequiredSpace (${this.#floorBytes})`,
          ),
        )
    } catch {
      // Not knowing is no reason to refuse: writing will tell.
    } finally {
      this.#lookedAt = this.#clock.monotonic()
      this.#looking = false
    }
    if (this.#problem !== null) this.#lookLater()
  }

  /** Puts are refused until there is room: for a segment, where one could not be made. */
  tell(problem: Fault): void {
    if (problem.cause instanceof NoRoom) this.#enoughBytes = this.#floorBytes + problem.cause.segmentBytes
    this.#problem = problem
    this.#condition.raise(problem.message, { remedy: `Events can still be taken. ${problem.remedy}` })
    this.#lookLater()
  }

  close(): void {
    this.#timer?.cancel()
    this.#closed = true
  }
  #closed = false

  #lookLater(): void {
    if (this.#closed || this.#timer !== null) return
    const again = (): void => {
      this.#timer = null
      void this.refresh()
    }
    this.#timer = this.#clock.after(lookWhileLowMs, again, { background: true })
  }
}
