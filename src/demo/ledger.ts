// What was sent and what has arrived: the counts behind "in = out + in flight", and the verdict whether
// every event arrived, once, in order.
import { Latencies, RecentLatencies } from './latencies.ts'
import { numberOf } from './message.ts'
import type { Survived } from './view.ts'

/** Sending times are kept of so many events under way; of more the latency is not known. */
const timesKept = 1 << 20
const recentSeconds = 10
const rangesTold = 3

export class Ledger {
  readonly #run: string
  readonly #times = new Float64Array(timesKept)
  /** One bit an event: whether it has arrived. */
  #seen = new Uint8Array(1024)
  /** The highest number that has arrived, by partition: order is Kafka's, which is one partition's. */
  readonly #highest = new Map<number, number>()
  readonly latencies = new Latencies()
  readonly #recent = new RecentLatencies(recentSeconds)
  /** Events are numbered from 1 to this. */
  sent = 0
  /** Different ones. */
  arrived = 0
  doubled = 0
  outOfOrder = 0
  /** Records of others, or of earlier runs. */
  foreign = 0
  firstDoubled = 0
  firstOutOfOrder = 0
  /** Milliseconds of the caller's clock; null before. */
  firstSentMs: number | null = null
  firstArrivedMs: number | null = null
  lastArrivedMs: number | null = null

  constructor(run: string) {
    this.#run = run
  }

  get inFlight(): number {
    return this.sent - this.arrived
  }

  /** Gives the next event's number. */
  send(nowMs: number): number {
    const number = ++this.sent
    this.#times[number % timesKept] = nowMs
    this.firstSentMs ??= nowMs
    if (number >= this.#seen.length * 8) {
      const larger = new Uint8Array(this.#seen.length * 2)
      larger.set(this.#seen)
      this.#seen = larger
    }
    return number
  }

  /** A record that was read. */
  arrive(partition: number, line: string, nowMs: number): void {
    const number = numberOf(this.#run, line)
    if (number === null || number > this.sent) {
      this.foreign++
      return
    }
    const bit = 1 << (number & 7)
    if ((this.#seen[number >> 3]! & bit) !== 0) {
      if (this.doubled++ === 0) this.firstDoubled = number
      return
    }
    this.#seen[number >> 3]! |= bit
    this.arrived++
    this.firstArrivedMs ??= nowMs
    this.lastArrivedMs = nowMs
    const highest = this.#highest.get(partition) ?? 0
    if (number > highest) this.#highest.set(partition, number)
    else if (this.outOfOrder++ === 0) this.firstOutOfOrder = number
    if (this.sent - number >= timesKept) return
    const ms = nowMs - this.#times[number % timesKept]!
    this.latencies.add(ms)
    this.#recent.add(ms, nowMs)
  }

  /** Of the last ten seconds. */
  recentLatencies(nowMs: number): ReturnType<Latencies['percentiles']> {
    return this.#recent.percentiles(nowMs)
  }

  /** Of all there is between the first sent and the last that arrived; null before that can be said. */
  eventsPerSecond(): number | null {
    if (this.firstSentMs === null || this.lastArrivedMs === null) return null
    const ms = this.lastArrivedMs - this.firstSentMs
    return ms <= 0 ? null : (this.arrived * 1000) / ms
  }

  /** What is wrong, a clause each; none when every event arrived, once, in order. */
  faults(mayDouble = false): string[] {
    const missing = this.inFlight > 0 ? [`${this.inFlight} missing (${this.#missing()})`] : []
    return [...missing, ...this.faultsSoFar(mayDouble)]
  }

  /**
   * Where agents were started again: what they had passed on without having heard so comes twice, and is no fault. How
   * far everything has arrived, and how much came twice.
   */
  survived(): Survived {
    const highest = Math.max(0, ...this.#highest.values())
    if (highest === 0) return { text: 'none has arrived yet', isWhole: false }
    const gaps = highest - this.arrived
    const twice = this.doubled === 0 ? 'none twice' : `${this.doubled} twice`
    return gaps === 0
      ? { text: `1 to ${highest} arrived in order, ${twice}`, isWhole: true }
      : { text: `${gaps} before event ${highest} are missing`, isWhole: false }
  }

  /** Without what may still arrive. `mayDouble` where agents were started again. */
  faultsSoFar(mayDouble = false): string[] {
    const faults: string[] = []
    if (this.doubled > 0 && !mayDouble)
      faults.push(`${this.doubled} arrived more than once (the first is event ${this.firstDoubled})`)
    if (this.outOfOrder > 0)
      faults.push(`${this.outOfOrder} out of order (the first is event ${this.firstOutOfOrder})`)
    return faults
  }

  #missing(): string {
    const ranges: string[] = []
    for (let number = 1; number <= this.sent; number++) {
      if (this.#has(number)) continue
      const from = number
      while (number < this.sent && !this.#has(number + 1)) number++
      if (ranges.length === rangesTold) return `events ${ranges.join(', ')} and others`
      ranges.push(from === number ? String(from) : `${from} to ${number}`)
    }
    return `${this.inFlight === 1 ? 'event' : 'events'} ${ranges.join(', ')}`
  }

  #has(number: number): boolean {
    return (this.#seen[number >> 3]! & (1 << (number & 7))) !== 0
  }
}
