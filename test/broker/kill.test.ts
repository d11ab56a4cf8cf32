// kill -9 under load, again and again: what was acknowledged is there, at the offset that was told, once;
// committed positions never go back.
import assert from 'node:assert/strict'
import test from 'node:test'
import { fileURLToPath } from 'node:url'
import { createTopics } from '../../src/wire/kafka/messages/create-topics.ts'
import { fetch } from '../../src/wire/kafka/messages/fetch.ts'
import { offsetCommit } from '../../src/wire/kafka/messages/offset-commit.ts'
import { offsetFetch } from '../../src/wire/kafka/messages/offset-fetch.ts'
import { startBrokerProcess, type BrokerProcess } from './broker-process.ts'
import { inDirectory } from './running-broker.ts'
import { SequencedProducer } from './sequenced-producer.ts'
import { WireClient } from './wire-client.ts'
import { readRecords } from '../at-once.ts'

const file = fileURLToPath(new URL('files/server.properties', import.meta.url))
const rounds = process.env['MILLRACE_DEEP'] === '1' ? 100 : 4

async function readAll(port: number, topic: string): Promise<{ offset: number; value: string }[]> {
  const client = await WireClient.connect(port)
  const found: { offset: number; value: string }[] = []
  for (let next = 0; ;) {
    const { responses } = await client.ask(fetch, 11, {
      maxWaitMs: 0,
      minBytes: 1,
      topics: [{ topic, partitions: [{ partition: 0, fetchOffset: next, partitionMaxBytes: 1_000_000 }] }],
      forgottenTopicsData: [],
    })
    const { records, nextOffset } = readRecords(responses[0]!.partitions[0]!.records!, next)
    if (nextOffset === next) break
    found.push(...records.map(({ offset, value }) => ({ offset, value: String(value) })))
    next = nextOffset
  }
  client.close()
  return found
}

const partitionOf = (topic: string, more: object) => ({
  name: topic,
  partitions: [{ partitionIndex: 0, ...more }],
})

/** Commits ever higher positions until the connection is lost; gives the last one that was acknowledged. */
async function commitUntilLost(port: number, from: number): Promise<number> {
  const client = await WireClient.connect(port)
  let acknowledged = from
  for (;;) {
    const committedOffset = acknowledged + 1
    const answer = await client
      .ask(offsetCommit, 7, {
        groupId: 'g',
        topics: [partitionOf('kept', { committedOffset, committedMetadata: null }) as never],
      })
      .catch(() => null)
    if (answer === null) return acknowledged
    assert.equal(answer.topics[0]!.partitions[0]!.errorCode, 0)
    acknowledged = committedOffset
  }
}

async function committed(port: number): Promise<number> {
  const client = await WireClient.connect(port)
  const { topics } = await client.ask(offsetFetch, 7, {
    groupId: 'g',
    topics: [{ name: 'kept', partitionIndexes: [0] }],
    requireStable: false,
  })
  client.close()
  return topics[0]!.partitions[0]!.committedOffset
}

test(
  `${rounds} kills under load: every acknowledged record is there once, where it was said to be; positions do not go back`,
  { timeout: 600_000 },
  () =>
    inDirectory(async directory => {
      // Small segments: kills come while a new one is begun, too.
      const overrides = { 'log.dirs': directory, 'log.segment.bytes': '60000' }
      let broker: BrokerProcess = await startBrokerProcess(file, overrides)
      const admin = await WireClient.connect(broker.port)
      await admin.ask(createTopics, 4, {
        topics: [{ name: 'kept', numPartitions: 1, replicationFactor: 1, assignments: [], configs: [] }],
      })
      admin.close()
      const producer = new SequencedProducer('kept')
      let number = 0
      const nextBatch = () =>
        Array.from({ length: 1 + (number % 9) }, () => `${number++} ${'x'.repeat((number * 131) % 1500)}`)
      let position = 0
      for (let round = 0; round < rounds; round++) {
        await producer.connect(broker.port)
        const before = producer.acknowledged.size
        const sending = producer.run(nextBatch)
        const committing = commitUntilLost(broker.port, position)
        while (producer.acknowledged.size < before + 100 + round * 37)
          await new Promise(resolve => setImmediate(resolve))
        await broker.end('SIGKILL')
        const [, reached] = await Promise.all([sending, committing])
        broker = await startBrokerProcess(file, overrides)
        const now = await committed(broker.port)
        assert.ok(now === reached || now === reached + 1, `committed ${reached}, found ${now}`)
        position = now
      }
      await producer.connect(broker.port)
      await producer.run(nextBatch, 5)
      const found = await readAll(broker.port, 'kept')
      assert.deepEqual(
        found.map(({ offset }) => offset),
        found.map((_, index) => index),
        'no offset is missing',
      )
      assert.deepEqual(
        found.map(({ value }) => Number(value.split(' ')[0])),
        found.map((_, index) => index),
        'every record once, in order',
      )
      for (const { offset, value } of found) assert.equal(producer.acknowledged.get(value), offset)
      assert.equal(found.length, producer.acknowledged.size)
      producer.close()
      assert.equal(await broker.end('SIGTERM'), 0)
    }),
)
