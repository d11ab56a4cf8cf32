// Times written by a pattern of Joda-Time ("yyyy-MM-dd HH:mm:ss,SSS"), read as Joda-Time 2.9.9 reads them by
// DateTimeFormat.forPattern(pattern).parseDateTime(text): from left to right, each letter taking as much as it can; then
// fields are set from the largest to the smallest, beginning at 1970-01-01T00:00, or in 2000 where the largest is a
// month, a week or a day. Names are English. Daylight saving follows the rules that Node has.
import { zoneOffset } from './zone-offset.ts'
import {
  dayMs,
  fields,
  monthMs,
  OutOfField,
  type Field,
  type LocalTime,
  weekyearOf,
  yearOf,
} from './joda-fields.ts'

/** Milliseconds since 1970 in digits, or null where the text does not fit. Without a zone in it: that of the process. */
export type TimeReader = (text: string) => string | null

/** What has been read so far. */
interface Found {
  readonly values: { field: Field; value: number }[]
  /** Ms east of UTC; goes before the zone. */
  offset: number | null
  zone: Zone
}

/** Ms east of UTC at a time. */
type Zone = (ms: number) => number

/** Takes what it can from `at` on; gives where it ends, -1 where it takes nothing. */
type Take = (text: string, at: number, found: Found) => number

/**
 * Compiles `pattern`, or says what Joda says against it. `now` is ms since 1970, for years of two digits; `local` is the
 * zone of texts without one.
 */
export function compileJodaPattern(
  pattern: string,
  now: number,
  local: Zone = zoneOffset(),
): { read: TimeReader } | { problem: string } {
  if (pattern === '') return { problem: 'Invalid pattern specification' }
  const takes: Take[] = []
  let hasLongName = false
  const today = Math.floor((now + local(now)) / dayMs)
  for (let at = 0; at < pattern.length;) {
    const { token, end } = tokenAt(pattern, at)
    const isBeforeDigits = end < pattern.length && isNumeric(tokenAt(pattern, end).token)
    if (token.startsWith("'")) {
      if (token.length > 1) takes.push(literal(token.slice(1)))
    } else {
      const take = takeOf(token[0]!, token.length, isBeforeDigits, today)
      if (take === null) return { problem: `Illegal pattern component: ${token}` }
      takes.push(take)
      hasLongName ||= token.startsWith('zzzz')
    }
    at = end
  }
  if (takes.length === 0) return { problem: 'Both printing and parsing not supported' }
  // Joda prints long names of zones beside something else, and cannot read what has them.
  if (hasLongName && takes.length > 1) return { read: () => null }
  return {
    read(text) {
      const found: Found = { values: [], offset: null, zone: local }
      let at = 0
      for (const take of takes) if ((at = take(text, at, found)) === -1) return null
      return at === text.length ? millisOf(found) : null
    },
  }
}

// ----------------------------------------------------------------------------------------- pattern

const isLetter = (char: string): boolean => /^[A-Za-z]$/.test(char)

/** A run of one letter; or text up to the next letter, which begins with a quote then. A quote need not be closed. */
function tokenAt(pattern: string, start: number): { token: string; end: number } {
  const letter = pattern[start]!
  let end = start
  if (isLetter(letter)) {
    while (pattern[end] === letter) end++
    return { token: pattern.slice(start, end), end }
  }
  let token = "'"
  let isQuoted = false
  for (; end < pattern.length; end++) {
    const char = pattern[end]!
    if (char === "'") {
      if (pattern[end + 1] === "'") token += pattern[end++]!
      else isQuoted = !isQuoted
    } else if (!isQuoted && isLetter(char)) break
    else token += char
  }
  return { token, end }
}

const isNumeric = (token: string): boolean => /^(?:[CxyYdhHmsSeDwkK]|M(?!MM))/.test(token)

