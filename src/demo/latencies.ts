// How long events were under way, kept as counts by size: percentiles within 1 %, in little memory.

const leastMs = 0.01
const growth = Math.log(1.02)
/** Reaches to beyond an hour. */
const buckets = 1000

export interface Percentiles {
  readonly p50: number
  readonly p99: number
}

export class Latencies {
  readonly #counts = new Uint32Array(buckets)
  #total = 0

  /** Milliseconds. */
  add(ms: number): void {
    const at = ms <= leastMs ? 0 : Math.ceil(Math.log(ms / leastMs) / growth)
    this.#counts[Math.min(at, buckets - 1)]!++
    this.#total++
  }

  get total(): number {
    return this.#total
  }

  /** Takes the other's counts in. */
  merge(other: Latencies): void {
    for (let at = 0; at < buckets; at++) this.#counts[at]! += other.#counts[at]!
    this.#total += other.#total
  }

  /** Null while there is none. */
  percentiles(): Percentiles | null {
    return this.#total === 0 ? null : { p50: this.#below(0.5), p99: this.#below(0.99) }
  }

  #below(share: number): number {
    const rank = Math.ceil(this.#total * share)
    let seen = 0
    for (let at = 0; at < buckets; at++) {
      seen += this.#counts[at]!
      // The middle of what the count stands for.
      if (seen >= rank) return leastMs * 1.02 ** (at - 0.5)
    }
    return leastMs * 1.02 ** (buckets - 1)
  }
}

/** Those of the last seconds alone. */
export class RecentLatencies {
  readonly #seconds: { second: number; latencies: Latencies }[] = []
  readonly #spanSeconds: number

  constructor(spanSeconds: number) {
    this.#spanSeconds = spanSeconds
  }

  /** `nowMs` never goes back. */
  add(ms: number, nowMs: number): void {
    const second = Math.floor(nowMs / 1000)
    let last = this.#seconds.at(-1)
    if (last?.second !== second) {
      last = { second, latencies: new Latencies() }
      this.#seconds.push(last)
      this.#forget(second)
    }
    last.latencies.add(ms)
  }

  percentiles(nowMs: number): Percentiles | null {
    this.#forget(Math.floor(nowMs / 1000))
    const all = new Latencies()
    for (const { latencies } of this.#seconds) all.merge(latencies)
    return all.percentiles()
  }

  #forget(second: number): void {
    while (this.#seconds.length > 0 && this.#seconds[0]!.second <= second - this.#spanSeconds)
      this.#seconds.shift()
  }
}
