// The doctor's look at a log, of an agent here or of Flume: messages of the table, and of our own those that report a
// problem which has not ended since. Evidence is a line of the log, without what may be a secret in it.
import type { Readable } from 'node:stream'
import { countOf, withoutCredentials } from '../../printable.ts'
import { linesOf } from '../lines.ts'
import type { Finding } from './finding.ts'
import { flumeMessages, type FlumeMessage } from './flume-messages.ts'

/** Of one line: what is behind cannot be a message of the table. */
const mostChars = 4096
const mostEvidenceChars = 200
/** Kinds of problems of our own that are kept apart. */
const mostKinds = 500

interface Seen {
  count: number
  readonly firstLine: number
  lastLine: number
  text: string
}

interface OwnLine {
  readonly level: string
  readonly component: string
  readonly message: string
}

const pattern = /^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d,\d{3} \(([^)]*)\) \[([A-Z]+) - millrace[^\]]*\] (.*)$/

/** A line as src/cli/log-output.ts writes it, in either format. */
function ownLineOf(line: string): OwnLine | null {
  const [, component = '', level = '', message = ''] = pattern.exec(line) ?? []
  if (level !== '') return { level, component, message }
  if (!line.startsWith('{"time":')) return null
  try {
    const { level: word, component: name, message: text } = JSON.parse(line) as Record<string, unknown>
    return typeof word === 'string' && typeof name === 'string' && typeof text === 'string'
      ? { level: word, component: name, message: text }
      : null
  } catch {
    return null
  }
}

const note = (seen: Seen | undefined, line: number, text: string): Seen => {
  if (seen === undefined) return { count: 1, firstLine: line, lastLine: line, text }
  seen.count++
  seen.lastLine = line
  seen.text = text
  return seen
}

const shown = (text: string): string =>
  withoutCredentials(text)
    .replaceAll(/((?:password|secret|token|jaas\.config)[\w.-]*["']?\s*[=:]\s*).*/gi, '$1[hidden]')
    .slice(0, mostEvidenceChars)

export async function examineLog(name: string, input: Readable): Promise<Finding[]> {
  const ofFlume = new Map<FlumeMessage, Seen & { values?: RegExpExecArray }>()
  const own = new Map<string, Seen & OwnLine>()
  /** Line of the last start of each agent that has not stopped since. */
  const running = new Map<string, number>()
  const unstopped: Finding[] = []
  let number = 0

  const readOwn = (line: OwnLine, text: string): void => {
    const { level, component, message } = line
    const [, starting] = /^Starting agent (\S+) from/.exec(message) ?? []
    const [, stopped] = /^Agent (\S+) stopped$/.exec(message) ?? []
    if (stopped !== undefined) running.delete(stopped)
    if (starting !== undefined) {
      const before = running.get(starting)
      if (before !== undefined)
        unstopped.push({
          severity: 'problem',
          problem: `Agent ${starting} started again without a stop: its process was killed, or it crashed`,
          evidence: `${name}:${before} and ${name}:${number}: Starting agent ${starting}`,
          fix: 'Look for "Out of memory" in the log of the kernel (dmesg) and for the exit code in the log of the service: 137 is kill -9, 3 is a bug with its stack above the second line. Events in file channels are safe.',
        })
      running.set(starting, number)
      // What was wrong ended with the process, or is reported again.
      own.clear()
    }
    if (/, after \d+(\.\d+)? s$| is over at present\.$/.test(message)) {
      for (const [key, one] of own) if (one.component === component) own.delete(key)
      return
    }
    if (level !== 'WARN' && level !== 'ERROR') return
    const plain = message.replaceAll(/ (This has lasted for|It came back)[^.]*(\.\d[^.]*)?\./g, '')
    const key = `${component} ${plain.replaceAll(/\d+/g, '#')}`
    const seen = own.get(key)
    if (seen === undefined && own.size >= mostKinds) return
    own.set(key, Object.assign(note(seen, number, text), { level, component, message: plain }))
  }

  for await (const lines of linesOf(input))
    for (const bytes of lines) {
      number++
      const text = bytes.subarray(0, mostChars).toString()
      const line = ownLineOf(text)
      if (line !== null) readOwn(line, text)
      else
        for (const message of flumeMessages) {
          const values = message.pattern.exec(text)
          if (values === null) continue
          ofFlume.set(message, Object.assign(note(ofFlume.get(message), number, text), { values }))
          break
        }
    }

  const evidenceOf = ({ count, firstLine, lastLine, text }: Seen): string =>
    `${name}:${lastLine}: ${shown(text.trim())}${count === 1 ? '' : ` (${countOf(count, 'time')}, first in line ${firstLine})`}`
  const isExplained = [...ofFlume.keys()].some(({ isGeneral, isWarning }) => !isGeneral && !isWarning)
  return [
    ...flumeMessages.flatMap((message): Finding[] => {
      const seen = ofFlume.get(message)
      if (seen === undefined || (message.isGeneral && isExplained)) return []
      return [
        {
          severity: message.isWarning ? 'warning' : 'problem',
          problem: message.problem.replaceAll(/\$(\d)/g, (_, at: string) =>
            shown(seen.values?.[Number(at)] ?? ''),
          ),
          evidence: evidenceOf(seen),
          fix: message.fix,
        },
      ]
    }),
    ...unstopped.slice(-1),
    ...[...own.values()].map((seen): Finding => {
      const [problem = '', ...rest] = seen.message.split(/\.\s+(?=[A-Z"])/)
      return {
        severity: seen.level === 'ERROR' ? 'problem' : 'warning',
        problem: `${seen.component}: ${shown(problem.replace(/\.$/, ''))}`,
        evidence: evidenceOf(seen),
        fix:
          shown(rest.join('. ')) ||
          'The line in the log is all that is known. docs/reference/errors.md has the remedies of each error.',
      }
    }),
  ]
}
