// An agent attacked at its doors: millions of events in one request, halves of large requests, events of millions of headers.
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { request } from 'node:http'
import { connect } from 'node:net'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { fileChannel } from '../../src/channels/file.ts'
import { Event } from '../../src/event.ts'
import { encodeAppendBatch } from '../../src/wire/avro-rpc/call.ts'
import { writeLong } from '../../src/wire/avro/binary.ts'
import { encodeHandshakeRequest } from '../../src/wire/avro-rpc/handshake.ts'
import { protocolHash } from '../../src/wire/avro-rpc/protocol.ts'
import { contextFor, optionsFor } from '../context.ts'
import { accepted, AttackedAgent } from './attacked-agent.ts'

const isDeep = process.env['MILLRACE_DEEP'] !== undefined

const httpLines = (more: readonly string[] = []) => [
  'a1.sources = r1',
  'a1.channels = c1',
  'a1.sources.r1.type = http',
  'a1.sources.r1.bind = 127.0.0.1',
  'a1.sources.r1.port = 0',
  'a1.sources.r1.channels = c1',
  ...memory,
  ...more,
]
const memory = [
  'a1.channels.c1.type = memory',
  'a1.channels.c1.capacity = 60000',
  'a1.channels.c1.transactionCapacity = 60000',
  'a1.sinks = k1',
  'a1.sinks.k1.type = null',
  'a1.sinks.k1.channel = c1',
]

function post(port: number, body: Buffer | string): Promise<{ status: number; text: string }> {
  return new Promise((resolve, reject) => {
    const sent = request({ host: '127.0.0.1', port, method: 'POST', agent: false }, response => {
      let text = ''
      response.on('data', part => (text += String(part)))
      response.on('end', () => resolve({ status: response.statusCode!, text }))
    })
    sent.on('error', reject)
    sent.end(body)
  })
}

test('one POST of five million events, of one of a million headers, and as many as are allowed', async t => {
  const agent = await AttackedAgent.start(t, httpLines())
  const port = agent.port()
  const many = await post(port, `[${'{},'.repeat(4_999_999)}{}]`)
  assert.deepEqual(many, {
    status: 413,
    text: 'The request has more than maxRequestEvents = 50000 events.\n',
  })
  const names = Array.from({ length: 1_000_000 }, (_, index) => `"${index}":""`)
  const wide = await post(port, `[{"headers":{${names.join()}}}]`)
  assert.deepEqual(wide, { status: 400, text: 'An event has more than the 10000 headers allowed.\n' })
  assert.equal((await post(port, `[${'{},'.repeat(49_999)}{}]`)).status, 200)
  assert.equal((await post(port, '['.repeat(15_000_000))).status, 400)
  assert.equal((await post(port, `[{"body":"${'x'.repeat(10_000_000)}"}]`)).status, 200)
  for (const [body, status] of [
    [' '.repeat(20_000_000), 500],
    [`[${' '.repeat(20_000_000)}]`, 200],
    [`[{}${' '.repeat(20_000_000)}]`, 413],
    [`[]${' '.repeat(20_000_000)}`, 200],
    [`["${'\\"'.repeat(8_000_000)}`, 400],
    [`[{"body":"${'\\u00e9'.repeat(3_000_000)}"}]`, 413],
    [`[{"headers":{"a":${'1'.repeat(17_000_000)}}}]`, 413],
  ] as const)
    assert.equal((await post(port, body)).status, status, body.slice(0, 20))
  assert.equal(accepted(await agent.snapshot()), 50_001)
  await agent.assertBounded()
})

test('halves of bodies of 100 MB hold no more than the budget, and give way to others', async t => {
  const agent = await AttackedAgent.start(t, httpLines())
  const port = agent.port()
  const half = Buffer.alloc(1_000_000, ' ')
  const halves = await Promise.all(
    Array.from({ length: 15 }, async () => {
      const socket = connect(port, '127.0.0.1')
      socket.on('error', () => {})
      socket.write('POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 100000000\r\n\r\n')
      for (let count = 0; count < 90; count++) socket.write(half)
      return socket
    }),
  )
  await agent.until(({ process }) => process.memoryWaiting > 0)
  // Those that stall are cut off.
  assert.equal((await post(port, '[{"body":"a"}]')).status, 200)
  for (const socket of halves) socket.destroy()
  const { process } = await agent.until(snapshot => snapshot.process.memoryUsed === 0)
  assert.ok(process.memoryMostUsed < 240_000_000, `${process.memoryMostUsed}`)
  await agent.assertBounded()
})

test('lines without a byte, as many as a chunk can hold', async t => {
  const lines = httpLines(['a1.channels.c1.capacity = 300000']).map(line =>
    line.replace(/(r1\.type = )http$/, '$1netcat'),
  )
  const agent = await AttackedAgent.start(t, lines, { heapMb: 128 })
  const socket = connect(agent.port(), '127.0.0.1')
  t.after(() => socket.destroy())
  const count = 200_000
  let replied = 0
  const answered = new Promise<void>(resolve =>
    socket.on('data', (part: Buffer) => {
      if ((replied += part.length) >= count * 'OK\n'.length) resolve()
    }),
  )
  socket.write(Buffer.alloc(count, '\n'))
  await answered
  assert.equal(replied, count * 'OK\n'.length)
  await agent.assertBounded({ mostMb: 220 })
})

