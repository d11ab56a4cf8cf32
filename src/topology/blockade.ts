// Blockade: how an event that can never be delivered is reported. Blocked: a condition that names the event.
// Set aside: one line, then one a minute with their number.
import { Fault, messageOf } from '../errors.ts'
import type { Event } from '../event.ts'
import type { Condition, ConditionMaker } from '../observe/conditions.ts'
import type { Logger } from '../observe/log.ts'
import { sparingOne } from '../observe/sparing-log.ts'
import type { Clock } from '../system/clock.ts'

/** Longest value of a header in a line. */
const longestValue = 100

export interface BlockadeParts {
  /** Begins the lines: "Sink k1". */
  readonly name: string
  readonly clock: Clock
  readonly log: Logger
  readonly condition: ConditionMaker
}

export class Blockade {
  readonly #parts: BlockadeParts
  readonly #condition: Condition
  readonly #log: Logger

  constructor(parts: BlockadeParts) {
    this.#parts = parts
    this.#condition = parts.condition('blocked')
    this.#log = sparingOne(parts.log, parts.clock)
  }

  /** Tries in a row since the blockade began. */
  get tries(): number {
    return this.#condition.tries
  }

  /** Millrace retries it, and the events behind it wait. */
  blocked(event: Event, fault: unknown): void {
    const what = `${describe(event)}: ${messageOf(fault)}`
    this.#condition.raise(`${this.#parts.name} is blocked by an event that cannot be delivered: ${what}`, {
      remedy: `Millrace retries it, and the events behind it wait.${fault instanceof Fault ? ` ${fault.remedy}` : ''}`,
    })
  }

  /** The event was delivered, set aside, or is with another sink. */
  over(): void {
    this.#condition.clear(`${this.#parts.name} is no longer blocked`)
  }

  diverted(event: Event, fault: Fault): void {
    this.#log.warn(
      `${this.#parts.name} set an event aside that can never be delivered, ${describe(event)}: ${fault.message}`,
    )
  }
}

/** Where the event comes from, as far as its headers tell, and its size; nothing of its body. */
export function describe(event: Event): string {
  let headers: Event['headers']
  try {
    headers = event.headers
  } catch {
    return `an event of ${event.size} bytes`
  }
  const origin = ['topic', 'partition', 'offset']
    .filter(name => headers.has(name))
    .map(name => `${name}=${shorten(headers.get(name)!)}`)
  return `${origin.length === 0 ? 'an event' : `the event with the headers ${origin.join(', ')}`} and a body of ${event.body.length} bytes`
}

function shorten(value: string): string {
  const printable = JSON.stringify(value).slice(1, -1)
  return printable.length > longestValue ? `${printable.slice(0, longestValue)}…` : printable
}
