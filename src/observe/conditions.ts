// Conditions: what is wrong at the moment, by name. A component raises a condition and clears it; the log has
// one line when it begins, one a minute while it lasts and one when it ends. A condition that comes and goes is
// summed up in one line a minute, for as long as it does. Health is the set of red conditions that are raised.
import { Fault, messageOf } from '../errors.ts'
import type { Clock, Timer } from '../system/clock.ts'
import type { Logger } from './log.ts'

const minuteMs = 60_000

export interface Raising {
  /** Monotonic ms of the beginning, where that is known; else the first call counts. */
  readonly since?: number
  /** What the operator can do, in whole sentences. */
  readonly remedy?: string
  /** Printed behind the first line; its stack at DEBUG. */
  readonly cause?: unknown
  /** It will not pass by itself: it is raised without its grace. */
  readonly atOnce?: boolean
}

export interface ConditionOptions {
  /** Of the lines that tell of it; `error` where absent. */
  readonly level?: 'error' | 'warn'
  /** False where it is worth lines and does not turn health red. */
  readonly isRed?: boolean
  /** What is over sooner is not raised: a leader that moves, say. 0 where absent. */
  readonly graceMs?: number
}

/** Makes a condition of the component, to be kept and used again: what comes and goes is counted in it. */
export type ConditionMaker = (name: string, options?: ConditionOptions) => Condition

/** What is wrong with a component; times are monotonic ms. */
export interface RaisedCondition {
  /** As /metrics names it: SINK.k1. */
  readonly component: string
  readonly name: string
  readonly problem: string
  readonly remedy: string
  readonly since: number
  readonly isRed: boolean
}

/** All conditions of an agent that are raised. */
export class Conditions {
  readonly #clock: Clock
  readonly #onChange: (condition: RaisedCondition, isRaised: boolean) => void
  readonly #raised = new Set<Condition>()
  readonly #owners = new Set<ConditionOwner>()

  constructor(clock: Clock, onChange: (condition: RaisedCondition, isRaised: boolean) => void = () => {}) {
    this.#clock = clock
    this.#onChange = onChange
  }

  /** Makes the conditions of one component. */
  of(component: string, log: Logger): ConditionMaker {
    const own: ConditionOwner = {
      component,
      clock: this.#clock,
      log,
      raised: this.#raised,
      changed: this.#onChange,
      isClosed: false,
    }
    this.#owners.add(own)
    return (name, options) => new Condition(own, name, options)
  }

