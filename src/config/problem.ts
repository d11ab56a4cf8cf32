// Problem: something wrong with a configuration, as a value. Problems are collected and printed
// together, each with its place, what is wrong and what to write.
import { countOf, printable, withoutCredentials } from '../printable.ts'

/** A line of a configuration. */
export interface Place {
  readonly file: string
  /** From 1. */
  readonly line: number
}

/** What is wrong with a configuration, where, and what to write instead. */
export interface Problem {
  readonly severity: 'error' | 'warning'
  /** Where it stands; absent when it is about something that is missing altogether. */
  readonly place?: Place | undefined
  /** What is wrong. Never contains the value of a secret option. */
  readonly problem: string
  /** What to write instead. */
  readonly fix: string
  /** The change of one setting that `fix` suggests, so that it can be tried before it is printed. */
  readonly edit?: Edit | undefined
}

/** The change of one setting. */
export interface Edit {
  /** The whole key as written. */
  readonly key: string
  /** What the key becomes, where it changes. */
  readonly newKey?: string
  /** What the value becomes, where it changes. */
  readonly value?: string
}

/** For a log, whose lines have a level of their own: `flume.conf:12: … Write … .` */
export function sentenceOf({ place, problem, fix }: Problem): string {
  return printable(`${placeText(place)}${problem}. ${sentence(fix)}`)
}

/** One line: `flume.conf:12: error: … Write … .` */
export function formatProblem({ severity, place, problem, fix }: Problem): string {
  return printable(`${placeText(place)}${severity}: ${problem}. ${sentence(fix)}`)
}

/** `flume.conf:12`, without the query that an address may have: keys of its server stand there. */
export const placeOf = ({ file, line }: Place): string =>
  `${withoutCredentials(file).replace(/^(\w+:\/\/[^?]*)\?.*$/s, '$1')}:${line}`

const placeText = (place: Place | undefined) => (place === undefined ? '' : `${place.file}:${place.line}: `)

/** The fix with a capital and its end: a suggestion is a question. */
export function sentence(fix: string): string {
  const asked = /^did you mean [^?]*$/.test(fix) ? '?' : /[.?]$/.test(fix) ? '' : '.'
  return `${fix.charAt(0).toUpperCase()}${fix.slice(1)}${asked}`
}

/** As they are printed: each once, file by file and line by line, those without a place first. */
export function inOrder(problems: readonly Problem[]): Problem[] {
  const files = [...new Set(problems.map(({ place }) => place?.file))]
  const rank = ({ place }: Problem) => (place === undefined ? -1 : files.indexOf(place.file))
  const sorted = problems.toSorted((a, b) => rank(a) - rank(b) || (a.place?.line ?? 0) - (b.place?.line ?? 0))
  let seen = new Set<string>()
  return sorted.filter(({ place, problem }, at) => {
    if (sorted[at - 1]?.place?.line !== place?.line) seen = new Set()
    return seen.size < seen.add(problem).size
  })
}

/** Lines of one severity in a log, and where problems are all that was asked for. */
export const mostLogged = 100
const mostPrinted = 1000
/** Lines that differ in names, numbers and places alone. */
const mostOfAKind = 20

export interface ProblemLine {
  readonly severity: Problem['severity']
  readonly line: string
}

/** The lines to print: so many of a kind, so many errors and warnings, and how many more of each there are. */
export function problemLines(
  problems: readonly Problem[],
  format: (problem: Problem) => string = formatProblem,
  most = mostPrinted,
): ProblemLine[] {
  return fewLines(
    problems.map(problem => ({ severity: problem.severity, line: format(problem) })),
    most,
  )
}

/** As `problemLines`, of lines. */
export function fewLines(all: readonly ProblemLine[], most = mostPrinted): ProblemLine[] {
  const kinds = all.map(kindOf)
  const counts = new Map<string, number>()
  for (const kind of kinds) counts.set(kind, (counts.get(kind) ?? 0) + 1)
  const seen = new Map<string, number>()
  const shown = all.flatMap((one, at) => {
    const kind = kinds[at]!
    const before = seen.get(kind) ?? 0
    seen.set(kind, before + 1)
    const more = counts.get(kind)! - mostOfAKind
    if (before < mostOfAKind || more === 1) return [one]
    return before === mostOfAKind ? [{ ...one, line: `... and ${more} more like this` }] : []
  })
  const printed = { error: 0, warning: 0 }
  const lines = shown.filter(({ severity }) => printed[severity]++ < most)
  for (const severity of ['error', 'warning'] as const) {
    const more = printed[severity] - most
    if (more > 0) lines.push({ severity, line: `${countOf(more, `further ${severity}`)} not shown` })
  }
  return lines
}

/** The line's first sentence without what differs from case to case: its place and subject, what is quoted, names, values. */
function kindOf({ severity, line }: ProblemLine): string {
  const words = line
    .split('. ', 1)[0]!
    .replaceAll(/"[^"]*"/g, '*')
    .split(' ')
  const at = Math.max(words.findIndex(word => word === 'error:' || word === 'warning:') + 1, 1)
  const names = new Set(words[at]?.split(/[.:]/))
  const isOfAll = (word: string): boolean => /^[A-Za-z]?[a-z]*[,;:]?$/.test(word) && !names.has(word)
  return `${severity} ${words
    .slice(at + 1)
    .map(word => (isOfAll(word) ? word : '*'))
    .join(' ')}`
}
