// Many seeds of a simulation, in worker threads: every core has one, and the test runner's book-keeping of
// promises does not slow them down. A simulation is a module that exports `runSeed`.
import { availableParallelism } from 'node:os'
import { isMainThread, parentPort, Worker, workerData } from 'node:worker_threads'

export interface SeedDone {
  /** A number that stands for all that happened. */
  readonly trace: number
  /** How often each thing happened. */
  readonly counted: Readonly<Record<string, number>>
}

/** Rejects with what did not hold. */
export type RunSeed = (seed: number) => Promise<SeedDone>

export interface SeedsDone {
  /** Of each seed, in order. */
  readonly traces: readonly number[]
  /** Of those that were run once more, in order. */
  readonly again: readonly number[]
  /** Of further seeds, in order. */
  readonly more: readonly number[]
  readonly counted: Readonly<Record<string, number>>
}

interface Share {
  /** Of what this thread ran, by its place in the order of all. */
  readonly traces: readonly (readonly [place: number, trace: number])[]
  readonly counted: Readonly<Record<string, number>>
  readonly failure: { readonly seed: number; readonly message: string } | null
}

interface Work {
  readonly module: string
  /** The next place that nobody has taken; the end, where a seed has failed. */
  readonly next: Int32Array
  /** By place. */
  readonly seeds: readonly number[]
  /** So many of these are counted. */
  readonly count: number
}

/** A world leaves much behind and keeps little: a large nursery saves a tenth of the time. */
const maxYoungGenerationSizeMb = 192

/**
 * `count` seeds, the first `again` of them once more, and `more`. Rejects with the first seed that failed and what it
 * said.
 */
export async function runSeeds(
  module: URL,
  count: number,
  { from = 0, again = 0, more = [] as readonly number[] } = {},
): Promise<SeedsDone> {
  const next = new Int32Array(new SharedArrayBuffer(4))
  const once = Array.from({ length: count }, (_, index) => from + index)
  const seeds = [...once, ...once.slice(0, again), ...more]
  const work: Work = { module: module.href, next, seeds, count }
  const shares = await Promise.all(Array.from({ length: availableParallelism() }, () => runInThread(work)))
  const [first] = shares.flatMap(({ failure }) => failure ?? []).sort((a, b) => a.seed - b.seed)
  if (first !== undefined)
    throw new Error(`seed ${first.seed} (MILLRACE_SEED=${first.seed}): ${first.message}`)
  const traces: number[] = []
  const counted: Record<string, number> = {}
  for (const share of shares) {
    for (const [place, trace] of share.traces) traces[place] = trace
    addUp(counted, share.counted)
  }
  const [afterOnce, afterAgain] = [count, count + again]
  return {
    traces: traces.slice(0, afterOnce),
    again: traces.slice(afterOnce, afterAgain),
    more: traces.slice(afterAgain),
    counted,
  }
}

function runInThread(work: Work): Promise<Share> {
  return new Promise((resolve, reject) => {
    const worker = new Worker(new URL(import.meta.url), {
      workerData: work,
      resourceLimits: { maxYoungGenerationSizeMb },
    })
    worker.once('message', resolve)
    worker.once('error', reject)
    worker.once('exit', code => reject(new Error(`the thread ended with ${code}`)))
  })
}

function addUp(total: Record<string, number>, more: Readonly<Record<string, number>>): void {
  for (const [what, times] of Object.entries(more)) total[what] = (total[what] ?? 0) + times
}

if (!isMainThread && parentPort !== null) {
  const { module, next, seeds, count } = workerData as Work
  const end = seeds.length
  const { runSeed } = (await import(module)) as { runSeed: RunSeed }
  Error.stackTraceLimit = 1 // faults are part of the normal run
  const traces: [number, number][] = []
  const counted: Record<string, number> = {}
  let failure: Share['failure'] = null
  for (let place = 0; failure === null && (place = Atomics.add(next, 0, 1)) < end;) {
    const seed = seeds[place]!
    try {
      const done = await runSeed(seed)
      traces.push([place, done.trace])
      if (place < count) addUp(counted, done.counted)
    } catch (error) {
      failure = { seed, message: (error as Error).stack ?? String(error) }
      Atomics.store(next, 0, end)
    }
  }
  parentPort.postMessage({ traces, counted, failure } satisfies Share, [])
}
