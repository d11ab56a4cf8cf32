// Times of syslog messages. RFC 3164 writes `Oct  1 12:00:00`: no year, no zone. The year is the one that makes the time at
// most a month later and eleven months earlier than now, or little more than that. RFC 5424 writes a zone, and may leave it
// out here. Values are milliseconds since 1970.
import { zoneOffset } from '../../java/zone-offset.ts'

const dayMs = 86_400_000
const months = ['jan', 'feb', 'mar', 'apr', 'may', 'jun', 'jul', 'aug', 'sep', 'oct', 'nov', 'dec']

/** Ms east of UTC at a time. */
export type Zone = (ms: number) => number
export const utc: Zone = () => 0

/** Senders write the same times again and again. */
const mostRemembered = 1000
const rememberedMs = 1000

/** Remembers what `read` gives for a text, for a second by the clock. */
export function remembering<T>(read: (text: string, now: number) => T): (text: string, now: number) => T {
  const known = new Map<string, T>()
  let since = 0
  return (text, now) => {
    if (known.size >= mostRemembered || Math.abs(now - since) >= rememberedMs) {
      known.clear()
      since = now
    }
    let value = known.get(text)
    if (value === undefined) known.set(text, (value = read(text, now)))
    return value
  }
}

/** A time on the clocks of the zone, as if it were one of UTC -> the time. As Java, in winter time where it comes twice. */
function timeOf(onClocks: number, zone: Zone): number {
  const late = onClocks - zone(onClocks + dayMs)
  return late + zone(late) === onClocks ? late : onClocks - zone(onClocks - dayMs)
}

/** So many months later on the clocks of the zone, at the last day of the month where there is none of that number. */
function addMonths(ms: number, count: number, zone: Zone): number {
  const from = new Date(ms + zone(ms))
  const to = new Date(from)
  to.setUTCDate(1)
  to.setUTCMonth(to.getUTCMonth() + count)
  const days = new Date(Date.UTC(to.getUTCFullYear(), to.getUTCMonth() + 1, 0)).getUTCDate()
  to.setUTCDate(Math.min(from.getUTCDate(), days))
  return timeOf(to.getTime(), zone)
}

/** A time of this year, moved by a year where it is too far from now. */
function inYearOf(ms: number, now: number, zone: Zone): number {
  if (addMonths(ms, -1, zone) > now) return addMonths(ms, -12, zone)
  return addMonths(ms, 11, zone) < now ? addMonths(ms, 12, zone) : ms
}

/** `Oct  1 12:00:00`; null where it is no time. Numbers out of range count on: the 31st of June is the 1st of July. */
export function readRfc3164(text: string, now: number, zone = zoneOffset()): number | null {
  const found = /^([a-z]{3}) (\d{1,2}) (\d{2}):(\d{2}):(\d{2})$/i.exec(text.replaceAll('  ', ' '))
  if (found === null) return null
  const [name = '', ...numbers] = found.slice(1)
  const month = months.indexOf(name.toLowerCase())
  if (month === -1) return null
  const [day = 0, hour, minute, second] = numbers.map(Number)
  const year = new Date(now).getUTCFullYear()
  return inYearOf(timeOf(Date.UTC(year, month, day, hour, minute, second), zone), now, zone)
}

/** `2026-10-01T12:00:00.123+02:00`; local time where there is no zone. Null where it is no time. */
export function readRfc5424(text: string, zone = zoneOffset()): number | null {
  const found =
    /^(\d{4})-(\d{2})-(\d{2})T(\d{2}):(\d{2}):(\d{2})(?:\.(\d+))?(?:Z|([+-])(\d{2}):(\d{2}))?$/.exec(text)
  if (found === null) return null
  const [year = 0, month = 0, day, hour, minute, second] = found.slice(1, 7).map(Number)
  const ms = Number(`${found[7] ?? ''}000`.slice(0, 3))
  const onClocks = Date.UTC(year, month - 1, day, hour, minute, second, ms)
  if (text.endsWith('Z')) return onClocks
  const sign = found[8]
  if (sign === undefined) return timeOf(onClocks, zone)
  const offsetMs = (Number(found[9]) * 60 + Number(found[10])) * 60_000
  return sign === '+' ? onClocks - offsetMs : onClocks + offsetMs
}

/** The time, in UTC, of Joda's `MMM d HH:mm:ss`, which knows no year: in that of now, or a year beside it. */
export function withYear(ms: number, now: number): number {
  const at = new Date(ms)
  const day = at.getUTCMonth() === 1 ? Math.min(at.getUTCDate(), lastOfFebruary(now)) : at.getUTCDate()
  const year = new Date(now).getUTCFullYear()
  return inYearOf(Date.UTC(year, at.getUTCMonth(), day) + (ms % dayMs), now, utc)
}

const lastOfFebruary = (now: number): number =>
  new Date(Date.UTC(new Date(now).getUTCFullYear(), 2, 0)).getUTCDate()
