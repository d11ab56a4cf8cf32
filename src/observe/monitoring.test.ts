// The monitoring of an agent: a port that is taken is retried, and the line says where it is served.
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { createServer, type AddressInfo } from 'node:net'
import { test } from 'node:test'
import { conditionsOn, idleProcess, KeptLog } from '../../test/context.ts'
import { hurriedSystem } from '../../test/scripted-broker.ts'
import type { Observed } from './http-door.ts'
import { startMonitoring } from './monitoring.ts'

const { clock } = hurriedSystem(50)
const agent: Observed = {
  watch: () => () => {},
  edges: [],
  tap: () => null,
  peek: async () => null,
  snapshot: () => ({
    agent: 'a1',
    state: 'running',
    takenAt: 1,
    process: idleProcess,
    sources: [],
    channels: [],
    sinks: [],
    sinkGroups: [],
    ledger: [],
    conditions: [],
  }),
}

async function monitoringOf(given: Record<string, string>) {
  const log = new KeptLog()
  const { condition, health } = conditionsOn(clock, log)
  const properties = new Map(Object.entries({ 'flume.monitoring.type': 'http', ...given }))
  const monitoring = (await startMonitoring(properties, { agent, clock, log, condition }))!
  return { log, health, [Symbol.asyncDispose]: () => monitoring.close() }
}

test('a port that is taken is a condition, and served when it is free', async () => {
  const other = createServer().listen(0, '127.0.0.1')
  await once(other, 'listening')
  const { port } = other.address() as AddressInfo
  await using made = await monitoringOf({
    'flume.monitoring.port': String(port),
    'flume.monitoring.host': '127.0.0.1',
  })
  const { log, health } = made
  assert.match(health().join(), new RegExp(`monitoring pages failed .*port ${port} on 127.0.0.1 is in use`))
  // Twenty tries later.
  await log.line(/is in use by another program\. This has lasted for \d+ s/)
  other.close()
  await log.line(/INFO Serving the monitoring pages succeeds, after/)
  assert.deepEqual(health(), [])
  assert.equal((await fetch(`http://127.0.0.1:${port}/health`)).status, 200)
  const errors = log.lines.filter(line => line.startsWith('ERROR'))
  assert.equal(errors.length, 2, log.lines.join('\n'))
})

test('a port that stays taken is given up at the end', async () => {
  const other = createServer().listen(0, '127.0.0.1')
  await once(other, 'listening')
  const { port } = other.address() as AddressInfo
  {
    await using made = await monitoringOf({
      'flume.monitoring.port': String(port),
      'flume.monitoring.host': '127.0.0.1',
    })
    await made.log.line(/ERROR/)
  }
  other.close()
  await once(other, 'close')
})

for (const [host, said] of [
  [undefined, /http:\/\/localhost:\d+\/metrics, .* on this and every other address of this machine/],
  [
    '127.0.0.1',
    /http:\/\/127\.0\.0\.1:\d+\/metrics, \/metrics\/prometheus, \/health, \/ready, \/snapshot and \/events$/,
  ],
  [
    '::1',
    /http:\/\/\[::1\]:\d+\/metrics, \/metrics\/prometheus, \/health, \/ready, \/snapshot and \/events$/,
  ],
  [
    '[::1]',
    /http:\/\/\[::1\]:\d+\/metrics, \/metrics\/prometheus, \/health, \/ready, \/snapshot and \/events$/,
  ],
] as const)
  test(`the line names the address: flume.monitoring.host = ${host}`, async () => {
    await using made = await monitoringOf({
      'flume.monitoring.port': '0',
      ...(host === undefined ? {} : { 'flume.monitoring.host': host }),
    })
    assert.match(await made.log.line(/Monitoring on/), said)
    const [, url] = /Monitoring on (\S+)\/metrics,/.exec(made.log.lines[0]!)!
    assert.equal((await fetch(`${url}/health`)).status, 200)
  })
