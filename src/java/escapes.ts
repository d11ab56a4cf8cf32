// Escapes in topics and paths, as Flume expands them:
//
//   %{name}       the event's header, empty where it is absent
//   %[localhost]  this machine's name; %[IP] its address, %[FQDN] its full name
//   %t %s         the event's time in milliseconds and in seconds since 1970
//   %a %A %b %B   Mon, Monday, Jan, January
//   %d %e %j      day of the month 05, 5; day of the year 036
//   %m %n %y %Y   month 02, 2; year 26, 2026
//   %H %k %I %l   hour of 24: 07, 7; of 12: 07, 7
//   %M %S %p %z   minute 09, second 01, AM, +0100
//   %c %D         Mon Jan 5 07:09:01 2026; 01/05/26
//   %%            one percent sign; other letters and digits give nothing
//
// Everything of one letter, %% too, needs the event's time: its header `timestamp` (milliseconds since
// 1970), or now where that is asked for. Names are English, whatever the locale.
import { zoneOffset } from './zone-offset.ts'

export type RoundUnit = 'second' | 'minute' | 'hour'

export interface EscapeOptions {
  /** Wall clock, milliseconds since 1970. */
  readonly now: () => number
  /** Takes `now` in place of the timestamp header. */
  readonly useLocalTimeStamp?: boolean
  /** A zone of the IANA list; that of the process where absent. */
  readonly timeZone?: string
  /** Floors the field of the unit to a multiple of the value. */
  readonly round?: { readonly value: number; readonly unit: RoundUnit }
  /** What %[localhost], %[IP] and %[FQDN] give. */
  readonly host?: { readonly name: string; readonly address: string; readonly fullName: string }
}

/** This machine, as the network knows it: its full name is asked of nobody. */
export function hostOf(network: {
  hostName(): string
  addresses(): readonly string[]
}): EscapeOptions['host'] & {} {
  const name = network.hostName()
  return { name, address: network.addresses()[0] ?? '127.0.0.1', fullName: name }
}

type Headers = ReadonlyMap<string, string>
type Part = string | ((headers: Headers, time: () => Time) => string)

interface Time {
  readonly ms: number
  /** The local time as if it were UTC. */
  readonly local: Date
  readonly offsetMinutes: number
}

const pattern = /%(\w|%)|%\{([\w.-]+)\}|%\[(\w+)\]/g
const days = ['Sunday', 'Monday', 'Tuesday', 'Wednesday', 'Thursday', 'Friday', 'Saturday']
const months = [
  'January',
  'February',
  'March',
  'April',
  'May',
  'June',
  'July',
  'August',
  'September',
  'October',
  'November',
  'December',
]
const unitMs: Record<RoundUnit, number> = { second: 1000, minute: 60_000, hour: 3_600_000 }
const unitsAbove: Record<RoundUnit, number> = { second: 60_000, minute: 3_600_000, hour: 86_400_000 }

const two = (value: number) => String(value).padStart(2, '0')
const hour12 = (time: Date) => time.getUTCHours() % 12 || 12
const dayOfYear = (time: Date) =>
  Math.floor((time.getTime() - Date.UTC(time.getUTCFullYear(), 0, 1)) / 86_400_000) + 1
const clockTime = (time: Date) =>
  `${two(time.getUTCHours())}:${two(time.getUTCMinutes())}:${two(time.getUTCSeconds())}`

const letters: Record<string, (time: Time) => string> = {
  '%': () => '%',
  t: ({ ms }) => String(ms),
  s: ({ ms }) => String(Math.floor(ms / 1000)),
  a: ({ local }) => days[local.getUTCDay()]!.slice(0, 3),
  A: ({ local }) => days[local.getUTCDay()]!,
  b: ({ local }) => months[local.getUTCMonth()]!.slice(0, 3),
  B: ({ local }) => months[local.getUTCMonth()]!,
  c: time =>
    `${letters['a']!(time)} ${letters['b']!(time)} ${time.local.getUTCDate()} ${clockTime(time.local)} ${letters['Y']!(time)}`,
  d: ({ local }) => two(local.getUTCDate()),
  e: ({ local }) => String(local.getUTCDate()),
  D: time => `${letters['m']!(time)}/${letters['d']!(time)}/${letters['y']!(time)}`,
  H: ({ local }) => two(local.getUTCHours()),
  I: ({ local }) => two(hour12(local)),
  j: ({ local }) => String(dayOfYear(local)).padStart(3, '0'),
  k: ({ local }) => String(local.getUTCHours()),
  l: ({ local }) => String(hour12(local)),
  m: ({ local }) => two(local.getUTCMonth() + 1),
  n: ({ local }) => String(local.getUTCMonth() + 1),
  M: ({ local }) => two(local.getUTCMinutes()),
  p: ({ local }) => (local.getUTCHours() < 12 ? 'AM' : 'PM'),
  S: ({ local }) => two(local.getUTCSeconds()),
  y: ({ local }) => two(local.getUTCFullYear() % 100),
  Y: ({ local }) => String(local.getUTCFullYear()).padStart(4, '0'),
  z({ offsetMinutes }) {
    const size = Math.abs(offsetMinutes)
    return `${offsetMinutes < 0 ? '-' : '+'}${two(Math.floor(size / 60))}${two(size % 60)}`
  },
}

