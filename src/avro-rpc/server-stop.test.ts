// The end of a server under senders that write on: whatever was stored is answered, and the answer is read.
import assert from 'node:assert/strict'
import { connect } from 'node:net'
import { Duplex } from 'node:stream'
import { before, test, type TestContext } from 'node:test'
import { createAuthority } from '../../test/certificates.ts'
import { KeptLog } from '../../test/context.ts'
import { Event } from '../event.ts'
import { MemoryBudget } from '../system/memory-budget.ts'
import { realSystem } from '../system/system.ts'
import { createTlsContext, type ClientTls, type TlsContext } from '../system/tls.ts'
import { encodeAppendBatch } from '../wire/avro-rpc/call.ts'
import { FrameParser } from '../wire/avro-rpc/frame.ts'
import { encodeHandshakeRequest, windowMeta } from '../wire/avro-rpc/handshake.ts'
import { protocolHash } from '../wire/avro-rpc/protocol.ts'
import { connectAvro } from '../index.ts'
import { KnownClients } from './known-clients.ts'
import { clientLayers, type Layering } from './layers.ts'
import { RpcConnection } from '../rpc-server/rpc-connection.ts'
import { AvroDialect, AvroServer, type AvroServerOptions } from './server.ts'

const policy = {
  includeProtocols: [],
  excludeProtocols: [],
  includeCipherSuites: [],
  excludeCipherSuites: [],
}
let serverTls: TlsContext
let clientTls: ClientTls

before(() => {
  const authority = createAuthority()
  const { key, certificate } = authority.sign({ host: 'localhost', ip: '127.0.0.1' })
  serverTls = createTlsContext({ policy, identity: { alias: 'b', key, chain: [certificate] } })
  const context = createTlsContext({ policy, trusted: [authority.certificate] })
  clientTls = { context, verifiesCertificate: true, verifiesHost: true }
})

interface Layers {
  readonly tls?: boolean
  readonly deflate?: boolean
  readonly layering?: Layering
}

const everyLayering: readonly [string, Layers][] = [
  ['plain', {}],
  ['TLS', { tls: true }],
  ['deflate', { deflate: true }],
  ['deflate around TLS', { tls: true, deflate: true, layering: 'zlib-outside' }],
  ['TLS around deflate', { tls: true, deflate: true, layering: 'tls-outside' }],
]

const wantedOf = ({ tls = false, deflate = false, layering = 'zlib-outside' }: Layers) => ({
  deflateLevel: deflate ? 1 : null,
  tls: tls ? clientTls : null,
  layering,
  network: realSystem.network,
})

async function serve(t: TestContext, given: Partial<AvroServerOptions> & { layers?: Layers } = {}) {
  const { layers = {}, ...options } = given
  const log = new KeptLog()
  const server = new AvroServer({
    host: '127.0.0.1',
    port: 0,
    maxRequestBytes: 256 * 1024 * 1024,
    maxRequestEvents: 100_000,
    memory: new MemoryBudget(),
    window: 64,
    stallMs: 10_000,
    deflate: layers.deflate ?? false,
    tls: layers.tls === true ? serverTls : null,
    network: realSystem.network,
    clock: realSystem.clock,
    log,
    handle: () => Promise.resolve(true),
    ...options,
  })
  await server.start()
  t.after(() => server.stop())
  return { server, log }
}

/** Accepts every request; `reached` resolves at the given number of them. */
class Store {
  stored = 0
  readonly #reached = Promise.withResolvers<void>()
  readonly #count: number

  constructor(count: number) {
    this.#count = count
  }

  get reached(): Promise<void> {
    return this.#reached.promise
  }

  readonly handle = (): Promise<boolean> => {
    if (++this.stored === this.#count) this.#reached.resolve()
    return Promise.resolve(true)
  }
}

const handshake = encodeHandshakeRequest({
  clientHash: protocolHash,
  clientProtocol: null,
  serverHash: protocolHash,
  meta: windowMeta(64),
})

/** Not to be compressed to nothing. */
function bodyOf(bytes: number): Buffer {
  const body = Buffer.alloc(bytes)
  for (let at = 0; at < bytes; at++) body[at] = (at * at * 31 + at) >> 3
  return body
}

/** A sender that reads no answer before it is told to. */
class LateReader {
  readonly stream: Duplex
  readonly #closed: Promise<unknown>
  answers = 0
  #serial = 0
  #failure: Error | null = null

