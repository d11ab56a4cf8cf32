import assert from 'node:assert/strict'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createServer } from 'node:net'
import { after, before, test } from 'node:test'
import { createAuthority, type TestAuthority } from '../../test/certificates.ts'
import { deliveriesOf } from '../../test/sink-sessions.ts'
import { contextFor, optionsFor, type TestContext } from '../../test/context.ts'
import { memoryChannel } from '../channels/memory.ts'
import { Fault } from '../errors.ts'
import { Event } from '../event.ts'
import type { Clock } from '../system/clock.ts'
import { realSystem } from '../system/system.ts'
import { type AvroSource, avroSource } from '../sources/avro.ts'
import { SinkRunner } from '../topology/sink-runner.ts'
import { type AvroSink, avroSink } from './avro.ts'

const never = new AbortController().signal
let directory: string
let authority: TestAuthority
const files: Record<string, string> = {}

before(async () => {
  directory = await mkdtemp(join(tmpdir(), 'avro-sink-'))
  authority = createAuthority()
  const store = async (name: string, content: string | Buffer) => {
    files[name] = join(directory, name)
    await writeFile(files[name], content)
  }
  const good = authority.sign({ host: 'localhost', ip: '127.0.0.1' })
  await store('good.pem', good.pem)
  await store('good.p12', good.pkcs12('secret1'))
  await store('expired.pem', authority.sign({ host: 'localhost', ip: '127.0.0.1', expired: true }).pem)
  await store('other.pem', authority.sign({ host: 'elsewhere.example' }).pem)
  await store('trust.pem', authority.certificate)
})
after(() => rm(directory, { recursive: true }))

interface Pair {
  readonly source: AvroSource
  readonly sink: AvroSink
  readonly deliver: (events: readonly Event[]) => Promise<void>
  readonly received: Event[]
  readonly sourceContext: TestContext
  readonly sinkContext: TestContext
}

/** A source and a sink that sends to it; both stopped when the test ends. */
async function pair(
  t: { after(run: () => Promise<void>): void },
  sourceOptions: Record<string, unknown> = {},
  sinkOptions: Record<string, unknown> = {},
  take: (events: readonly Event[]) => Promise<void> = () => Promise.resolve(),
): Promise<Pair> {
  const received: Event[] = []
  const processor = {
    async process(events: readonly Event[]) {
      await take(events)
      received.push(...events)
    },
    processUntilAccepted: () => Promise.reject(new Error('an Avro source does not repeat')),
  }
  const sourceContext = contextFor('SOURCE', 'r1', avroSource.counters)
  const source = avroSource.create(optionsFor(avroSource, { bind: '127.0.0.1', port: 0, ...sourceOptions }), {
    ...sourceContext,
    processor,
  }) as AvroSource
  await source.start()
  const sinkContext = contextFor('SINK', 'k1', avroSink.counters)
  const sink = sinkFor({ port: source.port, ...sinkOptions }, sinkContext)
  t.after(async () => {
    await sink.stop()
    await source.stop()
  })
  return { source, sink, deliver: deliveriesOf(sink), received, sourceContext, sinkContext }
}

const sinkFor = (options: Record<string, unknown>, context = contextFor('SINK', 'k1', avroSink.counters)) =>
  avroSink.create(optionsFor(avroSink, { hostname: '127.0.0.1', ...options }), context) as AvroSink

/** Turns of the event loop until the condition holds; the test's own time-out bounds it. */
async function waitFor(condition: () => boolean): Promise<void> {
  while (!condition()) await new Promise(resolve => setImmediate(resolve))
}

const eventsOf = (...texts: string[]) => texts.map(text => Event.of({ n: text }, text))
const textsOf = (events: readonly Event[]) => events.map(event => event.body.toString())

