import assert from 'node:assert/strict'
import { execFileSync, spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { compileJavaRegex } from './java-regex.ts'

/** Patterns with subjects; what each finds is asked of Java where there is one, and stands here for the rest. */
const cases: [pattern: string, subject: string, found: string[] | null][] = [
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
  ['(a)(b)?', 'a', ['a', 'a', null as unknown as string]],
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

test('finds what Java finds, for what the list says', () => {
  for (const [pattern, subject, found] of cases) {
    const compiled = compileJavaRegex(pattern)
    assert.ok('value' in compiled, `${pattern}: ${JSON.stringify(compiled)}`)
    const match = compiled.value.exec(subject)
    assert.deepEqual(
      match === null ? null : Array.from(match, group => group ?? null),
      found,
      `${pattern} on ${JSON.stringify(subject)}`,
    )
  }
})

test('what JavaScript cannot do, and what is broken, is a problem that names the expression', () => {
  for (const pattern of [
    'a*+',
    '(?>a)',
    '\\G',
    '(',
    'a)',
    '[a',
    '*a',
    '\\',
    '\\p{Nonsense}',
    '\\y',
    '(?z)a',
    '\\k<nope>',
  ]) {
    const compiled = compileJavaRegex(pattern)
    assert.ok('problem' in compiled, pattern)
    assert.ok(compiled.problem.length > 10, pattern)
  }
})

const java = spawnSync('java', ['-version']).error === undefined

test('the list says what Java says', { skip: java ? false : 'no java on this machine' }, () => {
  const directory = mkdtempSync(join(tmpdir(), 'java-regex-'))
  try {
    const encode = (text: string) => Buffer.from(text).toString('base64')
    writeFileSync(
      join(directory, 'cases'),
      cases.map(([pattern, subject]) => `${encode(pattern)} ${encode(subject)}`).join('\n'),
    )
    writeFileSync(
      join(directory, 'Find.java'),
      `import java.nio.charset.StandardCharsets; import java.nio.file.*; import java.util.*; import java.util.regex.*;
       public class Find { public static void main(String[] a) throws Exception {
         for (String line : Files.readAllLines(Path.of(a[0]))) {
           String[] parts = line.split(" ", -1);
           String p = new String(Base64.getDecoder().decode(parts[0]), StandardCharsets.UTF_8);
           String s = new String(Base64.getDecoder().decode(parts[1]), StandardCharsets.UTF_8);
           Matcher m = Pattern.compile(p).matcher(s);
           StringBuilder out = new StringBuilder();
           if (m.find()) for (int i = 0; i <= m.groupCount(); i++)
             out.append(m.group(i) == null ? "-" : "=" + Base64.getEncoder().encodeToString(m.group(i).getBytes(StandardCharsets.UTF_8))).append(' ');
           System.out.println(out);
         } } }`,
    )
    const lines = execFileSync('java', [join(directory, 'Find.java'), join(directory, 'cases')], {
      encoding: 'utf8',
    }).split('\n')
    cases.forEach(([pattern, subject, found], index) => {
      const groups = lines[index]!.trim()
        .split(' ')
        .filter(Boolean)
        .map(one => (one === '-' ? null : Buffer.from(one.slice(1), 'base64').toString()))
      assert.deepEqual(groups.length === 0 ? null : groups, found, `${pattern} on ${JSON.stringify(subject)}`)
    })
  } finally {
    rmSync(directory, { recursive: true, force: true })
  }
})
