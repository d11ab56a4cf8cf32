// The ordered producer on a real broker whose answers get lost, whose topics are made anew and grow.
import assert from 'node:assert/strict'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import {
  createAdmin,
  createProducer,
  readProducerProperties,
  type Admin,
  type Producer,
} from '../../src/kafka-client/kafka-client.ts'
import { silentLogger as log } from '../../src/observe/log.ts'
import { realSystem as system } from '../../src/system/system.ts'
import { FaultProxy, type ProxyFault } from '../chain/faults.ts'
import { freePort, skipWithoutPeers, startKafka41, type Kafka } from './peers/peers.ts'
import { consumeAll, countOf, withAdmin } from './peers/topics.ts'
import { waitFor } from './peers/waiting.ts'

const produceKey = 0

describe('the producer on Kafka 4.1', { skip: skipWithoutPeers }, () => {
  let directory: string
  let kafka: Kafka
  let proxy: FaultProxy
  let admin: Admin
  let bootstrap: string
  let count = 0
  const producers: Producer[] = []
  const topicOf = async (name: string, partitions = 1) => {
    const topic = `${name}-${++count}`
    await admin.topics.create({ name: topic, partitions })
    return topic
  }
  const producerWith = (properties: Record<string, string>) => {
    const given = { 'bootstrap.servers': bootstrap, 'request.timeout.ms': '1000', ...properties }
    const producer = createProducer({ settings: readProducerProperties(given).settings!, system, log })
    producers.push(producer)
    return producer
  }

  before(async () => {
    directory = await mkdtemp(join(tmpdir(), 'millrace-producer-'))
    proxy = await new FaultProxy({ framing: 'kafka' }).start()
    proxy.target = await freePort()
    bootstrap = `127.0.0.1:${proxy.port}`
    kafka = await startKafka41(directory, {
      port: proxy.target,
      properties: { 'advertised.listeners': `PLAINTEXT://${bootstrap}` },
    })
    admin = createAdmin({ system, log, bootstrapServers: [bootstrap] })
  })
  after(async () => {
    await Promise.all(producers.map(producer => producer.close()))
    admin?.close()
    await kafka?.stop()
    await proxy?.[Symbol.asyncDispose]()
    await rm(directory, { recursive: true, force: true })
  })

  const partitions = 3
  const perSend = 30
  const sendsTotal = 200

  /** Sends numbered records, a window of sends at once, while every so many answers are lost. */
  async function sendThrough(producer: Producer, topic: string): Promise<{ lost: number }> {
    let answers = 0
    let lost = 0
    proxy.faults = ({ api, direction }): ProxyFault | null => {
      if (api !== produceKey || direction !== 'down' || ++answers % 7 !== 3 || lost >= 12) return null
      lost++
      return { at: 0, how: lost % 6 === 0 ? 'swallow' : 'rst' }
    }
    const window: Promise<void>[] = []
    for (let at = 0; at < sendsTotal; at++) {
      const records = Array.from({ length: perSend }, (_, index) => ({
        topic,
        partition: (at * perSend + index) % partitions,
        key: null,
        value: Buffer.from(String(at * perSend + index)),
      }))
      window.push(producer.send(records))
      if (window.length >= 8) await window.shift()
    }
    await Promise.all(window)
    proxy.faults = () => null
    assert.ok(lost > 5, `${lost} answers were lost`)
    return { lost }
  }

  async function valuesOf(topic: string): Promise<number[][]> {
    const found = await consumeAll(bootstrap, topic, await countOf(bootstrap, topic))
    return Array.from({ length: partitions }, (_, partition) =>
      found.filter(one => one.partition === partition).map(one => Number(one.value)),
    )
  }
  const expected = (partition: number) =>
    Array.from({ length: (sendsTotal * perSend) / partitions }, (_, index) => index * partitions + partition)

  it('doubles nothing with acks = all when the answers to it are lost', async () => {
    const topic = await topicOf('all', partitions)
    await sendThrough(producerWith({ acks: 'all' }), topic)
    for (const [partition, values] of (await valuesOf(topic)).entries())
      assert.deepEqual(values, expected(partition))
  })

  it('doubles at most what was in flight with acks = 1, in order all the same', async () => {
    const topic = await topicOf('one', partitions)
    const { lost } = await sendThrough(producerWith({ acks: '1' }), topic)
    let doubled = 0
    for (const [partition, values] of (await valuesOf(topic)).entries()) {
      assert.deepEqual([...new Set(values)], expected(partition))
      doubled += values.length - expected(partition).length
    }
    assert.ok(doubled > 0 && doubled <= lost * 8 * perSend, `${doubled} doubled, ${lost} answers lost`)
  })

  it('goes on in a topic that was deleted and made anew meanwhile, and in partitions added to it', async () => {
    const topic = await topicOf('anew', 1)
    const producer = producerWith({ acks: 'all', 'metadata.max.age.ms': '500' })
    const send = (value: string, partition = 0) =>
      producer.send([{ topic, partition, key: null, value: Buffer.from(value) }])
    for (const value of ['1', '2', '3']) await send(value)
    await withAdmin(bootstrap, one => one.deleteTopics({ topics: [topic] }))
    await waitFor(
      () => withAdmin(bootstrap, async one => !(await one.listTopics()).includes(topic)),
      'it is gone',
    )
    // Its leader was known a moment ago. The broker may make it again by itself, for the record that waits.
    const sending = send('4')
    await withAdmin(bootstrap, one =>
      one.createTopics({ topics: [{ topic, numPartitions: 1 }] }).catch(() => false),
    )
    await sending
    for (const value of ['5', '6']) await send(value)
    await withAdmin(bootstrap, one => one.createPartitions({ topicPartitions: [{ topic, count: 2 }] }))
    await waitFor(
      () =>
        send('7', 1).then(
          () => true,
          () => false,
        ),
      'the new partition is known',
    )
    const found = await consumeAll(bootstrap, topic, await countOf(bootstrap, topic))
    const of = (partition: number) => found.filter(one => one.partition === partition).map(one => one.value)
    assert.deepEqual(of(0).slice(-3), ['4', '5', '6'])
    assert.deepEqual(of(1), ['7'])
  })
})