function takeOf(letter: string, count: number, isBeforeDigits: boolean, today: number): Take | null {
  const plain = (field: Field, most: number) => number(field, Math.max(count, most), false)
  const ofYear = (field: Field, isSigned: boolean) =>
    count === 2
      ? letter === 'x'
        ? twoDigits(fields.weekyear, weekyearOf(today) - 80, !isBeforeDigits)
        : twoDigits(fields.year, yearOf(today) - 80, !isBeforeDigits)
      : number(field, Math.max(count, isBeforeDigits ? 0 : 9), isSigned)
  switch (letter) {
    case 'G':
      return name(fields.era, eras)
    case 'C':
      return number(fields.century, count, true)
    case 'x':
      return ofYear(fields.weekyear, true)
    case 'y':
      return ofYear(fields.year, true)
    case 'Y':
      return ofYear(fields.yearOfEra, false)
    case 'M':
      return count >= 3 ? name(fields.month, months) : plain(fields.month, 2)
    case 'd':
      return plain(fields.dayOfMonth, 2)
    case 'D':
      return plain(fields.dayOfYear, 3)
    case 'w':
      return plain(fields.weekOfWeekyear, 2)
    case 'e':
      return plain(fields.dayOfWeek, 1)
    case 'E':
      return name(fields.dayOfWeek, weekdays)
    case 'a':
      return name(fields.halfday, halfdays)
    case 'H':
      return plain(fields.hour, 2)
    case 'k':
      return plain(fields.clockhour, 2)
    case 'K':
      return plain(fields.hourOfHalfday, 2)
    case 'h':
      return plain(fields.clockhourOfHalfday, 2)
    case 'm':
      return plain(fields.minute, 2)
    case 's':
      return plain(fields.second, 2)
    case 'S':
      return fraction(count)
    case 'z':
      return zoneName
    case 'Z':
      return count >= 3 ? zoneId : offset
    default:
      return null
  }
}

// ------------------------------------------------------------------------------------ what is taken

const isDigit = (char: string | undefined): boolean => char !== undefined && char >= '0' && char <= '9'

function digitsEnd(text: string, start: number, most = Infinity): number {
  let end = start
  while (end - start < most && isDigit(text[end])) end++
  return end
}

/** The value goes to the field; -1 where Java has no such int. */
function keep(found: Found, field: Field, value: number, end: number): number {
  if (value > 2_147_483_647 || value < -2_147_483_648) return -1
  found.values.push({ field, value })
  return end
}

const number =
  (field: Field, mostDigits: number, isSigned: boolean): Take =>
  (text, at, found) => {
    const char = text[at]
    const sign = isSigned && mostDigits > 1 && (char === '-' || char === '+') ? char : ''
    const start = at + sign.length
    const end = digitsEnd(text, start, mostDigits)
    if (end === start) return -1
    return keep(found, field, Number(text.slice(start, end)) * (sign === '-' ? -1 : 1), end)
  }

/** Two digits are a year of the hundred that begin with `first`; where not just two may stand, others are as they are. */
const twoDigits =
  (field: Field, first: number, isLenient: boolean): Take =>
  (text, at, found) => {
    if (isLenient) {
      let start = at
      while (text[start] === '+') start++
      const isNegative = text[start] === '-'
      const digits = start + (isNegative ? 1 : 0)
      const end = digitsEnd(text, digits)
      if (start > at || isNegative || end - start !== 2) {
        // Behind a lone minus Joda takes the next character for a digit, and leaves it there.
        const value = end > digits ? Number(text.slice(digits, end)) : text.charCodeAt(digits) - 48
        if (end === digits && (!isNegative || Number.isNaN(value))) return -1
        return keep(found, field, isNegative ? 0 - value : value, end)
      }
    }
    if (digitsEnd(text, at, 2) !== at + 2) return -1
    const value = Number(text.slice(at, at + 2))
    const within = ((first % 100) + 100) % 100
    return keep(found, field, first - within + value + (value < within ? 100 : 0), at + 2)
  }

