// What is written -> typed values, by the fields of a vocabulary; and whatever there is to say of a key: that it is
// not known, misspelt, deprecated, without effect, refused or missing, that its value is no such value. Components,
// the Kafka client and the broker read their settings here, so that all of them say it in the same words.
import { editDistance, suggest } from '../did-you-mean.ts'
import type { Field, Fields, OptionsOf, SettingsOf, Vocabulary } from '../fields.ts'

/**
 * Says what is wrong with a setting; whoever knows it adds file and line. `key` is the key as written, `problem` a
 * clause of its own, or a predicate (`is …`, `names …`) of which the key is the subject. `newKey` is the key that
 * `fix` suggests instead.
 */
export interface Say {
  /** The setting cannot be used. */
  error(key: string, problem: string, fix: string, newKey?: string): void
  /** The setting can be used, and the operator should know something about it. */
  warning(key: string, problem: string, fix: string, newKey?: string): void
}

/** What is said of a key: a predicate of its own, or a clause behind a colon. */
export const clause = (key: string, said: string): string =>
  `${key}${/^(is|are|has|names|needs|holds|must|and) /.test(said) ? '' : ':'} ${said}`

/** What is said of a key that is known and changes nothing. */
export const withoutEffect = 'has no effect here'

/** What stands in a message where the text may be a secret. */
const unsaid = 'the value is not valid (it is not shown)'

/** What is wrong with a text for a field, with what to write; null where nothing is. */
export function problemWith(key: string, field: Field<unknown>, text: string): string | null {
  const parsed = field.parse(text)
  if (parsed.problem === undefined) return null
  return `${clause(key, field.secret === true ? unsaid : parsed.problem)}; ${parsed.fix}`
}

export interface Written {
  readonly value: string
  readonly place?: { readonly file: string; readonly line: number }
  /** It came, in part, from elsewhere: it may be a secret and is not printed. */
  readonly looked?: boolean
}

export interface Reading {
  /** Whose keys they are: `sink avro`. */
  readonly whose: string
  /** Where all keys stand: `the page of the component in docs/reference`. */
  readonly page: string
  readonly say: Say
  /** What stands before each key in the file. */
  readonly before?: string
  /** What ~/ means in a path that counts instead of what a misspelt key says. */
  readonly home?: string
  /** Keys, and beginnings of keys, that others read. */
  readonly others?: { readonly keys: readonly string[]; readonly prefixes: readonly string[] }
  /** Takes note of a key without effect; a warning where absent. */
  readonly idle?: (key: string) => void
}

/** So many unknown keys are compared with those there are, and told one by one; more are no slips. */
const mostSuggestions = 100
const mostUnknown = 10_000

/** `given` are the settings by the names that count, `values` what the fields make of them. */
export function readSettings<F extends Fields, W extends Written>(
  vocabulary: Vocabulary<F>,
  written: ReadonlyMap<string, W>,
  reading: Reading,
): { readonly values: OptionsOf<F>; readonly given: ReadonlyMap<string, W> } {
  const { say, before = '' } = reading
  const given = new Map(written)
  const oldNames = takeDeprecated(vocabulary, given, say)
  const values: Record<string, unknown> = {}
  const seen = new Set<string>()
  for (const [name, field] of Object.entries(vocabulary.options)) {
    if (field.kind === 'prefix') {
      const start = prefixOf(name)
      const below = [...given].filter(([key]) => key.startsWith(start))
      for (const [key] of below) seen.add(key)
      values[name] = Object.fromEntries(below.map(([key, { value }]) => [key.slice(start.length), value]))
      continue
    }
    seen.add(name)
    values[name] = field.default
    const setting = given.get(name)
    if (setting === undefined) {
      if (field.required)
        say.error(name, 'is required and not written', `add ${before}${name} = ${field.example ?? '…'}`)
      continue
    }
    const parsed = field.parse(setting.value)
    if ('value' in parsed) values[name] = parsed.value
    if (parsed.problem === undefined) continue
    const problem = field.secret === true || setting.looked === true ? unsaid : parsed.problem
    const key = oldNames.get(name) ?? name
    if ('value' in parsed) say.warning(key, `${problem}; ${String(parsed.value)} is used`, parsed.fix)
    else say.error(key, problem, parsed.fix)
  }

  const { keys: known, prefixes } = reading.others ?? { keys: [], prefixes: [] }
  const unknown = [...given.keys()].filter(
    key => !seen.has(key) && !known.includes(key) && !prefixes.some(prefix => key.startsWith(prefix)),
  )
  const near = unknown.length > 0 ? nearestIn(vocabulary, reading) : () => undefined
  for (const [at, key] of unknown.slice(0, mostUnknown).entries())
    complain(key, { vocabulary, given, values, reading }, at < mostSuggestions ? near : () => undefined)
  const further = unknown[mostUnknown]
  if (further !== undefined)
    say.warning(
      further,
      `and ${unknown.length - mostUnknown - 1} more are not keys of ${reading.whose} and are ignored`,
      'remove them',
    )
  return { values: values as OptionsOf<F>, given }
}

