import assert from 'node:assert/strict'
import { test } from 'node:test'
import { choice, flag, int, list, text, type Field } from './fields.ts'

const doc = 'for the test'
function parse<T>(field: Field<T>, raw: string): T | string {
  const result = field.parse(raw)
  return result.problem === undefined ? result.value : `${result.problem}; ${result.fix}`
}

test('int reads what Java reads: blanks trimmed, a sign, decimal digits', () => {
  const port = int({ doc, min: 1, max: 65535 })
  assert.equal(parse(port, ' 44444 '), 44444)
  assert.equal(parse(port, '+7'), 7)
  for (const raw of ['', '4 4', '0x10', '1e3', '12.0', 'abc', '１'])
    assert.match(String(parse(port, raw)), /is not a whole number; write a whole number from 1 to 65535/, raw)
  assert.match(String(parse(port, '65536')), /65536 is outside what is allowed/)
  assert.match(String(parse(port, '0')), /outside/)
})

test('int takes Long.MAX_VALUE as the largest number there is here', () => {
  assert.equal(parse(int({ doc }), '9223372036854775807'), Number.MAX_SAFE_INTEGER)
})

test('flag is true for true in any case; everything but false is a problem', () => {
  const ssl = flag({ doc, default: false })
  assert.equal(parse(ssl, 'TRUE'), true)
  assert.equal(parse(ssl, ' false'), false)
  for (const raw of ['yes', '1', 'on', ''])
    assert.match(String(parse(ssl, raw)), /neither true nor false/, raw)
})

test('choice gives the word as declared and names the words when none fits', () => {
  const type = choice(['none', 'deflate'], { doc, default: 'none' })
  assert.equal(parse(type, 'DEFLATE'), 'deflate')
  assert.match(String(parse(type, 'gzip')), /"gzip" is not one of: none, deflate/)
})

test('list splits on any blanks, or on commas', () => {
  assert.deepEqual(parse(list({ doc }), '  a \t b  c '), ['a', 'b', 'c'])
  assert.deepEqual(parse(list({ doc, separator: ',' }), 'a , b,,c'), ['a', 'b', 'c'])
})

test('a field is required, defaulted or neither', () => {
  assert.deepEqual(
    [text({ doc, required: true }), text({ doc, default: 'x' }), text({ doc })].map(one => [
      one.required,
      one.default,
    ]),
    [
      [true, undefined],
      [false, 'x'],
      [false, undefined],
    ],
  )
})
