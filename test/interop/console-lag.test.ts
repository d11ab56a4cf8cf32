// C6: the lag that the console shows, beside Kafka itself, under load and while the group rebalances. Another client reads
// positions and ends before and after each answer; positions and ends only grow, so that a true lag lies between the two:
// end before minus position after, and end after minus position before. No lag is ever negative. At rest it is what
// kafka-consumer-groups.sh prints.
import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { Kafka, logLevel, type Admin as KafkajsAdmin } from 'kafkajs'
import type { Group, Groups } from '../../src/console/api.ts'
import { ClusterList } from '../../src/console/cluster-list.ts'
import { readAdminProperties } from '../../src/kafka-client/kafka-client.ts'
import { realSystem } from '../../src/system/system.ts'
import { serve, type Serving } from '../console/serving.ts'
import { skipWithoutPeers } from './peers/peers.ts'
import { someKafka } from './peers/shared.ts'
import { startTools } from './peers/tools.ts'
import { waitFor } from './peers/waiting.ts'

const samples = process.env['MILLRACE_DEEP'] === '1' ? 10_000 : 1000
const partitions = 4

describe('the lag of a group', { skip: skipWithoutPeers, timeout: samples * 300 + 300_000 }, () => {
  const stack = new AsyncDisposableStack()
  let directory: string
  let bootstrap: string
  let kafka: Kafka
  let admin: KafkajsAdmin
  let serving: Serving
  let clusters: ClusterList
  const topic = `lag-${Date.now()}`
  const group = `${topic}-readers`

  before(async () => {
    directory = mkdtempSync(join(tmpdir(), 'millrace-lag-'))
    stack.defer(() => rmSync(directory, { recursive: true, force: true }))
    bootstrap = stack.use(await someKafka('4.1.0', directory)).bootstrap
    kafka = new Kafka({ brokers: [bootstrap], logLevel: logLevel.NOTHING })
    admin = kafka.admin()
    await admin.connect()
    stack.defer(() => admin.disconnect())
    await admin.createTopics({ topics: [{ topic, numPartitions: partitions }] })
    const { settings } = readAdminProperties({ 'bootstrap.servers': bootstrap }, {})
    clusters = new ClusterList([{ name: 'lab', settings: settings! }], null, {
      ...realSystem,
      systemProperties: new Map(),
    })
    stack.defer(() => clusters.close())
    serving = stack.use(await serve({ clusters }))
  })
  after(() => stack.disposeAsync())

  const look = async <T>(path: string): Promise<T> => {
    const { status, body } = await serving.ask('GET', `/api/clusters/lab${path}`)
    assert.equal(status, 200, body)
    return JSON.parse(body) as T
  }

  /** Positions first, then ends: by partition. */
  async function truth() {
    const committed = (await admin.fetchOffsets({ groupId: group, topics: [topic] }))[0]!.partitions
    const ends = await admin.fetchTopicOffsets(topic)
    return {
      committed: new Map(committed.map(one => [one.partition, Number(one.offset)])),
      ends: new Map(ends.map(one => [one.partition, Number(one.high)])),
    }
  }

  /** A member that reads and commits until it is ended. */
  async function member() {
    const consumer = kafka.consumer({ groupId: group, maxWaitTimeInMs: 20 })
    await consumer.connect()
    await consumer.subscribe({ topics: [topic], fromBeginning: true })
    await consumer.run({ autoCommitInterval: 30, eachMessage: async () => {} })
    return consumer
  }

  test(`${samples} samples under load and rebalances: within what an independent client sees`, async t => {
    const over = new AbortController()
    const producer = kafka.producer()
    await producer.connect()
    const writing = (async () => {
      for (let index = 0; !over.signal.aborted; index++)
        await producer.send({
          topic,
          messages: Array.from({ length: 1 + (index % 50) }, (_, at) => ({
            value: `${index}`,
            partition: (index + at) % partitions,
          })),
        })
    })()
    const first = await member()
    await waitFor(
      async () => [...(await truth()).committed.values()].every(offset => offset >= 0),
      'every partition has a position',
    )
    const rebalancing = (async () => {
      while (!over.signal.aborted) {
        const second = await member()
        await waitFor(
          async () => over.signal.aborted || (await look<Group>(`/groups/${group}`)).members.length === 2,
          'the second member reads',
          120_000,
        )
        await second.disconnect()
      }
    })()
    let taken = 0
    let lagging = 0
    // A machine under load may not answer within the time that a page waits for a broker.
    let unknown = 0
    const problems: string[] = []
    try {
      while (taken < samples) {
        const earlier = await truth()
        // Looks are shared for two seconds: this one is new.
        clusters.find('lab')!.forget()
        const { positions } = await look<Group>(`/groups/${group}`)
        const later = await truth()
        for (const { partition, lag, committed, end } of positions) {
          if (lag === null) unknown++
          else if (lag < 0 || lag !== end! - committed!) problems.push(`${partition}: ${lag}`)
          if (lag === null) continue
          const least = earlier.ends.get(partition)! - later.committed.get(partition)!
          const most = later.ends.get(partition)! - earlier.committed.get(partition)!
          if (lag < least || lag > most) problems.push(`${partition}: ${lag} is not in ${least}..${most}`)
          if (lag > 0) lagging++
          taken++
        }
        assert.deepEqual(problems, [])
      }
    } finally {
      over.abort()
      await Promise.allSettled([writing, rebalancing])
      await producer.disconnect()
      await first.disconnect()
    }
    t.diagnostic(`${taken} samples, ${lagging} of them with a lag, and ${unknown} not known`)
    assert.ok(lagging > 0 && unknown <= samples / 100)
  })

  test('at rest it is what kafka-consumer-groups.sh prints, on the page of one group and of all', async () => {
    const tools = stack.use(await startTools('kafka-4.1.0', join(directory, 'tools')))
    const printed = await tools.run('org.apache.kafka.tools.consumer.group.ConsumerGroupCommand', [
      '--bootstrap-server',
      bootstrap,
      '--describe',
      '--group',
      group,
    ])
    const rows = printed
      .split('\n')
      .map(line => line.trim().split(/\s+/))
      .filter(([id]) => id === group)
      .map(([, name, partition, committed, end, lag]) =>
        [name, ...[partition, committed, end, lag].map(Number)].join(' '),
      )
    assert.equal(rows.length, partitions, printed)
    const one = async () => {
      const { positions } = await look<Group>(`/groups/${group}`)
      return positions.map(at => [at.topic, at.partition, at.committed, at.end, at.lag].join(' '))
    }
    await waitFor(async () => (await one()).sort().join() === rows.sort().join(), 'the numbers are the same')
    const total = rows.reduce((sum, row) => sum + Number(row.split(' ').at(-1)), 0)
    const { groups } = await look<Groups>('/groups')
    assert.equal(groups.find(({ id }) => id === group)!.lag, total)
  })
})
