// An agent attacked through the topic that it reads: a few hundred kilobytes that unpack to gigabytes, or hold millions of
// records. It takes them all, within its memory and while it goes on living. MILLRACE_DEEP=1 makes it the sizes of an
// attack that once ended agents; else they are as large as a few seconds allow.
import assert from 'node:assert/strict'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test, type TestContext } from 'node:test'
import { createTopics } from '../../src/wire/kafka/messages/create-topics.ts'
import { produce } from '../../src/wire/kafka/messages/produce.ts'
import { writeRecords } from '../../src/wire/kafka/record-set.ts'
import type { Compression } from '../../src/wire/kafka/compression.ts'
import { startBroker } from '../broker/running-broker.ts'
import { WireClient } from '../broker/wire-client.ts'
import { accepted, AttackedAgent } from './attacked-agent.ts'
import { noVolumes, Volume } from './volume.ts'

const isDeep = process.env['MILLRACE_DEEP'] !== undefined

async function topicOf(t: TestContext, batches: Iterable<Buffer>, version = 7): Promise<string> {
  const directory = mkdtempSync(join(tmpdir(), 'millrace-hostile-'))
  const broker = await startBroker(directory)
  t.after(async () => {
    await broker.stop()
    rmSync(directory, { recursive: true, force: true })
  })
  const client = await WireClient.connect(broker.broker.port)
  t.after(() => client.close())
  const { topics } = await client.ask(createTopics, 5, {
    topics: [{ name: 'bad', numPartitions: 1, replicationFactor: 1, assignments: [], configs: [] }],
  })
  assert.equal(topics[0]!.errorCode, 0)
  for (const records of batches) {
    const answer = await client.ask(produce, version, {
      acks: -1,
      timeoutMs: 30_000,
      topicData: [{ name: 'bad', partitionData: [{ index: 0, records }] }],
    })
    assert.equal(answer.responses[0]!.partitionResponses[0]!.errorCode, 0)
  }
  return broker.bootstrap
}

const agentOf = (bootstrap: string, more: readonly string[] = []) => [
  'a1.sources = r1',
  'a1.channels = c1',
  'a1.sinks = k1',
  'a1.sources.r1.type = org.apache.flume.source.kafka.KafkaSource',
  `a1.sources.r1.kafka.bootstrap.servers = ${bootstrap}`,
  'a1.sources.r1.kafka.topics = bad',
  'a1.sources.r1.kafka.consumer.group.id = g',
  'a1.sources.r1.kafka.consumer.auto.offset.reset = earliest',
  'a1.sources.r1.channels = c1',
  'a1.channels.c1.type = memory',
  'a1.channels.c1.capacity = 10000',
  'a1.channels.c1.transactionCapacity = 10000',
  'a1.sinks.k1.type = null',
  'a1.sinks.k1.batchSize = 1000',
  'a1.sinks.k1.channel = c1',
  ...more,
]

const record = (value: Buffer | null, headers: { key: string; value: Buffer | null }[] = []) => ({
  timestamp: 1,
  key: null,
  value,
  headers,
})
const batch = (count: number, value: Buffer | null, codec: Compression): Buffer =>
  writeRecords(
    Array.from({ length: count }, () => record(value)),
    { codec },
  )

for (const codec of ['zstd', 'gzip', 'lz4'] as const)
  test(`${codec} batches of 120 records of 1 MB`, async t => {
    const count = isDeep ? 40 : 4
    const packed = batch(120, Buffer.alloc(1_000_000, 'x'), codec)
    const agent = await AttackedAgent.start(t, agentOf(await topicOf(t, Array(count).fill(packed))))
    await agent.until(snapshot => accepted(snapshot) === 120 * count)
    await agent.assertBounded()
  })

test('batches that hold a million records of no bytes', async t => {
  const [count, size] = isDeep ? [20, 1_200_000] : [2, 600_000]
  const packed = batch(size, null, 'zstd')
  const agent = await AttackedAgent.start(t, agentOf(await topicOf(t, Array(count).fill(packed))))
  await agent.until(snapshot => accepted(snapshot) > 100_000)
  await agent.until(snapshot => accepted(snapshot) === count * size, 300_000)
  await agent.assertBounded()
})

