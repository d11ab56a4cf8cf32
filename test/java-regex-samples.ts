// Patterns of java.util.regex with what Java finds by them: for the tests of ours (src/java/java-regex.test.ts), and for
// the comparison with Java itself (test/interop/java-regex.test.ts).
import assert from 'node:assert/strict'
import { compileJavaRegex } from '../src/java/java-regex.ts'

export function compiled(source: string, flags = 'g'): RegExp {
  const result = compileJavaRegex(source, flags)
  if ('problem' in result) assert.fail(`${source}: ${result.problem}`)
  return result.value
}

/** What Java's find() gives, again and again: "start-end" of every match. */
export const spans = (source: string, text: string): string =>
  [...text.matchAll(compiled(source))]
    .map(match => `${match.index}-${match.index + match[0].length}`)
    .join(' ')

/** Pattern, text, matches; the matches as Java 17 gives them (the test with Java compares them again). */
export const vectors: readonly (readonly [source: string, text: string, spans: string])[] = [
  ['\\d+', 'a12 ٣4', '1-3 5-6'],
  ['\\w+', 'aé_1', '0-1 2-4'],
  ['\\s', 'a\u00a0 \u000b', '2-3 3-4'],
  ['\\h', 'a\u00a0 \t\n', '1-2 2-3 3-4'],
  ['.', 'a\n\r\u0085\u2028\u{1F600}', '0-1 5-7'],
  ['(?s).', 'a\n', '0-1 1-2'],
  ['(?d).', 'a\r', '0-1 1-2'],
  ['a$', 'a\n', '0-1'],
  ['a\\Z', 'a\r\n', '0-1'],
  ['a\\z', 'a\n', ''],
  ['$', '\r\n', '0-0 2-2'],
  ['(?m)^', 'a\nb\n', '0-0 2-2'],
  ['(?m)^', '', ''],
  ['(?m)$', 'a\r\nb', '1-1 4-4'],
  ['\\bé', 'é bé', '0-1'],
  ['(?i)k', 'kK\u212a', '0-1 1-2'],
  ['(?iu)é', 'éÉ', '0-1 1-2'],
  ['(?i)é', 'éÉ', '0-1'],
  ['a(?i)b|c', 'aBCab', '0-2 2-3 3-5'],
  ['a(?i:b)c', 'aBcabC', '0-3'],
  ['(?i)[a-c]', 'AbD', '0-1 1-2'],
  ['(?x) a b # rest', 'ab', '0-2'],
  ['[a-z&&[^aeiou]]', 'abc', '1-2 2-3'],
  ['[a-d[m-p]]+', 'admpx', '0-4'],
  ['[a-z&&[def]]', 'adz', '1-2'],
  ['[^a-c&&b]', 'abc', '0-1 2-3'],
  ['[]a]+', ']a[', '0-2'],
  ['[a-]+', 'a-b', '0-2'],
  ['[\\w-]+', 'a-b c', '0-3 4-5'],
  ['[\\Q^-]\\E]+', 'a^-]', '1-4'],
  ['\\Qa.b\\E+', 'a.bbaxb', '0-4'],
  ['\\p{Alpha}+\\p{Punct}', 'abé ab!', '4-7'],
  ['\\p{Lu}\\P{Lu}', 'ÉéA', '0-2'],
  ['\\p{IsLatin}\\p{IsHan}', 'a中', '0-2'],
  ['\\pL', '1é', '1-2'],
  ['\\x41\\u0042\\0103\\x{44}\\cA', 'ABCD\u0001', '0-5'],
  ['\\ud83d\\ude00', '\u{1F600}', '0-2'],
  ['\\R', 'a\r\nb\n', '1-3 4-5'],
  ['(a)(b)?\\1', 'aa aba', '0-2 3-6'],
  ['(?<x>a)\\k<x>', 'aa', '0-2'],
  ['a++b', 'aab', '0-3'],
  ['"[^"]*+"', 'x "ab" y', '2-6'],
  ['(a)b*+b', 'abb', ''],
  ['(?>a|ab)c', 'abc', ''],
  ['(?<=a)b(?!c)', 'abcab', '4-5'],
  ['(?=a)*b', 'b', '0-1'],
  ['a{2,3}?', 'aaaa', '0-2 2-4'],
  // A second number of repetitions, or one with nothing before it, repeats nothing in Java.
  ['a{2}{3}', 'aaaaaa', '0-2 2-4 4-6'],
  ['(?:a|{2}b){3}+{4}', 'aab', '0-3'],
  ['}]', '}]', '0-2'],
  ['<\\!\\-\\_', '<!-_', '0-4'],
  ['a||b', 'b', '0-0 1-1'],
  ['中+', '中中', '0-2'],
]

/** Pattern, text, the first match with its groups. */
export const firsts: readonly (readonly [
  source: string,
  text: string,
  found: readonly (string | null)[] | null,
])[] = [
  ['a+', 'caat', ['aa']],
  ['(\\d+)-(\\w+)', 'x 12-ab', ['12-ab', '12', 'ab']],
  ['end$', 'the end\n', ['end']],
  ['end\\z', 'the end\n', null],
  ['end\\Z', 'the end\r\n', ['end']],
  ['^b', 'a\nb', null],
  ['(?m)^b$', 'a\nb\nc', ['b']],
  ['(?i)HeLLo', 'say hello', ['hello']],
  ['a(?i)b', 'aB', ['aB']],
  ['a(?i)b', 'AB', null],
  ['(?i:a)b', 'Ab', ['Ab']],
  ['(?s)a.b', 'a\nb', ['a\nb']],
  ['a.b', 'a\nb', null],
  ['a.b', 'a\u0085b', null],
  ['(?x) a  b # comment\n c', 'abc', ['abc']],
  ['\\Qa.b\\E+', 'a.bb', ['a.bb']],
  ['[a-z&&[^bc]]+', 'bcad', ['ad']],
  ['[^a-c&&[^x]]+', 'xbz', ['x']],
  ['[a[0-9]]+', 'b1a2', ['1a2']],
  ['[]a]+', 'x]a', [']a']],
  ['[\\w.-]+', '!a.b-c', ['a.b-c']],
  ['[\\s\\d]+', 'a 1b', [' 1']],
  ['[^\\S]', 'a b', [' ']],
  ['\\s', '\u00a0', null],
  ['\\h', '\u00a0', ['\u00a0']],
  ['\\R', 'a\r\nb', ['\r\n']],
  ['\\p{Alpha}+', '1abc', ['abc']],
  ['\\p{Punct}', 'a~', ['~']],
  ['\\P{Digit}+', '1a2', ['a']],
  ['\\p{L}+', '1é中', ['é中']],
  ['\\p{IsLatin}+', '中é', ['é']],
  ['\\x41\\u0042\\x{43}\\0104', 'ABCD', ['ABCD']],
  ['(?<year>\\d{4})-\\k<year>', '2020-2020', ['2020-2020', '2020']],
  ['(a)(b)?', 'a', ['a', 'a', null]],
  ['(.)\\1', 'abba', ['bb', 'b']],
  ['a{2,3}?', 'aaa', ['aa']],
  ['(?<=x)y|z(?!q)', 'xy', ['y']],
  ['x|(?i)y', 'Y', ['Y']],
  ['\\-\\_\\@\\"', '-_@"', ['-_@"']],
  ['}', 'a}', ['}']],
  ['😀+', 'a😀😀', ['😀😀']],
  ['^$', '', ['']],
  ['', 'abc', ['']],
]
