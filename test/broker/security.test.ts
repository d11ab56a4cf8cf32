// Listeners with TLS and SASL: what is read, who gets in, what is said to those who do not, and that no
// password stands anywhere. Kafka's own clients are tried in test/interop/kafka-security.test.ts.
import assert from 'node:assert/strict'
import { pbkdf2Sync } from 'node:crypto'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import test from 'node:test'
import { readBrokerSettings } from '../../src/broker/broker-settings.ts'
import { readScramUser } from '../../src/broker/security/scram-user.ts'
import { BrokerConnection } from '../../src/kafka-client/connection/connection.ts'
import { readProducerProperties } from '../../src/kafka-client/kafka-client.ts'
import { Security } from '../../src/kafka-client/security/security.ts'
import { realSystem as system } from '../../src/system/system.ts'
import { errorCodes } from '../../src/wire/kafka/error-codes.ts'
import { alterUserScramCredentials } from '../../src/wire/kafka/messages/alter-user-scram-credentials.ts'
import { apiVersions } from '../../src/wire/kafka/messages/api-versions.ts'
import { describeUserScramCredentials } from '../../src/wire/kafka/messages/describe-user-scram-credentials.ts'
import { metadata } from '../../src/wire/kafka/messages/metadata.ts'
import { saslAuthenticate } from '../../src/wire/kafka/messages/sasl-authenticate.ts'
import { saslHandshake } from '../../src/wire/kafka/messages/sasl-handshake.ts'
import { scramDetails } from '../../src/wire/kafka/scram-keys.ts'
import { createAuthority } from '../certificates.ts'
import { runLauncher, startBrokerProcess } from './broker-process.ts'
import { inDirectory, startBroker, type RunningBroker } from './running-broker.ts'
import { WireClient } from './wire-client.ts'

const password = 'canary-4471'
const module = 'org.apache.kafka.common.security.plain.PlainLoginModule required'
const plainLogin = {
  'listener.name.sasl_plaintext.plain.sasl.jaas.config': `${module} user_alice="${password}";`,
}
const sasl = {
  listeners: 'SASL_PLAINTEXT://127.0.0.1:0',
  'sasl.enabled.mechanisms': 'PLAIN,SCRAM-SHA-256,SCRAM-SHA-512',
  'connection.failed.authentication.delay.ms': '20',
  ...plainLogin,
}
const token = (user: string, secret: string, identity = '') => Buffer.from(`${identity}\0${user}\0${secret}`)

/** As startBroker, without the port that stands beside listeners. */
const start = (directory: string, overrides: Readonly<Record<string, string>>) =>
  startBroker(directory, { port: '', ...overrides })

async function withSasl(
  overrides: Readonly<Record<string, string>>,
  run: (client: WireClient, running: RunningBroker) => Promise<void>,
): Promise<void> {
  await inDirectory(async directory => {
    const running = await start(directory, { ...sasl, ...overrides })
    const client = await WireClient.connect(running.broker.port)
    try {
      await run(client, running)
      assert.ok(!running.lines.join('\n').includes(password), 'no password is logged')
    } finally {
      client.close()
      await running.stop()
    }
  })
}

const shake = (client: WireClient, mechanism: string, version = 1) =>
  client.ask(saslHandshake, version, { mechanism })
const authenticate = (client: WireClient, authBytes: Buffer, version = 2) =>
  client.ask(saslAuthenticate, version, { authBytes })

test('before a login there are the versions and the login, and nothing else', async () => {
  await withSasl({}, async client => {
    assert.equal((await client.ask(apiVersions, 2, {})).errorCode, 0)
    assert.deepEqual(await shake(client, 'PLAIN'), {
      errorCode: 0,
      mechanisms: ['PLAIN', 'SCRAM-SHA-256', 'SCRAM-SHA-512'],
    })
    const answer = await authenticate(client, token('alice', password))
    assert.deepEqual([answer.errorCode, answer.sessionLifetimeMs], [0, 0])
    assert.equal((await client.ask(metadata, 9, { topics: [] })).brokers.length, 1)
    const again = await shake(client, 'PLAIN')
    assert.equal(
      again.errorCode,
      errorCodes.ILLEGAL_SASL_STATE,
      'a login is for ever where nothing else is said',
    )
  })
  await withSasl({}, async (client, { lines }) => {
    await assert.rejects(client.ask(metadata, 9, { topics: [] }), /closed the connection/)
    assert.match(lines.join('\n'), /asks for API 3 before it has logged in/)
  })
  await withSasl({}, async client => {
    await assert.rejects(authenticate(client, token('alice', password)), /closed the connection/)
  })
})

