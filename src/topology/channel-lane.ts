// ChannelLane: one source's way into one channel. While all is well a put goes straight through and
// many may be under way. When one fails for a reason that may pass, that put and the failed ones after
// it are repeated in their order, one at a time, and later ones wait behind them. A channel that takes
// nothing for some seconds is told: its sink is slow or its peer away, and the source waits. What no
// transaction of the channel can hold is put in halves; an event that is too large alone blocks.
import { backoffMs, runnerBackoff } from '../backoff.ts'
import type { Channel } from '../component.ts'
import type { Event } from '../event.ts'
import { Fault } from '../errors.ts'
import type { Condition, ConditionMaker } from '../observe/conditions.ts'
import type { Clock } from '../system/clock.ts'
import type { Random } from '../system/random.ts'
import { describe } from './blockade.ts'
import type { Standstill } from './standstill.ts'

interface Entry {
  /** Those not put yet, and how many of them go in one put. */
  events: readonly Event[]
  most: number
  readonly signal: AbortSignal
  readonly settle: { resolve(): void; reject(error: unknown): void }
}

export class ChannelLane {
  readonly #channel: Channel
  readonly #clock: Clock
  readonly #random: Random
  readonly #outage: Condition
  readonly #doing: string
  readonly #standstill: Standstill
  #underWay = 0
  /** Entries to repeat, in order; null while all is well. */
  #waiting: (Entry & { readonly sequence: number })[] | null = null
  #sequence = 0

  constructor(
    name: string,
    channel: Channel,
    given: { clock: Clock; random: Random; condition: ConditionMaker; standstill: Standstill },
  ) {
    this.#doing = `Putting events into channel ${name}`
    this.#channel = channel
    this.#clock = given.clock
    this.#random = given.random
    this.#outage = given.condition(`putting into ${name}`)
    this.#standstill = given.standstill
  }

  /** Resolves when the channel has taken the events; see ChannelProcessor.processUntilAccepted. */
  put(events: readonly Event[], signal: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      const entry = {
        events,
        most: events.length,
        signal,
        settle: { resolve, reject },
        sequence: this.#sequence++,
      }
      if (this.#waiting !== null) return void this.#waiting.push(entry)
      this.#underWay++
      this.#put(events, signal).then(
        () => {
          this.#underWay--
          resolve()
          this.#repeatWhenQuiet()
        },
        (error: unknown) => {
          this.#underWay--
          if (mayPass(error)) {
            // Puts that fail together are one failure. One that is too large is none yet.
            if (this.#waiting === null && !isTooLarge(error)) this.#outage.fail(this.#doing, error)
            ;(this.#waiting ??= []).push(entry)
          } else reject(error)
          this.#repeatWhenQuiet()
        },
      )
    })
  }

  async #put(events: readonly Event[], signal: AbortSignal): Promise<void> {
    this.#standstill.begin()
    let isTaken = false
    try {
      await this.#channel.put(events, { patienceMs: Infinity, signal })
      isTaken = true
    } finally {
      this.#standstill.end(isTaken)
    }
  }

  /** What was put stays put: after a rejection only the rest is left. */
  async #putInParts(entry: Entry): Promise<void> {
    while (entry.events.length > 0) {
      const part = entry.events.slice(0, entry.most)
      try {
        await this.#put(part, entry.signal)
        entry.events = entry.events.slice(part.length)
      } catch (error) {
        if (!isTooLarge(error)) throw error
        if (part.length === 1)
          throw new Fault(error.code, `${describe(part[0]!)}: ${error.message}`, { remedy: error.remedy })
        entry.most = Math.ceil(part.length / 2)
      }
    }
  }

  #repeatWhenQuiet(): void {
    if (this.#waiting === null || this.#underWay > 0 || this.#repeating) return
    this.#repeating = true
    void this.#repeat()
  }
  #repeating = false

  async #repeat(): Promise<void> {
    const waiting = this.#waiting!
    waiting.sort((a, b) => a.sequence - b.sequence)
    for (let entry = waiting[0]; entry !== undefined; entry = waiting[0]) {
      const { tries } = this.#outage
      if (tries > 0) await this.#clock.sleep(backoffMs(tries, runnerBackoff, this.#random), entry.signal)
      try {
        await this.#putInParts(entry)
        this.#outage.clear(`${this.#doing} succeeds again`)
        entry.settle.resolve()
      } catch (error) {
        if (mayPass(error) && !entry.signal.aborted) {
          this.#outage.fail(this.#doing, error)
          continue
        }
        entry.settle.reject(error)
      }
      waiting.shift()
    }
    this.#waiting = null
    this.#repeating = false
  }
}

const isTooLarge = (error: unknown): error is Fault =>
  error instanceof Fault && error.code === 'TRANSACTION_TOO_LARGE'

/** A transaction that is too large passes in parts, or when the channel gets other options. */
function mayPass(error: unknown): boolean {
  return error instanceof Fault && (error.retry !== 'never' || isTooLarge(error))
}
