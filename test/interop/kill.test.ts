// kill -9 of the agents of a chain under load: nothing is lost, the order of each partition holds, and what
// comes twice was in flight at a kill. MILLRACE_SEED repeats the moments of the kills, as far as the rest
// of the machine does; MILLRACE_DEEP=1 kills 300 times, also on Kafka 0.10.2.1 with the seed's batches.
import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, test, type TestContext } from 'node:test'
import { SeededRandom } from '../../src/simulation/seeded-random.ts'
import { ChainAgent, count } from '../chain/agent.ts'
import { confOfA, confOfB } from '../chain/chain.ts'
import { kinds, KillChain, positionsOf, type Kill, type Proportions } from './kill-chain.ts'
import { assertComplete, readArrivals } from '../chain/ledger.ts'
import { startLoad } from '../chain/load.ts'
import { freePort, skipWithoutPeers } from './peers/peers.ts'
import { someKafka } from './peers/shared.ts'
import { createTopic } from './peers/topics.ts'
import { waitFor } from './peers/waiting.ts'

const isDeep = process.env['MILLRACE_DEEP'] === '1'
const seed = Number(process.env['MILLRACE_SEED'] ?? Math.floor(Math.random() * 1e6))
const partitions = 3

/** Twenty kills: six of A and of both, each of which costs the group's 6 s, and eight of B, side by side. */
const scripts: Readonly<Record<string, (chain: KillChain) => Promise<void>>> = {
  async a(chain) {
    await chain.kill('A')
    await chain.killTwice('A')
    await chain.killStopping('A')
    await chain.kill('A')
    await chain.kill('A')
  },
  async b(chain) {
    await chain.kill('B')
    await chain.kill('B')
    await chain.killTwice('B')
    await chain.killStopping('B')
    for (let count = 0; count < 3; count++) await chain.kill('B')
  },
  async both(chain) {
    for (let count = 0; count < 6; count++) await chain.kill('A', 'B')
  },
}

const usual: Proportions = { source: 100, sink: 100, kafkaSink: 100 }
const ofSeed: Proportions = { source: 20, sink: 100, kafkaSink: 5 }

/** Repeats by the kill before them; there must never have been more than the kills so far allow. */
function attribute(times: readonly number[], kills: readonly Kill[]): number[] {
  const counts = kills.map(() => 0)
  for (const time of times) {
    const index = kills.findLastIndex(({ at }) => at <= time)
    assert.ok(index >= 0, 'a repeat before the first kill')
    counts[index]!++
  }
  let allowed = 0
  let seen = 0
  for (const [index, { mostRepeats, what }] of kills.entries()) {
    allowed += mostRepeats
    seen += counts[index]!
    assert.ok(seen <= allowed, `${seen} repeats up to kill ${index + 1} (${what}); ${allowed} were in flight`)
  }
  return counts
}

