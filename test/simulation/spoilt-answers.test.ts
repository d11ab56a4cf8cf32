// A broker that answers nonsense for a while, in simulated time: whatever it was, a consumer and a producer are at work
// again within a bound once its answers are sound. Each number and each address of an answer is tried by itself, and so
// are bytes by a seed. `MILLRACE_DEEP=1` tries every field with every value, and 3,000 seeds; `MILLRACE_SEED=n` one seed.
import assert from 'node:assert/strict'
import { it } from 'node:test'
import { runSeeds } from './seeds-in-threads.ts'
import { fieldCases, runSeed } from './spoilt-seed.ts'
import { nameOf } from './spoilt-fields.ts'

const isDeep = process.env['MILLRACE_DEEP'] !== undefined
const onlySeed = process.env['MILLRACE_SEED']
const module = new URL('spoilt-seed.ts', import.meta.url)

/** Of each of these the client once waited for minutes, days or for ever. */
const known = [
  'Heartbeat.throttleTimeMs = 2147483647',
  'JoinGroup.throttleTimeMs = 2147483647',
  'Fetch.throttleTimeMs = 2147483647',
  'Produce.throttleTimeMs = 2147483647',
  'JoinGroup.leader = "no.such.name"',
  'JoinGroup.members = []',
  'JoinGroup.members.#.memberId = ""',
  'SyncGroup.assignment = 0 bytes',
  'ApiVersions.apiKeys = []',
  'ApiVersions.apiKeys.#.minVersion = 17',
  'ListOffsets.topics.#.partitions.#.offset = 9007199254740991',
  'Metadata.topics.#.partitions = []',
  'JoinGroup. = "no answer"',
  'SyncGroup. = "no answer"',
]

/** After this one the client took no topic for its own for a minute: two answers told two wrong ids of it. */
const knownBytes = 2112

if (onlySeed !== undefined) it(`seed ${onlySeed}`, () => runSeed(Number(onlySeed)).then(() => {}))
else {
  it('a field with a value nobody has meant', async () => {
    const seeds = isDeep
      ? fieldCases.map((_, seed) => seed)
      : known.map(name => fieldCases.findIndex(one => nameOf(one) === name))
    assert.ok(!seeds.includes(-1), 'each of the known cases is one')
    for (const seed of isDeep ? [] : seeds) await runSeed(seed)
    if (isDeep) await runSeeds(module, seeds.length)
  })

  it('bytes that are wrong, in any answer', async t => {
    assert.ok(knownBytes >= fieldCases.length)
    await runSeed(knownBytes)
    const { counted, traces } = await runSeeds(module, isDeep ? 3_000 : 24, { from: fieldCases.length })
    t.diagnostic(`${counted['worstMs']! / traces.length} ms to recover, on average`)
  })
}