/** Digits behind a decimal point that is not there; beyond the third they are passed over, beyond the 18th left. */
const fraction =
  (count: number): Take =>
  (text, at, found) => {
    const end = digitsEnd(text, at, Math.min(count, 18))
    if (end === at) return -1
    return keep(found, fields.fraction, Number(text.slice(at, Math.min(end, at + 3)).padEnd(3, '0')), end)
  }

/** Values by their names: as they are, in small letters, and in capitals. */
function named(first: number, ...names: readonly (readonly string[])[]): ReadonlyMap<string, number> {
  const found = new Map<string, number>()
  for (const [index, some] of names.entries())
    for (const one of some)
      for (const form of [one, one.toLowerCase(), one.toUpperCase()]) found.set(form, first + index)
  return found
}

const shortened = (...names: readonly string[]) => names.map(one => [one, one.slice(0, 3)])
const eras = named(0, ['BC', 'BCE'], ['AD', 'CE'])
const halfdays = named(0, ['AM'], ['PM'])
const months = named(
  1,
  ...shortened('January', 'February', 'March', 'April', 'May', 'June', 'July'),
  ...shortened('August', 'September', 'October', 'November', 'December'),
)
const weekdays = named(
  1,
  ...shortened('Monday', 'Tuesday', 'Wednesday', 'Thursday', 'Friday', 'Saturday', 'Sunday'),
)

const name =
  (field: Field, values: ReadonlyMap<string, number>): Take =>
  (text, at, found) => {
    for (let end = Math.min(text.length, at + 9); end > at; end--) {
      const value = values.get(text.slice(at, end))
      if (value !== undefined) return keep(found, field, value, end)
    }
    return -1
  }

const literal =
  (expected: string): Take =>
  (text, at) => {
    const end = at + expected.length
    const isThere = text.slice(at, end).toUpperCase().toLowerCase() === expected.toUpperCase().toLowerCase()
    return end <= text.length && isThere ? end : -1
  }

/** `+08:00`, `+0800`, `+08`, with seconds and milliseconds as well; or Z. */
const offset: Take = (text, start, found) => {
  if (/^z/i.test(text.slice(start, start + 1))) {
    found.offset = 0
    return start + 1
  }
  const [, sign, hours] = /^([+-])(\d\d)$/.exec(text.slice(start, start + 3)) ?? []
  if (hours === undefined || Number(hours) > 23) return -1
  let at = start + 3
  let ms = Number(hours) * 3_600_000
  const hasColons = text[at] === ':'
  // Behind a colon, or a point, there must be digits; without them the offset may end.
  for (const { separators, unit } of offsetParts) {
    if (hasColons && !separators.includes(text[at] ?? ' ')) break
    const begin = hasColons ? at + 1 : at
    const end = digitsEnd(text, begin, unit === 1 ? 3 : 2)
    if (end === begin && !hasColons) break
    const digits = unit === 1 ? text.slice(begin, end).padEnd(3, '0') : text.slice(begin, end)
    if (end === begin || (unit > 1 && (digits.length < 2 || Number(digits) > 59))) return -1
    ms += Number(digits) * unit
    at = end
  }
  found.offset = sign === '-' ? 0 - ms : ms
  return at
}

const offsetParts = [
  { separators: ':', unit: 60_000 },
  { separators: ':', unit: 1000 },
  { separators: '.,', unit: 1 },
]

const zones = new Map<string, Zone | null>()
/** Names of today's tz database for zones with a history. */
const fixedZones: Readonly<Record<string, string>> = {
  EST: 'Etc/GMT+5',
  MST: 'Etc/GMT+7',
  HST: 'Etc/GMT+10',
}

