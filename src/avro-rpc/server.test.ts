import assert from 'node:assert/strict'
import { connect, type Socket } from 'node:net'
import { test } from 'node:test'
import { createDeflate, constants } from 'node:zlib'
import { KeptLog } from '../../test/context.ts'
import { MemoryBudget } from '../system/memory-budget.ts'
import { realSystem } from '../system/system.ts'
import { Event } from '../event.ts'
import { AvroReader } from '../wire/avro/binary.ts'
import { decodeReply, encodeAppendBatch, encodeCallHead } from '../wire/avro-rpc/call.ts'
import { encodeFrame, FrameParser } from '../wire/avro-rpc/frame.ts'
import { decodeHandshakeResponse, encodeHandshakeRequest, windowMeta } from '../wire/avro-rpc/handshake.ts'
import { protocolHash, protocolText } from '../wire/avro-rpc/protocol.ts'
import { AvroServer, type AvroServerOptions } from './server.ts'

type After = { after(run: () => Promise<void>): void }

interface Running {
  readonly server: AvroServer
  readonly log: KeptLog
  /** Bodies handed on, in order. */
  readonly bodies: string[]
  open(): Promise<Peer>
}

async function serve(t: After, given: Partial<AvroServerOptions> = {}): Promise<Running> {
  const log = new KeptLog()
  const bodies: string[] = []
  const server = new AvroServer({
    host: '127.0.0.1',
    port: 0,
    maxRequestBytes: 256 * 1024 * 1024,
    maxRequestEvents: 100_000,
    memory: new MemoryBudget(),
    window: 8,
    stallMs: 10_000,
    deflate: false,
    tls: null,
    network: realSystem.network,
    clock: realSystem.clock,
    log,
    handle: events => {
      for (const encoded of events) bodies.push(Event.fromEncoded(encoded).body.toString('latin1', 0, 20))
      return Promise.resolve(true)
    },
    ...given,
  })
  await server.start()
  t.after(() => server.stop())
  return { server, log, bodies, open: () => Peer.open(server.port) }
}

/** A bare socket that sends bytes and reads frames. */
class Peer {
  readonly socket: Socket
  readonly closed: Promise<void>
  readonly #parser = new FrameParser(1024 * 1024)
  readonly #frames: { serial: number; message: Buffer }[] = []
  #wake = () => {}
  #serial = 0
  #greeted = false

