// A program that a service manager keeps running: it is started again when it was killed, when its machine is back,
// and when it could not start.
import { messageOf } from '../errors.ts'
import type { Machine, Program } from './machine.ts'
import type { Schedule } from './schedule.ts'

/** What runs: ready when `start` resolves, over when `stop` does. */
export interface Service {
  start(): Promise<void>
  stop(): Promise<void>
}

/** How long a service manager waits before it starts a program again that could not start. */
const restartMs = 500

export class Supervised<S extends Service = Service> {
  readonly machine: Machine
  readonly #schedule: Schedule
  readonly #make: (program: Program) => S
  readonly #note: (line: string) => void
  #program: Program | null = null
  #service: S | null = null
  #isReady = false
  /** How many starts have failed since the last that did not. */
  failedStarts = 0

  constructor(
    machine: Machine,
    schedule: Schedule,
    make: (program: Program) => S,
    note: (line: string) => void,
  ) {
    this.machine = machine
    this.#schedule = schedule
    this.#make = make
    this.#note = note
  }

  get isRunning(): boolean {
    return this.#program !== null
  }

  /** The service, where its start has ended well. */
  get running(): S | null {
    return this.#isReady ? this.#service : null
  }

  get program(): Program | null {
    return this.#program
  }

  start(): void {
    if (this.#program !== null || !this.machine.isOn) return
    const program = this.machine.start()
    this.#program = program
    this.#note('starts')
    const service = this.#make(program)
    this.#service = service
    service.start().then(
      () => {
        if (this.#program !== program) return
        this.failedStarts = 0
        this.#isReady = true
        this.#note('has started')
      },
      (error: unknown) => {
        if (this.#program !== program) return
        this.failedStarts++
        this.#note(`cannot start: ${messageOf(error)}`)
        this.kill(restartMs)
      },
    )
  }

  /** kill -9; started again after `restartAfterMs`. */
  kill(restartAfterMs: number): void {
    if (this.#program === null) return
    this.#note('is killed')
    this.machine.kill(this.#program)
    this.#gone(restartAfterMs)
  }

  cutPower(backAfterMs: number): void {
    if (!this.machine.isOn) return
    this.#note('loses power')
    this.machine.cutPower()
    this.#program = null
    this.#service = null
    this.#isReady = false
    this.#schedule.after(backAfterMs, () => {
      this.machine.restorePower()
      this.start()
    })
  }

  /** SIGTERM. Resolves when it has ended; `restartAfterMs` null: it stays away. */
  async stop(restartAfterMs: number | null): Promise<void> {
    const program = this.#program
    const service = this.#service
    if (program === null || service === null || !this.#isReady) return
    this.#isReady = false
    this.#note('is stopped')
    await service.stop()
    if (this.#program !== program) return
    this.#note('has stopped')
    this.machine.kill(program)
    this.#gone(restartAfterMs)
  }

  #gone(restartAfterMs: number | null): void {
    this.#program = null
    this.#service = null
    this.#isReady = false
    if (restartAfterMs !== null) this.#schedule.after(restartAfterMs, () => this.start())
  }
}
