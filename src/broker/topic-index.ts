// Topics by name, by id, and by what would collide with them: a request may name as many as it likes.

export class TopicIndex<T extends { readonly name: string; readonly id: string }> extends Map<string, T> {
  readonly #byId = new Map<string, T>()
  readonly #byPlainName = new Map<string, Set<string>>()

  override set(name: string, topic: T): this {
    this.#byId.set(topic.id, topic)
    const plain = plainName(name)
    this.#byPlainName.set(plain, (this.#byPlainName.get(plain) ?? new Set()).add(name))
    return super.set(name, topic)
  }

  override delete(name: string): boolean {
    const topic = this.get(name)
    if (topic === undefined) return false
    this.#byId.delete(topic.id)
    const plain = plainName(name)
    const names = this.#byPlainName.get(plain)!
    names.delete(name)
    if (names.size === 0) this.#byPlainName.delete(plain)
    return super.delete(name)
  }

  ofId(id: string): T | undefined {
    return this.#byId.get(id)
  }

  /** A topic there is whose metrics would have the name of this one's: Kafka writes a dot as an underscore there. */
  collidingWith(name: string): string | undefined {
    for (const other of this.#byPlainName.get(plainName(name)) ?? []) if (other !== name) return other
    return undefined
  }
}

const plainName = (name: string): string => name.replaceAll('.', '_')
