import assert from 'node:assert/strict'
import { once } from 'node:events'
import { createServer, type AddressInfo, type Socket } from 'node:net'
import { describe, it } from 'node:test'
import { realSystem as system } from '../../system/system.ts'
import { metadata } from '../../wire/kafka/messages/metadata.ts'
import { apiVersions } from '../../wire/kafka/messages/api-versions.ts'
import { BrokerConnection } from './connection.ts'

/** Runs `work` against a server whose connections `serve` handles. */
async function withServer(
  serve: (socket: Socket) => void,
  work: (port: number) => Promise<void>,
): Promise<void> {
  const sockets = new Set<Socket>()
  const server = createServer(socket => {
    sockets.add(socket.on('error', () => {}))
    serve(socket)
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  try {
    await work((server.address() as AddressInfo).port)
  } finally {
    for (const socket of sockets) socket.destroy()
    server.close()
  }
}

const open = (port: number, requestTimeoutMs = 5_000, socketConnectionSetupTimeoutMs = 5_000) =>
  BrokerConnection.open(system, {
    host: '127.0.0.1',
    port,
    clientId: 'test',
    socketConnectionSetupTimeoutMs,
    requestTimeoutMs,
    maxResponseBytes: 1_000_000,
  })

/** Answers ApiVersions like a broker that speaks Metadata up to version 1, and hands on what follows. */
function broker(socket: Socket, next: (request: Buffer) => void): void {
  socket.on('data', chunk => {
    for (let at = 0; at < chunk.length; at += 4 + chunk.readInt32BE(at)) {
      const request = chunk.subarray(at + 4, at + 4 + chunk.readInt32BE(at))
      if (request.readInt16BE(0) !== apiVersions.key) {
        next(request)
        continue
      }
      // As 0.10 does: version 3 is not known, version 0 is answered.
      const isKnown = request.readInt16BE(2) === 0
      socket.write(
        apiVersions.encodeResponse({
          version: 0,
          correlationId: request.readInt32BE(4),
          body: {
            errorCode: isKnown ? 0 : 35,
            apiKeys: isKnown ? [{ apiKey: metadata.key, minVersion: 0, maxVersion: 1 }] : [],
          },
        }),
      )
    }
  })
}

const answerTo = (request: Buffer) =>
  metadata.encodeResponse({
    version: 1,
    correlationId: request.readInt32BE(4),
    body: { brokers: [{ nodeId: 5, host: 'h', port: 1 }], topics: [] },
  })

describe('a connection to what is no broker says so', () => {
  const cases: [name: string, serve: (socket: Socket) => void, expected: object][] = [
    [
      'HTTP',
      socket => socket.on('data', () => socket.write('HTTP/1.1 400 Bad Request\r\n\r\n')),
      { code: 'PROTOCOL', message: /127\.0\.0\.1:\d+ is not a Kafka broker: its first bytes are "HTTP"/ },
    ],
    [
      'TLS',
      socket => socket.on('data', () => socket.write(Buffer.from('15030300020250', 'hex'))),
      { code: 'PROTOCOL', message: /speaks TLS/ },
    ],
    [
      'one that closes',
      socket => socket.on('data', () => socket.destroy()),
      { code: 'PROTOCOL', message: /security\.protocol/ },
    ],
    [
      'one that is silent',
      () => {},
      { code: 'PEER_TIMEOUT', message: /did not answer ApiVersions within 50 ms/ },
    ],
  ]
  for (const [name, serve, expected] of cases)
    it(name, () =>
      withServer(serve, port =>
        assert.rejects(open(port, name === 'one that is silent' ? 50 : 5_000), expected),
      ),
    )
})

describe('a connection to a broker', () => {
  it('is not waited for longer than setting one up may take, where a process that stands still accepts it', () =>
    withServer(
      () => {},
      port =>
        assert.rejects(open(port, 60_000, 50), {
          code: 'PEER_TIMEOUT',
          message: /did not answer ApiVersions within 50 ms/,
        }),
    ))

  it('settles on versions both speak, and matches pipelined answers cut at every byte', () =>
    withServer(
      socket =>
        broker(socket, request => {
          for (const byte of answerTo(request)) socket.write(Buffer.of(byte))
        }),
      async port => {
        const connection = await open(port)
        assert.equal(connection.versionOf(metadata), 1)
        const answers = await Promise.all([1, 2, 3].map(() => connection.request(metadata, { topics: [] })))
        for (const answer of answers) assert.equal(answer.brokers[0]!.nodeId, 5)
        connection.close()
        await assert.rejects(connection.request(metadata, { topics: [] }), { code: 'STOPPED' })
      },
    ))

  it('fails all that waits when it breaks, and refuses giant answers before making room', () =>
    withServer(
      socket => broker(socket, () => socket.write(Buffer.from('7fffffff', 'hex'))),
      async port => {
        const connection = await open(port)
        const waiting = [1, 2].map(() => connection.request(metadata, { topics: [] }))
        for (const one of await Promise.allSettled(waiting)) {
          assert.equal(one.status, 'rejected')
          assert.match(String(one.reason), /announces an answer of 2147483647 bytes/)
        }
        assert.equal(connection.isOpen, false)
      },
    ))
})
