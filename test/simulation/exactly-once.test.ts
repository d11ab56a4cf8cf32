// Chains whose sink writes each record once, simulated: what chain.test.ts does, and nothing may arrive twice. A failing
// seed is run again by MILLRACE_SEED=n.
import assert from 'node:assert/strict'
import { it } from 'node:test'
import { runSeed } from './once-seed.ts'
import { runSeeds } from './seeds-in-threads.ts'

const seeds = Number(
  process.env['MILLRACE_SEEDS'] ?? (process.env['MILLRACE_DEEP'] === undefined ? 30 : 10_000),
)
const onlySeed = process.env['MILLRACE_SEED']
const module = new URL('once-seed.ts', import.meta.url)

if (onlySeed !== undefined)
  it(`seed ${onlySeed}`, async () => {
    const { trace } = await runSeed(Number(onlySeed))
    assert.equal((await runSeed(Number(onlySeed))).trace, trace)
  })
else
  it('loses, doubles, invents and reorders nothing, and drains when the faults are over', async t => {
    const { traces, counted, again } = await runSeeds(module, seeds, { again: Math.min(seeds, 5) })
    t.diagnostic(`${traces.length} chains: ${JSON.stringify(counted)}`)
    assert.equal(traces.length, seeds)
    assert.deepEqual(traces.slice(0, again.length), again)
    const { repeats, ...happened } = counted
    assert.equal(repeats, 0)
    for (const [what, times] of Object.entries(happened)) assert.ok(times > seeds / 20, `${what}: ${times}`)
  })
