// FreeSpace: whether the data directories have room for puts. Looked at on the way, at most once a second; while there is
// too little puts are refused, and a timer looks until there is enough again and what could not be written is.
import { Fault } from '../../errors.ts'
import type { CountedContext } from '../../component.ts'
import type { Condition } from '../../observe/conditions.ts'
import type { Clock, Timer } from '../../system/clock.ts'
import { canBeTaken, NoRoom } from './segment-store.ts'

const lookMs = 1000
const lookWhileLowMs = 100

export interface FreeSpaceParts {
  /** Of the data directory that has least. */
  freeBytes(): Promise<number>
  /** Writes what could not be written before puts are taken again; gives why it cannot be written still. Never rejects. */
  makeUp(): Promise<Fault | null>
}

export class FreeSpace {
  readonly #parts: FreeSpaceParts
  readonly #channel: string
  readonly #clock: Clock
  readonly #floorBytes: number
  readonly #condition: Condition
  #problem: Fault | null = null
  /** Free bytes at which puts are taken again: what a segment needs as well, where there was no room for one. */
  #enoughBytes: number
  #lookedAt = -Infinity
  #looking: Promise<void> | null = null
  #timer: Timer | null = null
  #isClosed = false

  constructor({ name, system, condition }: CountedContext, floorBytes: number, parts: FreeSpaceParts) {
    this.#parts = parts
    this.#channel = name
    this.#clock = system.clock
    this.#floorBytes = this.#enoughBytes = floorBytes
    this.#condition = condition('free space')
  }

  /** Why puts are refused, or null. */
  get problem(): Fault | null {
    return this.#problem
  }

  look(): void {
    if (this.#clock.monotonic() - this.#lookedAt >= lookMs) void this.refresh()
  }

  refresh(): Promise<void> {
    this.#looking ??= this.#look().finally(() => {
      this.#lookedAt = this.#clock.monotonic()
      this.#looking = null
    })
    return this.#looking
  }

  async #look(): Promise<void> {
    const { freeBytes, makeUp } = this.#parts
    const channel = this.#channel
    const floorBytes = this.#floorBytes
    // Not knowing is no reason to refuse: writing will tell.
    const free = await freeBytes().catch(() => Infinity)
    if (free < this.#enoughBytes) {
      const low = `channel ${channel} refuses puts: ${free} bytes are free where its data lies, fewer than minimumRequiredSpace (${floorBytes})`
      if (this.#problem === null) this.tell(new Fault('DISK_FULL', low, { remedy: canBeTaken }))
      return this.#lookLater(lookWhileLowMs)
    }
    const lacking = this.#problem === null || this.#isClosed ? null : await makeUp()
    if (lacking !== null) return this.tell(lacking, lookMs)
    this.#problem = null
    this.#enoughBytes = floorBytes
    this.#condition.clear(`channel ${channel} takes puts again: ${free} bytes are free`)
  }

  /** Puts are refused until there is room: for a segment, where one could not be made. */
  tell(problem: Fault, againMs = lookWhileLowMs): void {
    for (let cause: unknown = problem; cause instanceof Error; cause = cause.cause)
      if (cause instanceof NoRoom) this.#enoughBytes = this.#floorBytes + cause.segmentBytes
    this.#problem = problem
    this.#condition.raise(problem.message, { remedy: problem.remedy })
    this.#lookLater(againMs)
  }

  /** Resolves when nothing is looked at, or made up for, any more. */
  async close(): Promise<void> {
    this.#isClosed = true
    this.#timer?.cancel()
    await this.#looking
  }

  #lookLater(delayMs: number): void {
    if (this.#isClosed || this.#timer !== null) return
    const again = (): void => {
      this.#timer = null
      void this.refresh()
    }
    this.#timer = this.#clock.after(delayMs, again, { background: true })
  }
}
