// The four doors together, as components receive them.
import { realClock, type Clock } from './clock.ts'
import { realDisk, type Disk } from './disk.ts'
import { realNetwork, type Network } from './network.ts'
import { realRandom, type Random } from './random.ts'

export interface System {
  readonly clock: Clock
  readonly disk: Disk
  readonly network: Network
  readonly random: Random
}

export const realSystem: System = {
  clock: realClock,
  disk: realDisk,
  network: realNetwork,
  random: realRandom,
}
