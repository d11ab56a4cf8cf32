// Java regular expressions as JavaScript ones: translates the source text so that it keeps Java's
// meaning, or says why that cannot be done.
//
// What differs, and is translated: . ^ $ and \b know Java's line ends and letters; \d \w \s are ASCII;
// (?i) is ASCII unless (?u); modes inside the expression; \A \z \Z \h \R \Q…\E \0n \x{…}; POSIX and
// java… classes; unions and intersections of classes; possessive quantifiers and atomic groups.
//
// What cannot be: \G, \X, \N{…}, \b{g}, (?i) over a back reference, and a group behind or inside a
// possessive part (its number would change). Two things JavaScript does otherwise and nothing shows: a
// group in a repeated part forgets its text when a later round passes it by, and a back reference to a
// group that took no part matches nothing instead of failing.
//
// Source: the documentation of java.util.regex.Pattern (Java 17); measured against it by the test.
import {
  casesOf,
  literal,
  readClass,
  readEscape,
  RegexProblem,
  RegexText,
  wordClass,
  type RegexModes,
} from './java-regex-class.ts'

export type CompiledRegex = { readonly value: RegExp } | { readonly problem: string }

/**
 * Compiles `source` (Java syntax) to an expression that finds what Java's find() finds. `flags`: `i`,
 * `m` and `s` are Java's CASE_INSENSITIVE, MULTILINE and DOTALL; others (`g`, `y`) are JavaScript's.
 */
export function compileJavaRegex(source: string, flags = ''): CompiledRegex {
  const translation = new Translation(withoutQuotes(source))
  try {
    const modes = {
      ignoreCase: flags.includes('i'),
      multiline: flags.includes('m'),
      dotAll: flags.includes('s'),
      unixLines: false,
      unicodeCase: false,
      comments: false,
      unicodeClasses: false,
    }
    const text = translation.whole(modes)
    const value = new RegExp(text, `v${flags.replaceAll(/[imsuv]/g, '')}`)
    // V8 compiles at the first use: what is too large for it is found here, and not at an event.
    value.test('')
    value.lastIndex = 0
    return { value }
  } catch (error) {
    if (error instanceof RegexProblem) return { problem: `${error.message} (at character ${translation.at})` }
    return { problem: `JavaScript cannot read what it means: ${String(error)}` }
  }
}

/** The same for an expression that has to match a whole text, as Java's matches() has it. */
export function compileJavaMatch(source: string): CompiledRegex {
  const alone = compileJavaRegex(source)
  if ('problem' in alone) return alone
  const isOpen = source.lastIndexOf('\\Q') > source.lastIndexOf('\\E')
  return compileJavaRegex(`\\A(?:${source}${isOpen ? '\\E' : ''})\\z`)
}

/** \Q…\E as escapes of the single characters. */
function withoutQuotes(source: string): string {
  return source.replaceAll(/\\(?:Q(.*?)(?:\\E|$)|[^])/gs, (whole, quoted: string | undefined) =>
    quoted === undefined
      ? whole
      : [...quoted]
          .map(char => (/[A-Za-z]/.test(char) ? char : `\\x{${char.codePointAt(0)!.toString(16)}}`))
          .join(''),
  )
}

// JavaScript's own, without its flag m. A look-ahead for "no character" would also be true inside a
// character beyond U+FFFF.
const end = '$'
const start = '^'
const lineEnd = '\\n\\r\\u{85}\\u{2028}\\u{2029}'
const otherEnd = '\\r\\u{85}\\u{2028}\\u{2029}'
/** One of several places. Within a look-ahead: V8 compiles a row of n such choices in a time that doubles with each. */
const oneOfPlaces = (...places: readonly string[]): string => `(?:(?=${places.join('|')}))`
/** Java's $ and \Z: at the end, or before a line end that ends the text; never inside \r\n. */
const lastEnd = oneOfPlaces(end, `\\r\\n${end}`, `[${otherEnd}]${end}`, `(?<!\\r)\\n${end}`)
const word = oneOfPlaces(`(?<=${wordClass})(?!${wordClass})`, `(?<!${wordClass})(?=${wordClass})`)
const noWord = oneOfPlaces(`(?<=${wordClass})(?=${wordClass})`, `(?<!${wordClass})(?!${wordClass})`)

const modeLetters: Readonly<Record<string, keyof RegexModes>> = {
  i: 'ignoreCase',
  d: 'unixLines',
  m: 'multiline',
  s: 'dotAll',
  u: 'unicodeCase',
  x: 'comments',
  U: 'unicodeClasses',
}

