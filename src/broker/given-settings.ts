// The keys and values of a server.properties as they are asked for one by one: what breaks the rule of its
// key (settings/broker-keys.ts) is refused with its place. What nobody has asked for in the end has no
// effect where Kafka knows it, and is taken for a mistake where not.
import { sentenceOf } from '../config/problem.ts'
import { parseProperties } from '../config/properties.ts'
import { suggest } from '../did-you-mean.ts'
import { brokerKeys, keyOf, ruleBroken, type BrokerKeyName } from './settings/broker-keys.ts'
import { isKafkaKey, kafkaKeys } from './settings/kafka-keys.ts'

const minuteMs = 60_000
const hourMs = 60 * minuteMs

export class GivenSettings {
  /** One sentence each; the broker does not start. */
  readonly errors: string[] = []
  readonly warnings: string[]
  readonly #values = new Map<string, { value: string; where: string }>()
  readonly #used = new Set<string>()

  /** `overrides` count more than the text. */
  constructor(text: string, file: string, overrides: Readonly<Record<string, string>>) {
    const { settings, problems } = parseProperties(text, file)
    for (const { key, value, place } of settings)
      this.#values.set(key, { value: value.trim(), where: `${place.file}:${place.line}: ` })
    for (const [key, value] of Object.entries(overrides))
      this.#values.set(key, { value: value.trim(), where: '' })
    this.warnings = problems.map(sentenceOf)
  }

  get keys(): string[] {
    return [...this.#values.keys()]
  }

  /** Every key and its value, as they count. */
  get values(): Readonly<Record<string, string>> {
    return Object.fromEntries([...this.#values].map(([key, { value }]) => [key, value]))
  }

  /** Keys of Kafka's nobody has asked for. */
  get unused(): string[] {
    return this.keys.filter(key => !this.#used.has(key) && isKafkaKey(key))
  }

  /** One sentence for each key that neither the broker nor Kafka knows. */
  get unknown(): string[] {
    const strangers = this.keys.filter(key => !this.#used.has(key) && !isKafkaKey(key))
    return strangers.map(key => {
      const near = suggest(key, [...new Set([...Object.keys(brokerKeys), ...kafkaKeys])])
      const fix =
        near === undefined
          ? ''
          : Object.hasOwn(brokerKeys, near)
            ? `; did you mean ${near}?`
            : `; ${near}, which is near, has no effect on this broker`
      return `${this.placeOf(key)}"${key}" is no setting of a Kafka broker and is ignored${fix}`
    })
  }

  /** `file:line: ` where the key stands in the file; nothing where it is an override. */
  placeOf(key: string): string {
    return this.#values.get(key)?.where ?? ''
  }

  isEmpty(key: string): boolean {
    return this.#values.get(key)?.value === ''
  }

  /** One sentence for each path with a lookup in it, as the configuration of an agent may have. */
  get lookups(): string[] {
    return this.keys
      .filter(key => /^log\.dirs?$|\.location$/.test(key))
      .flatMap(key => {
        const [lookup] = /\$\{[^}]*\}/.exec(this.#values.get(key)!.value) ?? []
        return lookup === undefined
          ? []
          : `${this.placeOf(key)}${key}: ${lookup} stays as typed: a broker looks up no variables. Write the path itself.`
      })
  }

  /** Undefined where the key is absent or empty. */
  text(key: string): string | undefined {
    this.#used.add(key)
    const value = this.#values.get(key)?.value
    return value === '' ? undefined : value
  }

  /** `rule` completes "write …". The value is repeated, but for secrets. */
  refuse(key: string, rule: string): void {
    const value = keyOf(key)?.type === 'password' ? '' : `=${this.#values.get(key)!.value}`
    this.errors.push(`${this.placeOf(key)}${key}${value}: write ${rule}`)
  }

  /** The value where it is there and keeps the rule of its key. */
  checked(key: BrokerKeyName): string | undefined {
    const value = this.text(key)
    if (value === undefined) return undefined
    const rule = ruleBroken(brokerKeys[key], value)
    if (rule === null) return value
    this.refuse(key, rule)
    return undefined
  }

  /** Undefined where it is absent, or refused. What is beyond 2^53 counts as 2^53. */
  number(key: BrokerKeyName): number | undefined {
    const value = this.checked(key)
    return value === undefined ? undefined : numberOf(value)
  }

  /** The number, or its default. */
  numberOr(key: BrokerKeyName): number {
    return this.number(key) ?? numberOf(brokerKeys[key].default!)
  }

  flag(key: BrokerKeyName): boolean {
    return (this.checked(key) ?? brokerKeys[key].default)!.toLowerCase() === 'true'
  }

  /** One of the words that the key may be. */
  word(key: BrokerKeyName): string {
    return this.checked(key) ?? brokerKeys[key].default!
  }

  /** The first word where it is absent, or refused. */
  choice<T extends string>(key: string, words: readonly T[]): T {
    const value = this.text(key) ?? words[0]!
    const found = words.find(word => word.toLowerCase() === value.toLowerCase())
    if (found === undefined) this.refuse(key, words.join(' or '))
    return found ?? words[0]!
  }

  /** `name.ms`, else `name.minutes`, else `name.hours`, in milliseconds. */
  time(name: 'log.roll' | 'log.retention'): number {
    const ms = this.number(`${name}.ms`)
    const minutes = name === 'log.roll' ? undefined : this.number(`${name}.minutes`)
    const hours = this.numberOr(`${name}.hours`)
    if (ms !== undefined) return ms
    if (minutes !== undefined) return minutes < 0 ? -1 : minutes * minuteMs
    return hours < 0 ? -1 : hours * hourMs
  }
}

/** A number beyond 2^53 counts as 2^53: such a time or size is never reached. */
export function numberOf(value: string): number {
  return Math.max(Number.MIN_SAFE_INTEGER, Math.min(Number(value), Number.MAX_SAFE_INTEGER))
}
