// Blockade: how an event that can never be delivered is told. Blocked: one line that names the event when
// it begins, one a minute, one when it is over; health is red meanwhile. Set aside: one line, then at
// most one a minute with the number.
import { Fault, messageOf } from '../errors.ts'
import type { Event } from '../event.ts'
import type { Logger } from '../observe/log.ts'
import { OutageLines } from '../observe/outage-lines.ts'
import type { Clock } from '../system/clock.ts'

const reminderMs = 60_000
/** Longest value of a header in a line. */
const longestValue = 100

export interface BlockadeParts {
  /** Begins the lines: "Sink k1". */
  readonly name: string
  readonly clock: Clock
  readonly log: Logger
  setHealth(problem: string | null): void
}

export class Blockade {
  readonly #parts: BlockadeParts
  /** Of the event that blocked last. */
  #lines: OutageLines
  #event: Event | null = null
  #setAside = 0
  #lastAside = -Infinity

  constructor(parts: BlockadeParts) {
    this.#parts = parts
    this.#lines = new OutageLines(parts.clock, parts.log)
  }

  /** Tries in a row since the blockade began. */
  get tries(): number {
    return this.#lines.tries
  }

  blocked(event: Event, fault: unknown): void {
    const { name, clock, log, setHealth } = this.#parts
    // Each event has a line; one that comes and goes, between two sinks of a channel say, not every time.
    if (event !== this.#event) {
      this.#event = event
      this.#lines = new OutageLines(clock, log)
    }
    const what = `${describe(event)}: ${messageOf(fault)}`
    const remedy = fault instanceof Fault ? ` ${fault.remedy}` : ''
    setHealth(`blocked by an event that cannot be delivered: ${what}`)
    this.#lines.failed({
      level: 'error',
      what: `An event that blocks ${name}`,
      began: () =>
        `${name} is blocked by an event that cannot be delivered: ${what}. It is tried again until it passes, and what is behind it waits.${remedy}`,
      lasts: ({ seconds, tries }) =>
        `${name} has been blocked for ${seconds} s (${tries} tries): ${what}.${remedy}`,
    })
  }

  /** The event was delivered, set aside, or is with another sink. */
  over(): void {
    if (!this.#lines.isOut) return
    const { name, setHealth } = this.#parts
    this.#lines.succeeded(
      (seconds, tries) => `${name} is no longer blocked after ${seconds} s and ${tries} tries`,
    )
    setHealth(null)
  }

  diverted(event: Event, fault: Fault): void {
    const { name, clock, log } = this.#parts
    const now = clock.monotonic()
    this.#setAside++
    if (now - this.#lastAside < reminderMs) return
    this.#lastAside = now
    const what = `${describe(event)}: ${fault.message}`
    log.warn(
      this.#setAside === 1
        ? `${name} set an event aside that can never be delivered, ${what}`
        : `${name} has set ${this.#setAside} events aside that can never be delivered; the last, ${what}`,
    )
  }
}

/** Where the event comes from, as far as its headers tell, and its size; nothing of its body. */
export function describe(event: Event): string {
  const origin = ['topic', 'partition', 'offset']
    .filter(name => event.headers.has(name))
    .map(name => `${name}=${shorten(event.headers.get(name)!)}`)
  return `${origin.length === 0 ? 'an event' : `the event with the headers ${origin.join(', ')}`} and a body of ${event.body.length} bytes`
}

function shorten(value: string): string {
  const printable = JSON.stringify(value).slice(1, -1)
  return printable.length > longestValue ? `${printable.slice(0, longestValue)}…` : printable
}
