// How numbers, times and sizes look: thin spaces between thousands, the unit apart, never more than a reader needs.

export interface Quantity {
  readonly text: string
  readonly unit: string
}

/** With a capital and a full stop. */
export function sentence(text: string): string {
  const trimmed = text.trim()
  return `${trimmed[0]?.toUpperCase() ?? ''}${trimmed.slice(1)}${/[.!?]$/.test(trimmed) ? '' : '.'}`
}

/** What happened, and what to do. */
export const refusalText = ({ error, remedy }: { error: string; remedy: string }): string =>
  `${sentence(error)} ${remedy}`.trim()

const thin = '\u2009'

/** 1 agent, 2 agents */
export const counted = (count: number, noun: string): string =>
  `${whole(count)} ${noun}${count === 1 ? '' : 's'}`

/** 1 204 331 */
export const whole = (value: number): string => String(Math.round(value)).replaceAll(/\B(?=(\d{3})+$)/g, thin)

export const wholeOr = (value: number | null, otherwise = '–'): string =>
  value === null ? otherwise : whole(value)

/** Events a second: 0, 3.4, 118, 8.4 k. */
export function rate(value: number | null): Quantity {
  if (value === null) return { text: '–', unit: '' }
  const size = Math.abs(value)
  if (size < 0.05) return { text: '0', unit: '/s' }
  if (size < 100) return { text: value.toFixed(1), unit: '/s' }
  if (size < 10_000) return { text: whole(value), unit: '/s' }
  if (size < 1_000_000) return { text: (value / 1000).toFixed(1), unit: 'k/s' }
  return { text: (value / 1_000_000).toFixed(1), unit: 'M/s' }
}

const units = ['B', 'KiB', 'MiB', 'GiB', 'TiB', 'PiB']

export function bytes(value: number | null): Quantity {
  if (value === null) return { text: '–', unit: '' }
  let unit = 0
  let size = value
  while (size >= 1024 && unit < units.length - 1) {
    size /= 1024
    unit++
  }
  return { text: unit === 0 || size >= 100 ? whole(size) : size.toFixed(1), unit: units[unit]! }
}

/** 0.2 s, 40 s, 1 min 32 s, 3 h 5 min, 2 d 4 h */
export function duration(seconds: number | null, digits = 1): string {
  if (seconds === null) return '–'
  if (seconds < 10) return `${seconds.toFixed(digits)} s`
  if (seconds < 60) return `${Math.round(seconds)} s`
  const all = Math.round(seconds)
  const parts = [
    [Math.floor(all / 86_400), 'd'],
    [Math.floor(all / 3600) % 24, 'h'],
    [Math.floor(all / 60) % 60, 'min'],
    [all % 60, 's'],
  ] as const
  const first = parts.findIndex(([count]) => count > 0)
  return parts
    .slice(first, first + 2)
    .filter(([count]) => count > 0)
    .map(([count, unit]) => `${count} ${unit}`)
    .join(' ')
}

const hours = { hour: '2-digit', minute: '2-digit', second: '2-digit', hour12: false } as const
const days = { day: 'numeric', month: 'short' } as const
const clock = new Intl.DateTimeFormat(undefined, hours)
const day = new Intl.DateTimeFormat(undefined, days)
const exact = new Intl.DateTimeFormat(undefined, { ...days, ...hours, fractionalSecondDigits: 3 })

/** Of a message: 29 Nov, 14:06:11.902 */
export const exactTime = (at: number | null): string => (at === null ? '–' : exact.format(at))

/** 14:06:11 today, with the day before it otherwise. */
export function time(at: number): string {
  const date = new Date(at)
  const isToday = date.toDateString() === new Date().toDateString()
  return isToday ? clock.format(date) : `${day.format(date)} ${clock.format(date)}`
}

/** Of a channel: 0, < 0.1, 0.2, 62, 100; one that is not full is never shown as 100. */
export function percent(size: number, capacity: number | null): string {
  if (capacity === null || capacity === 0) return '–'
  const share = (100 * size) / capacity
  if (share === 0 || share >= 100) return share >= 100 ? '100' : '0'
  if (share < 0.1) return '< 0.1'
  if (share < 10) return (Math.floor(share * 10) / 10).toFixed(1)
  return String(Math.floor(share))
}

/** Of a field for local times; the text is UTC, or milliseconds since 1970 behind an @. Empty where it is no time. */
export function localTime(text: string | null): string {
  const at = text === null ? Number.NaN : text.startsWith('@') ? Number(text.slice(1)) : Date.parse(text)
  if (!(Math.abs(at) <= 8.64e15)) return ''
  return new Date(at - new Date(at).getTimezoneOffset() * 60_000).toISOString().slice(0, 19)
}

/** What the address holds of such a field: UTC; null where it is no time. */
export function utcTime(local: string): string | null {
  const at = Date.parse(local)
  return Number.isNaN(at) ? null : new Date(at).toISOString()
}
