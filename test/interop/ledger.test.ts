// The ledger while agents are killed: whatever is in flight, nothing is called missing, and in the end everything is
// accounted for. On the embedded broker.
import assert from 'node:assert/strict'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test, type TestContext } from 'node:test'
import type { Balance } from '../../src/cli/ledger/balance.ts'
import { startBroker } from '../../src/start-broker.ts'
import type { Name } from '../chain/agent.ts'
import { Chain } from '../chain/chain.ts'
import { startDriver } from '../tools/tool-driver.ts'
import { waitFor } from './peers/waiting.ts'

const partitions = 3
const rounds = process.env['MILLRACE_DEEP'] === '1' ? 20 : 1
const kills: Readonly<Record<string, readonly (readonly Name[])[]>> = {
  'at-least-once': [['A'], ['B']],
  'exactly-once': [['A', 'B']],
}

for (const guarantee of Object.keys(kills))
  test(`the ledger misses nothing in a run with kills, and balances at its end: ${guarantee}`, t =>
    run(t, guarantee))

async function run(t: TestContext, guarantee: string): Promise<void> {
  const directory = await mkdtemp(join(tmpdir(), 'millrace-ledger-'))
  t.after(() => rm(directory, { recursive: true, force: true }))
  await using broker = await startBroker()
  await using driver = startDriver()
  await using chain = await Chain.create({
    name: 'ledger',
    bootstrap: broker.bootstrapServers,
    directory,
    partitions,
    moreA: ['A.sources.s.originHeader = true'],
    moreB: [`B.sinks.k.deliveryGuarantee = ${guarantee}`],
  })
  const ledger = async (): Promise<Balance> => {
    const agents = chain.agents.map(({ address }) => address).join(',')
    const { code, out, err } = await driver.run('millrace', [
      'ledger',
      '--agents',
      agents,
      '--format',
      'json',
    ])
    assert.ok(code === 0 || code === 1, `${code}: ${out}${err}`)
    const balance = JSON.parse(out) as Balance
    assert.deepEqual([balance.origins.flatMap(({ missing }) => missing), balance.short], [[], []], out)
    // What was sent again is let go, and nothing comes twice.
    if (guarantee === 'exactly-once') assert.equal(code, 0, out)
    return balance
  }
  let seen = 0
  let mostRepeats = 0
  await chain.flow({ perSecond: 1000 })
  for (let round = 0; round < rounds; round++)
    for (const names of kills[guarantee]!) {
      await chain.flows(500)
      await ledger()
      mostRepeats += (await chain.kill(...names)).mostRepeats
      await chain.start(...names)
      // Before all of it flows, while it does, and when all of before is delivered.
      const { unknown, origins } = await ledger()
      const flying = origins.flatMap(({ inFlight }) => inFlight).reduce((sum, { events }) => sum + events, 0)
      if (unknown + flying > 0) seen++
      await chain.atWork(...names)
      await ledger()
    }
  await chain.assertComplete(t, mostRepeats)
  let last = await ledger()
  const isEmpty = async () => (last = await ledger()).origins.every(({ inFlight }) => inFlight.length === 0)
  await waitFor(isEmpty, 'nothing is in flight')
  assert.equal(last.origins.length, partitions)
  assert.equal(last.unknown, 0)
  t.diagnostic(`events were in flight or of before at ${seen} of ${rounds * kills[guarantee]!.length} kills`)
}
