// The elements of a JSON array, cut out of its bytes (UTF-8) one after the other without being looked at: whoever parses them
// need not parse, and hold, all of them at once.

/** What is no array, as far as the cutter sees that: the message says where. */
export class NoArray extends Error {
  override name = 'NoArray'
}

export interface Element {
  readonly text: Buffer
  /** Colons outside of strings: names and values that it has, at most. */
  readonly names: number
}

/** So many bytes are passed in one turn of the event loop: a few ms. */
const turnBytes = 1_048_576

const char = (text: string): number => text.charCodeAt(0)
const [quote, backslash, comma, colon] = [char('"'), char('\\'), char(','), char(':')]
const [openArray, closeArray, openObject, closeObject] = [char('['), char(']'), char('{'), char('}')]
const isSpace = (byte: number): boolean => byte === 32 || byte === 10 || byte === 13 || byte === 9

/** Gives `null` where it is time for another turn. Throws NoArray. */
export function* elementsOf(bytes: Buffer): Generator<Element | null> {
  let at = skipSpace(bytes, 0)
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
    if (byte === quote) at = stringEnd(bytes, at)
    else if (byte === openObject || byte === openArray) depth++
    else if (byte === colon) names++
    else if (byte === closeObject || (byte === closeArray && depth > 0)) depth--
    else if (depth === 0 && (byte === comma || byte === closeArray)) {
      const text = bytes.subarray(begin, at)
      const isEnd = byte === closeArray
      if (!(isEnd && isFirst && skipSpace(text, 0) === text.length)) yield { text, names }
      if (isEnd) break
      isFirst = false
      begin = at + 1
      names = 0
    }
    if (depth < 0) throw new NoArray(`Byte ${at} closes what is not open.`)
  }
  if (skipSpace(bytes, at + 1) !== bytes.length)
    throw new NoArray(`There is something behind its end, at byte ${at + 1}.`)
}

function skipSpace(bytes: Buffer, from: number): number {
  let at = from
  while (at < bytes.length && isSpace(bytes[at]!)) at++
  return at
}

/** Where the string that begins at `start` has its last quote. */
function stringEnd(bytes: Buffer, start: number): number {
  for (let at = start + 1; ;) {
    const end = bytes.indexOf(quote, at)
    if (end === -1) throw new NoArray('A string has no end.')
    let slashes = 0
    while (bytes[end - 1 - slashes] === backslash) slashes++
    if (slashes % 2 === 0) return end
    at = end + 1
  }
}
