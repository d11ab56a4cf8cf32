// Positions of groups as the topic that Kafka keeps them in: to be read like any other, not to be written or
// deleted, the same after a start and after compaction.
import assert from 'node:assert/strict'
import test from 'node:test'
import { kafkaError } from '../../src/wire/kafka/error-codes.ts'
import { createTopics } from '../../src/wire/kafka/messages/create-topics.ts'
import { deleteTopics } from '../../src/wire/kafka/messages/delete-topics.ts'
import { fetch } from '../../src/wire/kafka/messages/fetch.ts'
import { metadata } from '../../src/wire/kafka/messages/metadata.ts'
import { offsetCommit } from '../../src/wire/kafka/messages/offset-commit.ts'
import { offsetCommitKey, offsetCommitValue } from '../../src/wire/kafka/messages/offsets-topic.ts'
import { produce } from '../../src/wire/kafka/messages/produce.ts'
import { writeRecords } from '../../src/wire/kafka/record-set.ts'
import { inDirectory, startBroker } from './running-broker.ts'
import { WireClient } from './wire-client.ts'
import { readRecords } from '../at-once.ts'

const name = '__consumer_offsets'

test('the topic of positions is Kafka’s: internal, readable, compacted, and nobody else’s to change', () =>
  inDirectory(async directory => {
    const overrides = { 'offsets.topic.segment.bytes': '2000' }
    let running = await startBroker(directory, overrides)
    let client = await WireClient.connect(running.broker.port)
    const topic = { name: 't', numPartitions: 1, replicationFactor: 1, assignments: [], configs: [] }
    await client.ask(createTopics, 4, { topics: [topic] })
    const commit = async (groupId: string, committedOffset: number) => {
      const partitions = [{ partitionIndex: 0, committedOffset, committedMetadata: `at ${committedOffset}` }]
      const { topics } = await client.ask(offsetCommit, 7, { groupId, topics: [{ name: 't', partitions }] })
      assert.equal(topics[0]!.partitions[0]!.errorCode, 0)
    }
    const isThere = async () => {
      const { topics } = await client.ask(metadata, 5, { topics: null })
      return topics.filter(one => one.isInternal).map(one => [one.name, one.partitions.length])
    }
    assert.deepEqual(await isThere(), [], 'before the first commit')
    for (let offset = 0; offset < 60; offset++) {
      await commit('a', offset)
      if (offset % 20 === 0) await commit('b', offset)
    }
    assert.deepEqual(await isThere(), [[name, 1]])

    const read = async () => {
      const found: unknown[] = []
      for (let next = 0; ;) {
        const { responses } = await client.ask(fetch, 11, {
          maxWaitMs: 0,
          minBytes: 1,
          topics: [
            { topic: name, partitions: [{ partition: 0, fetchOffset: next, partitionMaxBytes: 1e6 }] },
          ],
          forgottenTopicsData: [],
        })
        const { records, nextOffset } = readRecords(responses[0]!.partitions[0]!.records!, next)
        if (nextOffset === next) return found
        for (const { key, value } of records) {
          const { group, topic, partition } = offsetCommitKey.decode(key!).body
          const { offset, metadata: text } = offsetCommitValue.decode(value!).body
          found.push([group, topic, partition, offset, text])
        }
        next = nextOffset
      }
    }
    const all = await read()
    assert.equal(all.length, 63)
    assert.deepEqual(all.at(-1), ['a', 't', 0, 59, 'at 59'])

    const records = writeRecords([{ timestamp: 1, key: Buffer.from('k'), value: Buffer.from('v') }])
    const { responses } = await client.ask(produce, 8, {
      acks: -1,
      timeoutMs: 1000,
      topicData: [{ name, partitionData: [{ index: 0, records }] }],
    })
    assert.equal(kafkaError(responses[0]!.partitionResponses[0]!.errorCode).name, 'INVALID_TOPIC_EXCEPTION')
    const deleted = await client.ask(deleteTopics, 3, { topicNames: [name], timeoutMs: 1000 })
    assert.equal(kafkaError(deleted.responses[0]!.errorCode).name, 'INVALID_REQUEST')

    assert.ok((await running.broker.topics.partition(name, 0)!.compact(1e6)) > 0)
    assert.ok((await read()).length < 30)
    for (const start of [0, 1]) {
      assert.deepEqual(
        running.broker.offsets('a').map(({ offset, metadata: text }) => [offset, text]),
        [[59, 'at 59']],
        `start ${start}`,
      )
      assert.equal(running.broker.offsets('b')[0]!.offset, 40)
      if (start === 1) break
      client.close()
      await running.stop()
      running = await startBroker(directory, overrides)
      client = await WireClient.connect(running.broker.port)
    }
    client.close()
    await running.stop()
  }))
