// Text from outside (headers, bodies, peers, files) for a log line or a message: what would move a terminal's
// cursor, begin a line of its own or turn letters around is written as an escape.

/** C0 and C1 controls, DEL, the line and paragraph separators, marks of direction. */
const controls = /[\p{Cc}\u2028\u2029\u202A-\u202E\u2066-\u2069]/gu
const short: Readonly<Record<string, string>> = { '\n': '\\n', '\r': '\\r', '\t': '\\t' }

/** One line, which a terminal shows as it is. */
export function printable(text: string): string {
  return text.replaceAll(
    controls,
    one => short[one] ?? `\\u${one.charCodeAt(0).toString(16).toUpperCase().padStart(4, '0')}`,
  )
}

/** `1 event`, `2 events`. */
export const countOf = (count: number, word: string): string => `${count} ${word}${count === 1 ? '' : 's'}`

/** What stands where a secret would. */
export const hidden = '[hidden]'

/** Without the user and password that stand before a host: http://user:password@host. */
export const withoutCredentials = (text: string): string => text.replaceAll(/\/\/[^/@\s]*@/g, `//${hidden}@`)
