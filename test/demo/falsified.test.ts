// Runs in which something is wrong with the events, which the quickstart must see: one that is dropped on its
// way, one that comes twice. And a Kafka of the user's that holds data, here the embedded broker.
import assert from 'node:assert/strict'
import { cpSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, test } from 'node:test'
import {
  inDirectory as inBrokerDirectory,
  startBroker,
  type RunningBroker,
} from '../broker/running-broker.ts'
import { createTopic, produceAll } from '../interop/peers/topics.ts'
import { root } from '../source-text.ts'
import { endedDemo, inDirectory, nobodyLeft, startDemo } from './demo-process.ts'

/** The checkout with its own conf/, which the test may change. */
function copyOfCheckout(directory: string): string {
  const copy = join(directory, 'checkout')
  mkdirSync(copy)
  for (const name of ['bin', 'conf', 'src']) cpSync(join(root, name), join(copy, name), { recursive: true })
  for (const name of ['package.json', 'node_modules']) symlinkSync(join(root, name), join(copy, name))
  return copy
}

async function withBroker(run: (broker: RunningBroker, directory: string) => Promise<void>): Promise<void> {
  await inBrokerDirectory(async directory => {
    const broker = await startBroker(directory)
    try {
      await inDirectory(own => run(broker, own))
    } finally {
      await broker.stop()
    }
  })
}

describe('a falsified run of the quickstart', { concurrency: 2 }, () => {
  test('an event that is dropped on its way is named, and it ends with 1', () =>
    inDirectory(async directory => {
      const checkout = copyOfCheckout(directory)
      const file = join(checkout, 'conf/kafka-memory-avro.conf')
      const s1 = 'kafka-memory-avro.sources.s1.interceptors'
      writeFileSync(
        file,
        `${readFileSync(file, 'utf8').replace(`${s1} = i1`, `${s1} = i1 i2`)}
${s1}.i2.type = regex_filter
${s1}.i2.regex = event (17|20|21) sent
${s1}.i2.excludeEvents = true
`,
      )
      const { code, output } = await endedDemo(directory, ['--events', '100', '--exit'], {
        command: [join(checkout, 'bin/millrace'), 'demo'],
      })
      assert.equal(code, 1, output)
      assert.match(output, /^100 events sent, 97 arrived$/m)
      assert.match(output, /^millrace demo: events are wrong: 3 missing \(events 17, 20 to 21\)$/m)
      // Also where it is Ctrl-C that ends it.
      const demo = await startDemo(directory, [], { command: [join(checkout, 'bin/millrace'), 'demo'] })
      await demo.line(/^in ([3-9]\d|\d{3,}) = out \d{2,} \+ in flight/)
      demo.kill('SIGINT')
      assert.equal(await demo.ended, 1, demo.output)
      assert.match(demo.output, /^millrace demo: events are wrong: [1-3] missing \(events? 17/m)
      await nobodyLeft(directory)
    }))

  test('a file of an agent that is not as the demonstration knows it is refused, naming the key', () =>
    inDirectory(async directory => {
      const checkout = copyOfCheckout(directory)
      const file = join(checkout, 'conf/avro-memory-kafka.conf')
      writeFileSync(file, readFileSync(file, 'utf8').replace(/^.*brokerList.*$/m, ''))
      const { code, output } = await endedDemo(directory, [], {
        command: [join(checkout, 'bin/millrace'), 'demo'],
      })
      assert.equal(code, 1, output)
      assert.match(output, /^millrace demo: the file of agent avro-memory-kafka has no .*brokerList$/m)
      await nobodyLeft(directory)
    }))

  test('an event that comes twice is named, also where it comes later than the last one', () =>
    withBroker(async ({ bootstrap, kafkajs }, directory) => {
      await createTopic(bootstrap, 'test2')
      const demo = await startDemo(directory, [
        '--bootstrap',
        bootstrap,
        '--events',
        '60',
        '--rate',
        '30',
        '--exit',
      ])
      const consumer = kafkajs().consumer({ groupId: 'doubling', maxWaitTimeInMs: 100 })
      const producer = kafkajs().producer()
      await Promise.all([consumer.connect(), producer.connect()])
      await consumer.subscribe({ topic: 'test2', fromBeginning: true })
      let hasDoubled = false
      await consumer.run({
        eachMessage: async ({ message }) => {
          if (hasDoubled || !/ event 9 /.test(String(message.value))) return
          hasDoubled = true
          await producer.send({ topic: 'test2', messages: [{ value: message.value }] })
        },
      })
      const code = await demo.ended
      await Promise.all([consumer.disconnect(), producer.disconnect()])
      assert.equal(code, 1, demo.output)
      assert.match(demo.output, /^60 events sent, 60 arrived$/m)
      assert.match(demo.output, /events are wrong: 1 arrived more than once \(the first is event 9\)$/m)
      await nobodyLeft(directory)
    }))
})

describe('the quickstart on a Kafka of the user’s', () => {
  test('topics that hold data keep it, other partitions do no harm, and no group stays behind', () =>
    withBroker(async ({ bootstrap, kafkajs, broker }, directory) => {
      await createTopic(bootstrap, 'test3', 3)
      await createTopic(bootstrap, 'test2', 2)
      const old = Array.from({ length: 50 }, (_, index) => ({ key: null, value: `old ${index}` }))
      await produceAll(bootstrap, 'test3', old)
      await produceAll(bootstrap, 'test2', old)
      const { code, output } = await endedDemo(directory, [
        '--bootstrap',
        bootstrap,
        '--events',
        '500',
        '--exit',
      ])
      assert.equal(code, 0, output)
      assert.match(output, /^Kafka {4}127\.0\.0\.1:\d+, a Kafka of yours$/m)
      assert.match(output, /^topic {4}test3, there already: what it holds is left alone$/m)
      assert.match(output, /^500 events sent, 500 arrived, all in order, none twice$/m)
      assert.doesNotMatch(output, /not counted/)
      const admin = kafkajs().admin()
      await admin.connect()
      const { groups } = await admin.listGroups()
      await admin.disconnect()
      assert.deepEqual(
        groups.map(one => one.groupId),
        [],
      )
      const held = (topic: string) =>
        broker.topics.topics.get(topic)!.partitions.reduce((sum, one) => sum + Number(one.highWatermark), 0)
      assert.deepEqual([held('test3'), held('test2')], [550, 550])
      await nobodyLeft(directory)
    }))

  test('one that cannot be reached is said in one sentence', () =>
    inDirectory(async directory => {
      const { code, output } = await endedDemo(directory, ['--bootstrap', '127.0.0.1:1'])
      assert.equal(code, 1)
      assert.match(
        output.trimEnd().split('\n').at(-1)!,
        /^millrace demo: .*cannot connect to 127\.0\.0\.1:1: .*ECONNREFUSED.*: see whether a Kafka broker runs at 127\.0\.0\.1:1$/,
      )
      await nobodyLeft(directory)
    }))
})
