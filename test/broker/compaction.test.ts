// A compacted topic as its clients see it: the newest of each key, holes where the rest was, the same after a
// start; producers and transactions go on over it.
import assert from 'node:assert/strict'
import test from 'node:test'
import { createTopics } from '../../src/wire/kafka/messages/create-topics.ts'
import { fetch } from '../../src/wire/kafka/messages/fetch.ts'
import { initProducerId } from '../../src/wire/kafka/messages/init-producer-id.ts'
import { produce } from '../../src/wire/kafka/messages/produce.ts'
import { kafkaError } from '../../src/wire/kafka/error-codes.ts'
import { writeRecords } from '../../src/wire/kafka/record-set.ts'
import type { Compression } from '../../src/wire/kafka/compression.ts'
import { inDirectory, startBroker, type RunningBroker } from './running-broker.ts'
import { WireClient } from './wire-client.ts'
import { readRecords } from '../at-once.ts'

const day = 86_400_000

async function make(client: WireClient, configs: Record<string, string>): Promise<void> {
  const { topics } = await client.ask(createTopics, 5, {
    topics: [
      {
        name: 't',
        numPartitions: 1,
        replicationFactor: 1,
        assignments: [],
        configs: Object.entries({ 'cleanup.policy': 'compact', 'segment.bytes': '400', ...configs }).map(
          ([name, value]) => ({ name, value }),
        ),
      },
    ],
  })
  assert.equal(topics[0]!.errorCode, 0)
}

interface Sent {
  readonly key: string
  readonly value: string | null
  readonly timestamp?: number
}

async function send(
  client: WireClient,
  records: readonly Sent[],
  more: { codec?: Compression; producerId?: number; baseSequence?: number } = {},
): Promise<string> {
  const { codec = 'none', producerId, baseSequence = 0 } = more
  const bytes = writeRecords(
    records.map(({ key, value, timestamp = Date.now() }) => ({
      timestamp,
      key: Buffer.from(key),
      value: value === null ? null : Buffer.from(value),
    })),
    {
      codec,
      ...(producerId === undefined ? {} : { identity: { producerId, producerEpoch: 0, baseSequence } }),
    },
  )
  const { responses } = await client.ask(produce, 8, {
    acks: -1,
    timeoutMs: 1000,
    topicData: [{ name: 't', partitionData: [{ index: 0, records: bytes }] }],
  })
  return kafkaError(responses[0]!.partitionResponses[0]!.errorCode).name
}

/** `offset key=value` of all that is left, read in small pieces. */
async function read(client: WireClient): Promise<string[]> {
  const found: string[] = []
  for (let next = 0; ;) {
    const { responses } = await client.ask(fetch, 11, {
      maxWaitMs: 0,
      minBytes: 1,
      topics: [{ topic: 't', partitions: [{ partition: 0, fetchOffset: next, partitionMaxBytes: 300 }] }],
      forgottenTopicsData: [],
    })
    const { records, nextOffset } = readRecords(responses[0]!.partitions[0]!.records!, next)
    if (nextOffset === next) return found
    found.push(...records.map(({ offset, key, value }) => `${offset} ${key}=${value}`))
    next = nextOffset
  }
}

const partitionOf = ({ broker }: RunningBroker) => broker.topics.partition('t', 0)!

