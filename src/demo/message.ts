// One event of a demonstration: a readable line with the run it belongs to and its number.
//
//   millrace run 4f2a9c event 17 sent 2026-11-23T10:45:01.123Z

const prefix = 'millrace run '

export const lineOf = (run: string, number: number, sentAt: number): string =>
  `${prefix}${run} event ${number} sent ${new Date(sentAt).toISOString()}`

/** The number of the run's event; null for whatever else stands in the topic. */
export function numberOf(run: string, line: string): number | null {
  const begin = `${prefix}${run} event `
  if (!line.startsWith(begin)) return null
  const end = line.indexOf(' ', begin.length)
  const digits = line.slice(begin.length, end < 0 ? undefined : end)
  return /^[1-9]\d{0,14}$/.test(digits) ? Number(digits) : null
}
