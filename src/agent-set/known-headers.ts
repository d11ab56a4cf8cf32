// What is known of the headers of an event on its way: values that the configuration determines, headers that are
// surely absent, and those that only each event knows.
import type { Flow } from '../component.ts'

/** Every topic whose name matches a pattern, as one value. */
export class AnyTopic {
  readonly pattern: RegExp

  constructor(pattern: RegExp) {
    this.pattern = pattern
  }

  toString(): string {
    return patternText(this.pattern)
  }
}

/** A pattern as its user wrote it, nearly: a dot of Java's became a class of its own. */
export const patternText = ({ source }: RegExp): string =>
  `/${source.replaceAll('[^\\n\\r\\u{85}\\u{2028}\\u{2029}]', '.')}/`

/** A header's value, that it is absent (null), or that only the event knows (undefined). */
export type Known = string | AnyTopic | null | undefined

export const isSame = (one: Known, other: Known): boolean =>
  one instanceof AnyTopic ? other instanceof AnyTopic && String(one) === String(other) : one === other

/** The flows of a source's interceptors, in order; null for one of which nothing is known. */
export type InterceptorFlows = readonly (readonly Flow[] | null)[]

export class KnownHeaders {
  readonly #values: Map<string, Known>
  /** What holds for headers that are not in the map, but for those that match `#removed`. */
  readonly #others: null | undefined
  readonly #removed: RegExp[]

  constructor(
    others: null | undefined,
    values: ReadonlyMap<string, Known> = new Map(),
    removed: readonly RegExp[] = [],
  ) {
    this.#others = others
    this.#values = new Map(values)
    this.#removed = [...removed]
  }

  of(header: string): Known {
    if (this.#values.has(header)) return this.#values.get(header)
    return this.#removed.some(one => one.test(header)) ? null : this.#others
  }

  set(header: string, value: Known): void {
    this.#values.set(header, value)
  }

  copy(): KnownHeaders {
    return new KnownHeaders(this.#others, this.#values, this.#removed)
  }

  after(interceptors: InterceptorFlows): KnownHeaders {
    let headers = this.copy()
    for (const flows of interceptors) {
      if (flows === null) headers = new KnownHeaders(undefined)
      for (const flow of flows ?? []) {
        if (flow.does === 'remove-header') headers.#remove(flow.header)
        if (flow.does !== 'set-header') continue
        const before = headers.of(flow.header)
        if (flow.overwrite || before === null) headers.set(flow.header, flow.value ?? undefined)
      }
    }
    return headers
  }

  #remove(header: string | RegExp): void {
    if (typeof header === 'string') return this.set(header, null)
    for (const name of this.#values.keys()) if (header.test(name)) this.set(name, null)
    this.#removed.push(header)
  }

  /** Equal for headers of which the same is known. */
  get key(): string {
    const values = [...this.#values].map(
      ([name, value]) =>
        `${name}=${value === undefined ? '?' : value === null ? '-' : JSON.stringify(String(value))}`,
    )
    return `${this.#others === null ? '-' : '?'} ${values.sort().join(' ')} ${this.#removed.join(' ')}`
  }
}