class Translation {
  readonly #text: RegexText
  readonly #names = new Set<string>()
  #groups = 0
  /** Atomic parts so far; each is a group of its own in the result. */
  #atomic = 0
  #behind = 0

  constructor(source: string) {
    this.#text = new RegexText(source)
  }

  /** Characters read so far; those of \Q…\E count as they are written out. */
  get at(): number {
    return this.#text.at
  }

  whole(modes: RegexModes): string {
    const out = this.#alternatives(modes)
    if (this.#text.peek(modes) === ')') throw new RegexProblem('a ) has no ( before it')
    return out
  }

  /** Up to a closing parenthesis or the end. Modes switched inside hold until there. */
  #alternatives(outer: RegexModes): string {
    const modes = { ...outer }
    let out = ''
    for (;;) {
      const char = this.#text.peek(modes)
      if (char === '' || char === ')') return out
      if (char === '|') {
        this.#text.at++
        out += '|'
      } else out += this.#quantified(modes)
    }
  }

  #quantified(modes: RegexModes): string {
    const groupsBefore = this.#groups
    // As in Java, a number of repetitions with nothing before it, or behind another quantifier, repeats nothing.
    const isIdle = this.#text.peek(modes) === '{' && /^\{\d/.test(this.#text.raw(2))
    const atom = isIdle ? '' : this.#atom(modes)
    this.#text.peek(modes)
    const quantifier = this.#text.take(/^(?:[?*+]|\{\d+(?:,\d*)?\})/)
    if (quantifier === undefined) {
      if (isIdle || (atom !== '' && this.#text.raw(1) === '{'))
        throw new RegexProblem('a { must be followed by a number of repetitions; write \\{ for the character')
      return atom
    }
    if (atom === '' && !isIdle) throw new RegexProblem(`there is nothing before ${quantifier} to repeat`)
    const [, least, most] = /^\{(\d+),(\d+)\}$/.exec(quantifier) ?? []
    if (least !== undefined && Number(most) < Number(least))
      throw new RegexProblem(`${quantifier} asks for fewer at most than at least`)
    const manner = this.#text.take(/^[?+]/)
    if (isIdle) return ''
    // Assertions cannot be repeated in JavaScript unless they are grouped.
    const repeated = /^(?:\(\?<?[=!]|[$^])/.test(atom) ? `(?:${atom})${quantifier}` : `${atom}${quantifier}`
    this.#text.peek(modes)
    if (/^[?*+]/.test(this.#text.raw(1)))
      throw new RegexProblem(`there is nothing before ${this.#text.raw(1)} to repeat`)
    if (manner === '?') return `${repeated}?`
    return manner === '+' ? this.#possessive(repeated, groupsBefore) : repeated
  }

  /** Matches `inner` once and never gives back: a look-ahead takes it, a back reference passes it. */
  #possessive(inner: string, groupsBefore: number): string {
    if (this.#groups !== groupsBefore)
      throw new RegexProblem('a group inside a possessive or atomic part cannot be kept; make it (?:…)')
    if (this.#behind > 0)
      throw new RegexProblem('a possessive or atomic group is not supported within a look-behind')
    const name = `$${++this.#atomic}`
    return `(?:(?=(?<${name}>${inner}))\\k<${name}>)`
  }

  /** '' for a switch of modes alone. */
  #atom(modes: RegexModes): string {
    const char = this.#text.peek(modes)
    if (/[?*+]/.test(char)) throw new RegexProblem(`there is nothing before ${char} to repeat`)
    if (char === '{')
      throw new RegexProblem('there is nothing before { to repeat; write \\{ for the character')
    this.#text.at++
    switch (char) {
      case '(':
        return this.#group(modes)
      case '[':
        return readClass(this.#text, modes)
      case '\\':
        return this.#escape(modes)
      case '.':
        return modes.dotAll ? '[^]' : modes.unixLines ? '[^\\n]' : `[^${lineEnd}]`
      case '^':
        return lineStart(modes)
      case '$':
        return lineStop(modes)
      default:
        return oneOf(char.codePointAt(0)!, modes)
    }
  }

  #group(modes: RegexModes): string {
    const groupsBefore = this.#groups
    const opening = this.#text.take(/^\?(?:<?[=!]|[:>]|<[A-Za-z][A-Za-z0-9]*>|[a-zA-Z]*(?:-[a-zA-Z]*)?[:)])/)
    if (opening === undefined) {
      if (this.#text.raw(1) === '?')
        throw new RegexProblem(`(${this.#text.raw(3)} opens no group that Java knows`)
      return this.#capture('(', modes)
    }
    const name = /^\?<([A-Za-z].*)>$/.exec(opening)?.[1]
    if (name !== undefined) {
      if (this.#names.has(name)) throw new RegexProblem(`there are two groups named ${name}`)
      this.#names.add(name)
      return this.#capture(`(?<${name}>`, modes)
    }
    const behind = opening.startsWith('?<')
    switch (opening) {
      case '?:':
        return `(?:${this.#closed(modes)})`
      case '?>':
        return this.#possessive(this.#closed(modes), groupsBefore)
      case '?=':
      case '?!':
      case '?<=':
      case '?<!': {
        this.#behind += behind ? 1 : 0
        const inner = this.#closed(modes)
        this.#behind -= behind ? 1 : 0
        return `(${opening}${inner})`
      }
      default: {
        const changed = opening.endsWith(')') ? modes : { ...modes }
        switchModes(opening.slice(1, -1), changed)
        return opening.endsWith(')') ? '' : `(?:${this.#closed(changed)})`
      }
    }
  }

  #capture(opening: string, modes: RegexModes): string {
    if (this.#atomic > 0)
      throw new RegexProblem(
        'a group behind a possessive or atomic part cannot keep its number; make it (?:…)',
      )
    this.#groups++
    return `${opening}${this.#closed(modes)})`
  }

  #closed(modes: RegexModes): string {
    const inner = this.#text.inside(() => this.#alternatives(modes))
    if (this.#text.peek(modes) !== ')') throw new RegexProblem('a ( is never closed')
    this.#text.at++
    return inner
  }

  #escape(modes: RegexModes): string {
    const escape = readEscape(this.#text, modes)
    if (escape.is === 'char') return oneOf(escape.point, modes)
    if (escape.is === 'class') return escape.source
    const { letter } = escape
    switch (letter) {
      case 'A':
        return start
      case 'z':
        return end
      case 'Z':
        return modes.unixLines ? `(?=\\n?${end})` : lastEnd
      case 'b':
        if (this.#text.raw(1) === '{') break
        return word
      case 'B':
        return noWord
      case 'R':
        return `(?:\\r\\n|[\\n\\v\\f${otherEnd}])`
      case 'k': {
        const name = this.#text.take(/^<[A-Za-z][A-Za-z0-9]*>/)?.slice(1, -1)
        if (name === undefined || !this.#names.has(name))
          throw new RegexProblem(`\\k names no group before it${name === undefined ? '' : `: ${name}`}`)
        return this.#reference(`\\k<${name}>`, modes)
      }
      default:
    }
    if (!/[1-9]/.test(letter)) throw new RegexProblem(`\\${letter} is unknown or not supported`)
    let number = Number(letter)
    // A further digit belongs to the number where there are so many groups.
    for (let digit = this.#text.raw(1); /^\d$/.test(digit); digit = this.#text.raw(1)) {
      if (number * 10 + Number(digit) > this.#groups) break
      number = number * 10 + Number(digit)
      this.#text.at++
    }
    if (number > this.#groups) throw new RegexProblem(`\\${number} names a group that is not before it`)
    return this.#reference(`\\${number}`, modes)
  }

  #reference(reference: string, modes: RegexModes): string {
    if (modes.ignoreCase)
      throw new RegexProblem(`${reference} cannot be compared without regard to case here`)
    return `(?:${reference})`
  }
}

function switchModes(letters: string, modes: RegexModes): void {
  const [on = '', off = ''] = letters.split('-')
  for (const [part, value] of [
    [on, true],
    [off, false],
  ] as const)
    for (const letter of part) {
      const mode = modeLetters[letter]
      if (mode === undefined) throw new RegexProblem(`(?${letters}: there is no mode ${letter}`)
      modes[mode] = value
      if (letter === 'U') modes.unicodeCase = value
    }
}

/** ^: in multiline mode also behind a line end that is not the end of the text. */
function lineStart({ multiline, unixLines }: RegexModes): string {
  if (!multiline) return '^'
  return unixLines
    ? `(?:(?=[^])${oneOfPlaces(start, '(?<=\\n)')})`
    : `(?:(?=[^])${oneOfPlaces(start, '(?<=[\\n\\u{85}\\u{2028}\\u{2029}])', '(?<=\\r)(?!\\n)')})`
}

function lineStop({ multiline, unixLines }: RegexModes): string {
  if (!multiline) return unixLines ? `(?=\\n?${end})` : lastEnd
  return unixLines ? `(?=\\n|${end})` : oneOfPlaces(end, `[${otherEnd}]`, '(?<!\\r)\\n')
}

/** One character, in all the cases that count. */
function oneOf(point: number, modes: RegexModes): string {
  const cases = casesOf(point, modes).map(literal)
  return cases.length === 1 ? cases[0]! : `[${cases.join('')}]`
}
