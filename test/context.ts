// What components are given in tests: the real doors, a log that keeps its lines, counters, health.
import { homedir } from 'node:os'
import type { CountedContext, Definition } from '../src/component.ts'
import { type ConditionMaker, Conditions } from '../src/observe/conditions.ts'
import { Counters, type CounterKind } from '../src/observe/counters.ts'
import { messageOf } from '../src/errors.ts'
import type { Snapshot } from '../src/observe/snapshot.ts'
import type { Logger } from '../src/observe/log.ts'
import type { Clock } from '../src/system/clock.ts'
import { realSystem, type System } from '../src/system/system.ts'

export class KeptLog implements Logger {
  /** From INFO on, or all where `debugs` was asked for. */
  readonly lines: string[] = []
  readonly debugs: boolean
  readonly #listeners = new Set<() => void>()

  constructor(debugs = false) {
    this.debugs = debugs
  }

  error = (message: string, cause?: unknown) => this.#keep('ERROR', message, cause)
  warn = (message: string, cause?: unknown) => this.#keep('WARN', message, cause)
  info = (message: string) => this.#keep('INFO', message)
  debug = (message: string) => {
    if (this.debugs) this.#keep('DEBUG', message)
  }
  child = () => this

  /** Resolves when a line matches, at once when one did already. */
  line(pattern: RegExp): Promise<string> {
    return new Promise(resolve => {
      const look = () => {
        const found = this.lines.find(line => pattern.test(line))
        if (found === undefined) return
        this.#listeners.delete(look)
        resolve(found)
      }
      this.#listeners.add(look)
      look()
    })
  }

  #keep(level: string, message: string, cause?: unknown): void {
    this.lines.push(`${level} ${message}${cause === undefined ? '' : `: ${messageOf(cause)}`}`)
    for (const look of this.#listeners) look()
  }
}

/** Conditions of one component, and what they say: `health()` is the problems that are red. */
export function conditionsOn(
  clock: Clock,
  log: Logger,
): { readonly condition: ConditionMaker; readonly health: () => readonly string[] } {
  const conditions = new Conditions(clock)
  return {
    condition: conditions.of('TEST.x', log),
    health: () => conditions.red.map(({ problem }) => problem),
  }
}

export interface TestContext extends CountedContext {
  readonly log: KeptLog
  readonly health: () => readonly string[]
}

/** A context for a component named `name`, counted with `attributes`. */
export function contextFor(
  kind: CounterKind,
  name: string,
  attributes: readonly string[] = [],
  given: { system?: System; home?: string } = {},
): TestContext {
  const system = given.system ?? realSystem
  const log = new KeptLog()
  return {
    name,
    agent: 'a1',
    system,
    log,
    ...conditionsOn(system.clock, log),
    home: given.home ?? homedir(),
    logRawData: false,
    systemProperties: new Map(),
    counters: new Counters(kind, name, attributes),
  }
}

/** A definition's options: defaults, with `given` over them; typed by the definition alone. */
export function optionsFor(definition: Definition, given: Record<string, unknown> = {}): never {
  const options: Record<string, unknown> = {}
  for (const [key, field] of Object.entries(definition.options)) options[key] = field.default
  return { ...options, ...given } as never
}

/** The process of an agent in a snapshot, holding nothing. */
export const idleProcess: Snapshot['process'] = {
  pid: 1,
  memoryBudget: 0,
  memoryUsed: 0,
  memoryMostUsed: 0,
  memoryWaiting: 0,
  loopDelayMs: 0,
  longestLoopDelayMs: 0,
}
