// kafka-manager's start command over a real ZooKeeper 3.4.10 and Kafka 0.10.2.1: the pages have the clusters that are
// registered and stored there.
import assert from 'node:assert/strict'
import { execFileSync, spawn } from 'node:child_process'
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import type { Brokers, Clusters, Groups, Messages, Topic, Topics } from '../../src/console/api.ts'
import { storedCluster } from '../console/scripted-zookeeper.ts'
import { root } from '../source-text.ts'
import { fetchPeer } from './peers/fetch.ts'
import { skipWithoutPeers, startKafka010, startZooKeeper, type Kafka, type ZooKeeper } from './peers/peers.ts'
import { createTopic, produceAll } from './peers/topics.ts'
import { waitFor } from './peers/waiting.ts'

describe('bin/kafka-manager', { skip: skipWithoutPeers }, () => {
  let directory: string
  let zookeeper: ZooKeeper
  let kafka: Kafka
  const stack = new AsyncDisposableStack()
  before(async () => {
    directory = mkdtempSync(join(tmpdir(), 'millrace-kafka-manager-'))
    zookeeper = stack.use(await startZooKeeper(directory))
    kafka = stack.use(await startKafka010(directory, zookeeper))
  })
  after(async () => {
    await stack.disposeAsync()
    rmSync(directory, { recursive: true, force: true })
  })

  test('-Dconfig.file=conf/application.conf -Dapplication.home=./, with kafka-manager.zkhosts alone', async () => {
    await createTopic(kafka.bootstrap, 'test3')
    await produceAll(kafka.bootstrap, 'test3', [
      { key: null, value: 'one' },
      { key: null, value: 'two' },
    ])
    const jars = await fetchPeer('zookeeper-3.4.10')
    // What kafka-manager has written there.
    for (const [path, data] of [
      ['/kafka-manager', ''],
      ['/kafka-manager/configs', ''],
      ['/kafka-manager/configs/production', storedCluster('production', zookeeper.connect)],
    ] as const)
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
          data,
        ],
        { stdio: 'pipe' },
      )
    mkdirSync(join(directory, 'bin'))
    mkdirSync(join(directory, 'conf'))
    symlinkSync(join(root, 'bin/kafka-manager'), join(directory, 'bin/kafka-manager'))
    writeFileSync(join(directory, 'conf/application.conf'), `kafka-manager.zkhosts="${zookeeper.connect}"\n`)
    const child = spawn(
      'bin/kafka-manager',
      ['-Dconfig.file=conf/application.conf', '-Dapplication.home=./', '-Dhttp.port=0'],
      {
        cwd: directory,
        stdio: ['ignore', 'pipe', 'pipe'],
      },
    )
    const ended = new Promise(resolve => child.on('exit', resolve))
    let text = ''
    child.stdout.on('data', (chunk: Buffer) => (text += String(chunk)))
    child.stderr.on('data', (chunk: Buffer) => (text += String(chunk)))
    try {
      await waitFor(() => /Console on http\S+/.test(text), 'it starts')
      const url = /Console on (http\S+)/.exec(text)![1]!
      const ask = async <T>(path: string): Promise<T> => {
        const answer = await fetch(new URL(path, url))
        const body = await answer.text()
        assert.equal(answer.status, 200, body)
        return JSON.parse(body) as T
      }
      await waitFor(
        async () => (await ask<Clusters>('/api/clusters'))[0]?.name === 'production',
        'the stored cluster',
      )
      assert.deepEqual(await ask<Clusters>('/api/clusters'), [
        { name: 'production', servers: kafka.bootstrap, zookeeper: zookeeper.connect, problem: null },
      ])
      const { topics } = await ask<Topics>('/api/clusters/production/topics')
      assert.deepEqual(
        topics.filter(({ isInternal }) => !isInternal).map(({ name, offsets }) => [name, offsets]),
        [['test3', 2]],
      )
      const { brokers } = await ask<Brokers>('/api/clusters/production/brokers')
      assert.equal(brokers.length, 1)
      const topic = await ask<Topic>('/api/clusters/production/topics/test3')
      assert.deepEqual([topic.partitions.length, topic.partitions[0]!.next], [1, 2])
      assert.deepEqual((await ask<Groups>('/api/clusters/production/groups')).groups, [])
      const { messages } = await ask<Messages>('/api/clusters/production/topics/test3/messages?from=oldest')
      assert.deepEqual(messages.map(({ value }) => value.text).toSorted(), ['one', 'two'])
    } finally {
      child.kill('SIGTERM')
      await ended
    }
  })
})
