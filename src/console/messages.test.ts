// What of a message is shown, and which places a look may begin at.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { isPlace, shownOf, timeOf } from './messages.ts'

for (const [bytes, kind, text] of [
  [null, 'null', ''],
  ['', 'text', ''],
  ['plain', 'text', 'plain'],
  ['{"id":9007199254740993,"x":1.10}', 'json', '{"id":9007199254740993,"x":1.10}'],
  [' [1, 2]\n', 'json', ' [1, 2]\n'],
  ['{"open"', 'text', '{"open"'],
  ['12', 'text', '12'],
  ['Grüße, 日本 🙂', 'text', 'Grüße, 日本 🙂'],
  ['tab\tand\r\nline', 'text', 'tab\tand\r\nline'],
  [Buffer.from([0xff, 0xfe, 0x41]), 'hex', 'fffe41'],
  [Buffer.from([0x41, 0x00]), 'hex', '4100'],
  [Buffer.from('\u001b[31mred'), 'hex', '1b5b33316d726564'],
  [Buffer.from('\ufeffx'), 'text', '\ufeffx'],
] as const)
  test(`${JSON.stringify(bytes)} is ${kind}`, () => {
    const given = typeof bytes === 'string' ? Buffer.from(bytes) : bytes
    assert.deepEqual(shownOf(given), { kind, text, bytes: given?.length ?? 0, isCut: false })
  })

test('of what is large only the beginning goes to a browser, and its size is told', () => {
  const text = shownOf(Buffer.alloc(100_000, 'x'))
  assert.deepEqual([text.kind, text.text.length, text.bytes, text.isCut], ['text', 20_480, 100_000, true])
  const huge = shownOf(Buffer.alloc(2_000_000, 'x'))
  assert.deepEqual([huge.kind, huge.text.length, huge.bytes, huge.isCut], ['hex', 10_240, 2_000_000, true])
})

test('places: the ends, an offset, a time', () => {
  for (const place of [
    'newest',
    'oldest',
    '0',
    '184467',
    '@0',
    '@1795990000000',
    '2026-11-29',
    '2026-11-29T14:00Z',
  ])
    assert.ok(isPlace(place), place)
  for (const place of [
    '',
    'Newest',
    '-1',
    '1.5',
    '1e3',
    '@',
    '@x',
    '2026-13-45',
    'yesterday',
    '99999999999999999',
  ])
    assert.ok(!isPlace(place), place)
  assert.equal(timeOf('@5'), 5)
  assert.equal(timeOf('1970-01-01T00:00:01Z'), 1000)
  assert.equal(timeOf('5'), null)
})
