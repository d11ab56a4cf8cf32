// The Thrift source on real sockets: answers, refusals, limits, bytes that are no Thrift.
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import { test, type TestContext as Test } from 'node:test'
import { contextFor, optionsFor, type TestContext } from '../../test/context.ts'
import type { DefinitionOf } from '../component.ts'
import { Fault } from '../errors.ts'
import { Event } from '../event.ts'
import { connectThrift } from '../thrift-rpc/client.ts'
import { realSystem } from '../system/system.ts'
import { FrameReader } from '../wire/kafka/frame-reader.ts'
import { decodeReply, encodeAppendBatch } from '../wire/thrift/flume-calls.ts'
import { thriftSource, type ThriftSource } from './thrift.ts'

const bodies = (events: readonly Event[]) => events.map(event => event.body.toString())
const events = (count: number) =>
  Array.from({ length: count }, (_, number) => Event.of({ n: String(number) }, String(number)))

interface Running {
  readonly port: number
  readonly context: TestContext
  readonly taken: Event[]
  /** What becomes of a put. */
  put: (events: readonly Event[]) => Promise<void>
  stop(): Promise<void>
}

async function run(t: Test, options: Record<string, unknown> = {}): Promise<Running> {
  const context = contextFor('SOURCE', 'r1', thriftSource.counters)
  const taken: Event[] = []
  const source = (thriftSource as DefinitionOf<'source'>).create(
    optionsFor(thriftSource, { bind: '127.0.0.1', port: 0, ...options }),
    {
      ...context,
      processor: {
        async process(some) {
          await running.put(some)
          taken.push(...some)
        },
        processUntilAccepted: () => assert.fail('a Thrift source does not repeat'),
      },
    },
  ) as ThriftSource
  const running: Running = { port: 0, context, taken, put: async () => {}, stop: () => source.stop() }
  await source.start()
  t.after(() => source.stop())
  return Object.assign(running, { port: source.port })
}

async function open(t: Test, port: number): Promise<Socket> {
  const socket = connect(port, '127.0.0.1')
  socket.on('error', () => {})
  t.after(() => socket.destroy())
  await once(socket, 'connect')
  return socket
}

const framed = (hex: string): Buffer => {
  const message = Buffer.from(hex.replaceAll(/\s/g, ''), 'hex')
  const head = Buffer.alloc(4)
  head.writeInt32BE(message.length)
  return Buffer.concat([head, message])
}

/** The answers to what is sent, as they are decoded. */
async function answers(socket: Socket, count: number, encoding: 'compact' | 'binary' = 'compact') {
  const found: ReturnType<typeof decodeReply>[] = []
  const { promise, resolve } = Promise.withResolvers<void>()
  const frames = new FrameReader({
    eagerBytes: 0,
    accept: () => true,
    take(frame) {
      found.push(decodeReply(frame, encoding))
      if (found.length === count) resolve()
    },
  })
  socket.on('data', (chunk: Buffer) => frames.read(chunk))
  await promise
  return found
}

test('append and appendBatch are put in order and counted, in either encoding, however the bytes arrive', async t => {
  const source = await run(t)
  const socket = await open(t, source.port)
  const replies = answers(socket, 3)
  const batch = Buffer.concat(encodeAppendBatch('compact', 5, events(3)))
  for (const byte of batch) socket.write(Buffer.of(byte))
  // append(1: {headers: {}, body: "x"}), number 6; then a batch of none.
  socket.write(framed('82 21 06 06 617070656e64 1c 1b 00 18 01 78 00 00'))
  socket.write(Buffer.concat(encodeAppendBatch('compact', 7, [])))
  assert.deepEqual(
    await replies,
    [5, 6, 7].map(seqid => ({ seqid, status: 'OK' })),
  )
  assert.deepEqual(bodies(source.taken), ['0', '1', '2', 'x'])
  assert.equal(source.taken[1]!.headers.get('n'), '1')
  const { counters } = source.context
  const counted = [
    'AppendReceivedCount',
    'AppendBatchAcceptedCount',
    'EventAcceptedCount',
    'OpenConnectionCount',
  ]
  assert.deepEqual(
    counted.map(name => counters.get(name)),
    [1, 2, 4, 1],
  )
  const other = await run(t, { protocol: 'binary' })
  const client = await connectThrift({
    ...realSystem,
    host: '127.0.0.1',
    port: other.port,
    encoding: 'binary',
  })
  await client.appendBatch(events(2))
  client.close()
  assert.deepEqual(bodies(other.taken), ['0', '1'])
})

