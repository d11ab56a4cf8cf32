import assert from 'node:assert/strict'
import { request } from 'node:http'
import { connect } from 'node:net'
import { networkInterfaces } from 'node:os'
import test from 'node:test'
import { idleProcess, KeptLog } from '../../test/context.ts'
import { realClock } from '../system/clock.ts'
import { channelCounters, Counters, kafkaSinkCounters, sourceCounters } from './counters.ts'
import type { TapSample } from './event-view.ts'
import { openHttpDoor, type Observed } from './http-door.ts'
import { javaDouble } from './metrics-json.ts'
import { readMonitoring } from './metrics-settings.ts'
import { shutdownMetricLines } from './shutdown-metrics.ts'
import { type AgentState, Changes, type ComponentSnapshot, type ConditionSnapshot } from './snapshot.ts'

function get(
  port: number,
  path: string,
  { method = 'GET', host = '127.0.0.1', named = '' } = {},
): Promise<{ status: number; text: string }> {
  return new Promise((resolve, reject) => {
    const headers = { host: named === '' ? `${host}:${port}` : named }
    const sent = request({ host, port, path, method, headers, agent: false }, response => {
      let text = ''
      response.setEncoding('utf8')
      response.on('data', (part: string) => (text += part))
      response.on('end', () => resolve({ status: response.statusCode!, text }))
    })
    sent.on('error', reject)
    sent.end()
  })
}

function sample() {
  const channel = new Counters('CHANNEL', 'c1', channelCounters)
  channel.set('ChannelSize', 3)
  channel.set('ChannelCapacity', 10)
  channel.startTime = 1_700_000_000_000
  const sink = new Counters('SINK', 'k1', kafkaSinkCounters)
  sink.add('EventDrainSuccessCount', 7)
  sink.addOwn('records_with_null_value', 2)
  const conditions: ConditionSnapshot[] = []
  const changes = new Changes(
    () => 5,
    error => assert.fail(String(error)),
  )
  const status = { state: 'running' as AgentState, sinkRuns: false }
  const component = (group: Counters): ComponentSnapshot => ({
    name: group.name,
    type: 'some',
    writtenAt: 'a.conf:1',
    options: {},
    state: group === channel || status.sinkRuns ? 'running' : 'not running',
    reason: null,
    startedAt: group.startTime || null,
    stoppedAt: null,
    counters: Object.fromEntries(group.values),
    ownCounters: Object.fromEntries(group.own),
    inPerSecond: null,
    outPerSecond: null,
  })
  const taps = new Set<(sample: TapSample) => void>()
  const agent: Observed = {
    watch: read => changes.watch(read),
    edges: [['CHANNEL.c1', 'SINK.k1']],
    tap: (from, to, read) => {
      if (from !== 'CHANNEL.c1' || to !== 'SINK.k1') return null
      taps.add(read)
      return () => void taps.delete(read)
    },
    peek: async (channel, events) => (channel === 'c1' ? { at: 1, size: events, events: [] } : null),
    snapshot: () => ({
      agent: 'a1',
      state: status.state,
      takenAt: 1,
      process: idleProcess,
      sources: [],
      channels: [{ ...component(channel), size: 3, capacity: 10, diskBytes: null, oldestEventAgeMs: 1.5 }],
      sinks: [{ ...component(sink), flows: [], channel: 'c1', group: null }],
      sinkGroups: [],
      ledger: [],
      conditions,
    }),
  }
  const raise = (isRed: boolean) =>
    conditions.push({ component: 'SINK.k1', name: 'peer', problem: 'no broker', remedy: '', since: 1, isRed })
  return { agent, changes, raise, taps, status }
}

async function open({
  agent = sample().agent,
  host = '127.0.0.1' as string | null,
  showsEvents = false,
} = {}) {
  const log = new KeptLog()
  const given = { port: 0, ...(host === null ? {} : { host }), agent, clock: realClock, log, showsEvents }
  const door = await openHttpDoor(given)
  return { port: door.port, given, [Symbol.asyncDispose]: () => door.close() }
}

