// An Avro sink on the port of something else: it does not say that it is connected, and names what answers.
import assert from 'node:assert/strict'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { createServer as createHttpServer } from 'node:http'
import { createServer, type AddressInfo, type Server, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createServer as createTlsServer } from 'node:tls'
import { after, before, describe, test } from 'node:test'
import { inDirectory, startBroker } from '../../test/broker/running-broker.ts'
import { createAuthority, type TestCertificate } from '../../test/certificates.ts'
import { contextFor, optionsFor } from '../../test/context.ts'
import { deliveriesOf } from '../../test/sink-sessions.ts'
import type { Fault } from '../errors.ts'
import { Event } from '../event.ts'
import { avroSink, type AvroSink } from '../sinks/avro.ts'
import { avroSource } from '../sources/avro.ts'

let certificate: TestCertificate
let directory: string
before(async () => {
  directory = await mkdtemp(join(tmpdir(), 'unknown-peer-'))
  certificate = createAuthority().sign({ host: 'localhost', ip: '127.0.0.1' })
})

/** What a sink says of the port: its fault, and the lines of its log. */
async function faultAt(
  port: number,
  options: Record<string, unknown> = {},
): Promise<{ fault: Fault; lines: readonly string[] }> {
  const context = contextFor('SINK', 'k1', avroSink.counters)
  const given = optionsFor(avroSink, { hostname: '127.0.0.1', port, ...options })
  const sink = avroSink.create(given, context) as AvroSink
  await sink.start()
  const deliver = deliveriesOf(sink)
  const fault = await deliver([Event.of({}, 'x')]).then(
    () => assert.fail('it was delivered'),
    (error: Fault) => error,
  )
  await sink.stop()
  return { fault, lines: context.log.lines }
}

const servers: Server[] = []
const sockets = new Set<Socket>()
after(async () => {
  await rm(directory, { recursive: true })
  for (const socket of sockets) socket.destroy()
  await Promise.all(servers.map(server => new Promise(resolve => server.close(resolve))))
})

async function listening(server: Server): Promise<number> {
  servers.push(server)
  server.on('connection', (socket: Socket) => void sockets.add(socket.on('error', () => {})))
  await new Promise<void>(resolve => void server.listen(0, '127.0.0.1', resolve))
  return (server.address() as AddressInfo).port
}

const answering = (bytes: string | Buffer) =>
  listening(createServer(socket => void socket.once('data', () => socket.end(bytes))))

const cases: Readonly<
  Record<string, [listen: () => Promise<number>, said: RegExp, options?: Record<string, unknown>]>
> = {
  'a web server': [
    () => listening(createHttpServer((_, response) => void response.end('x'))),
    /^127\.0\.0\.1:\d+ is no Flume Avro source: it answers as a web server \(HTTP\/1\.1 400 Bad Request\) \| Correct hostname and port\.$/,
  ],
  'a server that greets in text': [
    () => listening(createServer(socket => void socket.write('SSH-2.0-OpenSSH_9.6\r\n\u001b[2J'))),
    /is no Flume Avro source: it answers with text \("SSH-2\.0-OpenSSH_9\.6"\) \|/,
  ],
  'a port that speaks TLS': [
    () => listening(createTlsServer({ key: certificate.key, cert: certificate.certificate })),
    /is no Flume Avro source: it speaks TLS \(ssl = true, if it is a source\) \|/,
  ],
  'a port that does not speak TLS, where it should': [
    () => listening(createHttpServer((_, response) => void response.end('x'))),
    /^127\.0\.0\.1:\d+ does not speak TLS \(.+\) \| Correct hostname and port, or leave ssl out/,
    { ssl: true },
  ],
  'a source that compresses': [
    () => answering(Buffer.from([0x78, 0x9c, 0x63, 0x60])),
    /is no Flume Avro source: it compresses \(compression-type = deflate, if it is a source\) \|/,
  ],
  'a source that does not compress, where it should': [
    () => answering(Buffer.from([0, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0, 1, 0])),
    /is no Flume Avro source: its answer is not compressed \(compression-type = none, if it is a source\) \|/,
    { 'compression-type': 'deflate' },
  ],
  'a server that closes': [
    () => listening(createServer(socket => void socket.once('data', () => socket.destroy()))),
    /^127\.0\.0\.1:\d+ closed the connection instead of answering the handshake \| See whether a Flume Avro source listens on this port, whether it expects TLS \(ssl = true\) or compression \(compression-type = deflate\), and its log\.$/,
  ],
  'a server that says nothing': [
    () => listening(createServer()),
    /^no answer from 127\.0\.0\.1:\d+ within 1000 ms \(request-timeout\), not even to the handshake \| See whether a Flume Avro source listens/,
    { 'request-timeout': 1000 },
  ],
  'bytes that are nothing known': [
    () => answering(Buffer.alloc(64, 0xee)),
    /^127\.0\.0\.1:\d+ is no Flume Avro source: .+ \| Correct hostname and port\.$/,
  ],
}

describe('an Avro sink on the port of something else', { concurrency: true }, () => {
  for (const [name, [listen, said, options]] of Object.entries(cases))
    test(name, async () => {
      const { fault, lines } = await faultAt(await listen(), options)
      assert.match(`${fault.message} | ${fault.remedy}`, said)
      assert.deepEqual(
        lines.filter(line => line.includes('connected to')),
        [],
      )
    })

  test('a Kafka broker, asked once', () =>
    inDirectory(async own => {
      const broker = await startBroker(own)
      try {
        const { fault } = await faultAt(broker.broker.port)
        assert.match(
          `${fault.message} | ${fault.remedy}`,
          /^127\.0\.0\.1:\d+ is no Flume Avro source: a Kafka broker answers there \| Correct hostname and port\.$/,
        )
      } finally {
        await broker.stop()
      }
    }))

  test('a source that expects something else than it gets', async () => {
    const listens = async (
      options: Record<string, unknown>,
    ): Promise<[port: number, stop: () => Promise<void>]> => {
      const context = contextFor('SOURCE', 'r1', avroSource.counters)
      const source = avroSource.create(optionsFor(avroSource, { bind: '127.0.0.1', port: 0, ...options }), {
        ...context,
        processor: { process: () => Promise.resolve(), processUntilAccepted: () => Promise.resolve() },
      })
      await source.start()
      const line = context.log.lines.find(one => one.includes('listens on'))!
      return [Number(/:(\d+)$/.exec(line)![1]), () => source.stop()]
    }
    const keystore = join(directory, 'source.p12')
    await writeFile(keystore, certificate.pkcs12('secret1'))
    const ssl = { ssl: true, keystore, 'keystore-password': 'secret1' }
    for (const [sourceOptions, sinkOptions, said] of [
      [
        { 'compression-type': 'deflate' },
        {},
        /whether it expects .*compression \(compression-type = deflate\)/,
      ],
      [{}, { 'compression-type': 'deflate' }, /whether it expects .*no compression/],
      [ssl, {}, /it speaks TLS \(ssl = true, if it is a source\)/],
      [
        {},
        { ssl: true },
        /closed the connection instead of shaking hands by TLS \| See whether a Flume Avro source with ssl = true/,
      ],
    ] as const) {
      const [port, stop] = await listens(sourceOptions)
      const { fault } = await faultAt(port, sinkOptions)
      await stop()
      assert.match(`${fault.message} | ${fault.remedy}`, said)
    }
  })
})