/** What the setting is called in the program. */
export const nameOf = (key: string, { as }: Field<unknown>): string =>
  as ?? key.replaceAll(/\.(.)/g, (_, letter: string) => letter.toUpperCase())

/** Values by the names that the program has for them. */
export const settingsOf = <F extends Fields>(fields: F, values: OptionsOf<F>): SettingsOf<F> =>
  Object.fromEntries(
    Object.entries(fields)
      .map(([key, field]) => [nameOf(key, field), values[key as keyof F]] as const)
      .filter(([name]) => name !== ''),
  ) as SettingsOf<F>

/** What counts where nothing is written. */
export const defaultsOf = <F extends Fields>(fields: F): SettingsOf<F> =>
  settingsOf(
    fields,
    Object.fromEntries(Object.entries(fields).map(([key, field]) => [key, field.default])) as OptionsOf<F>,
  )

/** A name that ends with the dot itself stands beside an option of the same name without it. */
export const prefixOf = (name: string): string => (name.endsWith('.') ? name : `${name}.`)

/** Hands the values of deprecated keys over to the keys that replace them; gives the old names by the new ones. */
function takeDeprecated<W extends Written>(
  { deprecated = {} }: Vocabulary,
  given: Map<string, W>,
  say: Say,
): ReadonlyMap<string, string> {
  const oldNames = new Map<string, string>()
  for (const [old, { to, value }] of Object.entries(deprecated)) {
    const setting = given.get(old)
    if (setting === undefined) continue
    given.delete(old)
    if (given.has(to)) {
      say.warning(old, `is deprecated and has no effect beside ${to}`, 'remove it')
      continue
    }
    say.warning(old, `is the deprecated name of ${to} and is read as that`, `write ${to}`, to)
    given.set(to, value === undefined ? setting : { ...setting, value: value(setting.value) })
    oldNames.set(to, old)
  }
  return oldNames
}

interface Found {
  readonly vocabulary: Vocabulary
  readonly given: ReadonlyMap<string, Written>
  readonly values: Readonly<Record<string, unknown>>
  readonly reading: Reading
}

/** Says of a key that is no option whatever there is to say. */
function complain(
  key: string,
  { vocabulary, given, values, reading }: Found,
  nearest: (key: string) => string | undefined,
): void {
  const { say, whose, page, home = '~' } = reading
  const { withoutEffect: idle = {}, refused = {} } = vocabulary
  if (Object.hasOwn(refused, key)) return say.error(key, refused[key]!, 'remove it')
  if (Object.hasOwn(idle, key))
    return reading.idle === undefined
      ? say.warning(key, `${withoutEffect}: ${idle[key]}`, 'remove it when you like')
      : reading.idle(key)
  const what = `is not a key of ${whose} and is ignored`
  const near = nearest(key)
  if (near === undefined) return say.warning(key, what, `remove it, or see ${page} for the keys there are`)
  const written = given.get(near)
  if (written !== undefined) {
    const where = written.place === undefined ? 'as well' : `in line ${written.place.line}`
    return say.warning(key, what, `remove it: ${near}, which is near, is written ${where}`)
  }
  if (Object.hasOwn(refused, near))
    return say.warning(key, what, `remove it: ${near}, which is near, is refused`)
  if (Object.hasOwn(idle, near))
    return say.warning(key, what, `remove it: ${near}, which is near, ${withoutEffect}`)
  const used = values[near]
  const text = Array.isArray(used) ? used.join(', ') : String(used ?? '')
  // What counts instead, where a path is at stake: data in a place nobody meant is the usual harm.
  const consequence =
    text.startsWith('~/') || text.startsWith('/') ? `; ${near} is ${text.replace(/^~(?=\/)/, home)}` : ''
  say.warning(key, `${what}${consequence}`, `did you mean ${near}`, near)
}

/** Finds the key that is written instead of the one nearest: the newer name, or a name below a prefix. */
function nearestIn(
  { options, deprecated = {}, withoutEffect: idle = {}, refused = {} }: Vocabulary,
  { others }: Reading,
): (key: string) => string | undefined {
  const names = Object.keys(options)
  const beginnings = [
    ...(others?.prefixes ?? []),
    ...names.flatMap(name => (options[name]!.kind === 'prefix' ? [prefixOf(name)] : [])),
  ]
  const known = [
    ...names.filter(name => options[name]!.kind !== 'prefix'),
    ...[deprecated, idle, refused].flatMap(one => Object.keys(one)),
    ...(others?.keys ?? []),
  ]
  return key => {
    const near = suggest(key, [...known, ...beginnings.flatMap(one => belowBeginning(one, key) ?? [])])
    return near !== undefined && Object.hasOwn(deprecated, near) ? deprecated[near]!.to : near
  }
}

/** `kafka.consumer.group.id` of `kafka.consumr.group.id`, where the beginnings are that near. */
function belowBeginning(beginning: string, key: string): string | undefined {
  const words = key.split('.')
  const count = beginning.split('.').length - 1
  const own = `${words.slice(0, count).join('.')}.`
  if (words.length <= count || editDistance(own.toLowerCase(), beginning.toLowerCase()) > 2) return undefined
  return `${beginning}${words.slice(count).join('.')}`
}
