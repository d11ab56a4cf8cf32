// A Kafka source written for Flume 1.6: brokers looked up in ZooKeeper, and positions a group kept there
// taken over once.
import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { fetchPeer } from './peers/fetch.ts'
import {
  skipWithoutPeers,
  startKafka010,
  startMillrace,
  startZooKeeper,
  type Kafka,
  type ZooKeeper,
} from './peers/peers.ts'
import { createTopic, produceAll, withAdmin } from './peers/topics.ts'
import { waitFor } from './peers/waiting.ts'

describe('zookeeperConnect', { skip: skipWithoutPeers }, () => {
  let directory: string
  let zookeeper: ZooKeeper
  let kafka: Kafka
  const stack = new AsyncDisposableStack()
  before(async () => {
    directory = mkdtempSync(join(tmpdir(), 'millrace-zookeeper-'))
    zookeeper = stack.use(await startZooKeeper(directory))
    kafka = stack.use(await startKafka010(directory, zookeeper))
  })
  after(async () => {
    await stack.disposeAsync()
    rmSync(directory, { recursive: true, force: true })
  })

  test('alone it is enough, and the group goes on where it stood in ZooKeeper', async () => {
    await createTopic(kafka.bootstrap, 'old')
    await produceAll(
      kafka.bootstrap,
      'old',
      Array.from({ length: 10 }, (_, index) => ({ key: null, value: `message ${index}` })),
    )
    const jars = await fetchPeer('zookeeper-3.4.10')
    const path = '/consumers/veterans/offsets/old/0'
    const parents = path.split('/').slice(1, -1)
    for (const [depth] of parents.entries()) {
      const parent = `/${parents.slice(0, depth + 1).join('/')}`
      execFileSync(
        'java',
        [
          '-cp',
          `${jars}/*`,
          'org.apache.zookeeper.ZooKeeperMain',
          '-server',
          zookeeper.connect,
          'create',
          parent,
          'none',
        ],
        { stdio: 'pipe' },
      )
    }
    execFileSync(
      'java',
      [
        '-cp',
        `${jars}/*`,
        'org.apache.zookeeper.ZooKeeperMain',
        '-server',
        zookeeper.connect,
        'create',
        path,
        '7',
      ],
      { stdio: 'pipe' },
    )

    const out = join(directory, 'out')
    mkdirSync(out)
    const conf = `
A.sources = s
A.channels = c
A.sinks = k
A.sources.s.type = org.apache.flume.source.kafka.KafkaSource
A.sources.s.zookeeperConnect = ${zookeeper.connect}
A.sources.s.topic = old
A.sources.s.groupId = veterans
A.sources.s.batchSize = 100
A.sources.s.channels = c
A.channels.c.type = memory
A.sinks.k.type = file_roll
A.sinks.k.sink.directory = ${out}
A.sinks.k.sink.rollInterval = 0
A.sinks.k.channel = c
`
    await using agent = await startMillrace(directory, { agent: 'A', conf })
    await agent.line(/takes over positions it had elsewhere: old-0 from 7/)
    const lines = () =>
      readdirSync(out).flatMap(name => readFileSync(join(out, name), 'utf8').split('\n').filter(Boolean))
    await waitFor(() => lines().length >= 3, 'three events')
    assert.deepEqual(lines(), ['message 7', 'message 8', 'message 9'])
    assert.equal(await agent.stop(), 0)
    const [committed] = await withAdmin(kafka.bootstrap, admin =>
      admin.fetchOffsets({ groupId: 'veterans', topics: ['old'] }),
    )
    assert.equal(committed!.partitions[0]!.offset, '10')
  })
})
