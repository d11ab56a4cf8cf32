// A broker that has to pack, check and compact what clients send: records that unpack to much, or are very many, keep
// neither its event loop nor its memory.
import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test, type TestContext } from 'node:test'
import { createTopics } from '../../src/wire/kafka/messages/create-topics.ts'
import { describeLogDirs } from '../../src/wire/kafka/messages/describe-log-dirs.ts'
import { metadata } from '../../src/wire/kafka/messages/metadata.ts'
import { produce } from '../../src/wire/kafka/messages/produce.ts'
import { writeRecords } from '../../src/wire/kafka/record-set.ts'
import { SeededRandom } from '../../src/simulation/seeded-random.ts'
import { WireClient } from '../broker/wire-client.ts'
import { HostileChild, mostTurnMs, type Taken } from './child.ts'

const megabyte = 1024 * 1024
const isDeep = process.env['MILLRACE_DEEP'] !== undefined

async function attacked(t: TestContext, settings: Readonly<Record<string, string>> = {}) {
  const directory = mkdtempSync(join(tmpdir(), 'millrace-hostile-'))
  t.after(() => rmSync(directory, { recursive: true, force: true }))
  const pairs = Object.entries(settings).map(([key, value]) => `${key}=${value}`)
  const { child, ready } = await HostileChild.start<{ port: number }>(t, 'test/hostile/broker-child.ts', [
    join(directory, 'logs'),
    ...pairs,
  ])
  const client = await WireClient.connect(ready.port)
  const other = await WireClient.connect(ready.port)
  t.after(() => {
    client.close()
    other.close()
  })
  return { child, client, other }
}

function assertBounded({ peakBytes, longestMs }: Taken, mostMb = 400): void {
  assert.ok(peakBytes < mostMb * megabyte, `${peakBytes} bytes`)
  assert.ok(longestMs < mostTurnMs, `a turn of ${longestMs} ms`)
}

async function create(client: WireClient, name: string, configs: Readonly<Record<string, string>>) {
  const { topics } = await client.ask(createTopics, 5, {
    topics: [
      {
        name,
        numPartitions: 1,
        replicationFactor: 1,
        assignments: [],
        configs: Object.entries(configs).map(([key, value]) => ({ name: key, value })),
      },
    ],
  })
  assert.equal(topics[0]!.errorCode, 0, String(topics[0]!.errorMessage))
}

async function send(client: WireClient, name: string, records: Buffer, version = 9): Promise<number> {
  const { responses } = await client.ask(produce, version, {
    transactionalId: null,
    acks: 1,
    timeoutMs: 60_000,
    topicData: [{ name, partitionData: [{ index: 0, records }] }],
  })
  return responses[0]!.partitionResponses[0]!.errorCode
}

const random = new SeededRandom(3)
/** Text that packs to a third or so, and takes its time. */
const words = Array.from({ length: 500 }, () => `${random.below(1e9).toString(36)} `)
function text(bytes: number): Buffer {
  const parts: string[] = []
  for (let size = 0; size < bytes; size += parts.at(-1)!.length) parts.push(words[random.below(500)]!)
  return Buffer.from(parts.join('').slice(0, bytes))
}

/** Zeros and ones: what takes gzip longest. */
function bits(bytes: number): Buffer {
  const text = Buffer.alloc(bytes)
  for (let at = 0; at < bytes; at++) text[at] = 48 + random.below(2)
  return text
}

for (const [codec, level] of [
  ['gzip', null],
  ['gzip', '9'],
  ['snappy', null],
  ['lz4', null],
  ['zstd', null],
  ['zstd', '9'],
  ['zstd', '10'],
  ['zstd', '19'],
  ['zstd', '22'],
] as const)
  test(`records that a topic wants packed by ${codec} at ${level ?? 'its usual level'}, and of the broker's time`, async t => {
    const { child, client } = await attacked(t)
    await create(client, 't', {
      'compression.type': codec,
      ...(level === null ? {} : { [`compression.${codec}.level`]: level }),
      'max.message.bytes': '16777216',
      'message.timestamp.type': 'LogAppendTime',
    })
    const size = isDeep ? 16_000_000 : level === null ? 3_000_000 : 500_000
    const value = codec === 'gzip' ? bits(size) : text(size)
    const records = writeRecords([{ timestamp: 1, key: Buffer.from('k'), value }])
    child.reset()
    assert.equal(await send(client, 't', records), 0)
    assertBounded(await child.taken())
  })

const sizeOf = async (client: WireClient, topic: string): Promise<number> => {
  const { results } = await client.ask(describeLogDirs, 1, { topics: [{ topic, partitions: [0] }] })
  return Number(results[0]!.topics[0]!.partitions[0]!.partitionSize)
}

test('millions of records with one key, and records that unpack to much, are compacted', async t => {
  const { child, client, other } = await attacked(t, { 'log.cleaner.backoff.ms': '50' })
  await create(client, 't', {
    'cleanup.policy': 'compact',
    'segment.bytes': '1048576',
    'max.message.bytes': '10485760',
    'min.cleanable.dirty.ratio': '0.0',
  })
  const tiny = { timestamp: Date.now(), key: Buffer.from('k'), value: Buffer.from('v') }
  const count = isDeep ? 5_000_000 : 400_000
  const many = writeRecords(
    Array.from({ length: count }, () => tiny),
    { codec: 'zstd' },
  )
  const large = writeRecords(
    Array.from({ length: isDeep ? 110 : 60 }, (_, index) => ({
      timestamp: Date.now(),
      key: Buffer.from(index < 2 ? 'same' : `k${index}`),
      value: Buffer.alloc(1_000_000),
    })),
    { codec: 'zstd' },
  )
  const filler = writeRecords([{ timestamp: Date.now(), key: Buffer.from('f'), value: text(1_000_000) }])
  child.reset()
  for (const batch of [many, large, many, filler, filler, filler])
    assert.equal(await send(client, 't', batch), 0)
  const before = await sizeOf(client, 't')
  const end = performance.now() + 120_000
  while ((await sizeOf(client, 't')) > before - filler.length) {
    assert.ok(performance.now() < end, 'it was not compacted')
    await other.ask(metadata, 9, { topics: [] })
  }
  assertBounded(await child.taken())
})
