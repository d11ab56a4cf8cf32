// Whole clients against the broker: kafkajs, and the client of the agents. Their groups, their positions
// over a start of the broker, and what was produced through them.
import assert from 'node:assert/strict'
import test from 'node:test'
import {
  createConsumer,
  createProducer,
  readConsumerProperties,
  readProducerProperties,
} from '../../src/kafka-client/kafka-client.ts'
import { silentLogger as log } from '../../src/observe/log.ts'
import { realSystem as system } from '../../src/system/system.ts'
import { inDirectory, startBroker, withBroker, type RunningBroker } from './running-broker.ts'

const texts = (from: number, count: number) => Array.from({ length: count }, (_, index) => `${from + index}`)

test('kafkajs: an idempotent producer in all codecs it has, a group of two that shares the work, and what one leaves the other takes over', () =>
  withBroker(async running => {
    const kafka = running.kafkajs()
    const admin = kafka.admin()
    await admin.connect()
    await admin.createTopics({ topics: [{ topic: 'k', numPartitions: 4 }] })
    const producer = kafka.producer({ idempotent: true, maxInFlightRequests: 1 })
    await producer.connect()
    const seen = new Map<string, string[]>()
    const assigned: Record<string, number> = {}
    let look: () => void = () => {}
    const until = async (holds: () => boolean) => {
      while (!holds()) await new Promise<void>(resolve => (look = resolve))
    }
    const start = async (name: string) => {
      const consumer = kafka.consumer({
        groupId: 'g',
        sessionTimeout: 6000,
        heartbeatInterval: 100,
        maxWaitTimeInMs: 100,
      })
      consumer.on(consumer.events.GROUP_JOIN, ({ payload }) => {
        assigned[name] = payload.memberAssignment['k']?.length ?? 0
        look()
      })
      await consumer.connect()
      await consumer.subscribe({ topics: ['k'], fromBeginning: true })
      await consumer.run({
        autoCommitThreshold: 1,
        eachMessage: async ({ message }) => {
          const value = String(message.value)
          seen.set(value, [...(seen.get(value) ?? []), name])
          look()
        },
      })
      return consumer
    }
    const send = (values: readonly string[], compression: number) =>
      producer.send({
        topic: 'k',
        compression,
        messages: values.map((value, index) => ({ value, partition: index % 4, headers: { h: value } })),
      })
    const first = await start('a')
    await until(() => assigned['a'] === 4)
    await send(texts(0, 40), 0)
    await until(() => seen.size === 40)
    const second = await start('b')
    await until(() => assigned['a'] === 2 && assigned['b'] === 2)
    await send(texts(40, 40), 1)
    await until(() => seen.size === 80)
    assert.deepEqual(new Set([...seen.values()].flat()), new Set(['a', 'b']))
    await first.disconnect()
    await until(() => assigned['b'] === 4)
    await send(texts(80, 40), 1)
    await until(() => seen.size === 120)
    const { groups } = await admin.describeGroups(['g'])
    assert.equal(groups[0]!.state, 'Stable')
    assert.equal(groups[0]!.members.length, 1)
    await second.disconnect()
    await admin.deleteGroups(['g'])
    assert.deepEqual((await admin.listGroups()).groups, [])
    await producer.disconnect()
    await admin.disconnect()
  }))

const producerOn = ({ bootstrap }: RunningBroker, properties: Record<string, string> = {}) =>
  createProducer({
    settings: readProducerProperties({ 'bootstrap.servers': bootstrap, acks: 'all', ...properties })
      .settings!,
    system,
    log,
  })

const consumerOn = ({ bootstrap }: RunningBroker) =>
  createConsumer({
    settings: readConsumerProperties({
      'bootstrap.servers': bootstrap,
      'group.id': 'agents',
      'auto.offset.reset': 'earliest',
      'session.timeout.ms': '6000',
      'heartbeat.interval.ms': '200',
    }).settings!,
    topics: ['m'],
    system,
    log,
  })

async function take(running: RunningBroker, count: number): Promise<string[]> {
  const consumer = consumerOn(running)
  consumer.start()
  const values: string[] = []
  let offset = 0
  while (values.length < count) {
    const records = await consumer.poll({
      maxRecords: count - values.length,
      signal: AbortSignal.timeout(120_000),
    })
    assert.ok(records.length > 0, `only ${values.length} of ${count} came`)
    values.push(...records.map(({ value }) => String(value)))
    offset = records.at(-1)!.offset + 1
  }
  await consumer.commit([{ topic: 'm', partition: 0, offset }])
  await consumer.close()
  return values
}