test('what is sent arrives, with headers, in order, and is counted', async t => {
  const { sink, deliver, received, sinkContext, sourceContext } = await pair(t, {}, { 'batch-size': 2 })
  await sink.start()
  await deliver(eventsOf('a', 'b'))
  await deliver([Event.of({ Schlüssel: 'Wert' }, Buffer.from([0, 255]))])
  assert.deepEqual(textsOf(received.slice(0, 2)), ['a', 'b'])
  assert.equal(received[0]!.headers.get('n'), 'a')
  assert.equal(received[2]!.headers.get('Schlüssel'), 'Wert')
  assert.deepEqual(received[2]!.body, Buffer.from([0, 255]))
  const sent = sinkContext.counters
  assert.equal(sent.get('ConnectionCreatedCount'), 1)
  assert.equal(sent.get('BatchCompleteCount'), 1)
  assert.equal(sent.get('BatchUnderflowCount'), 1)
  assert.equal(sent.get('EventDrainAttemptCount'), 3)
  assert.equal(sent.get('EventDrainSuccessCount'), 3)
  const taken = sourceContext.counters
  assert.equal(taken.get('AppendBatchReceivedCount'), 2)
  assert.equal(taken.get('AppendBatchAcceptedCount'), 2)
  assert.equal(taken.get('EventAcceptedCount'), 3)
  assert.equal(taken.get('OpenConnectionCount'), 1)
})

for (const [name, sourceOptions, sinkOptions] of [
  ['deflate', { 'compression-type': 'deflate' }, { 'compression-type': 'deflate', 'compression-level': 9 }],
  ['TLS from PEM', { ssl: true, keystore: 'good.pem' }, { ssl: true, truststore: 'trust.pem' }],
  [
    'TLS from PKCS12, by host name',
    { ssl: true, keystore: 'good.p12', 'keystore-password': 'secret1' },
    { ssl: true, truststore: 'trust.pem', hostname: 'localhost' },
  ],
  [
    'zlib around TLS',
    { ssl: true, keystore: 'good.pem', 'compression-type': 'deflate' },
    {
      ssl: true,
      truststore: 'trust.pem',
      'compression-type': 'deflate',
      'compression-layering': 'zlib-outside',
    },
  ],
  [
    'TLS around zlib',
    { ssl: true, keystore: 'good.pem', 'compression-type': 'deflate' },
    {
      ssl: true,
      truststore: 'trust.pem',
      'compression-type': 'deflate',
      'compression-layering': 'tls-outside',
    },
  ],
] as const)
  test(`${name}: 40 batches in a window arrive in order`, async t => {
    const { deliver, received } = await pair(t, inDirectory(sourceOptions), inDirectory(sinkOptions))
    const texts = Array.from({ length: 4000 }, (_, index) => `event ${index} ${'x'.repeat(index % 700)}`)
    const batches = Array.from({ length: 40 }, (_, index) =>
      eventsOf(...texts.slice(index * 100, index * 100 + 100)),
    )
    await Promise.all(batches.map(batch => deliver(batch)))
    assert.deepEqual(textsOf(received), texts)
  })

/** Replaces names of stores by their paths, and gives every key store a password. */
function inDirectory(options: Record<string, unknown>): Record<string, unknown> {
  const result: Record<string, unknown> = { ...options }
  for (const key of ['keystore', 'truststore'])
    if (result[key] !== undefined) result[key] = files[String(result[key])]
  if (result['keystore'] !== undefined) result['keystore-password'] ??= 'unused'
  return result
}

for (const [name, keystore, sinkOptions, refusal] of [
  [
    'an expired certificate',
    'expired.pem',
    {},
    /certificate of 127\.0\.0\.1:\d+ was refused .*expired.*trust-all-certs/,
  ],
  [
    'a certificate for another host',
    'other.pem',
    {},
    /certificate of 127\.0\.0\.1:\d+ is for another host .*ssl\.disableHostnameVerification/,
  ],
  [
    'a certificate nobody trusted signed',
    'good.pem',
    { truststore: undefined },
    /was refused .*trust-all-certs/,
  ],
  [
    'an expired certificate, host names not verified',
    'expired.pem',
    { 'ssl.disableHostnameVerification': true },
    /expired/,
  ],
  ['another host, host names not verified', 'other.pem', { 'ssl.disableHostnameVerification': true }, null],
  ['an expired certificate, all trusted', 'expired.pem', { 'trust-all-certs': true }, null],
  ['another host, all trusted', 'other.pem', { 'trust-all-certs': true, truststore: undefined }, null],
] as const)
  test(`${name} is ${refusal === null ? 'accepted' : 'refused'}`, async t => {
    const { deliver, received } = await pair(
      t,
      inDirectory({ ssl: true, keystore }),
      inDirectory({ ssl: true, truststore: 'trust.pem', ...sinkOptions }),
    )
    const sending = deliver(eventsOf('a'))
    if (refusal === null) {
      await sending
      assert.deepEqual(textsOf(received), ['a'])
    } else {
      await assert.rejects(sending, (error: Fault) => error.code === 'TLS' && refusal.test(error.message))
      assert.deepEqual(received, [])
    }
  })

