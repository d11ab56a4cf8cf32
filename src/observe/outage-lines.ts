// When the log tells of something that is away: one line when it begins, one a minute while it lasts, one
// when it ends. What comes and goes all the time must not write a line a second: after the third outage
// within a short time only one more a minute is told, and the others are counted in one line a minute.
import type { Clock } from '../system/clock.ts'
import type { Logger } from './log.ts'

const minuteMs = 60_000
/** Outages that are told one after the other before they are counted; one more may be told each minute. */
const outagesAtOnce = 3

/** How long it has lasted, in seconds, and how many tries have failed. */
export interface Spell {
  readonly seconds: number
  readonly tries: number
}

export interface OutageTexts {
  readonly level: 'error' | 'warn'
  /** Completes "… came and went": "Kafka broker localhost:9092". */
  readonly what: string
  readonly began: () => string
  readonly lasts: (spell: Spell) => string
  /** Monotonic ms of the beginning, where that is known; else the first call counts. */
  readonly since?: number
}

export class OutageLines {
  readonly #clock: Clock
  readonly #log: Logger
  #since: number | null = null
  #tries = 0
  #isTold = false
  #lastLine = 0
  #allowance = outagesAtOnce
  #allowanceAt: number
  #untold = 0
  #isCounting = false

  constructor(clock: Clock, log: Logger) {
    this.#clock = clock
    this.#log = log
    this.#allowanceAt = clock.monotonic()
  }

  get isOut(): boolean {
    return this.#since !== null
  }

  /** Tries that failed in this outage. */
  get tries(): number {
    return this.#tries
  }

  /** It is away, or still is. `cause` goes with the first line. */
  failed({ level, what, began, lasts, since }: OutageTexts, cause?: unknown): void {
    const now = this.#clock.monotonic()
    const isNew = this.#since === null
    this.#since ??= since ?? now
    this.#tries++
    const spell = () => ({ seconds: Math.round((now - this.#since!) / 1000), tries: this.#tries })
    if (this.#isTold) {
      if (now - this.#lastLine < minuteMs) return
      this.#lastLine = now
      this.#log[level](lasts(spell()))
    } else if (this.#mayTell(now)) {
      this.#isTold = true
      this.#lastLine = now
      if (isNew) this.#log[level](began(), cause)
      else {
        this.#untold--
        this.#log[level](lasts(spell()), cause)
      }
    } else if (isNew) this.#count(level, what, now)
  }

  /** It is back; tells so where its beginning was told. */
  succeeded(ended: (seconds: string, tries: number) => string): void {
    if (this.#since === null) return
    const seconds = ((this.#clock.monotonic() - this.#since) / 1000).toFixed(1)
    if (this.#isTold) this.#log.info(ended(seconds, this.#tries))
    this.#since = null
    this.#isTold = false
    this.#tries = 0
  }

  #mayTell(now: number): boolean {
    const minutes = Math.floor((now - this.#allowanceAt) / minuteMs)
    if (minutes > 0) {
      this.#allowance = Math.min(outagesAtOnce, this.#allowance + minutes)
      this.#allowanceAt += minutes * minuteMs
    }
    if (this.#allowance === 0) return false
    this.#allowance--
    return true
  }

  /** One line a minute for those that are not told. */
  #count(level: OutageTexts['level'], what: string, now: number): void {
    this.#untold++
    if (this.#isCounting) return
    this.#isCounting = true
    this.#clock.after(
      minuteMs,
      () => {
        this.#isCounting = false
        if (this.#untold === 0) return
        const seconds = Math.round((this.#clock.monotonic() - now) / 1000)
        const times = this.#untold === 1 ? 'once more' : `${this.#untold} more times`
        this.#log[level](
          `${what} came and went ${times} within ${seconds} s; at present it is ${this.isOut ? 'away' : 'there'}`,
        )
        this.#untold = 0
      },
      { background: true },
    )
  }
}
