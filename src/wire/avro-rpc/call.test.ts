import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from '../../../test/fast-check.ts'
import { Event } from '../../event.ts'
import { skipEvent } from '../avro/flume-event.ts'
import { AvroFormatError, AvroReader } from '../avro/binary.ts'
import {
  cutEvent,
  decodeCallName,
  decodeReply,
  encodeAppend,
  encodeAppendBatch,
  encodeError,
  encodeHandshakeOnly,
  encodeStatus,
} from './call.ts'
import { type Frame, FrameParser } from './frame.ts'
import {
  decodeHandshakeRequest,
  decodeHandshakeResponse,
  encodeHandshakeRequest,
  encodeHandshakeResponse,
  maxWindow,
  windowMeta,
  windowOf,
} from './handshake.ts'
import { protocolHash } from './protocol.ts'
import { cutBatch } from '../../../test/at-once.ts'

const flumeShake = encodeHandshakeRequest({
  clientHash: protocolHash,
  clientProtocol: null,
  serverHash: protocolHash,
  meta: new Map(),
})
const hash = '86aadae2c45474c0fe93ffd0f2350a65'
const batch = '0400023000023100'

function frameOf(pieces: readonly Buffer[]): Frame {
  const frames: Frame[] = []
  new FrameParser(1 << 30).feed(Buffer.concat(pieces), frame => frames.push(frame))
  assert.equal(frames.length, 1)
  return frames[0]!
}

test('requests are byte for byte what Flume was recorded to send', () => {
  const events = [Event.of({}, '0'), Event.of({}, '1')]
  assert.equal(
    Buffer.concat(encodeAppendBatch(1, flumeShake, events)).toString('hex'),
    `000000010000000200000030${hash}00${hash}02000016617070656e64426174636800000008${batch}`,
  )
  assert.equal(
    Buffer.concat(encodeAppendBatch(2, null, events)).toString('hex'),
    `00000002000000020000000d0016617070656e64426174636800000008${batch}`,
  )
})

test('replies are byte for byte what Flume was recorded to send', () => {
  const shake = encodeHandshakeResponse({ match: 'BOTH', serverProtocol: null, serverHash: null, meta: null })
  assert.equal(
    encodeStatus(1, shake, 0).toString('hex'),
    '000000010000000300000004000000000000000100000000020000',
  )
  assert.equal(encodeStatus(2, null, 0).toString('hex'), '0000000200000003000000000000000100000000020000')
})

test('a batch is cut where an event ends, and gives back the same bytes', () => {
  const event = fc
    .tuple(
      fc.dictionary(fc.string(), fc.string(), { maxKeys: 4 }),
      fc.uint8Array({ maxLength: 40_000, size: 'max' }),
    )
    .map(([headers, body]) => Event.of(headers, Buffer.from(body)))
  fc.assert(
    fc.property(fc.array(event, { maxLength: 8 }), fc.boolean(), (events, opening) => {
      const { message } = frameOf(encodeAppendBatch(3, opening ? flumeShake : null, events))
      const reader = new AvroReader(message)
      if (opening) decodeHandshakeRequest(reader)
      assert.equal(decodeCallName(reader), 'appendBatch')
      const start = reader.at
      assert.deepEqual(
        cutBatch(reader),
        events.map(one => one.encoded),
      )
      // The same cuts as the event's own rule makes.
      const second = new AvroReader(message, start)
      second.readBlockCount()
      let at = second.at
      for (const one of events) assert.equal(skipEvent(second), (at += one.size))
    }),
    { numRuns: 100 },
  )
})

test('large events are handed on uncopied, small ones together', () => {
  const large = Event.of({}, Buffer.alloc(100_000))
  const small = Event.of({}, 'small')
  const pieces = encodeAppendBatch(1, null, [small, large, small, small])
  assert.equal(pieces.length, 3)
  assert.equal(pieces[1], large.encoded)
})

test('append carries one event', () => {
  const event = Event.of({ a: 'b' }, 'body')
  const reader = new AvroReader(frameOf(encodeAppend(5, null, event)).message)
  assert.equal(decodeCallName(reader), 'append')
  assert.deepEqual(cutEvent(reader), event.encoded)
})

test('blocks with a negative count and several blocks are read', () => {
  // count -1, 2 bytes: one empty event; then a block of two; then the end
  const reader = new AvroReader(Buffer.from([0x01, 0x04, 0, 0, 0x04, 0, 0, 0, 0x02, 0x41, 0]))
  assert.deepEqual(
    cutBatch(reader).map(one => Event.fromEncoded(one).body.toString()),
    ['', '', 'A'],
  )
})

test('what is left over, cut short or too much is refused', () => {
  for (const bytes of ['0200026100ff', '02000261', '02', 'feffffff0f', '0100', '80'])
    assert.throws(() => cutBatch(new AvroReader(Buffer.from(bytes, 'hex'))), AvroFormatError, bytes)
  const claimed = Buffer.alloc(3_000_100)
  claimed.set([0x80, 0x92, 0xf4, 0x01]) // 2,000,000 events
  assert.throws(() => cutBatch(new AvroReader(claimed)), /2000000 events do not fit the 3000096 bytes left/)
})

test('errors carry their text; a reply of only a handshake reads as OK', () => {
  const error = new AvroReader(frameOf([encodeError(1, null, 'nicht möglich')]).message)
  assert.deepEqual(decodeReply(error), { error: 'nicht möglich' })
  const ping = new AvroReader(frameOf([encodeHandshakeOnly(1, Buffer.alloc(0))]).message)
  assert.deepEqual(decodeReply(ping), { status: 0 })
})

test('handshakes come out as they went in', () => {
  for (const meta of [null, new Map(), windowMeta(8)]) {
    const request = { clientHash: protocolHash, clientProtocol: '{}', serverHash: Buffer.alloc(16, 1), meta }
    assert.deepEqual(decodeHandshakeRequest(new AvroReader(encodeHandshakeRequest(request))), request)
    const response = { match: 'CLIENT' as const, serverProtocol: '{"ü":1}', serverHash: protocolHash, meta }
    assert.deepEqual(decodeHandshakeResponse(new AvroReader(encodeHandshakeResponse(response))), response)
  }
})

test('the window in the metadata is a small number or nothing', () => {
  assert.equal(windowOf(windowMeta(8)), 8)
  assert.equal(windowOf(windowMeta(5000)), maxWindow)
  for (const odd of ['', '-1', '8.5', '1e9', 'many', '99999999999'])
    assert.equal(windowOf(new Map([['millrace.window', Buffer.from(odd)]])), 0)
  assert.equal(windowOf(null), 0)
})

test('any bytes as a request end in events or an AvroFormatError', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 300 }), bytes => {
      for (const read of [
        decodeHandshakeRequest,
        decodeHandshakeResponse,
        decodeCallName,
        cutBatch,
        cutEvent,
      ])
        try {
          read(new AvroReader(Buffer.from(bytes)))
        } catch (error) {
          assert.ok(error instanceof AvroFormatError, String(error))
        }
    }),
    { numRuns: 3000 },
  )
})
