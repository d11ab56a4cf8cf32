import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { contextFor, optionsFor } from '../../test/context.ts'
import { waitFor } from '../../test/interop/peers/waiting.ts'
import { metadataOf, ScriptedBroker } from '../../test/scripted-broker.ts'
import type { DefinitionOf, SessionSink } from '../component.ts'
import { Event } from '../event.ts'
import { kafkaSinkCounters } from '../observe/counters.ts'
import { metadata } from '../wire/kafka/messages/metadata.ts'
import { produce } from '../wire/kafka/messages/produce.ts'
import { kafkaSink } from './kafka.ts'

const definition = kafkaSink as DefinitionOf<'sink'>
const given = (more: Record<string, unknown> = {}) =>
  optionsFor(kafkaSink, { 'kafka.bootstrap.servers': 'b:9092', ...more })

function problemsOf(options: never): string[] {
  const found: string[] = []
  const say = (severity: string) => (key: string, problem: string) =>
    void found.push(`${severity} ${key}: ${problem}`)
  definition.check!(options, { error: say('error'), warning: say('warning') })
  return found
}

describe('the options of the Kafka sink', () => {
  it('are well with no more than the brokers', () => assert.deepEqual(problemsOf(given()), []))

  it('name a producer property that is not right, with its prefix', () => {
    const [found, ...more] = problemsOf(given({ 'kafka.producer': { acks: 'most' } }))
    assert.match(found!, /^error kafka.producer.acks: /)
    assert.deepEqual(more, [])
  })

  it('name an escape that does not exist', () => {
    assert.match(problemsOf(given({ 'kafka.topic': 't-%[host]' })).join(), /error kafka.topic: .*%\[host\]/)
  })

  it('name a topic that Kafka does not allow, as far as it is known before there is an event', () => {
    for (const [topic, override, isWrong] of [
      ['my topic', true, true],
      ['t-%{x}', true, false],
      ['t %{x}', true, true],
      ['%{topic}', true, false],
      ['%Y-%m', true, false],
      ['t-%{x}', false, true],
      ['..', true, true],
      ['a'.repeat(250), true, true],
      ['a'.repeat(249), true, false],
      ['t/1', true, true],
    ] as const) {
      const found = problemsOf(given({ 'kafka.topic': topic, allowTopicOverride: override })).join()
      assert.equal(
        /error kafka.topic: (escapes are not expanded .* and )?Kafka allows no topic named/.test(found),
        isWrong,
        `${topic}: ${found}`,
      )
    }
  })

  it('take -1 for all in requiredAcks', () => {
    const { value } = kafkaSink.deprecated!['requiredAcks']!
    assert.deepEqual(['-1', '1', '0'].map(value!), ['all', '1', '0'])
  })

  it('say where is written to', () => {
    const flow = {
      does: 'write-topic',
      servers: 'b:9092',
      topic: 'default-flume-topic',
      topicHeader: 'topic',
      flumeFormat: false,
      recordHeaders: {},
      isExact: false,
      acks: 1,
    }
    assert.deepEqual(definition.flow!(given()), [flow])
    assert.deepEqual(definition.flow!(given({ allowTopicOverride: false })), [{ ...flow, topicHeader: null }])
    for (const [written, acks] of [
      ['all', -1],
      ['-1', -1],
      ['0', 0],
    ] as const)
      assert.deepEqual(definition.flow!(given({ 'kafka.producer': { acks: written } })), [{ ...flow, acks }])
    const letters = { ...flow, topic: 'd', topicHeader: null, isDeadLetter: true }
    const [, second] = definition.flow!(given({ 'deadLetter.topic': 'd' })) as unknown as [
      unknown,
      typeof letters,
    ]
    assert.deepEqual([second.topic, second.isDeadLetter], ['d', true])
  })
})

describe('at start', () => {
  async function linesFor(acks?: string): Promise<string[]> {
    const context = contextFor('SINK', 'k1', kafkaSinkCounters)
    const sink = definition.create(given(acks === undefined ? {} : { 'kafka.producer': { acks } }), context)
    await sink.start()
    await sink.stop()
    return context.log.lines
  }

  it('says once what acks = 1, the default, risks', async () => {
    for (const acks of [undefined, '1'])
      assert.equal((await linesFor(acks)).filter(line => line.includes('acks = 1')).length, 1)
    assert.deepEqual(
      (await linesFor('all')).filter(line => line.includes('acks')),
      [],
    )
  })

  it('warns of acks = 0', async () => {
    assert.match((await linesFor('0')).join(), /WARN acks = 0/)
  })
})

it('gives deliveries under way up at once when nobody waits for them any longer', async () => {
  await using broker = await new ScriptedBroker().start()
  const topics = { 'default-flume-topic': { leaders: [0] } }
  broker.on(metadata, metadataOf([broker.address], topics), [0, 1]).on(produce, () => 'silent', [0, 3])
  const context = contextFor('SINK', 'k1', kafkaSinkCounters)
  const options = given({ 'kafka.bootstrap.servers': broker.bootstrap })
  const sink = definition.create(options, context) as SessionSink
  await sink.start()
  const giveUp = new AbortController()
  const delivery = sink.open(giveUp.signal).deliver([Event.of({}, Buffer.from('x'))])
  await waitFor(() => broker.asked.some(({ name }) => name === 'Produce'), 'the record is under way')
  // Far below request.timeout.ms, 30 s.
  const limit = AbortSignal.timeout(25_000)
  giveUp.abort()
  const late = new Promise((_, reject) =>
    limit.addEventListener('abort', () => reject(limit.reason as Error)),
  )
  await assert.rejects(Promise.race([delivery, late]), /the Kafka producer was closed|abandoned|stopping/)
  await sink.stop()
})
