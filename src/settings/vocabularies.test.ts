// The three vocabularies, of components, of the Kafka client and of the broker: what each declares holds together, and
// what is said of one mistake is said in the same words whoever reads it.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { readBrokerSettings } from '../broker/broker-settings.ts'
import { brokerVocabulary } from '../broker/settings/broker-keys.ts'
import { topicSettings } from '../broker/topic-settings.ts'
import { defineSink } from '../component.ts'
import { catalogue } from '../components.ts'
import { sentenceOf } from '../config/problem.ts'
import { readOptions } from '../config/read-options.ts'
import { defaultText, flag, int, type Vocabulary } from '../fields.ts'
import { readProducerProperties } from '../kafka-client/kafka-client.ts'
import { adminProperties, consumerProperties, producerProperties } from '../kafka-client/known-properties.ts'
import { clause, nameOf } from './read-settings.ts'

const kafka: Readonly<Record<string, Vocabulary>> = {
  broker: brokerVocabulary,
  topic: { options: topicSettings },
  consumer: consumerProperties,
  producer: producerProperties,
  admin: adminProperties,
}

for (const [whose, { options, withoutEffect = {}, refused = {} }] of Object.entries(kafka))
  test(`the vocabulary of ${whose}: one meaning a key, names of their own, defaults that are allowed`, () => {
    const names = new Set<string>()
    for (const [key, field] of Object.entries(options)) {
      assert.match(field.doc, /^\w.*[.!]$/s, key)
      assert.ok(!Object.hasOwn(withoutEffect, key) && !Object.hasOwn(refused, key), key)
      const name = nameOf(key, field)
      assert.ok(name === '' || !names.has(name), `${key} is called ${name}, as another is`)
      names.add(name)
      const text = defaultText(field)
      if (text === null || text === '' || (field.default === Infinity && !field.accepts.includes('no limit')))
        continue
      assert.deepEqual(field.parse(text), { value: field.default }, `${key}=${text}`)
    }
  })

test('the defaults of all components are what their fields read', async () => {
  for (const { load } of catalogue) {
    const { type, options } = load === undefined ? { type: '', options: {} } : await load()
    for (const [key, field] of Object.entries(options)) {
      const text = defaultText(field)
      if (text === null || typeof field.default === 'object') continue
      assert.deepEqual(field.parse(text), { value: field.default }, `${type}: ${key}`)
    }
  }
})

/** What is said of the lines by an agent, by the Kafka client and by the broker, from the key on. */
const readers: Readonly<Record<string, (key: string, value: string) => readonly string[]>> = {
  component(key, value) {
    const sink = defineSink({
      type: 'sample',
      aliases: [],
      summary: 'For the test.',
      options: {
        'max.request.size': int({ doc: 'For the test.', min: 1, max: 2_147_483_647 }),
        'enable.idempotence': flag({ doc: 'For the test.' }),
      },
      withoutEffect: { 'linger.ms': 'for the test' },
      create: () => assert.fail('not made here'),
    })
    const place = { file: 'f', line: 1 }
    const type = { key: 'type', value: 'sample', place }
    const settings = new Map([
      ['type', type],
      [key, { key, value, place }],
    ])
    const { problems } = readOptions(sink, { name: 'k', place, type, settings }, { home: '/' })
    return problems.map(sentenceOf)
  },
  client(key, value) {
    const { problems } = readProducerProperties({ 'bootstrap.servers': 'h:1', acks: 'all', [key]: value })
    return problems.map(({ key, problem, fix }) =>
      sentenceOf({ severity: 'error', place: { file: 'f', line: 1 }, problem: clause(key, problem), fix }),
    )
  },
  broker(key, value) {
    const own = { 'max.request.size': 'socket.request.max.bytes', 'enable.idempotence': 'log.cleaner.enable' }
    const { errors, warnings } = readBrokerSettings(`${own[key as keyof typeof own] ?? key}=${value}`, 'f')
    return [...errors, ...warnings]
  },
}
const mistakes: readonly (readonly [
  key: string,
  value: string,
  said: RegExp,
  readers?: readonly string[],
])[] = [
  [
    'max.request.size',
    'many',
    /^f:1: \S+: "many" is not a whole number\. Write a whole number from \d+ to 2147483647\.$/,
  ],
  [
    'max.request.size',
    '-7',
    /^f:1: \S+: -7 is outside what is allowed\. Write a whole number from \d+ to 2147483647\.$/,
  ],
  ['enable.idempotence', 'maybe', /^f:1: \S+: "maybe" is neither true nor false.*\. Write true or false\.$/],
  [
    'enable.idempotense',
    'true',
    /^f:1: enable\.idempotense is not a key of .+ and is ignored\. Did you mean enable\.idempotence\?$/,
    ['component', 'client'],
  ],
  [
    'log.cleaner.enabel',
    'true',
    /^f:1: log\.cleaner\.enabel is not a key of .+ and is ignored\. Did you mean log\.cleaner\.enable\?$/,
    ['broker'],
  ],
  [
    'completely.different',
    '1',
    /^f:1: completely\.different is not a key of .+ and is ignored\. Remove it, or see .*docs\/reference.* for the keys there are\.$/,
  ],
  [
    'linger.mss',
    '1',
    /^f:1: linger\.mss is not a key of .+ and is ignored\. Remove it: linger\.ms, which is near, has no effect here\.$/,
    ['component', 'client'],
  ],
  [
    'num.io.thread',
    '1',
    /^f:1: num\.io\.thread is not a key of .+ and is ignored\. Remove it: num\.io\.threads, which is near, has no effect here\.$/,
    ['broker'],
  ],
  [
    'linger.ms',
    '1',
    /^f:1: linger\.ms has no effect here: .+\. Remove it when you like\.$/,
    ['component', 'client'],
  ],
]
for (const [key, value, said, whose = Object.keys(readers)] of mistakes)
  test(`${key}=${value}: ${whose.join(', ')} say the same`, () => {
    for (const one of whose) {
      const sentences = readers[one]!(key, value)
      assert.equal(sentences.length, 1, `${one}: ${sentences.join(' | ')}`)
      assert.match(sentences[0]!, said, one)
    }
  })
