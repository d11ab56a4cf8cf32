// Times written by a Joda-Time pattern ("yyyy-MM-dd HH:mm:ss,SSS"), read as Joda reads them: numbers
// may be shorter than their field except where digits follow digits, names are English, what the
// pattern leaves out is 1970-01-01T00:00. Letters: y Y M d H h K k m s S a E Z z, quoted text.

/** Milliseconds since 1970, or null where the text does not fit. Without a zone in it: local time. */
export type TimeReader = (text: string) => number | null

const months = ['jan', 'feb', 'mar', 'apr', 'may', 'jun', 'jul', 'aug', 'sep', 'oct', 'nov', 'dec']

interface Time {
  year: number
  month: number
  day: number
  hour: number
  minute: number
  second: number
  millisecond: number
  afternoon: boolean | null
  offsetMinutes: number | null
}

interface Token {
  /** Source of a regular expression without groups. */
  readonly pattern: string
  readonly take: ((text: string, time: Time) => void) | null
}

/** Compiles `pattern`, or says which letter is not supported. */
export function compileJodaPattern(pattern: string): { read: TimeReader } | { problem: string } {
  const parts = pattern.match(/'(?:[^']|'')*'|([A-Za-z])\1*|[^A-Za-z']+|'/g) ?? []
  const tokens: Token[] = []
  for (const [index, part] of parts.entries()) {
    const letter = part[0]!
    if (/[A-Za-z]/.test(letter)) {
      const next = parts[index + 1]?.[0]
      const token = tokenOf(letter, part.length, next !== undefined && /[yYMdHhKkmsS]/.test(next))
      if (token === null) return { problem: `the pattern letter ${letter} in "${pattern}" is not supported` }
      tokens.push(token)
    } else if (part === "'") return { problem: `a quote in "${pattern}" is not closed` }
    else tokens.push({ pattern: escape(part.startsWith("'") ? unquote(part) : part), take: null })
  }
  if (tokens.length === 0) return { problem: 'the pattern is empty' }
  const whole = new RegExp(`^${tokens.map(token => `(${token.pattern})`).join('')}$`, 'i')
  return { read: text => readTime(whole, tokens, text) }
}

function readTime(whole: RegExp, tokens: readonly Token[], text: string): number | null {
  const match = whole.exec(text)
  if (match === null) return null
  const time: Time = {
    year: 1970,
    month: 1,
    day: 1,
    hour: 0,
    minute: 0,
    second: 0,
    millisecond: 0,
    afternoon: null,
    offsetMinutes: null,
  }
  for (const [index, token] of tokens.entries()) token.take?.(match[index + 1]!, time)
  const hour = time.afternoon === null ? time.hour : (time.hour % 12) + (time.afternoon ? 12 : 0)
  const { year, month, day, minute, second, millisecond, offsetMinutes } = time
  if (month < 1 || month > 12 || day < 1 || day > daysOf(year, month)) return null
  if (hour > 23 || minute > 59 || second > 59) return null
  return offsetMinutes === null
    ? new Date(year, month - 1, day, hour, minute, second, millisecond).getTime()
    : Date.UTC(year, month - 1, day, hour, minute, second, millisecond) - offsetMinutes * 60_000
}

function daysOf(year: number, month: number): number {
  return new Date(Date.UTC(year, month, 0)).getUTCDate()
}

function tokenOf(letter: string, count: number, digitsFollow: boolean): Token | null {
  const number = (take: (value: number, time: Time) => void, most = 9): Token => ({
    pattern: digitsFollow ? `\\d{${count}}` : `\\d{1,${Math.max(count, most)}}`,
    take: (text, time) => take(Number(text), time),
  })
  switch (letter) {
    case 'y':
    case 'Y':
      return number((value, time) => (time.year = count === 2 && value < 100 ? century(value) : value))
    case 'M':
      if (count >= 3) return { pattern: '[a-z]{3,9}', take: takeMonthName }
      return number((value, time) => (time.month = value), 2)
    case 'd':
      return number((value, time) => (time.day = value), 2)
    case 'H':
    case 'h':
    case 'K':
      return number((value, time) => (time.hour = value), 2)
    case 'k':
      return number((value, time) => (time.hour = value % 24), 2)
    case 'm':
      return number((value, time) => (time.minute = value), 2)
    case 's':
      return number((value, time) => (time.second = value), 2)
    case 'S':
      return {
        pattern: digitsFollow ? `\\d{${count}}` : '\\d{1,9}',
        take: (text, time) => (time.millisecond = Math.floor(Number(`0.${text}`) * 1000 + 1e-6)),
      }
    case 'a':
      return { pattern: 'am|pm', take: (text, time) => (time.afternoon = text.toLowerCase() === 'pm') }
    case 'E':
      return { pattern: '[a-z]{3,9}', take: null }
    case 'Z':
    case 'z':
      return { pattern: 'Z|UTC|GMT|[+-]\\d{2}:?\\d{2}', take: takeOffset }
    default:
      return null
  }
}

/** Joda reads two digits as the year nearest to 2000 less 30, plus 70: 1970 to 2069. */
function century(year: number): number {
  return year < 70 ? 2000 + year : 1900 + year
}

function takeMonthName(text: string, time: Time): void {
  time.month = months.indexOf(text.slice(0, 3).toLowerCase()) + 1
}

function takeOffset(text: string, time: Time): void {
  const [, sign, hours, minutes] = /^([+-])(\d{2}):?(\d{2})$/.exec(text) ?? []
  time.offsetMinutes =
    sign === undefined ? 0 : (sign === '-' ? -1 : 1) * (Number(hours) * 60 + Number(minutes))
}

function unquote(part: string): string {
  return part === "''" ? "'" : part.slice(1, -1).replaceAll("''", "'")
}

function escape(text: string): string {
  return text.replaceAll(/[\\^$.*+?()[\]{}|/-]/g, '\\$&')
}
