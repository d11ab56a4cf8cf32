// What the doctor found: a problem, the evidence for it, and the fix; and the two forms in which it is printed.
import { countOf, printable } from '../../printable.ts'

export interface Finding {
  readonly severity: 'problem' | 'warning'
  /** One sentence without its full stop. */
  readonly problem: string
  /** File and line, or component, and what is there. */
  readonly evidence: string
  /** Sentences. */
  readonly fix: string
}

export interface Report {
  /** Files, directories and addresses, each with what it was taken for. */
  readonly lookedAt: readonly string[]
  readonly findings: readonly Finding[]
}

/** So many fit on a screen. */
const mostShown = 6

const isProblem = ({ severity }: Finding): boolean => severity === 'problem'

/** Problems first; otherwise in the order in which they were found. */
const inOrder = (findings: readonly Finding[]): readonly Finding[] =>
  findings.toSorted((one, other) => Number(isProblem(other)) - Number(isProblem(one)))

export function textOf({ lookedAt, findings }: Report, { all }: { readonly all: boolean }): string {
  const problems = findings.filter(isProblem).length
  const warnings = findings.length - problems
  const counts = [
    ...(problems > 0 ? [countOf(problems, 'problem')] : []),
    ...(warnings > 0 ? [countOf(warnings, 'warning')] : []),
  ]
  const shown = inOrder(findings).slice(0, all ? Infinity : mostShown)
  const left = findings.length - shown.length
  const lines = [
    `${counts.length === 0 ? 'No problem was found' : counts.join(' and ')}. Looked at: ${lookedAt.join('; ')}.`,
    ...shown.flatMap(({ severity, problem, evidence, fix }) => [
      '',
      `${severity.toUpperCase()}: ${problem}.`,
      `  evidence  ${evidence}`,
      `  fix       ${fix}`,
    ]),
    ...(left > 0 ? ['', `${countOf(left, 'finding')} more: add --all.`] : []),
  ]
  return `${lines.map(line => printable(line)).join('\n')}\n`
}

export function jsonOf({ lookedAt, findings }: Report): string {
  return `${JSON.stringify({ ok: findings.length === 0, lookedAt, findings: inOrder(findings) }, null, 2)}\n`
}
