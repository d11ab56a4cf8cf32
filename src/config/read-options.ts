// A component's settings -> its typed options, by the fields of its definition; or every problem with
// them at once.
import type { Definition, Say, Surroundings } from '../component.ts'
import type { ComponentConfig, Setting } from './agent-config.ts'
import { editDistance, suggest } from '../did-you-mean.ts'
import type { Field } from '../fields.ts'
import type { OptionsSnapshot, OptionSnapshot, OptionValue } from '../observe/snapshot.ts'
import { hidden, withoutCredentials } from '../printable.ts'
import { placeOf, type Edit, type Problem } from './problem.ts'
import { mayBeSecret } from './properties.ts'

/** Keys the grammar reads, by kind of component. */
const reserved: Record<
  Definition['kind'],
  { readonly keys: readonly string[]; readonly prefixes: readonly string[] }
> = {
  source: {
    keys: ['type', 'channels', 'interceptors', 'config'],
    prefixes: ['selector.', 'interceptors.', 'runner.'],
  },
  sink: { keys: ['type', 'channel', 'config'], prefixes: ['runner.'] },
  channel: { keys: ['type', 'config'], prefixes: [] },
  interceptor: { keys: ['type'], prefixes: [] },
  selector: { keys: ['type'], prefixes: [] },
  'sink-processor': { keys: ['type'], prefixes: [] },
}

export interface ReadOptions {
  /** Absent when there is an error among the problems. */
  readonly options?: Record<string, unknown>
  /** The same for readers outside, without what may be secret. */
  readonly shown: OptionsSnapshot
  readonly problems: readonly Problem[]
}

/** Reads the settings of `component` as `definition` declares them. */
export function readOptions(
  definition: Definition,
  component: ComponentConfig,
  surroundings: Surroundings,
): ReadOptions {
  const problems: Problem[] = []
  const prefixKey = component.type.key.replace(/type$/, '')
  const options: Record<string, unknown> = {}
  const shown: Record<string, OptionSnapshot> = {}
  const both = sayOf(component, problems)

  const given = new Map(component.settings)
  takeDeprecated(definition, given, both)

  const seen = new Set<string>()
  for (const [name, field] of Object.entries(definition.options)) {
    if (field.kind === 'prefix') {
      const values: [key: string, value: string][] = []
      // A name that ends with the dot itself stands beside an option of the same name without it.
      const start = name.endsWith('.') ? name : `${name}.`
      for (const [key, setting] of given)
        if (key.startsWith(start)) {
          values.push([key.slice(start.length), setting.value])
          shown[key] = shownOption(key, field, setting, setting.value)
          seen.add(key)
        }
      options[name] = Object.fromEntries(values)
      continue
    }
    const setting = given.get(name)
    seen.add(name)
    if (setting === undefined) {
      if (field.required)
        both.error(name, 'is required and not written', `add ${prefixKey}${name} = ${field.example ?? '…'}`)
      options[name] = field.default
      shown[name] = shownOption(name, field, setting, field.default)
      continue
    }
    const parsed = field.parse(setting.value)
    if ('value' in parsed) {
      options[name] = parsed.value
      shown[name] = shownOption(name, field, setting, parsed.value)
      continue
    }
    const masked =
      field.secret === true || setting.looked === true
        ? 'the value is not valid (it is not shown)'
        : parsed.problem
    const place = setting.place
    const problem = `${setting.key}: ${masked}`
    // Flume replaces what it cannot read here by the default, and reads a flag that is no flag as false.
    const lenient = field.kind === 'flag' || field.badValueMeansDefault === true
    options[name] = field.kind === 'flag' ? false : field.default
    shown[name] = shownOption(name, field, setting, options[name])
    problems.push({
      severity: lenient ? 'warning' : 'error',
      place,
      problem: lenient ? `${problem}; ${String(options[name])} is used` : problem,
      fix: parsed.fix,
    })
  }

  const { keys, prefixes } = reserved[definition.kind]
  const unknown = [...given].filter(
    ([key]) => !seen.has(key) && !keys.includes(key) && !prefixes.some(prefix => key.startsWith(prefix)),
  )
  for (const [at, [key, setting]] of unknown.slice(0, mostUnknown).entries()) {
    const near = at < mostSuggestions ? nearKey(definition, key) : undefined
    complainOfKey({ definition, component, surroundings, options, problems }, setting, key, near)
  }
  const [, further] = unknown[mostUnknown] ?? []
  if (further !== undefined)
    problems.push({
      severity: 'warning',
      place: further.place,
      problem: `${further.key} and ${unknown.length - mostUnknown - 1} more are not keys of ${definition.kind} ${definition.type} and are ignored`,
      fix: 'remove them',
    })
  if (!problems.some(one => one.severity === 'error'))
    definition.check?.(options as never, both, surroundings)
  return { ...(problems.some(one => one.severity === 'error') ? {} : { options }), shown, problems }
}

/** What may be told to anybody of an option; `setting` where it is written. */
function shownOption(
  key: string,
  field: Field<unknown>,
  setting: Setting | undefined,
  value: unknown,
): OptionSnapshot {
  const isSecret =
    setting !== undefined && (field.secret === true || setting.looked === true || mayBeSecret(key))
  return {
    value: isSecret ? hidden : shownValue(value, setting?.value),
    default: field.kind === 'prefix' ? null : shownValue(field.default),
    writtenAt: setting === undefined ? null : placeOf(setting.place),
  }
}