  private constructor(socket: Socket) {
    this.socket = socket
    socket.on('error', () => {})
    this.closed = new Promise(resolve => socket.once('close', () => resolve()))
    socket.on('close', () => this.#wake())
    socket.on('data', (chunk: Buffer) =>
      this.#parser.feed(chunk, frame => {
        this.#frames.push(frame)
        this.#wake()
      }),
    )
  }

  static open(port: number): Promise<Peer> {
    return new Promise(resolve => {
      const socket = connect(port, '127.0.0.1', () => resolve(new Peer(socket)))
    })
  }

  /** The next frame; fails when the connection closes first. */
  async frame(): Promise<{ serial: number; message: Buffer }> {
    while (this.#frames.length === 0) {
      assert.ok(!this.socket.destroyed, 'closed before the answer')
      await new Promise<void>(resolve => (this.#wake = resolve))
    }
    return this.#frames.shift()!
  }

  /** Sends one batch without waiting. */
  send(...bodies: (string | Buffer)[]): number {
    const shake = this.#serial === 0 ? shakeOf({}) : null
    const events = bodies.map(body => Event.of({}, body))
    for (const piece of encodeAppendBatch(++this.#serial, shake, events)) this.socket.write(piece)
    return this.#serial
  }

  /** The next answer's status, its handshake read where it is the first. */
  async status(): Promise<number | string> {
    const { message } = await this.frame()
    const reader = new AvroReader(message)
    if (!this.#greeted) decodeHandshakeResponse(reader)
    this.#greeted = true
    const reply = decodeReply(reader)
    return 'error' in reply ? reply.error : reply.status
  }
}

const shakeOf = (given: { hash?: Buffer; text?: string | null; window?: number; serverHash?: Buffer }) =>
  encodeHandshakeRequest({
    clientHash: given.hash ?? protocolHash,
    clientProtocol: given.text ?? null,
    serverHash: given.serverHash ?? protocolHash,
    meta: given.window === undefined ? new Map() : windowMeta(given.window),
  })

test('the first exchange of two Flume agents, byte for byte', async t => {
  const { open, bodies } = await serve(t)
  const peer = await open()
  const received: Buffer[] = []
  peer.socket.removeAllListeners('data').on('data', (chunk: Buffer) => received.push(chunk))
  const hash = '86aadae2c45474c0fe93ffd0f2350a65'
  const head = `${hash}00${hash}02000016617070656e644261746368`
  const batch = '0400023000023100'
  peer.socket.write(Buffer.from(`0000000100000002000000${'30'}${head}00000008${batch}`, 'hex'))
  peer.socket.write(Buffer.from(`00000002000000020000000d0016617070656e64426174636800000008${batch}`, 'hex'))
  const expected =
    '0000000100000003' +
    '0000000400000000' +
    '0000000100' +
    '000000020000' +
    '0000000200000003' +
    '00000000' +
    '0000000100' +
    '000000020000'
  while (Buffer.concat(received).length < expected.length / 2)
    await new Promise(resolve => peer.socket.once('data', resolve))
  assert.equal(Buffer.concat(received).toString('hex'), expected)
  assert.deepEqual(bodies, ['0', '1', '0', '1'])
  peer.socket.destroy()
})

test('a sender that sends its text is accepted, one that does not is asked for it', async t => {
  const { open, bodies } = await serve(t)
  const peer = await open()
  const hash = Buffer.alloc(16, 7)
  const batch = Buffer.from('0200026100', 'hex')
  const request = (serial: number, shake: Buffer) =>
    peer.socket.write(encodeFrame(serial, [Buffer.concat([shake, encodeCallHead('appendBatch')]), batch]))
  request(1, shakeOf({ hash, serverHash: hash }))
  const first = decodeHandshakeResponse(new AvroReader((await peer.frame()).message))
  assert.equal(first.match, 'NONE')
  assert.deepEqual(first.serverHash, protocolHash)
  assert.equal(JSON.parse(first.serverProtocol!).protocol, 'AvroSourceProtocol')
  assert.deepEqual(bodies, [], 'the call was not executed')
  request(2, shakeOf({ hash, serverHash: hash, text: protocolText }))
  const reader = new AvroReader((await peer.frame()).message)
  assert.equal(decodeHandshakeResponse(reader).match, 'CLIENT')
  assert.deepEqual(decodeReply(reader), { status: 0 })
  // Another connection with the same hash is known by now.
  const second = await open()
  second.socket.write(
    encodeFrame(1, [Buffer.concat([shakeOf({ hash }), encodeCallHead('appendBatch')]), batch]),
  )
  assert.equal(decodeHandshakeResponse(new AvroReader((await second.frame()).message)).match, 'BOTH')
  assert.deepEqual(bodies, ['a', 'a'])
})

test('a sender whose events look different is told so', async t => {
  const { open, log, bodies } = await serve(t)
  const peer = await open()
  const text = protocolText.replace('"headers"', '"kopfzeilen"')
  peer.socket.write(
    encodeFrame(1, [
      Buffer.concat([shakeOf({ hash: Buffer.alloc(16, 9), text }), encodeCallHead('append')]),
      Buffer.from([0, 0]),
    ]),
  )
  const reader = new AvroReader((await peer.frame()).message)
  decodeHandshakeResponse(reader)
  assert.match(
    (decodeReply(reader) as { error: string }).error,
    /its append does not take one AvroFlumeEvent/,
  )
  await peer.closed
  assert.deepEqual(bodies, [])
  assert.equal(log.lines.length, 1)
})

test('two Millrace agents agree on a window, the smaller one', async t => {
  const { open } = await serve(t, { window: 8 })
  for (const [asked, agreed] of [
    [4, '4'],
    [50, '8'],
  ] as const) {
    const peer = await open()
    peer.socket.write(
      encodeFrame(1, [Buffer.concat([shakeOf({ window: asked }), encodeCallHead('')]), Buffer.alloc(0)]),
    )
    const answer = decodeHandshakeResponse(new AvroReader((await peer.frame()).message))
    assert.equal(answer.meta?.get('millrace.window')?.toString(), agreed)
  }
})

test('an unknown message is an error, and the connection stays', async t => {
  const { open, bodies } = await serve(t)
  const peer = await open()
  peer.send('a')
  assert.equal(await peer.status(), 0)
  peer.socket.write(encodeFrame(2, [encodeCallHead('appendTwice'), Buffer.alloc(0)]))
  assert.match(String(await peer.status()), /no message "appendTwice"/)
  peer.send('b')
  assert.equal(await peer.status(), 0)
  assert.deepEqual(bodies, ['a', 'b'])
})

test('after the first refusal every later request on the connection is refused, on a new one none', async t => {
  const handled: string[] = []
  const { open } = await serve(t, {
    handle(events) {
      const body = Event.fromEncoded(events[0]!).body.toString()
      handled.push(body)
      return Promise.resolve(body !== 'full')
    },
  })
  const peer = await open()
  for (const body of ['1', '2', 'full', '4', '5']) peer.send(body)
  const statuses = []
  for (let count = 0; count < 5; count++) statuses.push(await peer.status())
  assert.deepEqual(statuses, [0, 0, 1, 1, 1])
  // One at a time afterwards: the same.
  peer.send('6')
  assert.equal(await peer.status(), 1)
  assert.deepEqual(handled, ['1', '2', 'full'])
  const again = await open()
  again.send('4')
  assert.equal(await again.status(), 0)
})

test('a sender that was refused and does not reopen is disconnected', async t => {
  const due: (() => void)[] = []
  const clock = {
    ...realSystem.clock,
    after: (delayMs: number, run: () => void, options?: { background?: boolean }) => {
      if (delayMs !== 10_000 || options?.background !== true)
        return realSystem.clock.after(delayMs, run, options)
      due.push(run)
      return { cancel() {} }
    },
  }
  const { open } = await serve(t, { handle: () => Promise.resolve(false), clock, stallMs: 9000 })
  const peer = await open()
  peer.send('a')
  assert.equal(await peer.status(), 1)
  assert.ok(due.length > 0)
  for (const run of due) run()
  await peer.closed
})

for (const [name, bytes, line] of [
  ['HTTP', 'GET / HTTP/1.1\r\nHost: x\r\n\r\n', /look like HTTP/],
  ['SSH', 'SSH-2.0-OpenSSH_9.2\r\n', /look like SSH/],
  ['TLS', Buffer.from('160301020001000001fc0303', 'hex'), /look like TLS.*ssl = true/],
  ['zlib', Buffer.from('789c62606060626002', 'hex'), /look compressed.*compression-type/],
  [
    'Kafka',
    Buffer.from('0000001d00120003000000010007636c69656e7400', 'hex'),
    /no Avro RPC|no Avro handshake/,
  ],
  ['0xff', Buffer.alloc(1000, 0xff), /4294967295 buffers/],
  ['a giant length', Buffer.from('00000001000000027fffffff00', 'hex'), /2147483647 bytes is announced/],
  ['many giant lengths', Buffer.from('00000001000100007fffffff', 'hex'), /announced/],
  ['zeros', Buffer.alloc(64), /no Avro handshake/],
  ['a frame of garbage', encodeFrame(1, [Buffer.from('garbage, garbage, garbage')]), /no Avro handshake/],
] as const)
  test(`${name} on the port: closed with one line, and the server goes on`, async t => {
    const { open, log, bodies } = await serve(t)
    const peer = await open()
    peer.socket.write(bytes)
    await peer.closed
    assert.equal(log.lines.length, 1)
    assert.match(log.lines[0]!, /^WARN Avro connection from 127\.0\.0\.1:\d+ closed: /)
    assert.match(log.lines[0]!, line)
    const good = await open()
    good.send('a')
    assert.equal(await good.status(), 0)
    assert.deepEqual(bodies, ['a'])
  })

test('garbage behind a good handshake closes, with one line', async t => {
  const { open, log } = await serve(t)
  const peer = await open()
  peer.send('a')
  assert.equal(await peer.status(), 0)
  peer.socket.write(encodeFrame(2, [encodeCallHead('appendBatch'), Buffer.from('02ffffff', 'hex')]))
  await peer.closed
  assert.equal(log.lines.length, 1)
  assert.match(log.lines[0]!, /its request is not valid Avro/)
})

test('half a request: one line when the sender ends, and when it stalls', async t => {
  const { open, log } = await serve(t, { stallMs: 1000 })
  const half = Buffer.concat(encodeAppendBatch(1, shakeOf({}), [Event.of({}, 'x'.repeat(5000))])).subarray(
    0,
    3000,
  )
  const ending = await open()
  ending.socket.end(half)
  await ending.closed
  assert.equal(log.lines.length, 1)
  assert.match(log.lines[0]!, /ended in the middle of a request/)
  const stalling = await open()
  stalling.socket.write(half)
  await stalling.closed
  assert.equal(log.lines.length, 2)
  assert.match(log.lines[1]!, /half a request arrived and then nothing for 0 s|and then nothing/)
})

test('a connection that sends nothing is left alone, and its end is no line', async t => {
  const { open, log } = await serve(t, { stallMs: 20 })
  const quiet = await open()
  const stalling = await open()
  stalling.socket.write(Buffer.alloc(3))
  await stalling.closed // by now the quiet one has been looked at as often
  assert.equal(quiet.socket.destroyed, false)
  quiet.socket.end()
  await quiet.closed
  assert.equal(log.lines.length, 1)
})

test('a flood of garbage makes one line a minute', async t => {
  const { open, log } = await serve(t)
  for (let count = 0; count < 50; count++) {
    const peer = await open()
    peer.socket.write('GET / HTTP/1.1\r\n\r\n')
    await peer.closed
  }
  assert.equal(log.lines.length, 1, log.lines.join('\n'))
})

test('over the budget reading pauses, nobody is cut off, and everything arrives', async t => {
  // Each request is larger than the whole budget: only one can grow at a time.
  const { open, bodies, log } = await serve(t, { memory: new MemoryBudget(100_000) })
  const peers = await Promise.all(Array.from({ length: 10 }, open))
  const bytes = 1_000_000
  for (const [index, peer] of peers.entries()) peer.send(`${index}`.padEnd(bytes, '.'))
  const statuses = await Promise.all(peers.map(peer => peer.status()))
  assert.deepEqual(statuses, Array(10).fill(0))
  assert.equal(bodies.length, 10)
  assert.deepEqual(log.lines, [])
})

test('halves that use up the budget and stall are cut off; an honest sender gets through', async t => {
  const { open, bodies } = await serve(t, { memory: new MemoryBudget(100_000), stallMs: 1500 })
  const stalling = await Promise.all(Array.from({ length: 5 }, open))
  const half = Buffer.concat(encodeAppendBatch(1, shakeOf({}), [Event.of({}, 'x'.repeat(90_000))])).subarray(
    0,
    50_000,
  )
  for (const peer of stalling) peer.socket.write(half)
  const honest = await open()
  honest.send('h'.padEnd(500_000, '.'))
  assert.equal(await honest.status(), 0)
  assert.equal(bodies.length, 1)
  for (const peer of stalling) peer.socket.destroy()
})

test('stop lets the request being handled end and be answered', async t => {
  let finish = (_accepted: boolean) => {}
  let begun = () => {}
  const handling = new Promise<void>(resolve => (begun = resolve))
  const { server, open } = await serve(t, {
    handle: () => {
      begun()
      return new Promise(resolve => (finish = resolve))
    },
  })
  const peer = await open()
  const idle = await open()
  peer.send('a')
  peer.send('b')
  await handling
  const stopped = server.stop()
  await idle.closed
  finish(true)
  assert.equal(await peer.status(), 0)
  await Promise.all([stopped, peer.closed])
})

test('a port in use is said in a sentence', async t => {
  const { server } = await serve(t)
  await assert.rejects(
    serve(t, { port: server.port }),
    new RegExp(`port ${server.port} on 127\\.0\\.0\\.1 is in use`),
  )
})

test('bytes that are no zlib stream where deflate is set: one line that names the key', async t => {
  const { open, log } = await serve(t, { deflate: true })
  const peer = await open()
  peer.send('a')
  await peer.closed
  assert.equal(log.lines.length, 1)
  assert.match(log.lines[0]!, /no valid zlib stream .*compression-type/)
})

test('hostile bytes of every kind leave memory within 64 MiB', async t => {
  const { open, log } = await serve(t, { deflate: false })
  const packed = await serve(t, { deflate: true, maxRequestBytes: 8 * 1024 * 1024 })
  const collect = globalThis.gc ?? (() => {})
  collect()
  const before = process.memoryUsage().rss
  const claims = [
    '000000010000ffff',
    '00000001000000020fffffff',
    '0000000100000001ffffffff',
    '7fffffff7fffffff',
  ]
  let most = 0
  for (let round = 0; round < 10; round++) {
    const peers = await Promise.all(Array.from({ length: 100 }, open))
    for (const [index, peer] of peers.entries()) {
      peer.socket.write(Buffer.from(claims[index % claims.length]!, 'hex'))
      peer.socket.write(Buffer.alloc(1000, index))
    }
    most = Math.max(most, process.memoryUsage().rss)
    for (const peer of peers) peer.socket.destroy()
    await Promise.all(peers.map(peer => peer.closed))
  }
  // A bomb: 64 MiB of zeros from 64 KiB, behind a head that announces them.
  const bomb = await packed.open()
  const deflate = createDeflate({ flush: constants.Z_SYNC_FLUSH })
  deflate.on('data', (chunk: Buffer) => bomb.socket.write(chunk))
  deflate.write(Buffer.from('00000001000000010400000000', 'hex'))
  for (let count = 0; count < 64; count++) deflate.write(Buffer.alloc(1024 * 1024))
  await bomb.closed
  deflate.destroy()
  most = Math.max(most, process.memoryUsage().rss)
  assert.ok(most - before < 64 * 1024 * 1024, `RSS grew by ${Math.round((most - before) / 1048576)} MiB`)
  t.diagnostic(`RSS grew by ${Math.round((most - before) / 1048576)} MiB`)
  assert.match(packed.log.lines[0]!, /67108864 bytes is announced/)
  assert.ok(log.lines.length <= 100)
  const good = await open()
  good.send('a')
  assert.equal(await good.status(), 0)
})
