// A broker attacked by its clients: what one request or many connections make it hold is bounded, and it answers others
// all the while.
import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { connect, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test, type TestContext } from 'node:test'
import { createTopics } from '../../src/wire/kafka/messages/create-topics.ts'
import { initProducerId } from '../../src/wire/kafka/messages/init-producer-id.ts'
import { listTransactions } from '../../src/wire/kafka/messages/list-transactions.ts'
import { metadata } from '../../src/wire/kafka/messages/metadata.ts'
import { fetch } from '../../src/wire/kafka/messages/fetch.ts'
import { produce } from '../../src/wire/kafka/messages/produce.ts'
import { writeRecords } from '../../src/wire/kafka/record-set.ts'
import { WireClient } from '../broker/wire-client.ts'
import { HostileChild, type Limits, type Taken, mostTurnMs } from './child.ts'

const megabyte = 1024 * 1024
/** What issues of this kind took before: a gigabyte and more, seconds. */

async function attacked(
  t: TestContext,
  settings: Readonly<Record<string, string>> = {},
  limits: Limits = {},
): Promise<{ child: HostileChild; port: number; client: WireClient }> {
  const directory = mkdtempSync(join(tmpdir(), 'millrace-hostile-'))
  t.after(() => rmSync(directory, { recursive: true, force: true }))
  const pairs = Object.entries(settings).map(([key, value]) => `${key}=${value}`)
  const { child, ready } = await HostileChild.start<{ port: number }>(
    t,
    'test/hostile/broker-child.ts',
    [join(directory, 'logs'), ...pairs],
    limits,
  )
  const client = await WireClient.connect(ready.port)
  t.after(() => client.close())
  return { child, port: ready.port, client }
}

function assertBounded({ peakBytes, longestMs }: Taken, mostMb = 400): void {
  assert.ok(peakBytes < mostMb * megabyte, `${peakBytes} bytes`)
  assert.ok(longestMs < mostTurnMs, `a turn of ${longestMs} ms`)
}

const newTopic = (name: string, numPartitions = 1, configs: { name: string; value: string }[] = []) => ({
  name,
  numPartitions,
  replicationFactor: 1,
  assignments: [],
  configs,
})

async function create(
  client: WireClient,
  name: string,
  partitions = 1,
  configs: { name: string; value: string }[] = [],
) {
  const { topics } = await client.ask(createTopics, 5, { topics: [newTopic(name, partitions, configs)] })
  assert.equal(topics[0]!.errorCode, 0, String(topics[0]!.errorMessage))
}

test('Metadata that names one topic 200,000 times is answered with it once', async t => {
  const { child, client } = await attacked(t)
  await create(client, 't', 60)
  child.reset()
  for (const version of [1, 9, 12]) {
    const { topics } = await client.ask(metadata, version, {
      topics: Array.from({ length: 200_000 }, () => ({ name: 't' })),
    })
    assert.deepEqual(
      topics.map(topic => [topic.name, topic.partitions.length]),
      [['t', 60]],
    )
  }
  assertBounded(await child.taken())
})

test('50,000 names in one CreateTopics do not hold up others', async t => {
  const { child, client, port } = await attacked(t)
  const other = await WireClient.connect(port)
  child.reset()
  for (const version of [4, 7]) {
    const done = new AbortController()
    const asked = client
      .ask(createTopics, version, {
        topics: Array.from({ length: 50_000 }, (_, index) => newTopic(`topic-${index % 49_999}`)),
        validateOnly: true,
      })
      .finally(() => done.abort())
    while (!done.signal.aborted) await other.ask(metadata, 9, { topics: [] })
    const { topics } = await asked
    assert.equal(topics.length, 49_999)
    assert.equal(topics.filter(one => one.errorCode !== 0).length, 1)
  }
  other.close()
  assertBounded(await child.taken())
})

/** Raw requests on connections that never read. */
function silent(t: TestContext, port: number): Socket {
  const socket = connect({ host: '127.0.0.1', port })
  socket.on('error', () => {})
  socket.pause()
  t.after(() => socket.destroy())
  return socket
}

/** Batches of a megabyte in partition 0 of the topic, without compression. */
async function fill(client: WireClient, name: string, megabytes: number): Promise<void> {
  const records = writeRecords([{ timestamp: Date.now(), key: null, value: Buffer.alloc(1_000_000, 1) }])
  for (let count = 0; count < megabytes; count++) {
    const { responses } = await client.ask(produce, 3, {
      transactionalId: null,
      acks: 1,
      timeoutMs: 10_000,
      topicData: [{ name, partitionData: [{ index: 0, records }] }],
    })
    assert.equal(responses[0]!.partitionResponses[0]!.errorCode, 0)
  }
}