test('a handshake of version 0 is followed by bare tokens', async () => {
  const bare = (bytes: Buffer) => Buffer.concat([Buffer.from([0, 0, 0, bytes.length]), bytes])
  await withSasl({}, async client => {
    assert.equal((await shake(client, 'PLAIN', 0)).errorCode, 0)
    assert.equal((await client.raw(bare(token('alice', password)))).length, 0)
    assert.equal((await client.ask(metadata, 1, { topics: [] })).brokers.length, 1)
  })
  await withSasl({}, async client => {
    await shake(client, 'PLAIN', 0)
    await assert.rejects(client.raw(bare(token('alice', 'no'))), /closed the connection/)
  })
})

test('a wrong password, a user nobody knows and another identity are refused, and the connection is closed', async () => {
  const refusals = new Set<string | null>()
  for (const wrong of [token('alice', 'wrong'), token('nobody', password)])
    await withSasl({}, async (client, { lines }) => {
      await shake(client, 'PLAIN')
      const { errorCode, errorMessage } = await authenticate(client, wrong)
      assert.equal(errorCode, errorCodes.SASL_AUTHENTICATION_FAILED)
      refusals.add(errorMessage)
      await client.closed
      assert.match(lines.join('\n'), /the user or the password is wrong/)
    })
  assert.equal(refusals.size, 1, 'what is said does not tell which users there are')
  for (const wrong of [token('alice', password, 'bob'), Buffer.from('x'), Buffer.alloc(0)])
    await withSasl({}, async client => {
      await shake(client, 'PLAIN')
      assert.equal((await authenticate(client, wrong)).errorCode, errorCodes.SASL_AUTHENTICATION_FAILED)
      await client.closed
    })
  await withSasl({}, async client => {
    const { errorCode, mechanisms } = await shake(client, 'GSSAPI')
    assert.equal(errorCode, errorCodes.UNSUPPORTED_SASL_MECHANISM)
    assert.deepEqual(mechanisms, ['PLAIN', 'SCRAM-SHA-256', 'SCRAM-SHA-512'])
    await client.closed
  })
})

test('a login that is good for a while is renewed, by the same user, or the connection ends', async () => {
  await withSasl({ 'connections.max.reauth.ms': '60000' }, async client => {
    await shake(client, 'PLAIN')
    assert.equal((await authenticate(client, token('alice', password))).sessionLifetimeMs, 60_000)
    await shake(client, 'PLAIN')
    assert.equal((await authenticate(client, token('alice', password), 1)).errorCode, 0)
    assert.equal((await shake(client, 'SCRAM-SHA-256')).errorCode, errorCodes.UNSUPPORTED_SASL_MECHANISM)
    await client.closed
  })
  await withSasl({ 'connections.max.reauth.ms': '1' }, async (client, { lines }) => {
    await shake(client, 'PLAIN')
    await authenticate(client, token('alice', password))
    // Each request takes time, and one comes too late.
    await assert.rejects(async () => {
      for (;;) await client.ask(metadata, 9, { topics: [] })
    }, /closed the connection/)
    assert.match(lines.join('\n'), /its session is over/)
  })
})

