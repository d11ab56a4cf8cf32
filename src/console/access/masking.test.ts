// Masking: what rules hide, and that what they cannot look into is hidden whole.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { readSettings } from '../../settings/read-settings.ts'
import { readConsoleSettings } from '../settings.ts'
import { maskMessage, maskOptions, type MaskRule } from './masking.ts'

function rule(options: Readonly<Record<string, string>>): MaskRule {
  const fail = (key: string, problem: string) => assert.fail(`${key} ${problem}`)
  const written = new Map(Object.entries(options).map(([key, value]) => [key, { value }]))
  const reading = { whose: 'a rule', page: '', say: { error: fail, warning: fail } }
  return readSettings({ options: maskOptions }, written, reading).values
}

const nobody = () => false
const valueBy = (options: Readonly<Record<string, string>>, value: string | Buffer, topic = 'orders') =>
  maskMessage(
    [rule(options)],
    topic,
    { key: null, value: Buffer.from(value), headers: [] },
    nobody,
  ).value!.toString()

test('fields: by name wherever they stand, by path from the top, through lists, in any case', () => {
  for (const [fields, text, shown] of [
    ['card', '{"card":"4111","n":1}', '{"card":"[masked]","n":1}'],
    ['card', '{"a":[{"b":{"CARD":{"no":1}}}]}', '{"a":[{"b":{"CARD":"[masked]"}}]}'],
    ['card', '[{"card":1},[{"card":[1,2]}]]', '[{"card":"[masked]"},[{"card":"[masked]"}]]'],
    ['a.b', '{"a":{"b":1},"b":2,"x":{"a":{"b":3}}}', '{"a":{"b":"[masked]"},"b":2,"x":{"a":{"b":3}}}'],
    ['a.b', '{"a":[{"b":1},{"b":2}]}', '{"a":[{"b":"[masked]"},{"b":"[masked]"}]}'],
    ['a.*.b', '{"a":{"x":{"b":1},"y":{"b":2}}}', '{"a":{"x":{"b":"[masked]"},"y":{"b":"[masked]"}}}'],
    ['pin*', '{"pin":1,"pin2":2,"spin":3}', '{"pin":"[masked]","pin2":"[masked]","spin":3}'],
    ['card', String.raw`{"\u0063ard":"4111"}`, '{"card":"[masked]"}'],
    ['card', '{"card":"4111","card":"x"}', '{"card":"[masked]"}'],
    ['card', '{"n":9007199254740993,"e":1.50E+2,"z":-0}', '{"n":9007199254740993,"e":1.50E+2,"z":-0}'],
    ['card', '{"__proto__":{"card":"4111"}}', '{"__proto__":{"card":"[masked]"}}'],
  ] as const)
    assert.equal(valueBy({ fields }, text), shown, `${fields} ${text}`)
})

test('what a rule for fields cannot look into is hidden whole', () => {
  for (const value of [
    'card=4111',
    '4111111111111111',
    '"4111"',
    '{"card":"4111"',
    '{"card":"4111"}{"card":"4111"}',
    Buffer.from(' 4111111111111111'),
    Buffer.from([0, 16, ...Buffer.from('4111')]),
    Buffer.from([0xff, ...Buffer.from('{"card":"4111"}')]),
    `\uFEFF{"card":"4111"}`,
    `${'{"a":'.repeat(100_000)}1${'}'.repeat(100_000)}`,
    `{"card":"4111","x":"${'x'.repeat(1_100_000)}"}`,
  ])
    assert.equal(valueBy({ fields: 'card' }, value), '[masked]', String(value).slice(0, 40))
  assert.equal(valueBy({ fields: 'card' }, ''), '', 'nothing is nothing')
})

test('a pattern is hidden in text, in JSON behind its escapes, in names, numbers and bytes', () => {
  const pattern = String.raw`\b4\d{3}\b`
  for (const [value, shown] of [
    ['a 4111 b 4222', 'a [masked] b [masked]'],
    [String.raw`{"a":"\u0034111"}`, '{"a":"[masked]"}'],
    ['{"a":4111,"b":41112}', '{"a":"[masked]","b":41112}'],
    ['{"4111":1}', '{"[masked]":1}'],
    [Buffer.from([0xff, 32, ...Buffer.from('4111')]), '[masked]'],
    ['nothing of it', 'nothing of it'],
  ] as const)
    assert.equal(valueBy({ pattern }, value), shown, String(value))
})

test('keys, values and headers; null stays null', () => {
  const message = {
    key: Buffer.from('4111'),
    value: null,
    headers: [
      { key: 'Authorization', value: Buffer.from('4111') },
      { key: 'from', value: Buffer.from('shore') },
      { key: 'none', value: null },
    ],
  }
  const shown = maskMessage(
    [rule({ headers: 'auth*', key: 'true', value: 'true' })],
    'orders',
    message,
    nobody,
  )
  assert.deepEqual(
    [shown.key?.toString(), shown.value, ...shown.headers.map(one => one.value?.toString())],
    ['[masked]', null, '[masked]', 'shore', undefined],
  )
})

test('a rule is for its topics, for all where the topic is not known, and not for who is above it', () => {
  const rules = [rule({ topics: 'pay*,cards', value: 'true', unless: 'admin' })]
  const message = { key: null, value: Buffer.from('4111'), headers: [] }
  const shown = (topic: string | null, isExempt: boolean) =>
    maskMessage(rules, topic, message, role => {
      assert.equal(role, 'admin')
      return isExempt
    }).value.toString()
  for (const [topic, isExempt, isShown] of [
    ['payments', false, false],
    ['cards', false, false],
    ['cards2', false, true],
    ['', false, false],
    [null, false, false],
    ['payments', true, true],
  ] as const)
    assert.equal(shown(topic, isExempt), isShown ? '4111' : '[masked]', String(topic))
})

test('an Avro container, whose blocks may be packed, is hidden whole by every rule that looks into values', () => {
  const container = Buffer.concat([Buffer.from('Obj\x01'), Buffer.alloc(40)])
  for (const options of [{ pattern: '4111' }, { fields: 'card' }] as const)
    assert.equal(valueBy(options, container), '[masked]')
})

test('a rule that is misspelt, or hides nothing, ends the start, with its place', () => {
  const problems = (lines: readonly string[]) => {
    const said: string[] = []
    const written = new Map(
      lines.map((line, index) => {
        const [key = '', value = ''] = line.split('=')
        return [key, { value, place: { file: 'console.conf', line: index + 1 } }] as const
      }),
    )
    const error = (key: string, problem: string) => said.push(`${written.get(key)?.place.line} ${problem}`)
    assert.equal(readConsoleSettings(written, { error, warning: error }), undefined)
    return said.join('; ')
  }
  assert.match(problems(['mask.a.topics=x']), /^1 belongs to a rule that hides nothing/)
  assert.match(problems(['port=0', 'mask.a.feilds=card']), /^2 is not a key of a rule/)
  assert.match(problems(['mask.a=card']), /^1 names no option of a rule/)
  assert.match(problems(['mask.a.pattern=(']), /^1 /)
  assert.match(problems(['mask.a.unless=viewer', 'mask.a.key=true']), /^1 .*is not one of: operator, admin/)
})
