// Exactly-once delivery over two agents on a real Kafka 4.1: whatever is killed, Kafka's own consumer with
// isolation.level=read_committed reads each record once and in order (kafkajs also gives records of aborted transactions,
// where several are open in one partition). Once with a real Flume 1.11 between the two agents, and once while the topic that is read is
// deleted and created again. MILLRACE_SEED repeats the moments of the kills; MILLRACE_DEEP=1 kills a thousand times.
import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, test, type TestContext } from 'node:test'
import { SeededRandom } from '../../src/simulation/seeded-random.ts'
import { type Name } from '../chain/agent.ts'
import { Chain } from '../chain/chain.ts'
import { freePort, skipWithoutPeers, startFlume } from './peers/peers.ts'
import { someKafka } from './peers/shared.ts'
import { startTools, type Tools } from './peers/tools.ts'
import { createTopic, withAdmin } from './peers/topics.ts'
import { waitFor } from './peers/waiting.ts'

const isDeep = process.env['MILLRACE_DEEP'] === '1'
const seed = Number(process.env['MILLRACE_SEED'] ?? Math.floor(Math.random() * 1e6))
const partitions = 3
/** Of each chain. */
const kills = isDeep ? 250 : 5

/** A member with a name of its own is back in its group at once. */
const moreA = ['A.sources.s.originHeader = true', 'A.sources.s.kafka.consumer.group.instance.id = A']
const moreB = ['B.sinks.k.deliveryGuarantee = exactly-once']

const whom: Readonly<Record<string, readonly (readonly Name[])[]>> = {
  a: [['A']],
  b: [['B']],
  both: [['A', 'B']],
  turns: [['A'], ['B'], ['A', 'B'], ['B']],
}

/** That what Java's consumer reads are the numbers of the load, each once and in the order of its partition. */
async function assertOnce(
  tools: Tools,
  bootstrap: string,
  { to, lastLines }: Chain,
  events: number,
): Promise<void> {
  const words = `--bootstrap-server ${bootstrap} --topic ${to} --from-beginning --isolation-level read_committed --timeout-ms 10000`
  const printed = await tools.run('org.apache.kafka.tools.consumer.ConsoleConsumer', words.split(' '))
  const next = new Map<string, number>()
  let read = 0
  for (const line of printed.split('\n')) {
    const [, origin, number] = /^(\d+)\/(\d+) /.exec(line) ?? []
    if (origin === undefined) continue
    assert.equal(Number(number), next.get(origin) ?? 0, `partition ${origin}\n${lastLines}`)
    next.set(origin, Number(number) + 1)
    read++
  }
  assert.ok(read >= events, `${read} of ${events}`)
}

/** Kills under load; one that has just started, too. Then everything has arrived once. */
async function killAndCompare(
  t: TestContext,
  { chain, tools, bootstrap }: { readonly chain: Chain; readonly tools: Tools; readonly bootstrap: string },
  given: readonly (readonly Name[])[],
  times: number,
) {
  const random = new SeededRandom(seed + given.length)
  for (let at = 0; at < times; at++) {
    const names = given[at % given.length]!
    await chain.runOn(random.below(500))
    await chain.kill(...names)
    await chain.start(...names)
    if (at % 3 === 2) await chain.atWork('A', 'B')
  }
  await chain.atWork('A', 'B')
  const sent = [...(await chain.stopLoad()).values()].reduce((sum, one) => sum + one, 0)
  const { faults } = await chain.arrivals(t)
  assert.deepEqual(faults, [])
  await chain.assertWell()
  await assertOnce(tools, bootstrap, chain, sent)
  t.diagnostic(`${chain.name}: ${times} kills, ${sent} records, each once`)
  await Promise.all(chain.agents.map(agent => agent.stop()))
}

describe(
  'exactly once on Kafka 4.1',
  { skip: skipWithoutPeers, timeout: isDeep ? 7_200_000 : 600_000 },
  () => {
    let directory: string
    let bootstrap: string
    let tools: Tools
    const stack = new AsyncDisposableStack()

    before(async () => {
      directory = mkdtempSync(join(tmpdir(), 'millrace-once-'))
      ;({ bootstrap } = stack.use(await someKafka('4.1.0', directory)))
      tools = stack.use(await startTools('kafka-4.1.0', join(directory, 'tools')))
    })
    after(async () => {
      await stack.disposeAsync()
      rmSync(directory, { recursive: true, force: true })
    })

    test('each record arrives once, whichever agents are killed', async t => {
      t.diagnostic(`MILLRACE_SEED=${seed}`)
      const runs = Object.entries(whom).map(async ([script, names]) => {
        await using chain = await Chain.create({
          name: `once-${script}`,
          bootstrap,
          directory,
          partitions,
          moreA,
          moreB,
        })
        await chain.flow({ perSecond: 1000 })
        await killAndCompare(t, { chain, tools, bootstrap }, names, kills)
      })
      for (const run of await Promise.allSettled(runs)) if (run.status === 'rejected') throw run.reason
    })

    test('a Flume 1.11 between the two passes on what they need', async t => {
      const port = await freePort()
      await using chain = await Chain.create({
        name: 'once-flume',
        bootstrap,
        directory,
        partitions,
        moreA: [...moreA, `A.sinks.k.port = ${port}`],
        moreB,
      })
      await using flume = await startFlume('1.11.0', join(directory, 'flume'), {
        agent: 'F',
        conf: `
F.sources = s
F.channels = c
F.sinks = k
F.sources.s.type = avro
F.sources.s.bind = 127.0.0.1
F.sources.s.port = ${port}
F.sources.s.channels = c
F.channels.c.type = file
F.channels.c.checkpointDir = ${directory}/flume/checkpoint
F.channels.c.dataDirs = ${directory}/flume/data
F.sinks.k.type = avro
F.sinks.k.hostname = 127.0.0.1
F.sinks.k.port = ${chain.hop.port}
F.sinks.k.batch-size = 100
F.sinks.k.channel = c
`,
      })
      await chain.flow({ perSecond: 500 })
      await killAndCompare(t, { chain, tools, bootstrap }, whom['turns']!, 4)
      await flume.stop()
    })

    test('a topic that is deleted and created again under the flow is another topic', async t => {
      await using chain = await Chain.create({
        name: 'once-again',
        bootstrap,
        directory,
        partitions,
        moreA,
        moreB,
      })
      await chain.flow({ perSecond: 500 })
      await chain.atWork('A', 'B')
      const sent = await chain.stopLoad()
      const first = [...sent.values()].reduce((sum, one) => sum + one, 0)
      await waitFor(async () => (await chain.delivered()) >= first, `all ${first} have been delivered`)
      await withAdmin(bootstrap, admin => admin.deleteTopics({ topics: [chain.from] }))
      await createTopic(bootstrap, chain.from, partitions)
      // The same numbers at the same offsets: each is a record of its own.
      chain.load({ perSecond: 500 })
      await chain.atWork('A', 'B')
      const again = await chain.stopLoad()
      const second = [...again.values()].reduce((sum, one) => sum + one, 0)
      await waitFor(
        async () => (await chain.delivered()) >= first + second,
        `all ${second} more have been delivered`,
      )
      const { repeats, events } = await chain.arrivals(t)
      assert.equal(events, first + second)
      assert.equal(repeats, Math.min(first, second))
    })
  },
)
