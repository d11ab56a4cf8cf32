import assert from 'node:assert/strict'
import test from 'node:test'
import { Event } from '../event.ts'
import { describeEvent } from './logger.ts'

test('a short body is one line: hex without offset, padded to 16 columns, then the text', () => {
  assert.equal(
    describeEvent(Event.of({ a: '1', b: '2' }, 'Hello world.'), 16),
    '{ headers:{a=1, b=2} body: 48 65 6C 6C 6F 20 77 6F 72 6C 64 2E             Hello world. }',
  )
})

test('no more than the limit is printed, unprintable bytes are dots', () => {
  assert.equal(
    describeEvent(Event.of({}, Buffer.from([0, 10, 0x7f, 0xff, 0x41])), 4),
    '{ headers:{} body: 00 0A 7F FF                                     .... }',
  )
  assert.equal(describeEvent(Event.of({}, ''), 16), '{ headers:{} body: }')
  assert.equal(describeEvent(Event.of({}, 'x'), 0), '{ headers:{} body: }')
  assert.match(
    describeEvent(Event.of({ 'a\n': '\u001b[2J\r\u202e\u0085' }, ''), 16),
    /headers:\{a\\n=\\u001B\[2J\\r\\u202E\\u0085\}/,
  )
})

test('lines after the first keep their offset', () => {
  assert.equal(
    describeEvent(Event.of({}, '0123456789abcdefXY'), 100),
    '{ headers:{} body: 30 31 32 33 34 35 36 37 38 39 61 62 63 64 65 66 0123456789abcdef\n' +
      '00000010 58 59                                           XY }',
  )
})
