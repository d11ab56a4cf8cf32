// The elements of a JSON array, cut out of its bytes (UTF-8) one after the other without being looked at: whoever parses them
// need not parse, and hold, all of them at once.

/** What is no array, as far as the cutter sees that: the message says where. */
export class NoArray extends Error {
  override name = 'NoArray'
}

/** There is nothing, or blanks alone. */
export class NoText extends NoArray {
  override name = 'NoText'
}

export interface Element {
  readonly text: Buffer
  /** Colons outside of strings: names and values that it has, at most. */
  readonly names: number
}

/** So many bytes are passed in one turn of the event loop: a few ms. */
const turnBytes = 1_048_576
/** So many quotes behind backslashes are passed in one turn. */
const turnQuotes = 100_000

const char = (text: string): number => text.charCodeAt(0)
const [quote, backslash, comma, colon] = [char('"'), char('\\'), char(','), char(':')]
const [openArray, closeArray, openObject, closeObject] = [char('['), char(']'), char('{'), char('}')]
const isSpace = (byte: number): boolean => byte === 32 || byte === 10 || byte === 13 || byte === 9

/** Gives `null` where it is time for another turn. Throws NoArray. */
export function* elementsOf(bytes: Buffer): Generator<Element | null> {
  let at = yield* afterSpace(bytes, 0, bytes.length)
  if (at === bytes.length) throw new NoText('There is no text.')
  if (bytes[at] !== openArray) throw new NoArray('An array is expected.')
  let begin = ++at
  let depth = 0
  let names = 0
  let isFirst = true
  let turnEnd = at + turnBytes
  for (; ; at++) {
    if (at >= turnEnd) {
      turnEnd = at + turnBytes
      yield null
    }
    const byte = bytes[at]
    if (byte === undefined) throw new NoArray('The array has no end.')
    if (byte === quote) at = yield* stringEnd(bytes, at)
    else if (byte === openObject || byte === openArray) depth++
    else if (byte === colon) names++
    else if (byte === closeObject || (byte === closeArray && depth > 0)) depth--
    else if (depth === 0 && (byte === comma || byte === closeArray)) {
      const text = bytes.subarray(begin, at)
      const isEnd = byte === closeArray
      if (!(isEnd && isFirst && (yield* afterSpace(bytes, begin, at)) === at)) yield { text, names }
      if (isEnd) break
      isFirst = false
      begin = at + 1
      names = 0
    }
    if (depth < 0) throw new NoArray(`Byte ${at} closes what is not open.`)
  }
  if ((yield* afterSpace(bytes, at + 1, bytes.length)) !== bytes.length)
    throw new NoArray(`There is something behind its end, at byte ${at + 1}.`)
}

/** The first byte from `from` on, and before `to`, that is no blank; `to` where there is none. */
function* afterSpace(bytes: Buffer, from: number, to: number): Generator<null, number> {
  let at = from
  while (at < to && isSpace(bytes[at]!)) if (++at % turnBytes === 0) yield null
  return at
}

/** Where the string that begins at `start` has its last quote. */
function* stringEnd(bytes: Buffer, start: number): Generator<null, number> {
  let at = start + 1
  for (let quotes = 1; ; quotes++) {
    if (quotes % turnQuotes === 0) yield null
    const end = bytes.indexOf(quote, at)
    if (end === -1) throw new NoArray('A string has no end.')
    let slashes = 0
    while (bytes[end - 1 - slashes] === backslash) slashes++
    if (slashes % 2 === 0) return end
    at = end + 1
  }
}
