// The snapshot of an agent that runs, at its HTTP door: its shape is what docs/guides/snapshot.md says, its content is
// what the components do, and no secret is in it.
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { createServer, type AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test, type TestContext } from 'node:test'
import type { Snapshot } from '../src/observe/snapshot.ts'
import { startAgent } from '../src/start-agent.ts'
import { KeptLog } from './context.ts'
import { read } from './source-text.ts'

const directory = mkdtempSync(join(tmpdir(), 'millrace-snapshot-'))
after(() => rmSync(directory, { recursive: true, force: true }))

const configuration = (takenPort: number): string => `
a1.sources = r1 r2
a1.channels = c1 c2
a1.sinks = k1 k2 k3
a1.sinkgroups = g1

a1.sources.r1.type = seq
a1.sources.r1.channels = c1 c2
a1.sources.r1.batchSize = 10
a1.sources.r1.totalEvents = 70
a1.sources.r1.interceptors = i1 i2
a1.sources.r1.interceptors.i1.type = static
a1.sources.r1.interceptors.i1.value = \${sys:canary}
a1.sources.r1.interceptors.i2.type = regex_filter
a1.sources.r1.interceptors.i2.regex = ^a|\\\\d$

a1.sources.r2.type = netcat
a1.sources.r2.bind = 127.0.0.1
a1.sources.r2.port = ${takenPort}
a1.sources.r2.channels = c1

a1.channels.c1.type = memory
a1.channels.c2.type = file
a1.channels.c2.checkpointDir = ${join(directory, 'checkpoint')}
a1.channels.c2.dataDirs = ${join(directory, 'data')}
a1.channels.c2.maxFileSize = 1048576

a1.sinkgroups.g1.sinks = k1 k2
a1.sinkgroups.g1.processor.type = failover
a1.sinkgroups.g1.processor.priority.k1 = 5
a1.sinks.k1.type = null
a1.sinks.k1.channel = c1
a1.sinks.k2.type = avro
a1.sinks.k2.channel = c1
a1.sinks.k2.hostname = localhost
a1.sinks.k2.port = ${takenPort}
a1.sinks.k2.truststore-password = canary-1

a1.sinks.k3.type = org.apache.flume.sink.kafka.KafkaSink
a1.sinks.k3.channel = c2
a1.sinks.k3.kafka.bootstrap.servers = 127.0.0.1:1
a1.sinks.k3.kafka.topic = \${a1.sinks.k2.truststore-password}
a1.sinks.k3.kafka.producer.client.id = http://me:canary-2@host/
a1.sinks.k3.kafka.producer.security.protocol = SASL_PLAINTEXT
a1.sinks.k3.kafka.producer.sasl.mechanism = PLAIN
a1.sinks.k3.kafka.producer.sasl.jaas.config = org.apache.kafka.common.security.plain.PlainLoginModule required username="u" password="canary-3";
`

/** Every path in the JSON, with the types that are found there; `*` stands for keys that are names. */
function pathsOf(value: unknown, path = '', found = new Map<string, Set<string>>()): typeof found {
  const note = (type: string) => void found.set(path, (found.get(path) ?? new Set()).add(type))
  if (value === null) note('null')
  else if (Array.isArray(value) && !/\.(value|default|ranges|repeats)$/.test(path))
    for (const one of value) pathsOf(one, `${path}[]`, found)
  else if (typeof value === 'object' && !Array.isArray(value)) {
    const areNames = /\.(options|counters|ownCounters)$/.test(path)
    for (const [key, one] of Object.entries(value))
      pathsOf(one, `${path}${path === '' ? '' : '.'}${areNames ? '*' : key}`, found)
  } else note(Array.isArray(value) ? 'list' : typeof value === 'string' ? 'text' : typeof value)
  return found
}

/** As the guide has it: what channels and sinks share with sources stands there once, as do options. */
function comparable(path: string): string | null {
  const common =
    /^(?:channels|sinks)(\[\]\.(?:name|type|writtenAt|options|state|reason|startedAt|stoppedAt|counters|ownCounters|inPerSecond|outPerSecond|flows)\b.*)$/
  const shared = path
    .replace(common, 'sources$1')
    .replace(/((?:selector|interceptors\[\]|processor)\.options\.\*)\..*$/, '$1')
  // An empty group of counters is null.
  return shared === 'sources[].counters' ? null : shared
}