test('of each key the newest record stays, with its offset, in whatever codec, and after a start', () =>
  inDirectory(async directory => {
    let running = await startBroker(directory)
    let client = await WireClient.connect(running.broker.port)
    await make(client, {})
    const expected = new Map<string, string>()
    let offset = 0
    for (let turn = 0; turn < 40; turn++) {
      const records = ['a', 'b', `only-${turn % 12}`].map(key => ({ key, value: `${turn}` }))
      const codec = (['none', 'gzip', 'snappy', 'lz4', 'zstd'] as const)[turn % 5]!
      assert.equal(await send(client, records, { codec }), 'NONE')
      for (const { key, value } of records) expected.set(key, `${offset++} ${key}=${value}`)
    }
    const before = partitionOf(running).sizeBytes
    assert.ok((await partitionOf(running).compact(1e6)) > 0)
    assert.ok(partitionOf(running).sizeBytes < before)
    const left = await read(client)
    for (const one of expected.values()) assert.ok(left.includes(one), one)
    // The newest segment is left alone: a little more than the newest of each key is there.
    assert.ok(left.length < 30, `${left.length} records are left of 120`)
    assert.equal(await partitionOf(running).compact(1e6), 0, 'nothing is new')
    client.close()
    await running.stop()
    running = await startBroker(directory)
    client = await WireClient.connect(running.broker.port)
    assert.deepEqual(await read(client), left)
    // As few keys in memory as can be: many passes come to the same.
    for (let turn = 0; turn < 10; turn++) await send(client, [{ key: 'a', value: `late ${turn}` }])
    while ((await partitionOf(running).compact(200)) > 0);
    const after = await read(client)
    assert.equal(new Set(after.map(one => one.split(/[ =]/)[1])).size, expected.size)
    client.close()
    await running.stop()
  }))

test('a deletion stays as long as readers may need it, and then goes', () =>
  inDirectory(async directory => {
    const running = await startBroker(directory)
    const client = await WireClient.connect(running.broker.port)
    await make(client, { 'delete.retention.ms': String(day), 'min.cleanable.dirty.ratio': '0' })
    const old = Date.now() - 3 * day
    await send(client, [
      { key: 'old', value: 'v', timestamp: old },
      { key: 'old', value: null, timestamp: old },
      { key: 'new', value: 'v' },
      { key: 'new', value: null },
    ])
    const fill = async () => {
      for (let turn = 0; turn < 8; turn++) await send(client, [{ key: 'filler', value: 'x'.repeat(100) }])
    }
    await fill()
    await partitionOf(running).compact(1e6)
    assert.deepEqual(
      (await read(client)).slice(0, 2),
      ['1 old=null', '3 new=null'],
      'once it is there for all',
    )
    await fill()
    await partitionOf(running).compact(1e6)
    assert.deepEqual((await read(client)).slice(0, 1), ['3 new=null'], 'old enough, and compacted before')
    client.close()
    await running.stop()
  }))

test('an idempotent producer goes on after its records were compacted away and the broker was started again', () =>
  inDirectory(async directory => {
    let running = await startBroker(directory)
    let client = await WireClient.connect(running.broker.port)
    await make(client, {})
    const { producerId } = await client.ask(initProducerId, 4, {
      transactionalId: null,
      transactionTimeoutMs: 0,
    })
    for (let baseSequence = 0; baseSequence < 6; baseSequence++)
      await send(client, [{ key: 'k', value: 'x'.repeat(80) }], { producerId, baseSequence })
    for (let turn = 0; turn < 12; turn++) await send(client, [{ key: 'k', value: 'y'.repeat(80) }])
    assert.ok((await partitionOf(running).compact(1e6)) > 0)
    client.close()
    await running.stop()
    running = await startBroker(directory)
    client = await WireClient.connect(running.broker.port)
    const at = (baseSequence: number) =>
      send(client, [{ key: 'k', value: 'z' }], { producerId, baseSequence })
    assert.equal(await at(9), 'OUT_OF_ORDER_SEQUENCE_NUMBER')
    assert.equal(await at(6), 'NONE')
    client.close()
    await running.stop()
  }))

test('records are read while compaction takes their segments away', () =>
  inDirectory(async directory => {
    const running = await startBroker(directory)
    const client = await WireClient.connect(running.broker.port)
    await make(client, { 'min.cleanable.dirty.ratio': '0' })
    for (let turn = 0; turn < 5; turn++) {
      for (let key = 0; key < 30; key++) await send(client, [{ key: `k${key}`, value: `${turn}` }])
      const [left] = await Promise.all([read(client), partitionOf(running).compact(1e6)])
      assert.deepEqual(
        left.slice(-30).map(one => one.split(' ')[1]),
        Array.from({ length: 30 }, (_, key) => `k${key}=${turn}`),
      )
    }
    client.close()
    await running.stop()
  }))
