import assert from 'node:assert/strict'
import { execFileSync, spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import fc from '../../test/fast-check.ts'
import { getProperties } from 'properties-file'
import { parseProperties } from './properties.ts'

const valuesOf = (text: string) =>
  Object.fromEntries(parseProperties(text, 'f').settings.map(({ key, value }) => [key, value]))

const cases: Record<string, Record<string, string>> = {
  'a=b': { a: 'b' },
  'a = b ': { a: 'b ' },
  '  a : b': { a: 'b' },
  'a b c': { a: 'b c' },
  'a   =   = b': { a: '= b' },
  'a\t:\tb': { a: 'b' },
  a: { a: '' },
  '# a=b\n! c=d\n   # e=f': {},
  'a=b # no comment': { a: 'b # no comment' },
  'a=one\\\n   two': { a: 'onetwo' },
  'a=one\\\\\nb=2': { a: 'one\\', b: '2' },
  'a=one\\\n# not a comment': { a: 'one# not a comment' },
  'a\\ b=c': { 'a b': 'c' },
  'a\\=b=c': { 'a=b': 'c' },
  'a\\:b:c': { 'a:b': 'c' },
  'a=\\t\\n\\r\\f\\\\': { a: '\t\n\r\f\\' },
  'a=\\d+\\.x': { a: 'd+.x' },
  'a=\\u4e2d\\u6587': { a: '中文' },
  'a=1\r\nb=2\rc=3': { a: '1', b: '2', c: '3' },
  'a=x\\': { a: 'x' },
  '=v': { '': 'v' },
  '#拦截器\nk=v': { k: 'v' },
  'a=\\\n\n b=c': { a: '', b: 'c' },
}

for (const [text, expected] of Object.entries(cases))
  test(`reads ${JSON.stringify(text)}`, () => assert.deepEqual(valuesOf(text), expected))

test('every key knows its line, the first of its continuation', () => {
  const { settings } = parseProperties('# one\na = 1 \\\n  2\n\nb = 3\n', 'x.conf')
  assert.deepEqual(
    settings.map(({ key, place }) => [key, place.file, place.line]),
    [
      ['a', 'x.conf', 2],
      ['b', 'x.conf', 5],
    ],
  )
})

test('a key written twice: the last counts, and both lines are named', () => {
  const { settings, problems } = parseProperties('a=1\nb=2\na=3\n', 'x.conf')
  assert.equal(settings.find(({ key }) => key === 'a')!.value, '3')
  assert.match(problems[0]!.problem, /a is written twice, first in line 1/)
  assert.equal(problems[0]!.place!.line, 3)
})

test('a malformed \\u is an error with its line, where Java throws without one', () => {
  const { problems } = parseProperties('ok=1\na=\\u12zz\n', 'x.conf')
  assert.equal(problems[0]!.severity, 'error')
  assert.equal(problems[0]!.place!.line, 2)
})

/** Text rich in what matters to the format. */
const texts = fc
  .array(fc.constantFrom('a', 'b', '=', ':', ' ', '\t', '\\', '\n', '\r\n', '#', '!', '\\u0041', 'é', '.'), {
    maxLength: 40,
  })
  .map(parts => parts.join(''))

test('agrees with another reader on random text', () => {
  fc.assert(
    fc.property(texts, text => {
      // The other reader refuses malformed \u and keeps going elsewhere; ours reports them.
      if (parseProperties(text, 'f').problems.some(one => one.severity === 'error')) return
      // It takes a line of nothing but a backslash for an empty key, which Java does not (see below).
      if (/(^|[\r\n])\s*\\\s*([\r\n]|$)/.test(text)) return
      assert.deepEqual(valuesOf(text), { ...getProperties(text) })
    }),
    { numRuns: 500 },
  )
})

const javaVersion = spawnSync('java', ['-version']).error === undefined

test(
  'agrees with java.util.Properties on random text',
  { skip: javaVersion ? false : 'no java on this machine' },
  () => {
    const directory = mkdtempSync(join(tmpdir(), 'properties-'))
    try {
      const samples = [...Object.keys(cases), ...fc.sample(texts, { numRuns: 400, seed: 7 })].filter(
        text => !parseProperties(text, 'f').problems.some(one => one.severity === 'error'),
      )
      writeFileSync(
        join(directory, 'texts.json'),
        samples.map(text => Buffer.from(text).toString('base64')).join('\n'),
      )
      writeFileSync(
        join(directory, 'Load.java'),
        `import java.io.*; import java.nio.file.*; import java.util.*; import java.nio.charset.StandardCharsets;
       public class Load { public static void main(String[] a) throws Exception {
         for (String line : Files.readAllLines(Path.of(a[0]))) {
           Properties p = new Properties();
           p.load(new StringReader(new String(Base64.getDecoder().decode(line), StandardCharsets.UTF_8)));
           StringBuilder out = new StringBuilder();
           for (String k : new TreeSet<>(p.stringPropertyNames())) {
             out.append(Base64.getEncoder().encodeToString(k.getBytes(StandardCharsets.UTF_8))).append(' ');
             out.append(Base64.getEncoder().encodeToString(p.getProperty(k).getBytes(StandardCharsets.UTF_8))).append(';');
           }
           System.out.println(out);
         } } }`,
      )
      const output = execFileSync('java', [join(directory, 'Load.java'), join(directory, 'texts.json')], {
        encoding: 'utf8',
      })
      const decode = (text: string) => Buffer.from(text, 'base64').toString()
      const answers = output.split('\n').slice(0, samples.length)
      samples.forEach((text, index) => {
        const pairs = answers[index]!.split(';')
          .filter(Boolean)
          .map(pair => pair.split(' ').map(decode))
        assert.deepEqual(valuesOf(text), Object.fromEntries(pairs), JSON.stringify(text))
      })
    } finally {
      rmSync(directory, { recursive: true, force: true })
    }
  },
)
