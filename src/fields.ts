// Fields: what one setting accepts, whoever has it: an option of a component, a property of the Kafka client, a key
// of the broker or of a topic. A vocabulary declares its settings as a record of fields; from that one declaration
// come reading and validation (settings/read-settings.ts), the TypeScript types, the defaults and the reference pages.
// Settings are flat keys with text values, plus prefixes under which everything is passed on (kafka.consumer.*).
import { compileJavaRegex } from './java/java-regex.ts'

/** What a field says of itself, for the reference page. */
export interface About {
  /** One or two sentences: what the option does. */
  readonly doc: string
  readonly unit?: 'ms' | 's' | 'bytes' | 'events' | 'percent'
  readonly example?: string
  /** The value must not appear in any log, error or listing. */
  readonly secret?: boolean
  /** 'ours' marks an option Flume does not have. Otherwise the Flume version that introduced it. */
  readonly since?: 'ours' | '1.8' | '1.9' | '1.10' | '1.11'
  /** How our behaviour differs from Flume's or Kafka's, or why the option has no effect. */
  readonly differs?: string
  /** May be changed while the program runs. */
  readonly dynamic?: true
}

/** A value; or what is wrong with the text; or both, where the value is used all the same, with a warning. */
export type Parsed<T> =
  | { readonly value: T; readonly problem?: never }
  | { readonly value?: T; readonly problem: string; readonly fix: string }

/** What one setting accepts; made by `text`, `int`, `flag` and the others, and read by the reader of settings. */
export interface Field<T, Present extends boolean = boolean, Name extends string = string> extends About {
  readonly kind: FieldKind
  /** Whether the key must be written. */
  readonly required: boolean
  /** Value when the key is absent; undefined where there is none. */
  readonly default: T | undefined
  /** Bounds and choices, as text for the reference page. */
  readonly accepts: string
  /** `prefix` collects every key that starts with the option's name and a dot. */
  readonly parse: (text: string) => Parsed<T>
  /** Of a list: what stands between two words. */
  readonly separator?: ',' | ' '
  /** Of a choice: what its words stand for. */
  readonly words?: Readonly<Record<string, unknown>>
  /** What the setting is called in the program where it is not its key; empty: it is not among the settings. */
  readonly as?: Name
  /** Phantom: true where the value is never undefined. */
  readonly present?: Present
}

/** How the text of a setting is read. */
export type FieldKind = 'text' | 'int' | 'long' | 'double' | 'flag' | 'choice' | 'list' | 'regex' | 'prefix'
/** Settings by their keys. */
export type Fields = Readonly<Record<string, Field<unknown>>>

/** All keys of one reader: what it obeys, and what is said of the others that it knows. */
export interface Vocabulary<F extends Fields = Fields> {
  readonly options: F
  /** Keys that are called deprecated: taken over by `to` where that is absent, with a warning. */
  readonly deprecated?: Readonly<
    Record<
      string,
      {
        readonly to: string
        /** What its value means there; the same where absent. */ readonly value?: (text: string) => string
      }
    >
  >
  /** Keys that are known and have no effect here, each with the reason. */
  readonly withoutEffect?: Readonly<Record<string, string>>
  /** Keys that are known and must not be written, because leaving them out unsaid would be worse; each with the reason. */
  readonly refused?: Readonly<Record<string, string>>
}

type ValueOf<One> =
  One extends Field<infer T, infer Present> ? (Present extends true ? T : T | undefined) : never

/** The typed options that a record of fields describes. */
export type OptionsOf<F extends Fields> = { readonly [K in keyof F]: ValueOf<F[K]> }

/** `request.timeout.ms` is requestTimeoutMs in the program. */
type CamelCase<K> = K extends `${infer First}.${infer Rest}` ? `${First}${Capitalize<CamelCase<Rest>>}` : K

/** The same by the names that the settings have in the program: `as`, or their key; the empty name is none. */
export type SettingsOf<F extends Fields> = {
  readonly [
    K in keyof F as F[K] extends Field<unknown, boolean, infer Name>
      ? [Name] extends [never]
        ? CamelCase<K>
        : Exclude<Name, ''>
      : never
  ]: ValueOf<F[K]>
}

