// The syslog sources by TCP and UDP, and netcatudp; what becomes of each message beside Flume is in test/interop/catalogue-flume.test.ts.
import assert from 'node:assert/strict'
import { createSocket } from 'node:dgram'
import { once } from 'node:events'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { connect, createServer, type AddressInfo, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { connect as connectTls } from 'node:tls'
import { createAuthority } from '../../test/certificates.ts'
import { contextFor, optionsFor, type TestContext } from '../../test/context.ts'
import type { Source, SourceDefinition } from '../component.ts'
import { Fault } from '../errors.ts'
import type { Event } from '../event.ts'
import { findCharset } from '../java/java-charset.ts'
import { realClock, type Clock } from '../system/clock.ts'
import { MemoryBudget } from '../system/memory-budget.ts'
import { realSystem } from '../system/system.ts'
import { multiportSyslogSource } from './multiport-syslog.ts'
import { netcatUdpSource } from './netcat-udp.ts'
import { syslogTcpSource } from './syslog-tcp.ts'
import { syslogUdpSource } from './syslog-udp.ts'

interface Run {
  readonly source: Source
  readonly ports: number[]
  readonly events: Event[]
  readonly context: TestContext
  readonly bodies: () => string[]
  /** Resolves when so many events have been accepted. */
  until(count: number): Promise<void>
}

type Put = (events: readonly Event[], signal: AbortSignal) => Promise<void>

async function run(
  definition: SourceDefinition,
  given: Record<string, unknown> = {},
  put: Put = async () => {},
  memory = realSystem.memory,
  clock: Clock = realSystem.clock,
): Promise<Run> {
  const events: Event[] = []
  const context = contextFor('SOURCE', 'r1', definition.counters, {
    system: { ...realSystem, memory, clock },
  })
  let looks: (() => void)[] = []
  const processUntilAccepted = async (some: readonly Event[], signal: AbortSignal) => {
    await put(some, signal)
    events.push(...some)
    for (const look of looks) look()
  }
  const options = optionsFor(definition, { host: '127.0.0.1', port: 0, ports: ['0'], ...given })
  const source = definition.create(options, {
    ...context,
    processor: {
      processUntilAccepted,
      process: () => Promise.reject(new Error('nobody waits for an answer')),
    },
  })
  await source.start()
  const ports = context.log.lines.flatMap(line => /listens on .*:(\d+)$/.exec(line)?.[1] ?? []).map(Number)
  const until = (count: number) =>
    new Promise<void>(resolve => {
      const look = () => {
        if (events.length < count) return
        looks = looks.filter(one => one !== look)
        resolve()
      }
      looks.push(look)
      look()
    })
  return { source, ports, events, context, until, bodies: () => events.map(one => one.body.toString()) }
}

/** What is waited for comes a hundred times as soon. */
const hurried: Clock = {
  ...realClock,
  after: (delayMs, run, options) => realClock.after(delayMs / 100, run, options),
}

/** Resolves when the source has read all and has closed the connection. */
async function send(port: number, ...pieces: (string | Buffer)[]): Promise<void> {
  const socket = connect(port, '127.0.0.1')
  socket.setNoDelay(true)
  socket.resume()
  for (const piece of pieces) await new Promise(resolve => socket.write(piece, resolve))
  socket.end()
  await once(socket, 'close')
}

const turn = () => new Promise(resolve => setImmediate(resolve))
const text = (count: number) => `<13>Oct  1 12:00:00 h ${count}\n`

test('messages that come byte by byte, or many at once, are the same', async () => {
  const messages = `${text(1)}\n<\nx\n${text(2)}${'y'.repeat(45)}\n`
  const one = await run(syslogTcpSource, { eventSize: 40 })
  await send(one.ports[0]!, ...messages)
  const all = await run(syslogTcpSource, { eventSize: 40 })
  await send(all.ports[0]!, messages)
  assert.deepEqual(one.bodies(), ['1', '<\nx', '2', 'y'.repeat(40), 'y'.repeat(5)])
  assert.deepEqual(all.bodies(), one.bodies())
  const status = (events: readonly Event[]) => events.map(one => one.headers.get('flume.syslog.status'))
  // The first part that is cut has no priority either.
  assert.deepEqual(status(all.events), [undefined, 'Invalid', undefined, 'Invalid', 'Invalid'])
  for (const { source } of [one, all]) await source.stop()
})

test('a full channel holds the sender back, and loses nothing', async () => {
  const gate = Promise.withResolvers<void>()
  const { source, ports, bodies, until, context } = await run(syslogTcpSource, {}, () => gate.promise)
  const socket = connect(ports[0]!, '127.0.0.1')
  const count = 20_000
  const filler = 'x'.repeat(1000)
  let sent = 0
  const filled = (async () => {
    while (sent < count) {
      const some = Array.from(
        { length: 1000 },
        (_, index) => `${text(sent + index).trimEnd()} ${filler}\n`,
      ).join('')
      sent += 1000
      if (!socket.write(some)) await once(socket, 'drain')
    }
  })()
  // Whatever the system and both sides buffer, it is less than all.
  for (let before = -1; before !== sent;) {
    before = sent
    for (let turns = 0; turns < 200; turns++) await turn()
  }
  assert.ok(sent < count, `${sent} messages were read`)
  gate.resolve()
  await filled
  await until(count)
  assert.equal(
    bodies().findIndex((body, index) => body !== `${index} ${filler}`),
    -1,
  )
  socket.destroy()
  await source.stop()
  assert.equal(context.counters.get('EventReceivedCount'), count)
  assert.equal(context.counters.get('EventAcceptedCount'), count)
})

for (const [definition, deliver] of [
  [
    syslogTcpSource,
    (port: number) =>
      connect(port, '127.0.0.1')
        .on('error', () => {})
        .write(`${text(1)}${text(2)}`),
  ],
  [syslogUdpSource, (port: number) => sendDatagrams(port, [text(1), text(2)])],
] as const)
  test(`${definition.type}: a stop gives up what no channel takes, and reports what is lost`, async () => {
    const begun = Promise.withResolvers<void>()
    const put: Put = (_, signal) => {
      begun.resolve()
      return new Promise((_resolve, reject) =>
        signal.addEventListener('abort', () => reject(new Fault('STOPPED', 'no room'))),
      )
    }
    const { source, ports, context } = await run(definition, {}, put, undefined, hurried)
    void deliver(ports[0]!)
    await begun.promise
    await source.stop()
    assert.match(
      context.log.lines.join('\n'),
      /[12] (messages?|datagrams?) of .* not put within 1700 ms and are lost/,
    )
  })

test('a stop puts what was read, and the source can be started again', async () => {
  const gate = Promise.withResolvers<void>()
  const begun = Promise.withResolvers<void>()
  const { source, ports, bodies, context } = await run(syslogTcpSource, {}, () => {
    begun.resolve()
    return gate.promise
  })
  connect(ports[0]!, '127.0.0.1')
    .on('error', () => {})
    .write(text(1))
  await begun.promise
  const stopped = source.stop()
  gate.resolve()
  await stopped
  assert.deepEqual(bodies(), ['1'])
  assert.doesNotMatch(context.log.lines.join('\n'), /lost/)
  await source.start()
  const line = context.log.lines.findLast(one => one.includes('listens on'))!
  await send(Number(/(\d+)$/.exec(line)![1]), text(2))
  assert.deepEqual(bodies(), ['1', '2'])
  await source.stop()
})

test('a batch that can never be processed is reported, and the next one comes through', async () => {
  let calls = 0
  const { source, ports, bodies, context } = await run(syslogTcpSource, {}, async () => {
    if (calls++ === 0) throw new Error('an interceptor failed')
  })
  await send(ports[0]!, text(1))
  await send(ports[0]!, text(2))
  assert.deepEqual(bodies(), ['2'])
  assert.equal(context.counters.get('GenericProcessingFail'), 1)
  assert.match(context.log.lines.join('\n'), /1 message of .* could not be processed and are lost/)
  await source.stop()
})

test('connections that are opened and closed leave nothing behind', async () => {
  const memory = new MemoryBudget()
  const { source, ports, bodies, until } = await run(syslogTcpSource, {}, undefined, memory)
  const half = text(1).slice(0, 20)
  for (let round = 0; round < 5; round++)
    await Promise.all(
      Array.from({ length: 50 }, async (_, index) => {
        const socket = connect(ports[0]!, '127.0.0.1')
        socket.on('error', () => {})
        await once(socket, 'connect')
        socket.write(index % 2 === 0 ? half : text(1))
        if (index % 3 === 0) socket.resetAndDestroy()
        else socket.end()
        if (!socket.destroyed) socket.resume()
        await once(socket, 'close')
      }),
    )
  await send(ports[0]!, text(2))
  await until(1)
  assert.ok(bodies().includes('2'))
  await source.stop()
  assert.equal(memory.usedBytes, 0)
})

test('long messages that do not end hold no more than the budget, and give way to others', async () => {
  const memory = new MemoryBudget(1024 * 1024)
  const given = { eventSize: 1_000_000 }
  const { source, ports, bodies, context } = await run(syslogTcpSource, given, undefined, memory, hurried)
  const sockets: Socket[] = []
  for (let index = 0; index < 20; index++) {
    const socket = connect(ports[0]!, '127.0.0.1')
    socket.on('error', () => {})
    socket.write(Buffer.alloc(200_000, 'x'))
    sockets.push(socket)
  }
  while (memory.waiting === 0) await turn()
  assert.ok(memory.mostUsedBytes < 3 * 1024 * 1024, `${memory.mostUsedBytes}`)
  await context.log.line(/closed: a message did not end within 10000 ms, and others wait for the memory/)
  for (const socket of sockets) socket.destroy()
  await send(ports[0]!, text(1))
  assert.deepEqual(bodies(), ['1'])
  await source.stop()
  assert.equal(memory.usedBytes, 0)
})

test('a message waits for memory although its sender has ended the connection', async () => {
  const memory = new MemoryBudget(1024 * 1024)
  const others = memory.share()
  others.add(memory.limitBytes)
  const { source, ports, until } = await run(syslogTcpSource, {}, undefined, memory)
  const sent = send(ports[0]!, text(1))
  while (memory.waiting === 0) await turn()
  for (let turns = 0; turns < 50; turns++) await turn()
  others.close()
  await until(1)
  await sent
  await source.stop()
})

test('by TLS; what is no handshake is refused, and one that hangs is ended by the stop', async () => {
  const directory = mkdtempSync(join(tmpdir(), 'millrace-syslog-'))
  after(() => rmSync(directory, { recursive: true, force: true }))
  const keystore = join(directory, 'keys.pem')
  writeFileSync(keystore, createAuthority().sign({ host: 'localhost' }).pem)
  const given = { ssl: true, keystore, 'keystore-password': '' }
  const { source, ports, bodies, until, context } = await run(syslogTcpSource, given)
  const silent = connect(ports[0]!, '127.0.0.1')
  await once(silent, 'connect')
  const plain = connect(ports[0]!, '127.0.0.1')
  plain.on('error', () => {})
  plain.end(text(1))
  plain.resume()
  await context.log.line(/connection of .* refused: the TLS handshake with the sender failed/)
  const secured = connectTls({ port: ports[0]!, host: '127.0.0.1', rejectUnauthorized: false })
  secured.write(text(2))
  await until(1)
  assert.deepEqual(bodies(), ['2'])
  const closed = once(silent, 'close')
  await source.stop()
  await closed
  secured.destroy()
})

test('multiport: each port has its character set and its header; a port in use is tried again', async () => {
  const holder = createServer().listen(0, '127.0.0.1')
  await once(holder, 'listening')
  const held = (holder.address() as AddressInfo).port
  const given = {
    ports: [String(held), '0'],
    portHeader: 'port',
    'charset.default': findCharset('ISO-8859-1'),
    'charset.port': { [String(held)]: 'UTF-8' },
  }
  const { source, ports, events, context } = await run(
    multiportSyslogSource,
    given,
    undefined,
    undefined,
    hurried,
  )
  assert.match(
    context.health().join(),
    new RegExp(`1 of 2 ports are not listened on; the source retries them.*port ${held} .*is in use`),
  )
  const message = Buffer.concat([
    Buffer.from('<13>2026-10-11T22:14:15Z h '),
    Buffer.from([0xe4]),
    Buffer.from('\n'),
  ])
  await send(ports[0]!, message)
  await new Promise(resolve => holder.close(resolve))
  await context.log.line(/All ports are listened on/)
  assert.deepEqual(context.health(), [])
  await send(held, message)
  assert.deepEqual(
    events.map(({ headers }) => [headers.get('port'), headers.get('flume.syslog.status')]),
    [
      [String(ports[0]), undefined],
      [String(held), 'Invalid'],
    ],
  )
  assert.equal(context.counters.get('EventReadFail'), 1)
  await source.stop()
})

test('multiport: where no port can be had the start fails', async () => {
  const holder = createServer().listen(0, '127.0.0.1')
  await once(holder, 'listening')
  const { port } = holder.address() as AddressInfo
  await assert.rejects(run(multiportSyslogSource, { ports: [String(port)] }), /is in use by another program/)
  await new Promise(resolve => holder.close(resolve))
})

async function sendDatagrams(port: number, datagrams: readonly (string | Buffer)[]): Promise<void> {
  const socket = createSocket('udp4')
  for (const one of datagrams) await new Promise(resolve => socket.send(one, port, '127.0.0.1', resolve))
  socket.close()
}

test('datagrams: what the channels do not take waits up to a bound, and more is counted', async () => {
  const gate = Promise.withResolvers<void>()
  const memory = new MemoryBudget(1024 * 1024)
  const { source, ports, events, context, until } = await run(syslogUdpSource, {}, () => gate.promise, memory)
  const socket = createSocket('udp4')
  const big = Buffer.alloc(60_000, 'x')
  while (context.health().length === 0) {
    socket.send(big, ports[0]!, '127.0.0.1')
    await turn()
  }
  assert.match(context.health()[0]!, /discards datagrams: they arrive faster than its channels take them/)
  assert.ok(context.counters.own.get('datagrams_discarded')! > 0)
  assert.ok(memory.mostUsedBytes <= 1024 * 1024)
  gate.resolve()
  await until(10)
  // What the system holds has come in by then.
  while (context.health().length > 0) await turn()
  const before = events.length
  socket.send(text(1), ports[0]!, '127.0.0.1')
  await until(before + 1)
  assert.deepEqual(context.health(), [])
  socket.close()
  await source.stop()
  assert.equal(memory.usedBytes, 0)
})

test('netcatudp: a datagram is an event up to its LF, and the header of its sender has the name that is given', async () => {
  const { source, ports, events, until } = await run(netcatUdpSource, {
    bind: '127.0.0.1',
    remoteAddress: 'from',
  })
  await sendDatagrams(ports[0]!, ['one', '', 'two\nthree', Buffer.from([0xff, 0x00])])
  await until(4)
  assert.deepEqual(
    events.map(({ body }) => body.toString('latin1')),
    ['one', '', 'two', '\xff\x00'],
  )
  for (const { headers } of events) assert.match(headers.get('from')!, /^\/127\.0\.0\.1:\d+$/)
  await source.stop()
  const nameless = await run(netcatUdpSource, { bind: '127.0.0.1' })
  await sendDatagrams(nameless.ports[0]!, ['x'])
  await nameless.until(1)
  assert.equal(nameless.events[0]!.headers.size, 0)
  await nameless.source.stop()
})

test('datagrams: an empty one is counted, one of 64 KiB is whole, and a port in use is named', async () => {
  const { source, ports, bodies, context, until } = await run(syslogUdpSource)
  await sendDatagrams(ports[0]!, ['', '\n', '<', Buffer.alloc(65_507, 'x'), `\n${text(1)}${text(2)}`])
  await until(3)
  assert.deepEqual(bodies(), ['<', 'x'.repeat(65_507), '1'])
  assert.equal(context.counters.get('EventReadFail'), 2)
  await assert.rejects(run(syslogUdpSource, { port: ports[0] }), /port \d+ on 127\.0\.0\.1 is in use/)
  await source.stop()
})
