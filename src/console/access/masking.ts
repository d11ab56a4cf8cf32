// What of messages is hidden, by rules of the configuration. A rule that cannot be followed hides the whole: fields are
// looked for in JSON objects alone, so that of a value that is none nothing is shown where there is a rule for fields.
import { choice, flag, list, regex, type OptionsOf } from '../../fields.ts'
import { isAvroContainer } from '../../wire/avro/container.ts'
import type { Role } from '../api/session.ts'
import { fits } from './roles.ts'

/** The keys behind mask.NAME. */
export const maskOptions = {
  topics: list({
    doc: 'Topics that the rule is for, in which * stands for any text; events of agents, whose topic is not known yet, are under every rule.',
    separator: ',',
    default: ['*'],
  }),
  headers: list({
    doc: 'Headers whose values are hidden, in which * stands for any text.',
    separator: ',',
    default: [],
  }),
  key: flag({ doc: 'Hides the key.', default: false, strict: true }),
  value: flag({ doc: 'Hides the value.', default: false, strict: true }),
  fields: list({
    doc: 'Fields of JSON that are hidden: a name wherever it stands, or a path from the top such as customer.*.iban; items of lists count as the list itself.',
    separator: ',',
    default: [],
  }),
  pattern: regex({
    doc: 'Text that is hidden wherever it occurs in keys, values and headers: a Java regular expression.',
    flags: 'g',
  }),
  unless: choice(['operator', 'admin'], { doc: 'Who has this role for the topic sees everything.' }),
} as const

export type MaskRule = OptionsOf<typeof maskOptions>

/** Whether the rule hides anything at all. */
export const isEffective = (rule: MaskRule): boolean =>
  rule.key || rule.value || rule.headers.length > 0 || rule.fields.length > 0 || rule.pattern !== undefined

/** What of a message can be read: a record of Kafka, or an event. */
export interface Readable {
  readonly key: Buffer | null
  readonly value: Buffer | null
  readonly headers: readonly { readonly key: string; readonly value: Buffer | null }[]
}

/** What stands where something is hidden. */
export const masked = '[masked]'
/** Larger texts are hidden whole: looking through them would hold up everybody. */
const mostBytes = 1024 * 1024

/**
 * The message as it may be shown. `topic` null, or empty: not known, so that each rule counts. `isExempt` tells whether
 * the reader has a role that a rule makes an exception for.
 */
export function maskMessage<R extends Readable>(
  rules: readonly MaskRule[],
  topic: string | null,
  message: R,
  isExempt: (role: Role) => boolean,
): R {
  const mine = rules.filter(
    ({ topics, unless }) =>
      (topic === null || topic === '' || topics.some(pattern => fits(pattern, topic))) &&
      (unless === undefined || !isExempt(unless)),
  )
  if (mine.length === 0) return message
  const inside = insideOf(mine)
  const isHeader = (name: string) =>
    mine.some(({ headers }) => headers.some(one => fits(one.toLowerCase(), name.toLowerCase())))
  return {
    ...message,
    key: mine.some(rule => rule.key) ? whole(message.key) : inside(message.key),
    value: mine.some(rule => rule.value) ? whole(message.value) : inside(message.value),
    headers: message.headers.map(one => ({
      ...one,
      key: textOf(inside(Buffer.from(one.key), true)),
      value: isHeader(one.key) ? whole(one.value) : inside(one.value, true),
    })),
  }
}

const textOf = (bytes: Buffer | null) => bytes?.toString('utf8') ?? ''
const whole = (bytes: Buffer | null) => (bytes === null ? null : Buffer.from(masked))
const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

type Hide = (bytes: Buffer | null, isHeader?: boolean) => Buffer | null

/** Hides fields and patterns. A header is seldom JSON, and is shown where it is not. */
function insideOf(rules: readonly MaskRule[]): Hide {
  const paths = rules.flatMap(({ fields }) => fields.map(one => one.toLowerCase().split('.')))
  const patterns = rules.flatMap(({ pattern }) => pattern ?? [])
  if (paths.length === 0 && patterns.length === 0) return bytes => bytes
  const hideIn = (text: string) => patterns.reduce((left, one) => left.replaceAll(one, masked), text)
  return (bytes, isHeader = false) => {
    if (bytes === null || bytes.length === 0) return bytes
    // What is packed cannot be looked through, and would be unpacked for who reads it.
    if (bytes.length > mostBytes || isAvroContainer(bytes)) return whole(bytes)
    let text: string
    try {
      text = utf8.decode(bytes)
    } catch {
      const hides = paths.length > 0 || hideIn(bytes.toString('latin1')) !== bytes.toString('latin1')
      return hides ? whole(bytes) : bytes
    }
    const json = jsonWithout(text, paths, hideIn)
    if (json !== null) return Buffer.from(hideIn(json))
    return paths.length > 0 && !isHeader ? whole(bytes) : Buffer.from(hideIn(text))
  }
}

/** What JSON.parse gives its reviver since ES2025. */
interface Source {
  readonly source?: string
}
const { rawJSON } = JSON as unknown as { rawJSON(text: string): unknown }

/** The text of an object or a list without what is hidden, and with numbers as they were written; null where it is none. */
function jsonWithout(
  text: string,
  paths: readonly (readonly string[])[],
  hideIn: (text: string) => string,
): string | null {
  if (!/^\s*[[{]/.test(text)) return null
  const exact = (_: string, value: unknown, context?: Source): unknown => {
    if (typeof value === 'string') return hideIn(value)
    if (typeof value !== 'number' || context?.source === undefined) return value
    return hideIn(context.source) === context.source ? rawJSON(context.source) : masked
  }
  try {
    const value: unknown = (JSON.parse as (text: string, revive: typeof exact) => unknown)(text, exact)
    return JSON.stringify(paths.length === 0 ? value : without(value, [], paths))
  } catch {
    return null
  }
}

function without(value: unknown, at: readonly string[], paths: readonly (readonly string[])[]): unknown {
  if (Array.isArray(value)) return value.map(one => without(one, at, paths))
  if (typeof value !== 'object' || value === null || isRaw(value)) return value
  return Object.fromEntries(
    Object.entries(value).map(([name, one]) => {
      const here = [...at, name.toLowerCase()]
      return [name, paths.some(path => isAt(path, here)) ? masked : without(one, here, paths)]
    }),
  )
}

const isRaw = (value: object): boolean =>
  (JSON as unknown as { isRawJSON(value: unknown): boolean }).isRawJSON(value)

/** A lone name fits wherever it stands. */
const isAt = (path: readonly string[], here: readonly string[]): boolean =>
  path.length === 1
    ? fits(path[0]!, here.at(-1)!)
    : path.length === here.length && path.every((name, index) => fits(name, here[index]!))
