// @ts-check
// A test of an agent's configuration against a Kafka of its own: the file under test copies topic in to topic out.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Kafka, logLevel } from 'kafkajs'
import { startAgent, startBroker } from 'millrace'

const configuration = (/** @type {string} */ servers) => `
  a1.sources = r1
  a1.channels = c1
  a1.sinks = k1
  a1.sources.r1.type = org.apache.flume.source.kafka.KafkaSource
  a1.sources.r1.kafka.bootstrap.servers = ${servers}
  a1.sources.r1.kafka.topics = in
  a1.sources.r1.kafka.consumer.auto.offset.reset = earliest
  a1.sources.r1.setTopicHeader = false
  a1.sources.r1.channels = c1
  a1.channels.c1.type = memory
  a1.channels.c1.capacity = 10000
  a1.channels.c1.transactionCapacity = 1000
  a1.sinks.k1.type = org.apache.flume.sink.kafka.KafkaSink
  a1.sinks.k1.kafka.bootstrap.servers = ${servers}
  a1.sinks.k1.kafka.topic = out
  a1.sinks.k1.channel = c1
`

test('every order arrives in topic out', async () => {
  await using broker = await startBroker({ topics: { in: 1, out: 1 } })
  const kafka = new Kafka({ brokers: [broker.bootstrapServers], logLevel: logLevel.NOTHING })
  const producer = kafka.producer()
  await producer.connect()
  await producer.send({ topic: 'in', messages: [{ value: 'order 1' }, { value: 'order 2' }] })
  await producer.disconnect()

  const agent = await startAgent({ name: 'a1', configuration: configuration(broker.bootstrapServers) })
  const consumer = kafka.consumer({ groupId: 'test' })
  /** @type {string[]} */
  const arrived = []
  const { promise: all, resolve } = Promise.withResolvers()
  await consumer.connect()
  await consumer.subscribe({ topic: 'out', fromBeginning: true })
  await consumer.run({
    eachMessage: async ({ message }) => {
      if (arrived.push(String(message.value)) === 2) resolve(undefined)
    },
  })
  await all
  await Promise.all([consumer.disconnect(), agent.stop()])
  assert.deepEqual(arrived, ['order 1', 'order 2'])
})