test('serves what Flume serves, and Prometheus, health and the snapshot beside it', async () => {
  const { agent, raise } = sample()
  await using door = await open({ agent })
  const { port } = door
  const json = await get(port, '/METRICS?x=1')
  assert.equal(json.status, 200)
  const metrics = JSON.parse(json.text) as Record<string, Record<string, string>>
  assert.deepEqual(metrics['CHANNEL.c1'], {
    ChannelSize: '3',
    ChannelCapacity: '10',
    ChannelFillPercentage: '30.0',
    EventPutAttemptCount: '0',
    EventPutSuccessCount: '0',
    EventTakeAttemptCount: '0',
    EventTakeSuccessCount: '0',
    Type: 'CHANNEL',
    StartTime: '1700000000000',
    StopTime: '0',
  })
  assert.deepEqual(Object.keys(metrics), ['CHANNEL.c1', 'SINK.k1'])
  assert.equal(metrics['SINK.k1']!['EventDrainSuccessCount'], '7')

  const page = (await get(port, '/metrics/prometheus')).text
  assert.match(page, /^millrace_channel_size\{component="c1"\} 3$/m)
  assert.match(page, /^millrace_channel_fill_ratio\{component="c1"\} 0\.3$/m)
  assert.match(page, /^millrace_sink_event_drain_success_total\{component="k1"\} 7$/m)
  assert.match(page, /^millrace_sink_records_with_null_value_total\{component="k1"\} 2$/m)
  assert.match(page, /^millrace_sink_kafka_event_send_milliseconds_total\{component="k1"\} 0$/m)
  assert.match(page, /^millrace_healthy 1$/m)
  assert.match(page, /^process_resident_memory_bytes \d+$/m)

  raise(false)
  assert.deepEqual(await get(port, '/health'), {
    status: 200,
    text: '{"ok":true,"problems":[],"warnings":[{"component":"SINK.k1","problem":"no broker"}],"running":["CHANNEL.c1"],"notRunning":["SINK.k1"]}',
  })
  raise(true)
  assert.deepEqual(await get(port, '/health'), {
    status: 503,
    text: '{"ok":false,"problems":[{"component":"SINK.k1","problem":"no broker"}],"warnings":[{"component":"SINK.k1","problem":"no broker"}],"running":["CHANNEL.c1"],"notRunning":["SINK.k1"]}',
  })
  assert.match((await get(port, '/metrics/prometheus')).text, /^millrace_healthy 0$/m)
  assert.deepEqual(JSON.parse((await get(port, '/snapshot')).text), agent.snapshot())

  assert.match((await get(port, '/')).text, /href="\/metrics"/)
  assert.equal((await get(port, '/metrics/')).status, 404)
  assert.equal((await get(port, '/metrics', { method: 'POST' })).status, 200)
  for (const method of ['TRACE', 'OPTIONS'])
    assert.equal((await get(port, '/metrics', { method })).status, 403)
})

test('an agent is ready while all of it runs and it neither reloads nor stops, whatever its peers do', async () => {
  const { agent, raise, status } = sample()
  await using door = await open({ agent })
  const { port } = door
  const answer = async () => {
    const { status: code, text } = await get(port, '/ready')
    return [code, JSON.parse(text)]
  }
  assert.deepEqual(await answer(), [503, { ready: false, state: 'running', notRunning: ['SINK.k1'] }])
  status.sinkRuns = true
  raise(true)
  assert.equal((await get(port, '/health')).status, 503)
  assert.deepEqual(await answer(), [200, { ready: true, state: 'running', notRunning: [] }])
  for (const state of ['starting', 'reloading', 'stopping', 'stopped'] as const) {
    status.state = state
    assert.deepEqual(await answer(), [503, { ready: false, state, notRunning: [] }])
  }
})

