// Java regular expressions as JavaScript ones. The source text is read by Java's grammar and written
// anew, with the v flag, so that both mean the same: Java's $ also matches before a last line break, its
// \s is ASCII, its character classes have unions and intersections, and so on. What JavaScript cannot do
// (possessive quantifiers, atomic groups, \G) is a problem with a sentence.
// Source: the documentation of java.util.regex.Pattern (Java 17); held against Java by the test.

export type CompiledRegex = { readonly value: RegExp } | { readonly problem: string }

/** Compiles `source` (Java syntax). `flags` are JavaScript flags to add, e.g. 'g'. */
export function compileJavaRegex(source: string, flags = ''): CompiledRegex {
  try {
    const { pattern, ignoreCase } = new Translator(source).translate()
    const all = new Set(`${flags}v${ignoreCase ? 'i' : ''}`)
    return { value: new RegExp(pattern, [...all].join('')) }
  } catch (error) {
    return { problem: error instanceof Error ? error.message : String(error) }
  }
}

const lineBreak = '\\n\\r\\x85\\u2028\\u2029'
const end = '(?![^])'
const spaces = '\\x20\\t\\n\\x0B\\f\\r'
const horizontal = '\\x20\\t\\xA0\\u1680\\u180e\\u2000-\\u200a\\u202f\\u205f\\u3000'
const vertical = '\\n\\x0B\\f\\r\\x85\\u2028\\u2029'

/** Classes of one letter, as the inside of a character class. */
const letterClasses: Readonly<Record<string, string>> = {
  d: '0-9',
  s: spaces,
  w: 'a-zA-Z0-9_',
  h: horizontal,
  v: vertical,
}

/** POSIX classes and the few Java names, as the inside of a character class. */
const namedClasses: Readonly<Record<string, string>> = {
  Lower: 'a-z',
  Upper: 'A-Z',
  ASCII: '\\x00-\\x7F',
  Alpha: 'a-zA-Z',
  Digit: '0-9',
  Alnum: 'a-zA-Z0-9',
  Punct: '\\x21-\\x2F\\x3A-\\x40\\x5B-\\x60\\x7B-\\x7E',
  Graph: '\\x21-\\x7E',
  Print: '\\x20-\\x7E',
  Blank: '\\x20\\t',
  Cntrl: '\\x00-\\x1F\\x7F',
  XDigit: '0-9a-fA-F',
  Space: spaces,
  javaLowerCase: '\\p{Lowercase}',
  javaUpperCase: '\\p{Uppercase}',
  javaWhitespace: '\\s',
  IsAlphabetic: '\\p{Alphabetic}',
  IsDigit: '\\p{Nd}',
  IsLetter: '\\p{L}',
  IsLowercase: '\\p{Lowercase}',
  IsUppercase: '\\p{Uppercase}',
  IsWhite_Space: '\\p{White_Space}',
  IsPunctuation: '\\p{P}',
}

const controls: Readonly<Record<string, string>> = {
  t: '\\t',
  n: '\\n',
  r: '\\r',
  f: '\\f',
  a: '\\x07',
  e: '\\x1B',
}

interface Modes {
  ignoreCase: boolean
  multiline: boolean
  dotAll: boolean
  comments: boolean
}

class Translator {
  readonly #source: string
  readonly #characters: readonly string[]
  #at = 0
  #modes: Modes = { ignoreCase: false, multiline: false, dotAll: false, comments: false }
  /** Case is ignored from the very start, so a flag of the whole expression says it. */
  #wholeIgnoresCase = false

  constructor(source: string) {
    this.#source = source
    this.#characters = [...source]
  }

  translate(): { pattern: string; ignoreCase: boolean } {
    const pattern = this.#alternatives()
    if (this.#at < this.#characters.length) throw this.#problem('a ) has no ( before it')
    return { pattern, ignoreCase: this.#wholeIgnoresCase }
  }

  #problem(what: string): Error {
    return new Error(
      `the regular expression "${this.#source}" cannot be used: ${what} (at character ${this.#at + 1})`,
    )
  }

  #peek(ahead = 0): string | undefined {
    return this.#characters[this.#at + ahead]
  }

