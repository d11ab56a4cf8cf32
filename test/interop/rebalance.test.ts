// Rebalances under load: beside agent A a second member of its group, ours or a real Flume, joins, leaves
// and is killed, and the topic gets more partitions meanwhile. All send to one agent B. Complete
// means here: every number; what an agent holds in its channel when its partition goes on elsewhere comes
// late, and is counted.
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, test, type TestContext } from 'node:test'
import assert from 'node:assert/strict'
import { confOfA, confOfB, type ChainOptions } from '../chain/chain.ts'
import { readArrivals } from '../chain/ledger.ts'
import { startLoad } from '../chain/load.ts'
import {
  freePort,
  java,
  skipWithoutPeers,
  startFlume,
  startKafka010,
  startMillrace,
  startZooKeeper,
  type Running,
} from './peers/peers.ts'
import { someKafka } from './peers/shared.ts'
import { createTopic, positionsOf, withAdmin } from './peers/topics.ts'
import { waitFor } from './peers/waiting.ts'

const partitions = 4
const later = 2
const batch = 100
const isDeep = process.env['MILLRACE_DEEP'] === '1'
type Member = 'Millrace' | '1.8.0' | '1.11.0'

/**
 * Repeats of one change of the group. Of a Flume member: what it had polled and not committed, at most a
 * batch for the channel and one for the poll. Of ours when it is killed: the window of its source, what
 * was put during one commit, and the window of its sink. Ours repeats nothing where it gives back.
 */
const mostOfFlume = 2 * batch
const mostOfKill = 2000 + 2000 + 8 * batch

async function disturb(
  t: TestContext,
  bootstrap: string,
  directory: string,
  member: Member,
  addPartitions: (topic: string, count: number) => Promise<unknown>,
): Promise<void> {
  const name = `with-${member.toLowerCase().replaceAll('.', '-')}`
  const [from, to] = [`${name}-in`, `${name}-out`]
  const home = join(directory, name)
  const chain: ChainOptions = { bootstrap, directory: home, from, to, group: name, port: await freePort() }
  await createTopic(bootstrap, from, partitions)
  await createTopic(bootstrap, to, partitions)
  await using stack = new AsyncDisposableStack()
  stack.use(await startMillrace(home, { agent: 'B', conf: confOfB(chain) }))
  const fast = ['A.sources.s.kafka.consumer.metadata.max.age.ms = 2000', 'A.sinks.k.batch-size = 100']
  const earliest = 'A.sources.s.kafka.consumer.auto.offset.reset = earliest'
  const a = await startMillrace(home, {
    agent: 'A',
    conf: confOfA({ ...chain, moreA: [...fast, earliest] }),
  })
  stack.use(a)
  const load = startLoad(bootstrap, { topic: from, partitions, batch: 20, perSecond: 1500 })
  stack.defer(async () => void (await load.stop().catch(() => {})))
  let extra: ReturnType<typeof startLoad> | null = null
  const generation = () =>
    Math.max(-1, ...[...a.output.matchAll(/generation (\d+):/g)].map(found => Number(found[1])))
  const next = async (what: string, doThis: () => Promise<unknown>) => {
    const before = generation()
    await doThis()
    await waitFor(() => generation() > before, `${name}: a rebalance when ${what}`, 120_000)
  }
  // The second member comes back with its channel: what it holds is delivered then.
  const second = join(home, 'second')
  let other: Running | null = null
  const join2 = async () => {
    const options = {
      agent: 'A',
      conf: confOfA({ ...chain, directory: second, moreA: [...fast, earliest] }),
    }
    other =
      member === 'Millrace' ? await startMillrace(second, options) : await startFlume(member, second, options)
    stack.use(other)
  }
  let changes = 0
  let kills = 0
  for (let round = 0; round < (isDeep ? 6 : 1); round++) {
    // The first joins before A has committed anything of what it reads.
    await next('the second joins', join2)
    if (round === 0) {
      await addPartitions(from, partitions + later)
      // kafkajs drops records for partitions that it has not been told of, without a word.
      const isLed = () =>
        withAdmin(bootstrap, async admin => {
          const { topics } = await admin.fetchTopicMetadata({ topics: [from] })
          const led = topics[0]!.partitions.filter(one => one.leader >= 0)
          return led.length === partitions + later
        })
      await waitFor(() => isLed().catch(() => false), `${from} has its new partitions`)
      const started = startExtra(bootstrap, from)
      stack.defer(async () => void (await started.stop().catch(() => {})))
      extra = started
    }
    await next('the second leaves', async () => assert.notEqual(await other!.stop(), 'SIGKILL'))
    await next('the second joins again', join2)
    await next('the second is killed', async () => {
      other!.kill('SIGKILL')
      await other!.ended
      kills++
    })
    changes += 4
  }
  // What the killed one left in its channel is delivered when it is started again.
  await next('the second is back', join2)
  changes++
  await waitFor(
    async () => (await positionsOf(bootstrap, name, from)).size === partitions + later,
    'new partitions are read',
  )
  const sent = new Map([...(await load.stop()), ...(await extra!.stop())])
  const arrival = await readArrivals(bootstrap, to, sent)
  const mostRepeats = kills * mostOfKill + (member === 'Millrace' ? 0 : changes * mostOfFlume)
  // A record that comes again through another agent comes out of order; what comes first must not.
  const missing = arrival.faults.filter(fault => /missing|nobody/.test(fault))
  t.diagnostic(
    `${name}: ${arrival.events} events, ${arrival.repeats} repeats (at most ${mostRepeats}), ${changes} changes, ` +
      `${arrival.faults.length - missing.length} out of order where an agent held its channel back`,
  )
  assert.deepEqual(missing, [], `${a.output.slice(-3000)}\n----\n${other!.output.slice(-3000)}`)
  assert.ok(arrival.repeats <= mostRepeats, `${arrival.repeats} repeats; at most ${mostRepeats}`)
}

