import assert from 'node:assert/strict'
import { connect } from 'node:net'
import test from 'node:test'
import { contextFor, optionsFor, type TestContext } from '../../test/context.ts'
import type { Source } from '../component.ts'
import { Fault } from '../errors.ts'
import type { Event } from '../event.ts'
import { findCharset } from '../java/java-charset.ts'
import { netcatSource } from './netcat.ts'

interface Running {
  readonly source: Source
  readonly port: number
  readonly bodies: string[]
  readonly context: TestContext
}

async function run(
  given: Record<string, unknown>,
  put: (events: readonly Event[]) => Promise<void> = async () => {},
): Promise<Running> {
  const bodies: string[] = []
  const context = contextFor('SOURCE', 'r1')
  const process = async (events: readonly Event[]) => {
    bodies.push(...events.map(event => event.body.toString()))
    await put(events)
  }
  const source = netcatSource.create(optionsFor(netcatSource, { bind: '127.0.0.1', port: 0, ...given }), {
    ...context,
    processor: { process, processUntilAccepted: process },
  })
  await source.start()
  const line = await context.log.line(/listens on/)
  return { source, port: Number(/:(\d+)$/.exec(line)![1]), bodies, context }
}

/** Sends all at once and ends; gives everything that came back until the server ended. */
function exchange(port: number, bytes: string | Buffer): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = connect({ port, host: '127.0.0.1', allowHalfOpen: true }, () => socket.end(bytes))
    let text = ''
    socket.on('data', part => (text += part.toString()))
    socket.on('end', () => resolve(text))
    socket.on('error', reject)
  })
}

test('every line is an event and answered; what follows the last newline is discarded', async () => {
  const { source, port, bodies } = await run({})
  assert.equal(await exchange(port, 'one\ntwo\r\n\nrest'), 'OK\nOK\nOK\n')
  assert.deepEqual(bodies, ['one', 'two\r', ''])
  await source.stop()
})

test('without acks only failures are answered, and the connection stays', async () => {
  const { source, port, bodies } = await run({ 'ack-every-event': false }, async ([event]) => {
    if (event!.body.toString() === 'bad') throw new Fault('CHANNEL_FULL', 'no room in c1')
  })
  assert.equal(await exchange(port, 'a\nbad\nb\n'), 'FAILED: no room in c1\n')
  assert.deepEqual(bodies, ['a', 'bad', 'b'])
  await source.stop()
})

test('a line may have as many characters as the limit says, its newline counted', async () => {
  const { source, port, bodies, context } = await run({ 'max-line-length': 4 })
  const failure = 'FAILED: Event exceeds the maximum length (4 chars, including newline)\n'
  assert.equal(await exchange(port, 'abc\nabcd\nnever'), `OK\n${failure}`)
  assert.equal(await exchange(port, 'äöü\n€€€\n'), 'OK\nOK\n')
  assert.equal(await exchange(port, 'abcd'), failure, 'also before the newline has come')
  assert.deepEqual(bodies, ['abc', 'äöü', '€€€'])
  assert.match(context.log.lines.join('\n'), /a line from 127\.0\.0\.1:\d+ is longer than 4 characters/)
  await source.stop()
})

test('characters that come in two pieces count once, and a line in single bytes is whole', async () => {
  const { source, port, bodies } = await run({ 'max-line-length': 4 })
  const socket = connect(port, '127.0.0.1')
  socket.setNoDelay(true)
  let text = ''
  const answered = new Promise<void>(resolve =>
    socket.on('data', part => {
      text += String(part)
      if (/FAILED[^]*\n$/.test(text)) resolve()
    }),
  )
  // Each byte has left before the next is written, and goes alone as a rule.
  for (const byte of Buffer.from('€€€\n😀€\n😀😀'))
    await new Promise(resolve => socket.write(Buffer.of(byte), resolve))
  await answered
  assert.match(text, /^OK\nOK\nFAILED: Event exceeds the maximum length \(4 chars/)
  assert.deepEqual(bodies, ['€€€', '😀€'])
  socket.destroy()
  await source.stop()
})

test('bytes that are not UTF-8 stay as they came', async () => {
  const bodies: string[] = []
  const { source, port } = await run({}, async ([event]) => void bodies.push(event!.body.toString('hex')))
  assert.equal(
    await exchange(port, Buffer.from([0xe9, 0xff, 0x0a, 0xc3, 0x0a, 0xc3, 0xa4, 0x0a])),
    'OK\nOK\nOK\n',
  )
  assert.deepEqual(bodies, ['e9ff', 'c3', 'c3a4'])
  await source.stop()
})

test('other character sets become UTF-8', async () => {
  const { source, port, bodies } = await run({ encoding: findCharset('iso-8859-1') })
  assert.equal(await exchange(port, Buffer.from([0xe9, 0x0a])), 'OK\n')
  assert.deepEqual(bodies, ['é'])
  await source.stop()
})

test('a line cut into packets is one event; stopping answers what was read and ends idle clients', async () => {
  let accept = () => {}
  const accepted = new Promise<void>(resolve => (accept = resolve))
  let begin = () => {}
  const begun = new Promise<void>(resolve => (begin = resolve))
  const { source, port, bodies } = await run({}, () => {
    begin()
    return accepted
  })
  const idle = connect({ port, host: '127.0.0.1' })
  const idleClosed = new Promise(resolve => idle.on('close', resolve).on('error', () => {}))
  const busy = connect({ port, host: '127.0.0.1' })
  let reply = ''
  busy.setNoDelay(true)
  busy.on('data', part => (reply += part.toString()))
  const busyClosed = new Promise(resolve => busy.on('close', resolve))
  busy.write('he')
  await new Promise(resolve => busy.write('llo\n', resolve))
  await begun
  const stopped = source.stop()
  await idleClosed
  accept()
  await busyClosed
  await stopped
  assert.equal(reply, 'OK\n')
  assert.deepEqual(bodies, ['hello'])
})

test('a port in use rejects the start, and the next start may succeed', async () => {
  const first = await run({})
  const context = contextFor('SOURCE', 'r2')
  const second = netcatSource.create(optionsFor(netcatSource, { bind: '127.0.0.1', port: first.port }), {
    ...context,
    processor: { process: async () => {}, processUntilAccepted: async () => {} },
  })
  await assert.rejects(second.start(), { code: 'ADDRESS_IN_USE' })
  await second.stop()
  await first.source.stop()
  await second.start()
  await second.stop()
})
