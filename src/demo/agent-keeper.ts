// Keeps one agent running: one that ends in the middle, whoever ended it, is started again on what its channel
// and Kafka still hold. One that ends by itself again and again cannot be kept.
import type { Clock } from '../system/clock.ts'
import type { ProgramEnd } from '../system/programs.ts'
import { AgentProcess, type Launch } from './agent-process.ts'
import type { AgentFile } from './configuration-copy.ts'
import { DemoProblem } from './demo-problem.ts'

/** Ends by itself that are followed by another start; one that has run so long begins anew. */
const mostFailures = 3
const soundMs = 10_000
const againMs = 1000

export interface AgentKeeperParts {
  readonly launch: Launch
  readonly file: AgentFile
  readonly directory: string
  readonly clock: Clock
  /** Hears, in a sentence, that it has ended and that it runs again. */
  readonly tell: (sentence: string) => void
}

export class AgentKeeper {
  readonly file: AgentFile
  readonly #parts: AgentKeeperParts
  readonly #started = Promise.withResolvers<void>()
  readonly #broken = Promise.withResolvers<never>()
  #life: AgentProcess
  #isStopping = false
  #hasStarted = false
  #failures = 0
  restarts = 0
  /** Monotonic ms; null before. */
  lastRestartMs: number | null = null
  /** Whether every component has been started, and none has ended since. */
  isRunning = false

  constructor(parts: AgentKeeperParts) {
    this.file = parts.file
    this.#parts = parts
    this.#broken.promise.catch(() => {}) // told by whoever waits
    this.#life = this.#begin(0)
  }

  /** Resolves when every component has been started for the first time. */
  get started(): Promise<void> {
    return this.#started.promise
  }

  /** Rejects with a DemoProblem when it cannot be kept running. */
  get broken(): Promise<never> {
    return this.#broken.promise
  }

  get pid(): number {
    return this.#life.pid
  }

  get logFile(): string {
    return this.#life.logFile
  }

  get monitoringPort(): number {
    return this.#life.monitoringPort
  }

  /** Its last complaint; null where there was none. */
  get trouble(): string | null {
    return this.#life.trouble
  }

  /** Asks it to stop; resolves when it has. */
  async stop(): Promise<void> {
    this.#isStopping = true
    if (!this.#life.hasEnded) await this.#life.stop(this.#parts.clock)
  }

  kill(): void {
    this.#isStopping = true
    this.#life.kill()
  }

  reopenLog(): void {
    this.#life.reopenLog()
  }

  #begin(monitoringPort: number): AgentProcess {
    const { launch, file, directory, clock, tell } = this.#parts
    const begunMs = clock.monotonic()
    const life = new AgentProcess(launch, file, directory, monitoringPort)
    void life.started.then(() => {
      this.isRunning = true
      if (this.#hasStarted) {
        const seconds = ((clock.monotonic() - (this.lastRestartMs ?? begunMs)) / 1000).toFixed(1)
        tell(`agent ${file.letter} runs again after ${seconds} s`)
      }
      this.#hasStarted = true
      this.#started.resolve()
    })
    void life.ended.then(end => {
      if (!this.#isStopping) this.#over(life, end, clock.monotonic() - begunMs)
    })
    return life
  }

  #over(life: AgentProcess, end: ProgramEnd, livedMs: number): void {
    const { file, clock, tell } = this.#parts
    this.isRunning = false
    const what = `agent ${file.letter} (${file.agent}) ${AgentProcess.wayOut(end)}`
    // Whoever ends it by a signal, or has it stop, may do so as often as they like.
    const isFailure = end.problem !== undefined || (end.signal === null && end.code !== 0)
    this.#failures = isFailure ? (livedMs > soundMs ? 1 : this.#failures + 1) : 0
    if (isFailure && (!this.#hasStarted || this.#failures > mostFailures)) {
      const again = this.#failures > 1 ? `, ${this.#failures} times in a row` : ''
      const said = `${what}${again}; its log is ${life.logFile}, and it said last:`
      this.#broken.reject(new DemoProblem(said, life.lastLines))
      return
    }
    this.restarts++
    this.lastRestartMs = clock.monotonic()
    tell(`${what} and is started again; what it had not passed on is in Kafka or in its channel`)
    const begin = () => {
      if (!this.#isStopping) this.#life = this.#begin(life.monitoringPort)
    }
    if (isFailure) clock.after(againMs, begin)
    else begin()
  }
}