  private constructor(stream: Duplex) {
    this.stream = stream
    this.#closed = new Promise<void>(resolve => stream.once('close', resolve))
    stream.on('error', error => (this.#failure = error))
  }

  static async open(port: number, layers: Layers): Promise<LateReader> {
    const socket = connect({ port, host: '127.0.0.1', allowHalfOpen: true })
    socket.on('error', () => {})
    await new Promise<void>(resolve => socket.once('connect', () => resolve()))
    const to = { host: '127.0.0.1', port }
    return new LateReader(await clientLayers(socket, to, wantedOf(layers), AbortSignal.timeout(120_000)))
  }

  /** Writes one request; resolves when the layers have taken its bytes. */
  send(body: Buffer): Promise<void> {
    const pieces = encodeAppendBatch(++this.#serial, this.#serial === 1 ? handshake : null, [
      Event.of({}, body),
    ])
    return new Promise((resolve, reject) => {
      this.stream.write(Buffer.concat(pieces), error => (error ? reject(error) : resolve()))
    })
  }

  /** Reads until the server's end of the connection. */
  async readAll(): Promise<void> {
    const parser = new FrameParser(1024)
    this.stream.on('data', (chunk: Buffer) => parser.feed(chunk, () => void this.answers++))
    await Promise.race([new Promise<void>(resolve => this.stream.once('end', resolve)), this.#closed])
    this.stream.destroy()
    assert.equal(this.#failure, null)
  }
}

for (const [name, layers] of everyLayering) {
  test(`answers that a sender has not read yet when the server stops reach it, ${name}`, async t => {
    const store = new Store(200)
    // The server waits for a second: nothing of it goes into making them.
    const [small, large] = [bodyOf(100), bodyOf(1024 * 1024)]
    const { server, log } = await serve(t, { handle: store.handle, layers })
    const sender = await LateReader.open(server.port, layers)
    for (let count = 0; count < 200; count++) void sender.send(small)
    await store.reached
    const begun = performance.now()
    const stopped = server.stop()
    // More than the buffers between the two hold: it leaves only when the server goes on reading.
    // TLS inside another layer is slow in Node, and the server waits for a second.
    const requests = name === 'deflate around TLS' ? 3 : 10
    for (let count = 0; count < requests; count++) await sender.send(large)
    await sender.readAll()
    await stopped
    assert.ok(performance.now() - begun < 5000)
    assert.equal(sender.answers, store.stored)
    assert.deepEqual(log.lines, [], 'half a request at the stop is nobody’s fault')
  })

  test(`what was stored is answered when the server stops under a full window, ${name}`, async t => {
    // What matters is the moment, and layers make it late: a few of them are enough.
    for (let round = 0; round < (name === 'plain' ? 5 : 2); round++) {
      const store = new Store(100 + round * 20)
      const { server, log } = await serve(t, { handle: store.handle, layers })
      const client = await connectAvro({
        host: '127.0.0.1',
        port: server.port,
        window: 64,
        ...wantedOf(layers),
      })
      const event = Event.of({}, Buffer.alloc(64 * 1024, `${round} and something else`))
      let answered = 0
      const lane = async () => {
        for (; ; answered++) await client.appendBatch([event])
      }
      const lanes = Promise.allSettled(Array.from({ length: 64 }, lane))
      await store.reached
      await server.stop()
      await lanes
      assert.equal(answered, store.stored)
      assert.deepEqual(log.lines, [])
    }
  })
}

test('a sender that neither reads nor closes holds the stop up for no longer than the last answers may take', async () => {
  const store = new Store(1)
  const timers: { delayMs: number; run: () => void }[] = []
  const clock = {
    ...realSystem.clock,
    after(delayMs: number, run: () => void) {
      timers.push({ delayMs, run })
      return { cancel() {} }
    },
  }
  // Nothing written ever leaves.
  const stream = new Duplex({ read() {}, write() {}, writableHighWaterMark: 1 })
  const spoken = { maxRequestBytes: 1000, maxRequestEvents: 100_000, window: 64, handle: store.handle, clock }
  const connection = new RpcConnection(stream, {
    dialect: new AvroDialect(spoken, new KnownClients(), 'a:1'),
    stallMs: 1000,
    clock,
    memory: new MemoryBudget(1_000_000),
    complain: reason => assert.fail(reason),
    closed() {},
  })
  for (let serial = 1; serial <= 3; serial++)
    stream.push(Buffer.concat(encodeAppendBatch(serial, serial === 1 ? handshake : null, [])))
  await store.reached
  const stopped = connection.stop()
  // It waits for the answers to leave, not for room for them.
  while (timers.length === 0) await new Promise(resolve => setImmediate(resolve))
  assert.deepEqual(
    timers.map(({ delayMs }) => delayMs),
    [1000],
  )
  timers[0]!.run()
  await stopped
  assert.equal(stream.destroyed, true)
  assert.equal(store.stored, 1)
})

test('a stop twice at once, and after the sender has gone', async t => {
  const store = new Store(1)
  const { server, log } = await serve(t, { handle: store.handle })
  const sender = await LateReader.open(server.port, {})
  const gone = await LateReader.open(server.port, {})
  await sender.send(bodyOf(10))
  await store.reached
  gone.stream.destroy()
  const stops = [server.stop(), server.stop()]
  await sender.readAll()
  await Promise.all(stops)
  await server.stop()
  assert.equal(sender.answers, 1)
  assert.deepEqual(log.lines, [])
})
