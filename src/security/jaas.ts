// The login text of sasl.jaas.config and of the file named by -Djava.security.auth.login.config, read as
// Java reads it:
//
//   module-class flag option="value" option='value' ... ;          sasl.jaas.config, one module
//   KafkaClient { module-class flag option="value" ... ; };        the file, by section; KafkaServer may have several
//
// Comments are //, /* */ and, as in Java's tokenizer, whatever follows a lone slash. Quoted texts know
// Java's escapes (\n \t \b \r \f \" \\ \101) and end at the end of the line. The class is a name and no more: nothing is
// ever loaded. No message repeats the text, since any word of it may be a part of a password.

export interface JaasEntry {
  /** Class of the login module, as written. */
  readonly module: string
  readonly options: ReadonlyMap<string, string>
}

/** What is wrong with a login text: completes "the login text …"; holds nothing of it. */
export class JaasError extends Error {
  override name = 'JaasError'
}

const flags = new Set(['required', 'requisite', 'sufficient', 'optional'])

/** Reads the value of sasl.jaas.config. Throws JaasError. */
export function parseJaas(text: string): JaasEntry {
  const tokens = tokenize(text)
  const entry = readEntry(tokens)
  if (entry === null) throw new JaasError('names no login module')
  if (tokens.next() !== null)
    throw new JaasError('has text after the semicolon: only one login module is possible')
  return entry
}

/** Reads a section with one module of a JAAS file, such as KafkaClient; null where it has no such section. Throws JaasError. */
export function parseJaasFile(text: string, section: string): JaasEntry | null {
  const entries = parseJaasSection(text, section)
  if (entries === null) return null
  if (entries.length !== 1)
    throw new JaasError(`has ${entries.length} login modules in the section ${section}; one is possible`)
  return entries[0]!
}

/** Reads all modules of a section, such as KafkaServer; null where the file has no such section. Throws JaasError. */
export function parseJaasSection(text: string, section: string): readonly JaasEntry[] | null {
  const tokens = tokenize(text)
  let found: readonly JaasEntry[] | null = null
  for (let name = tokens.next(); name !== null; name = tokens.next()) {
    expect(tokens, '{', 'has a section without {')
    const entries: JaasEntry[] = []
    while (!tokens.take('}')) {
      const entry = readEntry(tokens)
      if (entry === null) throw new JaasError('has a section without }')
      entries.push(entry)
    }
    tokens.take(';')
    if (name.text === section && !name.isMark) found = entries
  }
  return found
}

function readEntry(tokens: Tokens): JaasEntry | null {
  const module = tokens.next()
  if (module === null) return null
  if (module.isMark) throw new JaasError('does not begin with the class of a login module')
  const flag = tokens.next()
  if (flag === null || !flags.has(flag.text.toLowerCase()))
    throw new JaasError('has no flag behind the login module: write required')
  const options = new Map<string, string>()
  while (!tokens.take(';')) {
    const key = tokens.next()
    if (key === null) throw new JaasError('does not end with a semicolon')
    if (key.isMark || key.isQuoted)
      throw new JaasError(
        'has something that is no option: write option="value", with values in quotes, and \\" for a quote inside',
      )
    expect(tokens, '=', 'has an option without =: write option="value", with values in quotes')
    const value = tokens.next()
    if (value === null || value.isMark)
      throw new JaasError('has an option without value: write option="value", with values in quotes')
    options.set(key.text, value.text)
  }
  return { module: module.text, options }
}

function expect(tokens: Tokens, mark: string, problem: string): void {
  if (!tokens.take(mark)) throw new JaasError(problem)
}

interface Token {
  readonly text: string
  readonly isQuoted: boolean
  /** A single character that is no part of a word. */
  readonly isMark: boolean
}

interface Tokens {
  next(): Token | null
  /** Takes the next token where it is this mark. */
  take(mark: string): boolean
}

const blank = /[\0- ]+|\/\*[\s\S]*?\*\/|\/[^\n\r]*/y
const word = /[\w$.\-\u00a0-\uffff]+/y
const quoted = /"((?:[^"\\\r\n]|\\[^\r\n])*)"|'((?:[^'\\\r\n]|\\[^\r\n])*)'/y

function tokenize(text: string): Tokens {
  let at = 0
  const match = (pattern: RegExp): RegExpExecArray | null => {
    pattern.lastIndex = at
    const found = pattern.exec(text)
    if (found !== null) at = pattern.lastIndex
    return found
  }
  const next = (): Token | null => {
    while (match(blank) !== null);
    if (at >= text.length) return null
    const plain = match(word)
    if (plain !== null) return { text: plain[0], isQuoted: false, isMark: false }
    const string = match(quoted)
    if (string !== null)
      return { text: unescape(string[1] ?? string[2] ?? ''), isQuoted: true, isMark: false }
    const mark = text[at++]!
    if (mark === '"' || mark === "'") throw new JaasError('has a quote that is not closed')
    return { text: mark, isQuoted: false, isMark: true }
  }
  return {
    next,
    take(mark) {
      const before = at
      const token = next()
      if (token !== null && token.isMark && token.text === mark) return true
      at = before
      return false
    },
  }
}

const escapes: Readonly<Record<string, string>> = {
  n: '\n',
  t: '\t',
  b: '\b',
  r: '\r',
  f: '\f',
  v: '\v',
  a: '\x07',
}

const unescape = (text: string): string =>
  text.replaceAll(/\\(?:([0-3]?[0-7]{1,2})|([\s\S]))/g, (_, octal: string | undefined, letter: string) =>
    octal === undefined ? (escapes[letter] ?? letter) : String.fromCharCode(Number.parseInt(octal, 8)),
  )
