// A component's settings -> its typed options, by the fields of its definition; or every problem with
// them at once.
import type { Definition, Say, Surroundings } from '../component.ts'
import type { ComponentConfig, Setting } from './agent-config.ts'
import type { Field } from '../fields.ts'
import type { OptionsSnapshot, OptionSnapshot, OptionValue } from '../observe/snapshot.ts'
import { hidden, withoutCredentials } from '../printable.ts'
import { clause, prefixOf, readSettings } from '../settings/read-settings.ts'
import { placeOf, type Problem } from './problem.ts'
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
  const say = sayOf(component, problems)
  const { values, given } = readSettings(definition, component.settings, {
    whose: `${definition.kind} ${definition.type}`,
    page: 'the page of the component in docs/reference',
    say,
    before: beforeKeys(component),
    home: surroundings.home,
    others: reserved[definition.kind],
  })
  const shown = Object.entries(definition.options).flatMap(([name, field]) =>
    field.kind === 'prefix'
      ? [...given]
          .filter(([key]) => key.startsWith(prefixOf(name)))
          .map(([key, setting]) => [key, shownOption(key, field, setting, setting.value)] as const)
      : [[name, shownOption(name, field, given.get(name), values[name])] as const],
  )
  const isRefused = () => problems.some(one => one.severity === 'error')
  if (!isRefused()) definition.check?.(values as never, say, surroundings)
  return { ...(isRefused() ? {} : { options: values }), shown: Object.fromEntries(shown), problems }
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
  const before = beforeKeys(component)
  const say =
    (severity: Problem['severity']) =>
    (key: string, problem: string, fix: string, newKey?: string): void => {
      const place = component.settings.get(key)?.place ?? component.type.place
      const whole = `${before}${key}`
      const edit = newKey === undefined ? undefined : { key: whole, newKey: `${before}${newKey}` }
      problems.push({ severity, place, problem: clause(whole, problem), fix, edit })
    }
  return { error: say('error'), warning: say('warning') }
}

/** What stands before the keys of the component in a file. */
const beforeKeys = ({ type }: ComponentConfig): string => type.key.replace(/type$/, '')
