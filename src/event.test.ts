import assert from 'node:assert/strict'
import { test } from 'node:test'
import avro from 'avsc'
import fc from '../test/fast-check.ts'
import { Event, HeaderName, SharedHeaders, TooManyHeaders } from './event.ts'
import { skipEvent } from './wire/avro/flume-event.ts'
import { AvroFormatError, AvroReader } from './wire/avro/binary.ts'

// The oracle: avsc with Flume's record, whose field order is headers, body.
const flumeEvent = avro.Type.forSchema({
  type: 'record',
  name: 'AvroFlumeEvent',
  fields: [
    { name: 'headers', type: { type: 'map', values: 'string' } },
    { name: 'body', type: 'bytes' },
  ],
})

const headersOf = fc.dictionary(fc.string({ unit: 'grapheme' }), fc.string({ unit: 'grapheme' }), {
  noNullPrototype: true,
})
const bodyOf = fc.uint8Array({ maxLength: 300 }).map(bytes => Buffer.from(bytes))

test('the encoding is the Avro record another implementation writes and reads', () => {
  fc.assert(
    fc.property(headersOf, bodyOf, (headers, body) => {
      const { encoded } = Event.of({ ...headers }, body)
      assert.deepEqual(encoded, flumeEvent.toBuffer({ headers, body }))
      const back = Event.fromEncoded(encoded)
      assert.deepEqual(Object.fromEntries(back.headers), { ...headers })
      assert.deepEqual(back.body, body)
    }),
  )
})

test('one header and the body are found in an encoding as all are decoded', () => {
  const name = fc.constantFrom('', 'a', 'b', 'ab', 'é', 'topic')
  const value = fc.oneof(fc.constantFrom('', 'x', 'y', 'é'.repeat(200)), fc.string({ unit: 'grapheme' }))
  const asked = ['', 'a', 'b', 'ab', 'é', 'topic', 'absent'].map(text => new HeaderName(text))
  fc.assert(
    // Names may come twice, and maps in blocks, with or without their size.
    fc.property(
      fc.array(fc.array(fc.tuple(name, value), { minLength: 1 })),
      fc.boolean(),
      bodyOf,
      (blocks, sized, body) => {
        const long = (number: number) => avro.Type.forSchema('long').toBuffer(number)
        const text = avro.Type.forSchema('string')
        const parts = blocks.flatMap(entries => {
          const items = Buffer.concat(entries.flat().map(one => text.toBuffer(one)))
          return [
            sized ? Buffer.concat([long(-entries.length), long(items.length)]) : long(entries.length),
            items,
          ]
        })
        const encoded = Buffer.concat([...parts, long(0), long(body.length), body])
        const { headers } = Event.fromEncoded(encoded)
        for (const one of asked) {
          const event = Event.fromEncoded(encoded)
          assert.equal(event.header(one), headers.get(one.text))
          assert.deepEqual(event.body, body)
          assert.equal(Event.of(new Map(headers), body).header(one), headers.get(one.text))
          assert.deepEqual(event.headers, headers)
          assert.equal(event.header(one), headers.get(one.text))
        }
      },
    ),
  )
})

test('the measured bytes of an event with body "0" and no headers', () => {
  assert.equal(Event.of({}, '0').encoded.toString('hex'), '000230')
})

test('changing a header or the body changes the encoding; a clone is independent', () => {
  const event = Event.fromEncoded(Event.of({ topic: 'test3', key: 'k' }, 'hello').encoded)
  const copy = event.clone()
  event.setHeader('topic', 'test2')
  event.removeHeader('key')
  event.body = Buffer.from('bye')
  const back = Event.fromEncoded(event.encoded)
  assert.deepEqual([...back.headers], [['topic', 'test2']])
  assert.equal(back.body.toString(), 'bye')
  assert.equal(copy.headers.get('topic'), 'test3')
  assert.equal(copy.body.toString(), 'hello')
})