export interface Common<T> extends About {
  readonly required?: true
  readonly default?: T
  readonly as?: string
  /** Flume replaces a bad value by the default with a warning; so do we where this is set. */
  readonly badValueMeansDefault?: boolean
}
type PresentIf<C> = C extends { required: true } | { default: {} } ? true : false
type NameIn<C> = C extends { as: infer Name extends string } ? Name : never
export type Made<T, C> = Field<T, PresentIf<C>, NameIn<C>>

/** A field with a way of its own to read its value. */
export function field<T, const C extends Common<T>>(
  kind: FieldKind,
  accepts: string,
  { badValueMeansDefault, ...about }: C,
  parse: (text: string) => Parsed<T>,
): Made<T, C> {
  const parseMildly = (raw: string): Parsed<T> => {
    const parsed = parse(raw)
    return parsed.problem === undefined ? parsed : { ...parsed, value: about.default! }
  }
  return {
    ...about,
    kind,
    accepts,
    required: about.required === true,
    default: about.default,
    parse: badValueMeansDefault === true ? parseMildly : parse,
  } as unknown as Made<T, C>
}

/** The default as one would write it in a file; null where there is none. */
export function defaultText({ kind, default: value, words, separator }: Field<unknown>): string | null {
  if (value === undefined || value === null || kind === 'prefix') return null
  if (value === Infinity) return '-1'
  if (kind === 'long' && value === Number.MAX_SAFE_INTEGER) return '9223372036854775807'
  const [word] = Object.entries(words ?? {}).find(([, meant]) => meant === value) ?? []
  if (word !== undefined) return word
  if (value instanceof RegExp) return value.source
  if (Array.isArray(value)) return value.join(separator === ',' ? ',' : ' ')
  if (typeof value === 'object') return 'name' in value ? String(value.name) : ''
  return String(value)
}

/** Any text. */
export function text<const C extends Common<string>>(about: C): Made<string, C> {
  return field<string, C>('text', 'text', about, value => ({ value }))
}

export interface Bounds {
  readonly min?: number
  readonly max?: number
  /** -1 means that there is no limit; the value is Infinity. */
  readonly unlimited?: true
}

/** A whole number as Java's parseInt and parseLong read it: blanks trimmed, a sign, decimal digits. */
export function int<const C extends Common<number> & Bounds>(
  about: C,
  kind: 'int' | 'long' = 'int',
): Made<number, C> {
  const { min = -Infinity, max = kind === 'long' ? 2 ** 63 : Infinity, unlimited } = about
  const range =
    about.max !== undefined
      ? ` from ${about.min ?? 'any'} to ${max}`
      : about.min !== undefined
        ? `, at least ${min}`
        : ''
  const accepts = `a whole number${range}${unlimited === true ? ', or -1 for no limit' : ''}`
  return field<number, C>(kind, accepts, about, raw => {
    const trimmed = raw.trim()
    const value = Number(trimmed)
    if (!/^[+-]?\d+$/.test(trimmed))
      return { problem: `"${raw}" is not a whole number`, fix: `write ${accepts}` }
    if (unlimited === true && value === -1) return { value: Infinity }
    if (value < min || value > max)
      return { problem: `${trimmed} is outside what is allowed`, fix: `write ${accepts}` }
    // Java's Long.MAX_VALUE and its kin mean "no limit" in Flume's and Kafka's files.
    return { value: Math.max(Math.min(value, Number.MAX_SAFE_INTEGER), Number.MIN_SAFE_INTEGER) }
  })
}

/**
 * true, in any case; everything else is false, as in Flume, with a problem when it is not "false". `strict`: as in
 * Kafka, it is refused.
 */
export function flag<const C extends Common<boolean> & { strict?: true }>(about: C): Made<boolean, C> {
  return field<boolean, C>('flag', 'true or false', about, raw => {
    const lower = raw.trim().toLowerCase()
    if (lower === 'true' || lower === 'false') return { value: lower === 'true' }
    const problem = `"${raw}" is neither true nor false`
    const fix = 'write true or false'
    return about.strict === true
      ? { problem, fix }
      : { problem: `${problem} (Flume reads it as false)`, fix, value: false }
  })
}

export interface Choosing {
  /** Letters count in capitals or not. */
  readonly exact?: true
  /** Why there is no other choice. */
  readonly because?: string
}

