// Problem: something wrong with a configuration, as a value. Problems are collected and printed
// together, each with its place, what is wrong and what to write.
import { countOf, printable, withoutCredentials } from '../printable.ts'

export interface Place {
  readonly file: string
  /** From 1. */
  readonly line: number
}

export interface Problem {
  readonly severity: 'error' | 'warning'
  /** Where it stands; absent when it is about something that is missing altogether. */
  readonly place?: Place
  /** What is wrong. Never contains the value of a secret option. */
  readonly problem: string
  /** What to write instead. */
  readonly fix: string
  /** The change of one setting that `fix` suggests, so that it can be tried before it is printed. */
  readonly edit?: Edit
}

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
const mostPrinted = 10_000

/** The lines to print: so many errors and warnings, then how many more there are. */
export function problemLines(
  problems: readonly Problem[],
  format: (problem: Problem) => string = formatProblem,
  most = mostPrinted,
): { severity: Problem['severity']; line: string }[] {
  const printed = { error: 0, warning: 0 }
  const lines = problems
    .filter(({ severity }) => printed[severity]++ < most)
    .map(problem => ({ severity: problem.severity, line: format(problem) }))
  for (const severity of ['error', 'warning'] as const) {
    const more = printed[severity] - most
    if (more > 0) lines.push({ severity, line: `${countOf(more, `further ${severity}`)} not shown` })
  }
  return lines
}
