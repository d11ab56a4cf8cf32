// The chain of two agents through the embedded broker, each of them ours or a real Flume: everything that
// goes into one topic comes out of the other, in order, none twice.
import assert from 'node:assert/strict'
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { startBroker, type RunningBroker } from '../broker/running-broker.ts'
import { confOfA, confOfB } from '../chain/chain.ts'
import { freePort, skipWithoutPeers, startFlume, startMillrace } from './peers/peers.ts'
import { consumeAll, createTopic, produceAll } from './peers/topics.ts'

const count = 3000
type Make = 'Millrace' | '1.8.0' | '1.11.0'

describe('agents A and B on the embedded broker', { skip: skipWithoutPeers }, () => {
  let directory: string
  let broker: RunningBroker
  before(async () => {
    directory = mkdtempSync(join(tmpdir(), 'millrace-broker-seed-'))
    broker = await startBroker(directory)
  })
  after(async () => {
    await broker?.stop()
    rmSync(directory, { recursive: true, force: true })
  })

  for (const [a, b] of [
    ['1.8.0', '1.8.0'],
    ['1.11.0', '1.11.0'],
    ['Millrace', '1.11.0'],
    ['1.8.0', 'Millrace'],
  ] satisfies [Make, Make][])
    test(`A ${a}, B ${b}`, async () => {
      const id = `${a}-${b}`.toLowerCase().replaceAll('.', '_')
      const home = join(directory, id)
      for (const part of ['a', 'b'])
        for (const kind of ['checkpoint', 'data']) mkdirSync(join(home, part, kind), { recursive: true })
      const chain = {
        bootstrap: broker.bootstrap,
        directory: home,
        from: `in-${id}`,
        to: `out-${id}`,
        group: id,
        port: await freePort(),
        moreA: ['A.sources.s.kafka.consumer.auto.offset.reset = earliest'],
      }
      await createTopic(broker.bootstrap, chain.from)
      await createTopic(broker.bootstrap, chain.to)
      const values = Array.from({ length: count }, (_, index) => `event ${index} ünï 街`)
      await produceAll(
        broker.bootstrap,
        chain.from,
        values.map((value, index) => ({ key: index % 5 === 0 ? null : `key ${index}`, value })),
      )
      const start = (make: Make, agent: string, conf: string) =>
        make === 'Millrace' ? startMillrace(home, { agent, conf }) : startFlume(make, home, { agent, conf })
      await using agents = new AsyncDisposableStack()
      agents.use(await start(b, 'B', confOfB(chain)))
      agents.use(await start(a, 'A', confOfA(chain)))
      const arrived = await consumeAll(broker.bootstrap, chain.to, count, { limitMs: 40_000, extraMs: 300 })
      assert.equal(arrived.length, count)
      assert.deepEqual(
        arrived.map(({ key, value }) => [key, value]),
        values.map((value, index) => [index % 5 === 0 ? null : `key ${index}`, value]),
      )
    })
})
