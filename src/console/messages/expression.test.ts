// Expressions of a search: what they find, what they refuse, and that hostile ones end.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from '../../../test/fast-check.ts'
import { Refused } from '../refused.ts'
import { readExpression } from './expression.ts'

const message = {
  partition: 3,
  offset: 42,
  timestamp: 1_700_000_000_000,
  key: Buffer.from('c-17'),
  value: Buffer.from(
    '{"amount":12.5,"id":9007199254740993,"who":{"name":"Ann \\"x\\""},"tags":["a","b"],"paid":false,"none":null,"__proto__":7}',
  ),
  headers: [
    { key: 'type', value: Buffer.from('old') },
    { key: 'type', value: Buffer.from('new') },
    { key: 'count', value: Buffer.from('10') },
    { key: 'x-trace', value: null },
  ],
}

for (const [text, holds] of [
  ['value.amount > 10', true],
  ['value.amount > 10 and header.type == "new"', true],
  ["header.type == 'old'", false],
  ['header.count > 9', true],
  ['header["x-trace"] == null', true],
  ['header.x-trace == null', true],
  ['header.absent == null', false],
  ['header.absent != "x"', true],
  ['value.id == 9007199254740993', true],
  ['value.id == 9007199254740992', false],
  ['value.id > 9007199254740992.0', true],
  ['value.who.name == "Ann \\"x\\""', true],
  ['value.who contains "ann"', false],
  ['value.who.name contains "ann"', true],
  ['value contains "AMOUNT"', true],
  ['value.tags contains "b" and value.tags[0] == "a"', true],
  ['value.tags[2] == "c"', false],
  ['value.tags.length == 2', true],
  ['value.paid', false],
  ['not value.paid', true],
  ['value.paid == false', true],
  ['value.none', false],
  ['value.none == null', true],
  ['value.who', true],
  ['value.who == "x" or partition == 3', true],
  ['value.amount < 10 or value.amount > 12 and offset >= 43', false],
  ['(value.amount < 10 or value.amount > 12) and not (offset >= 43)', true],
  ['key == "c-17" and key contains "17"', true],
  ['key.a == 1', false],
  ['timestamp >= 1.7e12', true],
  ['value.constructor', false],
  ['value["__proto__"] == 7', true],
  ['value.who.name.length', false],
  ['"a" < "b"', true],
  ['"a" < 1', false],
  ['true', true],
] as const)
  test(`${text}: ${holds}`, () => assert.equal(readExpression(text)(message), holds))

test('a value that is no JSON, or none, has no fields', () => {
  for (const value of [
    null,
    Buffer.from('plain'),
    Buffer.from('{"open"'),
    Buffer.from('['.repeat(500_000)),
  ]) {
    assert.equal(readExpression('value.amount > 10')({ ...message, value }), false)
    assert.equal(readExpression('value == null')({ ...message, value }), value === null)
  }
})

for (const [text, problem] of [
  ['', /its end at letter 1/],
  ['value.amount >', /its end at letter 15: write value, key/],
  ['value amount', /amount at letter 7: write and, or/],
  ['(value.a == 1', /a closing parenthesis/],
  ['value.a = 1', /has = at letter 9/],
  ['value[', /a number, or a name/],
  ['header == 1', /header\.type/],
  ['system("ls")', /system at letter 1/],
  ['value.a == "open', /has " at letter 12/],
  ['value.a == 1;', /has ; at letter 13/],
  ['('.repeat(200), /at most 30 levels/],
  ['x'.repeat(2000), /at most 1000 letters/],
] as const)
  test(`refused: ${text.slice(0, 30)}`, () =>
    assert.throws(
      () => readExpression(text),
      (error: unknown) => error instanceof Refused && error.status === 400 && problem.test(error.message),
    ))

test('any text is an expression or refused, and any message is judged', () => {
  const words = fc.constantFrom(
    'value',
    'header',
    'key',
    '.',
    'a',
    '[',
    ']',
    '0',
    '"x"',
    '==',
    '!=',
    '<',
    '(',
    ')',
    'and',
    'or',
    'not',
    'contains',
    '-1',
    ' ',
  )
  const bytes = fc.option(
    fc.oneof(
      fc.json().map(text => Buffer.from(text)),
      fc.uint8Array().map(all => Buffer.from(all)),
    ),
    { nil: null },
  )
  fc.assert(
    fc.property(
      fc.oneof(
        fc.string(),
        fc.array(words).map(all => all.join(' ')),
      ),
      bytes,
      (text, value) => {
        let judge
        try {
          judge = readExpression(text)
        } catch (error) {
          assert.ok(error instanceof Refused, String(error))
          return
        }
        assert.equal(typeof judge({ ...message, value }), 'boolean')
      },
    ),
    { numRuns: 2000 },
  )
})
