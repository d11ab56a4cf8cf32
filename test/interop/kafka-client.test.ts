// The Kafka client on real brokers of both ends of what it speaks, beside kafkajs as a member of its group.
import assert from 'node:assert/strict'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import { Fault } from '../../src/errors.ts'
import {
  createAdmin,
  createConsumer,
  createProducer,
  readConsumerProperties,
  readProducerProperties,
  type Admin,
  type ConsumedRecord,
  type Consumer,
  type ConsumerOptions,
  type ProducerRecord,
} from '../../src/kafka-client/kafka-client.ts'
import { silentLogger } from '../../src/observe/log.ts'
import { realSystem as system } from '../../src/system/system.ts'
import {
  freePort,
  skipWithoutPeers,
  startKafka010,
  startKafka41,
  startZooKeeper,
  type Kafka,
  type ZooKeeper,
} from './peers/peers.ts'
import { FaultProxy } from '../chain/faults.ts'
import kafkajs from 'kafkajs'

const log = silentLogger
let directory: string
let zookeeper: ZooKeeper
let count = 0
const fresh = (name: string) => `${name}-${++count}`

const producerOn = (
  bootstrap: string,
  properties: Record<string, string> = {},
  onHeadersDropped?: () => void,
) =>
  createProducer({
    settings: readProducerProperties({ 'bootstrap.servers': bootstrap, acks: 'all', ...properties })
      .settings!,
    system,
    log,
    ...(onHeadersDropped === undefined ? {} : { onHeadersDropped }),
  })

function consumerOn(
  bootstrap: string,
  group: string,
  topics: ConsumerOptions['topics'],
  properties: Record<string, string> = {},
  callbacks: Pick<ConsumerOptions, 'onAssigned' | 'onRevoked' | 'onLost' | 'onGone'> = {},
): Consumer {
  const consumer = createConsumer({
    settings: readConsumerProperties({
      'bootstrap.servers': bootstrap,
      'group.id': group,
      'auto.offset.reset': 'earliest',
      'session.timeout.ms': '6000',
      'heartbeat.interval.ms': '200',
      ...properties,
    }).settings!,
    topics,
    system,
    log,
    ...callbacks,
  })
  consumer.start()
  return consumer
}

/** Polls until so many records have come. */
async function read(consumer: Consumer, wanted: number, withinMs = 30_000): Promise<ConsumedRecord[]> {
  const records: ConsumedRecord[] = []
  const signal = AbortSignal.timeout(withinMs)
  while (records.length < wanted && !signal.aborted)
    records.push(...(await consumer.poll({ maxRecords: 500, signal })))
  assert.equal(records.length, wanted)
  return records
}

const text = (value: Buffer | null) => value?.toString() ?? null

/** A producer holds back what is sent in the turn of the event loop in which a send has failed. */
const nextTurn = () => new Promise(resolve => setImmediate(resolve))

before(async () => {
  directory = await mkdtemp(join(tmpdir(), 'millrace-kafka-client-'))
})
after(() => rm(directory, { recursive: true, force: true }))

const brokers: [version: string, start: (options?: Parameters<typeof startKafka41>[1]) => Promise<Kafka>][] =
  [
    [
      '0.10.2.1',
      async options => {
        zookeeper ??= await startZooKeeper(directory)
        return startKafka010(directory, zookeeper, options)
      },
    ],
    ['4.1.0', options => startKafka41(directory, options)],
  ]

