// The doors together, as components receive them, and the memory that those behind them may take.
import { realClock, type Clock } from './clock.ts'
import { MemoryBudget } from './memory-budget.ts'
import { realDisk, type Disk } from './disk.ts'
import { realNetwork, type Network } from './network.ts'
import { realPrograms, type Programs } from './programs.ts'
import { realRandom, type Random } from './random.ts'

/** The doors to what is outside of the program: a test gives others. */
export interface System {
  readonly clock: Clock
  readonly disk: Disk
  readonly network: Network
  readonly programs: Programs
  readonly random: Random
  /** Of the whole process. */
  readonly memory: MemoryBudget
}

/** The machine's clock, disk, network, programs and random numbers. */
export const realSystem: System = {
  clock: realClock,
  disk: realDisk,
  network: realNetwork,
  programs: realPrograms,
  random: realRandom,
  memory: new MemoryBudget(),
}
