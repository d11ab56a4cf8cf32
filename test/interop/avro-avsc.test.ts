// Our Avro RPC beside an independent implementation, the npm package avsc, in both roles.
import assert from 'node:assert/strict'
import { createServer, connect, type Socket } from 'node:net'
import { test } from 'node:test'
import avsc from 'avsc'
import { connectAvro } from '../../src/index.ts'
import { AvroServer } from '../../src/avro-rpc/server.ts'
import { Event } from '../../src/event.ts'
import { MemoryBudget } from '../../src/system/memory-budget.ts'
import { realSystem } from '../../src/system/system.ts'
import { protocolText } from '../../src/wire/avro-rpc/protocol.ts'
import { KeptLog } from '../context.ts'

interface Written {
  headers: Record<string, string>
  body: Buffer
}
/** What avsc makes of a protocol, as far as it is used here; its own types do not know the messages. */
interface Client {
  createChannel(transport: unknown, options?: object): unknown
  append(event: Written, done: (error: Error | null, status: string) => void): void
  appendBatch(events: Written[], done: (error: Error | null, status: string) => void): void
  destroyChannels(options?: object): void
}

const serviceOf = (text = protocolText) => avsc.Service.forProtocol(JSON.parse(text))
const clientFor = (socket: Socket, text?: string) => {
  const client = serviceOf(text).createClient() as unknown as Client
  const channel = client.createChannel(socket) as { setMaxListeners(count: number): void }
  channel.setMaxListeners(0) // one a call that waits for the handshake
  return client
}
const batch = (from: number, count: number): Written[] =>
  Array.from({ length: count }, (_, index) => ({
    headers: { n: String(from + index), topic: 'test3', 'Schlüssel €': '✓' },
    body: Buffer.alloc(500, from + index),
  }))

async function serve(t: { after(run: () => Promise<void>): void }, accept: (events: Event[]) => boolean) {
  const log = new KeptLog()
  const server = new AvroServer({
    host: '127.0.0.1',
    port: 0,
    maxRequestBytes: 1 << 28,
    maxRequestEvents: 100_000,
    memory: new MemoryBudget(),
    window: 8,
    stallMs: 10_000,
    deflate: false,
    tls: null,
    network: realSystem.network,
    clock: realSystem.clock,
    log,
    handle: events => Promise.resolve(accept(events.map(Event.fromEncoded))),
  })
  await server.start()
  t.after(() => server.stop())
  const socket = connect(server.port, '127.0.0.1')
  await new Promise(resolve => socket.once('connect', resolve))
  socket.on('error', () => {}) // a refused sender may still be writing
  socket.setMaxListeners(0)
  t.after(async () => void socket.destroy())
  return { socket, log }
}

const ask = (client: Client, events: Written[]) =>
  new Promise<string>((resolve, reject) =>
    client.appendBatch(events, (error, status) => (error ? reject(error) : resolve(status))),
  )

test('an avsc client sends to our server: batches in flight, single events, headers and bodies', async t => {
  const received: Event[] = []
  const { socket, log } = await serve(t, events => received.push(...events) > 0)
  const client = clientFor(socket)
  const statuses = await Promise.all(Array.from({ length: 20 }, (_, n) => ask(client, batch(n * 100, 100))))
  assert.deepEqual(statuses, Array(20).fill('OK'))
  const single = await new Promise((resolve, reject) =>
    client.append(batch(2000, 1)[0]!, (error, status) => (error ? reject(error) : resolve(status))),
  )
  assert.equal(single, 'OK')
  assert.deepEqual(
    received.map(event => event.headers.get('n')),
    Array.from({ length: 2001 }, (_, index) => String(index)),
  )
  assert.deepEqual(
    received.slice(0, 300).map(event => ({ headers: Object.fromEntries(event.headers), body: event.body })),
    batch(0, 300),
  )
  assert.deepEqual(log.lines, [])
})

test('an avsc client is told FAILED, and everything it had in flight behind', async t => {
  let asked = 0
  const { socket } = await serve(t, () => ++asked < 3)
  const client = clientFor(socket)
  const statuses = await Promise.all(Array.from({ length: 6 }, (_, n) => ask(client, batch(n, 1))))
  assert.deepEqual(statuses, ['OK', 'OK', 'FAILED', 'FAILED', 'FAILED', 'FAILED'])
  assert.equal(asked, 3)
})

test('an avsc client with other events is refused in a sentence', async t => {
  const { socket, log } = await serve(t, () => true)
  const closed = new Promise(resolve => socket.once('close', resolve))
  const client = clientFor(socket, protocolText.replace('"bytes"', '"string"'))
  client.appendBatch([{ headers: {}, body: 'text' as never }], () => {})
  await closed
  client.destroyChannels({ noWait: true })
  assert.equal(log.lines.length, 1)
  assert.match(log.lines[0]!, /protocol cannot be spoken: its append does not take one AvroFlumeEvent/)
})

for (const [name, text] of [
  ['the same protocol', protocolText],
  [
    'the statuses in another order',
    protocolText.replace('["OK","FAILED","UNKNOWN"]', '["UNKNOWN","FAILED","OK"]'),
  ],
] as const)
  test(`our client sends to an avsc server with ${name}`, async t => {
    const received: Written[] = []
    const service = serviceOf(text)
    const server = service.createServer() as unknown as {
      onAppend(handle: (event: Written, done: (error: null, status: string) => void) => void): void
      onAppendBatch(handle: (events: Written[], done: (error: null, status: string) => void) => void): void
      createChannel(transport: Socket): unknown
    }
    server.onAppend((event, done) => done(null, received.push(event) > 0 ? 'OK' : 'FAILED'))
    server.onAppendBatch((events, done) => {
      const full = events.some(event => event.body.equals(Buffer.from('full')))
      if (!full) received.push(...events)
      done(null, full ? 'FAILED' : 'OK')
    })
    const sockets: Socket[] = []
    const listener = createServer(socket => {
      sockets.push(socket)
      server.createChannel(socket)
    }).listen(0, '127.0.0.1')
    await new Promise(resolve => listener.once('listening', resolve))
    t.after(() => {
      for (const socket of sockets) socket.destroy()
      listener.close()
    })
    const { port } = listener.address() as { port: number }
    const client = await connectAvro({ host: '127.0.0.1', port, window: 8 })
    const written = batch(0, 100)
    const events = written.map(one => Event.of(one.headers, one.body))
    await Promise.all([client.appendBatch(events), client.appendBatch(events), client.append(events[0]!)])
    assert.equal(client.pipelined, false, 'avsc knows nothing of our window')
    assert.equal(client.window, 1)
    assert.deepEqual(
      received.map(({ headers, body }) => ({ headers: { ...headers }, body })),
      [...written, ...written, written[0]],
    )
    await assert.rejects(client.appendBatch([Event.of({}, 'full')]), /answered FAILED/)
  })
