import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from '../../../test/fast-check.ts'
import { Event } from '../../event.ts'
import {
  decodeReply,
  encodeAppendBatch,
  encodeException,
  encodeStatus,
  readCall,
  readEvents,
  type ThriftEvent,
} from './flume-calls.ts'
import { type ThriftEncoding, ThriftFormatError, ThriftReader } from './thrift-reader.ts'

const encodings = ['binary', 'compact'] as const
const hex = (text: string): Buffer => Buffer.from(text.replaceAll(/\s/g, ''), 'hex')

function eventsIn(message: Buffer, encoding: ThriftEncoding): { name: string; events: Event[] } {
  const reader = new ThriftReader(message, encoding)
  const { name } = readCall(reader)
  const steps = readEvents(reader, name as 'append')
  let step = steps.next()
  while (step.done !== true) step = steps.next()
  return { name, events: step.value.map(Event.fromEncoded) }
}

const shown = (events: readonly ThriftEvent[]) =>
  events.map(({ headers, body }) => [[...headers], body.toString('hex')])

/** One event {a: b} with body "x", as `appendBatch` number 7; written by hand from the specifications. */
const golden: Readonly<Record<ThriftEncoding, string>> = {
  binary: `80010001 0000000b 617070656e644261746368 00000007
    0f 0001 0c 00000001
      0d 0001 0b 0b 00000001 00000001 61 00000001 62
      0b 0002 00000001 78
      00
    00`,
  compact: `82 21 07 0b 617070656e644261746368
    19 1c
      1b 01 88 01 61 01 62
      18 01 78
      00
    00`,
}

for (const encoding of encodings) {
  test(`${encoding}: a request is what the specification says, both ways`, () => {
    const event = Event.of({ a: 'b' }, 'x')
    const frame = Buffer.concat(encodeAppendBatch(encoding, 7, [event]))
    assert.equal(frame.subarray(4).toString('hex'), hex(golden[encoding]).toString('hex'))
    assert.equal(frame.readInt32BE(0), frame.length - 4)
    assert.deepEqual(shown(eventsIn(hex(golden[encoding]), encoding).events), shown([event]))
  })

  test(`${encoding}: events come out as they went in`, () => {
    const event = fc
      .tuple(
        fc.dictionary(fc.string(), fc.string({ unit: 'grapheme' }), { maxKeys: 20 }),
        fc.uint8Array({ maxLength: 40_000, size: 'max' }),
      )
      .map(([headers, body]) => Event.of(new Map(Object.entries(headers)), Buffer.from(body)))
    fc.assert(
      fc.property(fc.array(event, { maxLength: 40 }), events => {
        const frame = Buffer.concat(encodeAppendBatch(encoding, 3, events))
        const found = eventsIn(frame.subarray(4), encoding)
        assert.equal(found.name, 'appendBatch')
        assert.deepEqual(shown(found.events), shown(events))
      }),
      { numRuns: 15 },
    )
  })

  test(`${encoding}: answers come out as they went in`, () => {
    const call = { name: 'append', seqid: -2, isOneway: false }
    const reply = (frame: Buffer) => decodeReply(frame.subarray(4), encoding)
    for (const status of ['OK', 'FAILED', 'ERROR', 'UNKNOWN'] as const)
      assert.deepEqual(reply(encodeStatus(encoding, call, status)), { seqid: -2, status })
    assert.deepEqual(reply(encodeException(encoding, call, 6, 'nö')), { seqid: -2, error: 'nö' })
  })

  test(`${encoding}: any change of a message ends in events or a ThriftFormatError`, () => {
    const frame = Buffer.concat(
      encodeAppendBatch(encoding, 1, [Event.of({ a: 'b', c: '' }, 'x'), Event.of({}, '')]),
    )
    fc.assert(
      fc.property(
        fc.array(fc.tuple(fc.nat(frame.length - 5), fc.nat(255)), { minLength: 1, maxLength: 4 }),
        fc.nat(frame.length - 4),
        (changes, end) => {
          const message = Buffer.from(frame.subarray(4, 4 + end))
          for (const [at, value] of changes) if (at < end) message[at] = value
          for (const read of [() => eventsIn(message, encoding), () => decodeReply(message, encoding)])
            try {
              read()
            } catch (error) {
              assert.ok(error instanceof ThriftFormatError, String(error))
            }
        },
      ),
      { numRuns: 3000 },
    )
  })
}

