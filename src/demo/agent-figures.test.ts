import assert from 'node:assert/strict'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { test } from 'node:test'
import { agentFigures } from './agent-figures.ts'

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
  for (const channels of [[], [{ name: 'c1', size: null, capacity: null }]]) {
    page = JSON.stringify({ ...whole, channels, conditions: [] })
    assert.deepEqual(await agentFigures(port), unknown)
  }
  page = 'no JSON'
  assert.deepEqual(await agentFigures(port), unknown)
  await new Promise(resolve => server.close(resolve))
  assert.deepEqual(await agentFigures(port), unknown)
})
