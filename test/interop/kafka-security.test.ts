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
import { promisify } from 'node:util'
import type { Fault } from '../../src/errors.ts'
import { BrokerConnection } from '../../src/kafka-client/connection.ts'
import {
  createAdmin,
  createConsumer,
  createProducer,
  readConsumerProperties,
  readProducerProperties,
} from '../../src/kafka-client/kafka-client.ts'
import { Security } from '../../src/kafka-client/security.ts'
import { silentLogger, type Logger } from '../../src/observe/log.ts'
import { realSystem as system } from '../../src/system/system.ts'
import { metadata } from '../../src/wire/kafka/messages/metadata.ts'
import { freePort, skipWithoutPeers, startMillrace, startZooKeeper } from './peers/peers.ts'
import {
  keyPassword,
  makeCertificates,
  startSecuredKafka010,
  startSecuredKafka41,
  storePassword,
  type Certificates,
  type ListenerName,
  type SecuredKafka,
} from './peers/secured-kafka.ts'
import { consumeAll, createTopic, produceAll } from './peers/topics.ts'
import { waitFor } from './peers/waiting.ts'

type Properties = Record<string, string>

const users = { plain: { alice: 'alice-canary-8821' }, scram: { bob: 'bob-canary-5093' } }
const wrongPassword = 'wrong-canary-3310'
const clientSecret = 'client-canary-6675'
const canaries = [
  storePassword,
  keyPassword,
  wrongPassword,
  clientSecret,
  ...Object.values(users.plain),
  ...Object.values(users.scram),
]
const assertNoCanary = (text: string) => {
  for (const canary of canaries) assert.ok(!text.includes(canary), `a secret is shown: ${canary}`)
}

const security = 'org.apache.kafka.common.security'
const plain = (password: string = users.plain.alice): Properties => ({
  'sasl.mechanism': 'PLAIN',
  'sasl.jaas.config': `${security}.plain.PlainLoginModule required username="alice" password="${password}";`,
})
const scram = (size: 256 | 512, password: string = users.scram.bob): Properties => ({
  'sasl.mechanism': `SCRAM-SHA-${size}`,
  'sasl.jaas.config': `${security}.scram.ScramLoginModule required username="bob" password="${password}";`,
})
const oauth = (options: string): Properties => ({
  'sasl.mechanism': 'OAUTHBEARER',
  'sasl.jaas.config': `${security}.oauthbearer.OAuthBearerLoginModule required ${options};`,
})