test('the channel fills in the middle of a window: order holds and nothing is put behind the refusal', async t => {
  let room = 3
  const asked: string[] = []
  const { deliver, received, sinkContext } = await pair(t, {}, { window: 8 }, async events => {
    asked.push(...textsOf(events))
    if (room === 0) throw new Fault('CHANNEL_FULL', 'no room in channel c1')
    room--
  })
  await deliver(eventsOf('0')) // the handshake is answered: now the window is open
  room = 3
  const names = ['1', '2', '3', '4', '5', '6', '7', '8']
  const outcomes = await Promise.allSettled(names.map(name => deliver(eventsOf(name))))
  assert.deepEqual(
    outcomes.map(outcome => outcome.status),
    ['fulfilled', 'fulfilled', 'fulfilled', ...Array(5).fill('rejected')],
  )
  for (const outcome of outcomes.slice(3))
    assert.match(String((outcome as PromiseRejectedResult).reason), /answered FAILED/)
  // Room again: had the source gone on with what was in flight, 5 to 8 would arrive before 4.
  room = Infinity
  await new Promise(resolve => setImmediate(resolve))
  for (const name of names.slice(3)) await deliver(eventsOf(name))
  assert.deepEqual(textsOf(received), ['0', ...names])
  assert.deepEqual(asked, ['0', '1', '2', '3', '4', '4', '5', '6', '7', '8'])
  assert.equal(sinkContext.counters.get('EventWriteFail'), 5)
  assert.equal(sinkContext.counters.get('ConnectionCreatedCount'), 2)
})

test('a batch handed over right behind a failure fails with it', async t => {
  let full = true
  const { sink, received } = await pair(t, {}, { window: 4 }, async () => {
    if (full) throw new Fault('CHANNEL_FULL', 'no room')
  })
  const session = sink.open(never)
  let late: Promise<void> | undefined
  await session.deliver(eventsOf('1')).catch(() => {
    full = false
    late = session.deliver(eventsOf('2'))
  })
  await assert.rejects(late!, /answered FAILED/)
  assert.deepEqual(received, [])
})

test('100 events of 1 MiB are cut into several requests and pass', async t => {
  const { deliver, received, sourceContext } = await pair(t)
  const body = Buffer.alloc(1024 * 1024, 'x')
  await deliver(Array.from({ length: 100 }, () => Event.of({}, body)))
  assert.equal(received.length, 100)
  assert.ok(received.every(event => event.body.equals(body)))
  assert.equal(sourceContext.counters.get('AppendBatchAcceptedCount'), 15)
})

test('a peer that is away is named; once it is there the next delivery connects', async t => {
  const first = await pair(t)
  const { port } = first.source
  await first.source.stop()
  const context = contextFor('SINK', 'k1', avroSink.counters)
  const sink = sinkFor({ port }, context)
  t.after(() => sink.stop())
  const deliver = deliveriesOf(sink)
  await sink.start()
  await context.log.line(/not connected yet/)
  await assert.rejects(
    deliver(eventsOf('a')),
    (error: Fault) => error.code === 'PEER_UNREACHABLE' && error.message.includes(`127.0.0.1:${port}`),
  )
  assert.equal(context.counters.get('ConnectionFailedCount'), 2)
  const second = await pair(t, { port })
  await new Promise(resolve => setImmediate(resolve))
  await deliver(eventsOf('b'))
  assert.deepEqual(textsOf(second.received), ['b'])
})

test('a peer that never answers runs into request-timeout, named', async t => {
  const server = createServer(socket => socket.resume()).listen(0, '127.0.0.1')
  await new Promise(resolve => server.once('listening', resolve))
  const { port } = server.address() as { port: number }
  const sink = sinkFor({ port, 'request-timeout': 50 })
  const deliver = deliveriesOf(sink)
  t.after(async () => {
    await sink.stop()
    server.close()
  })
  await assert.rejects(
    deliver(eventsOf('a')),
    (error: Fault) => error.code === 'PEER_TIMEOUT' && /127\.0\.0\.1:\d+ within 50 ms/.test(error.message),
  )
})

