// The time zone of the process, by Java's names.

/** Places whose offset is the whole of it: zones of Java that are no whole hours and have no other name here. */
const places: Readonly<Record<number, string>> = {
  [-570]: 'Pacific/Marquesas',
  270: 'Asia/Kabul',
  330: 'Asia/Kolkata',
  345: 'Asia/Kathmandu',
  390: 'Asia/Yangon',
  570: 'Australia/Darwin',
}

/**
 * Every time without a zone is in this one from now on, as with Java's -Duser.timezone: a name such as Asia/Shanghai, one
 * of Java's old names (CTT), or GMT+8, which is ahead of Greenwich. What is no zone is GMT, as in Java; then, and only
 * then, gives back what is wrong with it. Empty: the zone stays as it is.
 */
export function useTimeZone(id: string): string | null {
  if (id.trim() === '') return null
  const zone = zoneNamed(id.trim())
  process.env['TZ'] = zone ?? 'UTC'
  return zone === null ? `${id} is not a time zone; GMT is used` : null
}

function zoneNamed(id: string): string | null {
  const [, sign, hours, minutes = '0'] = /^GMT([+-])(\d{1,2})(?::?([0-5]\d))?$/.exec(id) ?? []
  if (hours !== undefined) {
    const offset = (sign === '-' ? -1 : 1) * (Number(hours) * 60 + Number(minutes))
    if (offset % 60 !== 0) return places[offset] ?? null
    // Signs are the other way round there; 0 has none.
    return offset === 0 ? 'UTC' : known(`Etc/GMT${offset > 0 ? '-' : '+'}${Math.abs(offset) / 60}`)
  }
  return /^[+-]/.test(id) ? null : known(id)
}

/** Under the name by which the system knows it too: of three letters alone it would make what it likes. */
function known(id: string): string | null {
  try {
    return new Intl.DateTimeFormat('en', { timeZone: id }).resolvedOptions().timeZone
  } catch {
    return null
  }
}