/** Numbers of the partitions found later, from their first record on. */
function startExtra(bootstrap: string, topic: string): ReturnType<typeof startLoad> {
  return startLoad(bootstrap, {
    topic,
    firstPartition: partitions,
    partitions: later,
    batch: 20,
    perSecond: 500,
  })
}

describe('rebalances under load', { skip: skipWithoutPeers, timeout: isDeep ? 3_600_000 : 300_000 }, () => {
  let directory: string
  const stack = new AsyncDisposableStack()
  before(() => {
    directory = mkdtempSync(join(tmpdir(), 'millrace-rebalance-'))
  })
  after(async () => {
    await stack.disposeAsync()
    rmSync(directory, { recursive: true, force: true })
  })

  test('Kafka 4.1: a second agent of ours, and Flume 1.11', async t => {
    const { bootstrap } = stack.use(await someKafka('4.1.0', directory))
    const add = (topic: string, count: number) =>
      withAdmin(bootstrap, admin => admin.createPartitions({ topicPartitions: [{ topic, count }] }))
    for (const member of ['Millrace', '1.11.0'] as const) await disturb(t, bootstrap, directory, member, add)
  })

  test('Kafka 0.10.2.1: Flume 1.8', async t => {
    const zookeeper = stack.use(await startZooKeeper(directory))
    const { bootstrap } = stack.use(await startKafka010(directory, zookeeper))
    // A broker so old is not asked for partitions: its tool writes them into ZooKeeper.
    const add = async (topic: string, count: number) => {
      const words = [
        '--zookeeper',
        zookeeper.connect,
        '--alter',
        '--topic',
        topic,
        '--partitions',
        `${count}`,
      ]
      const tool = await java('kafka-0.10.2.1', directory, 'topic-tool', {
        main: ['kafka.admin.TopicCommand', ...words],
        ready: /Adding partitions succeeded/,
      })
      await tool.ended
    }
    await disturb(t, bootstrap, directory, '1.8.0', add)
  })
})
