// The transactional producer on a real broker and on the embedded one, by the same tests: what is committed is there whole, what is aborted is not, a
// producer taken over by another is told, and after a kill at any step the transaction is all or nothing.
import assert from 'node:assert/strict'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import { fileURLToPath } from 'node:url'
import type { Fault } from '../../src/errors.ts'
import {
  createAdmin,
  createConsumer,
  createTransactionalProducer,
  readConsumerProperties,
  readProducerProperties,
  TransactionFault,
  type Admin,
  type Consumer,
  type GroupMember,
  type ProducerRecord,
  type TransactionalProducer,
} from '../../src/kafka-client/kafka-client.ts'
import { silentLogger as log } from '../../src/observe/log.ts'
import { realSystem as system } from '../../src/system/system.ts'
import { startBrokerProcess } from '../broker/broker-process.ts'
import { FaultProxy } from '../chain/faults.ts'
import { freePort, skipWithoutPeers, startKafka41 } from './peers/peers.ts'
import { consumeAll, withAdmin } from './peers/topics.ts'
import { waitFor } from './peers/waiting.ts'

const apis = { Produce: 0, AddPartitionsToTxn: 24, AddOffsetsToTxn: 25, EndTxn: 26, TxnOffsetCommit: 28 }
const copied = process.env['MILLRACE_DEEP'] === '1' ? 200_000 : 20_000

/** What is started of a broker that is reached through the proxy; resolves with what stops it. */
type Start = (directory: string, port: number, advertised: string) => Promise<() => Promise<unknown>>

const abortCheck = { 'transaction.abort.timed.out.transaction.cleanup.interval.ms': '200' }

const startReal: Start = async (directory, port, advertised) => {
  const kafka = await startKafka41(directory, {
    port,
    properties: {
      'advertised.listeners': advertised,
      'transaction.state.log.num.partitions': 3,
      ...abortCheck,
    },
  })
  return () => kafka.stop()
}

const startEmbedded: Start = async (directory, port, advertised) => {
  const file = fileURLToPath(new URL('../../config/server.properties', import.meta.url))
  const broker = await startBrokerProcess(file, {
    listeners: `PLAINTEXT://127.0.0.1:${port}`,
    'advertised.listeners': advertised,
    'log.dirs': join(directory, 'logs'),
    ...abortCheck,
  })
  return () => broker.end('SIGTERM')
}

describe('transactions on Kafka 4.1', { skip: skipWithoutPeers }, () => prove(startReal))
describe('transactions on the embedded broker', () => prove(startEmbedded))

