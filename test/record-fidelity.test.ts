// A record arrives as it left: recordFidelity = exact on the Kafka source and the Kafka sink. The law for generated
// records and for recordings of what clients have written, then two agents with both channels and compression between
// two topics of a broker.
import assert from 'node:assert/strict'
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, describe, test } from 'node:test'
import fc from './fast-check.ts'
import { connectAvro } from '../src/avro-rpc/client.ts'
import { Event } from '../src/event.ts'
import type { ConsumedRecord } from '../src/kafka-client/kafka-client.ts'
import { kafkaSourceCounters } from '../src/observe/counters.ts'
import { RecordMaker, type EventMapping } from '../src/sinks/kafka/record-of-event.ts'
import { EventMaker, type RecordMapping } from '../src/sources/kafka/event-of-record.ts'
import { startAgent } from '../src/start-agent.ts'
import { realSystem } from '../src/system/system.ts'
import { startBroker } from '../src/start-broker.ts'
import { decodeKeptRecord, encodeKeptRecord, keptRecordHeader } from '../src/wire/kafka/kept-record.ts'
import { readRecords } from './at-once.ts'
import { contextFor } from './context.ts'
import { anyContent, contentOf, oddRecords, partitions, readAll, writeAll } from './exact-chain.ts'
import { freePort } from './interop/peers/peers.ts'
import { waitFor } from './interop/peers/waiting.ts'

interface Hop {
  readonly source?: Partial<RecordMapping>
  readonly sink?: Partial<EventMapping>
  /** What is done to the event on its way. */
  readonly change?: (event: Event) => void
}

/** A source and a sink with an Avro hop between them. */
function hopOf({ source = {}, sink = {}, change = () => {} }: Hop = {}) {
  const { log, counters } = contextFor('SOURCE', 's', kafkaSourceCounters)
  const maker = new EventMaker({
    mapping: { topicHeader: 'topic', headers: {}, useFlumeEventFormat: false, isExact: true, ...source },
    counters,
    log,
    now: () => 42,
  })
  const { log: sinkLog } = contextFor('SINK', 'k')
  const records = new RecordMaker(
    {
      topic: 'out',
      topicHeader: null,
      partitionIdHeader: 'partition',
      defaultPartitionId: undefined,
      timestampHeader: 'timestamp',
      headers: {},
      useFlumeEventFormat: false,
      isExact: true,
      ...sink,
    },
    { log: sinkLog, now: () => 43, host: { name: 'h', address: '10.0.0.1', fullName: 'h' } },
  )
  return {
    log,
    sinkLog,
    event: (record: ConsumedRecord) => maker.make(record)!,
    over(record: ConsumedRecord) {
      const event = Event.fromEncoded(Buffer.from(maker.make(record)!.encoded))
      change(event)
      return records.make(event)
    },
  }
}

const records: fc.Arbitrary<ConsumedRecord> = fc
  .record({
    content: anyContent,
    partition: fc.nat(2_147_483_647),
    offset: fc.nat(),
    timestamp: fc.oneof(fc.constant(-1), fc.nat(), fc.maxSafeNat(), fc.constant(-86_400_000)),
    isAppendTime: fc.boolean(),
  })
  .map(({ content, isAppendTime, ...record }) => ({
    topic: 'in',
    ...content,
    ...record,
    ...(isAppendTime ? { isAppendTime } : {}),
  }))

describe('the law: out equals in', () => {
  for (const [what, mapped, both] of [
    ['no header is mapped', {}, true],
    ['headers are mapped on both sides', { h: 'a', i: 'b', j: '' }, true],
    [
      'record headers become the headers that the source sets itself',
      { key: 'a', timestamp: 'b', partition2: 'key' },
      false,
    ],
  ] as const)
    test(`for generated records, where ${what}`, () => {
      const hop = hopOf({ source: { headers: mapped }, sink: both ? { headers: mapped } : {} })
      fc.assert(
        fc.property(records, record => {
          assert.deepEqual(contentOf(hop.over(record) as never), contentOf(record))
        }),
        { numRuns: 2_000 },
      )
      assert.deepEqual(hop.sinkLog.lines, [])
      assert.deepEqual(hop.log.lines, [])
    })

  test('for records that the Java client, librdkafka, kafkajs and franz-go have written', () => {
    const lines = ['records.txt', 'client-records.txt'].flatMap(file =>
      readFileSync(new URL(`golden/kafka/${file}`, import.meta.url), 'utf8')
        .trim()
        .split('\n'),
    )
    let count = 0
    const hop = hopOf()
    for (const line of lines)
      for (const record of readRecords(Buffer.from(line.split(' ').at(-1)!, 'hex')).records) {
        const consumed = { ...record, topic: 'in', partition: 3 }
        assert.deepEqual(contentOf(hop.over(consumed) as never), contentOf(consumed), line)
        count++
      }
    assert.ok(count >= 100, `${count} records`)
  })
})

