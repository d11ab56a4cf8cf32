import assert from 'node:assert/strict'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { connect } from 'node:tls'
import { createAuthority } from '../../test/certificates.ts'
import { contextFor, optionsFor, type TestContext } from '../../test/context.ts'
import { type AvroClientOptions, connectAvro } from '../index.ts'
import { Fault } from '../errors.ts'
import { Event } from '../event.ts'
import { createTlsContext } from '../system/tls.ts'
import { type AvroSource, avroSource } from './avro.ts'

interface Running {
  readonly source: AvroSource
  readonly context: TestContext
  readonly received: Event[]
  client(options?: Partial<AvroClientOptions>): ReturnType<typeof connectAvro>
}

async function run(
  t: { after(end: () => Promise<void>): void },
  options: Record<string, unknown> = {},
  take: (events: readonly Event[]) => Promise<void> = () => Promise.resolve(),
  given: Partial<TestContext> = {},
  takeTogether?: (events: readonly Event[]) => Promise<boolean>,
): Promise<Running> {
  const context = { ...contextFor('SOURCE', 'r1', avroSource.counters), ...given }
  const received: Event[] = []
  const processor = {
    async process(events: readonly Event[]) {
      await take(events)
      received.push(...events)
    },
    ...(takeTogether && { processTogether: takeTogether }),
    processUntilAccepted: () => Promise.reject(new Error('an Avro source does not repeat')),
  }
  const source = avroSource.create(optionsFor(avroSource, { bind: '127.0.0.1', port: 0, ...options }), {
    ...context,
    processor,
  }) as AvroSource
  t.after(() => source.stop())
  await source.start()
  const client = (more: Partial<AvroClientOptions> = {}) =>
    connectAvro({ host: '127.0.0.1', port: source.port, ...more })
  return { source, context, received, client }
}

test('requests that wait are put together, and counted each', async t => {
  let received: readonly string[] = []
  const keep = (events: readonly Event[]) => {
    received = [...received, ...events.map(event => event.body.toString())]
    return new Promise<void>(resolve => setImmediate(resolve))
  }
  const together = async (events: readonly Event[]) => {
    await keep(events)
    return true
  }
  const { client, context } = await run(t, {}, keep, {}, together)
  const sender = await client({ window: 8 })
  const bodies = Array.from({ length: 60 }, (_, index) => String(index))
  await Promise.all(
    bodies.map((body, index) => {
      const event = Event.of({}, body)
      return index % 2 === 0 ? sender.append(event) : sender.appendBatch([event])
    }),
  )
  assert.deepEqual(received, bodies)
  for (const how of ['Received', 'Accepted'])
    assert.deepEqual(
      ['Event', 'Append', 'AppendBatch'].map(name => context.counters.get(`${name}${how}Count`)),
      [60, 30, 30],
    )
})

test('append and appendBatch are counted apart', async t => {
  const { client, context, received } = await run(t)
  const sender = await client()
  await sender.append(Event.of({ a: 'b' }, 'one'))
  await sender.appendBatch([Event.of({}, 'two'), Event.of({}, 'three')])
  await sender.appendBatch([])
  await sender.close()
  assert.deepEqual(
    received.map(event => event.body.toString()),
    ['one', 'two', 'three'],
  )
  const counted = ['Event', 'Append', 'AppendBatch'].map(name => [
    context.counters.get(`${name}ReceivedCount`),
    context.counters.get(`${name}AcceptedCount`),
  ])
  assert.deepEqual(counted, [
    [3, 3],
    [1, 1],
    [2, 2],
  ])
})

test('a channel that refuses: FAILED, counted, one warning, and a line when it accepts again', async t => {
  let full = true
  const { client, context } = await run(t, {}, async () => {
    if (full) throw new Fault('CHANNEL_FULL', 'no room for 1 event in channel c1 within 3000 ms')
  })
  for (let count = 0; count < 3; count++) {
    const sender = await client()
    await assert.rejects(sender.append(Event.of({}, 'x')), /answered FAILED/)
  }
  full = false
  const sender = await client()
  await sender.append(Event.of({}, 'x'))
  assert.equal(context.counters.get('ChannelWriteFail'), 3)
  assert.equal(context.counters.get('AppendAcceptedCount'), 1)
  const [warning, over, ...more] = context.log.lines.slice(1)
  assert.equal(
    warning,
    'WARN Avro source r1 answered FAILED: no room for 1 event in channel c1 within 3000 ms. The sink delivers more slowly than the source fills the channel. Check the sink, or raise the capacity of the channel.',
  )
  assert.match(over!, /^INFO Avro source r1 accepts events again, after \d+\.\d s$/)
  assert.deepEqual(more, [])
})