test('the snapshot is what the guide says, true, and without secrets', async (t: TestContext) => {
  const taken = createServer().listen(0, '127.0.0.1')
  await once(taken, 'listening')
  const log = new KeptLog()
  const agent = await startAgent({
    name: 'a1',
    file: 'a.conf',
    configuration: configuration((taken.address() as AddressInfo).port),
    log,
    properties: {
      canary: 'canary-4',
      'flume.monitoring.type': 'http',
      'flume.monitoring.host': '127.0.0.1',
      'flume.monitoring.port': '0',
    },
  })
  t.after(() => agent.stop())
  t.after(() => taken.close())
  const [, url] = /Monitoring on (\S+)\/metrics,/.exec(await log.line(/Monitoring on/))!
  const look = async () => {
    const text = await (await fetch(`${url}/snapshot`)).text()
    assert.doesNotMatch(text, /canary/)
    return JSON.parse(text) as Snapshot
  }
  let snapshot = await look()
  const isThere = ({ conditions, channels, sinks }: Snapshot) =>
    channels[1]!.size === 70 &&
    channels[0]!.counters!['EventTakeSuccessCount'] === 70 &&
    channels[0]!.inPerSecond !== null &&
    sinks.every(({ state }) => state === 'running') &&
    conditions.some(({ component }) => component === 'SINK.k3')
  for (let tries = 0; !isThere(snapshot) && tries < 3000; tries++) snapshot = await look()
  assert.ok(isThere(snapshot), JSON.stringify(snapshot))

  const [r1, r2] = snapshot.sources
  assert.deepEqual(r1!.options['batchSize'], { value: 10, default: 1, writtenAt: 'a.conf:9' })
  assert.equal(r1!.selector.type, 'replicating')
  assert.deepEqual(r1!.channels, ['c1', 'c2'])
  assert.equal(r1!.interceptors[0]!.options['value']!.value, '[hidden]')
  assert.equal(r1!.interceptors[1]!.options['regex']!.value, String.raw`^a|\d$`)
  assert.equal(r1!.counters!['EventAcceptedCount'], 70)
  assert.equal(r2!.state, 'not running')
  assert.equal(r2!.counters, null)
  assert.match(r2!.reason!, /^Starting source r2 failed and is retried until it succeeds: .* in use/)
  const red = snapshot.conditions.find(({ component }) => component === 'SOURCE.r2')!
  assert.deepEqual([red.name, red.problem, red.isRed], ['start', r2!.reason, true])
  assert.ok(Math.abs(red.since - snapshot.takenAt) < 60_000)

  const [c1, c2] = snapshot.channels
  assert.deepEqual([c1!.size, c1!.capacity, c1!.diskBytes, c1!.oldestEventAgeMs], [0, 100, null, null])
  assert.ok(c1!.inPerSecond! > 0 && c1!.outPerSecond! > 0)
  assert.ok(c2!.diskBytes! >= 1_048_576)
  assert.ok(c2!.oldestEventAgeMs! > 0 && c2!.oldestEventAgeMs! < 60_000)
  const [k1, k2, k3] = snapshot.sinks
  assert.deepEqual([k1!.group, k2!.group, k3!.group], ['g1', 'g1', null])
  assert.deepEqual(snapshot.sinkGroups[0]!.sinks, ['k1', 'k2'])
  assert.equal(k2!.options['truststore-password']!.value, '[hidden]')
  assert.equal(k2!.options['hostname']!.value, 'localhost')
  assert.equal(k3!.options['kafka.topic']!.value, '[hidden]')
  assert.equal(k3!.options['kafka.producer.client.id']!.value, 'http://[hidden]@host/')
  assert.equal(k3!.options['kafka.producer.sasl.mechanism']!.value, 'PLAIN')
  assert.equal(k3!.options['kafka.producer.sasl.jaas.config']!.value, '[hidden]')

  const found = new Map<string, Set<string>>()
  for (const [path, types] of pathsOf(snapshot)) {
    const shared = comparable(path)
    if (shared !== null) found.set(shared, new Set([...(found.get(shared) ?? []), ...types]))
  }
  const rows = [...read('docs/guides/snapshot.md').matchAll(/^\| `([^`]+)` \| ([^|]+) \|/gm)].filter(
    ([, , types]) => /^(text|number|boolean|any|object)/.test(types!),
  )
  // What is counted under no name of Flume's depends on what happened; no source here reads Kafka.
  const optional = [
    'sources[].ownCounters.*',
    'sources[].flows[].topics[]',
    'sources[].flows[].pattern',
    'sources[].flows[].group',
  ]
  const documented = rows.map(([, path]) => path!)
  assert.deepEqual(
    [...found.keys()].filter(path => !documented.includes(path)),
    [],
    'not in the guide',
  )
  assert.deepEqual(
    documented.filter(path => !found.has(path) && !optional.includes(path)),
    [],
    'not in the snapshot',
  )
  for (const [, path, types] of rows)
    if (!/any|object/.test(types!))
      assert.deepEqual(
        [...(found.get(path!) ?? [])].filter(type => !types!.includes(type)),
        [],
        path,
      )

  assert.deepEqual(agent.snapshot().sources, (await look()).sources)
  taken.close()
  await log.line(/Starting source r2 succeeds/)
  await agent.stop()
  assert.equal(agent.snapshot().state, 'stopped')
  assert.equal(agent.snapshot().sources[0]!.reason, 'the agent is stopped')
})
