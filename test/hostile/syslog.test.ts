// The syslog sources attacked: floods, garbage, messages that never end, connections that come and go.
import assert from 'node:assert/strict'
import { createSocket } from 'node:dgram'
import { once } from 'node:events'
import { connect } from 'node:net'
import { test } from 'node:test'
import { accepted, AttackedAgent } from './attacked-agent.ts'

const linesOf = (type: string, more: readonly string[] = []) => [
  'a1.sources = r1',
  'a1.channels = c1',
  'a1.sinks = k1',
  `a1.sources.r1.type = ${type}`,
  'a1.sources.r1.host = 127.0.0.1',
  `a1.sources.r1.${type === 'multiport_syslogtcp' ? 'ports' : 'port'} = 0`,
  'a1.sources.r1.channels = c1',
  'a1.channels.c1.type = memory',
  'a1.channels.c1.capacity = 10000',
  'a1.channels.c1.transactionCapacity = 1000',
  'a1.sinks.k1.type = null',
  'a1.sinks.k1.channel = c1',
  ...more,
]

/** Writes all; resolves when the other side has read it and closed the connection. */
async function send(port: number, bytes: Buffer): Promise<void> {
  const socket = connect(port, '127.0.0.1')
  socket.on('error', () => {})
  socket.resume()
  socket.end(bytes)
  await once(socket, 'close')
}

for (const type of ['syslogtcp', 'multiport_syslogtcp'])
  test(`${type}: garbage, lines of a megabyte, and lines of a byte`, async t => {
    const agent = await AttackedAgent.start(t, linesOf(type), { heapMb: 128 })
    const port = agent.port()
    let seed = 1
    const garbage = Buffer.from(
      Array.from({ length: 2_000_000 }, () => (seed = (seed * 1_103_515_245 + 12_345) % 2 ** 31) >> 16),
    )
    await Promise.all([
      ...Array.from({ length: 10 }, () => send(port, garbage)),
      send(port, Buffer.concat([Buffer.alloc(10_000_000, 'x'), Buffer.from('\n')])),
      send(port, Buffer.alloc(1_000_000, '<\n')),
      send(port, Buffer.alloc(1_000_000, '\n')),
      send(port, Buffer.alloc(1_000_000, 'x\n')),
      send(port, Buffer.alloc(2_000_000, '<13>Oct  1 12:00:00 h x\n')),
    ])
    await agent.until(snapshot => accepted(snapshot) > 580_000)
    await agent.assertBounded({ mostMb: 320 })
  })

test('syslogtcp: thousands of connections that come and go', async t => {
  const agent = await AttackedAgent.start(t, linesOf('syslogtcp', ['a1.sources.r1.clientHostnameHeader = n']))
  const port = agent.port()
  const message = Buffer.from('<13>Oct  1 12:00:00 h x\n')
  for (let round = 0; round < 10; round++)
    await Promise.all(
      Array.from({ length: 200 }, async (_, index) => {
        const socket = connect(port, '127.0.0.1')
        socket.on('error', () => {})
        await once(socket, 'connect')
        if (index % 4 === 0) return void socket.resetAndDestroy()
        socket.resume()
        socket.end(index % 2 === 0 ? message : message.subarray(0, 10))
        await once(socket, 'close')
      }),
    )
  const { process } = await agent.until(snapshot => accepted(snapshot) === 500)
  assert.equal(process.memoryUsed, 0)
  await agent.assertBounded({ mostMb: 220 })
})

test('syslogudp: a flood into a channel that is full', async t => {
  const agent = await AttackedAgent.start(
    t,
    linesOf('syslogudp', [
      'a1.channels.c1.capacity = 100',
      'a1.channels.c1.transactionCapacity = 100',
    ]).filter(line => !line.includes('k1')),
    { heapMb: 128 },
  )
  const port = agent.port()
  const socket = createSocket('udp4')
  t.after(() => socket.close())
  const datagrams = [Buffer.alloc(60_000, 'x'), Buffer.alloc(0), Buffer.from('<13>Oct  1 12:00:00 h x')]
  let isRed = false
  while (!isRed) {
    for (let count = 0; count < 5000; count++) {
      socket.send(datagrams[count % 3]!, port, '127.0.0.1')
      if (count % 50 === 0) await new Promise(resolve => setImmediate(resolve))
    }
    isRed = JSON.stringify((await agent.snapshot()).conditions).includes('discards datagrams')
  }
  const { process } = await agent.snapshot()
  assert.ok(process.memoryMostUsed < 20 * 1024 * 1024, `${process.memoryMostUsed}`)
  await agent.assertBounded({ mostMb: 250 })
})
