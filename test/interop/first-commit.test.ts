// A group that begins with two agents at once, auto.offset.reset at latest as Flume leaves it, on a topic
// that has a history: none of the history is read, and nothing that is produced from then on is missing,
// although one of the two is killed before it has committed a position of a record.
import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { confOfA, confOfB, type ChainOptions } from '../chain/chain.ts'
import { readArrivals } from '../chain/ledger.ts'
import { startLoad } from '../chain/load.ts'
import { freePort, skipWithoutPeers, startKafka41, startMillrace, type Kafka } from './peers/peers.ts'
import { createTopic, positionsOf, produceAll } from './peers/topics.ts'
import { waitFor } from './peers/waiting.ts'

const partitions = 4

describe('the first commit of a group of two', { skip: skipWithoutPeers }, () => {
  let directory: string
  let kafka: Kafka
  before(async () => {
    directory = mkdtempSync(join(tmpdir(), 'millrace-first-'))
    // Both come within this time: the first generation has two members, who choose at the same time.
    kafka = await startKafka41(directory, { properties: { 'group.initial.rebalance.delay.ms': 2500 } })
  })
  after(async () => {
    await kafka?.stop()
    rmSync(directory, { recursive: true, force: true })
  })

  test('no history is read, and nothing is missing', async t => {
    const { bootstrap } = kafka
    const chain: ChainOptions = {
      bootstrap,
      directory,
      from: 'first-in',
      to: 'first-out',
      group: 'first',
      port: await freePort(),
    }
    await createTopic(bootstrap, chain.from, partitions)
    await createTopic(bootstrap, chain.to, partitions)
    const history = Array.from({ length: 400 }, (_, index) => ({
      key: null,
      value: 'history',
      partition: index % partitions,
    }))
    await produceAll(bootstrap, chain.from, history)
    await using stack = new AsyncDisposableStack()
    stack.use(await startMillrace(directory, { agent: 'B', conf: confOfB(chain) }))
    const start = async (name: string) => {
      const home = join(directory, name)
      const agent = await startMillrace(home, {
        agent: 'A',
        conf: confOfA({ ...chain, directory: home }),
        level: 'DEBUG',
      })
      return stack.use(agent)
    }
    const [one, two] = await Promise.all([start('one'), start('two')])
    // The choice is committed before anything is read.
    await waitFor(
      async () => (await positionsOf(bootstrap, chain.group, chain.from)).size === partitions,
      'every partition has a position',
    )
    const load = startLoad(bootstrap, { topic: chain.from, partitions, batch: 20, perSecond: 1000 })
    stack.defer(async () => void (await load.stop().catch(() => {})))
    two.kill('SIGKILL')
    await two.ended
    await start('two')
    await waitFor(() => [...load.sent.values()].every(count => count >= 500), 'the load has gone on')
    const arrival = await readArrivals(bootstrap, chain.to, await load.stop())
    t.diagnostic(`${arrival.events} events, ${arrival.repeats} repeats`)
    // What the killed one held in its channel comes late; that is no fault here.
    const missing = arrival.faults.filter(fault => /missing|nobody/.test(fault))
    assert.deepEqual(missing, [], `${one.output.slice(-3000)}\n----\n${two.output.slice(-3000)}`)
    assert.doesNotMatch(one.output + two.output, /begins: .* from 0/)
    assert.match(one.output, /generation 1: first-in-\d first-in-\d are read here/)
  })
})
