// SourceRunner: starts a source, again every 3 s while that fails, drives it if it polls, and stops it.
import { backoffMs, runnerBackoff } from '../backoff.ts'
import type { Interceptor, Source } from '../component.ts'
import type { Condition, ConditionMaker } from '../observe/conditions.ts'
import type { Logger } from '../observe/log.ts'
import type { Clock } from '../system/clock.ts'
import { Pace } from '../system/pace.ts'
import type { Random } from '../system/random.ts'
import { Fault, messageOf } from '../errors.ts'

/** How often a component whose start failed is started again: Flume's supervisor does so every 3 s. */
const restartMs = 3000

export interface SourceRunnerParts {
  readonly name: string
  readonly source: Source
  readonly interceptors: readonly Interceptor[]
  /** It runs from now on. */
  readonly onStarted: () => void
  readonly clock: Clock
  readonly random: Random
  /** That of all runners: a poll may find everything there. One of its own where absent. */
  readonly pace?: Pace
  readonly log: Logger
  readonly condition: ConditionMaker
}

export class SourceRunner {
  readonly #parts: SourceRunnerParts
  readonly #notStarted: Condition
  readonly #notReading: Condition
  readonly #stopping = new AbortController()
  #running: Promise<void> = Promise.resolve()
  #isStarted = false

  constructor(parts: SourceRunnerParts) {
    this.#parts = parts
    this.#notStarted = parts.condition('start')
    this.#notReading = parts.condition('reading')
  }

  /** False until it has started, and once it is stopped. */
  get isRunning(): boolean {
    return this.#isStarted && !this.#stopping.signal.aborted
  }

  /** Resolves after the first try to start; while the source fails to start, later tries follow. */
  async start(): Promise<void> {
    for (const interceptor of this.#parts.interceptors) await interceptor.start?.()
    await this.#tryStart()
    this.#running = this.#run()
  }

  /** What waits in a start or a round waits no longer; `stop` follows. */
  giveUp(): void {
    this.#stopping.abort()
  }

  async stop(): Promise<void> {
    this.giveUp()
    await this.#running
    await this.#parts.source.stop()
    for (const interceptor of this.#parts.interceptors) await interceptor.stop?.()
  }

  async #tryStart(): Promise<void> {
    const { source, name, log, onStarted } = this.#parts
    try {
      await source.start(this.#stopping.signal)
    } catch (error) {
      if (!this.#stopping.signal.aborted) this.#notStarted.fail(`Starting source ${name}`, error)
      await source
        .stop()
        .catch((again: unknown) => log.debug(`stopping after a failed start: ${messageOf(again)}`))
      return
    }
    this.#notStarted.clear(`Starting source ${name} succeeds`)
    this.#isStarted = true
    onStarted()
  }

  async #run(): Promise<void> {
    const { source, name, clock, random, pace = new Pace(clock) } = this.#parts
    const { signal } = this.#stopping
    while (!this.#isStarted && !signal.aborted) {
      await clock.sleep(restartMs, signal)
      if (!signal.aborted) await this.#tryStart()
    }
    if (source.poll === undefined) return
    while (!signal.aborted)
      try {
        await source.poll(signal)
        if (pace.isOver) await pace.turn()
        this.#notReading.clear(`Reading by source ${name} succeeds again`)
      } catch (error) {
        if (signal.aborted || (error instanceof Fault && error.code === 'STOPPED')) continue
        this.#notReading.fail(`Reading by source ${name}`, error)
        await clock.sleep(backoffMs(this.#notReading.tries, runnerBackoff, random), signal)
      }
  }
}
