// Java .properties text, read exactly as java.util.Properties.load reads it, except that every key and
// value keeps its line and that nothing is lost in silence.
//
//   comment    a line whose first non-blank is # or !
//   pair       key, then = or : or a blank, then the value; blanks around the separator are dropped
//   goes on    a line that ends in an odd number of backslashes; blanks at the next line's start are dropped
//   escapes    \t \n \r \f \\ \uXXXX; any other \x is x
//
// Source: the documentation of java.util.Properties; measured against it by the test.
import type { Setting } from './agent-config.ts'
import type { Place, Problem } from './problem.ts'

export interface PropertiesText {
  /** In the order written; of a key written twice only the last. */
  readonly settings: readonly Setting[]
  readonly problems: readonly Problem[]
}

const blank = /[ \t\f]/

/** Reads `text`; `file` is the name that places carry. */
export function parseProperties(text: string, file: string): PropertiesText {
  const problems: Problem[] = []
  const settings = new Map<string, Setting>()
  for (const { line, content } of logicalLines(text)) {
    const place = { file, line }
    const { rawKey, rawValue } = splitPair(content)
    const key = unescape(rawKey, place, problems)
    const value = unescape(rawValue, place, problems)
    const before = settings.get(key)
    if (before !== undefined && before.value !== value)
      problems.push({
        severity: 'warning',
        place,
        problem: `${key} is written twice, first in line ${before.place.line}; this one counts`,
        fix: 'remove one of the two',
      })
    settings.delete(key)
    settings.set(key, { key, value, place })
  }
  return { settings: [...settings.values()], problems }
}

/** Lines with their continuations joined; comments and blank lines left out. `line` is the first one's. */
function* logicalLines(text: string): Iterable<{ line: number; content: string }> {
  const lines = text.split(/\r\n|\r|\n/)
  for (let index = 0; index < lines.length; index++) {
    const first = index + 1
    let content = lines[index]!.replace(/^[ \t\f]+/, '')
    if (content === '' || content.startsWith('#') || content.startsWith('!')) continue
    while (endsOpen(content)) {
      content = content.slice(0, -1)
      if (index + 1 >= lines.length) {
        // Java reads a lone backslash at the very end as an empty key.
        if (content === '') yield { line: first, content }
        break
      }
      content += lines[++index]!.replace(/^[ \t\f]+/, '')
    }
    if (content !== '') yield { line: first, content }
  }
}

/** Whether the line ends in an odd number of backslashes. */
function endsOpen(content: string): boolean {
  return (/\\*$/.exec(content)?.[0].length ?? 0) % 2 === 1
}

function splitPair(content: string): { rawKey: string; rawValue: string } {
  let end = 0
  while (end < content.length) {
    const char = content[end]!
    if (char === '\\') end += 2
    else if (char === '=' || char === ':' || blank.test(char)) break
    else end++
  }
  let start = Math.min(end, content.length)
  const skipBlanks = () => {
    while (start < content.length && blank.test(content[start]!)) start++
  }
  skipBlanks()
  if (content[start] === '=' || content[start] === ':') {
    start++
    skipBlanks()
  }
  return { rawKey: content.slice(0, end), rawValue: content.slice(start) }
}

const named: Record<string, string> = { t: '\t', n: '\n', r: '\r', f: '\f' }

function unescape(raw: string, place: Place, problems: Problem[]): string {
  if (!raw.includes('\\')) return raw
  let out = ''
  for (let index = 0; index < raw.length; index++) {
    const char = raw[index]!
    if (char !== '\\') {
      out += char
      continue
    }
    const next = raw[++index]
    if (next === undefined) break
    if (next !== 'u') {
      out += named[next] ?? next
      continue
    }
    const digits = raw.slice(index + 1, index + 5)
    if (/^[0-9a-fA-F]{4}$/.test(digits)) {
      out += String.fromCharCode(Number.parseInt(digits, 16))
      index += 4
    } else {
      problems.push({
        severity: 'error',
        place,
        problem: `\\u${digits} is not an escape: four hexadecimal digits must follow \\u`,
        fix: 'write \\\\u for a backslash and a u, or four digits',
      })
    }
  }
  return out
}