test('what holds configuration is for the machine itself, and for no page of the Internet', async () => {
  await using everywhere = await open({ host: null })
  const { port } = everywhere
  for (const path of ['/snapshot', '/events'])
    for (const named of [
      'rebound.example',
      `rebound.example:${port}`,
      'localhost.example',
      '127.0.0.1.example',
    ])
      assert.equal((await get(port, path, { named })).status, 403, named)
  assert.equal((await get(port, '/metrics', { named: 'rebound.example' })).status, 200)
  for (const named of [`localhost:${port}`, 'LOCALHOST', `[::1]:${port}`, '[::1]', '10.1.2.3'])
    assert.equal((await get(port, '/snapshot', { named })).status, 200, named)
  const outer = Object.values(networkInterfaces())
    .flatMap(one => one ?? [])
    .find(({ internal, family }) => !internal && family === 'IPv4')
  if (outer === undefined) return
  const { text, status } = await get(port, '/snapshot', { host: outer.address })
  assert.equal(status, 403)
  assert.match(text, /flume\.monitoring\.host/)
  assert.equal((await get(port, '/metrics', { host: outer.address })).status, 200)
  await using named = await open({ host: outer.address })
  assert.equal((await get(named.port, '/snapshot', { host: outer.address })).status, 200)
})

/** The first `count` events of a stream, as it stands on the wire. */
function readEvents(
  port: number,
  count: number,
  onFirst: () => void = () => {},
  path = '/events',
): Promise<string> {
  return new Promise((resolve, reject) => {
    const sent = request({ host: '127.0.0.1', port, path, agent: false }, response => {
      let text = ''
      if (path !== '/events') onFirst()
      response.setEncoding('utf8')
      response.on('error', () => {})
      response.on('data', (part: string) => {
        if (text === '') onFirst()
        text += part
        if (text.split('\n\n').length <= count) return
        resolve(text)
        sent.destroy()
      })
    })
    sent.on('error', reject)
    sent.end()
  })
}

test('/events begins with a snapshot, and each change follows', async () => {
  const { agent, changes } = sample()
  await using door = await open({ agent })
  const text = await readEvents(door.port, 3, () => {
    changes.tell({ what: 'component started', component: 'SINK.k1' })
    changes.tell({ what: 'configuration changed' })
  })
  assert.equal(
    text,
    `event: snapshot\ndata: ${JSON.stringify(agent.snapshot())}\n\n` +
      'event: change\ndata: {"at":5,"what":"component started","component":"SINK.k1"}\n\n' +
      'event: change\ndata: {"at":5,"what":"configuration changed"}\n\n',
  )
  assert.equal((await get(door.port, '/events', { method: 'HEAD' })).status, 200)
})

test('readers of /events that are too many are refused, and one that does not read is cut off', async () => {
  const { agent, changes } = sample()
  const readers = new Set<object>()
  const watch: Observed['watch'] = read => {
    const forget = changes.watch(read)
    readers.add(read)
    return () => (readers.delete(read), forget())
  }
  await using door = await open({ agent: { ...agent, watch } })
  const stream = () => {
    const socket = connect(door.port, '127.0.0.1').pause()
    socket.write('GET /events HTTP/1.1\r\nHost: localhost\r\n\r\n')
    return socket
  }
  const becomes = async (count: number) => {
    const end = performance.now() + 30_000
    const isOver = () => readers.size === count || performance.now() > end
    while (!isOver()) await get(door.port, '/health')
    assert.equal(readers.size, count)
  }
  const sockets = Array.from({ length: 50 }, stream)
  await becomes(50)
  assert.equal((await get(door.port, '/events')).status, 503)
  for (const socket of sockets) socket.destroy()
  await becomes(0)
  const slow = stream()
  await becomes(1)
  const problem = 'x'.repeat(1024 * 1024)
  for (let tries = 0; readers.size > 0 && tries < 100; tries++) {
    changes.tell({ what: 'configuration refused', problem })
    await get(door.port, '/health')
  }
  await becomes(0)
  slow.destroy()
})

