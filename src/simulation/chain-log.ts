// The last lines that everybody in a simulated world has written, with the world's time.
import { messageOf } from '../errors.ts'
import type { Logger } from '../observe/log.ts'
import type { Schedule } from './schedule.ts'

const keptLines = 400

export class ChainLog {
  readonly #schedule: Schedule
  #lines: string[] = []

  constructor(schedule: Schedule) {
    this.#schedule = schedule
  }

  /** Called with every line. */
  onLine: (line: string) => void = () => {}

  get lines(): readonly string[] {
    return this.#lines
  }

  note(line: string): void {
    this.onLine(line)
    this.#lines.push(`${(this.#schedule.now / 1000).toFixed(4)} ${line}`)
    if (this.#lines.length > 2 * keptLines) this.#lines = this.#lines.slice(-keptLines)
  }

  /** A log of the one of this name. */
  of(name: string): Logger {
    const say = (level: string) => (message: string, cause?: unknown) =>
      this.note(`${name} ${level} ${message}${cause === undefined ? '' : `: ${messageOf(cause)}`}`)
    return {
      error: say('ERROR'),
      warn: say('WARN'),
      info: say('INFO'),
      debug: () => {},
      debugs: false,
      child: () => this.of(name),
    }
  }
}
