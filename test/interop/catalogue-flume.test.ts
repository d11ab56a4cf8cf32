// Components that take what anybody sends, beside real Flume 1.11.0: the same bytes into both, the same events out. One agent
// of each carries all of them; an Avro sink hands the events over.
import assert from 'node:assert/strict'
import { createSocket } from 'node:dgram'
import { once } from 'node:events'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import { connect, type AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { connect as connectTls } from 'node:tls'
import type { Event } from '../../src/event.ts'
import { type AvroSource, avroSource } from '../../src/sources/avro.ts'
import { createAuthority } from '../certificates.ts'
import { contextFor, optionsFor } from '../context.ts'
import { freePort, skipWithoutPeers, startFlume, startMillrace, type Running } from './peers/peers.ts'
import { hangMs, waitFor } from './peers/waiting.ts'

const directory = mkdtempSync(join(tmpdir(), 'millrace-catalogue-'))
after(() => rmSync(directory, { recursive: true, force: true }))
const password = 'changeit'
const keystore = join(directory, 'keys.p12')

interface Arrived {
  readonly headers: Readonly<Record<string, string>>
  /** Bytes as latin1. */
  readonly body: string
}

/** What one agent has delivered, by the source that took it. */
class Deliveries {
  readonly #bySource = new Map<string, Arrived[]>()
  readonly #source: AvroSource

  constructor() {
    const process = async (events: readonly Event[]) => {
      for (const event of events) {
        const { from = '', ...headers } = Object.fromEntries([...event.headers].toSorted())
        this.of(from).push({ headers, body: event.body.toString('latin1') })
      }
    }
    this.#source = avroSource.create(optionsFor(avroSource, { bind: '127.0.0.1', port: 0 }), {
      ...contextFor('SOURCE', 'r1', avroSource.counters),
      processor: { process, processUntilAccepted: process },
    }) as AvroSource
  }

  of(source: string): Arrived[] {
    const arrived = this.#bySource.get(source) ?? []
    this.#bySource.set(source, arrived)
    return arrived
  }

  async start(): Promise<number> {
    await this.#source.start()
    return this.#source.port
  }

  stop = () => this.#source.stop()
}

type Settings = Readonly<Record<string, string | number>>

/** Where it listens is filled in. */
const sources: Readonly<Record<string, Settings>> = {
  tcp: { type: 'syslogtcp', clientIPHeader: 'ip', clientHostnameHeader: 'name' },
  kept: { type: 'syslogtcp', keepFields: 'priority, version, timestamp, hostname', eventSize: 100 },
  secured: {
    type: 'syslogtcp',
    ssl: 'true',
    keystore,
    'keystore-password': password,
    'keystore-type': 'PKCS12',
  },
  udp: { type: 'syslogudp', clientIPHeader: 'ip', clientHostnameHeader: 'name' },
  whole: { type: 'syslogudp', keepFields: 'all' },
  multi: {
    type: 'multiport_syslogtcp',
    portHeader: 'port',
    clientIPHeader: 'ip',
    clientHostnameHeader: 'name',
    keepFields: 'timestamp priority',
  },
  latin: { type: 'multiport_syslogtcp', 'charset.default': 'ISO-8859-1', eventSize: 100 },
  stress: {
    type: 'org.apache.flume.source.StressSource',
    size: 7,
    batchSize: 3,
    maxTotalEvents: 20,
    maxSuccessfulEvents: 16,
  },
  posted: { type: 'netcat', bind: '127.0.0.1', channels: 'h' },
  netcat: { type: 'netcatudp', bind: '127.0.0.1', remoteAddress: 'sender' },
}