/** Whether the text has anything to expand. */
export function hasEscapes(text: string): boolean {
  return text.search(pattern) !== -1
}

/**
 * Prepares `text`; the function given expands it for the headers of an event, and throws an Error with
 * one sentence where the event lacks the time that the text needs. Unknown names in %[...] throw at once.
 */
export function compileEscapes(text: string, options: EscapeOptions): (headers: Headers) => string {
  const parts: Part[] = []
  let at = 0
  for (const match of text.matchAll(pattern)) {
    if (match.index > at) parts.push(text.slice(at, match.index))
    at = match.index + match[0].length
    const [, letter, header, place] = match
    if (header !== undefined) parts.push(headers => headers.get(header) ?? '')
    else if (place !== undefined) parts.push(hostPart(text, place, options))
    else {
      // The time is needed even where the letter gives nothing.
      const format = letters[letter!] ?? (() => '')
      parts.push((_headers, time) => format(time()))
    }
  }
  if (at < text.length) parts.push(text.slice(at))
  if (parts.every(part => typeof part === 'string')) {
    const constant = parts.join('')
    return () => constant
  }
  const makeTime = timeMaker(text, options)
  return headers => {
    let time: Time | undefined
    const lazyTime = () => (time ??= makeTime(headers))
    let expanded = ''
    for (const part of parts) expanded += typeof part === 'string' ? part : part(headers, lazyTime)
    return expanded
  }
}

function hostPart(text: string, place: string, { host }: EscapeOptions): string {
  switch (place.toLowerCase()) {
    case 'localhost':
      return host?.name ?? ''
    case 'ip':
      return host?.address ?? ''
    case 'fqdn':
      return host?.fullName ?? ''
    default:
      throw new Error(`"${text}" has %[${place}], which is none of %[localhost], %[IP] and %[FQDN]`)
  }
}

function timeMaker(text: string, options: EscapeOptions): (headers: Headers) => Time {
  const zone = zoneOffset(options.timeZone)
  const offsetAt = (ms: number) => Math.round(zone(ms) / 60_000)
  const { round } = options
  let last: Time | undefined
  let lastGiven = Number.NaN
  return headers => {
    const given = options.useLocalTimeStamp === true ? options.now() : headerTime(text, headers)
    if (given === lastGiven) return last!
    let ms = given
    let offsetMinutes = offsetAt(ms)
    if (round !== undefined) {
      const local = ms + offsetMinutes * 60_000
      const above = Math.floor(local / unitsAbove[round.unit]) * unitsAbove[round.unit]
      const step = round.value * unitMs[round.unit]
      ms = above + Math.floor((local - above) / step) * step - offsetMinutes * 60_000
      offsetMinutes = offsetAt(ms)
    }
    lastGiven = given
    last = { ms, local: new Date(ms + offsetMinutes * 60_000), offsetMinutes }
    return last
  }
}

function headerTime(text: string, headers: Headers): number {
  const header = headers.get('timestamp')
  if (header === undefined)
    throw new Error(
      `"${text}" needs the time of the event, but the event has no header "timestamp"; ` +
        'add the timestamp interceptor to the source',
    )
  // The range is that of JavaScript's dates, 273,000 years either way.
  if (!/^[+-]?\d+$/.test(header) || Math.abs(Number(header)) > 8_640_000_000_000_000)
    throw new Error(
      `"${text}" needs the time of the event, but its header "timestamp" is no time in milliseconds`,
    )
  return Number(header)
}
