import assert from 'node:assert/strict'
import { test } from 'node:test'
import { realClock } from '../system/clock.ts'
import { Pace } from '../system/pace.ts'
import { LinearPattern } from './linear-pattern.ts'

const pace = new Pace(realClock)

test('matches whole texts as JavaScript does', async () => {
  const patterns = [
    'a',
    '',
    'a*',
    '.+',
    'a|b|',
    '(a|bc)+d?',
    'x{2}',
    'x{2,}',
    'x{1,3}y',
    '(?:ab){2}',
    '[a-c]+',
    '[^a-c]+',
    '[]a]x',
    '\\d+-\\w+',
    '\\.',
    'a.c',
    '(a*)*b',
    '(a|aa)+',
    '^a$',
    '(^a|b)c$',
    'a^b',
    '\\p{Lu}+',
    '\\P{Lu}+',
    '(a?){3}',
    'a+?b',
    '😀.',
    '{',
    'a{',
    'a-b',
    '(|a)b',
    '[\\]]+',
    '[\\w.-]+',
    '(((a)))',
    '.*.*=.*',
  ]
  const texts = [
    '',
    'a',
    'b',
    'aa',
    'ab',
    'abc',
    'bcbcd',
    'xx',
    'xxxy',
    'xy',
    'abab',
    'cab',
    'xyz',
    ']x',
    'ax',
    '12-a_b',
    '.',
    'a.c',
    'aaab',
    'ac',
    'bc',
    'É',
    'é',
    'aé',
    '😀x',
    '{',
    'a{',
    'a-b',
    ']]',
    'k=v',
    'a\nc',
    'aaa',
  ]
  for (const pattern of patterns) {
    const linear = new LinearPattern(pattern)
    // JavaScript takes "{" and an empty class otherwise.
    const expected = new RegExp(
      `^(?:${pattern.replace(/^(a?)\{$/, '$1\\{').replace('[]a]', '[\\]a]')})$`,
      'us',
    )
    for (const text of texts)
      assert.equal(
        await linear.matches(text, pace),
        expected.test(text),
        `${pattern} on ${JSON.stringify(text)}`,
      )
  }
})

test('refuses what cannot be matched in linear time, and what is no pattern', () => {
  for (const pattern of [
    '(a)\\1',
    '(?=a)a',
    '(?<!a)b',
    '(?<=a)b',
    '(',
    ')',
    'a)',
    '(a',
    '*',
    'a**',
    'a{3,2}',
    'a{1001}',
    '[a',
    '\\',
    '\\q',
    '(?i)a',
    '[z-a]',
    '((a{1000}){1000}){1000}',
    `${'('.repeat(500)}a${')'.repeat(500)}`,
    'a'.repeat(3000),
  ])
    assert.throws(() => new LinearPattern(pattern), SyntaxError, pattern.slice(0, 30))
})

test('takes a time that grows with the text alone', async () => {
  const text = `${'a'.repeat(10_000)}c`
  for (const pattern of ['(a+)+', '(a|aa)+b', '(.*)*=', '(a|b)*'.repeat(50), '.*.*.*.*.*.*=.*', '(a?){300}b'])
    assert.equal(await new LinearPattern(pattern).matches(text, pace), false)
})
