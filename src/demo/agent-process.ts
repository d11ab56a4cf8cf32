// One agent as a process of its own: started, listened to, asked for its figures, ended. It ends with this
// process, however that ends, because its standard input does (-Dmillrace.stop.with.stdin).
import { join } from 'node:path'
import type { Clock } from '../system/clock.ts'
import type { Program, ProgramEnd } from '../system/programs.ts'
import type { AgentFile } from './configuration-copy.ts'

/** Lines of its log that are kept to be told when it ends in the middle. */
const linesKept = 8
/** An agent stops within 10 s. */
const stopLimitMs = 11_000

/** Starts Millrace's own program with these arguments. */
export type Launch = (args: readonly string[], onLine: (line: string) => void) => Program

export class AgentProcess {
  readonly logFile: string
  readonly ended: Promise<ProgramEnd>
  /** Resolves when every component has been started; never where it ends before. */
  readonly started: Promise<void>
  /** The port of its monitoring page; 0 until it is known. */
  monitoringPort: number
  hasEnded = false
  readonly #program: Program
  readonly #last: string[] = []
  #trouble: string | null = null

  /** `monitoringPort` 0: a free one. */
  constructor(launch: Launch, file: AgentFile, directory: string, monitoringPort: number) {
    this.monitoringPort = monitoringPort
    const configuration = join(directory, file.file)
    const log = `agent-${file.letter.toLowerCase()}.log`
    this.logFile = join(directory, 'logs', log)
    let start!: () => void
    this.started = new Promise(resolve => (start = resolve))
    this.#program = launch(
      [
        'agent',
        '--name',
        file.agent,
        '-f',
        configuration,
        '--no-reload-conf',
        '-Dflume.root.logger=INFO,console,LOGFILE',
        `-Dflume.log.dir=${join(directory, 'logs')}`,
        `-Dflume.log.file=${log}`,
        '-Dflume.monitoring.type=http',
        '-Dflume.monitoring.host=127.0.0.1',
        `-Dflume.monitoring.port=${monitoringPort}`,
        '-Dmillrace.stop.with.stdin=true',
        // What the file leaves to the default lies below the user's home.
        `-Duser.home=${join(directory, `agent-${file.letter.toLowerCase()}`)}`,
      ],
      line => {
        this.#last.push(line)
        if (this.#last.length > linesKept) this.#last.shift()
        this.monitoringPort ||= Number(/ Monitoring on http:\/\/[^/]*:(\d+)\//.exec(line)?.[1] ?? 0)
        const [, level, text] = /^\S+ \S+ \(\S+\) \[(\w+) - \S+\] (.*)$/.exec(line) ?? []
        if (level === 'ERROR' || (level === 'WARN' && / cannot |unreachable|refused/i.test(text!)))
          this.#trouble = text!
        if (/ Agent \S+ started$/.test(line)) start()
      },
    )
    this.ended = this.#program.ended
    void this.ended.then(() => (this.hasEnded = true))
  }

  get pid(): number {
    return this.#program.pid
  }

  /** Its last complaint; null where there was none. */
  get trouble(): string | null {
    return this.#trouble
  }

  /** What it has said last. */
  get lastLines(): readonly string[] {
    return this.#last
  }

  /** Asks it to stop; resolves when it has. What takes longer than an agent may is killed. */
  async stop(clock: Clock): Promise<void> {
    this.#program.signal('SIGTERM')
    const guard = clock.after(stopLimitMs, () => this.kill())
    await this.ended
    guard.cancel()
  }

  reopenLog(): void {
    this.#program.signal('SIGUSR1')
  }

  kill(): void {
    this.#program.signal('SIGKILL')
  }

  /** How it ended, for a sentence. */
  static wayOut({ code, signal, problem }: ProgramEnd): string {
    if (problem !== undefined) return `could not be started: ${problem}`
    return signal === null ? `ended with code ${code}` : `was ended by ${signal}`
  }
}
