import assert from 'node:assert/strict'
import { createServer } from 'node:net'
import { once } from 'node:events'
import { describe, it } from 'node:test'
import { contextFor, optionsFor } from '../../test/context.ts'
import type { DefinitionOf } from '../component.ts'
import { kafkaSourceCounters } from '../observe/counters.ts'
import { kafkaSource } from './kafka.ts'

const source = kafkaSource as DefinitionOf<'source'>
const given = (more: Record<string, unknown>) =>
  optionsFor(kafkaSource, { 'kafka.bootstrap.servers': 'b:9092', ...more })

function problemsOf(options: never): string[] {
  const found: string[] = []
  const say = (severity: string) => (key: string, problem: string) =>
    void found.push(`${severity} ${key}: ${problem}`)
  source.check!(options, { error: say('error'), warning: say('warning') })
  return found
}

describe('the options of the Kafka source', () => {
  it('want a topic', () => {
    assert.match(problemsOf(given({})).join(), /error kafka.topics: no topic is given/)
    assert.deepEqual(problemsOf(given({ 'kafka.topics': ['t'] })), [])
    assert.deepEqual(problemsOf(given({ 'kafka.topics.regex': /t.*/ })), [])
  })

  it('name a consumer property that is not right, with its prefix', () => {
    const found = problemsOf(
      given({ 'kafka.topics': ['t'], 'kafka.consumer': { 'auto.offset.reset': 'first' } }),
    )
    assert.equal(found.length, 1)
    assert.match(found[0]!, /^error kafka.consumer.auto.offset.reset: /)
  })

  it('want servers that can be read, of Kafka or of ZooKeeper', () => {
    const found = (servers: string) =>
      problemsOf(given({ 'kafka.topics': ['t'], 'kafka.bootstrap.servers': servers })).join()
    assert.equal(found('SASL_SSL://[::1]:9092,SASL_PLAINTEXT://host:9092,'), '')
    assert.match(found('a:1,host'), /^error kafka.bootstrap.servers: "host" is not host:port$/)
    assert.match(found(','), /^error kafka.bootstrap.servers: no broker is given$/)
    const zookeeper = (text: string) =>
      problemsOf(given({ 'kafka.topics': ['t'], zookeeperConnect: text })).filter(one =>
        one.startsWith('error'),
      )
    assert.deepEqual(zookeeper('zk1,[::1]:2182/kafka'), [])
    assert.deepEqual(zookeeper('zk1:x'), ['error zookeeperConnect: "zk1:x" names no ZooKeeper'])
  })

  it('say what is read, and which header names it', () => {
    assert.deepEqual(source.flow!(given({ 'kafka.topics': ['a', 'b'] })), [
      {
        does: 'read-topics',
        servers: 'b:9092',
        topics: ['a', 'b'],
        topicHeader: 'topic',
        bringsHeaders: false,
      },
    ])
    const [flow] = source.flow!(
      given({ 'kafka.topics': ['a'], 'kafka.topics.regex': /x/, setTopicHeader: false }),
    )
    assert.deepEqual(flow, {
      does: 'read-topics',
      servers: 'b:9092',
      topics: [],
      pattern: /x/,
      topicHeader: null,
      bringsHeaders: false,
    })
  })
})

it('a broker that is away: no failure, but said and seen', async () => {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as { port: number }
  server.close()
  await once(server, 'close')
  const context = contextFor('SOURCE', 'r1', kafkaSourceCounters)
  const options = optionsFor(kafkaSource, {
    'kafka.bootstrap.servers': `127.0.0.1:${port}`,
    'kafka.topics': ['t'],
    batchDurationMillis: 20,
  })
  const made = source.create(options, {
    ...context,
    processor: { process: () => assert.fail(), processUntilAccepted: () => assert.fail() },
  })
  await made.start()
  const { signal } = new AbortController()
  while (context.health().length === 0) await made.poll!(signal)
  assert.match(context.health()[0]!, new RegExp(`127.0.0.1:${port}`))
  assert.ok((context.counters.get('KafkaEmptyCount') as number) > 0)
  await made.stop()
})
