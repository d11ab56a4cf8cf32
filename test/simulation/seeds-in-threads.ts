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
  readonly counted: Readonly<Record<string, number>>
}

interface Piece {
  readonly traces: readonly number[]
  readonly counted: Record<string, number>
  readonly failure: { readonly seed: number; readonly message: string } | null
}

/** Threads start cold, so pieces are not small. */
const leastPiece = 50

/** From 0 on. Rejects with the first seed that failed and what it said. */
export async function runSeeds(module: URL, count: number): Promise<SeedsDone> {
  const threads = availableParallelism()
  const piece = Math.max(leastPiece, Math.ceil(count / threads / 4))
  const traces: number[] = []
  const total: Record<string, number> = {}
  let next = 0
  const take = async (): Promise<void> => {
    while (next < count) {
      const from = next
      next = Math.min(count, next + piece)
      const done = await runInThread(module, from, next)
      if (done.failure !== null)
        throw new Error(
          `seed ${done.failure.seed} (MILLRACE_SEED=${done.failure.seed}): ${done.failure.message}`,
        )
      done.traces.forEach((trace, index) => (traces[from + index] = trace))
      addUp(total, done.counted)
    }
  }
  await Promise.all(Array.from({ length: threads }, take))
  return { traces, counted: total }
}

function runInThread(module: URL, from: number, to: number): Promise<Piece> {
  return new Promise((resolve, reject) => {
    const worker = new Worker(new URL(import.meta.url), { workerData: { module: module.href, from, to } })
    worker.once('message', resolve)
    worker.once('error', reject)
    worker.once('exit', code => reject(new Error(`the thread ended with ${code}`)))
  })
}

function addUp(total: Record<string, number>, more: Readonly<Record<string, number>>): void {
  for (const [what, times] of Object.entries(more)) total[what] = (total[what] ?? 0) + times
}

if (!isMainThread && parentPort !== null) {
  const { module, from, to } = workerData as { module: string; from: number; to: number }
  const { runSeed } = (await import(module)) as { runSeed: RunSeed }
  Error.stackTraceLimit = 1 // faults are part of the normal run
  const traces: number[] = []
  const counted: Record<string, number> = {}
  let failure: Piece['failure'] = null
  for (let seed = from; seed < to && failure === null; seed++)
    try {
      const done = await runSeed(seed)
      traces.push(done.trace)
      addUp(counted, done.counted)
    } catch (error) {
      failure = { seed, message: (error as Error).stack ?? String(error) }
    }
  parentPort.postMessage({ traces, counted, failure } satisfies Piece, [])
}