  /** The component, and what belongs to it, has stopped: its conditions end without a line, for good. */
  close(component: string): void {
    const isIts = (one: { component: string }) =>
      one.component === component || one.component.startsWith(`${component}.`)
    for (const own of [...this.#owners].filter(isIts)) {
      own.isClosed = true
      this.#owners.delete(own)
    }
    for (const one of [...this.#raised].filter(isIts)) {
      this.#raised.delete(one)
      this.#onChange(one, false)
    }
  }

  /** In the order in which they were raised. */
  get raised(): readonly RaisedCondition[] {
    return [...this.#raised]
  }

  get red(): readonly RaisedCondition[] {
    return this.raised.filter(one => one.isRed)
  }
}

/** Conditions whose lines alone count: nobody asks for their state. */
export const looseConditions = (clock: Clock, log: Logger): ConditionMaker =>
  new Conditions(clock).of('', log)

interface ConditionOwner {
  readonly component: string
  readonly clock: Clock
  readonly log: Logger
  readonly raised: Set<Condition>
  readonly changed: (condition: RaisedCondition, isRaised: boolean) => void
  isClosed: boolean
}

/** Something that is wrong for a time; it is raised and cleared by the component that has it. */
export class Condition implements RaisedCondition {
  readonly name: string
  /** May change while it is raised. */
  isRed: boolean
  problem = ''
  remedy = ''
  since = 0
  readonly #own: ConditionOwner
  readonly #level: 'error' | 'warn'
  readonly #graceMs: number
  /** Until it is raised; null while it does not hold, or is raised. */
  #grace: Timer | null = null
  #tries = 0
  /** Whether the last line says that it is raised. */
  #isTold = false
  /** A line was written less than a minute ago. */
  #isResting = false
  /** How often it has begun without a line of its own; more than 0: it comes and goes. */
  #untold = 0
  /** It came back within the minute before, too. */
  #isFlapping = false
  /** What to say where it ended among these. */
  #over = ''

  constructor(own: ConditionOwner, name: string, options: ConditionOptions = {}) {
    this.#own = own
    this.name = name
    this.#level = options.level ?? 'error'
    this.#graceMs = options.graceMs ?? 0
    this.isRed = options.isRed ?? true
  }

  get component(): string {
    return this.#own.component
  }

  get isRaised(): boolean {
    return this.#own.raised.has(this)
  }

  /** How often `raise` was called since it began, grace included: tries that failed in a row. */
  get tries(): number {
    return this.#tries
  }

  /** It holds, or still does. `problem` is one sentence without its full stop: what is wrong, and where. */
  raise(problem: string, { since, remedy = '', cause, atOnce = false }: Raising = {}): void {
    const { clock, isClosed } = this.#own
    this.#tries++
    this.problem = problem
    this.remedy = remedy
    if (isClosed || this.isRaised) return
    const now = clock.monotonic()
    if (this.#grace === null) this.since = since ?? now
    const leftMs = this.since + this.#graceMs - now
    if (atOnce || leftMs <= 0) this.#begin(cause)
    else this.#grace ??= clock.after(leftMs, () => this.#begin(cause), { background: true })
  }

  #begin(cause: unknown): void {
    this.#grace?.cancel()
    this.#grace = null
    if (this.#own.isClosed) return
    this.#own.raised.add(this)
    this.#own.changed(this, true)
    if (this.#isResting) this.#untold++
    else this.#tell('', cause)
  }

  /** `doing` failed and is retried, for nothing where the fault needs a restart: "Delivering events by sink k1". */
  fail(doing: string, error: unknown): void {
    // A fault says all in its message; of anything else the stack helps.
    const more = error instanceof Fault ? { remedy: error.remedy } : { cause: error }
    const again = error instanceof Fault && error.needsRestart ? '' : ' and is retried until it succeeds'
    this.raise(`${doing} failed${again}: ${messageOf(error)}`, more)
  }

  /** It is over, where it is raised: `over` is a sentence that "after 12.3 s" follows. */
  clear(over: string): void {
    this.#grace?.cancel()
    this.#grace = null
    this.#tries = 0
    if (!this.#own.raised.delete(this)) return
    this.#own.changed(this, false)
    this.#over = `${over}, after ${this.#secondsSince(1)} s`
    if (this.#untold === 0 && !this.#isFlapping) this.#tellEnd()
  }

  #secondsSince(digits: number): string {
    return ((this.#own.clock.monotonic() - this.since) / 1000).toFixed(digits)
  }

  #tell(more: string, cause?: unknown): void {
    const { clock, log } = this.#own
    this.#isTold = this.isRaised
    this.#untold = 0
    this.#isResting = true
    log[this.#level](`${this.problem}.${more}${this.remedy === '' ? '' : ` ${this.remedy}`}`, cause)
    clock.after(minuteMs, () => this.#minuteIsOver(), { background: true })
  }

  #tellEnd(): void {
    this.#own.log.info(this.#over)
    this.#isTold = false
  }

  #minuteIsOver(): void {
    this.#isResting = false
    if (this.#own.isClosed) return
    this.#isFlapping = this.#untold > 0
    const again = `It came back ${this.#untold === 1 ? 'once' : `${this.#untold} times`} within a minute and`
    const lasts = `has lasted for ${this.#secondsSince(0)} s.`
    if (this.isRaised) this.#tell(this.#isFlapping ? ` ${again} ${lasts}` : ` This ${lasts}`)
    else if (this.#isFlapping) this.#tell(` ${again} is over at present.`)
    else if (this.#isTold) this.#tellEnd()
  }
}
