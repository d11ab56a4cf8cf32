// Problem: something wrong with a configuration, as a value. Problems are collected and printed
// together, each with its place, what is wrong and what to write.

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
}

/** One line: `flume.conf:12: error: … Write … .` */
export function formatProblem({ severity, place, problem, fix }: Problem): string {
  const where = place === undefined ? '' : `${place.file}:${place.line}: `
  const end = /^did you mean [^?]*$/.test(fix) ? '?' : '.'
  return `${where}${severity}: ${problem}. ${fix.charAt(0).toUpperCase()}${fix.slice(1)}${end}`
}

/** As they are printed: each once, file by file and line by line, those without a place first. */
export function inOrder(problems: readonly Problem[]): Problem[] {
  const once = new Map(problems.map(problem => [JSON.stringify(problem), problem]))
  const files = [...new Set(problems.map(({ place }) => place?.file))]
  const rank = ({ place }: Problem) => (place === undefined ? -1 : files.indexOf(place.file))
  return [...once.values()].sort((a, b) => rank(a) - rank(b) || (a.place?.line ?? 0) - (b.place?.line ?? 0))
}