test('reading the encoded side does not decode: the bytes handed in come back', () => {
  const { encoded } = Event.of({ a: 'b' }, 'body')
  assert.equal(Event.fromEncoded(encoded).encoded, encoded)
})

test('skipEvent ends where the event does, whatever blocks its map is written in', () => {
  // Two map blocks, the second with a negative count and its size in bytes, as Avro allows.
  const blocks = Buffer.from([2, 2, 0x61, 2, 0x62, 1, 8, 2, 0x63, 2, 0x64, 0, 4, 0x68, 0x69, 0xff])
  assert.equal(skipEvent(new AvroReader(blocks)), blocks.length - 1)
  const event = Event.fromEncoded(blocks.subarray(0, -1))
  assert.deepEqual(
    [...event.headers],
    [
      ['a', 'b'],
      ['c', 'd'],
    ],
  )
  assert.equal(event.body.toString(), 'hi')
})

test('every cut of an encoded event is refused, with the position', () => {
  const { encoded } = Event.of({ topic: 'test3', partition: '0' }, 'some body')
  for (let length = 0; length < encoded.length; length++)
    assert.throws(
      () => skipEvent(new AvroReader(encoded.subarray(0, length))),
      (error: unknown) => error instanceof AvroFormatError && /byte \d+ of \d+/.test(error.message),
      `cut at ${length}`,
    )
})

test('an event has so many headers and no more, decoded or set', () => {
  const full = Event.of(new Map(Array.from({ length: 10_000 }, (_, index) => [`h${index}`, ''])))
  full.setHeader('h1', 'again')
  assert.throws(() => full.setHeader('new', ''), TooManyHeaders)
  assert.equal(Event.fromEncoded(full.encoded).headers.size, 10_000)
  const wider = Event.of(new Map(Array.from({ length: 10_001 }, (_, index) => [`h${index}`, ''])))
  const read = Event.fromEncoded(wider.encoded)
  assert.throws(() => read.headers, TooManyHeaders)
  assert.equal(read.header(new HeaderName('h10000')), '')
  assert.throws(() => read.body, TooManyHeaders)
  assert.throws(() => read.checkHeaders(), { event: read })
})

test('headers that are set one by one are those of a map, asked for in between or not', () => {
  const name = fc.oneof(
    fc.constantFrom('a', 'b', 'c'),
    fc.integer({ min: 0, max: 80 }).map(number => `h${number}`),
  )
  const step = fc.oneof(
    fc.record({
      set: name,
      value: fc.oneof(fc.constantFrom('', 'é'.repeat(30)), fc.string({ unit: 'grapheme', maxLength: 50 })),
    }),
    fc.record({ remove: name }),
    fc.constantFrom('look', 'encode', 'clone', 'decode'),
  )
  const shared = new SharedHeaders(['a', '1', 'b', '', 'topic', 't'])
  fc.assert(
    fc.property(fc.array(step, { maxLength: 120 }), bodyOf, fc.boolean(), (steps, body, isShared) => {
      let event = Event.withBody(body, isShared ? shared : null)
      const expected = new Map(
        isShared
          ? [
              ['a', '1'],
              ['b', ''],
              ['topic', 't'],
            ]
          : [],
      )
      for (const one of steps)
        if (one === 'look') assert.deepEqual(event.headers, expected)
        else if (one === 'encode') assert.equal(event.encoded.length, event.size)
        else if (one === 'clone') event = event.clone()
        else if (one === 'decode') event = Event.fromEncoded(event.encoded)
        else if (typeof one === 'string') assert.fail(one)
        else if ('set' in one) {
          event.setHeader(one.set, one.value)
          expected.set(one.set, one.value)
          assert.equal(event.header(new HeaderName(one.set)), one.value)
        } else {
          event.removeHeader(one.remove)
          expected.delete(one.remove)
          assert.equal(event.header(new HeaderName(one.remove)), undefined)
        }
      assert.deepEqual(event.encoded, flumeEvent.toBuffer({ headers: Object.fromEntries(expected), body }))
      assert.deepEqual(event.headers, expected)
    }),
  )
})
