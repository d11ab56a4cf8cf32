// What the check of a set of agents prints: text for people, JSON for programs, SARIF 2.1.0 for the pages of code hosts
// (https://docs.oasis-open.org/sarif/sarif/v2.1.0/).
import { isAbsolute } from 'node:path'
import { pathToFileURL } from 'node:url'
import { rules, type Finding } from '../agent-set/set-agent.ts'
import { sentence } from '../config/problem.ts'
import { countOf, printable } from '../printable.ts'
import { version } from './version.ts'

export interface SetReport {
  readonly agents: readonly { readonly name: string; readonly file: string }[]
  /** Whether events return to where they came from; `unknown` where an agent could not be read. */
  readonly loops: 'found' | 'possible' | 'none' | 'unknown'
  readonly findings: readonly Finding[]
}

export type Format = 'text' | 'json' | 'sarif'

/** More lines are read by nobody; the other formats have all. */
const mostPrinted = 1000

const counted = (findings: readonly Finding[]) => {
  const count = (severity: Finding['severity']) => findings.filter(one => one.severity === severity).length
  return { errors: count('error'), warnings: count('warning'), notes: count('note') }
}

const verdicts: Readonly<Record<SetReport['loops'], string>> = {
  none: 'no event returns to where it came from',
  found: 'events return to where they came from',
  possible: 'whether events return depends on their headers (see the notes)',
  unknown: 'whether events return is not known, because an agent could not be read',
}

function text({ agents, loops, findings }: SetReport): string {
  const lines = findings.slice(0, mostPrinted).map(({ severity, place, problem, fix }) => {
    const at = place === undefined ? '' : `${place.file}:${place.line}: `
    return printable(`${at}${severity}: ${problem}. ${sentence(fix)}`)
  })
  const more = findings.length - lines.length
  const { errors, warnings, notes } = counted(findings)
  const counts = [countOf(errors, 'error'), countOf(warnings, 'warning'), countOf(notes, 'note')]
  return [
    ...lines,
    ...(more > 0 ? [`${more} further lines are not shown`] : []),
    `${countOf(agents.length, 'agent')}: ${counts.join(', ')}; ${verdicts[loops]}`,
    '',
  ].join('\n')
}

function json({ agents, loops, findings }: SetReport): string {
  const list = findings.map(({ rule, severity, place, problem, fix }) => ({
    rule,
    severity,
    file: place?.file ?? null,
    line: place?.line ?? null,
    problem,
    fix: sentence(fix),
  }))
  return `${JSON.stringify({ agents, loops, ...counted(findings), findings: list }, null, 2)}\n`
}

/** Relative paths are relative to where the command ran, as code hosts expect it. */
const uriOf = (file: string): string =>
  /^\w+:\/\//.test(file)
    ? file
    : isAbsolute(file)
      ? pathToFileURL(file).href
      : file.replace(/^\.\//, '').split(/[\\/]/).map(encodeURIComponent).join('/')

function sarif({ findings }: SetReport): string {
  const ids = Object.keys(rules)
  const results = findings.map(({ rule, severity, place, problem, fix }) => ({
    ruleId: rule,
    ruleIndex: ids.indexOf(rule),
    level: severity,
    message: { text: `${problem}. ${sentence(fix)}` },
    locations:
      place === undefined
        ? []
        : [
            {
              physicalLocation: {
                artifactLocation: { uri: uriOf(place.file) },
                region: { startLine: place.line },
              },
            },
          ],
  }))
  const driver = {
    name: 'Millrace',
    version: version(),
    rules: Object.entries(rules).map(([id, text]) => ({ id, shortDescription: { text } })),
  }
  const log = {
    $schema: 'https://json.schemastore.org/sarif-2.1.0.json',
    version: '2.1.0',
    runs: [{ tool: { driver }, results }],
  }
  return `${JSON.stringify(log, null, 2)}\n`
}

export const formats: Readonly<Record<Format, (report: SetReport) => string>> = { text, json, sarif }
