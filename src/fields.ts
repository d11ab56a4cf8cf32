// Fields: what an option of a component accepts. A component declares its options as a record of
// fields; from that one declaration come parsing and validation, the TypeScript types, the defaults
// and the reference pages. Flume's options are flat keys with text values, plus prefixes under which
// everything is passed on (kafka.consumer.*): this small vocabulary fits exactly that.
import { compileJavaRegex } from './java/java-regex.ts'

/** What a field says of itself, for the reference page. */
interface About {
  /** One or two sentences: what the option does. */
  readonly doc: string
  readonly unit?: 'ms' | 's' | 'bytes' | 'events' | 'percent'
  readonly example?: string
  /** The value must not appear in any log, error or listing. */
  readonly secret?: boolean
  /** 'ours' marks an option Flume does not have. Otherwise the Flume version that introduced it. */
  readonly since?: 'ours' | '1.8' | '1.9' | '1.10' | '1.11'
  /** How our behaviour differs from Flume's, or why the option has no effect. */
  readonly differs?: string
}

export type Parsed<T> = { readonly value: T } | { readonly problem: string; readonly fix: string }

export interface Field<T, Present extends boolean = boolean> extends About {
  readonly kind: FieldKind
  /** Whether the key must be written. */
  readonly required: boolean
  /** Value when the key is absent; undefined where there is none. */
  readonly default: T | undefined
  /** Bounds and choices, as text for the reference page. */
  readonly accepts: string
  /** `prefix` collects every key that starts with the option's name and a dot. */
  readonly parse: (text: string) => Parsed<T>
  /** Flume replaces a bad value by the default with a warning; so do we where this is set. */
  readonly badValueMeansDefault?: boolean
  /** Phantom: true where the value is never undefined. */
  readonly present?: Present
}

export type FieldKind = 'text' | 'int' | 'flag' | 'choice' | 'list' | 'regex' | 'prefix'
export type Fields = Readonly<Record<string, Field<unknown>>>

/** The typed options that a record of fields describes. */
export type OptionsOf<F extends Fields> = {
  readonly [K in keyof F]: F[K] extends Field<infer T, infer Present>
    ? Present extends true
      ? T
      : T | undefined
    : never
}

interface Common<T> extends About {
  readonly required?: true
  readonly default?: T
  readonly badValueMeansDefault?: boolean
}
type PresentIf<C> = C extends { required: true } ? true : C extends { default: {} } ? true : false

function field<T, C extends Common<T>>(
  kind: FieldKind,
  accepts: string,
  about: C,
  parse: (text: string) => Parsed<T>,
): Field<T, PresentIf<C>> {
  return { ...about, kind, accepts, parse, required: about.required === true, default: about.default }
}

/** Any text. */
export function text<const C extends Common<string>>(about: C): Field<string, PresentIf<C>> {
  return field<string, C>('text', 'text', about, value => ({ value }))
}

/** A whole number as Java's parseInt and parseLong read it: blanks trimmed, a sign, decimal digits. */
export function int<const C extends Common<number> & { min?: number; max?: number }>(
  about: C,
): Field<number, PresentIf<C>> {
  const { min = Number.MIN_SAFE_INTEGER, max = Number.MAX_SAFE_INTEGER } = about
  const accepts =
    about.max !== undefined
      ? `a whole number from ${about.min ?? 'any'} to ${max}`
      : about.min !== undefined
        ? `a whole number, at least ${min}`
        : 'a whole number'
  return field<number, C>('int', accepts, about, raw => {
    const trimmed = raw.trim()
    const value = Number(trimmed)
    if (!/^[+-]?\d+$/.test(trimmed))
      return { problem: `"${raw}" is not a whole number`, fix: `write ${accepts}` }
    // Java's Long.MAX_VALUE and its kin mean "no limit" in Flume files.
    const clipped = Math.max(Math.min(value, Number.MAX_SAFE_INTEGER), Number.MIN_SAFE_INTEGER)
    if (clipped < min || clipped > max)
      return { problem: `${trimmed} is outside what is allowed`, fix: `write ${accepts}` }
    return { value: clipped }
  })
}

/** true, in any case; everything else is false, as in Flume, with a problem when it is not "false". */
export function flag<const C extends Common<boolean>>(about: C): Field<boolean, PresentIf<C>> {
  return field<boolean, C>('flag', 'true or false', about, raw => {
    const lower = raw.trim().toLowerCase()
    if (lower === 'true') return { value: true }
    if (lower === 'false') return { value: false }
    return {
      problem: `"${raw}" is neither true nor false (Flume reads it as false)`,
      fix: 'write true or false',
    }
  })
}

/** One of a few words, in any case; the value is the word as declared. */
export function choice<const W extends string, const C extends Common<NoInfer<W>>>(
  words: readonly W[],
  about: C,
): Field<W, PresentIf<C>> {
  const accepts = words.join(', ')
  return field<W, C>('choice', accepts, about, raw => {
    const found = words.find(word => word.toLowerCase() === raw.trim().toLowerCase())
    if (found !== undefined) return { value: found }
    return { problem: `"${raw}" is not one of: ${accepts}`, fix: `write one of: ${accepts}` }
  })
}

/** Words separated by blanks, or by commas where `separator` says so; empty words are left out. */
export function list<const C extends Common<readonly string[]> & { separator?: ',' | ' ' }>(
  about: C,
): Field<readonly string[], PresentIf<C>> {
  const pattern = about.separator === ',' ? /\s*,\s*/ : /\s+/
  const accepts = about.separator === ',' ? 'words separated by commas' : 'words separated by blanks'
  return field<readonly string[], C>('list', accepts, about, raw => ({
    value: raw.trim().split(pattern).filter(Boolean),
  }))
}

/** A regular expression in Java's syntax; the value is a RegExp of the same meaning. */
export function regex<const C extends Common<RegExp> & { flags?: string }>(
  about: C,
): Field<RegExp, PresentIf<C>> {
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
