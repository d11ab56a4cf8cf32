// The fields of a date and a time of day as Joda-Time's ISOChronology has them: what values each takes, and what setting
// one does to the others. The calendar is the Gregorian one for all time, and there is a year 0.

/** A local time; kept in two parts because years reach further than numbers count milliseconds. */
export interface LocalTime {
  /** Days since 1970-01-01. */
  readonly day: number
  /** Milliseconds of the day. */
  readonly ms: number
}

/** Setting a field to a value that it does not take. */
export class OutOfField extends Error {}

export interface Field {
  /** How long what it counts is, and what it counts within, ms; Infinity where there is no such thing. */
  readonly unit: number
  readonly range: number
  /** Throws OutOfField. */
  set(at: LocalTime, value: number): LocalTime
  /** The begin of what it counts. */
  floor(at: LocalTime): LocalTime
}

const second = 1000
const minute = 60 * second
const hour = 60 * minute
export const dayMs = 24 * hour
const week = 7 * dayMs
/** On average. */
const year = 31_556_952_000
export const monthMs = year / 12

const [leastYear, mostYear] = [-292_275_054, 292_278_993]
/** Java's smallest long, which is where the time before the year 1 begins. */
const beginOfTime: LocalTime = { day: -106_751_991_168, ms: 60_424_192 }

function require(value: number, least: number, most: number): void {
  if (value < least || value > most) throw new OutOfField(`${value} is not from ${least} to ${most}`)
}

// --------------------------------------------------------------------------------- days and years

const isLeap = (of: number) => of % 4 === 0 && (of % 100 !== 0 || of % 400 === 0)
const daysOfYear = (of: number) => (isLeap(of) ? 366 : 365)

/** The day on which the year begins. */
function yearStart(of: number): number {
  const before = of - 1
  return (
    365 * (of - 1970) + Math.floor(before / 4) - Math.floor(before / 100) + Math.floor(before / 400) - 477
  )
}

export function yearOf(day: number): number {
  let found = Math.floor(day / 365.2425) + 1970
  while (yearStart(found) > day) found--
  while (yearStart(found + 1) <= day) found++
  return found
}

const starts = [0, 31, 59, 90, 120, 151, 181, 212, 243, 273, 304, 334, 365]

/** Days of the year before the month, 1 to 13. */
const monthStart = (of: number, month: number) => starts[month - 1]! + (month > 2 && isLeap(of) ? 1 : 0)

function monthOf(day: number): { year: number; month: number; dayOfMonth: number; days: number } {
  const of = yearOf(day)
  const dayOfYear = day - yearStart(of)
  let month = 1
  while (monthStart(of, month + 1) <= dayOfYear) month++
  const start = monthStart(of, month)
  return { year: of, month, dayOfMonth: dayOfYear - start + 1, days: monthStart(of, month + 1) - start }
}

function setYear(at: LocalTime, to: number): LocalTime {
  const from = yearOf(at.day)
  let dayOfYear = at.day - yearStart(from)
  // The days from March on keep their dates.
  if (dayOfYear > 58) dayOfYear += (isLeap(to) ? 1 : 0) - (isLeap(from) ? 1 : 0)
  return { day: yearStart(to) + dayOfYear, ms: at.ms }
}

/** 1 is Monday. */
const dayOfWeek = (day: number) => ((((day + 3) % 7) + 7) % 7) + 1
const monday = (day: number) => day - dayOfWeek(day) + 1
/** A week belongs to the year that has its Thursday. */
export const weekyearOf = (day: number) => yearOf(monday(day) + 3)
const weekyearStart = (of: number) => monday(yearStart(of) + 3)
const weekOf = (day: number) => (monday(day) - weekyearStart(weekyearOf(day))) / 7 + 1
const weeksOf = (of: number) => (weekyearStart(of + 1) - weekyearStart(of)) / 7

const startOfDay = ({ day }: LocalTime): LocalTime => ({ day, ms: 0 })
const startOfYear = ({ day }: LocalTime): LocalTime => ({ day: yearStart(yearOf(day)), ms: 0 })

// ------------------------------------------------------------------------------------------ fields

/** A number within the day, from 0 on. */
const clock = (unit: number, range: number): Field => ({
  unit,
  range,
  set({ day, ms }, value) {
    require(value, 0, range / unit - 1)
    return { day, ms: ms - (ms % range) + value * unit + (ms % unit) }
  },
  floor: ({ day, ms }) => ({ day, ms: ms - (ms % unit) }),
})

