import assert from 'node:assert/strict'
import { once } from 'node:events'
import { createServer, type AddressInfo, type Socket } from 'node:net'
import { describe, it } from 'node:test'
import { realSystem } from '../../system/system.ts'
import { peekRequestHeader } from '../../wire/kafka/api.ts'
import { apiVersions } from '../../wire/kafka/messages/api-versions.ts'
import { metadata } from '../../wire/kafka/messages/metadata.ts'
import { saslAuthenticate } from '../../wire/kafka/messages/sasl-authenticate.ts'
import { saslHandshake } from '../../wire/kafka/messages/sasl-handshake.ts'
import { BrokerConnection } from '../connection/connection.ts'
import { readProducerProperties } from '../properties.ts'
import { Security } from './security.ts'

const password = 'hush-hush'

interface Script {
  /** Highest version of SaslHandshake; 0: tokens are bare. */
  readonly handshake: 0 | 1
  /** What SaslAuthenticate answers to the nth login, from 0. */
  readonly login?: (count: number) => {
    errorCode?: number
    errorMessage?: string
    sessionLifetimeMs?: number
  }
  /** Holds back the answers to Metadata until it resolves. */
  readonly slowly?: Promise<void>
  /** Closes at any request but those of a login. */
  readonly wantsLogin?: boolean
  readonly closesAtHandshake?: boolean
}

