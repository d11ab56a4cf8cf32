// Events with a hundred headers each, through the whole chain: Kafka, an agent with a file channel, Avro, an agent with a file
// channel. The memory of both follows the budget, not the events. MILLRACE_DEEP=1 sends a million.
import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { createTopics } from '../../src/wire/kafka/messages/create-topics.ts'
import { produce } from '../../src/wire/kafka/messages/produce.ts'
import { writeRecords } from '../../src/wire/kafka/record-set.ts'
import { Event } from '../../src/event.ts'
import { startBroker } from '../broker/running-broker.ts'
import { WireClient } from '../broker/wire-client.ts'
import { accepted, AttackedAgent } from './attacked-agent.ts'

const isDeep = process.env['MILLRACE_DEEP'] !== undefined
const count = isDeep ? 1_000_000 : 10_000
const inBatch = 10_000
const headerCount = 100

const fileChannel = [
  'a1.channels.c1.type = file',
  'a1.channels.c1.checkpointDir = DIRECTORY/c',
  'a1.channels.c1.dataDirs = DIRECTORY/d',
  'a1.channels.c1.minimumRequiredSpace = 1048576',
]
const parts = [
  'a1.sources = r1',
  'a1.channels = c1',
  'a1.sinks = k1',
  'a1.sources.r1.channels = c1',
  'a1.sinks.k1.channel = c1',
]

test(`${count} events with ${headerCount} headers each pass the chain within the memory budget`, async t => {
  const directory = mkdtempSync(join(tmpdir(), 'millrace-hostile-'))
  const broker = await startBroker(directory)
  t.after(async () => {
    await broker.stop()
    rmSync(directory, { recursive: true, force: true })
  })
  const client = await WireClient.connect(broker.broker.port)
  t.after(() => client.close())
  await client.ask(createTopics, 5, {
    topics: [{ name: 'wide', numPartitions: 1, replicationFactor: 1, assignments: [], configs: [] }],
  })
  const headers = Object.fromEntries(
    Array.from({ length: headerCount }, (_, index) => [`header-${index}`, `value ${index}`]),
  )
  const value = Event.of(headers, 'a').encoded
  const record = { timestamp: Date.now(), key: null, value }
  const records = writeRecords(
    Array.from({ length: inBatch }, () => record),
    { codec: 'zstd' },
  )
  for (let sent = 0; sent < count; sent += inBatch) {
    const { responses } = await client.ask(produce, 9, {
      transactionalId: null,
      acks: 1,
      timeoutMs: 30_000,
      topicData: [{ name: 'wide', partitionData: [{ index: 0, records: Buffer.from(records) }] }],
    })
    assert.equal(responses[0]!.partitionResponses[0]!.errorCode, 0)
  }
  const second = await AttackedAgent.start(t, [
    ...parts,
    'a1.sources.r1.type = avro',
    'a1.sources.r1.bind = 127.0.0.1',
    'a1.sources.r1.port = 0',
    ...fileChannel,
    'a1.sinks.k1.type = null',
    'a1.sinks.k1.batchSize = 1000',
  ])
  const first = await AttackedAgent.start(t, [
    ...parts,
    'a1.sources.r1.type = org.apache.flume.source.kafka.KafkaSource',
    `a1.sources.r1.kafka.bootstrap.servers = ${broker.bootstrap}`,
    'a1.sources.r1.kafka.topics = wide',
    'a1.sources.r1.kafka.consumer.group.id = g',
    'a1.sources.r1.kafka.consumer.auto.offset.reset = earliest',
    'a1.sources.r1.useFlumeEventFormat = true',
    ...fileChannel,
    'a1.sinks.k1.type = avro',
    'a1.sinks.k1.hostname = 127.0.0.1',
    `a1.sinks.k1.port = ${second.port()}`,
    'a1.sinks.k1.batch-size = 1000',
  ])
  const { process } = await second.until(snapshot => accepted(snapshot) === count, isDeep ? 900_000 : 90_000)
  t.diagnostic(`the budget was used up to ${process.memoryMostUsed} bytes`)
  await first.assertBounded({ mostMb: 450 })
  await second.assertBounded({ mostMb: 450 })
})