test('users of SCRAM are kept, changed and removed; logins by them are proved on both sides', () =>
  inDirectory(async directory => {
    const listeners = 'SASL_PLAINTEXT://127.0.0.1:0,PLAINTEXT://127.0.0.1:0'
    let running = await start(directory, { ...sasl, listeners })
    let client = await WireClient.connect(running.broker.portOf('PLAINTEXT'))
    const salt = Buffer.from('salt-of-this-test')
    const upsertion = (name: string, given: { mechanism?: number; iterations?: number } = {}) => {
      const { mechanism = 2, iterations = 4096 } = given
      const { hash, size } = scramDetails(mechanism === 1 ? 'SCRAM-SHA-256' : 'SCRAM-SHA-512')
      const saltedPassword = pbkdf2Sync(password, salt, iterations, size, hash)
      return { name, mechanism, iterations, salt, saltedPassword }
    }
    const alter = async (
      upsertions: ReturnType<typeof upsertion>[],
      deletions: { name: string; mechanism: number }[] = [],
    ) => {
      const { results } = await client.ask(alterUserScramCredentials, 0, { deletions, upsertions })
      return results.map(({ user, errorCode }) => [user, errorCode])
    }
    assert.deepEqual(await alter([upsertion('bob'), upsertion('bob', { mechanism: 1 }), upsertion('eve')]), [
      ['bob', 0],
      ['eve', 0],
    ])
    assert.deepEqual(
      await alter(
        [
          upsertion('', {}),
          upsertion('weak', { iterations: 100 }),
          upsertion('odd', { mechanism: 7 }),
          upsertion('two'),
          upsertion('two'),
        ],
        [{ name: 'none', mechanism: 1 }],
      ),
      [
        ['none', errorCodes.RESOURCE_NOT_FOUND],
        ['', errorCodes.UNACCEPTABLE_CREDENTIAL],
        ['weak', errorCodes.UNACCEPTABLE_CREDENTIAL],
        ['odd', errorCodes.UNSUPPORTED_SASL_MECHANISM],
        ['two', errorCodes.DUPLICATE_RESOURCE],
      ],
    )
    assert.deepEqual(await alter([], [{ name: 'eve', mechanism: 2 }]), [['eve', 0]])
    client.close()
    await running.stop()

    running = await start(directory, { ...sasl, listeners })
    client = await WireClient.connect(running.broker.portOf('PLAINTEXT'))
    const described = await client.ask(describeUserScramCredentials, 0, { users: null })
    assert.deepEqual(
      described.results.map(({ user, credentialInfos }) => [user, credentialInfos.length]),
      [['bob', 2]],
    )
    const logIn = async (user: string, secret: string, mechanism: string) => {
      const port = running.broker.portOf('SASL_PLAINTEXT')
      const { settings } = readProducerProperties({
        'bootstrap.servers': `127.0.0.1:${port}`,
        'security.protocol': 'SASL_PLAINTEXT',
        'sasl.mechanism': mechanism,
        'sasl.jaas.config': `org.apache.kafka.common.security.scram.ScramLoginModule required username="${user}" password="${secret}";`,
      })
      const secured = new Security(settings!.security, system)
      const connection = await BrokerConnection.open(system, {
        ...settings!,
        host: '127.0.0.1',
        port,
        security: secured,
      })
      connection.close()
    }
    for (const mechanism of ['SCRAM-SHA-256', 'SCRAM-SHA-512']) {
      await logIn('bob', password, mechanism)
      await assert.rejects(logIn('bob', 'mistaken', mechanism), /the user or the password is wrong/)
      await assert.rejects(logIn('mallory', password, mechanism), /the user or the password is wrong/)
    }
    client.close()
    await running.stop()
    assert.ok(!running.lines.join('\n').includes(password))
  }))

test('TLS: a certificate is shown and asked for; who speaks no TLS is told in the log', () =>
  inDirectory(async directory => {
    const authority = createAuthority()
    const store = join(directory, 'broker.pem')
    const trust = join(directory, 'authority.pem')
    const own = join(directory, 'client.pem')
    await writeFile(store, authority.sign({ host: 'localhost', ip: '127.0.0.1' }).pem)
    await writeFile(trust, authority.certificate)
    await writeFile(own, authority.sign({ host: 'client' }).pem)
    const running = await start(directory, {
      listeners: 'SSL://127.0.0.1:0,INSIDE://127.0.0.1:0',
      'listener.security.protocol.map': 'SSL:SSL,INSIDE:SSL',
      'ssl.keystore.location': store,
      'ssl.keystore.type': 'PEM',
      'ssl.truststore.location': trust,
      'ssl.truststore.type': 'PEM',
      'listener.name.inside.ssl.client.auth': 'required',
    })
    const ask = async (listener: string, more: Readonly<Record<string, string>> = {}) => {
      const port = running.broker.portOf(listener)
      const { settings } = readProducerProperties({
        'bootstrap.servers': `127.0.0.1:${port}`,
        'security.protocol': 'SSL',
        'ssl.truststore.location': trust,
        'ssl.truststore.type': 'PEM',
        ...more,
      })
      const secured = new Security(settings!.security, system)
      const connection = await BrokerConnection.open(system, {
        ...settings!,
        host: '127.0.0.1',
        port,
        security: secured,
      })
      const { brokers } = await connection.request(metadata, { topics: [] })
      connection.close()
      assert.equal(brokers[0]!.port, port, 'the address of the listener that was asked')
    }
    await ask('SSL')
    await assert.rejects(ask('INSIDE'))
    await ask('INSIDE', { 'ssl.keystore.location': own, 'ssl.keystore.type': 'PEM' })
    const plain = await WireClient.connect(running.broker.port)
    await assert.rejects(plain.ask(metadata, 1, { topics: [] }), /closed the connection/)
    await running.stop()
    assert.match(
      running.lines.join('\n'),
      /connection from 127.0.0.1:\d+ to (SSL|INSIDE) closed: the TLS handshake/,
    )
  }))