/** A broker that notes what it is asked, handles one request after the other, and takes no login but its own. */
async function withBroker(
  script: Script,
  work: (port: number, asked: string[]) => Promise<void>,
): Promise<void> {
  const asked: string[] = []
  const sockets = new Set<Socket>()
  const server = createServer(socket => {
    sockets.add(socket.on('error', () => {}))
    serve(socket, script, asked).catch(() => {}) // the client closes when it has enough
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  try {
    await work((server.address() as AddressInfo).port, asked)
  } finally {
    for (const socket of sockets) socket.destroy()
    server.close()
  }
}

async function serve(socket: Socket, script: Script, asked: string[]): Promise<void> {
  let logins = 0
  let isBare = false
  let state: 'new' | 'shaken' | 'in' = 'new'
  let bytes = Buffer.alloc(0)
  for await (const chunk of socket) {
    bytes = Buffer.concat([bytes, chunk as Buffer])
    while (bytes.length >= 4 && bytes.length >= 4 + bytes.readInt32BE(0)) {
      const request = bytes.subarray(4, 4 + bytes.readInt32BE(0))
      bytes = bytes.subarray(4 + request.length)
      if (isBare) {
        isBare = false
        const isRight = request.equals(Buffer.from(`\0alice\0${password}`))
        asked.push(`token ${isRight}`)
        if (!isRight) return void socket.end()
        state = 'in'
        socket.write(Buffer.alloc(4))
        continue
      }
      const { apiKey, version, correlationId } = peekRequestHeader(request)
      switch (apiKey) {
        case apiVersions.key:
          socket.write(
            apiVersions.encodeResponse({
              version: version === 0 ? 0 : 3,
              correlationId,
              body: {
                errorCode: 0,
                apiKeys: [
                  { apiKey: saslHandshake.key, minVersion: 0, maxVersion: script.handshake },
                  { apiKey: saslAuthenticate.key, minVersion: 0, maxVersion: 2 },
                  { apiKey: metadata.key, minVersion: 0, maxVersion: 1 },
                ],
              },
            }),
          )
          break
        case saslHandshake.key:
          asked.push('handshake')
          if (script.closesAtHandshake === true) return void socket.destroy()
          state = 'shaken'
          isBare = version === 0
          socket.write(
            saslHandshake.encodeResponse({
              version,
              correlationId,
              body:
                script.wantsLogin === true
                  ? { errorCode: 33, mechanisms: ['PLAIN', 'X'] }
                  : { errorCode: 0, mechanisms: ['PLAIN'] },
            }),
          )
          break
        case saslAuthenticate.key:
          asked.push('authenticate')
          state = 'in'
          socket.write(
            saslAuthenticate.encodeResponse({
              version,
              correlationId,
              body: {
                errorCode: 0,
                errorMessage: null,
                authBytes: Buffer.alloc(0),
                ...script.login?.(logins++),
              },
            }),
          )
          break
        default: {
          const names = metadata.decodeRequest(version, request).body.topics ?? []
          asked.push(`metadata ${names.map(topic => topic.name).join()}`)
          // As a broker does with anything else while a login is under way.
          if (state === 'shaken' || script.wantsLogin === true) return void socket.destroy()
          await script.slowly
          socket.write(metadata.encodeResponse({ version, correlationId, body: { brokers: [], topics: [] } }))
        }
      }
    }
  }
}

/** The clock, and how to set it forward. */
function clockThatSkips() {
  let skippedMs = 0
  const clock = { ...realSystem.clock, monotonic: () => realSystem.clock.monotonic() + skippedMs }
  return { clock, skip: (delayMs: number) => void (skippedMs += delayMs) }
}

function open(port: number, { clock = realSystem.clock, secret = password } = {}) {
  const system = { ...realSystem, clock }
  const { settings } = readProducerProperties({
    'bootstrap.servers': 'unused:1',
    'security.protocol': 'SASL_PLAINTEXT',
    'sasl.mechanism': 'PLAIN',
    'sasl.jaas.config': `org.apache.kafka.common.security.plain.PlainLoginModule required username="alice" password="${secret}";`,
  })
  const security = new Security(settings!.security, system)
  return BrokerConnection.open(system, { ...settings!, host: '127.0.0.1', port, security })
}

const ask = (connection: BrokerConnection, name: string) =>
  connection.request(metadata, { topics: [{ name }] })

describe('a login', () => {
  it('comes before the first request', () =>
    withBroker({ handshake: 1 }, async (port, asked) => {
      const connection = await open(port)
      await ask(connection, 'a')
      assert.deepEqual(asked, ['handshake', 'authenticate', 'metadata a'])
      connection.close()
    }))

  it('is bare with brokers before 1.0', () =>
    withBroker({ handshake: 0 }, async (port, asked) => {
      const connection = await open(port)
      await ask(connection, 'a')
      assert.deepEqual(asked, ['handshake', 'token true', 'metadata a'])
      connection.close()
      await assert.rejects(open(port, { secret: 'wrong' }), {
        code: 'AUTHENTICATION',
        message: /refuses user "alice" with SASL PLAIN by closing the connection/,
      })
    }))

  it('that is refused says what the broker says, without the password', () =>
    withBroker(
      {
        handshake: 1,
        login: () => ({ errorCode: 58, errorMessage: `no such password: ${password}` }),
      },
      port =>
        assert.rejects(open(port), {
          code: 'AUTHENTICATION',
          message:
            /refuses user "alice" with SASL PLAIN: no such password: \[hidden\] \(see sasl\.jaas\.config\)$/,
        }),
    ))

  it('is repeated before its time is over, between what was sent before and after, in order', async () => {
    const { clock, skip } = clockThatSkips()
    let answer = () => {}
    const slowly = new Promise<void>(resolve => (answer = resolve))
    await withBroker(
      { handshake: 1, slowly, login: () => ({ sessionLifetimeMs: 100_000 }) },
      async (port, asked) => {
        const connection = await open(port, { clock })
        const before = ask(connection, 'a')
        skip(79_000)
        const stillBefore = ask(connection, 'b')
        skip(7_000)
        const behind = ['c', 'd', 'e'].map(name => ask(connection, name))
        answer()
        await Promise.all([before, stillBefore, ...behind])
        assert.deepEqual(asked, [
          'handshake',
          'authenticate',
          'metadata a',
          'metadata b',
          'handshake',
          'authenticate',
          'metadata c',
          'metadata d',
          'metadata e',
        ])
        skip(50_000)
        await ask(connection, 'f')
        assert.equal(asked.at(-1), 'metadata f')
        assert.equal(asked.length, 10)
        connection.close()
      },
    )
  })

  it('that fails when repeated ends the connection, and what waited for it with the reason', async () => {
    const { clock, skip } = clockThatSkips()
    const login = (count: number) =>
      count === 0 ? { sessionLifetimeMs: 100_000 } : { errorCode: 58, errorMessage: 'the user is gone' }
    await withBroker({ handshake: 1, login }, async (port, asked) => {
      const connection = await open(port, { clock })
      skip(90_000)
      const waiting = ['a', 'b'].map(name => ask(connection, name))
      for (const one of await Promise.allSettled(waiting)) {
        assert.equal(one.status, 'rejected')
        assert.match(String(one.reason), /refuses user "alice" .*the user is gone/)
      }
      assert.equal(connection.isOpen, false)
      assert.ok(!asked.some(one => one.startsWith('metadata')))
    })
  })

  it('that is due does not keep a closed connection waiting', async () => {
    const { clock, skip } = clockThatSkips()
    const slowly = new Promise<void>(() => {})
    const login = () => ({ sessionLifetimeMs: 100_000 })
    await withBroker({ handshake: 1, slowly, login }, async port => {
      const connection = await open(port, { clock })
      const sent = ask(connection, 'a')
      skip(90_000)
      const held = ask(connection, 'b')
      connection.close()
      await assert.rejects(sent, { code: 'STOPPED' })
      await assert.rejects(held, { code: 'STOPPED' })
    })
  })
})

describe('a listener that closes at the first request', () => {
  const openPlain = (port: number, security: Security) => {
    const { settings } = readProducerProperties({ 'bootstrap.servers': 'unused:1' })
    return BrokerConnection.open(realSystem, { ...settings!, host: '127.0.0.1', port, security })
  }
  const newSecurity = () =>
    new Security(readProducerProperties({ 'bootstrap.servers': 'unused:1' }).settings!.security, realSystem)

  it('is asked why by the next connection', () =>
    withBroker({ handshake: 1, wantsLogin: true }, async port => {
      const security = newSecurity()
      await assert.rejects(ask(await openPlain(port, security), 'a'), { code: 'PEER_CLOSED' })
      for (let again = 0; again < 2; again++)
        await assert.rejects(openPlain(port, security), {
          code: 'AUTHENTICATION',
          message:
            /wants a login \(it offers PLAIN, X\), and security\.protocol is PLAINTEXT: write SASL_PLAINTEXT/,
        })
    }))

  it('is used without that question where it does not bear it', () =>
    withBroker({ handshake: 1, closesAtHandshake: true }, async port => {
      const security = newSecurity()
      security.suspect(`127.0.0.1:${port}`, true)
      await assert.rejects(openPlain(port, security), { code: 'PEER_CLOSED' })
      const connection = await openPlain(port, security)
      await ask(connection, 'a')
      connection.close()
    }))
})
