// Real Kafka clients against the embedded broker: the tools of Kafka 4.1, and the consumers and producers
// inside real Flume 1.8.0 (kafka-clients 0.9.0.1, which asks for no versions) and 1.11.0 (2.7.2).
import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { startBroker, type RunningBroker } from '../broker/running-broker.ts'
import { java, skipWithoutPeers, startFlume } from './peers/peers.ts'
import { consumeAll, createTopic, produceAll } from './peers/topics.ts'

const count = 2000

describe('the embedded broker with real clients', { skip: skipWithoutPeers }, () => {
  let directory: string
  let broker: RunningBroker
  before(async () => {
    directory = mkdtempSync(join(tmpdir(), 'millrace-broker-peers-'))
    broker = await startBroker(directory)
  })
  after(async () => {
    await broker.stop()
    rmSync(directory, { recursive: true, force: true })
  })

  /** Runs a tool of Kafka's; `options` as they are typed, besides the broker's address. */
  const tool = (name: string, main: string, options: string, ready: RegExp) =>
    java('kafka-4.1.0', join(directory, name), name, {
      main: [`org.apache.kafka.tools.${main}`, '--bootstrap-server', broker.bootstrap, ...options.split(' ')],
      ready,
    })

  test('Kafka 4.1: topics are described, an idempotent producer writes, a group reads and commits', async () => {
    await createTopic(broker.bootstrap, 'java', 3)
    await using _described = await tool(
      'topics',
      'TopicCommand',
      '--describe --topic java',
      /PartitionCount: 3.*ReplicationFactor: 1/,
    )
    const properties = join(directory, 'producer.properties')
    writeFileSync(properties, 'enable.idempotence=true\nretries=10\n')
    await using _produced = await tool(
      'producer',
      'VerifiableProducer',
      `--topic java --max-messages ${count} --producer.config ${properties}`,
      new RegExp(`"sent":${count},"acked":${count}`),
    )
    const partitions = broker.broker.topics.topics.get('java')!.partitions
    assert.equal(
      partitions.reduce((sum, log) => sum + log.highWatermark, 0),
      count,
    )
    assert.ok(
      partitions.some(log => log.producers.size === 1),
      'it was idempotent',
    )
    await using _consumed = await tool(
      'consumer',
      'consumer.ConsoleConsumer',
      `--topic java --group java --from-beginning --max-messages ${count} --timeout-ms 60000`,
      new RegExp(`Processed a total of ${count} messages`),
    )
    assert.equal(
      broker.broker.offsets('java').reduce((sum, { offset }) => sum + offset, 0),
      count,
    )
  })

  for (const version of ['1.8.0', '1.11.0'] as const)
    test(`Flume ${version}: its Kafka source reads and its Kafka sink writes, everything, in order`, async () => {
      const [from, to] = [`from-${version}`, `to-${version}`]
      await createTopic(broker.bootstrap, from)
      await createTopic(broker.bootstrap, to)
      const values = Array.from({ length: count }, (_, index) => `body ${index} ünï 街`)
      await produceAll(
        broker.bootstrap,
        from,
        values.map(value => ({ key: null, value })),
      )
      await using _flume = await startFlume(version, join(directory, version), {
        agent: 'x',
        conf: `
x.sources = s
x.channels = c
x.sinks = k
x.sources.s.type = org.apache.flume.source.kafka.KafkaSource
x.sources.s.kafka.bootstrap.servers = ${broker.bootstrap}
x.sources.s.kafka.topics = ${from}
x.sources.s.kafka.consumer.group.id = flume
x.sources.s.kafka.consumer.auto.offset.reset = earliest
x.sources.s.interceptors = i
x.sources.s.interceptors.i.type = static
x.sources.s.interceptors.i.key = topic
x.sources.s.interceptors.i.preserveExisting = false
x.sources.s.interceptors.i.value = ${to}
x.sources.s.channels = c
x.channels.c.type = memory
x.channels.c.capacity = 5000
x.channels.c.transactionCapacity = 1000
x.sinks.k.type = org.apache.flume.sink.kafka.KafkaSink
x.sinks.k.kafka.bootstrap.servers = ${broker.bootstrap}
x.sinks.k.kafka.topic = ${to}
x.sinks.k.kafka.producer.acks = all
x.sinks.k.channel = c
`,
      })
      const arrived = await consumeAll(broker.bootstrap, to, count)
      assert.deepEqual(
        arrived.map(({ value }) => value),
        values,
      )
    })
})
