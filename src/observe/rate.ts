// Events a second over the last seconds, from counts that are looked at now and then.

const windowMs = 5000

export class Rate {
  readonly #samples: { at: number; count: number }[] = []

  /** `nowMs` never goes back. */
  sample(count: number, nowMs: number): void {
    this.#samples.push({ at: nowMs, count })
    // One sample before the window stays: the rate is over all of it.
    while (this.#samples.length > 2 && this.#samples[1]!.at <= nowMs - windowMs) this.#samples.shift()
  }

  /** Events a second; null before there are two samples. */
  get perSecond(): number | null {
    const first = this.#samples[0]
    const last = this.#samples.at(-1)
    if (first === undefined || last === undefined || last.at <= first.at) return null
    return ((last.count - first.count) * 1000) / (last.at - first.at)
  }
}

/** Rates of counts that are told apart by name. */
export class Rates {
  readonly #rates = new Map<string, Rate>()

  /** Forgets all counts but those of these names. */
  keep(names: ReadonlySet<string>): void {
    for (const name of this.#rates.keys()) if (!names.has(name)) this.#rates.delete(name)
  }

  /**
   * Events a second, from the count as it is now; null before there are two, and where it has gone back: what is
   * counted has been replaced. `nowMs` never goes back.
   */
  sample(name: string, count: number, nowMs: number): number | null {
    let rate = this.#rates.get(name)
    if (rate === undefined) this.#rates.set(name, (rate = new Rate()))
    rate.sample(count, nowMs)
    const { perSecond } = rate
    if (perSecond === null || perSecond >= 0) return perSecond
    this.#rates.delete(name)
    return null
  }
}