describe('the header millrace.record', () => {
  const plain: ConsumedRecord = {
    topic: 'in',
    partition: 2,
    offset: 17,
    timestamp: 1_700_000_000_000,
    key: Buffer.from('k'),
    value: Buffer.from('body'),
    headers: [],
  }
  const keptOf = (change: Partial<ConsumedRecord>, hop: Hop = {}) =>
    hopOf(hop)
      .event({ ...plain, ...change })
      .headers.get(keptRecordHeader)

  test('is absent where text carries everything', () => {
    for (const change of [
      {},
      { key: null },
      { key: Buffer.alloc(0) },
      { value: Buffer.alloc(0) },
      { timestamp: 0 },
    ])
      assert.equal(keptOf(change), undefined, JSON.stringify(change))
  })

  test('holds what text cannot carry, and no more', () => {
    const a = (value: Buffer | null) => ({ key: 'a', value })
    const cases: [Partial<ConsumedRecord>, string, Hop?][] = [
      [{ key: Buffer.from([255]) }, '{"key":"/w=="}'],
      [{ value: null }, '{"value":null}'],
      [{ timestamp: -1 }, '{"timestamp":-1}'],
      [{ isAppendTime: true }, '{"timestampType":"LogAppendTime"}'],
      [
        { headers: [a(Buffer.from('x')), a(null), a(Buffer.from([254]))] },
        '{"headers":[["a","x"],["a",null],["a","/g==","base64"]]}',
      ],
      [
        { headers: [a(Buffer.from('x')), a(Buffer.from('y'))] },
        '{"headers":[["a","x"],["a","h","header"]]}',
        { source: { headers: { h: 'a' } } },
      ],
      [
        { key: null, headers: [a(Buffer.from('x'))] },
        '{"key":null,"headers":[["a","key","header"]]}',
        { source: { headers: { key: 'a' } } },
      ],
    ]
    for (const [change, text, hop] of cases) assert.equal(keptOf(change, hop), text)
  })

  test('is refused where it is none of ours, and the event is written as it is', () => {
    for (const text of [
      '',
      '{',
      'null',
      '[]',
      '{"x":1}',
      '{"key":1}',
      '{"key":"é"}',
      '{"value":"x"}',
      '{"headers":{}}',
      '{"headers":[["a"]]}',
      '{"headers":[["a","b","c"]]}',
      '{"headers":[[1,"b"]]}',
      '{"timestamp":"1"}',
      '{"timestamp":1e300}',
      '{"timestampType":"CreateTime"}',
    ]) {
      assert.equal(decodeKeptRecord(text), null, text)
      const hop = hopOf({ change: event => event.setHeader(keptRecordHeader, text) })
      for (let times = 0; times < 3; times++) assert.equal(String(hop.over(plain).value), 'body')
      assert.equal(hop.sinkLog.lines.length, 1, hop.sinkLog.lines.join())
      assert.match(
        hop.sinkLog.lines[0]!,
        /"millrace.record" of an event is not one that a Kafka source has written/,
      )
    }
    assert.equal(encodeKeptRecord({}), '{}')
  })

  test('gives way to what was changed on the way, which is said once', () => {
    const changes: [
      Partial<ConsumedRecord>,
      Hop,
      (record: ReturnType<ReturnType<typeof hopOf>['over']>) => void,
      RegExp | null,
    ][] = [
      [
        { value: null },
        { change: event => void (event.body = Buffer.from('new')) },
        ({ value }) => assert.equal(String(value), 'new'),
        /the body of an event whose record had no value was changed/,
      ],
      [
        { key: Buffer.from([255]) },
        { change: event => event.setHeader('key', 'new') },
        ({ key }) => assert.equal(String(key), 'new'),
        /the header "key" of an event was changed/,
      ],
      [
        { key: Buffer.from([255]) },
        { change: event => event.removeHeader('key') },
        ({ key }) => assert.equal(key, null),
        /the header "key" of an event was changed/,
      ],
      [
        {},
        { change: event => event.setHeader('timestamp', '7') },
        ({ timestamp }) => assert.equal(timestamp, 7),
        null,
      ],
      [
        { headers: [{ key: 'a', value: Buffer.from('x') }] },
        { source: { headers: { h: 'a' } }, change: event => event.setHeader('h', 'new') },
        ({ headers }) => assert.equal(String(headers[0]!.value), 'new'),
        null,
      ],
      [
        {
          headers: [
            { key: 'a', value: Buffer.from('x') },
            { key: 'b', value: null },
          ],
        },
        { sink: { headers: { own: 'c' } }, change: event => event.setHeader('own', 'new') },
        ({ headers }) =>
          assert.deepEqual(
            headers.map(({ key, value }) => `${key}=${value}`),
            ['a=x', 'b=null', 'c=new'],
          ),
        null,
      ],
    ]
    for (const [change, hop, look, said] of changes) {
      const made = hopOf(hop)
      for (let times = 0; times < 3; times++) look(made.over({ ...plain, ...change }))
      assert.equal(made.sinkLog.lines.length, said === null ? 0 : 1, made.sinkLog.lines.join())
      if (said !== null) assert.match(made.sinkLog.lines[0]!, said)
    }
  })
})

