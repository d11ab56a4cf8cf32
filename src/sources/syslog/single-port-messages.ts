// Messages as syslogtcp and syslogudp read them (Flume's SyslogUtils): a priority, then whatever one of a few patterns makes
// of the rest. RFC 5424 is tried before RFC 3164; what fits neither keeps its priority alone.
import type { Say } from '../../component.ts'
import type { Headers } from '../../event.ts'
import { prefix } from '../../fields.ts'
import { compileJodaPattern } from '../../java/joda-time.ts'
import { javaReplacement } from '../../java/java-replacement.ts'
import { compileJavaMatch, compileJavaRegex } from '../../java/java-regex.ts'
import type { Clock } from '../../system/clock.ts'
import { eventOf, keptOf, type KeptFields, type MessageReader } from './message.ts'
import { readRfc3164, readRfc5424, remembering } from './times.ts'

interface Format {
  /** In front of the body stands ASCII. */
  readonly isBuiltIn: boolean
  /** Groups: priority, version, time, host, body. */
  readonly pattern: RegExp
  readonly timeOf: (text: string, now: number) => string | null
}

const text = (ms: number | null) => (ms === null ? null : String(ms))
// Java's \s and . are narrower and wider than JavaScript's.
const builtIn: readonly Format[] = [
  {
    isBuiltIn: true,
    pattern:
      /^<(\d{1,3})>(\d?)[ \t-\r]?(?:(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d{1,6})?(?:[+-]\d\d:\d\d|Z)?)|-)[ \t-\r](?:(\w[\w.@-]*)|-)[ \t-\r]([^\n\r\u0085\u2028\u2029]*)$/,
    timeOf: remembering(stamp => text(readRfc5424(stamp))),
  },
  {
    isBuiltIn: true,
    pattern:
      /^<(\d{1,3})>(\d)?[ \t-\r]?([A-Z][a-z][a-z][ \t-\r]{1,2}\d{1,2}[ \t-\r]\d\d:\d\d:\d\d)[ \t-\r](\w[\w.@-]*)[ \t-\r]([^\n\r\u0085\u2028\u2029]*)$/,
    timeOf: remembering((stamp, now) => text(readRfc3164(stamp, now))),
  },
]

/** Flume's keys for a format of one's own. */
export const format = prefix({
  doc: 'A format that is tried before the others: `format.regex`, a Java expression for the whole message with the groups priority, version, time, host and body; `format.search` and `format.replace`, applied to the time; `format.dateFormat`, the pattern of the time.',
  differs: 'The pattern of the time is read as Joda-Time does, and the whole time has to fit it.',
})

/** The format that the keys describe; null where there is none. Throws the problem, a clause, with its key. */
function formatOf(given: Readonly<Record<string, string>>, now: number): Format | null {
  const { regex, search, replace, dateFormat } = given
  if (regex === undefined) return null
  const pattern = compileJavaMatch(regex)
  if ('problem' in pattern) throw new FormatProblem('regex', pattern.problem)
  const searched = search === undefined ? null : compileJavaRegex(search, 'g')
  if (searched !== null && 'problem' in searched) throw new FormatProblem('search', searched.problem)
  const replaced = searched === null ? null : javaReplacement(replace ?? '', searched.value)
  if (replaced !== null && 'problem' in replaced) throw new FormatProblem('replace', replaced.problem)
  const date = dateFormat === undefined ? null : compileJodaPattern(dateFormat, now)
  if (date !== null && 'problem' in date) throw new FormatProblem('dateFormat', date.problem)
  return {
    isBuiltIn: false,
    pattern: pattern.value,
    timeOf: stamp =>
      date?.read(searched === null ? stamp : stamp.replaceAll(searched.value, replaced!.value)) ?? null,
  }
}

class FormatProblem extends Error {
  readonly key: string

  constructor(key: string, problem: string) {
    super(problem)
    this.key = key
  }
}

const formatKeys = ['regex', 'search', 'replace', 'dateFormat']

/** For `check` of a source with the option `format`. */
export function checkFormat({ format: given }: { format: Readonly<Record<string, string>> }, say: Say): void {
  for (const key of Object.keys(given).filter(one => !formatKeys.includes(one)))
    say.warning(
      `format.${key}`,
      'is not known',
      `write one of: ${formatKeys.map(one => `format.${one}`).join(', ')}`,
    )
  try {
    formatOf(given, 0)
  } catch (error) {
    if (!(error instanceof FormatProblem)) throw error
    say.error(`format.${error.key}`, error.message, 'correct it')
  }
}

export function singlePortReader(
  given: { readonly keepFields: KeptFields; readonly format: Readonly<Record<string, string>> },
  clock: Clock,
): MessageReader {
  const own = formatOf(given.format, clock.now())
  const formats = own === null ? builtIn : [own, ...builtIn]
  const { keepFields: kept } = given
  return (bytes, isIncomplete) => {
    const headers: Headers = new Map()
    // A datagram may end within its priority.
    const [, digits] = /^<(\d{1,3})(?:>|$)/.exec(bytes.toString('latin1', 0, 5)) ?? []
    const value = Number(digits ?? 0)
    headers.set('Facility', String(Math.floor(value / 8)))
    headers.set('Severity', String(value % 8))
    const isInvalid = digits === undefined
    const fields = isInvalid ? null : fieldsOf(bytes, formats, clock.now())
    for (const [name, field] of fields?.headers ?? []) headers.set(name, field)
    const front = fields === null || kept === 'all' ? '' : keptOf(kept, fields.written)
    const rest = fields === null || kept === 'all' ? Buffer.alloc(0) : fields.body
    // What has no body of its own stays as it came.
    const body = front === '' ? (rest.length > 0 ? rest : bytes) : Buffer.concat([Buffer.from(front), rest])
    return { event: eventOf(headers, body, { isInvalid, isIncomplete }), isInvalid, isIncomplete }
  }
}

function fieldsOf(bytes: Buffer, formats: readonly Format[], now: number) {
  const message = bytes.toString()
  for (const { pattern, timeOf, isBuiltIn } of formats) {
    const found = pattern.exec(message)
    if (found === null) continue
    const [, priority, version, timestamp, hostname, body = ''] = found
    const time = timestamp === undefined ? null : timeOf(timestamp, now)
    const named = { priority, version, timestamp: time, host: hostname }
    return {
      headers: Object.entries(named).filter((one): one is [string, string] => (one[1] ?? '') !== ''),
      written: {
        priority: priority ?? '-',
        version: version ?? '',
        timestamp: timestamp ?? '-',
        hostname: hostname ?? '-',
      },
      // Its own bytes need be of no character set.
      body: isBuiltIn ? bytes.subarray(message.length - body.length) : Buffer.from(body),
    }
  }
  return null
}
