// TLS and SASL against real brokers: every way to be secured, right and wrong, through the client and
// through agents. One broker has a listener for each way. The passwords are canaries: none of them may
// stand in anything that is printed.
import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { copyFileSync, writeFileSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { createServer } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import { conditionsOn } from '../context.ts'
import { promisify } from 'node:util'
import type { Fault } from '../../src/errors.ts'
import { BrokerConnection } from '../../src/kafka-client/connection/connection.ts'
import {
  createAdmin,
  createConsumer,
  createProducer,
  readConsumerProperties,
  readProducerProperties,
} from '../../src/kafka-client/kafka-client.ts'
import { Security } from '../../src/kafka-client/security/security.ts'
import { silentLogger, type Logger } from '../../src/observe/log.ts'
import { realSystem as system } from '../../src/system/system.ts'
import { metadata } from '../../src/wire/kafka/messages/metadata.ts'
import { freePort, skipWithoutPeers, startMillrace, startZooKeeper } from './peers/peers.ts'
import {
  makeCertificates,
  startSecuredKafka010,
  startSecuredEmbedded,
  startSecuredKafka41,
  storePassword,
  type Certificates,
  type ListenerName,
  type SecuredBroker,
  type SecuredKafka,
} from './peers/secured-kafka.ts'
import { consumeAll, createTopic, produceAll } from './peers/topics.ts'
import {
  assertNoCanary,
  clientSecret,
  kitOf,
  login,
  oauth,
  plain,
  rightCases,
  scram,
  security,
  users,
  wrongCases,
  wrongPassword,
  type Kit,
  type Properties,
} from './secured-cases.ts'
import { waitFor } from './peers/waiting.ts'

/** Where Kafka sends a TLS alert that Node cannot send, or has another sentence. */
const saidByOurs: Readonly<Record<string, RegExp>> = {
  'no client certificate with TLS 1.2': /wants a certificate of the client: see ssl.keystore.location/,
  'a client certificate signed by a stranger': /or it wants a certificate of the client/,
  'a client certificate that has expired': /or it wants a certificate of the client/,
  'no TLS on a port with it': /or its port expects TLS \(security.protocol\)/,
  'a wrong password with PLAIN': /refuses user "alice" with SASL PLAIN: .*the password is wrong/,
  'a wrong password with SCRAM': /refuses user "bob" with SASL SCRAM-SHA-512: .*the password is wrong/,
}

describe('a secured embedded broker', { skip: skipWithoutPeers }, () => {
  const peers = new AsyncDisposableStack()
  let certificates: Certificates
  let broker: SecuredBroker
  before(async () => {
    const directory = await mkdtemp(join(tmpdir(), 'broker-security-'))
    peers.defer(() => rm(directory, { recursive: true, force: true }))
    certificates = await makeCertificates(join(directory, 'certificates'))
    broker = peers.use(await startSecuredEmbedded(join(directory, 'broker'), certificates, users))
  })
  after(() => peers.disposeAsync())
  const isOurs = (what: string) => !what.includes('OAUTHBEARER') && !what.includes('token')

  for (const [what, listener, properties] of rightCases.filter(([one]) => isOurs(one)))
    it(`takes ${what}`, async () => {
      const fault = await attempt(broker.address(listener), properties(kitOf(certificates)))
      assert.equal(fault?.message, undefined)
    })

  for (const [what, listener, properties, code, message] of wrongCases.filter(([one]) => isOurs(one)))
    it(`lets a client say what is wrong with ${what}`, async () => {
      const fault = await attempt(broker.address(listener), properties(kitOf(certificates)))
      assert.match(fault?.message ?? 'nothing is wrong', saidByOurs[what] ?? message)
      assert.equal(fault!.code, saidByOurs[what] === undefined ? code : fault!.code)
    })

  it('tells the address of the listener that was asked, and logs no secret', async () => {
    for (const [listener, properties] of [
      ['TLS', (kit: Kit) => kit.tls()],
      ['BOTH', (kit: Kit) => ({ ...kit.both(), ...scram(512) })],
    ] as const) {
      const { settings } = readProducerProperties({
        ...properties(kitOf(certificates)),
        'bootstrap.servers': broker.address(listener),
      })
      const secured = new Security(settings!.security, system)
      const [host, port] = broker.address(listener).split(':')
      const connection = await BrokerConnection.open(system, {
        ...settings!,
        host: host!,
        port: Number(port),
        security: secured,
      })
      const { brokers } = await connection.request(metadata, { topics: [] })
      connection.close()
      assert.equal(`${brokers[0]!.host}:${brokers[0]!.port}`, broker.address(listener))
    }
    assertNoCanary(broker.lines.join('\n'))
    assert.match(broker.lines.join('\n'), /no access control lists/)
  })
})

/** Connects and asks for something: gives what kept it from that, or null. */
async function attempt(address: string, properties: Properties): Promise<Fault | null> {
  const { settings, problems } = readProducerProperties({ 'bootstrap.servers': address, ...properties })
  assert.deepEqual(problems, [])
  const secured = new Security(settings!.security, system)
  const [host, port] = address.split(':')
  const target = { ...settings!, host: host!, port: Number(port), security: secured }
  let fault: Fault | null = null
  // What a listener wants shows at the first request only; the reason is found by the next connection.
  for (let tries = 0; tries < 2; tries++) {
    let connection: BrokerConnection | null = null
    try {
      connection = await BrokerConnection.open(system, target)
      await connection.request(metadata, { topics: [] })
      return null
    } catch (error) {
      fault = error as Fault
      if (fault.code !== 'PEER_CLOSED') break
    } finally {
      connection?.close()
    }
  }
  assertNoCanary(fault!.message)
  return fault
}

describe('a secured Kafka 4.1.0', { skip: skipWithoutPeers }, () => {
  const peers = new AsyncDisposableStack()
  let directory: string
  let certificates: Certificates
  let kafka: SecuredKafka
  before(async () => {
    directory = await mkdtemp(join(tmpdir(), 'kafka-security-'))
    peers.defer(() => rm(directory, { recursive: true, force: true }))
    certificates = await makeCertificates(join(directory, 'certificates'))
    kafka = peers.use(await startSecuredKafka41(directory, certificates, users))
  })
  after(() => peers.disposeAsync())

  const kit = () => kitOf(certificates)
  const settingsOf = (properties: Properties, listener: ListenerName) =>
    readProducerProperties({ 'bootstrap.servers': kafka.address(listener), ...properties })

  for (const [what, listener, properties] of rightCases)
    it(`takes ${what}`, async () =>
      assert.equal((await attempt(kafka.address(listener), properties(kit())))?.message, undefined))

  for (const [what, listener, properties, code, message] of wrongCases)
    it(`says what is wrong with ${what}`, async () => {
      const fault = await attempt(kafka.address(listener), properties(kit()))
      assert.match(fault?.message ?? 'nothing is wrong', message)
      assert.equal(fault!.code, code)
      assert.equal(fault!.retry, 'after-backoff')
    })

  it('logs in again and again under load, and loses and reorders nothing', async () => {
    await createTopic(kafka.bootstrap, 'again', 2)
    let connections = 0
    const counting = {
      ...system,
      network: {
        ...system.network,
        connect(target: Parameters<typeof system.network.connect>[0]) {
          connections++
          return system.network.connect(target)
        },
      },
    }
    const properties = { 'bootstrap.servers': kafka.address('SHORT'), ...kit().both(), ...scram(512) }
    const producer = createProducer({
      settings: readProducerProperties({ ...properties, acks: 'all' }).settings!,
      system: counting,
      log: silentLogger,
    })
    const consumer = createConsumer({
      settings: readConsumerProperties({
        ...properties,
        'group.id': 'again',
        'auto.offset.reset': 'earliest',
        'heartbeat.interval.ms': '300',
      }).settings!,
      topics: ['again'],
      system: counting,
      log: silentLogger,
    })
    consumer.start()
    const seconds = process.env['MILLRACE_DEEP'] === '1' ? 60 : 6
    const end = performance.now() + seconds * 1000
    const read = [0, 0]
    let sent = 0
    const signal = AbortSignal.timeout(seconds * 1000 + 20_000)
    const reading = (async () => {
      while (!signal.aborted && (read[0]! + read[1]! < sent || performance.now() < end))
        for (const { partition, value } of await consumer.poll({ maxRecords: 500, signal }))
          assert.equal(Number(value), read[partition]!++, `partition ${partition}`)
    })()
    reading.catch(() => {}) // told when it is waited for
    try {
      const under = new Set<Promise<void>>()
      for (let number = 0; performance.now() < end; number++) {
        const value = Buffer.from(String(number))
        const sending = producer.send(
          [0, 1].map(partition => ({ topic: 'again', partition, key: null, value })),
          signal,
        )
        sent += 2
        under.add(sending)
        void sending.then(() => under.delete(sending))
        if (under.size >= 20) await Promise.race(under)
      }
      await Promise.all(under)
      await reading
      assert.equal(read[0]! + read[1]!, sent)
      // One for each of its purposes: without logging in again there would be new ones every 2 s.
      assert.ok(connections <= 8, `${connections} connections`)
    } finally {
      await consumer.close()
      await producer.close()
    }
  })

  it('has an admin that is secured', async () => {
    const { settings } = settingsOf({ ...kit().both(), ...scram(256) }, 'BOTH')
    const admin = createAdmin({
      system,
      log: silentLogger,
      bootstrapServers: settings!.bootstrapServers,
      settings: settings!,
    })
    await admin.topics.create({ name: 'by-admin', partitions: 3 })
    assert.equal((await admin.topics.describe(['by-admin']))[0]!.partitions.length, 3)
    admin.close()
  })

  it('takes tokens of a token endpoint, shares them, and says what the endpoint says', async () => {
    const asked: { authorization: string | undefined; body: string }[] = []
    const endpoint = createServer((request, response) => {
      let body = ''
      request.on('data', chunk => (body += String(chunk)))
      request.on('end', () => {
        asked.push({ authorization: request.headers.authorization, body })
        const part = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url')
        const now = Date.now() / 1000
        const token = `${part({ alg: 'none' })}.${part({ sub: 'carol', iat: now, exp: now + 60 })}.`
        const isKnown =
          request.headers.authorization === `Basic ${Buffer.from(`agent:${clientSecret}`).toString('base64')}`
        response.writeHead(isKnown ? 200 : 401, { 'content-type': 'application/json' })
        response.end(
          JSON.stringify(isKnown ? { access_token: token, expires_in: 60 } : { error: 'invalid_client' }),
        )
      })
    })
    const port = await freePort()
    await new Promise<void>(resolve => endpoint.listen(port, '127.0.0.1', resolve))
    const properties = (secret: string) => ({
      ...login,
      ...oauth(`clientId="agent" clientSecret="${secret}" scope="kafka"`),
      'sasl.oauthbearer.token.endpoint.url': `http://127.0.0.1:${port}/token`,
    })
    try {
      const { settings } = settingsOf(properties(clientSecret), 'LOGIN')
      const producer = createProducer({ settings: settings!, system, log: silentLogger })
      await producer.send([{ topic: 'by-token', key: null, value: Buffer.from('x') }])
      await producer.close()
      assert.equal(asked.length, 1, 'two connections, one token')
      assert.equal(asked[0]!.body, 'grant_type=client_credentials&scope=kafka')
      assert.match(
        (await attempt(kafka.address('LOGIN'), properties(wrongPassword)))!.message,
        /^the token endpoint http:\/\/127\.0\.0\.1:\d+\/token answers 401 \(invalid_client\): see clientId, clientSecret and scope/,
      )
    } finally {
      endpoint.close()
    }
    assert.match(
      (await attempt(kafka.address('LOGIN'), properties(clientSecret)))!.message,
      /127\.0\.0\.1:\d+ cannot be asked: .*ECONNREFUSED/,
    )
  })

  it('tells a fault once, retries, and goes on when it is mended', async () => {
    const lines: string[] = []
    const note = (message: string) => void lines.push(message)
    const log: Logger = { ...silentLogger, error: note, warn: note, info: note, child: () => log }
    const late = join(directory, 'late.jks')
    const { settings } = settingsOf({ ...kit().both(), ...plain(), 'ssl.truststore.location': late }, 'BOTH')
    const { condition, health } = conditionsOn(system.clock, log)
    const producer = createProducer({ settings: settings!, system, log, condition })
    const sending = producer.send([{ topic: 'mended', key: null, value: Buffer.from('x') }])
    await waitFor(() => health().length > 0, 'the producer says that it cannot write')
    assert.match(health()[0]!, /cannot read the key store .*late\.jks/)
    copyFileSync(kit().at('trust.jks'), late)
    await sending
    await waitFor(() => health().length === 0, 'the producer says that all is well')
    await producer.close()
    assert.equal(lines.filter(line => /cannot be used/.test(line)).length, 1, lines.join('\n'))
    assert.equal(lines.filter(line => /can be used again/.test(line)).length, 1, lines.join('\n'))
    assertNoCanary(lines.join('\n'))
  })

  const confOf = (source: Properties, sink: Properties, bootstrap: { source: string; sink: string }) => `
a.sources = s
a.channels = c
a.sinks = k
a.sources.s.type = org.apache.flume.source.kafka.KafkaSource
a.sources.s.channels = c
a.sources.s.batchSize = 100
a.sources.s.kafka.bootstrap.servers = ${bootstrap.source}
a.sources.s.kafka.topics = from
a.sources.s.kafka.consumer.group.id = secured
a.sources.s.kafka.consumer.auto.offset.reset = earliest
${Object.entries(source)
  .map(([key, value]) => `a.sources.s.kafka.consumer.${key} = ${value}\n`)
  .join('')}
a.channels.c.type = memory
a.sinks.k.type = org.apache.flume.sink.kafka.KafkaSink
a.sinks.k.channel = c
a.sinks.k.kafka.bootstrap.servers = ${bootstrap.sink}
a.sinks.k.kafka.topic = to
a.sinks.k.allowTopicOverride = false
${Object.entries(sink)
  .map(([key, value]) => `a.sinks.k.kafka.producer.${key} = ${value}\n`)
  .join('')}
`

  it('is read and written by an agent: SCRAM in TLS, and a client certificate from -Djavax.net.ssl', async () => {
    await createTopic(kafka.bootstrap, 'from')
    await createTopic(kafka.bootstrap, 'to')
    await using agent = await startMillrace(directory, {
      agent: 'a',
      level: 'DEBUG',
      conf: confOf(
        { ...kit().both(), ...scram(512) },
        { 'security.protocol': 'SSL' },
        { source: kafka.address('BOTH'), sink: kafka.address('MUTUAL') },
      ),
      properties: {
        'javax.net.ssl.trustStore': kit().at('trust.p12'),
        'javax.net.ssl.trustStorePassword': storePassword,
        'javax.net.ssl.keyStore': kit().at('client.p12'),
        'javax.net.ssl.keyStorePassword': storePassword,
      },
    })
    const values = Array.from({ length: 200 }, (_, number) => `event ${number}`)
    await produceAll(
      kafka.bootstrap,
      'from',
      values.map(value => ({ key: null, value })),
    )
    const arrived = await consumeAll(kafka.bootstrap, 'to', values.length)
    assert.deepEqual(
      arrived.map(one => one.value),
      values,
    )
    assert.equal(await agent.stop(), 0)
    assertNoCanary(agent.output)
  })

  it('refuses an agent with wrong passwords, which says so, turns red and stops as ever', async () => {
    const port = await freePort()
    await using agent = await startMillrace(join(directory, 'wrong'), {
      agent: 'a',
      level: 'DEBUG',
      conf: confOf(
        { ...kit().both(), ...scram(256, wrongPassword) },
        { ...login, ...plain(wrongPassword) },
        { source: kafka.address('BOTH'), sink: kafka.address('LOGIN') },
      ),
      properties: { 'flume.monitoring.type': 'http', 'flume.monitoring.port': port },
    })
    await agent.line(/\.s\b.* cannot be used: .*refuses user "bob" with SASL SCRAM-SHA-256/)
    // The sink has nothing to deliver yet and says so all the same.
    await agent.line(/\.k\b.* cannot be used: .*refuses user "alice" with SASL PLAIN/)
    let health = ''
    await waitFor(async () => {
      health = await (await fetch(`http://127.0.0.1:${port}/health`)).text()
      return /refuses user \\"bob\\"/.test(health) && /refuses user \\"alice\\"/.test(health)
    }, 'health is red')
    assertNoCanary(health)
    assert.equal(await agent.stop(), 0)
    assertNoCanary(agent.output)
  })

  it('is not even tried where the settings cannot work', async () => {
    const file = join(directory, 'bad.conf')
    writeFileSync(
      file,
      confOf(
        {
          'security.protocol': 'SASL_SSL',
          'sasl.mechanism': 'PLAIN',
          'sasl.jaas.config': `${security}.plain.PlainLoginModule required user="alice" password="${wrongPassword}";`,
          'ssl.keystore.location': kit().at('client.p12'),
          'ssl.endpoint.identification.algorithm': '',
        },
        {
          'security.protocol': 'SASL_PLAINTEXT',
          'sasl.mechanism': 'GSSAPI',
          'sasl.jaas.config': `${security}.plain.PlainLoginModule ${wrongPassword}`,
          'ssl.truststore.password': storePassword,
        },
        { source: kafka.address('BOTH'), sink: kafka.address('LOGIN') },
      ),
    )
    const program = new URL('../../bin/millrace', import.meta.url).pathname
    const run = promisify(execFile)(program, ['check', '--name', 'a', '-f', file])
    const { stdout, stderr } = (await run.catch((error: unknown) => error)) as {
      stdout: string
      stderr: string
    }
    const text = stdout + stderr
    assertNoCanary(text)
    for (const expected of [
      /s\.kafka\.consumer\.sasl\.jaas\.config: the login text has no username/,
      /identification\.algorithm has no value and is ignored\. Write a\.sources\.s\.kafka\.consumer\.ssl\.disableTLSHostnameVerification = true/,
      /s\.kafka\.consumer\.ssl\.keystore\.location: a key store cannot be opened without its password/,
      /k\.kafka\.producer\.sasl\.mechanism: GSSAPI \(Kerberos\) is not spoken here/,
      /k\.kafka\.producer\.ssl\.truststore\.password has no effect here/,
    ])
      assert.match(text, expected)
  })
})

describe('a secured Kafka 0.10.2.1', { skip: skipWithoutPeers }, () => {
  it('takes the login of its time, and refuses a wrong one by closing the connection', async () => {
    const directory = await mkdtemp(join(tmpdir(), 'kafka-security-010-'))
    await using peers = new AsyncDisposableStack()
    peers.defer(() => rm(directory, { recursive: true, force: true }))
    const zookeeper = peers.use(await startZooKeeper(directory))
    const { bootstrap } = peers.use(await startSecuredKafka010(directory, zookeeper, users))
    const properties = { 'bootstrap.servers': bootstrap, 'security.protocol': 'SASL_PLAINTEXT' }
    const producer = createProducer({
      settings: readProducerProperties({ ...properties, ...plain() }).settings!,
      system,
      log: silentLogger,
    })
    await producer.send([{ topic: 'old', key: null, value: Buffer.from('x') }])
    await producer.close()
    const consumer = createConsumer({
      settings: readConsumerProperties({
        ...properties,
        ...plain(),
        'group.id': 'old',
        'auto.offset.reset': 'earliest',
      }).settings!,
      topics: ['old'],
      system,
      log: silentLogger,
    })
    consumer.start()
    const records = await consumer.poll({ maxRecords: 1, signal: AbortSignal.timeout(20_000) })
    assert.equal(records[0]?.value?.toString(), 'x')
    await consumer.close()
    const { condition, health } = conditionsOn(system.clock, silentLogger)
    const refused = createProducer({
      condition,
      settings: readProducerProperties({ ...properties, ...plain(wrongPassword) }).settings!,
      system,
      log: silentLogger,
    })
    const sending = refused.send([{ topic: 'old', key: null, value: Buffer.from('y') }])
    await waitFor(() => health().length > 0, 'the producer says that it cannot write')
    assert.match(health()[0]!, /refuses user "alice" with SASL PLAIN by closing the connection/)
    assertNoCanary(health()[0]!)
    await refused.close()
    await assert.rejects(sending, { code: 'STOPPED' })
  })
})