test('whatever a channel refuses with is a failed write to it; anything else is none', async t => {
  let refusal: Error
  const { client, context } = await run(t, {}, () => Promise.reject(refusal))
  const codes = [
    'CHANNEL_FULL',
    'TRANSACTION_TOO_LARGE',
    'CHANNEL_CLOSED',
    'CHANNEL_FAILED',
    'DISK_FULL',
  ] as const
  for (const refuse of [...codes.map(code => new Fault(code, 'no')), new Error('a bug')]) {
    refusal = refuse
    const sender = await client()
    await assert.rejects(sender.append(Event.of({}, 'x')), /answered FAILED/)
  }
  assert.equal(context.counters.get('ChannelWriteFail'), codes.length)
  assert.equal(context.counters.get('GenericProcessingFail'), 1)
})

test('100 events of 1 MiB in one request pass, as stock Flume sends them', async t => {
  const { client, received } = await run(t)
  const sender = await client({ maxRequestBytes: 1 << 30 })
  const body = Buffer.alloc(1024 * 1024, 'x')
  await sender.appendBatch(Array.from({ length: 100 }, () => Event.of({}, body)))
  assert.equal(received.length, 100)
  assert.ok(received.every(event => event.body.equals(body)))
})

test('a request above maxRequestBytes closes the connection, with a line', async t => {
  const { client, received, context } = await run(t, { maxRequestBytes: 100_000 })
  const sender = await client()
  await assert.rejects(sender.append(Event.of({}, Buffer.alloc(100_001))), /127\.0\.0\.1:\d+/)
  await context.log.line(/message of at least 1000\d\d bytes is announced, 100000 are allowed/)
  assert.deepEqual(received, [])
})

test('ipFilterRules keep senders out before a byte is read', async t => {
  const rules = { ipFilter: true, ipFilterRules: 'deny:ip:127.*' }
  const closed = await run(t, rules)
  const sender = await closed.client()
  await assert.rejects(sender.append(Event.of({}, 'x')), (error: Fault) => error.code === 'PEER_CLOSED')
  assert.deepEqual(closed.received, [])
  const open = await run(t, { ipFilter: true, ipFilterRules: 'allow:name:localhost,deny:ip:*' })
  await (await open.client()).append(Event.of({}, 'x'))
  assert.equal(open.received.length, 1)
})

test('rules that cannot be read are problems of the configuration', () => {
  const said: string[] = []
  const say = {
    error: (key: string, problem: string) => void said.push(`${key}: ${problem}`),
    warning: () => {},
  }
  const check = (given: Record<string, unknown>) =>
    avroSource.check!(optionsFor(avroSource, given) as never, say)
  check({ ipFilter: true })
  check({ ipFilter: true, ipFilterRules: 'allow:10.0.0.1' })
  check({ ipFilter: false, ipFilterRules: 'nonsense' })
  assert.deepEqual(said, [
    'ipFilter: ipFilter = true without ipFilterRules',
    'ipFilterRules: the rule "allow:10.0.0.1" cannot be read',
  ])
})

test('a busy port and a foreign address are said in a sentence', async t => {
  const { source } = await run(t)
  await assert.rejects(
    run(t, { port: source.port }),
    (error: Fault) =>
      error.code === 'ADDRESS_IN_USE' && error.message.includes(`port ${source.port} on 127.0.0.1`),
  )
  await assert.rejects(run(t, { bind: '192.0.2.1' }), /192\.0\.2\.1 is not an address of this machine/)
})

