// One seed of a whole chain's simulation.
import type { ChainPlan } from '../../src/simulation/chain-plan.ts'
import { planOf } from '../../src/simulation/chain-variations.ts'
import { runChain } from '../../src/simulation/chain-world.ts'
import { realClock } from '../../src/system/clock.ts'
import type { SeedDone } from './seeds-in-threads.ts'

export const runSeed = async (seed: number): Promise<SeedDone> => runChainSeed(seed, await planOf(seed))

export async function runChainSeed(seed: number, plan: ChainPlan): Promise<SeedDone> {
  const done = await runChain(seed, plan, realClock.soon)
  if (done.violations.length > 0)
    throw new Error(`${done.violations.join('; ')}\n${done.log.slice(-60).join('\n')}`)
  const { sent, repeats, events, faults } = done
  return { trace: done.trace, counted: { sent, repeats, events, ...faults } }
}
