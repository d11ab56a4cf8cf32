// kill -9 of the agents of a chain under load: nothing is lost, the order of each partition holds, and what
// comes twice was in flight at a kill. A few kills of real processes on a real Kafka: test/simulation/chain.test.ts
// kills at thousands of moments. MILLRACE_SEED repeats the moments, as far as the rest of the machine does;
// MILLRACE_DEEP=1 kills ten times as often, also on Kafka 0.10.2.1 with the seed's batches.
import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, test, type TestContext } from 'node:test'
import { SeededRandom } from '../../src/simulation/seeded-random.ts'
import { count, type Name } from '../chain/agent.ts'
import { Chain, windowEvents } from '../chain/chain.ts'
import { skipWithoutPeers } from './peers/peers.ts'
import { someKafka } from './peers/shared.ts'
import { positionsOf } from './peers/topics.ts'
import { waitFor } from './peers/waiting.ts'

const isDeep = process.env['MILLRACE_DEEP'] === '1'
const seed = Number(process.env['MILLRACE_SEED'] ?? Math.floor(Math.random() * 1e6))
const partitions = 3

type How = 'under load' | 'twice' | 'stopping'
/** Kills of A cost the group's 6 s each. */
const scripts: Readonly<Record<string, readonly (readonly [How, ...Name[]])[]>> = {
  a: [
    ['under load', 'A'],
    ['twice', 'A'],
    ['stopping', 'A'],
  ],
  b: [
    ['under load', 'B'],
    ['twice', 'B'],
    ['stopping', 'B'],
  ],
  both: [
    ['under load', 'A', 'B'],
    ['under load', 'A', 'B'],
  ],
}

interface Run {
  readonly script: string
  readonly bootstrap: string
  readonly directory: string
  readonly rounds: number
  /** More lines of the agents: their batches. */
  readonly moreA?: readonly string[]
  readonly moreB?: readonly string[]
}

/** Gives at how many of the kills something was in flight, and how many there were. */
async function runScript(t: TestContext, { script, rounds, ...given }: Run): Promise<[number, number]> {
  const random = new SeededRandom(seed + Object.keys(scripts).indexOf(script))
  const name = `${script}-${given.moreA?.length ?? 0}`
  await using chain = await Chain.create({ ...given, name, partitions })
  await chain.flow({ perSecond: 3000 })
  let mostRepeats = 0
  let kills = 0
  let hits = 0
  const strike = async (what: string, names: readonly Name[]) => {
    const { read, mostRepeats: most } = await chain.kill(...names)
    await chain.start(...names)
    const reopened = chain.of(...names).map(agent => agent.reopened)
    mostRepeats += most
    kills++
    if (read > 0 || reopened.some(events => events > 0)) hits++
    t.diagnostic(
      `${name}: ${what} killed, ${read} read and not committed, found again ${reopened.join(', ')}`,
    )
  }
  for (let round = 0; round < rounds; round++)
    for (const [how, ...names] of scripts[script]!) {
      await chain.runOn(random.below(1000))
      const [agent] = chain.of(...names)
      if (how === 'stopping') {
        agent!.running.kill('SIGTERM')
        await chain.runOn(random.below(60))
      }
      await strike(`${names.join(' and ')} ${how}`, names)
      if (how === 'twice') await strike(`${names[0]} just started`, names)
      await chain.atWork(...names)
    }
  const repeats = await chain.assertComplete(t, mostRepeats)
  t.diagnostic(`${name}: ${kills} kills, ${repeats} repeats of at most ${mostRepeats}`)
  for (const agent of chain.agents) {
    for (const line of agent.lines) assert.doesNotMatch(line, / ERROR |damage|events are lost/, line)
    await agent.stop()
  }
  return [hits, kills]
}

/** Where a new group began, by partition: what its agent said. */
function beginning(output: string): Map<number, number> {
  const line = /has no position yet and begins: (.*)/.exec(output)?.[1] ?? ''
  return new Map([...line.matchAll(/-(\d+) from (\d+)/g)].map(found => [Number(found[1]), Number(found[2])]))
}

