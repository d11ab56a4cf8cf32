// The file channel on a simulated disk (channel-life.ts says what happens there and what must hold), seed
// by seed on every core. A failing seed is run again by MILLRACE_SEED=n; what it found becomes a test with
// a name, since a seed means something else as soon as the code asks for its numbers differently.
import assert from 'node:assert/strict'
import { it } from 'node:test'
import { runSeed } from './channel-seed.ts'
import { runSeeds } from './seeds-in-threads.ts'

const seeds = Number(
  process.env['MILLRACE_SEEDS'] ?? (process.env['MILLRACE_DEEP'] === undefined ? 1_500 : 1_000_000),
)
const onlySeed = process.env['MILLRACE_SEED']
const module = new URL('channel-seed.ts', import.meta.url)

if (onlySeed !== undefined)
  it(`seed ${onlySeed}`, async () => {
    const { trace } = await runSeed(Number(onlySeed))
    assert.equal((await runSeed(Number(onlySeed))).trace, trace)
  })
else {
  const run = runSeeds(module, seeds, { again: Math.min(seeds, 50) })

  it('loses nothing and doubles nothing through kills, power cuts and failing disks', async t => {
    const { traces, counted } = await run
    t.diagnostic(`${traces.length} seeds: ${JSON.stringify(counted)}`)
    assert.equal(traces.length, seeds)
    // That each kind of thing did happen, and not just now and then.
    for (const [what, times] of Object.entries(counted)) assert.ok(times > seeds / 100, `${what}: ${times}`)
  })

  it('runs a seed the same way again', async () => {
    const { traces, again } = await run
    const first = traces.slice(0, again.length)
    assert.deepEqual(first, again)
    assert.ok(new Set(first).size > first.length * 0.9)
  })
}
