import assert from 'node:assert/strict'
import { request } from 'node:http'
import test from 'node:test'
import { KeptLog } from '../../test/context.ts'
import { channelCounters, Counters, kafkaSinkCounters, sourceCounters } from './counters.ts'
import { startMetricsHttp, type MetricsState } from './metrics-http.ts'
import { javaDouble } from './metrics-json.ts'
import { readMonitoring } from './metrics-settings.ts'
import { shutdownMetricLines } from './shutdown-metrics.ts'

function get(port: number, path: string, method = 'GET'): Promise<{ status: number; text: string }> {
  return new Promise((resolve, reject) => {
    const sent = request({ host: '127.0.0.1', port, path, method, agent: false }, response => {
      let text = ''
      response.setEncoding('utf8')
      response.on('data', (part: string) => (text += part))
      response.on('end', () => resolve({ status: response.statusCode!, text }))
    })
    sent.on('error', reject)
    sent.end()
  })
}

function sample(): { state: MetricsState; problems: { component: string; problem: string }[] } {
  const channel = new Counters('CHANNEL', 'c1', channelCounters)
  channel.set('ChannelSize', 3)
  channel.set('ChannelCapacity', 10)
  channel.startTime = 1_700_000_000_000
  const sink = new Counters('SINK', 'k1', kafkaSinkCounters)
  sink.add('EventDrainSuccessCount', 7)
  sink.addOwn('records_with_null_value', 2)
  const problems: { component: string; problem: string }[] = []
  return {
    problems,
    state: {
      counters: () => [channel, sink],
      health: () => ({ ok: problems.length === 0, problems, running: ['CHANNEL.c1'], notRunning: [] }),
    },
  }
}

test('serves what Flume serves, and Prometheus and health beside it', async () => {
  const { state, problems } = sample()
  const server = await startMetricsHttp({ port: 0, host: '127.0.0.1', state, log: new KeptLog() })
  try {
    const json = await get(server.port, '/METRICS?x=1')
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

    const page = (await get(server.port, '/metrics/prometheus')).text
    assert.match(page, /^millrace_channel_size\{component="c1"\} 3$/m)
    assert.match(page, /^millrace_channel_fill_ratio\{component="c1"\} 0\.3$/m)
    assert.match(page, /^millrace_sink_event_drain_success_total\{component="k1"\} 7$/m)
    assert.match(page, /^millrace_sink_records_with_null_value_total\{component="k1"\} 2$/m)
    assert.match(page, /^millrace_sink_kafka_event_send_milliseconds_total\{component="k1"\} 0$/m)
    assert.match(page, /^millrace_healthy 1$/m)
    assert.match(page, /^process_resident_memory_bytes \d+$/m)

    assert.deepEqual(await get(server.port, '/health'), {
      status: 200,
      text: '{"ok":true,"problems":[],"running":["CHANNEL.c1"],"notRunning":[]}',
    })
    problems.push({ component: 'SINK.k1', problem: 'no broker' })
    assert.equal((await get(server.port, '/health')).status, 503)
    assert.match((await get(server.port, '/metrics/prometheus')).text, /^millrace_healthy 0$/m)

    assert.match((await get(server.port, '/')).text, /href="\/metrics"/)
    assert.equal((await get(server.port, '/metrics/')).status, 404)
    assert.equal((await get(server.port, '/metrics', 'POST')).status, 200)
    for (const method of ['TRACE', 'OPTIONS'])
      assert.equal((await get(server.port, '/metrics', method)).status, 403)
  } finally {
    await server.close()
  }
})

test('a port in use is named', async () => {
  const { state } = sample()
  const log = new KeptLog()
  const server = await startMetricsHttp({ port: 0, host: '127.0.0.1', state, log })
  try {
    await assert.rejects(startMetricsHttp({ port: server.port, host: '127.0.0.1', state, log }), {
      code: 'ADDRESS_IN_USE',
      message: `the monitoring port ${server.port} is in use by another program`,
    })
  } finally {
    await server.close()
  }
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
  assert.deepEqual(read({ type: 'http' }), { type: 'http', port: 41414 })
  assert.deepEqual(read({ type: 'HTTP', port: '8080', host: '::1' }), {
    type: 'http',
    port: 8080,
    host: '::1',
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
