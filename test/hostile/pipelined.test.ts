// Requests and lines that come as many or as long as a connection can carry: whoever sends them holds up nobody else.
import assert from 'node:assert/strict'
import { connect } from 'node:net'
import { test, type TestContext } from 'node:test'
import { AttackedAgent } from './attacked-agent.ts'

const agentLines = (...source: readonly string[]) => [
  'a1.sources = r1',
  'a1.channels = c1',
  'a1.sinks = k1',
  ...source.map(line => `a1.sources.r1.${line}`),
  'a1.sources.r1.bind = 127.0.0.1',
  'a1.sources.r1.port = 0',
  'a1.sources.r1.channels = c1',
  'a1.channels.c1.type = memory',
  'a1.channels.c1.capacity = 60000',
  'a1.sinks.k1.type = null',
  'a1.sinks.k1.channel = c1',
]

/** Sends `times` requests on one connection without waiting; resolves when as many answers have come. */
async function pipeline(t: TestContext, port: number, request: string, times: number): Promise<void> {
  const socket = connect(port, '127.0.0.1')
  t.after(() => socket.destroy())
  let answers = 0
  let rest = ''
  const answered = new Promise<void>((resolve, reject) => {
    socket.on('error', reject)
    socket.on('close', () => reject(new Error(`closed after ${answers} answers`)))
    socket.on('data', (part: Buffer) => {
      const parts = `${rest}${part.toString('latin1')}`.split('HTTP/1.1 ')
      answers += parts.length - 1
      rest = parts.at(-1)!.slice(-9)
      if (answers >= times) resolve()
    })
  })
  socket.write(request.repeat(times))
  await answered
}

for (const [name, request] of [
  ['without a body', 'GET / HTTP/1.1\r\nHost: a\r\n\r\n'],
  ['of an event', 'POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\n\r\n[{}]'],
] as const)
  test(`20,000 requests ${name} at once to the HTTP source`, async t => {
    const agent = await AttackedAgent.start(t, agentLines('type = http'))
    // Its code is compiled by now.
    await pipeline(t, agent.port(), request, 5_000)
    agent.reset()
    await pipeline(t, agent.port(), request, 20_000)
    await agent.assertBounded({ mostMb: 320 })
  })

for (const page of ['health', 'metrics', 'snapshot'])
  test(`requests at once to the monitoring page /${page}`, async t => {
    const agent = await AttackedAgent.start(t, agentLines('type = netcat'), {}, [
      'flume.monitoring.type=http',
      'flume.monitoring.host=127.0.0.1',
      'flume.monitoring.port=0',
    ])
    const port = agent.port(/Monitoring on http:\/\/[^/]*:(\d+)\//)
    const request = `GET /${page} HTTP/1.1\r\nHost: a\r\n\r\n`
    await pipeline(t, port, request, 1_000)
    agent.reset()
    await pipeline(t, port, request, 5_000)
    await agent.assertBounded()
  })

test('a line of 90 MB to the netcat source', async t => {
  const agent = await AttackedAgent.start(t, agentLines('type = netcat', 'max-line-length = 100000000'))
  const socket = connect(agent.port(), '127.0.0.1')
  t.after(() => socket.destroy())
  const answer = new Promise<string>(resolve => socket.once('data', part => resolve(String(part))))
  const piece = Buffer.alloc(1_000_000, 'x')
  for (let count = 0; count < 90; count++) socket.write(piece)
  socket.write('\n')
  assert.equal(await answer, 'OK\n')
  await agent.assertBounded()
})
