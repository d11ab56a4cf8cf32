// An Avro server gone mad towards the sink, and clients gone mad towards the source: handshakes that never end, counts and
// lengths that nobody has, answers to questions nobody asked, halves, bombs. The agent stays within its memory, loses
// nothing, and delivers when the peer is sound again.
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { connect, createServer, type AddressInfo, type Socket } from 'node:net'
import { test, type TestContext } from 'node:test'
import { deflateSync } from 'node:zlib'
import { writeLong } from '../../src/wire/avro/binary.ts'
import * as call from '../../src/wire/avro-rpc/call.ts'
import { encodeFrame } from '../../src/wire/avro-rpc/frame.ts'
import * as handshake from '../../src/wire/avro-rpc/handshake.ts'
import { protocolHash, protocolText } from '../../src/wire/avro-rpc/protocol.ts'
import { accepted, AttackedAgent } from './attacked-agent.ts'

const shaken = (match: handshake.Match, meta: handshake.Meta | null = null): Buffer =>
  handshake.encodeHandshakeResponse({
    match,
    serverProtocol: match === 'BOTH' ? null : protocolText,
    serverHash: match === 'BOTH' ? null : protocolHash,
    meta,
  })
const both = shaken('BOTH')

function framed(serial: number, ...numbers: readonly number[]): Buffer {
  const bytes = Buffer.alloc(4 + numbers.length * 4)
  for (const [index, number] of [serial, ...numbers].entries()) bytes.writeInt32BE(number | 0, index * 4)
  return bytes
}

/** What a mad server answers to a request, by its serial. */
const ways: Readonly<Record<string, (serial: number, to: Socket) => void>> = {
  'no match, for ever': (serial, to) => void to.write(call.encodeHandshakeOnly(serial, shaken('NONE'))),
  'a handshake of nothing': (serial, to) => void to.write(encodeFrame(serial, [Buffer.alloc(0)])),
  'a handshake of ones': (serial, to) => void to.write(encodeFrame(serial, [Buffer.alloc(300, 255)])),
  'two thousand million buffers': (serial, to) => void to.write(framed(serial, 2 ** 31 - 1)),
  'a buffer of -1 bytes': (serial, to) => void to.write(framed(serial, 1, -1)),
  'buffers without end': (serial, to) => {
    to.write(framed(serial, 65_000))
    const pour = (left: number): void => {
      if (left > 0 && !to.destroyed)
        to.write(Buffer.concat([framed(100_000), Buffer.alloc(100_000)]), () => pour(left - 1))
    }
    pour(500)
  },
  'OK to another request': (serial, to) => void to.write(call.encodeStatus(serial + 1000, both, 0)),
  'a status that there is none of': (serial, to) =>
    void to.write(encodeFrame(serial, [both, Buffer.from([0]), Buffer.from([0, 154])])),
  UNKNOWN: (serial, to) => void to.write(encodeFrame(serial, [both, Buffer.from([0]), Buffer.from([0, 4])])),
  'FAILED, byte by byte': (serial, to) => {
    for (const byte of call.encodeStatus(serial, both, 1)) to.write(Buffer.of(byte))
  },
  'an error of a million control characters': (serial, to) =>
    void to.write(call.encodeError(serial, both, '\u001b[31m\n'.repeat(150_000))),
  'a window of thousands': (serial, to) =>
    void to.write(
      call.encodeStatus(serial, shaken('BOTH', new Map([['millrace.window', Buffer.from('9999')]])), 1),
    ),
  'half an answer': (serial, to) => void to.end(call.encodeStatus(serial, both, 0).subarray(0, 20)),
  'the end': (_serial, to) => void to.destroy(),
  nothing: () => {},
}

const memory = (sink: string, more: readonly string[] = []) => [
  'a1.sources = r1',
  'a1.channels = c1',
  'a1.sinks = k1',
  'a1.sources.r1.channels = c1',
  'a1.channels.c1.type = memory',
  'a1.channels.c1.capacity = 60000',
  'a1.channels.c1.transactionCapacity = 60000',
  `a1.sinks.k1.type = ${sink}`,
  'a1.sinks.k1.channel = c1',
  ...more,
]
const avroSource = ['a1.sources.r1.type = avro', 'a1.sources.r1.bind = 127.0.0.1', 'a1.sources.r1.port = 0']

/** Answers each connection in the next way; and, when all were there, hands on to the sound one. */
async function madServer(t: TestContext, soundPort: number): Promise<{ port: number; used: string[] }> {
  const left = Object.entries(ways)
  const used: string[] = []
  const sockets = new Set<Socket>()
  const server = createServer(client => {
    sockets.add(client)
    client.on('error', () => {})
    const [name, way] = left.shift() ?? []
    if (way === undefined) {
      const sound = connect(soundPort, '127.0.0.1')
      sockets.add(sound)
      sound.on('error', () => {}).on('close', () => client.destroy())
      client.on('close', () => sound.destroy())
      return void client.pipe(sound).pipe(client)
    }
    used.push(name!)
    // One answer to whatever comes at once is enough to see what the client makes of it; a serial stands in front.
    client.on('data', (chunk: Buffer) => chunk.length >= 4 && way(chunk.readInt32BE(0), client))
  })
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  t.after(() => {
    for (const socket of sockets) socket.destroy()
    server.close()
  })
  return { port: (server.address() as AddressInfo).port, used }
}

