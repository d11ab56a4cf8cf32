import assert from 'node:assert/strict'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { test } from 'node:test'
import type { Admin } from '../kafka-client/kafka-client.ts'
import { realSystem } from '../system/system.ts'
import { agentFigures } from './agent-figures.ts'
import type { AgentKeeper } from './agent-keeper.ts'
import { Ledger } from './ledger.ts'
import { Observer } from './observer.ts'
import type { Output } from './output.ts'
import type { View } from './view.ts'

test('figures come from the snapshot; an agent that cannot be asked has none', async () => {
  const unknown = { channel: null, problem: null }
  assert.deepEqual(await agentFigures(0), unknown)
  let page = ''
  const server = createServer((request, response) => {
    assert.equal(request.url, '/snapshot')
    response.end(page)
  })
  await new Promise<void>(resolve => void server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  const condition = { component: 'SINK.k1', problem: 'cannot connect', isRed: true }
  const whole = {
    sources: [],
    sinks: [],
    channels: [{ name: 'c1', size: 7, capacity: 1_000_000 }],
    conditions: [condition, { ...condition, isRed: false }],
  }
  page = JSON.stringify(whole)
  assert.deepEqual(await agentFigures(port), {
    channel: { size: 7, capacity: 1_000_000 },
    problem: 'SINK.k1: cannot connect',
  })
  const failed = { component: 'CHANNEL.c1', problem: 'its files were removed', isRed: true }
  page = JSON.stringify({ ...whole, conditions: [condition, failed] })
  assert.equal(
    (await agentFigures(port)).problem,
    'CHANNEL.c1: its files were removed; SINK.k1: cannot connect',
  )
  for (const channels of [[], [{ name: 'c1', size: null, capacity: null }]]) {
    page = JSON.stringify({ ...whole, channels, conditions: [] })
    assert.deepEqual(await agentFigures(port), unknown)
  }
  page = 'no JSON'
  assert.deepEqual(await agentFigures(port), unknown)
  page = JSON.stringify({ ...whole, conditions: [failed] })
  const agent = { monitoringPort: port, restarts: 0, lastRestartMs: null, isRunning: true } as AgentKeeper
  const lines: (string | null)[] = []
  const observer = new Observer({
    system: realSystem,
    output: { show: (view: View) => void lines.push(view.trouble) } as unknown as Output,
    ledger: new Ledger('run'),
    admin: {} as Admin,
    group: 'g',
    agents: { a: { ...agent, monitoringPort: port } as AgentKeeper, b: agent },
    trouble: () => 'no broker',
    rate: null,
    events: null,
    places: () => [],
  })
  await observer.stop()
  assert.deepEqual(lines, [
    'no broker; agent B: CHANNEL.c1: its files were removed; agent A: CHANNEL.c1: its files were removed',
  ])
  await new Promise(resolve => server.close(resolve))
  assert.deepEqual(await agentFigures(port), unknown)
})
