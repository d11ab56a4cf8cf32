// How far agents are behind the topics that they read: the lag of their groups, asked of those clusters of the console
// that have the brokers which an agent names.
import { addressesIn } from '../address.ts'
import type { Clock } from '../system/clock.ts'
import type { Lag } from './api.ts'
import type { ClusterList } from './cluster-list.ts'

const lookMs = 2000
/** What was asked for so long ago in vain is not known any more. */
const knownMs = 15_000
/** What nobody has asked about for so long is forgotten. */
const forgetMs = 60_000

type Seen = Omit<Lag, 'isGrowing'>

interface Known {
  readonly lag: Seen | null
  /** Monotonic ms. */
  readonly at: number
}

export class Lags {
  readonly #clusters: ClusterList
  readonly #clock: Clock
  readonly #known = new Map<string, Known>()
  readonly #asked = new Map<string, number>()

  constructor(clusters: ClusterList, clock: Clock) {
    this.#clusters = clusters
    this.#clock = clock
  }

  /** The last that is known, at once; null where nothing is. What is older than two seconds is asked for again. */
  of = (servers: string, topic: string, groups: readonly string[]): Seen | null => {
    const key = JSON.stringify([servers, topic, groups])
    const now = this.#clock.monotonic()
    for (const [other, at] of this.#asked)
      if (Number.isFinite(at) && now - at > forgetMs) {
        this.#asked.delete(other)
        this.#known.delete(other)
      }
    if (now - (this.#asked.get(key) ?? -Infinity) >= lookMs) {
      // Until it is answered, nobody asks again.
      this.#asked.set(key, Infinity)
      void this.#look(servers, topic, groups)
        .then(
          lag => this.#known.set(key, { lag, at: this.#clock.monotonic() }),
          () => {},
        )
        .finally(() => this.#asked.set(key, this.#clock.monotonic()))
    }
    const known = this.#known.get(key)
    return known === undefined || now - known.at > knownMs ? null : known.lag
  }

  async #look(servers: string, topic: string, groups: readonly string[]): Promise<Seen | null> {
    const wanted = plainAddresses(servers)
    const entry = this.#clusters
      .list()
      .find(one => plainAddresses(one.servers).some(address => wanted.includes(address)))
    const cluster = entry === undefined ? undefined : this.#clusters.find(entry.name)
    if (cluster === undefined) return null
    const found = await Promise.all(groups.map(group => cluster.group(group)))
    let [messages, perSecond]: [number, number | null] = [0, 0]
    for (const group of found) {
      if (group === undefined) return null
      for (const position of group.positions) if (position.topic === topic) messages += position.lag ?? 0
      const { lagPerSecond } = group.row
      perSecond = perSecond === null || lagPerSecond === null ? null : perSecond + lagPerSecond
    }
    const isShrinking = perSecond !== null && perSecond < 0 && messages > 0
    return {
      groups: [...groups],
      cluster: cluster.name,
      messages,
      perSecond,
      drainsInSeconds: isShrinking ? messages / -perSecond! : null,
    }
  }
}

const plainAddresses = (servers: string): string[] =>
  addressesIn(servers.toLowerCase()).map(one => one.replace(/^127(\.\d{1,3}){3}:|^\[::1\]:/, 'localhost:'))