/** The same, in which the highest number stands for 0. */
function clockFromOne(unit: number, range: number): Field {
  const field = clock(unit, range)
  return {
    ...field,
    set(at, value) {
      require(value, 1, range / unit)
      return field.set(at, value % (range / unit))
    },
  }
}

const yearField = (
  [least, most]: readonly [number, number],
  toYear: (value: number, at: LocalTime) => number,
): Field => ({
  unit: year,
  range: Infinity,
  set(at, value) {
    require(value, least, most)
    return setYear(at, toYear(value, at))
  },
  floor: startOfYear,
})

const setCentury = (at: LocalTime, century: number, yearWithin: number): LocalTime => {
  const value = century * 100 + yearWithin
  require(value, 0, mostYear)
  return setYear(at, yearOf(at.day) < 0 ? 0 - value : value)
}

export const fields = {
  era: {
    unit: Infinity,
    range: Infinity,
    set(at, value) {
      const of = yearOf(at.day)
      return value === (of > 0 ? 1 : 0) ? at : setYear(at, 0 - of)
    },
    floor: at => (yearOf(at.day) > 0 ? { day: yearStart(1), ms: 0 } : beginOfTime),
  },
  century: {
    unit: 100 * year,
    range: Infinity,
    set: (at, value) => setCentury(at, value, Math.abs(yearOf(at.day)) % 100),
    floor: at => startOfYear(setCentury(at, Math.floor(Math.abs(yearOf(at.day)) / 100), 0)),
  },
  // Read from a text, it may be one more at either end.
  year: yearField([leastYear - 1, mostYear + 1], value => value),
  yearOfEra: yearField([1, mostYear], (value, at) => (yearOf(at.day) > 0 ? value : 1 - value)),
  weekyear: {
    unit: year,
    range: Infinity,
    set({ day, ms }, value) {
      require(Math.abs(value), 0, mostYear)
      const weeks = Math.min(weekOf(day), weeksOf(value))
      return { day: weekyearStart(value) + (weeks - 1) * 7 + dayOfWeek(day) - 1, ms }
    },
    floor: ({ day }) => ({ day: weekyearStart(weekyearOf(day)), ms: 0 }),
  },
  month: {
    unit: monthMs,
    range: year,
    set({ day, ms }, value) {
      require(value, 1, 12)
      const { year: of, dayOfMonth } = monthOf(day)
      const start = monthStart(of, value)
      const days = monthStart(of, value + 1) - start
      return { day: yearStart(of) + start + Math.min(dayOfMonth, days) - 1, ms }
    },
    floor: ({ day }) => ({ day: day - monthOf(day).dayOfMonth + 1, ms: 0 }),
  },
  dayOfYear: {
    unit: dayMs,
    range: year,
    set({ day, ms }, value) {
      const of = yearOf(day)
      require(value, 1, daysOfYear(of))
      return { day: yearStart(of) + value - 1, ms }
    },
    floor: startOfDay,
  },
  weekOfWeekyear: {
    unit: week,
    range: year,
    set({ day, ms }, value) {
      require(value, 1, weeksOf(weekyearOf(day)))
      return { day: day + (value - weekOf(day)) * 7, ms }
    },
    floor: ({ day }) => ({ day: monday(day), ms: 0 }),
  },
  dayOfMonth: {
    unit: dayMs,
    range: monthMs,
    set({ day, ms }, value) {
      const { dayOfMonth, days } = monthOf(day)
      require(value, 1, days)
      return { day: day + value - dayOfMonth, ms }
    },
    floor: startOfDay,
  },
  dayOfWeek: {
    unit: dayMs,
    range: week,
    set({ day, ms }, value) {
      require(value, 1, 7)
      return { day: day + value - dayOfWeek(day), ms }
    },
    floor: startOfDay,
  },
  halfday: clock(12 * hour, dayMs),
  hour: clock(hour, dayMs),
  clockhour: clockFromOne(hour, dayMs),
  hourOfHalfday: clock(hour, 12 * hour),
  clockhourOfHalfday: clockFromOne(hour, 12 * hour),
  minute: clock(minute, hour),
  second: clock(second, minute),
  fraction: clock(1, second),
} as const satisfies Record<string, Field>