test('events are shown at an address only where the operator asked for it', async () => {
  await using door = await open()
  for (const path of ['/tap?from=CHANNEL.c1&to=SINK.k1', '/peek?channel=c1']) {
    const { status, text } = await get(door.port, path)
    assert.equal(status, 403)
    assert.match(text, /millrace\.monitoring\.events/)
  }
  const { agent, taps } = sample()
  await using shown = await open({ agent, showsEvents: true })
  assert.equal((await get(shown.port, '/peek?channel=c1', { named: 'rebound.example' })).status, 403)
  const peeked = await get(shown.port, '/peek?channel=c1&events=5000')
  assert.deepEqual(JSON.parse(peeked.text), { at: 1, size: 100, events: [] })
  assert.equal((await get(shown.port, '/peek?channel=c1&events=0')).status, 400)
  assert.equal((await get(shown.port, '/peek?channel=c2')).status, 404)
  const unknown = await get(shown.port, '/tap?from=SOURCE.r1&to=CHANNEL.c1')
  assert.equal(unknown.status, 404)
  assert.match(unknown.text, /from=CHANNEL\.c1&to=SINK\.k1/)
  const give = () => {
    for (const tap of taps) tap({ at: 7, passed: 3, events: [] })
  }
  const text = await readEvents(shown.port, 1, give, '/tap?from=CHANNEL.c1&to=SINK.k1')
  assert.equal(text, 'event: sample\ndata: {"at":7,"passed":3,"events":[]}\n\n')
  const end = performance.now() + 30_000
  while (taps.size > 0 && performance.now() < end) await get(shown.port, '/health')
  assert.equal(taps.size, 0, 'nobody reads any more')
})

test('a port in use is named', async () => {
  await using door = await open()
  const { port, given } = door
  await assert.rejects(openHttpDoor({ ...given, port }), {
    code: 'ADDRESS_IN_USE',
    message: `port ${port} on 127.0.0.1 is in use by another program`,
  })
})

test('doubles look as Java prints them', () => {
  for (const [value, text] of [
    [0, '0.0'],
    [30, '30.0'],
    [33.3, '33.3'],
    [1e-4, '1.0E-4'],
    [12_345_678, '1.2345678E7'],
    [Number.MAX_VALUE, '1.7976931348623157E308'],
  ] as const)
    assert.equal(javaDouble(value), text)
  const empty = new Counters('CHANNEL', 'c', channelCounters)
  assert.equal(empty.get('ChannelCapacity'), 0)
})

test('the properties of the command line say which monitoring', () => {
  const read = (given: Record<string, string>) =>
    readMonitoring(new Map(Object.entries(given).map(([key, value]) => [`flume.monitoring.${key}`, value])))
  assert.deepEqual(read({}), { type: 'none' })
  assert.deepEqual(read({ type: 'http' }), { type: 'http', port: 41414, showsEvents: false })
  assert.deepEqual(read({ type: 'HTTP', port: '8080', host: '::1' }), {
    type: 'http',
    port: 8080,
    host: '::1',
    showsEvents: false,
  })
  const shown = readMonitoring(
    new Map([
      ['flume.monitoring.type', 'http'],
      ['millrace.monitoring.events', 'true'],
    ]),
  )
  assert.equal(shown.type === 'http' && shown.showsEvents, true)
  for (const key of ['port', 'host'])
    assert.deepEqual(read({ [key]: '8080' }), {
      type: 'problem',
      problem: `-Dflume.monitoring.${key} has no effect without -Dflume.monitoring.type`,
      fix: 'write -Dflume.monitoring.type=http',
    })
  for (const given of [{ type: 'ganglia' }, { type: 'com.example.X' }, { type: 'http', port: '80x' }])
    assert.equal(read(given as unknown as Record<string, string>).type, 'problem')
})

test('a group that stops is told in the lines Flume writes', () => {
  const group = new Counters('SOURCE', 'r1', sourceCounters)
  group.startTime = 5
  group.stopTime = 9
  group.add('EventAcceptedCount', 4)
  const lines = shutdownMetricLines(group)
  assert.deepEqual(lines.slice(0, 3), [
    'Component type: SOURCE, name: r1 stopped',
    'Shutdown Metric for type: SOURCE, name: r1. source.start.time == 5',
    'Shutdown Metric for type: SOURCE, name: r1. source.stop.time == 9',
  ])
  assert.ok(lines.includes('Shutdown Metric for type: SOURCE, name: r1. src.events.accepted == 4'))
  assert.equal(lines.length, 3 + sourceCounters.length)
})
