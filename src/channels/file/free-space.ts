// FreeSpace: whether the data directories have room for puts. Looked at on the way, at most once a
// second, and more often while there is too little: puts are then refused until there is enough again.
import { Fault } from '../../errors.ts'
import type { Logger } from '../../observe/log.ts'
import type { Clock } from '../../system/clock.ts'
import type { SegmentStore } from './segment-store.ts'

const lookMs = 1000
const lookWhileLowMs = 100

export class FreeSpace {
  readonly #store: SegmentStore
  readonly #clock: Clock
  readonly #limits: { readonly floorBytes: number; readonly segmentBytes: number }
  readonly #channel: string
  readonly #log: Logger
  #problem: Fault | null = null
  /** Bytes that must be free before puts are let in again. */
  #needed: number
  #lookedAt = -Infinity
  #looking = false

  constructor(
    store: SegmentStore,
    clock: Clock,
    limits: { readonly floorBytes: number; readonly segmentBytes: number },
    channel: string,
    log: Logger,
  ) {
    this.#store = store
    this.#clock = clock
    this.#limits = limits
    this.#channel = channel
    this.#log = log
    this.#needed = limits.floorBytes
  }

  /** Why puts are refused, or null. Asking looks again when the last look is old. */
  get problem(): Fault | null {
    if (this.#problem !== null) this.look()
    return this.#problem
  }

  look(): void {
    const interval = this.#problem === null ? lookMs : lookWhileLowMs
    if (this.#looking || this.#clock.monotonic() - this.#lookedAt < interval) return
    void this.refresh()
  }

  async refresh(): Promise<void> {
    this.#looking = true
    try {
      const free = await this.#store.freeBytes()
      if (free >= this.#needed) {
        if (this.#problem !== null)
          this.#log.info(`channel ${this.#channel} takes puts again: ${free} bytes are free`)
        this.#problem = null
        this.#needed = this.#limits.floorBytes
      } else if (this.#problem === null)
        this.tell(
          new Fault(
            'DISK_FULL',
            `channel ${this.#channel} refuses puts: ${free} bytes are free where its data lies, fewer than minimumRequiredSpace (${this.#limits.floorBytes})`,
          ),
        )
    } catch {
      // Not knowing is no reason to refuse: writing will tell.
    } finally {
      this.#lookedAt = this.#clock.monotonic()
      this.#looking = false
    }
  }

  /** A segment could not be made: puts wait until there is room for one. */
  tell(problem: Fault): void {
    if (this.#problem === null) this.#log.error(`${problem.message}. Events can still be taken`)
    this.#problem = problem
    this.#needed = this.#limits.floorBytes
  }
}
