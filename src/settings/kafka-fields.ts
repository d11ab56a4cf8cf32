// The types of Kafka's settings as fields, for its clients and for its brokers, so that one line declares a key: its
// default (null where there is none), what it does, and what else there is to say. Bounds are those of Java's int and
// long, from 0 on where nothing else is said; blanks around a value do not count, and an empty text is none.
//
// Source: ConfigDef of Kafka 4.1.0.
import {
  choice,
  field,
  flag,
  int,
  list,
  type About,
  type Bounds,
  type Choosing,
  type Field,
  type FieldKind,
} from '../fields.ts'

type More = Omit<About, 'doc'> & { readonly as?: string }
type NameIn<M> = M extends { as: infer Name extends string } ? Name : never
/** Without a default the value may be missing. */
type Kafka<T, D, M> = Field<T, D extends null ? false : true, NameIn<M>>

export const intMost = 2_147_483_647
/** The casts below say what the declared default and the other words mean for the type. */
const about = (fallback: unknown, doc: string, more?: object): never =>
  ({ ...more, doc, ...(fallback === null ? {} : { default: fallback }) }) as never
const typed = <T, D, M>(made: unknown) => made as Kafka<T, D, M>

export const int32 = <const D extends number | null, const M extends More & Bounds = {}>(
  fallback: D,
  doc: string,
  more?: M,
) => typed<number, D, M>(int(about(fallback, doc, { min: 0, max: intMost, ...more })))

export const int64 = <const D extends number | null, const M extends More & Bounds = {}>(
  fallback: D,
  doc: string,
  more?: M,
) => typed<number, D, M>(int(about(fallback, doc, { min: 0, ...more }), 'long'))

export const double = <const D extends number | null, const M extends More & Bounds = {}>(
  fallback: D,
  doc: string,
  more?: M,
) => {
  const { min = 0, max = Infinity } = more ?? {}
  const accepts = `a number ${max === Infinity ? `of at least ${min}` : `from ${min} to ${max}`}`
  const made = field<number, never>('double', accepts, about(fallback, doc, more), raw => {
    const value = Number(raw)
    return raw.trim() !== '' && value >= min && value <= max
      ? { value }
      : { problem: `"${raw}" is not ${accepts}`, fix: `write ${accepts}` }
  })
  return typed<number, D, M>(made)
}

export const bool = <const D extends boolean, const M extends More = {}>(
  fallback: D,
  doc: string,
  more?: M,
) => typed<boolean, D, M>(flag(about(fallback, doc, { ...more, strict: true })))

/** One of a few words; `fallback` is what the word stands for. */
export const oneOf = <const W, const D extends NoInfer<W>, const M extends More & Choosing = {}>(
  all: readonly (W & string)[] | Readonly<Record<string, W>>,
  fallback: D,
  doc: string,
  more?: M,
) => typed<W, D, M>(choice(all as never, about(fallback, doc, more)))

/** Words separated by commas, of which there may be a few alone. */
export const words = <const M extends More & { among?: readonly string[] } = {}>(
  fallback: readonly string[],
  doc: string,
  more?: M,
) => typed<readonly string[], {}, M>(list(about(fallback, doc, { ...more, separator: ',' })))

/** A text that must look like the pattern; `rule` says how. */
export const shaped = <T, const M extends More = {}>(
  { kind, pattern, rule, read }: Shape<T>,
  fallback: T,
  doc: string,
  more?: M,
) =>
  typed<T, {}, M>(
    field<T, never>(kind, rule, about(fallback, doc, more), raw =>
      pattern.test(raw)
        ? { value: read(raw) }
        : { problem: `"${raw}" is not possible`, fix: `write ${rule}` },
    ),
  )
interface Shape<T> {
  readonly kind: FieldKind
  readonly pattern: RegExp
  readonly rule: string
  readonly read: (text: string) => T
}

export const string = <const D extends string | null, const M extends More = {}>(
  fallback: D,
  doc: string,
  more?: M,
) =>
  typed<string, D, M>(
    field<string, never>('text', 'text', about(fallback, doc, more), raw => ({
      value: raw.trim() === '' ? (fallback as string) : raw.trim(),
    })),
  )

/** null where nothing is written. */
export const name = (doc: string): Field<string | null, true, never> => ({
  ...typed<string | null, {}, {}>(string(null, doc)),
  default: null,
})

/** A text that is no setting by itself: it is read with others, where they are needed. */
export const verbatim = (doc: string, more?: More) => string(null, doc, { ...more, as: '' })

/** The same, never shown. */
export const password = (doc: string) => verbatim(doc, { secret: true })

/** As Kafka calls the type of a setting. */
export function typeOf({ kind, secret }: Field<unknown>): KafkaType {
  if (secret === true) return 'password'
  if (kind === 'int' || kind === 'long' || kind === 'double' || kind === 'list') return kind
  return kind === 'flag' ? 'boolean' : 'string'
}
export type KafkaType = 'boolean' | 'string' | 'int' | 'long' | 'double' | 'list' | 'password'
