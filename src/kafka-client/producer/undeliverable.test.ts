// What the producer calls undeliverable, and what not: only what will last counts.
import assert from 'node:assert/strict'
import { it } from 'node:test'
import { PartitionLogs } from '../../../test/partition-log.ts'
import { hurriedSystem, metadataOf, ScriptedBroker, type TopicScript } from '../../../test/scripted-broker.ts'
import type { FaultCode } from '../../errors.ts'
import { silentLogger } from '../../observe/log.ts'
import { errorCodes } from '../../wire/kafka/error-codes.ts'
import { metadata } from '../../wire/kafka/messages/metadata.ts'
import { produce } from '../../wire/kafka/messages/produce.ts'
import type { ProducerRecord } from '../contract.ts'
import type { ProduceFault } from './produce-fault.ts'
import { OrderedProducer } from './producer.ts'
import { producerDefaults } from '../settings.ts'

const times = 20
const system = hurriedSystem(times)
const record = (text: string, given: Partial<ProducerRecord> = {}): ProducerRecord => ({
  topic: 't',
  partition: 0,
  key: null,
  value: Buffer.from(text),
  ...given,
})

/** One broker with the topics given, which the test may change, and an answer to everything it is sent. */
async function stageOf(topics: Record<string, TopicScript>, judge: (name: string) => number = () => 0) {
  const broker = await new ScriptedBroker().start()
  const logs = new PartitionLogs()
  const producer = new OrderedProducer({
    system,
    log: silentLogger,
    settings: {
      ...producerDefaults,
      bootstrapServers: [broker.bootstrap],
      maxBlockMs: 4_000,
      requestTimeoutMs: 10_000,
    },
  })
  let left = Infinity
  let enough = () => {}
  const describeTopics = (body: Parameters<ReturnType<typeof metadataOf>>[0]) => {
    if (--left === 0) enough()
    return metadataOf([broker.address], topics)(body)
  }
  broker.on(metadata, describeTopics, [0, 12])
  broker.on(produce, body => logs.answer(body, judge), [3, 9])
  return {
    broker,
    logs,
    producer,
    /** Resolves when the topics have been asked for so many times more. */
    asked(count: number): Promise<void> {
      left = count
      return new Promise(resolve => (enough = resolve))
    },
    async [Symbol.asyncDispose]() {
      await producer.close()
      await broker.stop()
    },
  }
}

async function refused(sending: Promise<void>, code: FaultCode, message: RegExp): Promise<ProduceFault> {
  const fault = await sending.then(
    () => assert.fail('it was written'),
    (reason: ProduceFault) => reason,
  )
  assert.equal(fault.code, code, fault.message)
  assert.match(fault.message, message)
  return fault
}

it('is a record without a key that is called corrupt, as old brokers do in compacted topics; no other', async () => {
  await using stage = await stageOf({ t: { leaders: [0] } }, () => errorCodes.CORRUPT_MESSAGE)
  const bare = record('bare')
  const fault = await refused(stage.producer.send([bare]), 'UNDELIVERABLE', /compacted topic takes no record/)
  assert.equal(fault.record, bare)
  await refused(stage.producer.send([record('keyed', { key: Buffer.from('k') })]), 'KAFKA', /CORRUPT_MESSAGE/)
})

it('is a record of a topic that brokers deny for max.block.ms, and of one deleted while running', async () => {
  const topics: Record<string, TopicScript> = { t: { leaders: [0] }, gone: { leaders: [0] } }
  let isGone = false
  await using stage = await stageOf(topics, name =>
    isGone && name.startsWith('gone') ? errorCodes.UNKNOWN_TOPIC_OR_PARTITION : 0,
  )
  const missing = record('a', { topic: 'missing' })
  const begin = performance.now()
  const first = await refused(
    stage.producer.send([record('1'), missing, record('2')]),
    'UNDELIVERABLE',
    /topic missing does not exist: the brokers have reported this for [4-9] s \(max\.block\.ms\)/,
  )
  assert.ok((performance.now() - begin) * times >= 4_000)
  assert.equal(first.record, missing)
  assert.deepEqual(first.undelivered, [missing], 'those of the other topic are written')
  assert.deepEqual(stage.logs.of('t-0'), ['1', '2'])
  // It is known now: the next one is not waited for.
  const asked = stage.broker.asked.length
  await refused(
    stage.producer.send([record('b', { topic: 'missing' })]),
    'UNDELIVERABLE',
    /missing does not exist/,
  )
  assert.ok(stage.broker.asked.length - asked <= 3)

  await stage.producer.send([record('c', { topic: 'gone' })])
  isGone = true
  delete topics['gone']
  await refused(stage.producer.send([record('d', { topic: 'gone' })]), 'UNDELIVERABLE', /gone does not exist/)
  isGone = false
  topics['gone'] = { leaders: [0] }
  await stage.producer.send([record('d', { topic: 'gone' })])
  assert.deepEqual(stage.logs.of('gone-0'), ['c', 'd'])
})

it('is not a record of a topic without a leader, nor of a partition that went away with its topic', async () => {
  const topics: Record<string, TopicScript> = { t: { leaders: [0, 0] } }
  let isGone = false
  await using stage = await stageOf(topics, name =>
    isGone && name === 't-1' ? errorCodes.UNKNOWN_TOPIC_OR_PARTITION : 0,
  )
  await stage.producer.send([record('1', { partition: 1 })])
  topics['t'] = { leaders: [0, -1] }
  isGone = true
  const stop = new AbortController()
  const waiting = stage.producer.send([record('2', { partition: 1 })], stop.signal)
  // Once a second at last, so that this is well beyond max.block.ms.
  await stage.asked(12)
  stop.abort()
  await refused(waiting, 'STOPPED', /abandoned/)
  // Made anew with one partition.
  topics['t'] = { leaders: [0] }
  await refused(
    stage.producer.send([record('3', { partition: 1 })]),
    'KAFKA',
    /topic t has no partition 1 any more/,
  )
  await refused(stage.producer.send([record('3', { partition: 1 })]), 'UNDELIVERABLE', /partitions 0 to 0/)
})
