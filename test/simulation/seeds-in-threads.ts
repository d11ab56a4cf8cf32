// Many seeds of a simulation, in worker threads: every core has one, and the test runner's book-keeping of
// promises does not slow them down. A simulation is a module that exports `runSeed`.
import { availableParallelism } from 'node:os'
import { getHeapStatistics } from 'node:v8'
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
  readonly counted: Readonly<Record<string, number>>
}

/** When a thread leaves the rest to another: what killed programs waited for by AbortSignal.any is never let go. */
const mostBytes = 256 * 1024 * 1024

interface Share {
  /** Of the seeds that this thread ran. */
  readonly traces: readonly (readonly [seed: number, trace: number])[]
  readonly counted: Readonly<Record<string, number>>
  readonly failure: { readonly seed: number; readonly message: string } | null
}

interface Work {
  readonly module: string
  /** The next seed that nobody has taken; the end, where one has failed. */
  readonly next: Int32Array
  readonly end: number
}

/** `count` seeds from `from` on. Rejects with the first seed that failed and what it said. */
export async function runSeeds(module: URL, count: number, from = 0): Promise<SeedsDone> {
  const next = new Int32Array(new SharedArrayBuffer(4)).fill(from)
  const work: Work = { module: module.href, next, end: from + count }
  const shares: Share[] = []
  const lane = async (): Promise<void> => {
    while (Atomics.load(next, 0) < work.end) shares.push(await runInThread(work))
  }
  await Promise.all(Array.from({ length: availableParallelism() }, lane))
  const [first] = shares.flatMap(({ failure }) => failure ?? []).sort((a, b) => a.seed - b.seed)
  if (first !== undefined)
    throw new Error(`seed ${first.seed} (MILLRACE_SEED=${first.seed}): ${first.message}`)
  const traces: number[] = []
  const counted: Record<string, number> = {}
  for (const share of shares) {
    for (const [seed, trace] of share.traces) traces[seed - from] = trace
    addUp(counted, share.counted)
  }
  return { traces, counted }
}

function runInThread(work: Work): Promise<Share> {
  return new Promise((resolve, reject) => {
    const worker = new Worker(new URL(import.meta.url), { workerData: work })
    worker.once('message', resolve)
    worker.once('error', reject)
    worker.once('exit', code => reject(new Error(`the thread ended with ${code}`)))
  })
}

function addUp(total: Record<string, number>, more: Readonly<Record<string, number>>): void {
  for (const [what, times] of Object.entries(more)) total[what] = (total[what] ?? 0) + times
}

if (!isMainThread && parentPort !== null) {
  const { module, next, end } = workerData as Work
  const { runSeed } = (await import(module)) as { runSeed: RunSeed }
  Error.stackTraceLimit = 1 // faults are part of the normal run
  const traces: [number, number][] = []
  const counted: Record<string, number> = {}
  let failure: Share['failure'] = null
  const isFull = (): boolean => {
    const { used_heap_size: used, external_memory: external } = getHeapStatistics()
    return used + external > mostBytes
  }
  for (let seed = 0; failure === null && !isFull() && (seed = Atomics.add(next, 0, 1)) < end;)
    try {
      const done = await runSeed(seed)
      traces.push([seed, done.trace])
      addUp(counted, done.counted)
    } catch (error) {
      failure = { seed, message: (error as Error).stack ?? String(error) }
      Atomics.store(next, 0, end)
    }
  parentPort.postMessage({ traces, counted, failure } satisfies Share, [])
}