const avroLines = (more: readonly string[] = []) => [
  'a1.sources = r1',
  'a1.channels = c1',
  'a1.sources.r1.type = avro',
  'a1.sources.r1.bind = 127.0.0.1',
  'a1.sources.r1.port = 0',
  'a1.sources.r1.channels = c1',
  ...memory,
  ...more,
]

const encoded = (headers: number): { encoded: Buffer } => {
  const bytes = Buffer.alloc(headers * 2 + 12)
  const at = headers === 0 ? 0 : writeLong(bytes, 0, headers)
  return { encoded: bytes.subarray(0, at + headers * 2 + 2) }
}
const shake = encodeHandshakeRequest({
  clientHash: protocolHash,
  clientProtocol: null,
  serverHash: protocolHash,
  meta: new Map(),
})

/** Sends; resolves with all that was answered until the agent closed the connection. */
async function send(port: number, frame: readonly Buffer[]): Promise<string> {
  const socket = connect(port, '127.0.0.1')
  socket.on('error', () => {})
  let text = ''
  socket.on('data', part => (text += String(part)))
  for (const piece of frame) socket.write(piece)
  await once(socket, 'close')
  return text
}

test('20 requests of a million empty events each', async t => {
  const agent = await AttackedAgent.start(t, avroLines())
  const frame = encodeAppendBatch(1, shake, Array<{ encoded: Buffer }>(1_000_000).fill(encoded(0)))
  const answers = await Promise.all(Array.from({ length: 20 }, () => send(agent.port(), frame)))
  for (const answer of answers)
    assert.match(answer, /a request of 1000000 events, and 50000 are allowed \(maxRequestEvents\)/)
  await agent.assertBounded()
})

test('requests that together hold more events than the budget wait for one another', async t => {
  // A put that waited for longer than keep-alive would be refused, and nobody here sends its events again.
  const agent = await AttackedAgent.start(t, avroLines(['a1.channels.c1.keep-alive = 600']))
  const frame = encodeAppendBatch(1, shake, Array<{ encoded: Buffer }>(20_000).fill(encoded(0)))
  const sockets = Array.from({ length: 60 }, () => {
    const socket = connect(agent.port(), '127.0.0.1')
    socket.on('error', () => {})
    for (const piece of frame) socket.write(piece)
    return socket
  })
  const { process } = await agent.until(snapshot => accepted(snapshot) === 1_200_000)
  for (const socket of sockets) socket.destroy()
  assert.ok(process.memoryMostUsed < 160_000_000, `${process.memoryMostUsed}`)
  await agent.assertBounded()
})

test('an event of millions of headers does not come in', async t => {
  const agent = await AttackedAgent.start(t, avroLines())
  const frame = encodeAppendBatch(1, shake, [encoded(isDeep ? 17_000_000 : 2_000_000)])
  assert.equal(await send(agent.port(), frame), '')
  assert.match(agent.output, /a map has more than the 10000 entries allowed/)
  await agent.assertBounded()
})

for (const [sink, more] of [
  ['logger', []],
  ['avro', ['a1.sinks.k1.hostname = 127.0.0.1', 'a1.sinks.k1.port = 1']],
] as const)
  test(`an event of millions of headers that is in the channel of sink ${sink} already blocks it, and ends nothing`, async t => {
    const directory = mkdtempSync(join(tmpdir(), 'millrace-headers-'))
    t.after(() => rmSync(directory, { recursive: true, force: true }))
    const directories = { checkpointDir: join(directory, 'c'), dataDirs: [join(directory, 'd')] }
    const channel = fileChannel.create(
      optionsFor(fileChannel, directories),
      contextFor('CHANNEL', 'c1', fileChannel.counters),
    )
    await channel.start()
    const wide = Event.fromEncoded(encoded(isDeep ? 17_000_000 : 2_000_000).encoded)
    await channel.put([wide, Event.of({}, 'behind it')])
    await channel.stop()
    const agent = await AttackedAgent.start(t, [
      'a1.channels = c1',
      'a1.sinks = k1',
      'a1.channels.c1.type = file',
      `a1.channels.c1.checkpointDir = ${directories.checkpointDir}`,
      `a1.channels.c1.dataDirs = ${directories.dataDirs[0]}`,
      `a1.sinks.k1.type = ${sink}`,
      'a1.sinks.k1.channel = c1',
      ...more,
    ])
    const { conditions } = await agent.until(snapshot => snapshot.conditions.some(({ isRed }) => isRed))
    assert.match(JSON.stringify(conditions), /has more than the 10000 headers allowed/)
    await agent.assertBounded()
  })
