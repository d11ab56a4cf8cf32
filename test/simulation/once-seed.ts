// One seed of a chain whose sink writes each record once.
import { planOf } from '../../src/simulation/chain-variations.ts'
import { runChainSeed } from './chain-seed.ts'
import type { SeedDone } from './seeds-in-threads.ts'

export const runSeed = async (seed: number): Promise<SeedDone> =>
  runChainSeed(seed, await planOf(seed, 100, true))
