import assert from 'node:assert/strict'
import { test } from 'node:test'
import { formatProblem } from '../config/problem.ts'
import { loadTopology } from '../load-topology.ts'

const source = (name: string, channels: string, more: readonly string[] = []) => [
  `sources.${name}.type = org.apache.flume.source.kafka.KafkaSource`,
  `sources.${name}.kafka.bootstrap.servers = a:9092`,
  `sources.${name}.kafka.topics = t`,
  `sources.${name}.batchSize = 100`,
  `sources.${name}.channels = ${channels}`,
  ...more.map(line => `sources.${name}.${line}`),
]
const sink = (
  name: string,
  channel: string,
  more: readonly string[] = ['deliveryGuarantee = exactly-once'],
) => [
  `sinks.${name}.type = org.apache.flume.sink.kafka.KafkaSink`,
  `sinks.${name}.kafka.bootstrap.servers = b:9092`,
  `sinks.${name}.kafka.topic = out`,
  `sinks.${name}.allowTopicOverride = false`,
  `sinks.${name}.channel = ${channel}`,
  ...more.map(line => `sinks.${name}.${line}`),
]

async function problemsOf(...parts: readonly (readonly string[])[]): Promise<string[]> {
  const lines = parts.flat()
  const namesOf = (kind: string) => [
    ...new Set(lines.flatMap(line => new RegExp(String.raw`^${kind}\.(\w+)\.`).exec(line)?.[1] ?? [])),
  ]
  const channels = [...new Set(lines.flatMap(line => /\.channels? = (.*)/.exec(line)?.[1]!.split(' ') ?? []))]
  const text = [
    `sources = ${namesOf('sources').join(' ')}`,
    `sinks = ${namesOf('sinks').join(' ')}`,
    `channels = ${channels.join(' ')}`,
    ...channels.flatMap(name => [`channels.${name}.type = memory`]),
    ...lines,
  ]
  const { problems } = await loadTopology(
    [{ file: 'a.conf', bytes: Buffer.from(text.map(line => `a.${line}`).join('\n')) }],
    { agent: 'a', environment: {}, systemProperties: new Map(), home: '/home' },
  )
  return problems.filter(one => one.severity === 'error').map(formatProblem)
}

test('events that name no record are refused where a sink writes each record once', async () => {
  const [problem, ...others] = await problemsOf(source('s1', 'c1'), sink('k1', 'c1'))
  assert.deepEqual(others, [])
  assert.match(problem!, /events of source s1 do not name the record they come from/)
  assert.match(problem!, /a\.sources\.s1\.originHeader = true/)
  assert.deepEqual(await problemsOf(source('s1', 'c1', ['originHeader = true']), sink('k1', 'c1')), [])
  assert.deepEqual(await problemsOf(source('s1', 'c1', ['useFlumeEventFormat = true']), sink('k1', 'c1')), [])
  assert.deepEqual(await problemsOf(source('s1', 'c1'), sink('k1', 'c1', [])), [])
})

test('sinks of one channel share a flow, and those of different channels do not', async () => {
  const from = (channels: string) => source('s1', channels, ['originHeader = true'])
  const once = 'deliveryGuarantee = exactly-once'
  const flow = [once, 'flow = f']
  assert.match(
    (await problemsOf(from('c1'), sink('k1', 'c1'), sink('k2', 'c1'))).join(),
    /do not share what they have written \(flows a\/k1 and a\/k2\)/,
  )
  assert.match(
    (await problemsOf(from('c1'), sink('k1', 'c1'), sink('k2', 'c1', []))).join(),
    /only k1 writes each record once/,
  )
  assert.deepEqual(await problemsOf(from('c1'), sink('k1', 'c1', flow), sink('k2', 'c1', flow)), [])
  assert.match(
    (await problemsOf(from('c1 c2'), sink('k1', 'c1', flow), sink('k2', 'c2', flow))).join(),
    /sinks k1 and k2 read different channels and keep what they have written under one flow \(f\)/,
  )
  assert.deepEqual(await problemsOf(from('c1 c2'), sink('k1', 'c1'), sink('k2', 'c2')), [])
})

test('a selector that chooses again for a record that is read again is refused where events name their channel', async () => {
  const from = (channels: string) =>
    source('s1', channels, ['originHeader = true', 'selector.type = load_balancing'])
  const sinks = [...sink('k1', 'c1'), ...sink('k2', 'c2')]
  assert.match(
    (await problemsOf(from('c1 c2'), sinks)).join(),
    /its selector chooses another channel for a record/,
  )
  assert.deepEqual(await problemsOf(from('c1'), sink('k1', 'c1')), [])
})

test('what an exactly-once sink cannot do is refused, and names that cannot be', async () => {
  const from = source('s1', 'c1', ['originHeader = true'])
  for (const [line, said] of [
    ['kafka.producer.acks = 1', /acks is 1, and deliveryGuarantee = exactly-once needs all/],
    ['kafka.producer.enable.idempotence = false', /enable\.idempotence is false, and/],
    ['flow = a b', /"a b" is no name of a flow/],
    ['progress.topic = out', /progress\.topic: events are written to it, too/],
    ['progress.topic = a/b', /Kafka allows no topic named "a\/b"/],
    ['kafka.producer.transactional.id = x', /has one of its own for each partition/],
  ] as const)
    assert.match(
      (await problemsOf(from, sink('k1', 'c1', ['deliveryGuarantee = exactly-once', line]))).join(),
      said,
      line,
    )
})