test("the agents' client: what it wrote it reads back in order, and positions survive a start of the broker", () =>
  inDirectory(async directory => {
    const first = await startBroker(directory)
    for (const [index, codec] of ['none', 'gzip', 'snappy', 'lz4', 'zstd'].entries()) {
      const producer = producerOn(first, { 'compression.type': codec })
      await producer.send(
        texts(index * 100, 100).map(value => ({
          topic: 'm',
          partition: 0,
          key: null,
          value: Buffer.from(value),
        })),
      )
      await producer.close()
    }
    assert.deepEqual(await take(first, 200), texts(0, 200))
    await first.stop()
    const second = await startBroker(directory)
    assert.deepEqual(await take(second, 300), texts(200, 300))
    const log = second.broker.topics.partition('m', 0)!
    assert.equal(log.highWatermark, 500)
    await second.stop()
    assert.deepEqual(
      second.lines.filter(line => !line.startsWith('INFO')),
      [],
    )
  }))

test('a topic that is deleted is gone with its records and positions, also after a start; one made anew starts at 0', () =>
  inDirectory(async directory => {
    const first = await startBroker(directory)
    const admin = first.kafkajs().admin()
    const producer = producerOn(first)
    await producer.send(
      texts(0, 10).map(value => ({ topic: 'm', partition: 0, key: null, value: Buffer.from(value) })),
    )
    await producer.close()
    await take(first, 10)
    await admin.connect()
    await admin.deleteTopics({ topics: ['m'] })
    await admin.disconnect()
    await first.stop()
    const second = await startBroker(directory)
    assert.deepEqual([...second.broker.topics.topics.keys()], ['__consumer_offsets'])
    const again = producerOn(second)
    await again.send([{ topic: 'm', partition: 0, key: null, value: Buffer.from('anew') }])
    await again.close()
    assert.deepEqual(await take(second, 1), ['anew'])
    await second.stop()
  }))

test('partitions are spread over several directories and found again, in whatever order these are given', () =>
  inDirectory(async directory => {
    const dirs = ['one', 'two', 'three'].map(name => `${directory}/${name}`)
    const first = await startBroker(directory, { 'log.dirs': dirs.join(','), 'num.partitions': '6' })
    const producer = producerOn(first)
    await producer.send(
      texts(0, 60).map((value, index) => ({
        topic: 'm',
        partition: index % 6,
        key: null,
        value: Buffer.from(value),
      })),
    )
    await producer.close()
    const places = first.broker.topics.topics.get('m')!.partitions.map(log => log.directory.split('/').at(-2))
    assert.deepEqual(places, ['one', 'two', 'three', 'one', 'two', 'three'])
    await first.stop()
    const second = await startBroker(directory, { 'log.dirs': dirs.toReversed().join(', ') })
    assert.deepEqual(
      second.broker.topics.topics.get('m')!.partitions.map(log => log.highWatermark),
      Array.from({ length: 6 }, () => 10),
    )
    await second.stop()
    assert.deepEqual(
      second.lines.filter(line => !line.startsWith('INFO')),
      [],
    )
  }))

test("a directory of Kafka's, one that is in use, and records of nobody are not touched", () =>
  inDirectory(async directory => {
    const first = await startBroker(directory)
    await assert.rejects(startBroker(directory), /is in use by pid \d+, a Millrace broker/)
    await first.stop()
    const { writeFile, mkdir, readdir } = await import('node:fs/promises')
    await mkdir(`${directory}/logs/left-0`)
    await writeFile(`${directory}/logs/left-0/00000000000000000000.log`, 'bytes')
    const second = await startBroker(directory)
    assert.match(
      second.lines.join(),
      /left-0 does not belong to a topic of this broker\. The broker ignores it/,
    )
    await second.stop()
    assert.deepEqual(await readdir(`${directory}/logs/left-0`), ['00000000000000000000.log'])
    await writeFile(`${directory}/logs/meta.properties`, '')
    await assert.rejects(startBroker(directory), /belongs to an Apache Kafka broker/)
  }))
