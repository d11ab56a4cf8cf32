// The clusters that the console knows: those given by their brokers, and those found in ZooKeeper, where brokers come
// and go, and where kafka-manager kept the clusters that it was given. ZooKeeper is looked at every ten seconds; while it
// is away, what was found in it stays.
import { Fault, messageOf } from '../errors.ts'
import type { ClientSystem } from '../kafka-client/connection/connection.ts'
import type { ConnectionSettings } from '../kafka-client/settings.ts'
import { addressesIn } from '../address.ts'
import type { Timer } from '../system/clock.ts'
import {
  findBrokers,
  findStoredClusters,
  splitConnectString,
  type StoredCluster,
} from '../zookeeper/zookeeper.ts'
import type { Clusters } from './api.ts'
import { KafkaCluster, type ClusterOptions } from './clusters.ts'

const usualLookMs = 10_000

export interface ZooKeeperOptions {
  /** host:port,… and a path. */
  readonly connect: string
  /** Of the cluster whose brokers are registered there. */
  readonly name: string
  /** Where kafka-manager keeps its clusters: /kafka-manager, as a rule. */
  readonly storedBelow: string
  /** Of connections to brokers that are found, without their addresses. */
  readonly settings: Omit<ConnectionSettings, 'bootstrapServers'>
  /** How often ZooKeeper is looked at; every ten seconds where absent. */
  readonly lookMs?: number
}

/** A cluster found in ZooKeeper; without brokers at first. */
interface Found extends StoredCluster {
  readonly cluster: KafkaCluster | null
  /** Why its brokers are not known, or whether they are still so. */
  readonly problem: string | null
}

export class ClusterList {
  readonly #given: readonly KafkaCluster[]
  readonly #zookeeper: ZooKeeperOptions | null
  readonly #system: ClientSystem
  #found: readonly Found[] = []
  #timer: Timer | null = null
  #isClosed = false
  /** Why ZooKeeper itself does not answer. */
  #problem: string | null = null

  constructor(given: readonly ClusterOptions[], zookeeper: ZooKeeperOptions | null, system: ClientSystem) {
    this.#given = given.map(one => new KafkaCluster(one, system))
    this.#zookeeper = zookeeper
    this.#system = system
  }

  /** Begins to sample lags, and to look at ZooKeeper. */
  start(): void {
    for (const cluster of this.#given) cluster.start()
    if (this.#zookeeper === null) return
    this.#found = [
      { ...this.#own(this.#zookeeper), cluster: null, problem: 'waiting for an answer of ZooKeeper' },
    ]
    void this.#look(this.#zookeeper)
  }

  close(): void {
    this.#isClosed = true
    this.#timer?.cancel()
    for (const cluster of this.#given) cluster.close()
    for (const { cluster } of this.#found) cluster?.close()
  }

  list(): Clusters {
    const given = this.#given.map(({ name, servers }) => ({ name, servers, zookeeper: null, problem: null }))
    const found = this.#found.map(({ name, connect, cluster, problem }) => ({
      name,
      servers: cluster?.servers ?? '',
      zookeeper: connect,
      problem: cluster === null ? problem : null,
    }))
    return [...given, ...found]
  }

  /** Undefined where there is none of that name. Throws PEER_UNREACHABLE where its brokers are not known. */
  find(name: string): KafkaCluster | undefined {
    const given = this.#given.find(one => one.name === name)
    if (given !== undefined) return given
    const found = this.#found.find(one => one.name === name)
    if (found === undefined) return undefined
    if (found.cluster !== null) return found.cluster
    throw new Fault('PEER_UNREACHABLE', `the brokers of ${name} are not known: ${found.problem}`)
  }

  async #look(zookeeper: ZooKeeperOptions): Promise<void> {
    const { connect, storedBelow, lookMs = usualLookMs } = zookeeper
    let stored: readonly StoredCluster[] | null = null
    try {
      stored = await findStoredClusters(connect, this.#system, storedBelow)
      this.#problem = null
    } catch (error) {
      this.#problem = messageOf(error)
    }
    const before = new Map(this.#found.map(one => [one.name, one]))
    const wanted =
      stored === null
        ? this.#found.filter(({ cluster }) => cluster !== null)
        : this.#wanted(zookeeper, stored)
    const found =
      wanted.length === 0
        ? [{ ...this.#own(zookeeper), cluster: null, problem: this.#problem }]
        : withoutEmpty(
            await Promise.all(wanted.map(one => this.#brokersOf(one, before.get(one.name), zookeeper))),
            zookeeper.name,
          )
    const kept = new Set(found.map(({ cluster }) => cluster))
    // Whoever asked the old one a moment ago gets its answer.
    for (const { cluster } of this.#found)
      if (cluster !== null && !kept.has(cluster))
        this.#system.clock.after(lookMs, () => cluster.close(), { background: true })
    this.#found = found
    if (this.#isClosed) return this.close()
    this.#timer = this.#system.clock.after(lookMs, () => void this.#look(zookeeper), { background: true })
  }

  #own({ name, connect, settings }: ZooKeeperOptions): StoredCluster {
    return { name, connect, protocol: settings.security.protocol }
  }

  /** Those that are stored, and the one whose brokers are in the same place, where none of them is that one. */
  #wanted(zookeeper: ZooKeeperOptions, stored: readonly StoredCluster[]): readonly StoredCluster[] {
    const own = this.#own(zookeeper)
    const taken = new Set(this.#given.map(({ name }) => name))
    const isOwn = ({ connect }: StoredCluster) => placeOf(connect) === placeOf(own.connect)
    return [...(stored.some(isOwn) ? [] : [own]), ...stored].filter(({ name }) => {
      const isNew = !taken.has(name)
      taken.add(name)
      return isNew
    })
  }

  async #brokersOf(
    wanted: StoredCluster,
    before: Found | undefined,
    zookeeper: ZooKeeperOptions,
  ): Promise<Found> {
    const { settings } = zookeeper
    const known = before?.connect === wanted.connect ? before.cluster : null
    const { name, connect } = wanted
    const { protocol } = settings.security
    try {
      if (wanted.protocol !== protocol && wanted.protocol !== 'PLAINTEXT')
        throw new Fault(
          'PEER_REFUSED',
          `kafka-manager kept ${wanted.protocol} for it; give --command-config with security.protocol=${wanted.protocol}`,
        )
      const servers = addressesIn(await findBrokers(connect, this.#system, protocol))
      // The client learns of brokers by itself, as long as one of those that it knew is left.
      const isSame = known !== null && addressesIn(known.servers).some(one => servers.includes(one))
      if (isSame) return { ...wanted, cluster: known, problem: null }
      const bootstrapServers = servers
      const cluster = new KafkaCluster({ name, settings: { ...settings, bootstrapServers } }, this.#system)
      cluster.start()
      return { ...wanted, cluster, problem: null }
    } catch (error) {
      return { ...wanted, cluster: known, problem: messageOf(error) }
    }
  }
}

/** Where kafka-manager alone keeps something, no cluster is missing. */
const withoutEmpty = (found: readonly Found[], own: string): readonly Found[] =>
  found.filter(one => one.name !== own || one.cluster !== null || found.length === 1)

/** Connect strings of one place: in whatever order its servers are written. */
function placeOf(connect: string): string {
  const { hosts, path } = splitConnectString(connect.replaceAll(' ', ''))
  return addressesIn(hosts)
    .map(one => (/:\d+$/.test(one) ? one : `${one}:2181`))
    .toSorted()
    .join(',')
    .concat(path.replace(/\/$/, ''))
}
