// Batches of a few kilobytes whose decoders keep 128 MiB each: many at once take turns, at the broker and in the Kafka source.
import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test, type TestContext } from 'node:test'
import { constants, zstdCompressSync } from 'node:zlib'
import { crc32c } from '../../src/wire/kafka/crc32c.ts'
import { createTopics } from '../../src/wire/kafka/messages/create-topics.ts'
import { metadata } from '../../src/wire/kafka/messages/metadata.ts'
import { produce } from '../../src/wire/kafka/messages/produce.ts'
import { writeRecords } from '../../src/wire/kafka/record-set.ts'
import { startBroker } from '../broker/running-broker.ts'
import { WireClient } from '../broker/wire-client.ts'
import { accepted, AttackedAgent } from './attacked-agent.ts'
import { HostileChild, mostTurnMs } from './child.ts'

const megabyte = 1024 * 1024
const isDeep = process.env['MILLRACE_DEEP'] !== undefined
const count = 100
/** Records of 1 MB, packed with the largest window there is: all of it is used. */
const batch = (() => {
  const record = { timestamp: Date.now(), key: null, value: Buffer.alloc(1_000_000) }
  const plain = writeRecords(Array.from({ length: count }, () => record))
  const packed = zstdCompressSync(plain.subarray(61), {
    params: { [constants.ZSTD_c_windowLog]: 27, [constants.ZSTD_c_contentSizeFlag]: 0 },
  })
  // Its window fits the content no better.
  packed[5] = 17 << 3
  const bytes = Buffer.concat([plain.subarray(0, 61), packed])
  bytes.writeInt32BE(bytes.length - 12, 8)
  bytes.writeInt16BE(4, 21)
  bytes.writeUInt32BE(crc32c(bytes, 21), 17)
  return bytes
})()

async function create(client: WireClient, partitions: number): Promise<void> {
  const { topics } = await client.ask(createTopics, 5, {
    topics: [{ name: 'bad', numPartitions: partitions, replicationFactor: 1, assignments: [], configs: [] }],
  })
  assert.equal(topics[0]!.errorCode, 0)
}

async function send(client: WireClient, index: number): Promise<void> {
  const { responses } = await client.ask(produce, 9, {
    transactionalId: null,
    acks: 1,
    timeoutMs: 60_000,
    topicData: [{ name: 'bad', partitionData: [{ index, records: batch }] }],
  })
  assert.equal(responses[0]!.partitionResponses[0]!.errorCode, 0)
}

async function clientOf(t: TestContext, port: number): Promise<WireClient> {
  const client = await WireClient.connect(port)
  t.after(() => client.close())
  return client
}

const producers = isDeep ? 30 : 6
test(`${producers} producers whose batches ask for a window of 128 MiB each`, async t => {
  const directory = mkdtempSync(join(tmpdir(), 'millrace-hostile-'))
  t.after(() => rmSync(directory, { recursive: true, force: true }))
  const module = 'test/hostile/broker-child.ts'
  const { child, ready } = await HostileChild.start<{ port: number }>(t, module, [join(directory, 'logs')])
  const other = await clientOf(t, ready.port)
  await create(other, producers)
  child.reset()
  const done = new AbortController()
  const all = Promise.all(
    Array.from({ length: producers }, async (_, index) => send(await clientOf(t, ready.port), index)),
  ).finally(() => done.abort())
  while (!done.signal.aborted) await other.ask(metadata, 9, { topics: [] })
  await all
  const { peakBytes, longestMs } = await child.taken()
  assert.ok(peakBytes < 400 * megabyte, `${peakBytes} bytes`)
  assert.ok(longestMs < mostTurnMs, `a turn of ${longestMs} ms`)
})

test('partitions whose batches ask for a window of 128 MiB each are read in turn', async t => {
  const directory = mkdtempSync(join(tmpdir(), 'millrace-hostile-'))
  const broker = await startBroker(directory)
  t.after(async () => {
    await broker.stop()
    rmSync(directory, { recursive: true, force: true })
  })
  const partitions = isDeep ? 40 : 6
  const client = await clientOf(t, broker.broker.port)
  await create(client, partitions)
  for (let index = 0; index < partitions; index++) await send(client, index)
  const agent = await AttackedAgent.start(t, [
    'a1.sources = r1',
    'a1.channels = c1',
    'a1.sinks = k1',
    'a1.sources.r1.type = org.apache.flume.source.kafka.KafkaSource',
    `a1.sources.r1.kafka.bootstrap.servers = ${broker.bootstrap}`,
    'a1.sources.r1.kafka.topics = bad',
    'a1.sources.r1.kafka.consumer.group.id = g',
    'a1.sources.r1.kafka.consumer.auto.offset.reset = earliest',
    'a1.sources.r1.channels = c1',
    'a1.channels.c1.type = memory',
    'a1.channels.c1.capacity = 1000',
    'a1.channels.c1.transactionCapacity = 1000',
    'a1.sinks.k1.type = null',
    'a1.sinks.k1.channel = c1',
  ])
  await agent.until(snapshot => accepted(snapshot) === partitions * count, 120_000)
  await agent.assertBounded({ mostMb: 400 })
})
