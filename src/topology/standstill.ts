// Standstill: a source that can wait puts into a channel, and the channel takes nothing. One line when that
// has lasted some seconds, one a minute, one when it is over; health is red meanwhile. A channel that is
// full most of the time because its sink is the slower part is nothing to tell: it goes on taking.
import type { Channel } from '../component.ts'
import { faultTable } from '../errors.ts'
import type { Logger } from '../observe/log.ts'
import { OutageLines } from '../observe/outage-lines.ts'
import type { Clock } from '../system/clock.ts'

/** How long nothing was taken before it is told; also how often it is looked at. */
export const standstillMs = 3000

export interface StandstillParts {
  readonly name: string
  readonly channel: Pick<Channel, 'size' | 'capacity'>
  readonly clock: Clock
  readonly log: Logger
  setHealth(problem: string | null): void
}

export class Standstill {
  readonly #parts: StandstillParts
  readonly #lines: OutageLines
  #underWay = 0
  #movedAt = 0
  #isLooking = false

  constructor(parts: StandstillParts) {
    this.#parts = parts
    this.#lines = new OutageLines(parts.clock, parts.log)
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
    if (!this.#lines.isOut || !(isTaken || this.#underWay === 0)) return
    const { name, setHealth } = this.#parts
    this.#lines.succeeded(
      isTaken
        ? seconds => `channel ${name} takes events again after ${seconds} s`
        : seconds => `nothing waits for channel ${name} any more, after ${seconds} s`,
    )
    setHealth(null)
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
    const { name, channel, setHealth } = this.#parts
    const holds = `it holds ${channel.size} of ${channel.capacity} events`
    const text = `${holds}, and the source waits for room`
    setHealth(`channel ${name} takes no events: ${holds}`)
    const { remedy } = faultTable.CHANNEL_FULL
    this.#lines.failed({
      since: this.#movedAt,
      level: 'warn',
      what: `Standstill of channel ${name}`,
      began: () => `channel ${name} takes no events: ${text}. ${remedy}`,
      lasts: ({ seconds }) => `channel ${name} has taken no events for ${seconds} s: ${text}. ${remedy}`,
    })
    this.#lookIn(standstillMs)
  }
}
