import assert from 'node:assert/strict'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { test } from 'node:test'
import { agentFigures } from './agent-figures.ts'

test('figures come from both pages; an agent that cannot be asked has none', async () => {
  assert.deepEqual(await agentFigures(0), { channel: null, problem: null })
  const pages: Record<string, [status: number, body: string]> = {
    '/metrics': [
      200,
      '{"SOURCE.s1":{"Type":"SOURCE"},"CHANNEL.c1":{"ChannelSize":"7","ChannelCapacity":"1000000"}}',
    ],
    '/health': [503, '{"ok":false,"problems":[{"component":"k1","problem":"cannot connect"}]}'],
  }
  const server = createServer((request, response) => {
    const [status, body] = pages[request.url!]!
    response.writeHead(status).end(body)
  })
  await new Promise<void>(resolve => void server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  assert.deepEqual(await agentFigures(port), {
    channel: { size: 7, capacity: 1_000_000 },
    problem: 'k1: cannot connect',
  })
  pages['/metrics'] = [200, '{}']
  pages['/health'] = [200, '{"ok":true,"problems":[]}']
  assert.deepEqual(await agentFigures(port), { channel: null, problem: null })
  pages['/metrics'] = [200, 'no JSON']
  assert.deepEqual(await agentFigures(port), { channel: null, problem: null })
  await new Promise(resolve => server.close(resolve))
  assert.deepEqual(await agentFigures(port), { channel: null, problem: null })
})
