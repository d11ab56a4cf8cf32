// What a message of the Kafka protocol is declared with: fields, each with the range of versions that
// have it. From one declaration come the TypeScript types, the encoder and the decoder of every version
// (message-codec.ts), for both sides of the wire.
//
// A version range is text as in Kafka's own documents: '3+', '1-4', '7'. Without one, a field is in
// every version.

/** Kafka's UUIDs are text here: 22 characters of base64url, as Kafka's tools print them. */
export const zeroUuid = 'AAAAAAAAAAAAAAAAAAAAAA'

export interface FieldOptions<T> {
  /** Versions that have the field. */
  readonly versions?: string
  /** Versions in which it may be null. */
  readonly nullable?: string
  /** Value where a version lacks the field, and where the caller gives none. */
  readonly default?: T | null
  /** A value other than the default is left out without an error where a version lacks the field. */
  readonly ignorable?: true
  /** Number of the tagged field, and the versions in which it is one. */
  readonly tag?: number
  readonly tagged?: string
}

export type Kind =
  | 'int8'
  | 'int16'
  | 'uint16'
  | 'int32'
  | 'uint32'
  | 'int64'
  | 'float64'
  | 'bool'
  | 'uuid'
  | 'string'
  | 'bytes'
  | 'array'
  | 'struct'

/** `T` is what it decodes to, `I` what the encoder takes, `Optional` whether the caller may leave it out. */
export interface Field<T = unknown, I = T, Optional extends boolean = boolean> {
  readonly kind: Kind
  readonly options: FieldOptions<unknown>
  /** The element of an array. */
  readonly element?: Field
  readonly fields?: FieldSet
  readonly phantom?: { decoded: T; input: I; optional: Optional }
}

export type FieldSet = Readonly<Record<string, Field>>

/** What a message decodes to: every field, those a version lacks with their defaults. */
export type BodyOf<S extends FieldSet> = {
  [K in keyof S]: S[K] extends Field<infer T, infer _I, infer _O> ? T : never
}
type OptionalKeys<S extends FieldSet> = {
  [K in keyof S]: S[K] extends Field<infer _T, infer _I, infer O> ? (O extends true ? K : never) : never
}[keyof S]
type InputAt<F> = F extends Field<infer _T, infer I, infer _O> ? I : never
/** What the encoder takes: fields that some version lacks, or that have a default, may be left out. */
export type InputOf<S extends FieldSet> = {
  readonly [K in Exclude<keyof S, OptionalKeys<S>>]: InputAt<S[K]>
} & { readonly [K in OptionalKeys<S>]?: InputAt<S[K]> | undefined }

type OrNull<C, T> = C extends { nullable: string } ? T | null : T
type IsOptional<C> = C extends { versions: string }
  ? true
  : C extends { default: unknown }
    ? true
    : C extends { tag: number }
      ? true
      : false

type Options<T> = FieldOptions<T> & { readonly kind?: never }
type Made<C, T, I = T> = Field<OrNull<C, T>, OrNull<C, I>, IsOptional<C>>

const scalar =
  <T>(kind: Kind, fallback: T) =>
  <const C extends Options<T> = {}>(options?: C): Made<C, T> =>
    ({ kind, options: { default: fallback, ...options } }) as Made<C, T>

export const int8 = scalar<number>('int8', 0)
export const int16 = scalar<number>('int16', 0)
export const uint16 = scalar<number>('uint16', 0)
export const int32 = scalar<number>('int32', 0)
export const uint32 = scalar<number>('uint32', 0)
/** A JavaScript number; beyond 2^53 both directions throw. */
export const int64 = scalar<number>('int64', 0)
export const float64 = scalar<number>('float64', 0)
export const bool = scalar<boolean>('bool', false)
export const uuid = scalar<string>('uuid', zeroUuid)
export const string = scalar<string>('string', '')
/** Decodes to a view of the message's bytes, not a copy. */
export const bytes = scalar<Buffer>('bytes', Buffer.alloc(0))
/** Record batches or a message set: bytes to this codec, see record-batch.ts and message-set.ts. */
export const records = bytes

export function array<F extends Field, const C extends Options<never[]> = {}>(
  element: F,
  options?: C,
): F extends Field<infer T, infer I, infer _O> ? Made<C, T[], readonly I[]> : never {
  return { kind: 'array', element, options: { default: [], ...options } } as never
}

export function struct<S extends FieldSet, const C extends Options<never> = {}>(
  fields: S,
  options?: C,
): Made<C, BodyOf<S>, InputOf<S>> {
  return { kind: 'struct', fields, options: { ...options } } as never
}

/** An array of structs, the commonest shape of all. */
export function list<S extends FieldSet, const C extends Options<never[]> = {}>(
  fields: S,
  options?: C,
): Made<C, BodyOf<S>[], readonly InputOf<S>[]> {
  return array(struct(fields) as Field, options) as never
}

export interface VersionRange {
  readonly first: number
  readonly last: number
}

/** '3+' is 3 to Infinity, '1-4' is 1 to 4, '7' is 7 only. */
export function parseVersions(text: string): VersionRange {
  const match = /^(\d+)(\+|-(\d+))?$/.exec(text)
  if (match === null) throw new Error(`"${text}" is not a version range`)
  const first = Number(match[1])
  return {
    first,
    last: match[2] === undefined ? first : match[3] === undefined ? Infinity : Number(match[3]),
  }
}

export function isIn(version: number, range: string | undefined): boolean {
  if (range === undefined) return false
  const { first, last } = parseVersions(range)
  return version >= first && version <= last
}