describe('a secured Kafka 4.1.0', { skip: skipWithoutPeers, timeout: 180_000 }, () => {
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

  const at = (name: string) => certificates.at(name)
  const jks = (): Properties => ({
    'ssl.truststore.location': at('trust.jks'),
    'ssl.truststore.password': storePassword,
  })
  const tls = (): Properties => ({ 'security.protocol': 'SSL', ...jks() })
  const both = (): Properties => ({ 'security.protocol': 'SASL_SSL', ...jks() })
  const login: Properties = { 'security.protocol': 'SASL_PLAINTEXT' }
  const pemStore = (name: string): Properties => ({
    'ssl.keystore.location': at(name),
    'ssl.keystore.type': 'PEM',
  })
  const settingsOf = (properties: Properties, listener: ListenerName) =>
    readProducerProperties({ 'bootstrap.servers': kafka.address(listener), ...properties })

  /** Connects and asks for something: gives what kept it from that, or null. */
  async function attempt(listener: ListenerName, properties: Properties): Promise<Fault | null> {
    const { settings, problems } = settingsOf(properties, listener)
    assert.deepEqual(problems, [])
    const secured = new Security(settings!.security, system)
    const [host, port] = kafka.address(listener).split(':')
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

  const right: [what: string, listener: ListenerName, properties: () => Properties][] = [
    ['TLS with a JKS trust store', 'TLS', tls],
    [
      'TLS with a PKCS12 trust store',
      'TLS',
      () => ({ ...tls(), 'ssl.truststore.location': at('trust.p12'), 'ssl.truststore.type': 'PKCS12' }),
    ],
    [
      'TLS with a PEM trust store',
      'TLS',
      () => ({
        'security.protocol': 'SSL',
        'ssl.truststore.location': at('authority.pem'),
        'ssl.truststore.type': 'PEM',
      }),
    ],
    [
      'TLS with certificates in the properties, in one line',
      'TLS',
      () => ({
        'security.protocol': 'SSL',
        'ssl.truststore.type': 'PEM',
        'ssl.truststore.certificates': certificates.text('authority.pem').replaceAll('\n', ' '),
      }),
    ],
    [
      'TLS 1.2 with one suite',
      'TLS',
      () => ({
        ...tls(),
        'ssl.enabled.protocols': 'TLSv1.2',
        'ssl.cipher.suites': 'TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384',
      }),
    ],
    [
      'a client certificate in PKCS12',
      'MUTUAL',
      () => ({ ...tls(), 'ssl.keystore.location': at('client.p12'), 'ssl.keystore.password': storePassword }),
    ],
    [
      'a client certificate in JKS, its key with another password',
      'MUTUAL',
      () => ({
        ...tls(),
        'ssl.keystore.location': at('client.jks'),
        'ssl.keystore.password': storePassword,
        'ssl.key.password': keyPassword,
      }),
    ],
    ['a client certificate in PEM', 'MUTUAL', () => ({ ...tls(), ...pemStore('client.pem') })],
    [
      'a client certificate in the properties, its key encrypted',
      'MUTUAL',
      () => ({
        ...tls(),
        'ssl.keystore.type': 'PEM',
        'ssl.keystore.key': certificates.text('client-locked.key'),
        'ssl.keystore.certificate.chain': certificates.text('client.crt'),
        'ssl.key.password': keyPassword,
      }),
    ],
    [
      'a certificate for another host, where that is not checked',
      'ELSEWHERE',
      () => ({ ...tls(), 'ssl.endpoint.identification.algorithm': '' }),
    ],
    [
      'the same in the way of Flume',
      'ELSEWHERE',
      () => ({ ...tls(), 'ssl.disableTLSHostnameVerification': 'true' }),
    ],
    ['SASL PLAIN', 'LOGIN', () => ({ ...login, ...plain() })],
    ['SASL SCRAM-SHA-256', 'LOGIN', () => ({ ...login, ...scram(256) })],
    ['SASL SCRAM-SHA-512', 'SCRAMONLY', () => ({ ...login, ...scram(512) })],
    [
      'SASL OAUTHBEARER with an unsecured token',
      'LOGIN',
      () => ({ ...login, ...oauth('unsecuredLoginStringClaim_sub="carol"') }),
    ],
    ['SASL PLAIN in TLS', 'BOTH', () => ({ ...both(), ...plain() })],
    ['SASL SCRAM-SHA-256 in TLS', 'BOTH', () => ({ ...both(), ...scram(256) })],
    ['SASL SCRAM-SHA-512 in TLS', 'BOTH', () => ({ ...both(), ...scram(512) })],
    [
      'SASL OAUTHBEARER in TLS',
      'BOTH',
      () => ({
        ...both(),
        ...oauth(
          'unsecuredLoginStringClaim_sub="carol" unsecuredLoginListClaim_scope=",a,b" unsecuredLoginExtension_trace="x1"',
        ),
      }),
    ],
  ]
  for (const [what, listener, properties] of right)
    it(`takes ${what}`, async () => assert.equal((await attempt(listener, properties()))?.message, undefined))

  const wrong: [
    what: string,
    listener: ListenerName,
    properties: () => Properties,
    code: string,
    message: RegExp,
  ][] = [
    [
      'an authority nobody trusts',
      'TLS',
      () => ({ 'security.protocol': 'SSL' }),
      'TLS',
      /^the certificate of localhost:\d+ is not signed by anyone trusted \(the usual authorities\): add its authority to the trust store of ssl\.truststore\.location$/,
    ],
    [
      'a trust store that holds another authority',
      'TLS',
      () => ({
        'security.protocol': 'SSL',
        'ssl.truststore.type': 'PEM',
        'ssl.truststore.location': at('strangers.pem'),
      }),
      'TLS',
      /is not signed by anyone trusted \(.*strangers\.pem\)/,
    ],
    [
      'a trust store with another password',
      'TLS',
      () => ({ ...tls(), 'ssl.truststore.password': wrongPassword }),
      'TLS',
      /cannot read the key store .*trust\.jks: the password is wrong, or the file was changed/,
    ],
    [
      'a trust store that is not there',
      'TLS',
      () => ({ ...tls(), 'ssl.truststore.location': '/nowhere/trust.jks' }),
      'TLS',
      /cannot read the key store \/nowhere\/trust\.jks: ENOENT/,
    ],
    [
      'a key store with another password',
      'MUTUAL',
      () => ({ ...tls(), 'ssl.keystore.location': at('client.p12'), 'ssl.keystore.password': wrongPassword }),
      'TLS',
      /cannot read the key store .*client\.p12: the password is wrong/,
    ],
    [
      'another password of the key',
      'MUTUAL',
      () => ({
        ...tls(),
        'ssl.keystore.location': at('client.jks'),
        'ssl.keystore.password': storePassword,
        'ssl.key.password': wrongPassword,
      }),
      'TLS',
      /cannot read the key store .*client\.jks: the password does not open its key/,
    ],
    [
      'a certificate that has expired',
      'OUTDATED',
      tls,
      'TLS',
      /^the certificate of localhost:\d+ has expired: have it renewed on the broker/,
    ],
    [
      'a certificate for another host',
      'ELSEWHERE',
      tls,
      'TLS',
      /^the certificate of localhost:\d+ is for elsewhere\.example and not for localhost: .*ssl\.disableTLSHostnameVerification = true$/,
    ],
    [
      'no client certificate',
      'MUTUAL',
      tls,
      'TLS',
      /^localhost:\d+ wants a certificate of the client, and none is given: write ssl\.keystore\.location/,
    ],
    [
      'no client certificate with TLS 1.2',
      'MUTUAL',
      () => ({ ...tls(), 'ssl.enabled.protocols': 'TLSv1.2' }),
      'TLS',
      /wants a certificate of the client, and none is given/,
    ],
    [
      'a client certificate signed by a stranger',
      'MUTUAL',
      () => ({ ...tls(), ...pemStore('stranger.pem') }),
      'TLS',
      /^localhost:\d+ refuses the client's certificate \(certificate unknown\): the broker must trust who signed it/,
    ],
    [
      'a client certificate that has expired',
      'MUTUAL',
      () => ({ ...tls(), ...pemStore('expired.pem') }),
      'TLS',
      /^localhost:\d+ refuses the client's certificate, which has expired/,
    ],
    [
      'a version of TLS the broker does not speak',
      'TLS',
      () => ({ ...tls(), 'ssl.enabled.protocols': 'TLSv1.1' }),
      'TLS',
      /^localhost:\d+ accepts none of the TLS versions and cipher suites offered: see ssl\.enabled\.protocols/,
    ],
    [
      'TLS on a port without',
      'PLAIN',
      tls,
      'TLS',
      /^localhost:\d+ closes the connection when TLS begins: .*security\.protocol/,
    ],
    [
      'no TLS on a port with it',
      'TLS',
      () => ({}),
      'PROTOCOL',
      /^localhost:\d+ speaks TLS, and security\.protocol says it does not: write SSL or SASL_SSL/,
    ],
    [
      'no login where one is wanted',
      'SCRAMONLY',
      () => ({}),
      'AUTHENTICATION',
      /^localhost:\d+ wants a login \(it offers SCRAM-SHA-\d+, SCRAM-SHA-\d+\), and security\.protocol is PLAINTEXT: write SASL_PLAINTEXT/,
    ],
    [
      'no login in TLS where one is wanted',
      'BOTH',
      tls,
      'AUTHENTICATION',
      /^localhost:\d+ wants a login \(.*\), and security\.protocol is SSL: write SASL_SSL/,
    ],
    [
      'a login where none is wanted',
      'PLAIN',
      () => ({ ...login, ...plain() }),
      'AUTHENTICATION',
      /^localhost:\d+ asks for no login on this port: write security\.protocol PLAINTEXT or SSL/,
    ],
    [
      'a mechanism that is not switched on',
      'SCRAMONLY',
      () => ({ ...login, ...plain() }),
      'AUTHENTICATION',
      /^localhost:\d+ does not offer the SASL mechanism PLAIN, but SCRAM-SHA-\d+, SCRAM-SHA-\d+: correct sasl\.mechanism/,
    ],
    [
      'a wrong password with PLAIN',
      'BOTH',
      () => ({ ...both(), ...plain(wrongPassword) }),
      'AUTHENTICATION',
      /^localhost:\d+ refuses user "alice" with SASL PLAIN: Authentication failed: Invalid username or password \(see sasl\.jaas\.config\)$/,
    ],
    [
      'a wrong password with SCRAM',
      'BOTH',
      () => ({ ...both(), ...scram(512, wrongPassword) }),
      'AUTHENTICATION',
      /^localhost:\d+ refuses user "bob" with SASL SCRAM-SHA-512: .*invalid credentials/,
    ],
    [
      'a token that has expired',
      'LOGIN',
      () => ({
        ...login,
        ...oauth('unsecuredLoginStringClaim_sub="carol" unsecuredLoginLifetimeSeconds="-9"'),
      }),
      'AUTHENTICATION',
      /^localhost:\d+ refuses the unsecured token with SASL OAUTHBEARER: .*invalid_token/,
    ],
  ]
  for (const [what, listener, properties, code, message] of wrong)
    it(`says what is wrong with ${what}`, async () => {
      const fault = await attempt(listener, properties())
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
    const properties = { 'bootstrap.servers': kafka.address('SHORT'), ...both(), ...scram(512) }
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
      assert.ok(connections <= 6, `${connections} connections`)
    } finally {
      await consumer.close()
      await producer.close()
    }
  })

  it('has an admin that is secured', async () => {
    const { settings } = settingsOf({ ...both(), ...scram(256) }, 'BOTH')
    const admin = createAdmin({
      system,
      log: silentLogger,
      bootstrapServers: settings!.bootstrapServers,
      settings: settings!,
    })
    await admin.createTopic({ name: 'by-admin', partitions: 3 })
    assert.equal((await admin.partitionCounts(['by-admin'])).get('by-admin'), 3)
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
        (await attempt('LOGIN', properties(wrongPassword)))!.message,
        /^the token endpoint http:\/\/127\.0\.0\.1:\d+\/token answers 401 \(invalid_client\): see clientId, clientSecret and scope/,
      )
    } finally {
      endpoint.close()
    }
    assert.match(
      (await attempt('LOGIN', properties(clientSecret)))!.message,
      /127\.0\.0\.1:\d+ cannot be asked: .*ECONNREFUSED/,
    )
  })

  it('tells a fault once, tries again, and goes on when it is mended', async () => {
    const lines: string[] = []
    const note = (message: string) => void lines.push(message)
    const log: Logger = { ...silentLogger, error: note, warn: note, info: note, child: () => log }
    const late = join(directory, 'late.jks')
    const { settings } = settingsOf({ ...both(), ...plain(), 'ssl.truststore.location': late }, 'BOTH')
    const producer = createProducer({ settings: settings!, system, log })
    const sending = producer.send([{ topic: 'mended', key: null, value: Buffer.from('x') }])
    await waitFor(() => producer.trouble !== null, 'the producer says that it cannot write')
    assert.match(producer.trouble!, /cannot read the key store .*late\.jks/)
    copyFileSync(at('trust.jks'), late)
    await sending
    await waitFor(() => producer.trouble === null, 'the producer says that all is well')
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
        { ...both(), ...scram(512) },
        { 'security.protocol': 'SSL' },
        { source: kafka.address('BOTH'), sink: kafka.address('MUTUAL') },
      ),
      properties: {
        'javax.net.ssl.trustStore': at('trust.p12'),
        'javax.net.ssl.trustStorePassword': storePassword,
        'javax.net.ssl.keyStore': at('client.p12'),
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
        { ...both(), ...scram(256, wrongPassword) },
        { ...login, ...plain(wrongPassword) },
        { source: kafka.address('BOTH'), sink: kafka.address('LOGIN') },
      ),
      properties: { 'flume.monitoring.type': 'http', 'flume.monitoring.port': port },
    })
    await agent.line(/cannot be used: .*refuses user "bob" with SASL SCRAM-SHA-256/)
    let health = ''
    await waitFor(async () => {
      health = await (await fetch(`http://127.0.0.1:${port}/health`)).text()
      return /refuses user \\"bob\\"/.test(health)
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
          'ssl.keystore.location': at('client.p12'),
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
      /s\.kafka\.consumer\.ssl\.keystore\.location: a key store cannot be opened without its password/,
      /k\.kafka\.producer\.sasl\.mechanism: GSSAPI \(Kerberos\) is not spoken here/,
      /k\.kafka\.producer\.ssl\.truststore\.password: it has no effect here/,
    ])
      assert.match(text, expected)
  })
})

describe('a secured Kafka 0.10.2.1', { skip: skipWithoutPeers, timeout: 120_000 }, () => {
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
    const refused = createProducer({
      settings: readProducerProperties({ ...properties, ...plain(wrongPassword) }).settings!,
      system,
      log: silentLogger,
    })
    const sending = refused.send([{ topic: 'old', key: null, value: Buffer.from('y') }])
    await waitFor(() => refused.trouble !== null, 'the producer says that it cannot write')
    assert.match(refused.trouble!, /refuses user "alice" with SASL PLAIN by closing the connection/)
    assertNoCanary(refused.trouble!)
    await refused.close()
    await assert.rejects(sending, { code: 'STOPPED' })
  })
})