/**
 * Kills A, the first member of its group, under load, once with the first position chosen, once with the
 * first records read. Numbers are offsets here. What is read must be committed from where it was begun.
 */
async function killBeforeFirstCommit(
  t: TestContext,
  bootstrap: string,
  directory: string,
  index: number,
  isPolled: boolean,
): Promise<void> {
  const name = `first-${isPolled ? 'poll' : 'position'}-${index}`
  await using chain = await Chain.create({ name, bootstrap, directory, partitions })
  const { a, b, from } = chain
  chain.load({ batch: 20, perSecond: 1000 })
  await waitFor(() => [...chain.sent.values()].every(one => one > 0), 'there is something before the end')
  await b.start()
  let received = 0
  await a.start(isPolled ? /Agent \S+ started/ : /has no position yet and begins/)
  const look = async () => (received = count(await a.metrics(), 'SOURCE.s', 'EventReceivedCount'))
  if (isPolled) while ((await look()) === 0);
  await a.kill()
  const begun = beginning(a.logs[0]!)
  const committed = await positionsOf(bootstrap, name, from)
  await a.start()
  await chain.atWork('A')
  if (isPolled) assert.equal(committed.size, partitions, 'no record is read before its position is committed')
  const first = committed.size > 0 ? begun : beginning(a.running.output)
  assert.equal(first.size, partitions)
  // Before the kill A had been sent no more than its windows hold and what its channel had taken.
  await chain.assertComplete(t, windowEvents + received, first)
  const where = (positions: ReadonlyMap<number, number>) => [...positions.values()].join('/') || 'nothing'
  t.diagnostic(
    `${name}: begun at ${where(begun)}, ${received} read, ${where(committed)} committed at the kill, from ${where(first)} on`,
  )
}

describe('kill -9 under load', { skip: skipWithoutPeers, timeout: isDeep ? 7_200_000 : 300_000 }, () => {
  let directory: string
  let bootstrap: string
  const stack = new AsyncDisposableStack()

  before(async () => {
    directory = mkdtempSync(join(tmpdir(), 'millrace-kill-'))
    ;({ bootstrap } = stack.use(await someKafka('4.1.0', directory)))
  })
  after(async () => {
    await stack.disposeAsync()
    rmSync(directory, { recursive: true, force: true })
  })

  const runScripts = async (t: TestContext, given: Omit<Run, 'script' | 'directory'>) => {
    t.diagnostic(`MILLRACE_SEED=${seed}`)
    const runs = await Promise.allSettled(
      Object.keys(scripts).map(script => runScript(t, { ...given, script, directory })),
    )
    let [hits, kills] = [0, 0]
    for (const run of runs) {
      if (run.status === 'rejected') throw run.reason
      hits += run.value[0]
      kills += run.value[1]
    }
    assert.ok(hits > 0, `${hits} of ${kills} kills hit something`)
  }

  test('of A, of B and of both', async t => {
    await runScripts(t, { bootstrap, rounds: isDeep ? 20 : 1 })
  })

  test('of the first member of a group that begins at the end: before its first poll, and after it', async t => {
    const runs = Array.from({ length: isDeep ? 8 : 2 }, (_, index) =>
      killBeforeFirstCommit(t, bootstrap, directory, index, index % 2 === 1),
    )
    for (const run of await Promise.allSettled(runs)) if (run.status === 'rejected') throw run.reason
  })

  if (isDeep)
    test("on Kafka 0.10.2.1 with the seed's batches", async t => {
      await using kafka = await someKafka('0.10.2.1', directory)
      const moreA = ['A.sources.s.batchSize = 20']
      await runScripts(t, {
        bootstrap: kafka.bootstrap,
        rounds: 10,
        moreA,
        moreB: ['B.sinks.k.flumeBatchSize = 5'],
      })
    })
})
