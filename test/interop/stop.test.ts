// SIGTERM to agents in the middle of traffic, on a real broker: they end within 10 s with code 0, and what
// was under way is neither lost, repeated nor out of order when they start again.
import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, test, type TestContext } from 'node:test'
import { SeededRandom } from '../../src/simulation/seeded-random.ts'
import type { ChainAgent, Name } from '../chain/agent.ts'
import { Chain } from '../chain/chain.ts'
import { skipWithoutPeers } from './peers/peers.ts'
import { someKafka } from './peers/shared.ts'
import { waitFor } from './peers/waiting.ts'

const isDeep = process.env['MILLRACE_DEEP'] === '1'

describe('SIGTERM under load', { skip: skipWithoutPeers, timeout: isDeep ? 1_800_000 : 300_000 }, () => {
  let directory: string
  let bootstrap: string
  const stack = new AsyncDisposableStack()

  before(async () => {
    directory = mkdtempSync(join(tmpdir(), 'millrace-stop-'))
    ;({ bootstrap } = stack.use(await someKafka('4.1.0', directory)))
  })
  after(async () => {
    await stack.disposeAsync()
    rmSync(directory, { recursive: true, force: true })
  })

  const stop = async (t: TestContext, agent: ChainAgent): Promise<void> => {
    const begun = performance.now()
    await agent.stop()
    const ms = Math.round(performance.now() - begun)
    t.diagnostic(`${agent.name} ended after ${ms} ms`)
    assert.ok(ms < 10_000, `${agent.name} took ${ms} ms`)
    assert.match(agent.running.output, /Agent \S+ stopped/)
  }

  test('either agent, and both, again and again', async t => {
    const random = new SeededRandom(1)
    await using chain = await Chain.create({ name: 'again', bootstrap, directory, partitions: 3 })
    await chain.flow({ perSecond: 4000, batch: 100 })
    const turns: readonly Name[][] = [['B'], ['A'], ['A', 'B']]
    for (let round = 0; round < (isDeep ? 30 : 1); round++)
      for (const names of turns) {
        await chain.runOn(random.below(1000))
        await Promise.all(chain.of(...names).map(agent => stop(t, agent)))
        await chain.start(...names)
        await chain.atWork(...names)
      }
    await chain.assertComplete(t, 0)
    for (const agent of chain.agents) await stop(t, agent)
  })

  test('the agent whose peer is away', async t => {
    const moreA = ['A.sources.s.kafka.consumer.auto.offset.reset = earliest']
    await using chain = await Chain.create({ name: 'alone', bootstrap, directory, moreA })
    chain.load({ perSecond: 4000 })
    await chain.start('A')
    await waitFor(async () => (await chain.a.count('CHANNEL.c', 'ChannelSize')) >= 1000, 'its channel fills')
    await chain.stopLoad()
    await stop(t, chain.a)
    await chain.start('A', 'B')
    await chain.assertComplete(t, 0)
    for (const agent of chain.agents) await stop(t, agent)
  })
})
