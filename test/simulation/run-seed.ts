// One seed of the file channel's simulation, and many of them in a worker thread, where the test runner's
// book-keeping of promises does not slow them down.
import { isMainThread, parentPort, workerData } from 'node:worker_threads'
import { ChannelWorld, counted } from './channel-life.ts'
import { SeededRandom } from './seeded-random.ts'
import { SimulatedDisk } from './simulated-disk.ts'

export interface SeedsDone {
  /** Of each seed, in order. */
  readonly traces: readonly number[]
  readonly counted: Record<string, number>
  readonly failure: { readonly seed: number; readonly message: string } | null
}

/** Gives a number that stands for all that happened. */
export function runSeed(seed: number): Promise<number> {
  return new Promise((resolve, reject) => {
    runWorld(seed).then(resolve, reject)
    // Nothing in there waits for anything but promises.
    setImmediate(() => reject(new Error('it waits for something that never comes')))
  })
}

async function runWorld(seed: number): Promise<number> {
  const random = new SeededRandom(seed)
  const disk = new SimulatedDisk(random)
  const world = new ChannelWorld(random, disk)
  const lives = 2 + random.below(3)
  for (let life = 0; life < lives; life++) await world.live()
  await world.end()
  for (const [what, times] of Object.entries(disk.happened)) happened[what] = (happened[what] ?? 0) + times
  return world.trace
}

const happened: Record<string, number> = {}

if (!isMainThread && parentPort !== null) {
  const { from, to } = workerData as { from: number; to: number }
  const traces: number[] = []
  Error.stackTraceLimit = 1 // faults are part of the normal run
  let failure: SeedsDone['failure'] = null
  for (let seed = from; seed < to && failure === null; seed++)
    try {
      traces.push(await runSeed(seed))
    } catch (error) {
      failure = { seed, message: (error as Error).stack ?? String(error) }
    }
  const done: SeedsDone = { traces, counted: { ...counted, ...happened }, failure }
  parentPort.postMessage(done, [])
}
