// One seed of the file channel's simulation.
import { SeededRandom } from '../../src/simulation/seeded-random.ts'
import { SimulatedDisk } from '../../src/simulation/simulated-disk.ts'
import { ChannelWorld, counted } from './channel-life.ts'
import type { SeedDone } from './seeds-in-threads.ts'

export function runSeed(seed: number): Promise<SeedDone> {
  return new Promise((resolve, reject) => {
    runWorld(seed).then(resolve, reject)
    // Nothing in there waits for anything but promises.
    setImmediate(() => reject(new Error('it waits for something that never comes')))
  })
}

async function runWorld(seed: number): Promise<SeedDone> {
  const before = { ...counted }
  const random = new SeededRandom(seed)
  const disk = new SimulatedDisk(random)
  const world = new ChannelWorld(random, disk)
  const lives = 2 + random.below(3)
  for (let life = 0; life < lives; life++) await world.live()
  await world.end()
  const since = Object.fromEntries(
    Object.entries(counted).map(([what, times]) => [what, times - before[what as keyof typeof counted]]),
  )
  return { trace: world.trace, counted: { ...since, ...disk.happened } }
}
