import assert from 'node:assert/strict'
import { execFileSync, spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import fc from '../../test/fast-check.ts'
import { casedBlocks } from './java-regex-class.ts'
import { compileJavaRegex } from './java-regex.ts'

function compiled(source: string, flags = 'g'): RegExp {
  const result = compileJavaRegex(source, flags)
  if ('problem' in result) assert.fail(`${source}: ${result.problem}`)
  return result.value
}

/** What Java's find() gives, again and again: "start-end" of every match. */
const spans = (source: string, text: string): string =>
  [...text.matchAll(compiled(source))]
    .map(match => `${match.index}-${match.index + match[0].length}`)
    .join(' ')

/** Pattern, text, matches; the matches as Java 17 gives them (the test with Java compares them again). */
const vectors: readonly (readonly [source: string, text: string, spans: string])[] = [
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

for (const [source, text, expected] of vectors)
  test(`${source} in ${JSON.stringify(text)}`, () => assert.equal(spans(source, text), expected))

/** Pattern, text, the first match with its groups. */
const firsts: readonly (readonly [source: string, text: string, found: readonly (string | null)[] | null])[] =
  [
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

// ------------------------------------------------------------------------------------- against Java

const pieces = [
  'a', 'b', 'B', '1', ' ', '.', '^', '$', '|', '\\b', '\\B', '\\d', '\\W', '\\s', '\\R', '\\A', '\\z', '\\Z', '\\h', '\\v',
  '[ab]', '[^a]', '[a-c&&[^b]]', '[a[b1]&&[ab]]', '\\p{Upper}', '\\p{L}', '\\p{Space}', '[^\\w-]', '[]x]', '\\Q.*\\E', '\\u0061',
  '\\x0a', '\\n', '(?i)', '(?m)', '(?s)', '(?d)', '(?-i)', '(?:ab)', '(?:a|b)', '(?=a)', '(?!b)', '(?<=a)', '(?<!\\n)', '(?i:b)',
  'a*', 'b+?', '.?', '[ab]{1,2}', 'a*+', '(?>a|ab)', '(?:a?b)*', '\\é', 'é',
] // prettier-ignore

const random = fc.tuple(
  fc.array(fc.constantFrom(...pieces), { minLength: 1, maxLength: 6 }).map(parts => parts.join('')),
  fc
    .array(fc.constantFrom('a', 'b', 'A', 'B', '1', ' ', '\n', '\r', '\u0085', 'é', '.', '\u{1F600}', ']'), {
      maxLength: 10,
    })
    .map(parts => parts.join('')),
)

const program = `import java.nio.file.*; import java.util.*; import java.util.regex.*; import java.nio.charset.StandardCharsets;
public class Find { public static void main(String[] a) throws Exception {
  for (String line : Files.readAllLines(Path.of(a[0]))) {
    String[] parts = line.split(",", -1);
    String source = new String(Base64.getDecoder().decode(parts[0]), StandardCharsets.UTF_8);
    String text = new String(Base64.getDecoder().decode(parts[1]), StandardCharsets.UTF_8);
    StringBuilder out = new StringBuilder();
    try {
      Matcher m = Pattern.compile(source).matcher(text);
      while (m.find()) out.append(out.length() == 0 ? "" : " ").append(m.start()).append('-').append(m.end());
    } catch (PatternSyntaxException e) { out.append("refused"); }
    System.out.println(out);
  } } }`

const isLowHalf = (text: string, at: number): boolean => text.charCodeAt(at) >> 10 === 0xdc00 >> 10

/** Java finds an empty match between the two halves of a character beyond U+FFFF; that is of no use. */
const withoutHalves = (found: string, text: string): string =>
  found
    .split(' ')
    .filter(span => !/^(\d+)-\1$/.test(span) || !isLowHalf(text, Number.parseInt(span, 10)))
    .join(' ')

const noJava = spawnSync('java', ['-version']).error !== undefined

test('finds what Java finds', { skip: noJava ? 'no java on this machine' : false }, () => {
  const directory = mkdtempSync(join(tmpdir(), 'java-regex-'))
  try {
    const samples: (readonly [string, string])[] = [
      ...[...vectors, ...firsts].map(([source, text]) => [source, text] as const),
      ...fc.sample(random, { numRuns: 3000, seed: 11 }),
    ]
    const base64 = (text: string) => Buffer.from(text).toString('base64')
    writeFileSync(
      join(directory, 'samples'),
      samples.map(([source, text]) => `${base64(source)},${base64(text)}`).join('\n'),
    )
    writeFileSync(join(directory, 'Find.java'), program)
    const answers = execFileSync('java', [join(directory, 'Find.java'), join(directory, 'samples')], {
      encoding: 'utf8',
    }).split('\n')
    let compared = 0
    samples.forEach(([source, text], index) => {
      const ours = 'problem' in compileJavaRegex(source) ? 'refused' : spans(source, text)
      if (ours === 'refused' && answers[index] !== 'refused') return
      compared++
      assert.equal(
        withoutHalves(ours, text),
        withoutHalves(answers[index]!, text),
        `${JSON.stringify(source)} in ${JSON.stringify(text)}`,
      )
    })
    assert.ok(compared > samples.length * 0.95, `${compared} of ${samples.length} could be compared`)
  } finally {
    rmSync(directory, { recursive: true, force: true })
  }
})

test('characters with cases lie in the blocks that are looked at', () => {
  const isIn = (point: number) =>
    point < 0x80 || casedBlocks.some(([from, to]) => point >= from && point <= to)
  const cased = /\p{Changes_When_Casemapped}/u
  for (let point = 0; point <= 0x10_ff_ff; point++)
    if (!isIn(point) && cased.test(String.fromCodePoint(point))) assert.fail(point.toString(16))
})
