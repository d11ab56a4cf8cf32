import assert from 'node:assert/strict'
import { createServer } from 'node:net'
import { once } from 'node:events'
import { describe, it } from 'node:test'
import { contextFor, optionsFor } from '../../test/context.ts'
import { hurriedSystem } from '../../test/scripted-broker.ts'
import { ScriptedGroup } from '../../test/scripted-group.ts'
import type { DefinitionOf } from '../component.ts'
import { kafkaSourceCounters } from '../observe/counters.ts'
import { SourceRunner } from '../topology/source-runner.ts'
import { kafkaSource } from './kafka.ts'

const source = kafkaSource as DefinitionOf<'source'>
const given = (more: Record<string, unknown>) =>
  optionsFor(kafkaSource, { 'kafka.bootstrap.servers': 'b:9092', ...more })

function problemsOf(options: never, fixes: string[] = []): string[] {
  const found: string[] = []
  const say = (severity: string) => (key: string, problem: string, fix: string) => {
    found.push(`${severity} ${key}: ${problem}`)
    fixes.push(fix)
  }
  source.check!(options, { error: say('error'), warning: say('warning') })
  return found
}

describe('the options of the Kafka source', () => {
  it('want a topic', () => {
    assert.match(problemsOf(given({})).join(), /error kafka.topics: no topic is given/)
    assert.deepEqual(problemsOf(given({ 'kafka.topics': ['t'] })), [])
    assert.deepEqual(problemsOf(given({ 'kafka.topics.regex': /t.*/ })), [])
  })

  it('take no topic that Kafka does not allow, and point to the pattern', () => {
    for (const topic of ['abc[0-9]', 'my topic', 't*', '.', '..', 'a'.repeat(250), 'tä', 't/1', 't:1']) {
      const fixes: string[] = []
      const [found] = problemsOf(given({ 'kafka.topics': ['good', topic] }), fixes)
      assert.equal(found, `error kafka.topics: Kafka allows no topic named ${JSON.stringify(topic)}`)
      assert.match(fixes[0]!, /for all topics that match a pattern write kafka\.topics\.regex/)
    }
    for (const topic of ['a'.repeat(249), 'A.b_c-9', '...'])
      assert.deepEqual(problemsOf(given({ 'kafka.topics': [topic] })), [])
    // The pattern wins.
    assert.deepEqual(problemsOf(given({ 'kafka.topics': ['t*'], 'kafka.topics.regex': /t.*/ })), [])
  })

  it('name a consumer property that is not right, with its prefix', () => {
    const found = problemsOf(
      given({ 'kafka.topics': ['t'], 'kafka.consumer': { 'auto.offset.reset': 'first' } }),
    )
    assert.equal(found.length, 1)
    assert.match(found[0]!, /^error kafka.consumer.auto.offset.reset: /)
  })

  it('map no record header to the one that says where a record comes from', () => {
    const found = (originHeader: boolean) =>
      problemsOf(given({ 'kafka.topics': ['t'], header: { 'millrace.origin': 'x' }, originHeader }))
    assert.deepEqual(found(true), [
      'error header: the header millrace.origin is reserved by originHeader = true',
    ])
    assert.deepEqual(found(false), [])
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
        group: 'flume',
        topicHeader: 'topic',
        flumeFormat: false,
        hasOrigins: false,
        recordHeaders: {},
      },
    ])
    const [flow] = source.flow!(
      given({ 'kafka.topics': ['a'], 'kafka.topics.regex': /x/, setTopicHeader: false }),
    )
    assert.deepEqual(flow, {
      does: 'read-topics',
      servers: 'b:9092',
      topics: [],
      group: 'flume',
      pattern: /x/,
      topicHeader: null,
      flumeFormat: false,
      hasOrigins: false,
      recordHeaders: {},
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

it('a group that may not be used: red until it may, one line and one a minute', async () => {
  const system = hurriedSystem(100)
  await using group = await new ScriptedGroup(system.clock).start()
  // GROUP_AUTHORIZATION_FAILED
  group.joinError = 30
  const context = contextFor('SOURCE', 'r1', kafkaSourceCounters, { system })
  const options = optionsFor(kafkaSource, {
    'kafka.bootstrap.servers': group.broker.bootstrap,
    'kafka.topics': ['t'],
    'kafka.consumer': { 'request.timeout.ms': '600000', 'socket.connection.setup.timeout.ms': '600000' },
  })
  const { log, condition, health } = context
  const runner = new SourceRunner({
    name: 'r1',
    source: source.create(options, {
      ...context,
      processor: { process: () => assert.fail(), processUntilAccepted: () => assert.fail() },
    }),
    interceptors: [],
    onStarted() {},
    clock: system.clock,
    random: system.random,
    log,
    condition,
  })
  await runner.start()
  try {
    await log.line(/WARN group "flume" is not joined: .*GROUP_AUTHORIZATION_FAILED/)
    await log.line(/is not joined: .* This has lasted for 1\d\d s/)
    assert.match(health().join(), /^group "flume" is not joined: .*GROUP_AUTHORIZATION_FAILED/)
    group.joinError = 0
    await log.line(/INFO group "flume" is joined, after/)
    assert.deepEqual(health(), [])
    const told = log.lines.filter(line => /^(WARN|ERROR)/.test(line))
    assert.ok(told.length <= 4, told.join('\n'))
  } finally {
    await runner.stop()
  }
})