  #takes(text: string): boolean {
    const { length } = text
    if (this.#characters.slice(this.#at, this.#at + length).join('') !== text) return false
    this.#at += length
    return true
  }

  /** Everything up to the end of the group or of the expression. */
  #alternatives(): string {
    const outer = { ...this.#modes }
    let out = ''
    // Groups opened for flags in the middle, (?i), which hold to the end of the group around them.
    let opened = 0
    for (
      let character = this.#peek();
      character !== undefined && character !== ')';
      character = this.#peek()
    ) {
      if (this.#modes.comments && this.#skipsComment(character)) continue
      if (character === '|') {
        this.#at++
        out += `${')'.repeat(opened)}|`
        opened = 0
        if (this.#modes.ignoreCase !== outer.ignoreCase && !this.#wholeIgnoresCase) {
          out += this.#modes.ignoreCase ? '(?i:' : '(?-i:'
          opened = 1
        }
        continue
      }
      const flags = this.#inlineFlags()
      if (flags !== null) {
        out += flags
        if (flags !== '') opened++
        continue
      }
      out += this.#quantified(this.#atom(character))
    }
    this.#modes = outer
    return out + ')'.repeat(opened)
  }

  #skipsComment(character: string): boolean {
    if (/\s/.test(character)) {
      this.#at++
      return true
    }
    if (character !== '#') return false
    while (this.#peek() !== undefined && this.#peek() !== '\n') this.#at++
    return true
  }

  /** (?i) and its like without a colon: '' or what they open; null where there are none. */
  #inlineFlags(): string | null {
    const match = /^\(\?([a-zA-Z]*)(?:-([a-zA-Z]+))?\)/.exec(
      this.#characters.slice(this.#at, this.#at + 20).join(''),
    )
    if (match === null) return null
    const atStart = this.#at === 0
    this.#at += match[0].length
    const before = this.#modes.ignoreCase
    this.#setModes(match[1] ?? '', true)
    this.#setModes(match[2] ?? '', false)
    if (this.#modes.ignoreCase === before) return ''
    if (atStart && this.#modes.ignoreCase) {
      this.#wholeIgnoresCase = true
      return ''
    }
    return this.#modes.ignoreCase ? '(?i:' : '(?-i:'
  }

  #setModes(letters: string, on: boolean): void {
    for (const letter of letters)
      if (letter === 'i') this.#modes.ignoreCase = on
      else if (letter === 'm') this.#modes.multiline = on
      else if (letter === 's') this.#modes.dotAll = on
      else if (letter === 'x') this.#modes.comments = on
      else if (letter !== 'u' && letter !== 'U' && letter !== 'd')
        throw this.#problem(`there is no flag ${letter}`)
  }