for (const [version, start] of brokers)
  describe(`the Kafka client on Kafka ${version}`, { skip: skipWithoutPeers }, () => {
    let kafka: Kafka
    let admin: Admin
    let proxy: FaultProxy
    let bootstrap: string
    const topicOf = async (name: string, partitions = 1) => {
      const topic = fresh(name)
      await admin.topics.create({ name: topic, partitions })
      return topic
    }

    before(async () => {
      proxy = await new FaultProxy().start()
      const port = await freePort()
      proxy.target = port
      bootstrap = `127.0.0.1:${proxy.port}`
      kafka = await start({ port, properties: { 'advertised.listeners': `PLAINTEXT://${bootstrap}` } })
      admin = createAdmin({ system, log, bootstrapServers: [bootstrap] })
    })
    after(async () => {
      admin?.close()
      await kafka?.stop()
      await proxy?.[Symbol.asyncDispose]()
      if (version === '0.10.2.1') await zookeeper?.stop()
    })

    it('carries keys, tombstones, headers and times with every codec', async () => {
      const codecs = ['none', 'gzip', 'snappy', 'lz4', ...(version === '4.1.0' ? ['zstd'] : [])]
      for (const codec of codecs) {
        const topic = await topicOf(`codec-${codec}`, 3)
        let dropped = 0
        const producer = producerOn(bootstrap, { 'compression.type': codec }, () => dropped++)
        const sent: ProducerRecord[] = Array.from({ length: 300 }, (_, index) => ({
          topic,
          key: index % 3 === 0 ? null : Buffer.from(`key-${index % 7}`),
          value: index % 50 === 7 ? null : Buffer.from(`${codec} ${index} ${'x'.repeat(index)}`),
          timestamp: 1_700_000_000_000 + index,
          headers: [{ key: 'h', value: Buffer.from(String(index)) }],
        }))
        await producer.send(sent)
        await producer.close()
        const consumer = consumerOn(bootstrap, fresh('g'), [topic])
        const got = await read(consumer, sent.length)
        await consumer.close()
        const shown = (record: ProducerRecord) =>
          [record.timestamp, text(record.key), text(record.value)].join(' ')
        assert.deepEqual(got.map(shown).sort(), sent.map(shown).sort())
        assert.equal(dropped, version === '4.1.0' ? 0 : 1)
        if (version === '4.1.0') for (const one of got) assert.equal(one.headers[0]!.key, 'h')
      }
    })

    it('resumes where it committed, and commits what auto.offset.reset chose before the first record', async () => {
      const topic = await topicOf('resume')
      const group = fresh('g')
      const producer = producerOn(bootstrap)
      await producer.send([{ topic, key: null, value: Buffer.from('before') }])
      const assigned = Promise.withResolvers<void>()
      const first = consumerOn(
        bootstrap,
        group,
        [topic],
        { 'auto.offset.reset': 'latest' },
        { onAssigned: () => assigned.resolve() },
      )
      await assigned.promise
      while (first.position({ topic, partition: 0 }) === undefined)
        await first.poll({ maxRecords: 1, signal: AbortSignal.timeout(20) })
      // It ends without ever having polled a record or committed by itself.
      await first.close()
      await producer.send(['1', '2', '3'].map(value => ({ topic, key: null, value: Buffer.from(value) })))
      const second = consumerOn(bootstrap, group, [topic], { 'auto.offset.reset': 'latest' })
      assert.deepEqual(
        (await read(second, 3)).map(one => text(one.value)),
        ['1', '2', '3'],
      )
      await second.commit([{ topic, partition: 0, offset: 2, metadata: 'here' }])
      await second.close()
      const third = consumerOn(bootstrap, group, [topic])
      assert.deepEqual(
        (await read(third, 2)).map(one => text(one.value)),
        ['2', '3'],
      )
      third.seek({ topic, partition: 0, offset: 0 })
      assert.equal(text((await read(third, 4))[0]!.value), 'before')
      await third.close()
      await producer.close()
    })

    it('passes a record larger than a fetch, and names one that the broker refuses', async () => {
      const topic = await topicOf('large')
      const producer = producerOn(bootstrap, { 'max.request.size': '3000000' })
      const small = (value: string): ProducerRecord => ({ topic, key: null, value: Buffer.from(value) })
      await producer.send([small('a'), { topic, key: null, value: Buffer.alloc(900_000) }, small('b')])
      const session = producer.open()
      const sends = await Promise.allSettled([
        session.send([small('c'), { topic, key: null, value: Buffer.alloc(2_000_000) }, small('d')]),
        session.send([small('e')]),
      ])
      const [refused, behind] = sends.map(one => (one as PromiseRejectedResult).reason as Fault)
      assert.equal(refused!.code, 'UNDELIVERABLE')
      assert.match(
        refused!.message,
        new RegExp(`2000000 bytes for ${topic}-0.*MESSAGE_TOO_LARGE.*max\\.message\\.bytes`),
      )
      assert.equal(behind!.code, 'KAFKA')
      await producer.send([small('f')])
      const consumer = consumerOn(bootstrap, fresh('g'), [topic], { 'max.partition.fetch.bytes': '1000' })
      const got = await read(consumer, 5)
      assert.deepEqual(
        got.map(one => (one.value!.length > 9 ? 'large' : text(one.value))),
        ['a', 'large', 'b', 'c', 'f'],
      )
      await consumer.close()
      await producer.close()
    })

    it('says what is wrong with a partition, a topic name and an address', async () => {
      const topic = await topicOf('wrong', 2)
      const producer = producerOn(bootstrap, { 'max.block.ms': '500' })
      await producer.send([{ topic, partition: 1, key: null, value: null }])
      const value = Buffer.from('x')
      await assert.rejects(producer.send([{ topic, partition: 7, key: null, value }]), {
        code: 'UNDELIVERABLE',
        message: /partition 7 of topic wrong-\d+, which has the partitions 0 to 1/,
      })
      await assert.rejects(producer.send([{ topic: 'T%{x}', key: null, value }]), {
        code: 'UNDELIVERABLE',
        message: /T%\{x\}/,
      })
      await producer.close()
      const astray = createAdmin({ system, log, bootstrapServers: [`127.0.0.1:${await freePort()}`] })
      await assert.rejects(astray.topics.describe(['x']), {
        code: 'PEER_UNREACHABLE',
        message: /127\.0\.0\.1:\d+/,
      })
      astray.close()
    })

    it('keeps order and loses nothing while its connections are cut', async () => {
      const topic = await topicOf('cut', 3)
      const producer = producerOn(bootstrap)
      const total = 6_000
      const sends: Promise<void>[] = []
      for (let at = 0; at < total; at += 100) {
        const batch = Array.from({ length: 100 }, (_, index) => ({
          topic,
          partition: (at + index) % 3,
          key: null,
          value: Buffer.from(String(at + index)),
        }))
        sends.push(producer.send(batch))
        if (at % 600 === 0) {
          await sends.at(-1)
          proxy.cut()
        } else if (at % 600 === 300) proxy.cut()
      }
      await Promise.all(sends)
      await producer.close()
      const ends = await admin.offsets.of(topic)
      const stored = ends.reduce((sum, one) => sum + one.next - one.first, 0)
      const consumer = consumerOn(bootstrap, fresh('g'), [topic])
      const reading = read(consumer, stored)
      proxy.cut()
      const got = await reading
      await consumer.close()
      for (const partition of [0, 1, 2]) {
        const values = got.filter(one => one.partition === partition).map(one => Number(text(one.value)))
        const firstTimes = [...new Set(values)]
        assert.deepEqual(
          firstTimes,
          Array.from({ length: total / 3 }, (_, index) => index * 3 + partition),
        )
      }
    })

    it('shares a group of three, which kafkajs joins and members leave, and misses nothing', async () => {
      const topic = await topicOf('group', 6)
      const group = fresh('g')
      const producer = producerOn(bootstrap)
      const seen = new Map<string, number>()
      const stop = new AbortController()
      const note = (value: string) => seen.set(value, (seen.get(value) ?? 0) + 1)
      const run = (properties: Record<string, string> = {}) => {
        let latest = new Map<string, { topic: string; partition: number; offset: number }>()
        const commit = async () => {
          const due = [...latest.values()]
          latest = new Map()
          await consumer.commit(due)
        }
        const consumer = consumerOn(bootstrap, group, [topic], properties, { onRevoked: commit })
        const own = new AbortController()
        const signal = AbortSignal.any([own.signal, stop.signal])
        const running = (async () => {
          while (!signal.aborted) {
            const records = await consumer.poll({ maxRecords: 50, signal })
            for (const { topic: of, partition, offset, value } of records) {
              note(text(value)!)
              latest.set(`${of}-${partition}`, { topic: of, partition, offset: offset + 1 })
            }
          }
        })()
        return { consumer, end: async () => (own.abort(), await running, await consumer.close()) }
      }
      let sent = 0
      const send = async (records: number) => {
        const batch = Array.from({ length: records }, () => ({
          topic,
          partition: sent % 6,
          key: null,
          value: Buffer.from(String(sent++)),
        }))
        await producer.send(batch)
      }
      const settled = async (members: { consumer: Consumer }[], partitions: number) => {
        const limit = AbortSignal.timeout(30_000)
        const total = () => members.reduce((sum, { consumer }) => sum + consumer.assignment.length, 0)
        const eachHas = () => members.every(({ consumer }) => consumer.assignment.length > 0)
        while (!(total() === partitions && eachHas())) {
          assert.ok(!limit.aborted, `the members have ${members.map(one => one.consumer.assignment.length)}`)
          await send(6)
        }
      }
      const first = run()
      await settled([first], 6)
      const second = run()
      await settled([first, second], 6)
      const outsider = new kafkajs.Kafka({
        brokers: [bootstrap],
        logLevel: kafkajs.logLevel.NOTHING,
      }).consumer({
        groupId: group,
        sessionTimeout: 6_000,
        heartbeatInterval: 200,
        rebalanceTimeout: 10_000,
        partitionAssigners: [rangeByAnother],
      })
      await outsider.connect()
      await outsider.subscribe({ topics: [topic], fromBeginning: true })
      await outsider.run({
        autoCommitInterval: 100,
        eachMessage: async ({ message }) => void note(message.value!.toString()),
      })
      await settled([first, second], 4)
      await first.end()
      await settled([second], 3)
      await outsider.disconnect()
      await settled([second], 6)
      await send(60)
      const limit = AbortSignal.timeout(30_000)
      while (seen.size < sent) {
        assert.ok(!limit.aborted, `${seen.size} of ${sent} have come`)
        await nextTurn()
      }
      await second.end()
      await producer.close()
      assert.equal(seen.size, sent)
    })

    it('finds topics made later by a pattern, from their beginning', async () => {
      const prefix = fresh('pattern')
      await admin.topics.create({ name: `${prefix}-a`, partitions: 1 })
      const producer = producerOn(bootstrap)
      await producer.send([{ topic: `${prefix}-a`, key: null, value: Buffer.from('old') }])
      const consumer = consumerOn(bootstrap, fresh('g'), new RegExp(`${prefix}-.`), {
        'auto.offset.reset': 'latest',
        'metadata.max.age.ms': '200',
      })
      while (consumer.position({ topic: `${prefix}-a`, partition: 0 }) === undefined)
        await consumer.poll({ maxRecords: 1, signal: AbortSignal.timeout(20) })
      await admin.topics.create({ name: `${prefix}-b`, partitions: 1 })
      await admin.topics.create({ name: `${prefix}-bb`, partitions: 1 })
      for (const end of ['b', 'bb'])
        await producer.send([{ topic: `${prefix}-${end}`, key: null, value: Buffer.from(end) }])
      assert.deepEqual(
        (await read(consumer, 1)).map(one => text(one.value)),
        ['b'],
      )
      await consumer.close()
      await producer.close()
    })

    // Only this launcher can start a broker again on what it left. The last one: a cluster that has seen two
    // brokers may place new topics on the one that is gone.
    if (version === '0.10.2.1')
      it('goes on by itself when the broker is stopped and started again', async () => {
        const again = {
          port: await freePort(),
          properties: { 'log.dirs': join(directory, 'restarted'), 'broker.id': 7 },
        }
        let broker = await start(again)
        const own = createAdmin({ system, log, bootstrapServers: [broker.bootstrap] })
        const topic = fresh('restart')
        await own.topics.create({ name: topic, partitions: 2 })
        own.close()
        const producer = producerOn(broker.bootstrap)
        const consumer = consumerOn(broker.bootstrap, fresh('g'), [topic])
        const record = (index: number) => ({
          topic,
          partition: index % 2,
          key: null,
          value: Buffer.from(String(index)),
        })
        await producer.send(Array.from({ length: 100 }, (_, index) => record(index)))
        const got = await read(consumer, 100)
        await broker.stop()
        const sends = Array.from({ length: 100 }, (_, index) => producer.send([record(100 + index)]))
        broker = await start(again)
        await Promise.all(sends)
        got.push(...(await read(consumer, 100)))
        await consumer.close()
        await producer.close()
        await broker.stop()
        for (const partition of [0, 1]) {
          const values = got.filter(one => one.partition === partition).map(one => Number(text(one.value)))
          assert.deepEqual(
            values,
            Array.from({ length: 100 }, (_, index) => index * 2 + partition),
          )
        }
      })
  })

/** kafkajs' name for its round-robin is its own: this one answers to Kafka's "range". */
const rangeByAnother = ({
  cluster,
}: {
  cluster: { findTopicPartitionMetadata(topic: string): { partitionId: number }[] }
}) => ({
  name: 'range',
  version: 0,
  async assign({ members, topics }: { members: { memberId: string }[]; topics: string[] }) {
    const sorted = members.map(one => one.memberId).sort()
    return sorted.map((memberId, index) => ({
      memberId,
      memberAssignment: kafkajs.AssignerProtocol.MemberAssignment.encode({
        version: 0,
        assignment: Object.fromEntries(
          topics.map(topic => [
            topic,
            cluster
              .findTopicPartitionMetadata(topic)
              .map(one => one.partitionId)
              .filter(id => id % sorted.length === index),
          ]),
        ),
        userData: Buffer.alloc(0),
      }),
    }))
  },
  protocol: ({ topics }: { topics: string[] }) => {
    const metadata = { version: 0, topics, userData: Buffer.alloc(0) }
    return { name: 'range', metadata: kafkajs.AssignerProtocol.MemberMetadata.encode(metadata) }
  },
})
