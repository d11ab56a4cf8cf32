// A simulated machine with its disk and its clock, and the programs that run on it. A program has one life: when
// it is killed nothing that it waits for ever comes, and what it set going never ends.
import type { Clock } from '../system/clock.ts'
import { MemoryBudget } from '../system/memory-budget.ts'
import type { System } from '../system/system.ts'
import type { Schedule } from './schedule.ts'
import type { SeededRandom } from './seeded-random.ts'
import { SimulatedDisk } from './simulated-disk.ts'
import type { SimulatedNetwork } from './simulated-network.ts'

/** Where the world's time begins, ms since 1970. */
const beginMs = 1_700_000_000_000
/** Most that one call to the disk takes; a sync takes longer. */
const diskMs = 0.5

export interface MachineParts {
  readonly schedule: Schedule
  readonly random: SeededRandom
  readonly network: SimulatedNetwork
}

export class Machine {
  readonly name: string
  readonly disk: SimulatedDisk
  readonly #around: MachineParts
  readonly #programs = new Set<Program>()
  isOn = true
  /** By how much its wall clock is wrong. */
  clockErrorMs = 0
  /** Most that a call to the disk takes, ms. */
  diskMs = diskMs

  constructor(name: string, around: MachineParts) {
    this.name = name
    this.#around = around
    this.disk = new SimulatedDisk(around.random)
  }

  /** A new program; there may be several on one machine. */
  start(): Program {
    const program = new Program(this, this.#around)
    this.#programs.add(program)
    return program
  }

  /** Power is lost: programs, and whatever was not synced. Nobody hears of it until the machine is back. */
  cutPower(): void {
    this.isOn = false
    for (const program of this.#programs) program.die()
    this.#programs.clear()
    this.disk.crash()
  }

  restorePower(): void {
    this.isOn = true
    this.#around.network.passHeld()
  }

  /** kill -9: what the program wrote stays, synced or not. */
  kill(program: Program): void {
    program.die()
    this.#programs.delete(program)
    this.disk.kill()
    this.#around.network.abandon(program)
  }
}

export class Program {
  readonly machine: Machine
  readonly system: System
  readonly #schedule: Schedule
  isAlive = true
  #stoppedUntil = 0

  constructor(machine: Machine, { schedule, random, network }: MachineParts) {
    this.machine = machine
    this.#schedule = schedule
    this.system = {
      clock: this.#clock(),
      disk: machine.disk.open(
        () => new Promise(resolve => schedule.after(random.next() * machine.diskMs, this.guard(resolve))),
      ),
      network: network.doorOf(this),
      programs: { open: () => Promise.reject(new Error('a simulated machine runs no programs')) },
      random: {
        next: () => random.next(),
        bytes: size => random.bytes(size),
        uuid: () => uuidOf(random.bytes(16)),
      },
      memory: new MemoryBudget(),
    }
  }

  die(): void {
    this.isAlive = false
  }

  /** SIGSTOP, and SIGCONT after so many ms. */
  pause(forMs: number): void {
    this.#stoppedUntil = Math.max(this.#stoppedUntil, this.#schedule.now + forMs)
  }

  /** `run` as this program would: not before it goes on, and not at all once it is dead. */
  guard(run: () => void): () => void {
    const guarded = (): void => {
      if (!this.isAlive) return
      const waitMs = this.#stoppedUntil - this.#schedule.now
      if (waitMs > 0) this.#schedule.after(waitMs, guarded)
      else run()
    }
    return guarded
  }

  #clock(): Clock {
    const schedule = this.#schedule
    const clock: Clock = {
      now: () => Math.floor(beginMs + schedule.now + this.machine.clockErrorMs),
      monotonic: () => schedule.now,
      after: (delayMs, run) => schedule.after(delayMs, this.guard(run)),
      sleep: (delayMs, signal) =>
        new Promise(resolve => {
          if (signal?.aborted === true) return resolve()
          const done = (): void => {
            timer.cancel()
            signal?.removeEventListener('abort', done)
            resolve()
          }
          const timer = clock.after(delayMs, done)
          signal?.addEventListener('abort', done, { once: true })
        }),
      soon: run => void schedule.after(0, this.guard(run)),
      isSimulated: true,
    }
    return clock
  }
}

function uuidOf(bytes: Buffer): string {
  bytes[6] = (bytes[6]! & 0x0f) | 0x40
  bytes[8] = (bytes[8]! & 0x3f) | 0x80
  const hex = bytes.toString('hex')
  return [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20)].join('-')
}