/** Text, numbers and lists as they are; of anything else, such as a regular expression, what is `written`. */
function shownValue(value: unknown, written?: string): OptionValue {
  if (value === undefined || typeof value === 'number' || typeof value === 'boolean') return value ?? null
  if (Array.isArray(value)) return value.map(one => withoutCredentials(String(one)))
  if (typeof value === 'string') return withoutCredentials(value)
  return withoutCredentials(written ?? (value instanceof RegExp ? value.source : String(value)))
}

/** Collects in `problems` what is said about the component's options, each where its key is written. */
export function sayOf(component: ComponentConfig, problems: Problem[]): Say {
  const prefixKey = component.type.key.replace(/type$/, '')
  const say =
    (severity: Problem['severity']) =>
    (key: string, problem: string, fix: string, newKey?: string): void => {
      const place = component.settings.get(key)?.place ?? component.type.place
      const whole = `${prefixKey}${key}`
      const edit = newKey === undefined ? {} : { edit: { key: whole, newKey: `${prefixKey}${newKey}` } }
      problems.push({ severity, place, problem: clause(whole, problem), fix, ...edit })
    }
  return { error: say('error'), warning: say('warning') }
}

/** What is said of a key: a predicate of its own, or a clause behind a colon. */
const clause = (key: string, said: string): string =>
  `${key}${/^(is|are|has|names|needs|holds|must) /.test(said) ? '' : ':'} ${said}`

/** Hands the values of deprecated keys over to the keys that replace them. */
function takeDeprecated(definition: Definition, given: Map<string, Setting>, say: Say): void {
  for (const [old, { to, value }] of Object.entries(definition.deprecated ?? {})) {
    const setting = given.get(old)
    if (setting === undefined) continue
    given.delete(old)
    if (given.has(to)) {
      say.warning(old, `is deprecated and has no effect beside ${to}`, 'remove it')
      continue
    }
    say.warning(old, `is the deprecated name of ${to} and is read as that`, `write ${to}`, to)
    given.set(to, { ...setting, value: value === undefined ? setting.value : value(setting.value) })
  }
}

/** So many unknown keys of a component are compared with those there are, and told one by one; more are no slips. */
const mostSuggestions = 100
const mostUnknown = 10_000

function complainOfKey(
  about: {
    definition: Definition
    component: ComponentConfig
    surroundings: Surroundings
    options: Record<string, unknown>
    problems: Problem[]
  },
  setting: Setting,
  key: string,
  near: string | undefined,
): void {
  const { definition, component, surroundings, options, problems } = about
  const { place } = setting
  const warn = (problem: string, fix: string, edit?: Edit) =>
    problems.push({ severity: 'warning', place, problem, fix, ...(edit === undefined ? {} : { edit }) })
  if (Object.hasOwn(definition.withoutEffect ?? {}, key)) {
    warn(`${setting.key} has no effect here: ${definition.withoutEffect![key]}`, 'remove it when you like')
    return
  }
  const what = `${setting.key} is not a key of ${definition.kind} ${definition.type} and is ignored`
  if (near === undefined) {
    warn(what, 'remove it, or see the page of the component in docs/reference for the keys there are')
    return
  }
  const written = component.settings.get(near)
  if (written !== undefined) {
    warn(what, `remove it: ${near}, which is near, is written in line ${written.place.line}`)
    return
  }
  const used = options[near]
  const text = Array.isArray(used) ? used.join(', ') : String(used ?? '')
  // What counts instead, where a path is at stake: data in a place nobody meant is the usual harm.
  const consequence =
    text.startsWith('~/') || text.startsWith('/')
      ? `; ${near} is ${text.replace(/^~(?=\/)/, surroundings.home)}`
      : ''
  const newKey = `${setting.key.slice(0, setting.key.length - key.length)}${near}`
  warn(`${what}${consequence}`, `did you mean ${near}`, { key: setting.key, newKey })
}

/** The key that is written instead of the one nearest to `key`: the newer name, or a name below the prefix. */
function nearKey(definition: Definition, key: string): string | undefined {
  const { options, deprecated = {}, kind } = definition
  const beginnings = [
    ...reserved[kind].prefixes,
    ...Object.keys(options).flatMap(name =>
      options[name]!.kind === 'prefix' ? [`${name.replace(/\.$/, '')}.`] : [],
    ),
  ]
  const known = [
    ...Object.keys(options).filter(name => options[name]!.kind !== 'prefix'),
    ...Object.keys(deprecated),
    ...reserved[kind].keys,
    ...beginnings.flatMap(beginning => belowBeginning(beginning, key) ?? []),
  ]
  const near = suggest(key, known)
  return near !== undefined && Object.hasOwn(deprecated, near) ? deprecated[near]!.to : near
}

/** `kafka.consumer.group.id` of `kafka.consumr.group.id`, where the beginnings are that near. */
function belowBeginning(beginning: string, key: string): string | undefined {
  const words = key.split('.')
  const count = beginning.split('.').length - 1
  const own = `${words.slice(0, count).join('.')}.`
  if (words.length <= count || editDistance(own.toLowerCase(), beginning.toLowerCase()) > 2) return undefined
  return `${beginning}${words.slice(count).join('.')}`
}