async function runScript(
  t: TestContext,
  given: { name: string; bootstrap: string; directory: string; rounds: number; perSecond: number },
  proportions: Proportions,
): Promise<readonly Kill[]> {
  const { bootstrap, directory, rounds, perSecond } = given
  const script = scripts[given.name]!
  const random = new SeededRandom(seed + Object.keys(scripts).indexOf(given.name))
  const name = `${given.name}-${proportions.source}`
  await using chain = await KillChain.start({ name, bootstrap, directory, partitions, random, proportions })
  const load = startLoad(bootstrap, { topic: chain.from, partitions, batch: 50, perSecond })
  try {
    for (let round = 0; round < rounds; round++) await script(chain)
  } catch (error) {
    await load.stop()
    throw new Error(`${name}:\n${chain.lastLines}`, { cause: error })
  }
  const sent = await load.stop()
  const arrival = await readArrivals(bootstrap, chain.to, sent, { limitMs: 90_000, extraMs: 1000 })
  const { kills } = chain
  const mostRepeats = kills.reduce((sum, kill) => sum + kill.mostRepeats, 0)
  assertComplete(arrival, { mostRepeats, logs: [chain.lastLines] })
  const counts = attribute(arrival.repeatTimes, kills)
  for (const [index, { what, inFlight, reopened, mostRepeats: most, awayMs }] of kills.entries()) {
    const flying = Object.entries(inFlight).map(([kind, events]) => `${events} in ${kind}`)
    const held = Object.entries(reopened).map(([agent, events]) => `${agent} ${events}`)
    t.diagnostic(
      `kill of ${what}: in flight ${flying.join(', ') || 'nothing seen'}; found again ${held.join(', ') || '-'}; ` +
        `${counts[index]} repeats of at most ${most}; back after ${awayMs} ms`,
    )
  }
  t.diagnostic(`${name}: ${kills.length} kills, ${arrival.events} events, ${arrival.repeats} repeats`)
  for (const line of chain.logs.join('\n').split('\n'))
    assert.doesNotMatch(line, / ERROR |damage|events are lost/, line)
  await chain.stop()
  return kills
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
  const group = `first-${isPolled ? 'poll' : 'position'}-${index}`
  const [from, to] = [`${group}-in`, `${group}-out`]
  await createTopic(bootstrap, from, partitions)
  await createTopic(bootstrap, to, partitions)
  const load = startLoad(bootstrap, { topic: from, partitions, batch: 20, perSecond: 1000 })
  await waitFor(() => [...load.sent.values()].every(count => count > 0), 'there is something before the end')
  const home = join(directory, group)
  const chain = { bootstrap, directory: home, from, to, group, port: await freePort() }
  await using stack = new AsyncDisposableStack()
  const b = stack.use(await ChainAgent.of('B', home, confOfB(chain)))
  const a = stack.use(await ChainAgent.of('A', home, confOfA(chain)))
  await b.start()
  let received = 0
  await a.start(isPolled ? /Agent \S+ started/ : /has no position yet and begins/)
  const look = async () => (received = count(await a.metrics(), 'SOURCE.s', 'EventReceivedCount'))
  if (isPolled) while ((await look()) === 0);
  await a.kill()
  const begun = beginning(a.logs[0]!)
  const committed = await positionsOf(bootstrap, group, from)
  await a.start()
  await waitFor(() => a.isAtWork(), `${group}: events pass through A`)
  const sent = await load.stop()
  if (isPolled) assert.equal(committed.size, partitions, 'no record is read before its position is committed')
  const first = committed.size > 0 ? begun : beginning(a.running.output)
  assert.equal(first.size, partitions)
  const arrival = await readArrivals(bootstrap, to, sent, { first })
  // Before the kill A had been sent no more than its windows hold and what its channel had taken.
  const mostRepeats = assertComplete(arrival, { mostRepeats: 2800 + received, logs: [a.running.output] })
  const where = (positions: ReadonlyMap<number, number>) => [...positions.values()].join('/') || 'nothing'
  t.diagnostic(
    `${group}: begun at ${where(begun)}, ${received} read, ${where(committed)} committed at the kill; ` +
      `${arrival.events} events from ${where(first)} on, ${mostRepeats} repeats`,
  )
}

/** The kills were worth something: at most of them there was something in flight, and all kinds were. */
function assertInFlight(kills: readonly Kill[]): void {
  const worth = kills.filter(
    ({ inFlight, reopened }) =>
      Object.keys(inFlight).length > 0 || Object.values(reopened).some(events => events > 0),
  )
  assert.ok(worth.length > kills.length / 2, `${worth.length} of ${kills.length} kills hit something`)
  const seen = new Set(kills.flatMap(({ inFlight }) => Object.keys(inFlight)))
  assert.deepEqual([...seen].toSorted(), [...kinds].toSorted())
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

  const runScripts = async (t: TestContext, at: string, rounds: number, proportions: Proportions) => {
    t.diagnostic(`MILLRACE_SEED=${seed}`)
    const runs = Object.keys(scripts).map(name =>
      runScript(t, { name, bootstrap: at, directory, rounds, perSecond: 3000 }, proportions),
    )
    const ended = await Promise.allSettled(runs)
    for (const one of ended) if (one.status === 'rejected') throw one.reason
    assertInFlight((await Promise.all(runs)).flat())
  }

  test('of A, of B and of both, twenty times', async t => {
    await runScripts(t, bootstrap, isDeep ? 10 : 1, usual)
  })

  test('of the first member of a group that begins at the end: before its first poll, and after it', async t => {
    const runs = Array.from({ length: isDeep ? 8 : 2 }, (_, index) =>
      killBeforeFirstCommit(t, bootstrap, directory, index, index % 2 === 1),
    )
    for (const run of await Promise.allSettled(runs)) if (run.status === 'rejected') throw run.reason
  })

  if (isDeep)
    test("a hundred times on Kafka 0.10.2.1 with the seed's batches", async t => {
      await using kafka = await someKafka('0.10.2.1', directory)
      await runScripts(t, kafka.bootstrap, 5, ofSeed)
    })
})