test('a peer that speaks something else is named', async t => {
  const server = createServer(socket => socket.end('HTTP/1.1 400 Bad Request\r\n\r\n')).listen(0, '127.0.0.1')
  await new Promise(resolve => server.once('listening', resolve))
  const { port } = server.address() as { port: number }
  const sink = sinkFor({ port })
  const deliver = deliveriesOf(sink)
  t.after(async () => {
    await sink.stop()
    server.close()
  })
  await assert.rejects(deliver(eventsOf('a')), /no Flume Avro source: it answers as a web server/)
})

test('aborting gives a delivery up at once', async t => {
  const { sink } = await pair(t, {}, {}, () => new Promise(() => {}))
  const abort = new AbortController()
  const sending = sink.open(abort.signal).deliver(eventsOf('a'))
  setImmediate(() => abort.abort())
  await assert.rejects(sending, (error: Fault) => error.code === 'STOPPED')
})

for (const opens of [false, true])
  test(`a stop while it connects${opens ? ' for a batch' : ' ahead'} waits for nobody`, async t => {
    const server = createServer(socket => socket.resume()).listen(0, '127.0.0.1')
    await new Promise(resolve => server.once('listening', resolve))
    t.after(() => server.close())
    const { port } = server.address() as { port: number }
    const sink = sinkFor({ port, ssl: true })
    await sink.start()
    const outcome = opens ? sink.open(never).deliver(eventsOf('a')) : null
    outcome?.catch(() => {})
    await new Promise(resolve => server.once('connection', resolve))
    const begun = realSystem.clock.monotonic()
    await sink.stop()
    // connect-timeout is 20 s.
    assert.ok(realSystem.clock.monotonic() - begun < 5000)
    if (outcome !== null) await assert.rejects(outcome, { code: 'STOPPED' })
  })

test('reset-connection-interval: what is in flight is answered on the old connection, order holds', async t => {
  let release = () => {}
  const gate = new Promise<void>(resolve => (release = resolve))
  const { source, received } = await pair(t, {}, {}, () => gate)
  const resets: (() => void)[] = []
  const clock: Clock = {
    ...realSystem.clock,
    after(delayMs, run, options) {
      if (delayMs !== 7_000) return realSystem.clock.after(delayMs, run, options)
      resets.push(run)
      return { cancel() {} }
    },
  }
  const context = contextFor('SINK', 'k1', avroSink.counters, { system: { ...realSystem, clock } })
  const sink = sinkFor(
    { port: source.port, 'reset-connection-interval': 7, window: 4, 'batch-size': 1 },
    context,
  )
  const { channel, runner } = await runnerFor(sink, clock)
  t.after(async () => {
    await runner.stop(1000)
    await sink.stop()
  })
  await channel.put(eventsOf('1', '2', '3'))
  await waitFor(() => resets.length === 1 && context.counters.get('EventDrainAttemptCount') === 3)
  resets[0]!()
  await channel.put(eventsOf('4'))
  assert.equal(context.counters.get('ConnectionCreatedCount'), 1)
  release()
  await waitFor(() => received.length === 4)
  assert.deepEqual(textsOf(received), ['1', '2', '3', '4'])
  assert.equal(context.counters.get('ConnectionCreatedCount'), 2)
  assert.equal(resets.length, 2, 'the new connection is reset in its turn')
})

test('a connection that is closed while nothing is under way is replaced without a failure', async t => {
  const { source, received } = await pair(t)
  const context = contextFor('SINK', 'k1', avroSink.counters)
  const sink = sinkFor({ port: source.port }, context)
  const { channel, runner } = await runnerFor(sink)
  t.after(async () => {
    await runner.stop(1000)
    await sink.stop()
  })
  await channel.put(eventsOf('1'))
  await waitFor(() => received.length === 1)
  const { port } = source
  await source.stop()
  await waitFor(() => context.counters.get('ConnectionClosedCount') === 1)
  const second = await pair(t, { port })
  await channel.put(eventsOf('2'))
  await waitFor(() => second.received.length === 1)
  assert.equal(context.counters.get('EventWriteFail'), 0)
  assert.equal(context.counters.get('ConnectionCreatedCount'), 2)
})

async function runnerFor(sink: AvroSink, clock: Clock = realSystem.clock) {
  const { log, condition, ...context } = contextFor('CHANNEL', 'c1', memoryChannel.counters)
  const channel = memoryChannel.create(optionsFor(memoryChannel), { ...context, log, condition })
  await channel.start()
  const { random } = realSystem
  const members = [{ name: 'k1', sink }]
  const runner = new SinkRunner({ name: 'sink k1', members, channel, clock, random, log, condition })
  runner.start()
  return { channel, runner }
}