/** Takes what an HTTP sink posts. Answers with the number that the body ends in, or 503 at the first time of `again`. */
class Posts {
  readonly requests: (string | undefined)[][] = []
  readonly #server = createServer((request, response) => {
    const chunks: Buffer[] = []
    request.on('data', (chunk: Buffer) => void chunks.push(chunk))
    request.on('end', () => {
      const body = Buffer.concat(chunks).toString()
      const { method, url, headers } = request
      const isFirst = this.requests.every(one => one[0] !== body)
      this.requests.push([body, method, url, headers['content-type'], headers.accept])
      response.writeHead(isFirst && body === 'again' ? 503 : Number(/\d+$/.exec(body)?.[0] ?? 200)).end('x')
    })
  })

  async start(): Promise<number> {
    this.#server.listen(0, '127.0.0.1')
    await once(this.#server, 'listening')
    return (this.#server.address() as AddressInfo).port
  }

  stop(): void {
    this.#server.closeAllConnections()
    this.#server.close()
  }
}

class Agent {
  readonly deliveries = new Deliveries()
  readonly posts = new Posts()
  monitoring = 0
  readonly ports = new Map<string, number>()
  #running: Running | null = null

  async start(start: (conf: string, monitoring: number) => Promise<Running>): Promise<void> {
    this.monitoring = await freePort()
    const lines = [
      `A.sources = ${Object.keys(sources).join(' ')}`,
      'A.channels = c h',
      'A.sinks = k p',
      'A.channels.c.type = memory',
      'A.channels.c.capacity = 10000',
      'A.channels.c.transactionCapacity = 1000',
      'A.channels.h.type = memory',
      'A.sinks.p.type = http',
      'A.sinks.p.channel = h',
      `A.sinks.p.endpoint = http://127.0.0.1:${await this.posts.start()}/path?a=b`,
      'A.sinks.p.contentTypeHeader = application/json',
      'A.sinks.p.acceptHeader = application/xml',
      'A.sinks.p.defaultBackoff = false',
      'A.sinks.p.rollback.2XX = false',
      'A.sinks.p.rollback.4XX = false',
      'A.sinks.p.rollback.400 = false',
      'A.sinks.p.incrementMetrics.2XX = true',
      'A.sinks.p.incrementMetrics.400 = true',
      'A.sinks.k.type = avro',
      'A.sinks.k.channel = c',
      // A larger batch would be waited for.
      'A.sinks.k.batch-size = 1',
      'A.sinks.k.hostname = 127.0.0.1',
      `A.sinks.k.port = ${await this.deliveries.start()}`,
    ]
    for (const [source, settings] of Object.entries(sources)) {
      const port = await freePort()
      this.ports.set(source, port)
      const all = {
        host: '127.0.0.1',
        [settings['type'] === 'multiport_syslogtcp' ? 'ports' : 'port']: port,
        channels: 'c',
        interceptors: 'i',
        'interceptors.i.type': 'static',
        'interceptors.i.key': 'from',
        'interceptors.i.value': source,
        ...settings,
      }
      for (const [key, value] of Object.entries(all)) lines.push(`A.sources.${source}.${key} = ${value}`)
    }
    this.#running = await start(`${lines.join('\n')}\n`, this.monitoring)
    // Flume says nothing of those without counters.
    for (const source of Object.keys(sources).filter(one => !['stress', 'posted', 'netcat'].includes(one)))
      await this.#running.line(new RegExp(`Component type: SOURCE, name: ${source} started`))
  }

  /** Sends one after the other; resolves with what has come of it. */
  async take(source: string, messages: readonly (string | Buffer)[]): Promise<readonly Arrived[]> {
    const port = this.ports.get(source)!
    const { type, ssl } = sources[source]!
    const isUdp = type === 'syslogudp' || type === 'netcatudp'
    const arrived = this.deliveries.of(source)
    const isTrial = ({ body }: Arrived) => body === 'trial'
    if (type === 'netcatudp')
      await waitFor(async () => {
        await sendDatagram(port, 'trial')
        return arrived.some(isTrial)
      }, 'netcatudp listens')
    const before = arrived.length
    const last = `<13>Oct  1 12:00:00 h end-${before}`
    for (const message of [...messages, isUdp ? last : `${last}\n`])
      await (isUdp ? sendDatagram : ssl === 'true' ? sendSecured : send)(port, message)
    const isLast = ({ body }: Arrived) => body.endsWith(`end-${before}`)
    await waitFor(() => arrived.slice(before).some(isLast), `the last event of ${source}`)
    return arrived.slice(before).filter(one => !isLast(one) && !isTrial(one))
  }

  async stop(): Promise<void> {
    await this.#running?.stop()
    await this.deliveries.stop()
    this.posts.stop()
  }
}

/** Resolves when the other side has read all and closed the connection. */
async function send(port: number, bytes: string | Buffer): Promise<void> {
  const socket = connect(port, '127.0.0.1')
  socket.resume()
  socket.end(bytes)
  await once(socket, 'close')
}

const isListening = (port: number): Promise<boolean> =>
  new Promise(resolve => {
    const socket = connect(port, '127.0.0.1')
    socket.once('connect', () => resolve(true))
    socket.once('error', () => resolve(false))
    socket.once('connect', () => socket.destroy())
  })

/** Resolves when so many bytes have been answered. */
async function sendAndRead(port: number, bytes: string, answered: number): Promise<void> {
  const socket = connect(port, '127.0.0.1')
  socket.write(bytes)
  let count = 0
  for await (const chunk of socket as AsyncIterable<Buffer>) if ((count += chunk.length) >= answered) break
  socket.destroy()
}

async function sendSecured(port: number, bytes: string | Buffer): Promise<void> {
  const socket = connectTls({ port, host: '127.0.0.1', rejectUnauthorized: false })
  socket.resume()
  await once(socket, 'secureConnect')
  socket.end(bytes)
  await once(socket, 'close')
}

async function sendDatagram(port: number, bytes: string | Buffer): Promise<void> {
  const socket = createSocket('udp4')
  await new Promise(resolve => socket.send(bytes, port, '127.0.0.1', resolve))
  socket.close()
}

const sorted = (all: readonly Arrived[]) => all.map(one => JSON.stringify(one)).toSorted()

describe('beside Flume 1.11.0', { skip: skipWithoutPeers, timeout: 4 * hangMs }, () => {
  const [flume, ours] = [new Agent(), new Agent()]
  before(async () => {
    writeFileSync(keystore, createAuthority().sign({ host: 'localhost', ip: '127.0.0.1' }).pkcs12(password))
    // A zone in which clocks are changed.
    const encoding = { 'user.timezone': 'America/New_York', 'file.encoding': 'UTF-8' }
    const startOf = (start: typeof startMillrace, home: string) => (conf: string, monitoring: number) => {
      const properties = { ...encoding, 'flume.monitoring.type': 'http', 'flume.monitoring.port': monitoring }
      return start(join(directory, home), { agent: 'A', conf, properties })
    }
    await Promise.all([
      flume.start(startOf((...given) => startFlume('1.11.0', ...given), 'flume')),
      ours.start(startOf(startMillrace, 'ours')),
    ])
  })
  after(() => Promise.all([flume.stop(), ours.stop()]))

  /** Sends the same to both; gives what came out of Flume and of ours. */
  const both = (source: string, messages: readonly (string | Buffer)[]) =>
    Promise.all([flume.take(source, messages), ours.take(source, messages)])

  const months = ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec']
  /** As RFC 3164 writes a time. */
  const stampOf = (at: Date) =>
    `${months[at.getUTCMonth()]} ${String(at.getUTCDate()).padStart(2)} ${at.toISOString().slice(11, 19)}`
  const now = Date.now()
  const recent = stampOf(new Date(now - 1000))
  const garbage = Buffer.from(
    Array.from({ length: 700 }, (_, index) => (index * 7919) % 256).filter(byte => byte !== 10),
  )

  /** What one port may be sent: each is read by a pattern as a whole. */
  const wellFormed = [
    ...months.map(month => `<13>${month} 15 12:00:00 host1 app: ${month}`),
    '<13>Oct  1 12:00:00 host1 app: hello',
    "<34>1 2026-10-11T22:14:15Z mymachine.example.com su - ID47 - 'su root' failed",
    '<165>1 2026-08-24T05:14:15-07:00 192.0.2.1 myproc 8710 - - offset',
    '<165>1 2026-08-24T05:14:15 192.0.2.1 no zone',
    '<165>1 2026-08-24T05:14:15.123 192.0.2.1 no zone, a fraction',
    '<165>1 - - nothing known',
    '<013>2026-10-11T22:14:15Z h no version',
    '<13>2Oct 11 22:14:15 h a version',
    '<999>Feb 28 23:59:59 h a large priority',
    '<13>Feb 30 01:02:03 h no such day',
    '<13>Jun 31 25:61:61 h no such time',
    '<13>Foo 10 00:00:00 h no such month',
    '<13>Mar  8 02:30:00 h clocks go forward',
    '<13>Nov  1 01:30:00 h clocks go back',
    '<13>Oct  1 12:00:00 h_1@x.y-z odd host',
    '<13>Oct  1 12:00:00 host1 äöü ☃ 😀',
    '<13>Oct  1 12:00:00 host1 ',
  ]
  const malformed = [
    '<13>Oct  1 12:00:00 host1 a line of a CR\r',
    '<13>Oct  1 12:00:00 host1',
    '<13>Oct 1 12:00 host1 x',
    '<13>',
    '<13>no time',
    '<13> \t',
    'no priority',
    '<>x',
    '<1234>x',
    '<abc>x',
    '<-5>x',
    '12 <13>x',
    garbage,
  ]
  const line = (message: string | Buffer) => Buffer.concat([Buffer.from(message), Buffer.from('\n')])

  test('syslogtcp', async () => {
    const messages = [
      ...malformed.map(line),
      `\n\n${wellFormed.join('\n\n')}\nnever ended`,
      '<\n<13>Oct  1 12:00:00 host1 x\n<13\n\n<1\n<2\nx\n',
    ]
    const [theirs, own] = await both('tcp', messages)
    assert.deepEqual(sorted(own), sorted(theirs))
    assert.equal(own.length, malformed.length + wellFormed.length + 4)
  })

  test('syslogtcp that keeps fields, and cuts', async () => {
    const long = `<13>${'x'.repeat(95)}`
    const messages = [
      ...wellFormed.filter(message => !message.includes(' - ')).map(line),
      ...[
        long,
        `${long}y`,
        `${long}yz`,
        `${long}${long}`,
        `${long}${long}y`,
        `${long}${'y'.repeat(1000)}`,
      ].map(line),
    ]
    const [theirs, own] = await both('kept', messages)
    assert.deepEqual(sorted(own), sorted(theirs))
    assert.ok(own.some(({ headers }) => headers['flume.syslog.status'] === 'Incomplete'))
  })

  test('syslogtcp by TLS', async () => {
    const [theirs, own] = await both('secured', [`${wellFormed.join('\n')}\n`])
    assert.deepEqual(sorted(own), sorted(theirs))
    assert.equal(own.length, wellFormed.length)
  })

  test('syslogudp', async () => {
    const messages = [...malformed, '\n<13>x\ny', '<13', '', '\n\n', ...wellFormed]
    const [theirs, own] = await both('udp', messages)
    assert.deepEqual(sorted(own), sorted(theirs))
    const [all, ownAll] = await both('whole', wellFormed)
    assert.deepEqual(sorted(ownAll), sorted(all))
  })

  test('the HTTP sink', async () => {
    const bodies = ['{"a":1} 200', 'created 201', 'again', 'äöü 400', 'gone 404', 'last 200']
    const metricsOf = async ({ monitoring }: Agent) =>
      (
        (await (await fetch(`http://127.0.0.1:${monitoring}/metrics`)).json()) as Record<
          string,
          Record<string, string>
        >
      )['SINK.p']!
    const outcomes = await Promise.all(
      [flume, ours].map(async agent => {
        const port = agent.ports.get('posted')!
        await waitFor(() => isListening(port), 'the netcat source listens')
        await sendAndRead(port, `${bodies.join('\n')}\n`, bodies.length * 'OK\n'.length)
        await waitFor(() => agent.posts.requests.length > bodies.length, 'all is posted')
        await waitFor(
          async () => (await metricsOf(agent))['EventDrainSuccessCount'] === '5',
          'all is counted',
        )
        const { EventDrainAttemptCount, EventWriteFail } = await metricsOf(agent)
        return { requests: agent.posts.requests, EventDrainAttemptCount, EventWriteFail }
      }),
    )
    assert.deepEqual(outcomes[1], outcomes[0])
    assert.equal(outcomes[1]!.requests.length, bodies.length + 1)
  })

  test('the stress source', async () => {
    const all = [flume, ours].map(({ deliveries }) => deliveries.of('stress'))
    await waitFor(() => all.every(arrived => arrived.length >= 18), 'events of the stress source')
    assert.deepEqual(
      all[1],
      Array.from({ length: 18 }, () => ({ headers: {}, body: '\x7f'.repeat(7) })),
    )
    assert.deepEqual(all[0], all[1])
  })

  test('netcatudp', async () => {
    const messages = ['one', '', '\n', 'two\nthree\n', 'a CR\r\n', garbage, Buffer.from([10, 255])]
    const [theirs, own] = await both('netcat', messages)
    const withoutPorts = (all: readonly Arrived[]) =>
      sorted(
        all.map(({ headers, body }) => ({
          headers: { sender: headers['sender']!.replace(/:\d+$/, '') },
          body,
        })),
      )
    assert.deepEqual(withoutPorts(own), withoutPorts(theirs))
    assert.deepEqual(own[0]!.headers['sender']!.replace(/:\d+$/, ''), '/127.0.0.1')
  })

  test('multiport_syslogtcp', async () => {
    const messages = [
      `<13>${recent} host1 app: hello`,
      `<13>1 ${recent} host1 app: a version`,
      '<13>Oct 1 12:00:00 host1 no such time',
      '<13>Foo 10 12:00:00 host1 no such month',
      '<+13>1 2026-10-11T22:14:15Z h x',
      '<-13>1 2026-10-11T22:14:15Z h x',
      '<99999>1 2026-10-11T22:14:15.5Z h x',
      '<13>1 2026-10-11T22:14:15.123456-07:00 h x',
      '<13>1 2026-10-11T22:14:15x h UTC',
      '<13>2026-10-11T22:14:15+02:00 h no version',
      '<13>2026-10-11T22:14:15Z h ',
      '<13>2026-10-11T22:14:15Z  no host',
      `<13>${recent} host1 äöü ☃ 😀\r`,
      'no priority',
      '<13>',
      '<13>x',
      '<13>1 ',
      '<13>2026-10-11T22:14:15 h no zone',
      '<123456>1 2026-10-11T22:14:15Z h x',
      Buffer.from('<13>2026-10-11T22:14:15Z h \xe4', 'latin1'),
      Buffer.concat([Buffer.from('x'), garbage.filter(byte => byte !== 0)]),
    ]
    const [theirs, own] = await both('multi', messages.map(line))
    assert.deepEqual(withoutPort(own, ours), withoutPort(theirs, flume))
    assert.equal(own.length, messages.length)
  })

  /** Each with its port as `port`. */
  const withoutPort = (all: readonly Arrived[], agent: Agent) =>
    sorted(
      all.map(({ headers, body }) => {
        assert.equal(headers['port'], String(agent.ports.get('multi')))
        return { headers: { ...headers, port: '' }, body }
      }),
    )

  test('multiport_syslogtcp with a character set, that cuts', async () => {
    const long = `<13>2026-10-11T22:14:15Z h ${'\xe4'.repeat(73)}`
    const messages = [
      '<13>2026-10-11T22:14:15Z h \xe4\xf6\xfc',
      `${long.slice(1)}`,
      `${long}yz`,
      `${long}${'y'.repeat(1010)}`,
    ].map(text => line(Buffer.from(text, 'latin1')))
    const [theirs, own] = await both('latin', messages)
    assert.deepEqual(sorted(own), sorted(theirs))
    assert.ok(own.some(({ headers }) => headers['flume.syslog.status'] === 'Incomplete'))
  })

  test('what the pages say that Flume does otherwise', async () => {
    const single = [
      `${wellFormed[0]}\nno priority\n`,
      line('<165>1 2026-08-24T05:14:15.1-07:00 h x'),
      line(Buffer.from('<13>Oct  1 12:00:00 h \xe4', 'latin1')),
    ]
    const [theirs, own] = await both('tcp', single)
    const has = (all: readonly Arrived[], body: string, name: string, value: string | undefined) =>
      all.some(one => one.body === body && one.headers[name] === value)
    assert.ok(has(theirs, 'no priority', 'priority', '13') && has(own, 'no priority', 'priority', undefined))
    const at = Date.parse('2026-08-24T05:14:15')
    const [wrong, right] = [Date.parse('2026-08-24T05:14:15.001-04:00'), at + 7 * 3_600_000 + 100]
    assert.ok(has(theirs, 'x', 'timestamp', String(wrong)) && has(own, 'x', 'timestamp', String(right)))
    assert.ok(has(theirs, '\xef\xbf\xbd', 'host', 'h') && has(own, '\xe4', 'host', 'h'))

    const [kept, ownKept] = await both('kept', [line('<13>1 - - x')])
    assert.deepEqual([kept[0]!.body, ownKept[0]!.body], ['<13>1 null null x', '<13>1 - - x'])

    const [cut, whole] = await both('udp', [`<13>Oct  1 12:00:00 h ${'x'.repeat(3000)}`])
    assert.deepEqual([cut[0]!.body.length, whole[0]!.body.length], [2048 - 22, 3000])

    const [lost, ownMulti] = await both('multi', [
      'no priority\n\n',
      line(`<13>${stampOf(new Date(now - 60 * 86_400_000))} h x`),
    ])
    assert.deepEqual([lost.length, ownMulti.length], [1, 2])
    const yearOf = (one: Arrived | undefined) => new Date(Number(one?.headers['timestamp'])).getUTCFullYear()
    assert.ok([1999, 2001].includes(yearOf(lost[0])))
    assert.equal(ownMulti[1]!.headers['timestamp'], String(Math.floor((now - 60 * 86_400_000) / 1000) * 1000))
  })
})