test('fields that nobody knows are passed over, whatever their types', () => {
  // In front of the events: bool, byte, double, i16, i32, i64, string, a struct of a map, a set and a list of bools.
  const binary = `80010001 00000006 617070656e64 00000001
    02 0010 01  03 0011 05  04 0012 0000000000000000  06 0013 0001  08 0014 00000001  0a 0015 0000000000000001
    0b 0016 00000002 6162  0c 0017 0d 0001 08 02 00000001 00000009 01 00
    0e 0018 03 00000002 0102  0f 0019 02 00000001 01  10 001a 00000000000000000000000000000000
    0c 0001  0f 0009 0b 00000000  0d 0001 0b 0b 00000000  0b 0002 00000001 78 00
    00`
  const compact = `82 21 01 06 617070656e64
    01 20  02 22  03 24 05  07 26 0000000000000000  04 28 02  05 2a 02  06 2c 8101
    08 2e 02 6162  0c 30 1b 01 51 12 01 00
    0a 32 23 0102  09 34 11 01  0d 36 00000000000000000000000000000000
    0c 02  1b 00  18 01 78 00
    00`
  for (const [encoding, text] of [
    ['binary', binary],
    ['compact', compact],
  ] as const)
    assert.deepEqual(shown(eventsIn(hex(text), encoding).events), shown([Event.of({}, 'x')]), encoding)
})

test('a message of old, without a version, is read', () => {
  const text = '00000006 617070656e64 01 00000009 0c 0001 0d 0001 0b 0b 00000000 0b 0002 00000000 00 00'
  assert.deepEqual(shown(eventsIn(hex(text), 'binary').events), shown([Event.of({}, '')]))
})

test('sizes of gigabytes, and what lies too deep, are refused before anything is made of them', () => {
  const head = { binary: '80010001 00000006 617070656e64 00000001', compact: '82 21 01 06 617070656e64' }
  const depth = 70
  const attacks: readonly (readonly [ThriftEncoding, string, RegExp])[] = [
    ['binary', '80010001 7fffffff', /2147483647 is announced/],
    ['binary', '7fffffff', /2147483647 is announced/],
    ['binary', 'ffffffff', /version is ffff/],
    ['binary', `${head.binary} 0c 0001 0d 0001 0b 0b 7fffffff`, /2147483647 is announced/],
    ['binary', `${head.binary} 0c 0001 0d 0001 0b 0b ffffffff`, /size of -1/],
    ['binary', `${head.binary} 0c 0001 0b 0002 7fffffff`, /2147483647 is announced/],
    ['binary', `${head.binary} 0f 0009 0c 7fffffff`, /2147483647 is announced/],
    ['binary', `${head.binary} 00`, /events are missing/],
    ['binary', `${head.binary} 0c 0001 00 00`, /no headers/],
    ['compact', '82 21 01 ffffffff0f', /4294967295 is announced/],
    ['compact', '82 21 ffffffffff', /longer than 5 bytes/],
    ['compact', `${head.compact} 1c 1b ffffffff0f`, /4294967295 is announced/],
    ['compact', `${head.compact} 1c 28 ffffffff0f`, /4294967295 is announced/],
    ['compact', `${head.compact} 29 fc ffffffff07`, /2147483647 is announced/],
    ['compact', `${head.compact} 29 1e`, /no type 14/],
    ['compact', `${head.compact} 29 ${'19'.repeat(depth)} ${'00'.repeat(depth)}`, /inside one another/],
    ['compact', `${head.compact} ${'2c'.repeat(depth)} ${'00'.repeat(depth)}`, /inside one another/],
    ['compact', '80', /begins with byte 128/],
  ]
  const before = process.memoryUsage().arrayBuffers
  for (const [encoding, text, pattern] of attacks)
    assert.throws(() => eventsIn(hex(text), encoding), { name: 'ThriftFormatError', message: pattern }, text)
  assert.ok(process.memoryUsage().arrayBuffers - before < 1024 * 1024)
})
