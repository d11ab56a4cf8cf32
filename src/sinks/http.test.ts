import assert from 'node:assert/strict'
import { once } from 'node:events'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createServer, type IncomingMessage, type RequestListener, type Server } from 'node:http'
import { createServer as createSecureServer } from 'node:https'
import { createServer as createTcpServer, type AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test, type TestContext } from 'node:test'
import { createAuthority } from '../../test/certificates.ts'
import { contextFor, optionsFor } from '../../test/context.ts'
import type { SimpleSink } from '../component.ts'
import { DeliveryFault } from '../delivery-fault.ts'
import { Event } from '../event.ts'
import { realClock, type Clock } from '../system/clock.ts'
import { realSystem } from '../system/system.ts'
import { httpSink } from './http.ts'

interface Received {
  readonly request: IncomingMessage
  readonly body: string
}

/** Listens until the end of the test; gives the port. */
async function listen(t: TestContext, server: Server | ReturnType<typeof createTcpServer>): Promise<number> {
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.after(() => {
    if ('closeAllConnections' in server) server.closeAllConnections()
    server.close()
  })
  return (server.address() as AddressInfo).port
}

/** Answers each body by what `statusOf` says. */
async function serve(t: TestContext, statusOf: (body: string) => number, received: Received[] = []) {
  const server = createServer(answering(statusOf, received))
  return { port: await listen(t, server), received, server }
}

const answering =
  (statusOf: (body: string) => number, received: Received[]): RequestListener =>
  (request, response) => {
    const chunks: Buffer[] = []
    request.on('data', (chunk: Buffer) => void chunks.push(chunk))
    request.on('end', () => {
      const body = Buffer.concat(chunks).toString()
      received.push({ request, body })
      response
        .writeHead(statusOf(body), { location: '/elsewhere' })
        .end('x'.repeat(body === 'long' ? 200_000 : 10))
    })
  }

function sinkTo(
  t: TestContext,
  endpoint: string,
  given: Record<string, unknown> = {},
  clock: Clock = realClock,
) {
  const context = contextFor('SINK', 'k1', httpSink.counters, { system: { ...realSystem, clock } })
  const sink = httpSink.create(optionsFor(httpSink, { endpoint, ...given }), context) as SimpleSink
  t.after(() => sink.stop())
  const deliver = (...bodies: string[]) =>
    sink.deliver(
      bodies.map(body => Event.of({ h: 'v' }, body)),
      new AbortController().signal,
    )
  const counts = () =>
    ['EventDrainAttemptCount', 'EventDrainSuccessCount', 'EventWriteFail'].map(name =>
      context.counters.get(name),
    )
  return { sink, context, deliver, counts }
}

const undelivered = (error: unknown): string[] => {
  assert.ok(error instanceof DeliveryFault, String(error))
  return error.undelivered.map(({ body }) => body.toString())
}

test('each event is a POST of its body, over one connection', async t => {
  const { port, received } = await serve(t, () => 200)
  const { deliver, counts, context } = sinkTo(t, `http://127.0.0.1:${port}/a?b=c`, {
    contentTypeHeader: 'application/json',
    acceptHeader: 'text/html',
  })
  await deliver('one', '', 'ä', 'three')
  assert.deepEqual(
    received.map(({ body }) => body),
    ['one', 'ä', 'three'],
  )
  const { method, url, headers } = received[1]!.request
  assert.deepEqual(
    [method, url, headers['content-type'], headers.accept, headers['content-length'], headers['h']],
    ['POST', '/a?b=c', 'application/json', 'text/html', '2', undefined],
  )
  assert.equal(new Set(received.map(({ request }) => request.socket.remotePort)).size, 1)
  assert.deepEqual(counts(), [3, 3, 0])
  assert.match(context.log.lines.join(), /an event without a body was discarded/)
})

test('the status decides: that of its own before its class, and its class before the default', async t => {
  const { port, received } = await serve(t, Number)
  const rests: number[] = []
  const clock: Clock = { ...realClock, sleep: async delayMs => void rests.push(delayMs) }
  const given = {
    rollback: { '4XX': 'false', '404': 'true', '302': 'false', '204': 'true' },
    backoff: { '4XX': 'true', '401': 'false', '302': 'true' },
    incrementMetrics: { '4XX': 'true', '201': 'false' },
    defaultBackoff: false,
  }
  const { deliver, counts, context } = sinkTo(t, `http://127.0.0.1:${port}`, given, clock)
  await deliver('200', '201', '400', '403', '401', '400', '302')
  assert.deepEqual(rests, [1000, 2000, 1000, 2000])
  assert.deepEqual(counts(), [7, 5, 0])
  assert.match(
    context.log.lines.join('\n'),
    /an event was discarded, because 127\.0\.0\.1:\d+ answers with status 400/,
  )
  for (const status of ['404', '204', '500', '301'])
    await assert.rejects(deliver('200', status, '200'), error => {
      assert.deepEqual(undelivered(error), [status, '200'])
      assert.match((error as Error).message, new RegExp(`127.0.0.1:${port} answers with status ${status}`))
      return true
    })
  // No redirect was followed.
  assert.ok(received.every(({ request }) => request.url === '/'))
})