/** The zone of a name of the IANA list; null where it is none, or one of those that Java alone has. */
function zoneNamed(id: string): Zone | null {
  let zone = zones.get(id)
  if (zone !== undefined) return zone
  if (zones.size === 1000) zones.clear()
  try {
    const isJavas = /^(?!(?:[CEMW]ET|[EHM]ST|GMT|PRC|RO[CK]|U[CT]C)$)[A-Z]{3}$|^SystemV\//.test(id)
    zone = /^[A-Z]/.test(id) && !isJavas ? zoneOffset(fixedZones[id] ?? id) : null
  } catch {
    zone = null
  }
  zones.set(id, zone)
  return zone
}

/** The longest name there is. A slash that comes soon must be one of the name. */
const zoneId: Take = (text, at, found) => {
  const [run] = /^[\w+/-]{0,40}/.exec(text.slice(at))!
  const slash = text.slice(at, at + 'Antarctica/'.length).indexOf('/')
  for (let length = run.length; length > slash + 1; length--) {
    const zone = zoneNamed(run.slice(0, length))
    if (zone === null) continue
    found.zone = zone
    return at + length
  }
  return -1
}

/** The only names that Joda reads; summer or winter is said by the date. */
const zoneNames: Readonly<Record<string, string>> = {
  UT: 'UTC',
  UTC: 'UTC',
  GMT: 'UTC',
  EST: 'America/New_York',
  EDT: 'America/New_York',
  CST: 'America/Chicago',
  CDT: 'America/Chicago',
  MST: 'America/Denver',
  MDT: 'America/Denver',
  PST: 'America/Los_Angeles',
  PDT: 'America/Los_Angeles',
}

const zoneName: Take = (text, at, found) => {
  const [found3, found2] = [text.slice(at, at + 3), text.slice(at, at + 2)]
  const known = found3 in zoneNames ? found3 : found2
  if (!(known in zoneNames)) return -1
  found.zone = zoneNamed(zoneNames[known]!)!
  return at + known.length
}

// -------------------------------------------------------------------------------------- what it is

/** Null where a field does not take its value, and where clocks were put forward over the time. */
function millisOf({ values, offset: known, zone }: Found): string | null {
  const inOrder = values.toSorted(largestFirst)
  const first = inOrder[0]?.field
  if (first !== undefined && first.unit <= monthMs && first.unit >= dayMs)
    inOrder.unshift({ field: fields.year, value: 2000 })
  let at: LocalTime = { day: 0, ms: 0 }
  try {
    for (const { field, value } of inOrder) at = field.floor(field.set(at, value))
    // Setting one may have moved another: all of them must hold.
    for (const { field, value } of inOrder) at = field.set(at, value)
    if (first !== undefined) at = inOrder.at(-1)!.field.floor(at)
  } catch (error) {
    if (error instanceof OutOfField) return null
    throw error
  }
  const local = at.day * dayMs + at.ms
  const ahead = known ?? offsetOfLocal(zone, local)
  if (ahead === null) return null
  // As Java counts in its longs.
  return BigInt.asIntN(64, BigInt(at.day) * BigInt(dayMs) + BigInt(at.ms - ahead)).toString()
}

type Value = Found['values'][number]

/** By what they count within, then by what they count; what counts within nothing comes first. */
const largestFirst = ({ field: one }: Value, { field: other }: Value): number =>
  compare(other.range, one.range) || compare(other.unit, one.unit)

const compare = (one: number, other: number): number => (one < other ? -1 : one > other ? 1 : 0)

/** Of two offsets the earlier holds, where clocks were put back; null where the time was left out. */
function offsetOfLocal(zone: Zone, local: number): number | null {
  const holds = [zone(local - dayMs), zone(local + dayMs)].find(offset => zone(local - offset) === offset)
  return holds ?? null
}

/** Ms since 1970 at a local time; null where the clocks of the zone left it out. */
export function localToUtc(zone: Zone, local: number): number | null {
  const ahead = offsetOfLocal(zone, local)
  return ahead === null ? null : local - ahead
}