test('a record that is too large blocks its partition with a remedy that helps, or is left out', async t => {
  const large = batch(1, Buffer.alloc(3_000_000, 'x'), 'zstd')
  const bootstrap = await topicOf(t, [
    batch(3, Buffer.from('a'), 'none'),
    large,
    batch(4, Buffer.from('b'), 'none'),
  ])
  const limit = 'a1.sources.r1.maxRecordBytes = 2000000'
  const agent = await AttackedAgent.start(t, agentOf(bootstrap, [limit]))
  const { conditions, sources } = await agent.until(snapshot => snapshot.conditions.length > 0)
  assert.match(conditions[0]!.problem, /bad-0 .*offset 3 has 30000\d\d bytes, and 2000000 are allowed/)
  assert.match(conditions[0]!.remedy, /maxRecordBytes .*largeRecords = skip/)
  assert.equal(sources[0]!.counters!['EventAcceptedCount'], 3)
  await agent.assertBounded()
  const skipping = await AttackedAgent.start(
    t,
    agentOf(bootstrap, [
      limit,
      'a1.sources.r1.largeRecords = skip',
      'a1.sources.r1.kafka.consumer.group.id = h',
    ]),
  )
  const after = await skipping.until(snapshot => accepted(snapshot) === 7)
  assert.equal(after.sources[0]!.ownCounters['records_left_out'], 1)
  assert.match(
    skipping.output,
    /its 30000\d\d bytes, which are more than the 2000000 allowed, of the record at bad-0 offset 3 are left out/,
  )
  await skipping.assertBounded()
})

test('a record with a million headers', async t => {
  const headers = Array.from({ length: 1_000_000 }, () => ({ key: 'h', value: null }))
  const packed = writeRecords([record(Buffer.from('a'), headers), record(Buffer.from('b'))], {
    codec: 'zstd',
  })
  const agent = await AttackedAgent.start(t, agentOf(await topicOf(t, Array(isDeep ? 40 : 3).fill(packed))))
  const { sources } = await agent.until(snapshot => accepted(snapshot) === (isDeep ? 80 : 6))
  assert.equal(sources[0]!.ownCounters['records_left_out'], isDeep ? 40 : 3)
  await agent.assertBounded()
})

test(
  'the places of records that are too large are noted before anything behind them is committed',
  { skip: noVolumes },
  async t => {
    const volume = new Volume(t, 4096)
    const filler = join(volume.path, 'filler')
    writeFileSync(filler, Buffer.alloc(4096))
    const bootstrap = await topicOf(t, [
      batch(3, Buffer.from('a'), 'none'),
      batch(2, Buffer.alloc(3_000_000, 'x'), 'zstd'),
      batch(4, Buffer.from('b'), 'none'),
    ])
    const file = join(volume.path, 'letters.jsonl')
    const agent = await AttackedAgent.start(
      t,
      agentOf(bootstrap, [
        'a1.sources.r1.maxRecordBytes = 2000000',
        `a1.sources.r1.deadLetter.file = ${file}`,
      ]),
    )
    const { conditions, sources } = await agent.until(snapshot => snapshot.conditions.length > 0)
    assert.match(conditions[0]!.problem, /source r1 waits: .*letters\.jsonl .*deadLetter\.file/)
    assert.ok(Number(sources[0]!.counters!['EventAcceptedCount']) <= 3)
    rmSync(filler)
    const after = await agent.until(snapshot => accepted(snapshot) === 7 && snapshot.conditions.length === 0)
    assert.equal(after.sources[0]!.ownCounters['events_diverted'], 2)
    const letters = readFileSync(file, 'utf8')
      .split('\n')
      .filter(line => line.startsWith('{'))
      .map(line => JSON.parse(line) as { code: string; headers: object })
    assert.deepEqual(
      letters.map(({ code, headers }) => ({ code, headers })),
      [3, 4].map(offset => ({
        code: 'UNREADABLE',
        headers: { topic: 'bad', partition: '0', offset: String(offset) },
      })),
    )
    await agent.assertBounded()
  },
)