test('an answer that is long, or a connection that was closed meanwhile, costs a connection and no event', async t => {
  const { port, received, server } = await serve(t, () => 200)
  const { deliver, counts } = sinkTo(t, `http://127.0.0.1:${port}`)
  await deliver('long', 'a')
  server.closeIdleConnections()
  await deliver('b', 'c')
  assert.deepEqual(
    received.map(({ body }) => body),
    ['long', 'a', 'b', 'c'],
  )
  assert.deepEqual(counts(), [4, 4, 0])
})

test('a server that refuses, hangs, talks nonsense or trickles is left within the time-outs', async t => {
  const refusing = createTcpServer()
  const closed = await listen(t, refusing)
  await new Promise(resolve => refusing.close(resolve))
  const hanging = await listen(
    t,
    createServer(() => {}),
  )
  const nonsense = await listen(
    t,
    createTcpServer(socket => void socket.on('error', () => {}).end('nonsense\r\n\r\n')),
  )
  for (const [port, requestTimeout, message] of [
    [closed, 5000, /127\.0\.0\.1:\d+ cannot be asked: .*ECONNREFUSED/],
    [hanging, 50, /127\.0\.0\.1:\d+ does not answer within 50 ms/],
    [nonsense, 5000, /127\.0\.0\.1:\d+ cannot be asked: Parse Error/],
  ] as const) {
    const { deliver, counts } = sinkTo(t, `http://127.0.0.1:${port}`, { requestTimeout })
    await assert.rejects(deliver('a', 'b'), error => {
      assert.deepEqual(undelivered(error), ['a', 'b'])
      assert.match((error as Error).message, message)
      return true
    })
    assert.deepEqual(counts(), [1, 0, 1])
  }
  // The status has come: the event is delivered.
  const trickling = await listen(
    t,
    createServer((request, response) => {
      request.resume()
      response.writeHead(200).write('a')
    }),
  )
  const { deliver, counts } = sinkTo(t, `http://127.0.0.1:${trickling}`, { requestTimeout: 1500 })
  await deliver('a')
  assert.deepEqual(counts(), [1, 1, 0])
})

test('https verifies the certificate and its host', async t => {
  const directory = mkdtempSync(join(tmpdir(), 'millrace-http-'))
  t.after(() => rmSync(directory, { recursive: true, force: true }))
  const authority = createAuthority()
  const { key, certificate } = authority.sign({ host: 'localhost' })
  const received: Received[] = []
  const port = await listen(
    t,
    createSecureServer(
      { key, cert: certificate },
      answering(() => 200, received),
    ),
  )
  const unknown = sinkTo(t, `https://localhost:${port}`)
  await assert.rejects(unknown.deliver('a'), /localhost:\d+ cannot be asked: (unable|self)/)
  const trust = join(directory, 'trust.pem')
  writeFileSync(trust, authority.certificate)
  const trusting = (endpoint: string) => {
    const made = sinkTo(t, endpoint)
    ;(made.context.systemProperties as Map<string, string>).set('javax.net.ssl.trustStore', trust)
    return made
  }
  await trusting(`https://localhost:${port}`).deliver('a')
  await assert.rejects(
    trusting(`https://127.0.0.1:${port}`).deliver('b'),
    /IP: 127\.0\.0\.1 is not in the cert/,
  )
  assert.deepEqual(
    received.map(({ body }) => body),
    ['a'],
  )
})

test('what is no URL, no status or no decision is found by the check', () => {
  const said = (given: Record<string, unknown>) => {
    const lines: string[] = []
    const say = (level: string) => (key: string, problem: string) =>
      void lines.push(`${level} ${key} ${problem}`)
    httpSink.check!(optionsFor(httpSink, given), { error: say('error'), warning: say('warning') })
    return lines
  }
  for (const endpoint of ['', 'collector:80', 'ftp://collector/', 'http://'])
    assert.deepEqual(said({ endpoint }), ['error endpoint is not an http or https URL'], endpoint)
  const endpoint = 'http://collector/'
  assert.deepEqual(said({ endpoint, rollback: { '503': 'true', '5XX': ' FALSE ' } }), [])
  assert.deepEqual(said({ endpoint: 'http://u:p@collector/', rollback: { '5xx': 'true', '200': 'yes' } }), [
    'warning endpoint has a user or a password, which are not sent',
    'warning rollback.200 "yes" is read as false, as in Flume',
    'warning rollback.5xx has no effect: 5xx is not a status',
  ])
})
