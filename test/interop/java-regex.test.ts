// Patterns of java.util.regex by ours and by Java itself: both find the same in the same texts.
import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { compileJavaRegex } from '../../src/java/java-regex.ts'
import fc from '../fast-check.ts'
import { firsts, spans, vectors } from '../java-regex-samples.ts'
import { skipWithoutPeers } from './peers/fetch.ts'

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

test('finds what Java finds', { skip: skipWithoutPeers }, () => {
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