test('what a channel refuses is answered FAILED, and later requests of the connection are handled', async t => {
  const source = await run(t)
  const client = await connectThrift({ ...realSystem, host: '127.0.0.1', port: source.port })
  t.after(() => client.close())
  source.put = () => Promise.reject(new Fault('CHANNEL_FULL', 'channel c1 had no room'))
  await assert.rejects(client.appendBatch(events(2)), { code: 'PEER_REFUSED', message: /answered FAILED/ })
  source.put = () => Promise.reject(new Fault('TRANSACTION_TOO_LARGE', '2 events in one put'))
  await assert.rejects(client.appendBatch(events(2)), { code: 'PEER_REFUSED' })
  assert.match(
    source.context.health().join(),
    /Thrift source r1 answered FAILED: 127\.0\.0\.1:\d+ sends a batch of 2/,
  )
  source.put = async () => {}
  await client.appendBatch(events(2))
  assert.deepEqual(bodies(source.taken), ['0', '1'])
  assert.deepEqual(source.context.health(), [])
})

test('a call that there is not, a message that is none, and one that waits for no answer', async t => {
  const source = await run(t)
  const socket = await open(t, source.port)
  const replies = answers(socket, 2)
  socket.write(framed('82 21 01 04 70696e67 00'))
  // A oneway append is put and not answered.
  socket.write(framed('82 81 02 06 617070656e64 1c 1b 00 18 01 78 00 00'))
  socket.write(framed('82 21 03 06 617070656e64 1c 1b 00 18 01 79 00 00'))
  assert.deepEqual(await replies, [
    { seqid: 1, error: 'there is no call "ping": append and appendBatch are' },
    { seqid: 3, status: 'OK' },
  ])
  assert.deepEqual(bodies(source.taken), ['x', 'y'])
  const closed = once(socket, 'close')
  socket.write(framed('80010001 00000006 617070656e64 00000001'))
  await closed
  await source.context.log.line(
    /WARN Thrift connection from 127\.0\.0\.1:\d+ closed: its request is no valid Thrift \(compact\) at byte 1 of 18: it begins with byte 128/,
  )
})

test('sizes of gigabytes, other protocols and too many events close the connection and take no memory', async t => {
  const source = await run(t, { maxRequestEvents: 10 })
  const before = process.memoryUsage()
  const close = async (bytes: Buffer, pattern: RegExp | null) => {
    const socket = await open(t, source.port)
    const closed = once(socket, 'close')
    socket.resume()
    socket.write(bytes)
    await closed
    if (pattern !== null) await source.context.log.line(pattern)
  }
  await close(Buffer.from('7fffffff00', 'hex'), /closed: a request of 2147483647 bytes is announced/)
  // The log spares another line of the kind.
  await close(Buffer.from('ffffffff00', 'hex'), null)
  await close(Buffer.from('GET / HTTP/1.1\r\n\r\n'), /closed: these bytes are no Thrift .* look like HTTP/)
  await close(Buffer.from('1603010200010001', 'hex'), /look like TLS: one side has ssl = true/)
  await close(
    framed(`82 21 01 0b ${Buffer.from('appendBatch').toString('hex')} 19 fc ffffffff07`),
    /a size of 2147483647 is announced, and 0 bytes are left/,
  )
  await close(
    Buffer.concat(encodeAppendBatch('compact', 1, events(11))),
    /a request of 11 events, and 10 are allowed \(maxRequestEvents\)/,
  )
  // As much as is allowed is announced, and never sent.
  const waiting = await open(t, source.port)
  waiting.write(Buffer.from('10000000', 'hex'))
  const client = await connectThrift({ ...realSystem, host: '127.0.0.1', port: source.port })
  await client.appendBatch(events(3))
  client.close()
  const after = process.memoryUsage()
  assert.ok(after.arrayBuffers - before.arrayBuffers < 16 * 1024 * 1024)
  assert.deepEqual(bodies(source.taken), ['0', '1', '2'])
})

test('a stop answers the request that is being put, and closes the connections', async t => {
  const source = await run(t)
  const { promise, resolve } = Promise.withResolvers<void>()
  const begun = Promise.withResolvers<void>()
  source.put = () => {
    begun.resolve()
    return promise
  }
  const client = await connectThrift({ ...realSystem, host: '127.0.0.1', port: source.port })
  const sent = client.appendBatch(events(1))
  await begun.promise
  const stopped = source.stop()
  resolve()
  await sent
  await stopped
  assert.equal(source.taken.length, 1)
})

test('Kerberos is refused with a sentence', () => {
  const said: string[] = []
  const say = { error: (key: string, problem: string) => void said.push(`${key}: ${problem}`), warning() {} }
  thriftSource.check!(optionsFor(thriftSource, { bind: 'a', port: 1, kerberos: true }), say)
  assert.deepEqual(said, ['kerberos: Thrift with Kerberos (SASL/GSSAPI) is not spoken here'])
  assert.match(thriftSource.withoutEffect!['agent-keytab']!, /Kerberos/)
})
