// Java .properties text, read exactly as java.util.Properties.load reads it, except that every key and
// value keeps its line and that nothing is lost in silence.
//
//   comment    a line whose first non-blank is # or !
//   pair       key, then = or : or a blank, then the value; blanks around the separator are dropped
//   goes on    a line that ends in an odd number of backslashes; blanks at the next line's start are dropped
//   escapes    \t \n \r \f \\ \uXXXX; any other \x is x
//
// Source: the documentation of java.util.Properties; measured against it by the test.
//
// What Java reads in silence and nobody means is a warning: \d that becomes d, a comment behind a value, blanks
// behind a backslash, a line that a backslash at the end of the line before has swallowed, characters in a key
// that only look like others.
import { countOf } from '../printable.ts'
import type { Setting } from './agent-config.ts'
import type { Place, Problem } from './problem.ts'

export interface PropertiesText {
  /** In the order written; of a key written twice only the last. */
  readonly settings: readonly Setting[]
  readonly problems: readonly Problem[]
}

/** Of each severity in one file: garbage may have one a line, and all of them are formatted and compared. */
const mostKept = 1000

const keyEnd = /^(?:\\[^]?|[^\\=: \t\f])*/
const separator = /^[ \t\f]*(?:[=:][ \t\f]*)?/

/** Reads `text`; `file` is the name that places carry. */
export function parseProperties(text: string, file: string): PropertiesText {
  const problems: Problem[] = []
  const kept = { error: 0, warning: 0 }
  const settings = new Map<string, Setting>()
  const report = (problem: Problem) => {
    if (++kept[problem.severity] <= mostKept) problems.push(problem)
  }
  for (const { line, content, swallowed } of logicalLines(text)) {
    const place = { file, line }
    const { rawKey, rawValue } = splitPair(content)
    const key = unescape(rawKey, place, report)
    const value = unescape(rawValue, place, report)
    for (const one of surprises({ key, rawKey, rawValue, swallowed }))
      report({ severity: 'warning', place, ...one })
    const before = settings.get(key)
    if (before !== undefined && before.value !== value)
      report({
        severity: 'warning',
        place,
        problem: `${key} is written twice, first in line ${before.place.line}; this one counts`,
        fix: 'remove one of the two',
      })
    if (before !== undefined) settings.delete(key)
    settings.set(key, { key, value, place })
  }
  for (const severity of ['error', 'warning'] as const)
    if (kept[severity] > mostKept)
      problems.push({
        severity,
        place: { file, line: 1 },
        problem: `${countOf(kept[severity] - mostKept, `further ${severity}`)} of the file are not listed`,
        fix: 'correct those that are listed first',
      })
  return { settings: [...settings.values()], problems }
}

interface LogicalLine {
  /** Of its first line. */
  readonly line: number
  readonly content: string
  /** A line among those that continue it looks like a setting of its own. */
  readonly swallowed?: number | undefined
}

/** Lines with their continuations joined; comments and blank lines left out. */
function* logicalLines(text: string): Iterable<LogicalLine> {
  const lines = text.split(/\r\n|\r|\n/)
  const lineAt = (index: number) => lines[index]!.replace(/^[ \t\f]+/, '')
  for (let index = 0; index < lines.length; index++) {
    const line = index + 1
    let last = lineAt(index)
    if (last === '' || last.startsWith('#') || last.startsWith('!')) continue
    const parts: string[] = []
    let swallowed: number | undefined
    while (endsOpen(last)) {
      parts.push(last.slice(0, -1))
      if (index + 1 >= lines.length) {
        // Java reads a lone backslash at the very end as an empty key.
        if (parts.join('') === '') yield { line, content: '' }
        last = ''
        break
      }
      last = lineAt(++index)
      if (looksLikeSetting.test(last)) swallowed ??= index + 1
    }
    const content = parts.join('') + last
    if (content !== '') yield { line, content, swallowed }
  }
}

const looksLikeSetting = /^[\w-]+\.(sources|channels|sinks|sinkgroups|configfilters)(\.\S+)?\s*[=:]/

/** Whether the line ends in an odd number of backslashes. */
function endsOpen(line: string): boolean {
  let from = line.length
  while (from > 0 && line[from - 1] === '\\') from--
  return (line.length - from) % 2 === 1
}

function splitPair(content: string): { rawKey: string; rawValue: string } {
  const end = keyEnd.exec(content)![0].length
  const start = end + separator.exec(content.slice(end))![0].length
  return { rawKey: content.slice(0, end), rawValue: content.slice(start) }
}

