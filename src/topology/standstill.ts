// Standstill: a source that can wait puts into a channel, and the channel takes nothing. One line when that
// has lasted some seconds, one a minute, one when it is over; health is red meanwhile. A channel that is
// full most of the time because its sink is the slower part is nothing to tell: it goes on taking.
import type { Channel } from '../component.ts'
import { faultTable } from '../errors.ts'
import type { Condition, ConditionMaker } from '../observe/conditions.ts'
import type { Clock } from '../system/clock.ts'

/** How long nothing was taken before it is told; also how often it is looked at. */
export const standstillMs = 3000

const nameOf = (channel: string): string => `standstill of ${channel}`
/** Whether a condition of this name is a standstill. */
export const isStandstill = (name: string): boolean => name.startsWith(nameOf(''))

export interface StandstillParts {
  readonly name: string
  readonly channel: Pick<Channel, 'size' | 'capacity' | 'full'>
  readonly clock: Clock
  readonly condition: ConditionMaker
}

export class Standstill {
  readonly #parts: StandstillParts
  readonly #condition: Condition
  #underWay = 0
  #movedAt = 0
  #isLooking = false

  constructor(parts: StandstillParts) {
    this.#parts = parts
    this.#condition = parts.condition(nameOf(parts.name), { level: 'warn' })
  }

  /** A put begins. */
  begin(): void {
    if (this.#underWay++ > 0) return
    this.#movedAt = this.#parts.clock.monotonic()
    if (!this.#isLooking) this.#lookIn(standstillMs)
  }

  /** A put has ended; `isTaken` where the channel has the events. */
  end(isTaken: boolean): void {
    this.#underWay--
    this.#movedAt = this.#parts.clock.monotonic()
    if (!isTaken && this.#underWay > 0) return
    const { name } = this.#parts
    this.#condition.clear(
      isTaken ? `channel ${name} takes events again` : `nothing waits for channel ${name} now`,
    )
  }

  #lookIn(delayMs: number): void {
    this.#isLooking = true
    this.#parts.clock.after(delayMs, () => this.#look(), { background: true })
  }

  #look(): void {
    this.#isLooking = false
    if (this.#underWay === 0) return
    const stoodMs = this.#parts.clock.monotonic() - this.#movedAt
    if (stoodMs < standstillMs) return this.#lookIn(Math.ceil(standstillMs - stoodMs))
    const { name, channel } = this.#parts
    const { why, remedy } = channel.full ?? {
      why: `it holds ${channel.size} of ${channel.capacity} events`,
      remedy: faultTable.CHANNEL_FULL.remedy,
    }
    this.#condition.raise(`channel ${name} takes no events: ${why}, and the source waits for room`, {
      since: this.#movedAt,
      remedy,
    })
    this.#lookIn(standstillMs)
  }
}
