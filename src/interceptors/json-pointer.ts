// Values inside of a JSON text by JSON Pointer (RFC 6901): `/user/id`, `/items/0`, `/a~1b` for the key a/b. JSON.parse
// rounds numbers to doubles, so numbers, arrays and objects are taken from the text itself, as they are written. Of
// equal keys the last counts, here and there.

/** The steps of a pointer, or what is wrong with it; the empty pointer is the whole text. */
export function parsePointer(pointer: string): { steps: readonly string[] } | { problem: string } {
  if (pointer !== '' && !pointer.startsWith('/')) return { problem: `"${pointer}" is no JSON Pointer` }
  if (/~(?![01])/.test(pointer)) return { problem: `"${pointer}" has a ~ that is neither ~0 nor ~1` }
  const steps = pointer.split('/').slice(1)
  return { steps: steps.map(step => step.replaceAll('~1', '/').replaceAll('~0', '~')) }
}

/** The text of what is there in what JSON.parse has made of `text`; undefined where it is missing or null. */
export function textAt(text: string, parsed: unknown, steps: readonly string[]): string | undefined {
  let value = parsed
  for (const step of steps) {
    const isThere =
      typeof value === 'object' &&
      value !== null &&
      Object.hasOwn(value, step) &&
      (!Array.isArray(value) || /^(?:0|[1-9]\d*)$/.test(step))
    if (!isThere) return undefined
    value = (value as Record<string, unknown>)[step]
  }
  if (value === null) return undefined
  if (typeof value === 'string') return value
  return typeof value === 'boolean' ? String(value) : sliceAt(text, steps)
}

/** The value as it is written, which must be there. */
function sliceAt(text: string, steps: readonly string[]): string {
  let at = behindBlanks(text, 0)
  for (const step of steps) at = text[at] === '[' ? itemAt(text, at, Number(step)) : memberAt(text, at, step)
  return text.slice(at, valueEnd(text, at))
}

function itemAt(text: string, start: number, index: number): number {
  let at = behindBlanks(text, start + 1)
  for (let before = 0; before < index; before++) at = behindComma(text, valueEnd(text, at))
  return at
}

function memberAt(text: string, start: number, key: string): number {
  let found = -1
  for (let at = behindBlanks(text, start + 1); text[at] === '"';) {
    const keyEnd = stringEnd(text, at)
    const isIt = JSON.parse(text.slice(at, keyEnd)) === key
    at = behindBlanks(text, behindBlanks(text, keyEnd) + 1)
    if (isIt) found = at
    at = behindComma(text, valueEnd(text, at))
  }
  return found
}

function behindBlanks(text: string, start: number): number {
  let at = start
  while (text.charCodeAt(at) <= 32) at++
  return at
}

function behindComma(text: string, start: number): number {
  const at = behindBlanks(text, start)
  return text[at] === ',' ? behindBlanks(text, at + 1) : at
}

/** Behind the closing quote of the string that begins at `start`. */
function stringEnd(text: string, start: number): number {
  for (let at = start + 1; ;) {
    const quote = text.indexOf('"', at)
    let before = quote
    while (text[before - 1] === '\\') before--
    at = quote + 1
    if ((quote - before) % 2 === 0) return at
  }
}

function valueEnd(text: string, start: number): number {
  if (text[start] === '"') return stringEnd(text, start)
  let depth = 0
  for (let at = start; at < text.length;) {
    const char = text[at]
    if (char === '"') at = stringEnd(text, at)
    else {
      if (depth === 0 && at > start && (char === ',' || char === '}' || char === ']' || char! <= ' '))
        return at
      if (char === '{' || char === '[') depth++
      else if ((char === '}' || char === ']') && --depth === 0) return at + 1
      at++
    }
  }
  return text.length
}