  #atom(character: string): string {
    this.#at++
    switch (character) {
      case '(':
        return this.#group()
      case '[':
        return this.#class()
      case '\\':
        return this.#escape()
      case '.':
        return this.#modes.dotAll ? '[^]' : `[^${lineBreak}]`
      case '^':
        return this.#modes.multiline
          ? `(?:(?<![^])|(?<=\\n|\\r(?!\\n)|[\\x85\\u2028\\u2029])(?=[^]))`
          : '(?<![^])'
      case '$':
        return this.#modes.multiline
          ? `(?=\\r\\n|(?<!\\r)\\n|[\\r\\x85\\u2028\\u2029]|${end})`
          : `(?=(?:\\r\\n|(?<!\\r)\\n|[\\r\\x85\\u2028\\u2029])?${end})`
      case '*':
      case '+':
      case '?':
        throw this.#problem(`${character} has nothing before it to repeat`)
      default:
        return literal(character)
    }
  }

  #quantified(atom: string): string {
    let quantifier = /^(?:[*+?]|\{\d+(?:,\d*)?\})/.exec(
      this.#characters.slice(this.#at, this.#at + 24).join(''),
    )?.[0]
    if (quantifier === undefined) return atom
    this.#at += quantifier.length
    if (this.#takes('+'))
      throw this.#problem(`possessive quantifiers (${quantifier}+) do not exist here; write ${quantifier}`)
    if (this.#takes('?')) quantifier += '?'
    return atom + quantifier
  }

  #group(): string {
    if (!this.#takes('?')) return this.#closed('(')
    for (const opening of [':', '=', '!', '<=', '<!'])
      if (this.#takes(opening)) return this.#closed(`(?${opening}`)
    if (this.#takes('>')) throw this.#problem('atomic groups (?>…) do not exist here')
    if (this.#takes('<')) {
      let name = ''
      while (this.#peek() !== undefined && this.#peek() !== '>') name += this.#characters[this.#at++]
      this.#at++
      return this.#closed(`(?<${name}>`)
    }
    const flags = /^([a-zA-Z]*)(?:-([a-zA-Z]+))?:/.exec(
      this.#characters.slice(this.#at, this.#at + 20).join(''),
    )
    if (flags === null) throw this.#problem('this kind of group is not known')
    this.#at += flags[0].length
    const outer = { ...this.#modes }
    this.#setModes(flags[1] ?? '', true)
    this.#setModes(flags[2] ?? '', false)
    const opening =
      this.#modes.ignoreCase === outer.ignoreCase ? '(?:' : this.#modes.ignoreCase ? '(?i:' : '(?-i:'
    const group = this.#closed(opening)
    this.#modes = outer
    return group
  }

  #closed(opening: string): string {
    const inside = this.#alternatives()
    if (!this.#takes(')')) throw this.#problem('a ( has no ) after it')
    return `${opening}${inside})`
  }

  /** After a backslash, outside a character class. */
  #escape(): string {
    const character = this.#next('the expression ends in a backslash')
    switch (character) {
      case 'A':
        return '(?<![^])'
      case 'z':
        return end
      case 'Z':
        return `(?=(?:\\r\\n|(?<!\\r)\\n|[\\r\\x85\\u2028\\u2029])?${end})`
      case 'R':
        return `(?:\\r\\n|[${vertical}])`
      case 'b':
      case 'B':
        return `\\${character}`
      case 'G':
      case 'X':
      case 'N':
        throw this.#problem(`\\${character} does not exist here`)
      case 'k': {
        const name = /^<([a-zA-Z][a-zA-Z0-9]*)>/.exec(this.#characters.slice(this.#at).join(''))
        if (name === null) throw this.#problem('\\k is not followed by <name>')
        this.#at += name[0].length
        return `\\k<${name[1]}>`
      }
      case 'Q':
        return this.#quoted().map(literal).join('')
      default:
        if (/[1-9]/.test(character)) return `(?:\\${character})`
        return this.#isClassEscape(character)
          ? `[${this.#classEscape(character)}]`
          : this.#character(character)
    }
  }

  #next(whatIfNone: string): string {
    const character = this.#characters[this.#at++]
    if (character === undefined) throw this.#problem(whatIfNone)
    return character
  }

  /** The characters up to \E. */
  #quoted(): string[] {
    const from = this.#at
    while (this.#peek() !== undefined && !(this.#peek() === '\\' && this.#peek(1) === 'E')) this.#at++
    const quoted = this.#characters.slice(from, this.#at)
    this.#at += 2
    return quoted
  }

  #isClassEscape(character: string): boolean {
    return /[dDsSwWhHvVpP]/.test(character)
  }

  /** \d, \p{…} and their like, as the inside of a character class. */
  #classEscape(character: string): string {
    const lower = character.toLowerCase()
    let inside = letterClasses[lower]
    if (lower === 'p') {
      const name =
        this.#peek() === '{'
          ? /^\{([^}]*)\}/.exec(this.#characters.slice(this.#at).join(''))
          : [this.#peek() ?? '', this.#peek() ?? '']
      if (name === null) throw this.#problem('\\p{ has no }')
      this.#at += [...name[0]!].length
      inside = this.#property(name[1]!)
    }
    return character === lower ? inside! : `[^${inside}]`
  }

  #property(name: string): string {
    const known = namedClasses[name]
    if (known !== undefined) return known
    const script = /^(?:Is|script=|sc=)(.+)$/.exec(name)?.[1]
    const candidates =
      script === undefined ? [name.replace(/^(?:general_category|gc)=/, '')] : [`Script=${script}`, script]
    for (const candidate of candidates)
      try {
        return new RegExp(`\\p{${candidate}}`, 'v').source
      } catch {
        // Not a property of that form.
      }
    throw this.#problem(`the property ${name} is not known`)
  }

  /** One character behind a backslash: a control, a code, or itself. */
  #character(character: string): string {
    const control = controls[character]
    if (control !== undefined) return control
    const rest = this.#characters.slice(this.#at, this.#at + 12).join('')
    const code = (pattern: RegExp, radix: number, what: string): string => {
      const match = pattern.exec(rest)
      if (match === null) throw this.#problem(`\\${character} is not followed by ${what}`)
      this.#at += match[0].length
      return literal(String.fromCodePoint(Number.parseInt(match[1] ?? match[2]!, radix)))
    }
    switch (character) {
      case '0':
        return code(/^([0-3]?[0-7]{1,2})/, 8, 'octal digits')
      case 'x':
        return code(/^(?:([0-9a-fA-F]{2})|\{([0-9a-fA-F]+)\})/, 16, 'two hexadecimal digits')
      case 'u':
        return code(/^([0-9a-fA-F]{4})/, 16, 'four hexadecimal digits')
      case 'c':
        return literal(String.fromCharCode(this.#next('\\c ends the expression').charCodeAt(0) ^ 64))
      default:
        if (/[a-zA-Z0-9]/.test(character)) throw this.#problem(`\\${character} means nothing`)
        return literal(character)
    }
  }

  /** After [, up to and with ]. Operands of && become classes of their own. */
  #class(): string {
    const negated = this.#takes('^')
    const operands: string[][] = [[]]
    let first = true
    for (;;) {
      const character = this.#next('a [ has no ] after it')
      const items = operands.at(-1)!
      if (character === ']' && !first) break
      first = false
      if (character === '&' && this.#peek() === '&') {
        this.#at++
        operands.push([])
      } else if (character === '[') items.push(this.#class())
      else if (character === '\\' && this.#peek() === 'Q') {
        this.#at++
        items.push(...this.#quoted().map(literal))
      } else items.push(this.#rangeFrom(character))
    }
    const filled = operands.filter(items => items.length > 0)
    const inside =
      filled.length === 1 ? filled[0]!.join('') : filled.map(items => `[${items.join('')}]`).join('&&')
    return `[${negated ? '^' : ''}${inside}]`
  }

  /** A single character of a class, a range that starts with it, or a class behind a backslash. */
  #rangeFrom(character: string): string {
    const from = this.#classItem(character)
    if (
      from.isClass ||
      this.#peek() !== '-' ||
      this.#peek(1) === ']' ||
      this.#peek(1) === '[' ||
      this.#peek(1) === undefined
    )
      return from.text
    this.#at++
    const to = this.#classItem(this.#next('a range has no end'))
    if (to.isClass) throw this.#problem('a range ends in a class')
    return `${from.text}-${to.text}`
  }

  #classItem(character: string): { text: string; isClass: boolean } {
    if (character !== '\\') return { text: literal(character), isClass: false }
    const escaped = this.#next('the expression ends in a backslash')
    return this.#isClassEscape(escaped)
      ? { text: this.#classEscape(escaped), isClass: true }
      : { text: this.#character(escaped), isClass: false }
  }
}

/** The character as itself, in and outside of classes. */
function literal(character: string): string {
  if (/[a-zA-Z0-9]/.test(character)) return character
  const code = character.codePointAt(0)!
  return code < 256 ? `\\x${code.toString(16).padStart(2, '0')}` : `\\u{${code.toString(16)}}`
}