test('TLS: what is missing is named; the key store may come from a system property', async t => {
  await assert.rejects(
    run(t, { ssl: true }),
    /ssl = true needs keystore, as an option or as -Djavax\.net\.ssl\.keyStore/,
  )
  await assert.rejects(run(t, { ssl: true, keystore: 'x' }), /needs keystore-password/)
  const missing = { ssl: true, keystore: '/no/such/file', 'keystore-password': 'hidden' }
  await assert.rejects(
    run(t, missing),
    (error: Fault) => /key store \/no\/such\/file/.test(error.message) && !error.message.includes('hidden'),
  )
  const directory = await mkdtemp(join(tmpdir(), 'avro-source-'))
  t.after(() => rm(directory, { recursive: true }))
  const path = join(directory, 'keys.p12')
  const authority = createAuthority()
  await writeFile(path, authority.sign({ host: 'localhost', ip: '127.0.0.1' }).pkcs12('secret1'))
  const systemProperties = new Map([
    ['javax.net.ssl.keyStore', path],
    ['javax.net.ssl.keyStorePassword', 'secret1'],
    ['flume.ssl.include.protocols', 'TLSv1.1, TLSv1.2'],
  ])
  const { client, received } = await run(t, { ssl: true }, undefined, { systemProperties })
  const policy = {
    includeProtocols: [],
    excludeProtocols: [],
    includeCipherSuites: [],
    excludeCipherSuites: [],
  }
  const context = createTlsContext({ policy, trusted: [authority.certificate] })
  const sender = await client({ tls: { context, verifiesCertificate: true, verifiesHost: true } })
  await sender.append(Event.of({}, 'x'))
  assert.equal(received.length, 1)
  // The properties alone do not switch TLS on.
  const plain = await run(t, {}, undefined, { systemProperties })
  await (await plain.client()).append(Event.of({}, 'x'))
  assert.equal(plain.received.length, 1)
})

test('TLS 1.2 is spoken by default, which all of Flume’s senders can; 1.3 where it is written', async t => {
  const directory = await mkdtemp(join(tmpdir(), 'avro-source-'))
  t.after(() => rm(directory, { recursive: true }))
  const keystore = join(directory, 'keys.pem')
  await writeFile(keystore, createAuthority().sign({ host: 'localhost' }).pem)
  const tls = { ssl: true, keystore, 'keystore-password': 'unused' }
  for (const [options, version] of [
    [{}, 'TLSv1.2'],
    [{ 'include-protocols': ['TLSv1.2', 'TLSv1.3'] }, 'TLSv1.3'],
    [{ 'exclude-protocols': ['TLSv1.2'] }, 'TLSv1.3'],
  ] as const) {
    const { source } = await run(t, { ...tls, ...options })
    const socket = connect({ port: source.port, host: '127.0.0.1', rejectUnauthorized: false })
    await new Promise(resolve => socket.once('secureConnect', resolve))
    assert.equal(socket.getProtocol(), version)
    socket.destroy()
  }
})

test('plain bytes on a TLS port, and TLS without deflate where both are set: one line each', async t => {
  const directory = await mkdtemp(join(tmpdir(), 'avro-source-'))
  t.after(() => rm(directory, { recursive: true }))
  const keystore = join(directory, 'keys.pem')
  await writeFile(keystore, createAuthority().sign({ host: 'localhost' }).pem)
  const tls = { ssl: true, keystore, 'keystore-password': 'unused' }
  const secured = await run(t, tls)
  const sender = await secured.client()
  await assert.rejects(sender.append(Event.of({}, 'x')))
  assert.match(await secured.context.log.line(/closed: /), /TLS handshake with the sender failed/)
  const both = await run(t, { ...tls, 'compression-type': 'deflate' })
  const other = await both.client()
  await assert.rejects(other.append(Event.of({}, 'x')))
  assert.match(
    await both.context.log.line(/closed: /),
    /begins neither TLS nor zlib.*ssl = true and compression-type/,
  )
  assert.equal(both.context.log.lines.length, 2)
})

test('the declaration says where it receives and which port it needs for itself', () => {
  const options = optionsFor(avroSource, { bind: '0.0.0.0', port: 44444 }) as never
  assert.deepEqual(avroSource.claims!(options, { home: '/' }), ['port 0.0.0.0:44444'])
  assert.deepEqual(avroSource.flow!(options), [
    { does: 'receive', host: '0.0.0.0', port: 44444, tls: false, deflate: false },
  ])
})
