// The file channel on a simulated disk (channel-life.ts says what happens there and what must hold), seed
// by seed on every core. A failing seed is run again by MILLRACE_SEED=n; what it found becomes a test with
// a name, since a seed means something else as soon as the code asks for its numbers differently.
import assert from 'node:assert/strict'
import { availableParallelism } from 'node:os'
import { it } from 'node:test'
import { Worker } from 'node:worker_threads'
import { runSeed, type SeedsDone } from './run-seed.ts'

const seeds = Number(
  process.env['MILLRACE_SEEDS'] ?? (process.env['MILLRACE_DEEP'] === undefined ? 20_000 : 1_000_000),
)
const onlySeed = process.env['MILLRACE_SEED']

function runInThread(from: number, to: number): Promise<SeedsDone> {
  return new Promise((resolve, reject) => {
    const worker = new Worker(new URL('run-seed.ts', import.meta.url), { workerData: { from, to } })
    worker.once('message', resolve)
    worker.once('error', reject)
    worker.once('exit', code => reject(new Error(`the thread ended with ${code}`)))
  })
}

/** From 0 on, in pieces that the threads take in turn: few, since each has a thread that starts cold. */
async function runAll(count: number): Promise<SeedsDone> {
  const threads = availableParallelism()
  const piece = Math.max(1000, Math.ceil(count / threads / 4))
  const traces: number[] = []
  const total: Record<string, number> = {}
  let next = 0
  const take = async (): Promise<void> => {
    while (next < count) {
      const from = next
      next = Math.min(count, next + piece)
      const done = await runInThread(from, next)
      if (done.failure !== null)
        assert.fail(`seed ${done.failure.seed} (MILLRACE_SEED=${done.failure.seed}): ${done.failure.message}`)
      done.traces.forEach((trace, index) => (traces[from + index] = trace))
      for (const [what, times] of Object.entries(done.counted)) total[what] = (total[what] ?? 0) + times
    }
  }
  await Promise.all(Array.from({ length: threads }, take))
  return { traces, counted: total, failure: null }
}

if (onlySeed !== undefined)
  it(`seed ${onlySeed}`, async () => {
    const trace = await runSeed(Number(onlySeed))
    assert.equal(await runSeed(Number(onlySeed)), trace)
  })
else {
  it('loses nothing and doubles nothing through kills, power cuts and failing disks', async t => {
    const { traces, counted } = await runAll(seeds)
    t.diagnostic(`${traces.length} seeds: ${JSON.stringify(counted)}`)
    assert.equal(traces.length, seeds)
    // That each kind of thing did happen, and not just now and then.
    for (const [what, times] of Object.entries(counted)) assert.ok(times > seeds / 100, `${what}: ${times}`)
  })

  it('runs a seed the same way again', async () => {
    const [first, again] = await Promise.all([runAll(1000), runAll(1000)])
    assert.deepEqual(first.traces, again.traces)
    assert.ok(new Set(first.traces).size > 900)
  })
}
