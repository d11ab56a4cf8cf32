import assert from 'node:assert/strict'
import { test } from 'node:test'
import { compiled, firsts, spans, vectors } from '../../test/java-regex-samples.ts'
import { casedBlocks } from './java-regex-class.ts'
import { compileJavaRegex } from './java-regex.ts'

for (const [source, text, expected] of vectors)
  test(`${source} in ${JSON.stringify(text)}`, () => assert.equal(spans(source, text), expected))

test('the first match has the groups it has in Java', () => {
  for (const [source, text, found] of firsts) {
    const match = compiled(source, '').exec(text)
    const groups = match === null ? null : Array.from(match, group => group ?? null)
    assert.deepEqual(groups, found, `${source} in ${JSON.stringify(text)}`)
  }
})

const refused: readonly (readonly [source: string, problem: RegExp])[] = [
  ['(a', /a \( is never closed/],
  ['a)', /a \) has no \(/],
  ['[a', /a \[ is never closed/],
  ['*a', /nothing before \* to repeat/],
  ['a**', /nothing before \* to repeat/],
  ['a{', /must be followed by a number/],
  ['{a', /nothing before \{/],
  ['a{2}{3}*', /nothing before \* to repeat/],
  ['a{2}{3,2}', /fewer at most than at least/],
  ['a{3,2}', /fewer at most than at least/],
  ['\\', /backslash stands at the end/],
  ['\\y', /\\y is unknown/],
  ['[z-a]', /ends before it begins/],
  ['(?<a>x)(?<a>y)', /two groups named a/],
  ['\\2(a)', /\\2 names a group that is not before it/],
  ['(?q)a', /no mode q/],
  ['\\p{Nothing}', /\\p\{Nothing\} is not known/],
  ['\\p{constructor}', /\\p\{constructor\} is not known/],
  ['\\p{IsToString}', /\\p\{IsToString\} is not known/],
  ['\\u12', /four hexadecimal digits/],
  ['a++(b)', /a group behind a possessive/],
  ['(?>(a)b)', /a group inside a possessive/],
  ['(?i)(a)\\1', /without regard to case/],
]

for (const [source, problem] of refused)
  test(`refuses ${source}`, () => {
    const result = compileJavaRegex(source)
    assert.ok('problem' in result)
    assert.match(result.problem, problem)
    assert.match(result.problem, / \(at character \d+\)$/)
  })

test('groups keep their numbers and names', () => {
  const match = compiled('(\\d+)-(?<word>\\p{Alpha}+) x*+', '').exec('12-ab xx')!
  assert.deepEqual([match[1], match[2], match.groups!['word']], ['12', 'ab', 'ab'])
})

test('characters with cases lie in the blocks that are looked at', () => {
  const isIn = (point: number) =>
    point < 0x80 || casedBlocks.some(([from, to]) => point >= from && point <= to)
  const cased = /\p{Changes_When_Casemapped}/u
  for (let point = 0; point <= 0x10_ff_ff; point++)
    if (!isIn(point) && cased.test(String.fromCodePoint(point))) assert.fail(point.toString(16))
})
