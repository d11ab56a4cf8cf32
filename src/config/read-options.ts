// A component's settings -> its typed options, by the fields of its definition; or every problem with
// them at once.
import type { Definition, Say, Surroundings } from '../component.ts'
import type { ComponentConfig, Setting } from './agent-config.ts'
import { suggest } from './did-you-mean.ts'
import type { Problem } from './problem.ts'

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
  readonly problems: readonly Problem[]
}

/** Reads the settings of `component` as `definition` declares them. */
export function readOptions(
  definition: Definition,
  component: ComponentConfig,
  surroundings: Surroundings,
): ReadOptions {
  const problems: Problem[] = []
  const settings = component.settings
  const prefixKey = component.type.key.replace(/type$/, '')
  const options: Record<string, unknown> = {}
  const both = sayOf(component, problems)

  const given = new Map<string, Setting>()
  for (const [key, setting] of settings) given.set(key, setting)
  takeDeprecated(definition, given, both)

  const seen = new Set<string>()
  for (const [name, field] of Object.entries(definition.options)) {
    if (field.kind === 'prefix') {
      const values: Record<string, string> = {}
      // A name that ends with the dot itself stands beside an option of the same name without it.
      const start = name.endsWith('.') ? name : `${name}.`
      for (const [key, setting] of given)
        if (key.startsWith(start)) {
          values[key.slice(start.length)] = setting.value
          seen.add(key)
        }
      options[name] = values
      continue
    }
    const setting = given.get(name)
    seen.add(name)
    if (setting === undefined) {
      if (field.required)
        both.error(name, 'is required and not written', `add ${prefixKey}${name} = ${field.example ?? '…'}`)
      options[name] = field.default
      continue
    }
    const parsed = field.parse(setting.value)
    if ('value' in parsed) {
      options[name] = parsed.value
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
    problems.push({
      severity: lenient ? 'warning' : 'error',
      place,
      problem: lenient ? `${problem}; ${String(options[name])} is used` : problem,
      fix: parsed.fix,
    })
  }

  const known = [
    ...Object.keys(definition.options),
    ...Object.keys(definition.deprecated ?? {}),
    ...reserved[definition.kind].keys,
  ]
  for (const [key, setting] of given)
    if (!seen.has(key)) complainOfKey({ definition, known, surroundings, options, problems }, key, setting)
  if (!problems.some(one => one.severity === 'error'))
    definition.check?.(options as never, both, surroundings)
  return problems.some(one => one.severity === 'error') ? { problems } : { options, problems }
}

/** Collects in `problems` what is said about the component's options, each where its key is written. */
export function sayOf(component: ComponentConfig, problems: Problem[]): Say {
  const prefixKey = component.type.key.replace(/type$/, '')
  const say = (severity: Problem['severity']) => (key: string, problem: string, fix: string) => {
    const place = component.settings.get(key)?.place ?? component.type.place
    problems.push({ severity, place, problem: `${prefixKey}${key}: ${problem}`, fix })
  }
  return { error: say('error'), warning: say('warning') }
}

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
    say.warning(old, 'is deprecated', `write ${to} instead; it works all the same`)
    given.set(to, { ...setting, value: value === undefined ? setting.value : value(setting.value) })
  }
}

function complainOfKey(
  component: {
    definition: Definition
    /** Keys that would be understood. */
    known: readonly string[]
    surroundings: Surroundings
    options: Record<string, unknown>
    problems: Problem[]
  },
  key: string,
  setting: Setting,
): void {
  const { definition, known, surroundings, options, problems } = component
  const { keys, prefixes } = reserved[definition.kind]
  if (keys.includes(key) || prefixes.some(prefix => key.startsWith(prefix))) return
  const reason = definition.withoutEffect?.[key]
  if (reason !== undefined) {
    problems.push({
      severity: 'warning',
      place: setting.place,
      problem: `${setting.key} has no effect here: ${reason}`,
      fix: 'remove it when you like',
    })
    return
  }
  const near = suggest(key, known)
  const used = near === undefined ? undefined : options[near]
  const text = Array.isArray(used) ? used.join(', ') : String(used ?? '')
  // What counts instead, where a path is at stake: data in a place nobody meant is the usual harm.
  const consequence =
    text.startsWith('~/') || text.startsWith('/')
      ? `; ${near} is ${text.replace(/^~(?=\/)/, surroundings.home)}`
      : ''
  problems.push({
    severity: 'warning',
    place: setting.place,
    problem: `${setting.key} is not a key of ${definition.kind} ${definition.type} and is ignored${consequence}`,
    fix:
      near === undefined ? 'see its page in docs/reference for the keys there are' : `did you mean ${near}`,
  })
}