test('settings that cannot be safe are refused with their place, and no secret', () => {
  const errorsOf = (text: string) => {
    const { errors } = readBrokerSettings(text, 'f')
    assert.ok(!errors.join('\n').includes(password))
    return errors
  }
  assert.match(
    errorsOf('listeners=SSL://:9093')[0]!,
    /^ssl.keystore.location: listener SSL speaks TLS and has no certificate/,
  )
  assert.match(
    errorsOf('listeners=SASL_PLAINTEXT://:9093')[0]!,
    /Write sasl.enabled.mechanisms=PLAIN,SCRAM-SHA-256/,
  )
  assert.match(
    errorsOf('listeners=SASL_PLAINTEXT://:9093\nsasl.enabled.mechanisms=GSSAPI')[0]!,
    /^f:2: sasl.enabled.mechanisms: "GSSAPI" is not possible. Write PLAIN, SCRAM-SHA-256, SCRAM-SHA-512/,
  )
  assert.match(
    errorsOf(
      `listeners=SASL_PLAINTEXT://:9093\nsasl.enabled.mechanisms=PLAIN\nlistener.name.sasl_plaintext.plain.sasl.jaas.config=${module} user_a="${password}`,
    )[0]!,
    /^f:3: listener.name.sasl_plaintext.plain.sasl.jaas.config: the login text has a quote that is not closed/,
  )
  assert.match(
    errorsOf(
      'listeners=SSL://:9093\nssl.keystore.location=/k.jks\nssl.keystore.password=x\nssl.client.auth=maybe',
    )[0]!,
    /^f:4: ssl.client.auth: "maybe" is not possible. Write none, requested, required/,
  )
  assert.equal(readScramUser(`SCRAM-SHA-1=[name=a,password=${password}]`), null)
  assert.equal(readScramUser('SCRAM-SHA-256=[name=a]'), null)
  assert.equal(readScramUser('SCRAM-SHA-256=[name=a,password=b,iterations=5]'), null)
  assert.equal(readScramUser('SCRAM-SHA-512=[iterations=8192,name="a b",password=b]')!.user, 'a b')
})

test('the first user and the login file come with the start', () =>
  inDirectory(async directory => {
    const file = join(directory, 'server.properties')
    const logins = join(directory, 'logins.conf')
    await writeFile(
      file,
      `listeners=SASL_PLAINTEXT://127.0.0.1:0\nsasl.enabled.mechanisms=PLAIN,SCRAM-SHA-256\nlog.dirs=${join(directory, 'logs')}\n`,
    )
    const without = await runLauncher('kafka-server-start.sh', [file])
    assert.equal(without.code, 1)
    assert.match(
      without.output,
      /offers PLAIN and knows no users: .*KAFKA_OPTS=-Djava.security.auth.login.config/,
    )
    const missing = await runLauncher('kafka-server-start.sh', [file], {
      KAFKA_OPTS: `-Djava.security.auth.login.config=${logins}`,
    })
    assert.match(missing.output, /cannot use the login file .*logins.conf: ENOENT/)
    await writeFile(
      logins,
      `KafkaServer {\n ${module} username="x" password="y" user_alice="${password}";\n};\n`,
    )
    process.env['KAFKA_OPTS'] = `-Xmx1G -Djava.security.auth.login.config=${logins}`
    const broker = await startBrokerProcess(
      file,
      {},
      {
        free: false,
        more: ['--add-scram', `SCRAM-SHA-256=[name=carol,password=${password}]`],
      },
    ).finally(() => delete process.env['KAFKA_OPTS'])
    const client = await WireClient.connect(broker.port)
    await shake(client, 'PLAIN')
    assert.equal((await authenticate(client, token('alice', password))).errorCode, 0)
    const { results } = await client.ask(describeUserScramCredentials, 0, { users: [{ name: 'carol' }] })
    assert.equal(results[0]!.credentialInfos.length, 1)
    client.close()
    assert.equal(await broker.end('SIGTERM'), 0)
    assert.ok(!broker.lines.join('\n').includes(password))
  }))
