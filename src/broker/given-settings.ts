// The keys and values of a server.properties: values by the vocabulary of settings/broker-keys.ts, and texts that are
// asked for one by one, where a listener needs them. What nobody has asked for in the end has no effect.
import type { Place, Problem } from '../config/problem.ts'
import { mayBeSecret, parseProperties } from '../config/properties.ts'
import type { OptionsOf } from '../fields.ts'
import { clause, readSettings, type Say } from '../settings/read-settings.ts'
import { brokerKeys, brokerVocabulary, isKafkaKey, keyOf } from './settings/broker-keys.ts'
import { passedOn } from './settings/kafka-keys.ts'

interface Given {
  readonly value: string
  /** Absent: it is an override. */
  readonly place?: Place
}

export class GivenSettings implements Say {
  readonly problems: Problem[]
  /** What is written by its fields, defaults where it is not, or not possible. */
  readonly values: OptionsOf<typeof brokerKeys>
  readonly #given = new Map<string, Given>()
  readonly #used = new Set<string>()

  /** `overrides` count more than the text. */
  constructor(text: string, file: string, overrides: Readonly<Record<string, string>>) {
    const { settings, problems } = parseProperties(text, file)
    this.problems = [...problems]
    for (const { key, value, place } of settings) this.#given.set(key, { value: value.trim(), place })
    for (const [key, value] of Object.entries(overrides)) this.#given.set(key, { value: value.trim() })
    // An empty value is none, but a stranger's key is one whatever its value.
    const filled = [...this.#given].filter(([key, { value }]) => value !== '' || keyOf(key) === undefined)
    this.values = readSettings(brokerVocabulary, new Map(filled), {
      whose: 'a Kafka broker',
      page: 'docs/reference/broker-settings.md',
      say: this,
      others: { keys: [], prefixes: passedOn },
      idle: () => {},
    }).values
    // Texts count where they are asked for.
    for (const [key, { kind }] of Object.entries(brokerKeys)) if (kind !== 'text') this.#used.add(key)
    for (const [key, { value }] of this.#given) this.#tellLookup(key, value)
  }

  error(key: string, problem: string, fix: string): void {
    this.#complain('error', [key], problem, fix)
  }

  warning(key: string, problem: string, fix: string): void {
    this.#complain('warning', [key], problem, fix)
  }

  /** Warns of several keys at once, at the place of the first. */
  warnOf(keys: readonly string[], problem: string, fix: string): void {
    this.#complain('warning', keys, problem, fix)
  }

  #complain(severity: Problem['severity'], keys: readonly string[], said: string, fix: string): void {
    const place = this.#given.get(keys[0]!)?.place
    this.problems.push({ severity, place, problem: clause(keys.join(', '), said), fix })
  }

  get keys(): string[] {
    return [...this.#given.keys()]
  }

  /** Every key and its value, as they count. */
  get texts(): Readonly<Record<string, string>> {
    return Object.fromEntries([...this.#given].map(([key, { value }]) => [key, value]))
  }

  /** Keys of Kafka's nobody has asked for. */
  get unused(): string[] {
    return this.keys.filter(key => !this.#used.has(key) && isKafkaKey(key))
  }

  /** With a value. */
  isWritten(key: string): boolean {
    return (this.#given.get(key)?.value ?? '') !== ''
  }

  isEmpty(key: string): boolean {
    return this.#given.get(key)?.value === ''
  }

  /** A path with a lookup in it, as the configuration of an agent may have. */
  #tellLookup(key: string, value: string): void {
    const [lookup] = /^log\.dirs?$|\.location$/.test(key) ? (/\$\{[^}]*\}/.exec(value) ?? []) : []
    if (lookup !== undefined)
      this.warning(key, `${lookup} stays as typed: a broker looks up no variables`, 'write the path itself')
  }

  /** Undefined where the key is absent or empty. */
  text(key: string): string | undefined {
    this.#used.add(key)
    return this.isWritten(key) ? this.#given.get(key)!.value : undefined
  }

  /** `rule` completes "write …". The value is repeated, but for secrets. */
  refuse(key: string, rule: string): void {
    const { value } = this.#given.get(key)!
    this.error(
      key,
      mayBeSecret(key) ? 'the value is not possible (it is not shown)' : `"${value}" is not possible`,
      `write ${rule}`,
    )
  }
}