const fetchAll = (name: string, partitions = 1) => ({
  replicaId: -1,
  maxWaitMs: 500,
  minBytes: 1,
  maxBytes: 0x7fff_ffff,
  topics: [
    {
      topic: name,
      partitions: Array.from({ length: partitions }, (_, partition) => ({
        partition,
        fetchOffset: 0,
        partitionMaxBytes: 0x7fff_ffff,
      })),
    },
  ],
})

test('60 fetches whose answers nobody reads take what the memory budget allows, and others are served', async t => {
  const { child, client, port } = await attacked(t)
  await create(client, 't')
  await fill(client, 't', 60)
  child.reset()
  const request = fetch.encodeRequest({ version: 4, correlationId: 1, clientId: null, body: fetchAll('t') })
  const sockets = Array.from({ length: 60 }, () => silent(t, port))
  for (const socket of sockets) for (let count = 0; count < 5; count++) socket.write(request)
  let read = 0
  for (let count = 0; count < 6; count++) {
    const { responses } = await client.ask(fetch, 4, fetchAll('t'))
    read += responses[0]!.partitions[0]!.records!.length
  }
  assert.ok(read > 6 * 1_000_000)
  assertBounded(await child.taken())
})

for (const partitionMaxBytes of [0, 1, 1_048_576])
  test(`a Fetch that names a partition 4,000 times, for ${partitionMaxBytes} bytes each`, async t => {
    const { child, client } = await attacked(t)
    await create(client, 't')
    await fill(client, 't', 3)
    child.reset()
    const asked = { partition: 0, fetchOffset: 0, partitionMaxBytes }
    const { responses } = await client.ask(fetch, 4, {
      ...fetchAll('t'),
      topics: [{ topic: 't', partitions: Array.from({ length: 4000 }, () => asked) }],
    })
    assert.equal(responses[0]!.partitions.length, 4000)
    assert.ok(responses[0]!.partitions[0]!.records!.length > 0)
    assertBounded(await child.taken())
  })

const [trickles, trickled] = process.env['MILLRACE_DEEP'] === '1' ? [500, 1500] : [200, 150]

test(`requests that come byte by byte on ${trickles} connections take the memory of their bytes`, async t => {
  const { child, client, port } = await attacked(t)
  child.reset()
  const head = Buffer.alloc(4)
  head.writeInt32BE(90_000_000, 0)
  const sockets = Array.from({ length: trickles }, () => silent(t, port).setNoDelay(true))
  for (const socket of sockets) socket.write(head)
  for (let count = 0; count < trickled; count++) {
    for (const socket of sockets) socket.write(Buffer.of(0))
    // What was sent has been read when this is answered, or is about to be.
    if (count % 10 === 0) await client.ask(metadata, 1, { topics: [] })
  }
  assertBounded(await child.taken(), 300)
})

const hasPrlimit = (() => {
  try {
    return execFileSync('prlimit', ['--version']).length > 0
  } catch {
    return false
  }
})()

const limitDescriptors = ({ process: { pid } }: HostileChild, count: number) =>
  execFileSync('prlimit', ['--pid', String(pid), `--nofile=${count}:${count}`])

test(
  'a topic of more partitions than there are descriptors is created, written and read',
  { skip: !hasPrlimit && 'prlimit is not here' },
  async t => {
    const { child, client } = await attacked(t)
    limitDescriptors(child, 1150)
    await create(client, 't', 650)
    const records = writeRecords([{ timestamp: Date.now(), key: null, value: Buffer.from('x') }])
    for (let round = 0; round < 2; round++) {
      const { responses } = await client.ask(produce, 3, {
        transactionalId: null,
        acks: 1,
        timeoutMs: 10_000,
        topicData: [
          {
            name: 't',
            partitionData: Array.from({ length: 650 }, (_, index) => ({
              index,
              records: Buffer.from(records),
            })),
          },
        ],
      })
      const answers = responses[0]!.partitionResponses
      assert.deepEqual([...new Set(answers.map(one => `${one.errorCode} ${one.baseOffset}`))], [`0 ${round}`])
    }
    const { responses } = await client.ask(fetch, 4, fetchAll('t', 650))
    assert.ok(responses[0]!.partitions.every(one => one.records!.length === 2 * records.length))
    await child.taken()
  },
)

const bomb = (bytes: number) => ({ timestamp: Date.now(), key: Buffer.from('k'), value: Buffer.alloc(bytes) })

/** Sends the same records to partitions 0 to `partitions`; gives the error codes. */
async function produceAll(
  client: WireClient,
  version: number,
  name: string,
  partitions: number,
  records: Buffer,
): Promise<number[]> {
  const { responses } = await client.ask(produce, version, {
    transactionalId: null,
    acks: 1,
    timeoutMs: 60_000,
    topicData: [
      { name, partitionData: Array.from({ length: partitions }, (_, index) => ({ index, records })) },
    ],
  })
  return [...new Set(responses[0]!.partitionResponses.map(one => one.errorCode))]
}

