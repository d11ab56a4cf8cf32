// FreeSpace: whether the data directories have room for puts. Looked at on the way, at most once a
// second; while there is too little puts are refused, and a timer looks until there is enough again.
import { Fault } from '../../errors.ts'
import type { Logger } from '../../observe/log.ts'
import type { Clock, Timer } from '../../system/clock.ts'
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
  #lookedAt = -Infinity
  #looking = false
  #timer: Timer | null = null
  readonly #setHealth: (problem: string | null) => void

  constructor(
    store: SegmentStore,
    clock: Clock,
    limits: { readonly floorBytes: number; readonly segmentBytes: number },
    channel: string,
    log: Logger,
    setHealth: (problem: string | null) => void,
  ) {
    this.#store = store
    this.#clock = clock
    this.#limits = limits
    this.#channel = channel
    this.#log = log
    this.#setHealth = setHealth
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
      if (free >= this.#limits.floorBytes) {
        if (this.#problem !== null) {
          this.#problem = null
          this.#log.info(`channel ${this.#channel} takes puts again: ${free} bytes are free`)
          this.#setHealth(null)
        }
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
    if (this.#problem !== null) this.#lookLater()
  }

  /** A segment could not be made: puts wait until there is room for one. */
  tell(problem: Fault): void {
    if (this.#problem === null) {
      this.#log.error(`${problem.message}. Events can still be taken`)
      this.#setHealth(problem.message)
    }
    this.#problem = problem
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