describe('two agents between two topics', () => {
  const directory = mkdtempSync(join(tmpdir(), 'fidelity-'))
  after(() => rmSync(directory, { recursive: true, force: true }))
  const count = 120

  /** Agent B: Avro source with compression, file channel, Kafka sink that keeps partitions. */
  const agentB = (
    name: string,
    bootstrap: string,
    { port, topic, letters }: { port: number; topic: string; letters?: string },
  ) =>
    startAgent({
      name: 'b',
      configuration: `
b.sources = s
b.channels = c
b.sinks = k
b.sources.s.type = avro
b.sources.s.bind = 127.0.0.1
b.sources.s.port = ${port}
b.sources.s.compression-type = deflate
b.sources.s.channels = c
b.channels.c.type = file
b.channels.c.checkpointDir = ${directory}/${name}/checkpoint
b.channels.c.dataDirs = ${directory}/${name}/data
b.sinks.k.type = org.apache.flume.sink.kafka.KafkaSink
b.sinks.k.channel = c
b.sinks.k.kafka.bootstrap.servers = ${bootstrap}
b.sinks.k.kafka.topic = ${topic}
b.sinks.k.allowTopicOverride = false
b.sinks.k.recordFidelity = exact
b.sinks.k.partitionIdHeader = partition
b.sinks.k.kafka.producer.acks = all
${letters === undefined ? '' : `b.sinks.k.deadLetter.file = ${letters}`}
`,
    })

  const agentA = (bootstrap: string, port: number) =>
    startAgent({
      name: 'a',
      configuration: `
a.sources = s
a.channels = c
a.sinks = k
a.sources.s.type = org.apache.flume.source.kafka.KafkaSource
a.sources.s.kafka.bootstrap.servers = ${bootstrap}
a.sources.s.kafka.topics = in
a.sources.s.kafka.consumer.group.id = g
a.sources.s.kafka.consumer.auto.offset.reset = earliest
a.sources.s.batchSize = 100
a.sources.s.recordFidelity = exact
a.sources.s.header.a = a
a.sources.s.channels = c
a.channels.c.type = memory
a.sinks.k.type = avro
a.sinks.k.hostname = 127.0.0.1
a.sinks.k.port = ${port}
a.sinks.k.compression-type = deflate
a.sinks.k.channel = c
`,
    })

  test('every record arrives as it left, with its partition; dead letters that are sent again as well', async () => {
    // Partitions 1 and 2 are missing in `small`: what is meant for them is set aside.
    await using broker = await startBroker({ topics: { in: partitions, out: partitions, small: 1 } })
    const bootstrap = broker.bootstrapServers
    const sent = oddRecords('in', count, 20)
    await writeAll(bootstrap, sent)
    const before = (await readAll(bootstrap, 'in', count)).map(contentOf)
    assert.ok(before.some(one => one.value === null && one.headers.length > 1))

    const [port, again] = [await freePort(), await freePort()]
    const letters = join(directory, 'letters.jsonl')
    const b = await agentB('one', bootstrap, { port, topic: 'small', letters })
    const a = await agentA(bootstrap, port)
    try {
      const lines = () => (existsSync(letters) ? readFileSync(letters, 'utf8').trim().split('\n') : [])
      await waitFor(
        () => lines().length === (count / partitions) * 2,
        'the records of the missing partitions are set aside',
      )
      const c = await agentB('two', bootstrap, { port: again, topic: 'out' })
      try {
        const events = lines().map(line => {
          const { headers, body } = JSON.parse(line) as { headers: Record<string, string>; body: string }
          return Event.of(headers, Buffer.from(body, 'base64'))
        })
        const client = await connectAvro({
          host: '127.0.0.1',
          port: again,
          deflateLevel: 6,
          network: realSystem.network,
          clock: realSystem.clock,
        })
        for (let at = 0; at < events.length; at += 20) await client.appendBatch(events.slice(at, at + 20))
        await client.close()
        const returned = await readAll(bootstrap, 'out', events.length)
        assert.deepEqual(
          returned.map(contentOf),
          before.filter(one => one.partition > 0),
        )
      } finally {
        await c.stop()
      }
      const delivered = await readAll(bootstrap, 'small', count / partitions)
      assert.deepEqual(
        delivered.map(contentOf),
        before.filter(one => one.partition === 0),
      )
    } finally {
      await a.stop()
      await b.stop()
    }
  })
})