/** Escapes that are written to good purpose: those of the format, and what Java writes itself. */
const meantEscape = /\\[tnrfu\\ \t:=#!"']/g
const lostBackslash = /\\[^]/g
/** A # or // at the start or behind a blank; before quotes it is part of a text. */
const comment = /(?:^(#|\/\/)(?=\s|$)|[ \t\f](#|\/\/))([^]*)$/
/** Full-width forms, blanks and quotes of word processors, and what cannot be seen at all. */
const lookalike =
  /[\u00A0\u00AD\u2000-\u200F\u2010-\u2015\u2018-\u201F\u2028-\u202F\u2060-\u206F\u3000\uFEFF\uFF01-\uFF5E]/u

/** No part of such a value is printed, whether an option of this name is known or not. */
export const mayBeSecret = (key: string): boolean =>
  /pass(w|phrase|code)|pwd|secret|jaas|credential|token|(api|private)[._-]?key|\.key$/i.test(key)

/** What the format makes of the line, where that is hardly meant. */
function* surprises(read: {
  readonly key: string
  readonly rawKey: string
  readonly rawValue: string
  readonly swallowed: number | undefined
}): Iterable<Pick<Problem, 'problem' | 'fix'>> {
  const { key, rawKey, rawValue, swallowed } = read
  if (swallowed !== undefined)
    yield {
      problem: `${key}: the value continues on line ${swallowed}, which looks like a setting of its own`,
      fix: 'take away the backslash at the end of the line before it',
    }
  const [odd = ''] = lookalike.exec(rawKey.trim()) ?? []
  // In a text that is not English throughout such a sign is what it looks like.
  if (odd !== '' && /^[ -~]+$/.test(rawKey.trim().split(odd, 1)[0]!)) {
    const code = odd.codePointAt(0)!
    yield {
      problem: `${key}: the key holds the character U+${code.toString(16).toUpperCase().padStart(4, '0')}${code > 0xff00 ? ` (${odd})` : ''}, which is no blank and no sign of the format`,
      fix: code > 0xff00 ? `write ${String.fromCharCode(code - 0xfee0)}` : 'retype the line in plain ASCII',
    }
  }
  const raw = `${rawKey}=${rawValue}`
  if (raw.includes('\\')) {
    const lost = raw.replaceAll(meantEscape, '').match(lostBackslash)
    const which = mayBeSecret(key) ? 'a backslash' : `the backslash of ${[...new Set(lost)].join(' ')}`
    if (lost !== null)
      yield {
        problem: `${key}: ${which} is dropped, because it begins no escape of a properties file`,
        fix: 'write each backslash twice',
      }
    if (/\\[ \t\f]+$/.test(rawValue))
      yield {
        problem: `${key}: blanks follow the backslash at the end of the line, so that the value ends there`,
        fix: 'take the blanks away where the value goes on in the next line',
      }
  }
  const [, atStart, behind, rest] = comment.exec(rawValue) ?? []
  const sign = atStart ?? behind
  if (sign !== undefined && !/["']/.test(rest!))
    yield {
      problem: `${key}: the text from ${sign} on is part of the value, because a properties file has no comments behind values`,
      fix: `write the comment on a line of its own${sign === '#' ? ', or \\u0023 for a # that is meant' : ''}`,
    }
}

/** What begins files in other encodings. */
const marks: readonly (readonly [name: string, bytes: readonly number[]])[] = [
  ['UTF-32', [0xff, 0xfe, 0, 0]],
  ['UTF-32', [0, 0, 0xfe, 0xff]],
  ['UTF-16', [0xff, 0xfe]],
  ['UTF-16', [0xfe, 0xff]],
]

/**
 * UTF-8; where the bytes are not, ISO-8859-1 as Flume 1.10 and later read every file, with a warning.
 * Undefined, with an error, where it can be neither: Flume finds no agent in such a file.
 */
export function decodeText(bytes: Uint8Array, file: string, problems: Problem[]): string | undefined {
  const refuse = (line: number, why: string) =>
    void problems.push({
      severity: 'error',
      place: { file, line },
      problem: `the file is not UTF-8 text: ${why}`,
      fix: 'save it as UTF-8',
    })
  const mark = marks.find(([, begin]) => begin.every((byte, index) => bytes[index] === byte))
  if (mark !== undefined) return refuse(1, `it begins as ${mark[0]} does`)
  const zero = bytes.indexOf(0)
  if (zero >= 0)
    return refuse(
      lineOf(bytes, zero),
      'it holds a byte 0, as UTF-16, programs and files that a power cut has damaged do',
    )
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes)
  } catch {
    problems.push({
      severity: 'warning',
      place: { file, line: lineOf(bytes, firstBadByte(bytes)) },
      problem: 'the file is not UTF-8 and is read as ISO-8859-1',
      fix: 'save it as UTF-8, or write other characters as \\uXXXX',
    })
    return Buffer.from(bytes).toString('latin1')
  }
}

const lineOf = (bytes: Uint8Array, position: number): number =>
  Buffer.from(bytes.subarray(0, position))
    .toString('latin1')
    .split(/\r\n|\r|\n/).length

function firstBadByte(bytes: Uint8Array): number {
  let low = 0
  let high = bytes.length
  while (low < high) {
    const middle = (low + high) >> 1
    try {
      // A cut character at the end is not an error in stream mode.
      new TextDecoder('utf-8', { fatal: true }).decode(bytes.subarray(0, middle + 1), { stream: true })
      low = middle + 1
    } catch {
      high = middle
    }
  }
  return low
}

const named: Record<string, string> = { t: '\t', n: '\n', r: '\r', f: '\f' }

function unescape(raw: string, place: Place, report: (problem: Problem) => void): string {
  if (!raw.includes('\\')) return raw
  let out = ''
  let isReported = false
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
    } else if (!isReported) {
      // One is enough to find the others, of which garbage may have thousands.
      isReported = true
      report({
        severity: 'error',
        place,
        problem: `\\u${digits} is not an escape: four hexadecimal digits must follow \\u`,
        fix: 'write \\\\u for a backslash and a u, or four digits',
      })
    }
  }
  return out
}
