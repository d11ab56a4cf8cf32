// An agent whose doors are taken by those who send slowly, or nothing: connections are bounded at each door, what they hold
// is, and others are served.
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import { test, type TestContext } from 'node:test'
import { hangMs } from '../interop/peers/waiting.ts'
import { AttackedAgent } from './attacked-agent.ts'

const isDeep = process.env['MILLRACE_DEEP'] !== undefined
const mostConnections = 50

const linesOf = (type: string, more: readonly string[] = []) => [
  'a1.sources = r1',
  'a1.channels = c1',
  'a1.sinks = k1',
  `a1.sources.r1.type = ${type}`,
  `a1.sources.r1.${type === 'syslogtcp' ? 'host' : 'bind'} = 127.0.0.1`,
  'a1.sources.r1.port = 0',
  'a1.sources.r1.channels = c1',
  'a1.channels.c1.type = memory',
  'a1.sinks.k1.type = null',
  'a1.sinks.k1.channel = c1',
  ...more,
]

interface Visitor {
  readonly socket: Socket
  isClosed: boolean
}

function visit(t: TestContext, port: number, bytes: string): Visitor {
  const visitor: Visitor = { socket: connect(port, '127.0.0.1'), isClosed: false }
  visitor.socket.on('error', () => {})
  visitor.socket.on('close', () => (visitor.isClosed = true))
  visitor.socket.resume()
  visitor.socket.write(bytes)
  t.after(() => visitor.socket.destroy())
  return visitor
}

/** False where the connection is closed instead. */
const isAnswered = ({ socket }: Visitor): Promise<boolean> =>
  new Promise(resolve => {
    socket.once('data', () => resolve(true))
    socket.once('close', () => resolve(false))
  })

async function until(isSo: () => boolean, what: string): Promise<void> {
  const end = performance.now() + hangMs
  while (!isSo()) {
    assert.ok(performance.now() < end, what)
    await new Promise(resolve => setImmediate(resolve))
  }
}

for (const [type, bytes, whole, answer] of [
  ['http', 'POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\n[', ']', 'HTTP/1.1 200 OK'],
  ['netcat', 'half a li', 'ne\n', 'OK'],
  ['avro', '\0', '\0\0\0', ''],
  ['syslogtcp', '<13>', 'half a mess', ''],
] as const)
  test(`${mostConnections} slow connections to the ${type} source leave 300 more outside`, async t => {
    const agent = await AttackedAgent.start(
      t,
      linesOf(type, [`a1.sources.r1.maxConnections = ${mostConnections}`]),
    )
    const port = agent.port(/listens on \S*:(\d+)/)
    const first = Array.from({ length: mostConnections }, () => visit(t, port, bytes))
    await Promise.all(first.map(({ socket }) => once(socket, 'connect')))
    const more = Array.from({ length: 300 }, () => visit(t, port, bytes))
    await until(() => more.every(({ isClosed }) => isClosed), 'those beyond the limit are still connected')
    assert.ok(first.every(({ isClosed }) => !isClosed))
    assert.match(agent.output, /the limit of connections is reached\. .*maxConnections/)
    assert.ok(agent.output.split('limit of connections is reached').length < 100, 'a line for each')
    if (answer !== '') {
      first[0]!.socket.write(whole)
      const [text] = (await once(first[0]!.socket, 'data')) as [Buffer]
      assert.ok(String(text).startsWith(answer), String(text))
    }
    for (const { socket } of first) socket.destroy()
    // There is room when these have been noticed.
    let isServed = answer === ''
    while (!isServed) isServed = await isAnswered(visit(t, port, bytes + whole))
    await agent.assertBounded({ mostMb: 200 })
  })

test(
  'headers that come byte by byte are not waited for',
  { skip: !isDeep && 'takes half a minute: MILLRACE_DEEP=1' },
  async t => {
    const agent = await AttackedAgent.start(t, linesOf('http'))
    const visitors = Array.from({ length: 200 }, () => visit(t, agent.port(), 'POST / HTTP/1.1\r\nA: '))
    const drip = setInterval(() => {
      for (const { socket, isClosed } of visitors) if (!isClosed) socket.write('a')
    }, 200)
    t.after(() => clearInterval(drip))
    await until(() => visitors.every(({ isClosed }) => isClosed), 'they are still connected')
    await agent.assertBounded({ mostMb: 200 })
  },
)