test('60 zstd bombs in one Produce are checked piece by piece, and others are served meanwhile', async t => {
  const { child, client, port } = await attacked(t)
  await create(client, 't', 60)
  const other = await WireClient.connect(port)
  t.after(() => other.close())
  child.reset()
  const done = new AbortController()
  const asked = produceAll(
    client,
    9,
    't',
    60,
    writeRecords([bomb(process.env['MILLRACE_DEEP'] === '1' ? 120_000_000 : 20_000_000)], { codec: 'zstd' }),
  ).finally(() => done.abort())
  while (!done.signal.aborted) await other.ask(metadata, 9, { topics: [] })
  assert.deepEqual(await asked, [0])
  const small = { timestamp: Date.now(), key: null, value: Buffer.alloc(0) }
  const many = writeRecords(
    Array.from({ length: 500_000 }, () => small),
    { codec: 'zstd' },
  )
  assert.deepEqual(await produceAll(client, 9, 't', 3, many), [0])
  assertBounded(await child.taken())
})

test('a batch that is too large is refused before it is unpacked', async t => {
  const { child, client } = await attacked(t)
  await create(client, 't', 1, [{ name: 'cleanup.policy', value: 'compact' }])
  const tiny = { timestamp: Date.now(), key: Buffer.from('k'), value: null }
  const batch = writeRecords(Array.from({ length: 900_000 }, () => tiny))
  assert.ok(batch.length > 8_000_000)
  child.reset()
  assert.deepEqual(await produceAll(client, 7, 't', 1, batch), [10])
  const packed = writeRecords([bomb(100_000_000)], { codec: 'zstd' })
  assert.deepEqual(await produceAll(client, 7, 't', 1, packed), [10])
  assertBounded(await child.taken())
})

test('gzip wrappers that old clients send are unpacked up to a limit', async t => {
  const { child, client } = await attacked(t)
  await create(client, 't')
  const wrapper = writeRecords([bomb(100_000_000)], { magic: 1, codec: 'gzip' })
  const smaller = writeRecords([bomb(900_000)], { magic: 1, codec: 'gzip' })
  child.reset()
  assert.notDeepEqual(
    await produceAll(client, 2, 't', 1, Buffer.concat(Array.from({ length: 40 }, () => wrapper))),
    [0],
  )
  assert.deepEqual(
    await produceAll(client, 2, 't', 1, Buffer.concat(Array.from({ length: 40 }, () => smaller))),
    [10],
  )
  assertBounded(await child.taken())
})

test('batches are converted for old clients up to the limit of their fetch', async t => {
  const { child, client } = await attacked(t)
  await create(client, 't')
  const batch = writeRecords(
    Array.from({ length: 120 }, () => bomb(500_000)),
    { codec: 'zstd' },
  )
  for (let count = 0; count < 20; count++) assert.deepEqual(await produceAll(client, 9, 't', 1, batch), [0])
  child.reset()
  const request = fetchAll('t')
  const { responses } = await client.ask(fetch, 2, {
    ...request,
    topics: [{ topic: 't', partitions: [{ partition: 0, fetchOffset: 0, partitionMaxBytes: 2_000_000 }] }],
  })
  const { records, errorCode } = responses[0]!.partitions[0]!
  assert.equal(errorCode, 0)
  assert.ok(records!.length > 500_000 && records!.length < 2_100_000, String(records!.length))
  assertBounded(await child.taken())
})

test('a pattern of ListTransactions that would match for ever holds up nobody', async t => {
  const { child, client, port } = await attacked(t)
  for (const last of ['b', 'c']) {
    const { errorCode } = await client.ask(initProducerId, 4, {
      transactionalId: `${'a'.repeat(30_000)}${last}`,
      transactionTimeoutMs: 60_000,
      producerId: -1,
      producerEpoch: -1,
    })
    assert.equal(errorCode, 0)
  }
  const other = await WireClient.connect(port)
  child.reset()
  for (const [transactionalIdPattern, found] of [
    ['(a+)+b', 1],
    ['(?:(?:a|aa)+)+[bc]', 2],
    ['(.*)*.*.*.*=', 0],
    ['(a)\\1', null],
  ] as const) {
    const done = new AbortController()
    const asked = client
      .ask(listTransactions, 2, {
        stateFilters: [],
        producerIdFilters: [],
        durationFilter: -1,
        transactionalIdPattern,
      })
      .finally(() => done.abort())
    while (!done.signal.aborted) await other.ask(metadata, 9, { topics: [] })
    const { errorCode, transactionStates } = await asked
    assert.equal(errorCode === 0 ? transactionStates.length : null, found, transactionalIdPattern)
  }
  other.close()
  assertBounded(await child.taken())
})
