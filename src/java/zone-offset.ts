// How far a time zone is ahead of UTC, by the time zone rules of Node (ICU).

/** Gregorian years repeat after 400 of them, and so do the days on which clocks change. */
const cycleMs = 146_097 * 86_400_000
/** No zone has a rule from before 1811, and none has one that is not for ever from 2096 on. */
const firstMs = -5_000_000_000_000
const lastMs = 4_000_000_000_000

/**
 * Gives milliseconds east of UTC at a time (ms since 1970, however far away); in the time zone of the process where none
 * is named. Throws RangeError where there is no such zone.
 */
export function zoneOffset(timeZone?: string): (ms: number) => number {
  const localAt = timeZone === undefined ? processLocal : localIn(timeZone)
  return ms => {
    const beyond = Math.floor((ms - lastMs) / cycleMs)
    const near = Math.floor(Math.max(firstMs, beyond > 0 ? ms - beyond * cycleMs : ms) / 1000) * 1000
    return localAt(near) - near
  }
}

/** The local time as if it were one of UTC. */
function processLocal(ms: number): number {
  const at = new Date(ms)
  return Date.UTC(
    at.getFullYear(),
    at.getMonth(),
    at.getDate(),
    at.getHours(),
    at.getMinutes(),
    at.getSeconds(),
  )
}

function localIn(timeZone: string): (ms: number) => number {
  const format = new Intl.DateTimeFormat('en-US', {
    timeZone,
    hourCycle: 'h23',
    year: 'numeric',
    month: 'numeric',
    day: 'numeric',
    hour: 'numeric',
    minute: 'numeric',
    second: 'numeric',
  })
  return ms => {
    const parts = Object.fromEntries(format.formatToParts(ms).map(part => [part.type, Number(part.value)]))
    return Date.UTC(
      parts['year']!,
      parts['month']! - 1,
      parts['day'],
      parts['hour'],
      parts['minute'],
      parts['second'],
    )
  }
}
