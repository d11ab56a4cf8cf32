// Messages as multiport_syslogtcp reads them (Flume's SyslogParser): from left to right, each field up to a blank, in the
// character set of the port. Times of RFC 3164 are of UTC here, as in Flume.
import type { Headers } from '../../event.ts'
import type { Charset } from '../../java/java-charset.ts'
import { compileJodaPattern } from '../../java/joda-time.ts'
import type { Clock } from '../../system/clock.ts'
import { eventOf, keptOf, type KeptFields, type MessageReader } from './message.ts'
import { remembering, utc, withYear } from './times.ts'

const rfc3164Chars = 15
/** `2026-10-01T12:00:00`. */
const rfc5424Chars = 19

function utcReader(pattern: string): (text: string) => number | null {
  const compiled = compileJodaPattern(pattern, 0, utc)
  if ('problem' in compiled) throw new Error(compiled.problem)
  return text => {
    const read = compiled.read(text)
    return read === null ? null : Number(read)
  }
}
const readMonthAndDay = remembering(utcReader('MMM d HH:mm:ss'))
const readSeconds = remembering(utcReader("yyyy-MM-dd'T'HH:mm:ss"))

export function multiportReader(kept: KeptFields, charset: Charset, clock: Clock): MessageReader {
  return (bytes, isIncomplete) => {
    const text = textOf(bytes, charset)
    const found = text === null ? null : read(text, kept, clock.now())
    const isInvalid = found === null
    const body = isInvalid ? bytes : charset.encode(found.body)
    return {
      event: eventOf(found?.headers ?? new Map(), body, { isInvalid, isIncomplete }),
      isInvalid,
      isIncomplete,
    }
  }
}

/** Null where the bytes are not of the set. */
function textOf(bytes: Buffer, charset: Charset): string | null {
  const text = charset.decode(bytes)
  return text.includes('\ufffd') && !charset.encode(text).equals(bytes) ? null : text
}

/** Null where it is no message. */
function read(message: string, kept: KeptFields, now: number): { headers: Headers; body: string } | null {
  const [start, priority = ''] = /^<([+-]?\d{1,5})>/.exec(message) ?? []
  if (start === undefined || start.length > 7 || message.length === start.length) return null
  const hasVersion = message.startsWith('1 ', start.length) && message.length > start.length + 2
  const time = readTime(message, start.length + (hasVersion ? 2 : 0), now)
  const blank = time === null ? -1 : message.indexOf(' ', time.end)
  if (time === null || blank === -1) return null
  const { timestamp, ms, end } = time
  const hostname = message.slice(end, blank)
  const headers: Headers = new Map([
    ['Priority', priority],
    ['Facility', String(Math.trunc(Number(priority) / 8) || 0)],
    ['Severity', String(Number(priority) % 8 || 0)],
    ['timestamp', String(ms)],
    ['host', hostname],
  ])
  if (hasVersion) headers.set('Version', '1')
  // What has no body of its own stays as it came.
  if (kept === 'all' || message.length === blank + 1) return { headers, body: message }
  const front = keptOf(kept, { priority, version: hasVersion ? '1' : '', timestamp, hostname })
  return { headers, body: front + message.slice(blank + 1) }
}

interface ReadTime {
  readonly timestamp: string
  readonly ms: number
  /** Where the host begins. */
  readonly end: number
}

/** The time that begins at `at`; null where it is none, or nothing follows. */
function readTime(message: string, at: number, now: number): ReadTime | null {
  const first = message[at]!
  if (first === '-') return message.length <= at + 2 ? null : { timestamp: '-', ms: now, end: at + 2 }
  if (first >= 'A' && first <= 'Z') {
    if (message.length <= at + rfc3164Chars) return null
    const timestamp = message.slice(at, at + rfc3164Chars)
    const ms = readMonthAndDay(timestamp.replace('  ', ' '), now)
    return { timestamp, ms: ms === null ? 0 : withYear(ms, now), end: at + rfc3164Chars + 1 }
  }
  const end = message.indexOf(' ', at)
  const timestamp = message.slice(at, end)
  const ms = end === -1 ? null : readFullTime(timestamp, now)
  return ms === null ? null : { timestamp, ms, end: end + 1 }
}

/** Any character may stand for the zone, and means UTC. */
function readFullTime(text: string, now: number): number | null {
  const rest = /^(?:\.(\d+))?(?:([+-])(\d\d):(\d\d)|[^+.-])/s.exec(text.slice(rfc5424Chars))
  const seconds = rest === null ? null : readSeconds(text.slice(0, rfc5424Chars), now)
  if (rest === null || seconds === null) return null
  const [, fraction = '', sign, hours, minutes] = rest
  const ms = seconds + Number(`${fraction}000`.slice(0, 3))
  if (sign === undefined) return ms
  const offsetMs = (Number(hours) * 60 + Number(minutes)) * 60_000
  return sign === '+' ? ms - offsetMs : ms + offsetMs
}
