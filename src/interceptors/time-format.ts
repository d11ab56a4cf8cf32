// Times in texts, by the name of a format or by a pattern -> milliseconds since 1970: `epoch_ms`, `epoch_s`, `epoch_us`,
// `epoch_ns`, `iso8601` (2026-11-30T10:47:13.250+01:00), or a pattern of Joda-Time and SimpleDateFormat.
import { zoneOffset } from '../java/zone-offset.ts'
import { compileJodaPattern, localToUtc, type TimeReader } from '../java/joda-time.ts'

/** Powers of ten from milliseconds. */
const epochs: Readonly<Record<string, number>> = { epoch_s: 3, epoch_ms: 0, epoch_us: -3, epoch_ns: -6 }

/** Longest text that is read as a time. */
const mostLetters = 100

/**
 * A reader of the format, or what is wrong with it. `timeZone` holds for texts without a zone: a name of the IANA list,
 * the agent's time zone where absent. `now` is ms since 1970, for years of two digits.
 */
export function timeReader(
  format: string,
  timeZone: string | undefined,
  now: number,
): { read: TimeReader } | { problem: string } {
  const zone = zoneOffset(timeZone)
  const read = readerOf(format, zone, now)
  return 'problem' in read ? read : { read: text => (text.length > mostLetters ? null : read.read(text)) }
}

function readerOf(
  format: string,
  zone: (ms: number) => number,
  now: number,
): { read: TimeReader } | { problem: string } {
  const power = epochs[format.toLowerCase()]
  if (power !== undefined) return { read: text => epochMs(text.trim(), power) }
  if (format.toLowerCase() === 'iso8601') return { read: text => isoMs(text.trim(), zone) }
  // X is the letter of SimpleDateFormat for what Joda-Time calls ZZ.
  const pattern = format.replaceAll(/'[^']*'|X+/g, part => (part.startsWith("'") ? part : 'ZZ'))
  return compileJodaPattern(pattern, now, zone)
}

/** Digits are shifted as text, because a product of doubles may be off by one. */
function epochMs(text: string, power: number): string | null {
  const [, digits, exponent = '0'] = /^(-?\d+(?:\.\d*)?)(?:[eE]([+-]?\d{1,3}))?$/.exec(text) ?? []
  if (digits === undefined) return null
  const ms = Math.floor(Number(`${digits}e${Number(exponent) + power}`))
  return Number.isSafeInteger(ms) ? String(ms) : null
}

const iso =
  /^(\d{4})-(\d\d)-(\d\d)(?:[Tt ](\d\d):(\d\d)(?::(\d\d)(?:[.,](\d{1,9}))?)? ?([Zz]|[+-]\d\d(?::?\d\d)?)?)?$/

function isoMs(text: string, zone: (ms: number) => number): string | null {
  const [whole, year, month, day, hour = '0', minute = '0', second = '0', fraction = '', offset] =
    iso.exec(text) ?? []
  if (whole === undefined) return null
  const parts = [Number(year), Number(month) - 1, Number(day), Number(hour), Number(minute), Number(second)]
  const at = new Date(0)
  at.setUTCFullYear(parts[0]!, parts[1], parts[2])
  at.setUTCHours(parts[3]!, parts[4], parts[5], Number(fraction.slice(0, 3).padEnd(3, '0')))
  const isAsWritten =
    at.getUTCFullYear() === parts[0] &&
    at.getUTCMonth() === parts[1] &&
    at.getUTCDate() === parts[2] &&
    at.getUTCHours() === parts[3] &&
    at.getUTCMinutes() === parts[4] &&
    at.getUTCSeconds() === parts[5]
  if (!isAsWritten) return null
  const local = at.getTime()
  if (offset === undefined) {
    const ms = localToUtc(zone, local)
    return ms === null ? null : String(ms)
  }
  const [, sign, hours = '0', minutes = '0'] = /^([+-])(\d\d):?(\d\d)?$/.exec(offset) ?? []
  if (Number(hours) > 23 || Number(minutes) > 59) return null
  const ahead = (Number(hours) * 60 + Number(minutes)) * 60_000
  return String(local - (sign === '-' ? -ahead : ahead))
}
