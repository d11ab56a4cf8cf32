// The Thrift sink toward peers that refuse, close, stay silent or are something else.
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { createServer, type Socket } from 'node:net'
import { test, type TestContext as Test } from 'node:test'
import { contextFor, optionsFor } from '../../test/context.ts'
import { VirtualClock } from '../../test/virtual-clock.ts'
import { Event } from '../event.ts'
import { realSystem } from '../system/system.ts'
import { FrameReader } from '../wire/kafka/frame-reader.ts'
import { encodeStatus, readCall, readEvents, type statuses } from '../wire/thrift/flume-calls.ts'
import { ThriftReader } from '../wire/thrift/thrift-reader.ts'
import { thriftSink, type ThriftSink } from './thrift.ts'

const never = new AbortController().signal
const events = (count: number) => Array.from({ length: count }, (_, index) => Event.of({}, String(index)))

/** A peer that answers each request as it is told: a status, other bytes, `close`, or not at all. */
async function serve(
  t: Test,
  answer: (
    bodies: readonly string[],
    connection: number,
  ) => (typeof statuses)[number] | Buffer | 'close' | null,
) {
  let connections = 0
  const server = createServer((socket: Socket) => {
    const connection = ++connections
    t.after(() => socket.destroy())
    socket.on('error', () => {})
    const frames = new FrameReader({
      eagerBytes: 0,
      accept: () => true,
      take(message) {
        const reader = new ThriftReader(message, 'compact')
        const call = readCall(reader)
        const steps = readEvents(reader, 'appendBatch')
        let step = steps.next()
        while (step.done !== true) step = steps.next()
        const said = answer(
          step.value.map(one => Event.fromEncoded(one).body.toString()),
          connection,
        )
        if (said === 'close') socket.destroy()
        else if (said !== null)
          socket.write(Buffer.isBuffer(said) ? said : encodeStatus('compact', call, said))
      },
    })
    socket.on('data', (chunk: Buffer) => frames.read(chunk))
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.after(() => server.close())
  return { port: (server.address() as { port: number }).port, connections: () => connections }
}

function sinkTo(t: Test, port: number, given: Record<string, unknown> = {}, system = realSystem) {
  const context = contextFor('SINK', 'k1', thriftSink.counters, { system })
  const options = optionsFor(thriftSink, { hostname: '127.0.0.1', port, ...given })
  const sink = thriftSink.create(options, context) as ThriftSink
  t.after(() => sink.stop())
  return { sink, context }
}

test('a batch that is too large for the peer is sent in halves, over the same connection', async t => {
  const taken: string[] = []
  const peer = await serve(t, bodies => {
    if (bodies.length > 30) return 'FAILED'
    taken.push(...bodies)
    return 'OK'
  })
  const { sink, context } = sinkTo(t, peer.port)
  await sink.deliver(events(100), never)
  assert.deepEqual(
    taken,
    events(100).map(event => event.body.toString()),
  )
  assert.equal(peer.connections(), 1)
  assert.equal(context.counters.get('EventDrainSuccessCount'), 100)
  assert.equal(context.counters.get('BatchCompleteCount'), 1)
})

test('any failure closes the connection, and only what was not answered is to come again', async t => {
  let isBad: string | null = '1'
  const peer = await serve(t, ([first]) => (first === isBad ? 'close' : 'OK'))
  const { sink, context } = sinkTo(t, peer.port)
  // Two requests: each is larger than half of what one may have.
  const large = ['0', '1'].map(name => Event.of({ name }, Buffer.from(name.padEnd(5_000_000, ' '))))
  isBad = large[1]!.body.toString()
  await assert.rejects(sink.deliver(large, never), (error: { code: string; undelivered: Event[] }) => {
    assert.equal(error.code, 'PEER_CLOSED')
    assert.deepEqual(error.undelivered, [large[1]])
    return true
  })
  isBad = null
  await sink.deliver([large[1]!], never)
  assert.equal(peer.connections(), 2)
  const { counters } = context
  const names = [
    'EventDrainSuccessCount',
    'EventWriteFail',
    'ConnectionCreatedCount',
    'ConnectionClosedCount',
  ]
  assert.deepEqual(
    names.map(name => counters.get(name)),
    [2, 1, 2, 1],
  )
})

test('what is no answer of a Thrift source is named', async t => {
  const cases: [Buffer, RegExp][] = [
    [Buffer.from('HTTP/1.1 400 Bad Request\r\n'), /is no Flume Thrift source: .*text \("HTTP"\)|web server/],
    [Buffer.from('7fffffff', 'hex'), /no frame of Thrift/],
    [Buffer.from('0000000180', 'hex'), /its answer is no valid Thrift \(compact\)/],
    [encodeStatus('compact', { name: 'append', seqid: 99, isOneway: false }, 'OK'), /answered request 99/],
  ]
  for (const [bytes, pattern] of cases) {
    const peer = await serve(t, () => bytes)
    const { sink } = sinkTo(t, peer.port)
    await assert.rejects(sink.deliver(events(1), never), { code: 'PROTOCOL', message: pattern })
  }
  const peer = await serve(t, () => 'close')
  await assert.rejects(sinkTo(t, peer.port).sink.deliver(events(1), never), {
    code: 'PEER_CLOSED',
    remedy: /protocol = compact and the same ssl/,
  })
})

test('a peer that is silent is waited for as long as request-timeout says, and given up at the stop', async t => {
  const asked = Promise.withResolvers<void>()
  const peer = await serve(t, () => {
    asked.resolve()
    return null
  })
  const clock = new VirtualClock()
  const { sink } = sinkTo(t, peer.port, { 'request-timeout': 5000 }, { ...realSystem, clock })
  const sent = assert.rejects(sink.deliver(events(1), never), {
    code: 'PEER_TIMEOUT',
    message: /within 5000 ms \(request-timeout\)/,
  })
  await asked.promise
  await clock.advance(5000)
  await sent
  const giveUp = new AbortController()
  const given = assert.rejects(sink.deliver(events(1), giveUp.signal), { code: 'STOPPED' })
  giveUp.abort()
  await given
})

test('reconnects after reset-connection-interval; the name in the guide of Flume means it too', async t => {
  const peer = await serve(t, () => 'OK')
  const clock = new VirtualClock()
  const { sink } = sinkTo(t, peer.port, { 'reset-connection-interval': 10 }, { ...realSystem, clock })
  await sink.deliver(events(1), never)
  await sink.deliver(events(1), never)
  assert.equal(peer.connections(), 1)
  await clock.advance(10_000)
  await sink.deliver(events(1), never)
  assert.equal(peer.connections(), 2)
  assert.equal(thriftSink.deprecated!['connection-reset-interval']!.to, 'reset-connection-interval')
})

test('Kerberos is refused with a sentence', () => {
  const said: string[] = []
  const say = { error: (key: string, problem: string) => void said.push(`${key}: ${problem}`), warning() {} }
  thriftSink.check!(optionsFor(thriftSink, { hostname: 'a', port: 1, kerberos: true }), say)
  assert.deepEqual(said, ['kerberos: Thrift with Kerberos (SASL/GSSAPI) is not spoken here'])
})
