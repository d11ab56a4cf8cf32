// @platformatic/kafka against the broker: a client that shares no line with the agents' own, nor with
// kafkajs, and that asks for the newest version of every API both sides know.
import assert from 'node:assert/strict'
import { after, afterEach, before, describe, test } from 'node:test'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { inspect } from 'node:util'
import {
  Admin,
  Consumer,
  Producer,
  allowedCompressionsAlgorithms,
  stringDeserializers,
  stringSerializers,
  type CompressionAlgorithmValue,
  type Message,
} from '@platformatic/kafka'
import { startBroker, type RunningBroker } from './running-broker.ts'

type Text = Message<string, string, string, string>

const texts = (from: number, count: number) => Array.from({ length: count }, (_, index) => `${from + index}`)

describe('@platformatic/kafka', () => {
  let directory: string
  let broker: RunningBroker
  let admin: Admin
  before(async () => {
    directory = await mkdtemp(join(tmpdir(), 'millrace-platformatic-'))
    broker = await startBroker(directory)
    admin = new Admin({ clientId: 'admin', bootstrapBrokers: [broker.bootstrap], retries: 0 })
  })
  after(async () => {
    await admin.close()
    await broker.stop()
    await rm(directory, { recursive: true, force: true })
  })

  const producerOf = (options: Record<string, unknown> = {}) =>
    new Producer({
      clientId: 'producer',
      bootstrapBrokers: [broker.bootstrap],
      serializers: stringSerializers,
      retries: 0,
      ...options,
    })

  // A test that fails leaves none behind, which would keep the process alive.
  const consumers: Consumer<string, string, string, string>[] = []
  afterEach(async () => {
    await Promise.all(consumers.splice(0).map(consumer => consumer.close(true).catch(() => {})))
  })

  function consumerOf(groupId: string, options: Record<string, unknown> = {}) {
    const consumer = new Consumer<string, string, string, string>({
      clientId: 'consumer',
      bootstrapBrokers: [broker.bootstrap],
      groupId,
      deserializers: stringDeserializers,
      sessionTimeout: 6000,
      rebalanceTimeout: 6000,
      heartbeatInterval: 100,
      maxWaitTime: 100,
      autocommit: false,
      ...options,
    })
    consumers.push(consumer)
    return consumer
  }

  /** Reads on from the group's position, or the beginning; commits what it has read and leaves. */
  async function take(groupId: string, topic: string, count: number, options = {}): Promise<Text[]> {
    const consumer = consumerOf(groupId, options)
    const stream = await consumer.consume({ topics: [topic], mode: 'committed', fallbackMode: 'earliest' })
    const found: Text[] = []
    for await (const message of stream) {
      found.push(message)
      await message.commit()
      if (found.length === count) break
    }
    await consumer.close(true)
    return found
  }

  test('it settles on versions, makes topics, widens, describes and deletes them', async () => {
    const [made] = await admin.createTopics({
      topics: ['made'],
      partitions: 2,
      replicas: 1,
      configs: [{ name: 'retention.ms', value: '3600000' }],
    })
    assert.equal(made!.partitions, 2)
    assert.equal(made!.configuration['retention.ms'], '3600000')
    await assert.rejects(admin.createTopics({ topics: ['made'], partitions: 2, replicas: 1 }), error =>
      /already exists/.test(inspect(error, { depth: 5 })),
    )
    await admin.createPartitions({ topics: [{ name: 'made', count: 5, assignments: null }] })
    const metadata = await admin.metadata({ topics: ['made'], forceUpdate: true })
    assert.equal(metadata.topics.get('made')!.partitionsCount, 5)
    assert.ok((await admin.listTopics()).includes('made'))
    await admin.incrementalAlterConfigs({
      resources: [
        {
          resourceType: 2,
          resourceName: 'made',
          configs: [{ name: 'retention.ms', configOperation: 0, value: '7200000' }],
        },
      ],
    })
    const [described] = await admin.describeConfigs({
      resources: [{ resourceType: 2, resourceName: 'made', configurationKeys: ['retention.ms'] }],
    })
    assert.equal(described!.configs.find(({ name }) => name === 'retention.ms')!.value, '7200000')
    await admin.deleteTopics({ topics: ['made'] })
    assert.ok(!(await admin.listTopics()).includes('made'))
  })

  test('every codec it has: keys, values and headers come back as they were, in order', async () => {
    await admin.createTopics({ topics: ['codecs'], partitions: 1, replicas: 1 })
    const producer = producerOf()
    for (const [index, compression] of allowedCompressionsAlgorithms.entries())
      await producer.send({
        compression: compression as CompressionAlgorithmValue,
        acks: -1,
        messages: texts(index * 50, 50).map(value => ({
          topic: 'codecs',
          partition: 0,
          key: `key-${value}-街`,
          value: `value ${value} `.repeat(20),
          headers: new Map([['codec', compression]]),
        })),
      })
    await producer.close()
    assert.deepEqual(allowedCompressionsAlgorithms.toSorted(), ['gzip', 'lz4', 'none', 'snappy', 'zstd'])
    const found = await take('codecs', 'codecs', 250)
    assert.deepEqual(
      found.map(({ offset, key, value, headers }) => [Number(offset), key, value, headers.get('codec')]),
      allowedCompressionsAlgorithms.flatMap((codec, index) =>
        texts(index * 50, 50).map(value => [
          Number(value),
          `key-${value}-街`,
          `value ${value} `.repeat(20),
          codec,
        ]),
      ),
    )
  })

  test('an idempotent producer is known by the number the broker gave it', async () => {
    await admin.createTopics({ topics: ['once'], partitions: 2, replicas: 1 })
    const producer = producerOf({ idempotent: true })
    for (const value of texts(0, 20))
      await producer.send({
        acks: -1,
        messages: [{ topic: 'once', partition: Number(value) % 2, key: value, value }],
      })
    const known = broker.broker.topics.topics.get('once')!.partitions.map(log => log.producers.size)
    assert.deepEqual(known, [1, 1], `producer ${producer.producerId} in both`)
    await producer.close()
    const found = await take('once', 'once', 20)
    assert.deepEqual(
      found.map(({ value }) => value).toSorted((one, other) => Number(one) - Number(other)),
      texts(0, 20),
    )
  })

  test('transactions: what is committed is seen, what is aborted is not, and positions go with them', async () => {
    await admin.createTopics({ topics: ['in', 'out'], partitions: 1, replicas: 1 })
    const producer = producerOf()
    await producer.send({ messages: texts(0, 10).map(value => ({ topic: 'in', key: value, value })) })
    await producer.close()
    const transactional = producerOf({ idempotent: true, transactionalId: 'copier' })
    const consumer = consumerOf('copier')
    const stream = await consumer.consume({
      topics: ['in'],
      mode: 'committed',
      fallbackMode: 'earliest',
    })
    const taken: Text[] = []
    for await (const message of stream) {
      taken.push(message)
      if (taken.length === 10) break
    }
    // One is aborted and no more: of several aborted transactions of a producer in one answer, this client
    // remembers the last alone.
    for (const [attempt, end] of (['abort', 'commit'] as const).entries()) {
      const transaction = await transactional.beginTransaction()
      await transaction.addConsumer(consumer)
      await transaction.send({
        messages: texts(attempt * 100, 5).map(value => ({ topic: 'out', key: value, value })),
      })
      await transaction.addOffset(taken[attempt === 1 ? 4 : 9]!)
      await transaction[end]()
    }
    await consumer.close(true)
    await transactional.close()
    const log = broker.broker.topics.partition('out', 0)!
    assert.equal(log.highWatermark, 12, 'twice five records and a marker')
    const found = await take('out', 'out', 5, { isolationLevel: 1 })
    assert.deepEqual(
      found.map(({ value }) => value),
      texts(100, 5),
    )
    const [group] = await admin.listConsumerGroupOffsets({ groups: ['copier'] })
    const committed = group!.topics[0]!.partitions[0]!.committedOffset
    assert.ok(committed === 4n || committed === 5n, `the committed one's position, not the aborted one's`)
  })

  test('a group of two shares the partitions, goes on where it was, is described and deleted', async () => {
    await admin.createTopics({ topics: ['shared'], partitions: 4, replicas: 1 })
    const producer = producerOf()
    await producer.send({
      messages: texts(0, 40).map(value => ({
        topic: 'shared',
        partition: Number(value) % 4,
        key: value,
        value,
      })),
    })
    const first = await take('shared', 'shared', 25)
    const rest = await take('shared', 'shared', 15)
    assert.deepEqual(
      new Set([...first, ...rest].map(({ value }) => value)),
      new Set(texts(0, 40)),
      'none is read twice, none is left out',
    )
    const one = consumerOf('shared')
    const other = consumerOf('shared')
    await one.consume({ topics: ['shared'], mode: 'committed' })
    const rejoined = new Promise(resolve => one.once('consumer:group:join', resolve))
    await other.consume({ topics: ['shared'], mode: 'committed' })
    await rejoined
    const group = (await admin.describeGroups({ groups: ['shared'] })).get('shared')!
    assert.equal(group.state.toUpperCase(), 'STABLE')
    assert.deepEqual(
      [...group.members.values()].map(member => member.assignments!.get('shared')!.partitions.length),
      [2, 2],
    )
    await Promise.all([one.close(true), other.close(true)])
    assert.ok((await admin.listGroups()).has('shared'))
    await admin.alterConsumerGroupOffsets({
      groupId: 'shared',
      topics: [{ name: 'shared', partitionOffsets: [{ partition: 0, offset: 3n }] }],
    })
    const offsets = await admin.listConsumerGroupOffsets({ groups: ['shared'] })
    const partitions = offsets[0]!.topics.find(({ name }) => name === 'shared')!.partitions
    assert.deepEqual(
      partitions
        .map(({ partitionIndex, committedOffset }) => [partitionIndex, Number(committedOffset)])
        .toSorted(([a], [b]) => a! - b!),
      [
        [0, 3],
        [1, 10],
        [2, 10],
        [3, 10],
      ],
    )
    await admin.deleteConsumerGroupOffsets({
      groupId: 'shared',
      topics: [{ name: 'shared', partitionIndexes: [0] }],
    })
    await admin.deleteGroups({ groups: ['shared'] })
    assert.ok(!(await admin.listGroups()).has('shared'))
    await producer.close()
  })

  test('records are deleted up to an offset, and where a log begins and ends is told', async () => {
    await admin.createTopics({ topics: ['shortened'], partitions: 1, replicas: 1 })
    const producer = producerOf()
    await producer.send({ messages: texts(0, 10).map(value => ({ topic: 'shortened', key: value, value })) })
    await producer.close()
    await admin.deleteRecords({
      topics: [{ name: 'shortened', partitions: [{ partition: 0, offset: 4n }] }],
    })
    const at = async (timestamp: bigint) =>
      (
        await admin.listOffsets({
          topics: [{ name: 'shortened', partitions: [{ partitionIndex: 0, timestamp }] }],
        })
      )[0]!.partitions[0]!.offset
    assert.deepEqual([await at(-2n), await at(-1n)], [4n, 10n])
    const found = await take('shortened', 'shortened', 6)
    assert.deepEqual(
      found.map(({ value }) => value),
      texts(4, 6),
    )
    const [dirs] = await admin.describeLogDirs({ topics: [{ name: 'shortened', partitions: [0] }] })
    assert.ok(dirs!.results[0]!.topics[0]!.partitions[0]!.partitionSize > 0n)
  })
})