/** One of a few words, in any case; the value is the word as declared, or what it stands for. */
export function choice<const W extends string, const C extends Common<NoInfer<W>> & Choosing>(
  words: readonly W[],
  about: C,
): Made<W, C>
export function choice<const T, const C extends Common<NoInfer<T>> & Choosing>(
  words: Readonly<Record<string, T>>,
  about: C,
): Made<T, C>
export function choice(
  words: readonly string[] | Readonly<Record<string, unknown>>,
  about: Common<unknown> & Choosing,
): Field<unknown> {
  const values = Array.isArray(words) ? Object.fromEntries(words.map(word => [word, word])) : words
  const all = Object.entries<unknown>(values)
  const accepts = all.map(([word]) => word).join(', ')
  const { exact, because } = about
  return field('choice', accepts, { ...about, words: values }, raw => {
    const written = raw.trim()
    const found = all.find(([word]) =>
      exact === true ? word === written : word.toLowerCase() === written.toLowerCase(),
    )
    if (found !== undefined) return { value: found[1] }
    return because === undefined
      ? { problem: `"${raw}" is not one of: ${accepts}`, fix: `write one of: ${accepts}` }
      : { problem: `"${raw}" is not possible: ${because}`, fix: `write ${accepts}, or leave it out` }
  })
}

/** One of several things, by its alias or by the name of Flume's class or of the class's Builder, in any case. */
export function named<W extends string, const C extends Common<NoInfer<W>>>(
  what: string,
  spellings: Readonly<Record<W, readonly [alias: string, className: string]>>,
  about: C,
): Made<W, C> {
  const all = Object.entries<readonly string[]>(spellings)
  const accepts = all.map(([, [alias]]) => alias).join(', ')
  return field<W, C>('choice', accepts, about, raw => {
    const wanted = raw
      .trim()
      .toLowerCase()
      .replace(/\$builder$/, '')
    const found = all.find(([, names]) => names.some(one => one.toLowerCase() === wanted))
    return found === undefined
      ? { problem: `there is no ${what} "${raw}"`, fix: `write one of: ${accepts}` }
      : { value: found[0] as W }
  })
}

/** Words separated by blanks, or by commas where `separator` says so; empty words are left out. */
export function list<
  const C extends Common<readonly string[]> & { separator?: ',' | ' '; among?: readonly string[] },
>(about: C): Made<readonly string[], C> {
  const pattern = about.separator === ',' ? ',' : /\s+/
  const separated = about.separator === ',' ? 'separated by commas' : 'separated by blanks'
  const { among } = about
  const accepts = `${among === undefined ? 'words' : `${among.join(', ')},`} ${separated}`
  return field<readonly string[], C>('list', accepts, about, raw => {
    const value = raw
      .split(pattern)
      .map(one => one.trim())
      .filter(Boolean)
    const odd = among === undefined ? undefined : value.find(word => !among.includes(word))
    return odd === undefined
      ? { value }
      : { problem: `"${odd}" is not one of: ${among!.join(', ')}`, fix: `write ${accepts}` }
  })
}

/** A regular expression in Java's syntax; the value is a RegExp of the same meaning. */
export function regex<const C extends Common<RegExp> & { flags?: string }>(about: C): Made<RegExp, C> {
  return field<RegExp, C>('regex', 'a Java regular expression', about, raw => {
    const compiled = compileJavaRegex(raw, about.flags ?? '')
    return 'problem' in compiled
      ? {
          problem: compiled.problem,
          fix: 'correct the expression (a backslash is written twice in a .properties file)',
        }
      : { value: compiled.value }
  })
}

/**
 * Every key below the option's name: `kafka.consumer` gives {"max.poll.records": "10"} for
 * kafka.consumer.max.poll.records. Where there is an option of the same name, a dot ends the prefix's:
 * `serializers.` stands beside `serializers`.
 */
export function prefix<const C extends Common<Readonly<Record<string, string>>>>(
  about: C,
): Field<Readonly<Record<string, string>>, true> {
  return {
    ...field<Readonly<Record<string, string>>, C>('prefix', 'any keys', about, () => ({ value: {} })),
    default: {},
    present: true,
  } as Field<Readonly<Record<string, string>>, true>
}