function prove(start: Start): void {
  let directory: string
  let stop: (() => Promise<unknown>) | null = null
  let proxy: FaultProxy
  let admin: Admin
  let bootstrap: string
  let count = 0
  const fresh = (name: string) => `${name}-${++count}`
  const topicOf = async (name: string, partitions = 1) => {
    const topic = fresh(name)
    await admin.topics.create({ name: topic, partitions })
    return topic
  }

  /** Closed at the end too, whatever a test has come to. */
  const clients: { close(): Promise<void> }[] = []
  const opened = <T extends { close(): Promise<void> }>(client: T): T => {
    clients.push(client)
    return client
  }

  const producerFor = (transactionalId: string, given: { transactionTimeoutMs?: number } = {}) =>
    opened(
      createTransactionalProducer({
        settings: {
          ...readProducerProperties({ 'bootstrap.servers': bootstrap, acks: 'all' }).settings!,
          transactionalId,
          transactionTimeoutMs: 60_000,
          ...given,
        },
        system,
        log,
      }),
    )

  function consumerFor(group: string, topic: string, properties: Record<string, string> = {}): Consumer {
    const consumer = createConsumer({
      settings: readConsumerProperties({
        'bootstrap.servers': bootstrap,
        'group.id': group,
        'auto.offset.reset': 'earliest',
        'session.timeout.ms': '6000',
        'heartbeat.interval.ms': '200',
        'isolation.level': 'read_committed',
        ...properties,
      }).settings!,
      topics: [topic],
      system,
      log,
    })
    consumer.start()
    return opened(consumer)
  }

  const recordsFor = (topic: string, values: readonly (string | number)[], partition = 0): ProducerRecord[] =>
    values.map(value => ({ topic, partition, key: null, value: Buffer.from(String(value)) }))

  /** One transaction with one record: whoever reads committed records and sees it, sees all before it. */
  async function mark(producer: TransactionalProducer, topic: string): Promise<void> {
    producer.begin()
    await producer.send(recordsFor(topic, ['end']))
    await producer.commit()
  }

  /** What both readers see of a topic that ends with `end`; both must see the same. */
  async function committed(topic: string): Promise<string[]> {
    const consumer = consumerFor(fresh('reader'), topic)
    const values: string[] = []
    const signal = AbortSignal.timeout(20_000)
    while (values.at(-1) !== 'end' && !signal.aborted)
      for (const { value } of await consumer.poll({ maxRecords: 1000, signal })) values.push(String(value))
    await consumer.close()
    assert.equal(values.at(-1), 'end')
    const others = await consumeAll(bootstrap, topic, values.length, { limitMs: 20_000 })
    assert.deepEqual(
      others.map(one => one.value),
      values,
    )
    return values.slice(0, -1)
  }

  const nobody = (groupId: string): GroupMember => ({
    groupId,
    generation: -1,
    memberId: '',
    groupInstanceId: null,
  })
  const positionOf = (group: string, topic: string) =>
    withAdmin(bootstrap, async one => {
      const [found] = await one.fetchOffsets({ groupId: group, topics: [topic] })
      return Number(found!.partitions.find(({ partition }) => partition === 0)?.offset ?? -1)
    })

  before(async () => {
    directory = await mkdtemp(join(tmpdir(), 'millrace-transactions-'))
    proxy = await new FaultProxy({ framing: 'kafka' }).start()
    proxy.target = await freePort()
    bootstrap = `127.0.0.1:${proxy.port}`
    stop = await start(directory, proxy.target, `PLAINTEXT://${bootstrap}`)
    admin = createAdmin({ system, log, bootstrapServers: [bootstrap] })
  })
  after(async () => {
    await Promise.all(clients.map(client => client.close()))
    admin?.close()
    await stop?.()
    await proxy?.[Symbol.asyncDispose]()
    await rm(directory, { recursive: true, force: true })
  })

  it('are seen when they are committed, and never when they are aborted', async () => {
    const topic = await topicOf('seen', 2)
    const producer = producerFor(fresh('id'))
    await producer.init()
    for (let turn = 0; turn < 6; turn++) {
      producer.begin()
      await Promise.all([
        producer.send(recordsFor(topic, [`a${turn}`, `b${turn}`])),
        producer.send(recordsFor(topic, [`c${turn}`], 1)),
      ])
      if (turn % 2 === 0) await producer.commit()
      else await producer.abort()
    }
    // Nothing in it: there is nothing to tell the broker.
    producer.begin()
    await producer.commit()
    await mark(producer, topic)
    const seen = await consumeAll(bootstrap, topic, 10)
    const of = (partition: number) => seen.filter(one => one.partition === partition).map(one => one.value)
    assert.deepEqual(of(0), ['a0', 'b0', 'a2', 'b2', 'a4', 'b4', 'end'])
    assert.deepEqual(of(1), ['c0', 'c2', 'c4'])
    await producer.close()
  })

  it('tell a producer that another has taken over, and let it write nothing', async () => {
    const topic = await topicOf('fenced')
    const id = fresh('id')
    const zombie = producerFor(id)
    await zombie.init()
    zombie.begin()
    await zombie.send(recordsFor(topic, ['lost']))
    const heir = producerFor(id)
    await heir.init()
    await assert.rejects(zombie.commit(), (fault: Fault) => {
      assert.ok(fault instanceof TransactionFault)
      assert.equal(fault.kind, 'fenced')
      assert.match(fault.message, new RegExp(`another producer has taken over transactional id "${id}"`))
      return true
    })
    assert.throws(() => zombie.begin(), /call init to start over/)
    await mark(heir, topic)
    assert.deepEqual(await committed(topic), [])
    await Promise.all([zombie.close(), heir.close()])
  })

  it('tell a producer at the next send that another has taken over', async () => {
    const topic = await topicOf('fenced')
    const id = fresh('id')
    const zombie = producerFor(id)
    await zombie.init()
    const heir = producerFor(id)
    await heir.init()
    zombie.begin()
    await assert.rejects(zombie.send(recordsFor(topic, ['lost'])), /another producer has taken over/)
    await assert.rejects(zombie.abort(), { kind: 'fenced' })
    await mark(heir, topic)
    assert.deepEqual(await committed(topic), [])
    await Promise.all([zombie.close(), heir.close()])
  })

  it('carry the positions of a group, and none where they are aborted', async () => {
    const topic = await topicOf('positions')
    const group = fresh('group')
    const producer = producerFor(fresh('id'))
    await producer.init()
    for (const [offset, ending] of [
      [5, 'commit'],
      [9, 'abort'],
    ] as const) {
      producer.begin()
      await producer.send(recordsFor(topic, [offset]))
      await producer.sendOffsets([{ topic, partition: 0, offset }], nobody(group))
      await producer[ending]()
    }
    await mark(producer, topic)
    assert.equal(await positionOf(group, topic), 5)
    assert.deepEqual(await committed(topic), ['5'])
    await producer.close()
  })

  it('are left to abort when the group has moved on', async () => {
    const topic = await topicOf('moved')
    const group = fresh('group')
    const producer = producerFor(fresh('id'))
    const member = consumerFor(group, topic)
    await waitFor(() => member.assignment.length === 1, 'the member has its partition')
    await producer.init()
    producer.begin()
    await producer.send(recordsFor(topic, ['lost']))
    await assert.rejects(
      producer.sendOffsets([{ topic, partition: 0, offset: 1 }], {
        groupId: group,
        generation: 0,
        memberId: 'somebody',
        groupInstanceId: null,
      }),
      { kind: 'abortable', message: /UNKNOWN_MEMBER_ID|ILLEGAL_GENERATION/ },
    )
    await assert.rejects(producer.commit(), { kind: 'abortable' })
    await producer.abort()
    await mark(producer, topic)
    assert.deepEqual(await committed(topic), [])
    await Promise.all([producer.close(), member.close()])
  })

  it('that take too long are aborted by the broker, and init starts over', async () => {
    const topic = await topicOf('slow')
    const producer = producerFor(fresh('id'), { transactionTimeoutMs: 500 })
    await producer.init()
    producer.begin()
    await producer.send(recordsFor(topic, ['lost']))
    // The broker's marker is a record: it takes an offset.
    await waitFor(async () => (await admin.offsets.of(topic))[0]!.next === 2, 'the broker has aborted it')
    await assert.rejects(producer.commit(), { kind: 'fenced', message: /transaction\.timeout\.ms/ })
    await producer.init()
    await mark(producer, topic)
    assert.deepEqual(await committed(topic), [])
    await producer.close()
  })

  it('go on by themselves when the connection is cut at any request or answer of them', async () => {
    const topic = await topicOf('cut')
    const group = fresh('group')
    const producer = producerFor(fresh('id'))
    await producer.init()
    const expected: string[] = []
    try {
      for (const [name, api] of Object.entries(apis))
        for (const direction of ['up', 'down'] as const) {
          let cuts = 0
          proxy.faults = passage =>
            passage.api === api && passage.direction === direction && cuts++ === 0
              ? { at: direction === 'up' ? passage.bytes - 1 : 0, how: 'rst' }
              : null
          const values = [1, 2, 3].map(number => `${name} ${direction} ${number}`)
          producer.begin()
          for (const value of values) await producer.send(recordsFor(topic, [value]))
          await producer.sendOffsets([{ topic, partition: 0, offset: expected.length }], nobody(group))
          await producer.commit()
          assert.ok(cuts > 0, `${name} was cut`)
          expected.push(...values)
        }
    } finally {
      proxy.faults = () => null
    }
    await mark(producer, topic)
    assert.deepEqual(await committed(topic), expected)
    assert.equal(await positionOf(group, topic), expected.length - 3)
    await producer.close()
  })

  it('are all or nothing when the producer is killed at any request or answer', async () => {
    const topic = await topicOf('killed')
    const group = fresh('group')
    const id = fresh('id')
    const expected: string[] = []
    let position = -1
    try {
      for (const [at, [name, api]] of Object.entries(apis).entries())
        for (const direction of ['up', 'down'] as const) {
          const producer = producerFor(id)
          await producer.init()
          const killed = Promise.withResolvers<void>()
          proxy.faults = passage => {
            if (passage.api !== api || passage.direction !== direction) return null
            void producer.close()
            killed.resolve()
            return { at: 0, how: 'rst' }
          }
          const value = `${name} ${direction}`
          const run = async () => {
            producer.begin()
            await producer.send(recordsFor(topic, [value]))
            await producer.sendOffsets([{ topic, partition: 0, offset: at }], nobody(group))
            await producer.commit()
          }
          await assert.rejects(run())
          await killed.promise
          proxy.faults = () => null
          // The one request after which nothing is missing.
          if (name === 'EndTxn' && direction === 'down') {
            expected.push(value)
            position = at
          }
        }
    } finally {
      proxy.faults = () => null
    }
    const heir = producerFor(id)
    await heir.init()
    await mark(heir, topic)
    assert.deepEqual(await committed(topic), expected)
    assert.equal(await positionOf(group, topic), position)
    await heir.close()
  })

  it(`copy ${copied} records once each and in order, whatever is aborted, cut and started again`, async () => {
    const [from, to] = [await topicOf('from', 2), await topicOf('to', 2)]
    const group = fresh('copy')
    const id = fresh('id')
    const loader = producerFor(fresh('id'))
    await loader.init()
    loader.begin()
    for (let at = 0; at < copied; at += 2000)
      await loader.send(
        Array.from({ length: 2000 }, (_, index) => recordsFor(from, [at + index], (at + index) % 2)[0]!),
      )
    await loader.commit()
    await loader.close()

    let restarts = 0
    let aborts = 0
    let done = 0
    const random = seeded(20_261_123)
    while (done < copied) {
      const producer = producerFor(id)
      const consumer = consumerFor(group, from, { 'max.poll.records': '1000' })
      await producer.init()
      const signal = AbortSignal.timeout(60_000)
      for (let isRunning = true; isRunning && done < copied;) {
        const records = await consumer.poll({ maxRecords: 700, signal })
        assert.ok(!signal.aborted, `${done} of ${copied} are copied`)
        if (records.length === 0) continue
        const next = new Map(records.map(({ partition, offset }) => [partition, offset + 1]))
        const first = new Map(records.toReversed().map(({ partition, offset }) => [partition, offset]))
        const positions = [...next].map(([partition, offset]) => ({ topic: from, partition, offset }))
        producer.begin()
        const sends = [0, 300].map(at =>
          producer.send(
            records
              .slice(at, at === 0 ? 300 : undefined)
              .map(({ partition, value }) => ({ topic: to, partition, key: null, value })),
          ),
        )
        const fate = random()
        if (fate < 0.15) {
          aborts++
          await Promise.all([Promise.allSettled(sends), producer.abort()])
          for (const [partition, offset] of first) consumer.seek({ topic: from, partition, offset })
          continue
        }
        if (fate < 0.3) proxy.cut('rst')
        await Promise.all(sends)
        await producer.sendOffsets(positions, nobody(group))
        if (fate > 0.9) {
          // As a kill: what is open stays so until the next init.
          restarts++
          isRunning = false
          continue
        }
        await producer.commit()
        done += records.length
      }
      await Promise.all([producer.close(), consumer.close()])
    }
    const seen = await consumeAll(bootstrap, to, copied, { extraMs: 300 })
    for (const partition of [0, 1])
      assert.deepEqual(
        seen.filter(one => one.partition === partition).map(one => Number(one.value)),
        Array.from({ length: copied / 2 }, (_, index) => index * 2 + partition),
      )
    assert.ok(aborts > 0 && restarts > 0, `${aborts} aborts, ${restarts} restarts`)
  })
}

/** The same numbers in every run. */
function seeded(seed: number): () => number {
  let state = seed
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0
    return state / 2 ** 32
  }
}
