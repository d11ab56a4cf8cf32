// The keys and values of a server.properties as they are asked for one by one: what is no number where one
// belongs is refused with its place, and what nobody has asked for in the end has no effect.
import { parseProperties } from '../config/properties.ts'

/** How far a number may go down; 0 unless a key says otherwise. */
export type Least = Readonly<Record<string, number>>

const hourMs = 3_600_000

export class GivenSettings {
  /** One sentence each; the broker does not start. */
  readonly errors: string[] = []
  readonly warnings: string[]
  readonly #values = new Map<string, { value: string; where: string }>()
  readonly #used = new Set<string>()
  readonly #least: Least

  /** `overrides` count more than the text. */
  constructor(
    text: string,
    file: string,
    { overrides, least }: { overrides: Readonly<Record<string, string>>; least: Least },
  ) {
    const { settings, problems } = parseProperties(text, file)
    for (const { key, value, place } of settings)
      this.#values.set(key, { value: value.trim(), where: `${place.file}:${place.line}: ` })
    for (const [key, value] of Object.entries(overrides)) this.#values.set(key, { value, where: '' })
    this.#least = least
    this.warnings = problems.map(
      ({ place, problem }) => `${place === undefined ? '' : `${place.file}:${place.line}: `}${problem}`,
    )
  }

  get keys(): string[] {
    return [...this.#values.keys()]
  }

  /** Keys nobody has asked for. */
  get unused(): string[] {
    return this.keys.filter(key => !this.#used.has(key))
  }

  /** `file:line: ` where the key stands in the file; nothing where it is an override. */
  placeOf(key: string): string {
    return this.#values.get(key)?.where ?? ''
  }

  /** Undefined where the key is absent or empty. */
  text(key: string): string | undefined {
    this.#used.add(key)
    const value = this.#values.get(key)?.value
    return value === '' ? undefined : value
  }

  /** `rule` completes "write …". The value is repeated: not for secrets. */
  refuse(key: string, rule: string): void {
    this.errors.push(`${this.placeOf(key)}${key}=${this.#values.get(key)!.value}: write ${rule}`)
  }

  /** Undefined where it is absent, or refused. */
  number(key: string): number | undefined {
    const value = this.text(key)
    if (value === undefined) return undefined
    const number = Number(value)
    const low = this.#least[key] ?? 0
    if (Number.isSafeInteger(number) && number >= low) return number
    this.refuse(key, `a whole number from ${low} on`)
    return undefined
  }

  flag(key: string, fallback: boolean): boolean {
    const value = this.text(key)?.toLowerCase()
    if (value === undefined || value === 'true' || value === 'false')
      return (value ?? String(fallback)) === 'true'
    this.refuse(key, 'true or false')
    return fallback
  }

  /** The first word where it is absent, or refused. */
  choice<T extends string>(key: string, words: readonly T[]): T {
    const value = this.text(key) ?? words[0]!
    const found = words.find(word => word.toLowerCase() === value.toLowerCase())
    if (found === undefined) this.refuse(key, words.join(' or '))
    return found ?? words[0]!
  }

  /** `name.ms`, else `name.minutes`, else `name.hours`, in milliseconds. */
  time(name: string, fallbackMs: number): number {
    const ms = this.number(`${name}.ms`)
    const minutes = this.number(`${name}.minutes`)
    const hours = this.number(`${name}.hours`)
    if (ms !== undefined) return ms
    if (minutes !== undefined) return minutes < 0 ? -1 : minutes * 60_000
    return hours === undefined ? fallbackMs : hours < 0 ? -1 : hours * hourMs
  }
}