test('a server that is mad in every way, one after the other, and sound in the end', async t => {
  const target = await AttackedAgent.start(t, [...memory('null'), ...avroSource])
  const mad = await madServer(t, target.port())
  const agent = await AttackedAgent.start(t, [
    ...memory('avro', ['a1.sources.r1.type = seq', 'a1.sources.r1.totalEvents = 1000']),
    'a1.sinks.k1.hostname = 127.0.0.1',
    `a1.sinks.k1.port = ${mad.port}`,
    'a1.sinks.k1.request-timeout = 1000',
    'a1.sinks.k1.connect-timeout = 1000',
  ])
  await target.until(snapshot => accepted(snapshot) === 1000, 120_000)
  const { channels } = await agent.until(snapshot => snapshot.channels[0]!.size === 0)
  assert.equal(channels[0]!.size, 0)
  assert.equal(accepted(await target.snapshot()), 1000)
  assert.deepEqual(mad.used, Object.keys(ways))
  assert.ok(!agent.output.includes('\u001b'), 'no control character of the peer is in the log')
  await agent.assertBounded()
})

const shake = handshake.encodeHandshakeRequest({
  clientHash: protocolHash,
  clientProtocol: null,
  serverHash: protocolHash,
  meta: new Map(),
})

/** A connection that has sent these; closed by whoever closes it first. */
async function sent(t: TestContext, port: number, pieces: readonly Buffer[]): Promise<Socket> {
  const socket = connect(port, '127.0.0.1')
  socket.on('error', () => {}).resume()
  t.after(() => socket.destroy())
  await once(socket, 'connect')
  for (const piece of pieces) socket.write(piece)
  return socket
}

/** Sends a batch of one event as a sound client does; resolves when it is answered. */
async function deliver(
  t: TestContext,
  agent: AttackedAgent,
  port: number,
  pack = (one: Buffer) => one,
): Promise<void> {
  const before = accepted(await agent.snapshot())
  const event = { encoded: Buffer.from([0, 2, 65]) }
  await sent(t, port, [pack(Buffer.concat(call.encodeAppendBatch(1, shake, [event])))])
  await agent.until(snapshot => accepted(snapshot) > before)
}

const long = (value: number): Buffer => {
  const bytes = Buffer.alloc(10)
  return bytes.subarray(0, writeLong(bytes, 0, value))
}

test('clients that are mad: halves, handshakes without end, blocks that count below nothing', async t => {
  const agent = await AttackedAgent.start(t, [...memory('null'), ...avroSource])
  const port = agent.port()
  // Ten megabytes are announced on each of 500 connections, and ten kilobytes come.
  for (let count = 0; count < 500; count++)
    await sent(t, port, [framed(1, 2, 10_000_000), Buffer.alloc(10_000, 1)])
  await deliver(t, agent, port)
  const ping = encodeFrame(1, [shake, call.encodeCallHead('')])
  const pings = await sent(t, port, Array<Buffer>(10_000).fill(ping))
  await deliver(t, agent, port)
  pings.destroy()
  const head = call.encodeCallHead('appendBatch')
  for (const parts of [
    [long(-1), long(0), long(0)],
    [long(-1_000_000_000), long(-5)],
    [long(-(2 ** 52)), long(2 ** 52)],
    [long(2 ** 52)],
    [Buffer.from('ffffffffffffffffff01', 'hex')],
    [long(1), long(-3), long(1), long(1)],
    [long(1), long(2 ** 40)],
  ])
    await sent(t, port, [encodeFrame(1, [shake, head, ...parts])])
  const meta = encodeFrame(1, [shake.subarray(0, -1), long(-1), Buffer.alloc(2_000_000, 2)])
  await sent(t, port, [meta])
  await deliver(t, agent, port)
  await agent.assertBounded()
})

test('clients that send deflated bombs', async t => {
  const agent = await AttackedAgent.start(t, [
    ...memory('null'),
    ...avroSource,
    'a1.sources.r1.compression-type = deflate',
  ])
  const port = agent.port()
  const bomb = deflateSync(Buffer.concat([framed(1, 1, 90_000_000), Buffer.alloc(90_000_000)]))
  const bombs = await Promise.all(Array.from({ length: 20 }, () => sent(t, port, [bomb])))
  const empty = deflateSync(Buffer.alloc(200_000_000))
  bombs.push(...(await Promise.all(Array.from({ length: 5 }, () => sent(t, port, [empty])))))
  await deliver(t, agent, port, one => deflateSync(one))
  for (const socket of bombs) socket.destroy()
  await agent.assertBounded()
})
