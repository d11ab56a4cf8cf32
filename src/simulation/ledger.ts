// What was handed to a simulated chain, what the topics it reads hold, and what arrived at its other end: the
// promises of docs/guarantees.md as sums over the three. Events come in by doors: a partition of a topic, or a
// source that is no Kafka source.

/** An event's body: its door, its number there, and filler that its number determines. */
export function bodyOf(door: number, number: number): Buffer {
  const text = `${door}/${number} `
  return Buffer.from(text.padEnd(text.length + ((number * 37) % 120), String(number % 10)))
}

/** How often each id was met, and by door those met first, in that order. */
class Arrivals {
  readonly times = new Map<string, number>()
  readonly order = new Map<string, string[]>()

  /** Gives how often it has been met by now. */
  add(id: string): number {
    const times = (this.times.get(id) ?? 0) + 1
    this.times.set(id, times)
    if (times > 1) return times
    const door = id.slice(0, id.indexOf('/'))
    const ids = this.order.get(door)
    if (ids === undefined) this.order.set(door, [id])
    else ids.push(id)
    return times
  }
}

export class ChainLedger {
  readonly #copies: ReadonlyMap<string, number> | null
  /** By the bytes of a body: its id, `door/number`. */
  readonly #sent = new Map<string, string>()
  /** By id: in how many copies it must arrive, by what was acknowledged or is in a topic. */
  readonly #due = new Map<string, number>()
  readonly #acknowledged = new Set<string>()
  readonly found = new Arrivals()
  readonly arrived = new Arrivals()
  /** Bodies that nobody handed over. */
  readonly invented: string[] = []
  /** By topic: what stands in it, where that is looked for. */
  readonly #standing = new Map<string, Arrivals>()
  readonly doubledIn = new Set<string>()
  /** Events of channels in memory that a stop has named as lost. */
  announcedLosses = 0
  #missing = 0
  #unfound = 0

  /** `copies`: in how many copies each event arrives, where not in one. */
  constructor(copies: ReadonlyMap<string, number> | null = null) {
    this.#copies = copies
  }

  send(door: number, number: number): string {
    const id = `${door}/${number}`
    this.#sent.set(bodyOf(door, number).toString('latin1'), id)
    return id
  }

  /** `inTopic`: the topic must hold it. */
  acknowledge(id: string, inTopic: boolean): void {
    this.#acknowledged.add(id)
    if (inTopic && !this.found.times.has(id)) this.#unfound++
    this.#becomesDue(id)
  }

  /** A record of a topic that the chain reads. */
  find(body: Buffer | null): void {
    const id = this.#known(body)
    if (id === null) return
    if (this.found.add(id) > 1) return
    if (this.#acknowledged.has(id)) this.#unfound--
    this.#becomesDue(id)
  }

  arrive(body: Buffer | null): void {
    const id = this.#known(body)
    if (id === null) return
    if (this.arrived.add(id) <= (this.#due.get(id) ?? 0)) this.#missing--
  }

  /** A record of whatever topic. */
  see(topic: string, body: Buffer | null): void {
    const id = this.#known(body)
    const standing = this.#standing.get(topic) ?? new Arrivals()
    this.#standing.set(topic, standing)
    if (id !== null && standing.add(id) > 1) this.doubledIn.add(topic)
  }

  get sentCount(): number {
    return this.#sent.size
  }

  get arrivedCount(): number {
    return this.arrived.times.size
  }

  /** Whether everything acknowledged is in its topic, and this and all else that is there has arrived. */
  get isComplete(): boolean {
    return this.#missing <= this.announcedLosses && this.#unfound === 0
  }

  /** Ids that should have arrived, or in more copies. */
  missing(): string[] {
    return [...this.#due].flatMap(([id, due]) => ((this.arrived.times.get(id) ?? 0) < due ? [id] : []))
  }

  get unfoundCount(): number {
    return this.#unfound
  }

  /** An id that stands more than once in the topics written to; null: there is none. */
  get foundTwice(): string | null {
    return [...this.found.times].find(([, times]) => times > 1)?.[0] ?? null
  }

  /** Arrivals beyond as many copies as were handed over. */
  get repeats(): number {
    let repeats = 0
    for (const [id, times] of this.arrived.times)
      repeats += Math.max(0, times - this.#copiesOf(id) * (this.found.times.get(id) ?? 1))
    return repeats
  }

  /** An arrival before one that it was handed over behind; null where order is kept. */
  disorder(): string | null {
    for (const [door, order] of this.found.order) {
      const place = new Map(order.map((id, index) => [id, index]))
      let last = -1
      let lastId = ''
      for (const id of this.arrived.order.get(door) ?? []) {
        const at = place.get(id) ?? -1
        if (at < last) return `${id} arrived after ${lastId}`
        last = at
        lastId = id
      }
    }
    return null
  }

  #copiesOf(id: string): number {
    return this.#copies === null ? 1 : (this.#copies.get(id) ?? 0)
  }

  #becomesDue(id: string): void {
    if (this.#due.has(id)) return
    const copies = this.#copiesOf(id)
    this.#due.set(id, copies)
    this.#missing += Math.max(0, copies - (this.arrived.times.get(id) ?? 0))
  }

  #known(body: Buffer | null): string | null {
    const id = this.#sent.get(body?.toString('latin1') ?? '')
    if (id !== undefined) return id
    this.invented.push(String(body).slice(0, 60))
    return null
  }
}
