// Character classes of Java's regular expressions, [a-z&&[^aeiou]], \d, \p{Alpha}, as classes of
// JavaScript's v mode. Source of the meanings: the documentation of java.util.regex.Pattern (Java 17);
// measured against it by the test.

/** Says why an expression cannot be read. */
export class RegexProblem extends Error {}

/** The modes that (?idmsuxU) switch. */
export interface RegexModes {
  ignoreCase: boolean
  unixLines: boolean
  multiline: boolean
  dotAll: boolean
  unicodeCase: boolean
  comments: boolean
  unicodeClasses: boolean
}

/** Brackets of all kinds in one another. */
const mostNested = 200

/** The text of an expression, one code point at a time. */
export class RegexText {
  readonly #text: string
  readonly #points: readonly string[]
  /** Where each of them begins in the text. */
  readonly #begins: Uint32Array
  #depth = 0
  at = 0

  constructor(text: string) {
    this.#text = text
    this.#points = [...text]
    this.#begins = new Uint32Array(this.#points.length + 1)
    for (const [index, { length }] of this.#points.entries())
      this.#begins[index + 1] = this.#begins[index]! + length
  }

  /** Reads what is in brackets of any kind, which may hold others. */
  inside<T>(read: () => T): T {
    if (this.#depth === mostNested)
      throw new RegexProblem(`more than ${mostNested} brackets lie in one another`)
    this.#depth++
    const found = read()
    this.#depth--
    return found
  }

  /** The next character; '' at the end. Blanks and #-comments are passed over in comments mode. */
  peek(modes: RegexModes): string {
    while (modes.comments && this.at < this.#points.length) {
      const char = this.#points[this.at]!
      if (/[ \t\n\v\f\r]/.test(char)) this.at++
      else if (char === '#')
        while (this.at < this.#points.length && !/[\n\r\u0085\u2028\u2029]/.test(this.#points[this.at]!))
          this.at++
      else break
    }
    return this.#points[this.at] ?? ''
  }

  /** The characters from here on, as they are written. */
  raw(count: number): string {
    return this.#points.slice(this.at, this.at + count).join('')
  }

  /** Takes what `pattern` (which begins with ^) finds here; undefined, and nothing taken, where it finds nothing. */
  take(pattern: RegExp): string | undefined {
    const found = pattern.exec(this.#text.slice(this.#begins[this.at]))
    if (found === null) return undefined
    this.at += [...found[0]].length
    return found[0]
  }
}

/** What a backslash and what follows it mean. */
export type Escape =
  | { readonly is: 'char'; readonly point: number }
  /** A class, in brackets. */
  | { readonly is: 'class'; readonly source: string }
  /** Anything else; read by the caller. */
  | { readonly is: 'other'; readonly letter: string }

const controls: Readonly<Record<string, number>> = { t: 9, n: 10, r: 13, f: 12, a: 7, e: 27 }

const plain: Readonly<Record<string, string>> = {
  d: '0-9',
  w: 'a-zA-Z0-9_',
  s: ' \\t\\n\\v\\f\\r',
  h: ' \\t\\u{a0}\\u{1680}\\u{180e}\\u{2000}-\\u{200a}\\u{202f}\\u{205f}\\u{3000}',
  v: '\\n\\v\\f\\r\\u{85}\\u{2028}\\u{2029}',
}
const unicode: Readonly<Record<string, string>> = {
  d: '\\p{Nd}',
  w: '\\p{Alphabetic}\\p{M}\\p{Nd}\\p{Pc}\\u{200c}\\u{200d}',
  s: '\\p{White_Space}',
}

/** The part of \b's word characters: letters and digits of every script. */
export const wordClass = '[\\p{L}\\p{Nd}_]'

/** Reads what follows a backslash, which has been taken. */
export function readEscape(text: RegexText, modes: RegexModes): Escape {
  const letter = text.raw(1)
  if (letter === '') throw new RegexProblem('a backslash stands at the end')
  text.at++
  const char = (point: number): Escape => ({ is: 'char', point })
  if (letter in controls) return char(controls[letter]!)
  const lower = letter.toLowerCase()
  if (lower in plain) {
    const content = (modes.unicodeClasses ? unicode[lower] : undefined) ?? plain[lower]!
    return { is: 'class', source: `[${letter === lower ? '' : '^'}${content}]` }
  }
  switch (letter) {
    case 'p':
    case 'P':
      return { is: 'class', source: readProperty(text, letter === 'P', modes) }
    case '0': {
      const digits = text.take(/^(?:[0-3][0-7]{0,2}|[0-7]{1,2})/)
      if (digits === undefined) throw new RegexProblem('octal digits must follow \\0')
      return char(Number.parseInt(digits, 8))
    }
    case 'x': {
      const digits = text.take(/^(?:[0-9a-fA-F]{2}|\{[0-9a-fA-F]+\})/)?.replaceAll(/[{}]/g, '')
      const point = Number.parseInt(digits ?? '', 16)
      if (!(point <= 0x10_ff_ff)) throw new RegexProblem('\\x must be followed by hexadecimal digits')
      return char(point)
    }
    case 'u': {
      const high = readUnit(text)
      // Two escapes that are the halves of one character mean that character.
      const start = text.at
      if (high >= 0xd8_00 && high < 0xdc_00 && text.take(/^\\u/) !== undefined) {
        const low = readUnit(text)
        if (low >= 0xdc_00 && low < 0xe0_00)
          return char(((high - 0xd8_00) << 10) + (low - 0xdc_00) + 0x1_00_00)
        text.at = start
      }
      return char(high)
    }
    case 'c': {
      const next = text.raw(1)
      if (next === '') throw new RegexProblem('a character must follow \\c')
      text.at++
      return char(next.codePointAt(0)! ^ 64)
    }
    default:
      return /[A-Za-z1-9]/.test(letter) ? { is: 'other', letter } : char(letter.codePointAt(0)!)
  }
}

function readUnit(text: RegexText): number {
  const digits = text.take(/^[0-9a-fA-F]{4}/)
  if (digits === undefined) throw new RegexProblem('four hexadecimal digits must follow \\u')
  return Number.parseInt(digits, 16)
}

const posix: Readonly<Record<string, string>> = {
  Lower: 'a-z',
  Upper: 'A-Z',
  ASCII: '\\0-\\x7f',
  Alpha: 'a-zA-Z',
  Digit: '0-9',
  Alnum: 'a-zA-Z0-9',
  Punct: '\\x21-\\x2f\\x3a-\\x40\\x5b-\\x60\\x7b-\\x7e',
  Graph: '\\x21-\\x7e',
  Print: '\\x20-\\x7e',
  Blank: ' \\t',
  Cntrl: '\\0-\\x1f\\x7f',
  XDigit: '0-9a-fA-F',
  Space: ' \\t\\n\\v\\f\\r',
}
const unicodePosix: Readonly<Record<string, string>> = {
  Lower: '\\p{Lowercase}',
  Upper: '\\p{Uppercase}',
  Alpha: '\\p{Alphabetic}',
  Digit: '\\p{Nd}',
  Alnum: '\\p{Alphabetic}\\p{Nd}',
  Punct: '\\p{P}',
  Space: '\\p{White_Space}',
}
const javaMethods: Readonly<Record<string, string>> = {
  javaLowerCase: '\\p{Lowercase}',
  javaUpperCase: '\\p{Uppercase}',
  javaTitleCase: '\\p{Lt}',
  javaAlphabetic: '\\p{Alphabetic}',
  javaIdeographic: '\\p{Ideographic}',
  javaDigit: '\\p{Nd}',
  javaLetter: '\\p{L}',
  javaLetterOrDigit: '\\p{L}\\p{Nd}',
  javaISOControl: '\\0-\\x1f\\x7f-\\x9f',
  javaSpaceChar: '\\p{Z}',
  javaWhitespace:
    '\\t-\\r\\x1c-\\x20\\u{1680}\\u{2000}-\\u{2006}\\u{2008}-\\u{200a}\\u{2028}\\u{2029}\\u{205f}\\u{3000}',
  L1: '\\0-\\xff',
  all: '\\p{Any}',
  LC: '\\p{LC}',
  LD: '\\p{L}\\p{Nd}',
}
/** Names behind `Is`, in lower case. */
const binary: Readonly<Record<string, string>> = {
  alphabetic: '\\p{Alphabetic}',
  ideographic: '\\p{Ideographic}',
  letter: '\\p{L}',
  lowercase: '\\p{Lowercase}',
  uppercase: '\\p{Uppercase}',
  titlecase: '\\p{Lt}',
  punctuation: '\\p{P}',
  control: '\\p{Cc}',
  white_space: '\\p{White_Space}',
  whitespace: '\\p{White_Space}',
  digit: '\\p{Nd}',
  hex_digit: '\\p{Hex_Digit}',
  hexdigit: '\\p{Hex_Digit}',
  join_control: '\\p{Join_Control}',
  joincontrol: '\\p{Join_Control}',
  noncharacter_code_point: '\\p{Noncharacter_Code_Point}',
  noncharactercodepoint: '\\p{Noncharacter_Code_Point}',
  assigned: '\\p{Assigned}',
}

/** \p{…}; the p has been taken. */
function readProperty(text: RegexText, negated: boolean, modes: RegexModes): string {
  const written = text.take(/^(?:\{[^{}]*\}|[^{])/)
  if (written === undefined) throw new RegexProblem('a property in braces must follow \\p')
  const name = written.replaceAll(/[{}]/g, '')
  const content = propertyContent(name, modes)
  if (content === undefined)
    throw new RegexProblem(
      `the property \\p{${name}} is not known here; name a category (L, Lu), a script (IsLatin) or one of ${Object.keys(posix).join(', ')}`,
    )
  return `[${negated ? '^' : ''}${content}]`
}

function propertyContent(name: string, modes: RegexModes): string | undefined {
  // Cases are one where case does not count.
  if (modes.ignoreCase && /^(Lower|Upper)$/.test(name) && !modes.unicodeClasses) return 'a-zA-Z'
  if (modes.ignoreCase && /^(Is)?(L[ult]|lowercase|uppercase|titlecase)$/i.test(name)) return '\\p{LC}'
  const tables = [...(modes.unicodeClasses ? [unicodePosix] : []), posix, javaMethods]
  const known = tables.find(table => Object.hasOwn(table, name))?.[name]
  if (known !== undefined) return known
  const [, kind, value] = /^(\w+)=(.+)$/.exec(name) ?? []
  switch (kind?.toLowerCase()) {
    case undefined:
      break
    case 'sc':
    case 'script':
      return scriptContent(value!)
    case 'gc':
    case 'general_category':
      return categoryContent(value!)
    default:
      return undefined
  }
  const bare = /^Is(.+)$/.exec(name)?.[1]
  if (bare === undefined) return categoryContent(name)
  const own = bare.toLowerCase()
  return Object.hasOwn(binary, own) ? binary[own] : (categoryContent(bare) ?? scriptContent(bare))
}

function categoryContent(name: string): string | undefined {
  return /^[CLMNPSZ][a-z]?$/.test(name) && isProperty(`gc=${name}`) ? `\\p{gc=${name}}` : undefined
}

/** Java takes a script's name in any case; JavaScript in one. */
function scriptContent(name: string): string | undefined {
  const script = name.toLowerCase().replaceAll(/(^|_)[a-z]/g, letter => letter.toUpperCase())
  return isProperty(`sc=${script}`) ? `\\p{sc=${script}}` : undefined
}

function isProperty(text: string): boolean {
  try {
    return new RegExp(`\\p{${text}}`, 'v') instanceof RegExp
  } catch {
    return false
  }
}

/** The code point as text of an expression, inside a class or outside. */
export function literal(point: number): string {
  const char = String.fromCodePoint(point)
  return /[A-Za-z0-9_ ]/.test(char) ? char : `\\u{${point.toString(16)}}`
}

/** The code points that count as `point`: other cases of it where case does not count. */
export function casesOf(point: number, { ignoreCase, unicodeCase }: RegexModes): number[] {
  if (!ignoreCase || (point > 0x7f && !unicodeCase)) return [point]
  const char = String.fromCodePoint(point)
  const others = [char.toLowerCase(), char.toUpperCase()]
    .filter(text => [...text].length === 1)
    .map(text => text.codePointAt(0)!)
  return [...new Set([point, ...others])]
}

/** [...]: reads from behind the opening bracket to behind the closing one; gives it with its brackets. */
export function readClass(text: RegexText, modes: RegexModes): string {
  const negated = text.peek(modes) === '^'
  if (negated) text.at++
  /** Operands of &&, each the text of one union. */
  const operands: string[] = []
  let union = ''
  const closeUnion = () => {
    if (union === '') throw new RegexProblem('a side of && is empty')
    operands.push(`[${union}]`)
    union = ''
  }
  for (;;) {
    const char = text.peek(modes)
    if (char === '') throw new RegexProblem('a [ is never closed')
    if (char === ']' && (union !== '' || operands.length > 0)) break
    if (char === '[') {
      text.at++
      union += text.inside(() => readClass(text, modes))
    } else if (char === '&' && text.raw(2) === '&&') {
      text.at += 2
      closeUnion()
    } else union += readRange(text, modes)
  }
  text.at++
  if (operands.length === 0) return `[${negated ? '^' : ''}${union}]`
  closeUnion()
  return `[${negated ? '^' : ''}${operands.join('&&')}]`
}

/** One character, a range or a named class. */
function readRange(text: RegexText, modes: RegexModes): string {
  const first = readMember(text, modes)
  if (typeof first === 'string') return first
  const start = text.at
  if (text.peek(modes) === '-') {
    text.at++
    const next = text.peek(modes)
    if (next === '') throw new RegexProblem('a [ is never closed')
    if (next !== ']' && next !== '[') {
      const last = readMember(text, modes)
      if (typeof last === 'string' || last < first)
        throw new RegexProblem('the range in [ ] ends before it begins')
      return rangeOf(first, last, modes)
    }
    text.at = start
  }
  return casesOf(first, modes).map(literal).join('')
}

function readMember(text: RegexText, modes: RegexModes): number | string {
  const char = text.peek(modes)
  text.at++
  if (char !== '\\') return char.codePointAt(0)!
  const escape = readEscape(text, modes)
  if (escape.is === 'char') return escape.point
  if (escape.is === 'class') return escape.source
  throw new RegexProblem(`\\${escape.letter} has no meaning inside [ ]`)
}

/** Beyond ASCII, where characters have cases; all others lie between these blocks. */
export const casedBlocks = [
  [0x80, 0x2dff],
  [0xa640, 0xabff],
  [0xfb00, 0xffff],
  [0x10400, 0x119ff],
  [0x16e00, 0x16eff],
  [0x1e900, 0x1e9ff],
] as const

let pairs: (readonly [point: number, other: number])[] | null = null
/** Characters beyond ASCII, each with another case of it. */
function otherCases(): readonly (readonly [point: number, other: number])[] {
  if (pairs !== null) return pairs
  pairs = []
  const modes = { ignoreCase: true, unicodeCase: true } as RegexModes
  for (const [from, to] of casedBlocks)
    for (let point: number = from; point <= to; point++)
      for (const other of casesOf(point, modes)) if (other !== point) pairs.push([point, other])
  return pairs
}

const letterRanges = [
  [0x41, 0x5a, 32],
  [0x61, 0x7a, -32],
] as const

function rangeOf(first: number, last: number, modes: RegexModes): string {
  let out = `${literal(first)}-${literal(last)}`
  if (!modes.ignoreCase) return out
  for (const [from, to, shift] of letterRanges) {
    const low = Math.max(first, from)
    const high = Math.min(last, to)
    if (low <= high) out += `${literal(low + shift)}-${literal(high + shift)}`
  }
  if (modes.unicodeCase)
    for (const [point, other] of otherCases())
      if (point >= first && point <= last && (other < first || other > last)) out += literal(other)
  return out
}
