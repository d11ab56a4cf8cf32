// What the client knows of a cluster: its brokers, its topics, who leads each partition and who
// coordinates a group. Everything is asked for again when a broker says that it has changed.
import { Fault, messageOf } from '../errors.ts'
import type { Logger } from '../observe/log.ts'
import { errorCodes, kafkaError } from '../wire/kafka/error-codes.ts'
import type { ResponseOf } from '../wire/kafka/api.ts'
import { findCoordinator } from '../wire/kafka/messages/find-coordinator.ts'
import { metadata } from '../wire/kafka/messages/metadata.ts'
import { backoffMs } from './backoff.ts'
import { Brokers, parseAddress, whereOf, type Address, type Purpose } from './brokers.ts'
import type { BrokerConnection, ConnectionTarget, Doors } from './connection.ts'
import type { ConnectionSettings } from './settings.ts'

export interface Partition {
  readonly index: number
  /** -1: none at the moment. */
  readonly leader: number
  readonly leaderEpoch: number
}

export interface Topic {
  readonly name: string
  /** In the order of their indexes, without gaps; empty while errorCode is not 0. */
  readonly partitions: readonly Partition[]
  readonly errorCode: number
  readonly isInternal: boolean
}

export interface ClusterOptions {
  readonly system: Doors
  readonly log: Logger
  readonly settings: ConnectionSettings
  /** Whether asking for a topic may create it, where the broker does that. */
  readonly allowAutoTopicCreation: boolean
  readonly secure?: ConnectionTarget['secure']
}

export class Cluster {
  readonly brokers: Brokers
  readonly #system: Doors
  readonly #settings: ConnectionSettings
  readonly #bootstrap: readonly Address[]
  readonly #allowAutoTopicCreation: boolean
  readonly #nodes = new Map<number, Address>()
  readonly #topics = new Map<string, Topic>()
  readonly #watched = new Set<string>()
  #watchesAll = false
  #controllerId = -1
  #refreshing: Promise<void> | null = null
  /** Whether the question under way names every topic watched by now. */
  #askedAll = false
  /** Monotonic ms of the last good refresh; -Infinity before the first. */
  refreshedAt = -Infinity

  constructor({ system, log, settings, allowAutoTopicCreation, secure }: ClusterOptions) {
    this.brokers = new Brokers(system, log, settings, secure)
    this.#system = system
    this.#settings = settings
    this.#allowAutoTopicCreation = allowAutoTopicCreation
    this.#bootstrap = settings.bootstrapServers.map(text => {
      const address = parseAddress(text)
      if (address === null)
        throw new Fault(
          'ADDRESS',
          `"${text}" is not a bootstrap server: write host:port, several separated by commas`,
        )
      return address
    })
    if (this.#bootstrap.length === 0)
      throw new Fault('ADDRESS', 'no bootstrap server is given: write host:port')
  }

  get stopped(): AbortSignal {
    return this.brokers.stopped
  }

  /** From the next refresh on these topics are known. */
  watch(topics: Iterable<string>): void {
    for (const topic of topics)
      if (!this.#watched.has(topic)) {
        this.#watched.add(topic)
        this.#askedAll = false
      }
  }

  unwatch(topic: string): void {
    this.#watched.delete(topic)
    this.#topics.delete(topic)
  }

  /** From the next refresh on all topics of the cluster are known. */
  watchAll(): void {
    this.#watchesAll = true
    this.#askedAll = false
  }

  /** As of the last refresh; undefined where the topic was not watched then. */
  topic(name: string): Topic | undefined {
    return this.#topics.get(name)
  }

  topics(): IterableIterator<Topic> {
    return this.#topics.values()
  }

  /** -1 where the partition has no leader, or is not known. */
  leaderOf(topic: string, partition: number): number {
    return this.#topics.get(topic)?.partitions[partition]?.leader ?? -1
  }

  isStale(): boolean {
    return this.#system.clock.monotonic() - this.refreshedAt > this.#settings.metadataMaxAgeMs
  }

  /** A connection to a broker by its id. Rejects with PEER_UNREACHABLE where the id is not known. */
  connect(nodeId: number, purpose: Purpose): Promise<BrokerConnection> {
    const address = this.#nodes.get(nodeId)
    if (address === undefined)
      return Promise.reject(
        new Fault('PEER_UNREACHABLE', `broker ${nodeId} is not part of the cluster (any more)`),
      )
    return this.brokers.connect(address, purpose)
  }

  /** A connection to any broker; tries all that are known and then the bootstrap servers. */
  async connectAny(): Promise<BrokerConnection> {
    const known = new Map<string, Address>()
    const shuffled = [...this.#nodes.values()].sort(() => this.#system.random.next() - 0.5)
    for (const address of [...shuffled, ...this.#bootstrap]) known.set(whereOf(address), address)
    const candidates = [...known.values()]
    candidates.sort((one, other) => this.#rank(one) - this.#rank(other))
    const problems: string[] = []
    for (const address of candidates) {
      // One that rests is waited for only where all of them do.
      if (problems.length > 0 && this.brokers.restMs(address) > 0) continue
      try {
        return await this.brokers.connect(address, 'data')
      } catch (error) {
        if (this.stopped.aborted) throw error
        problems.push(messageOf(error))
      }
    }
    throw new Fault('PEER_UNREACHABLE', `no Kafka broker can be used: ${problems.join('; ')}`)
  }

  /** Open connections first, then those that may be tried now, then by rest. */
  #rank(address: Address): number {
    return this.brokers.hasOpen(address, 'data') ? -1 : this.brokers.restMs(address)
  }

  /** Asks for the metadata of all watched topics; calls that come meanwhile share the answer. Rejects when no broker answers. */
  refresh(): Promise<void> {
    if (this.#refreshing !== null)
      return this.#askedAll ? this.#refreshing : this.#refreshing.catch(() => {}).then(() => this.refresh())
    this.#refreshing = this.#refresh().finally(() => (this.#refreshing = null))
    return this.#refreshing
  }

  async #refresh(): Promise<void> {
    const connection = await this.connectAny()
    this.#askedAll = true
    const topics = this.#watchesAll ? null : [...this.#watched].map(name => ({ name }))
    // Before version 4 brokers decide alone.
    const allowed = this.#allowAutoTopicCreation || connection.versionOf(metadata) < 4
    const answer = await connection.request(metadata, { topics, allowAutoTopicCreation: allowed })
    this.#take(answer)
    if (answer.brokers.length > 0) this.refreshedAt = this.#system.clock.monotonic()
  }

  #take(answer: ResponseOf<typeof metadata>): void {
    if (answer.brokers.length > 0) {
      this.#nodes.clear()
      for (const { nodeId, host, port } of answer.brokers) this.#nodes.set(nodeId, { host, port })
    }
    this.#controllerId = answer.controllerId
    if (this.#watchesAll) this.#topics.clear()
    for (const { name, errorCode, isInternal, partitions } of answer.topics) {
      if (name === null) continue
      const sorted = partitions
        .map(one => ({ index: one.partitionIndex, leader: one.leaderId, leaderEpoch: one.leaderEpoch }))
        .sort((one, other) => one.index - other.index)
      // A broker that is starting may list a part of the partitions: their number must not shrink.
      const isWhole = sorted.every((one, index) => one.index === index)
      const known = this.#topics.get(name)
      const isPassing =
        errorCode !== errorCodes.UNKNOWN_TOPIC_OR_PARTITION && kafkaError(errorCode).isRetriable
      if (isPassing && known?.errorCode === 0) continue
      this.#topics.set(name, {
        name,
        partitions: isWhole ? sorted : [],
        errorCode: isWhole ? errorCode : errorCodes.LEADER_NOT_AVAILABLE,
        isInternal,
      })
    }
  }

  /**
   * The group's coordinator: asked for until there is one. Rejects with KAFKA_FATAL where the user may
   * not use the group, and with STOPPED.
   */
  async findCoordinator(groupId: string, signal: AbortSignal): Promise<Address> {
    for (let failures = 1; ; failures++) {
      try {
        const connection = await this.connectAny()
        const answer = await connection.request(findCoordinator, {
          key: groupId,
          keyType: 0,
          coordinatorKeys: [],
        })
        if (answer.errorCode === 0) return { host: answer.host, port: answer.port }
        const error = kafkaError(answer.errorCode)
        if (!error.isRetriable)
          throw new Fault(
            'KAFKA_FATAL',
            `the coordinator of group "${groupId}" cannot be had: ${error.name}: ${error.meaning}`,
          )
      } catch (error) {
        if (error instanceof Fault && error.retry === 'never') throw error
      }
      await this.pause(failures, signal)
    }
  }

  /** The broker that creates topics. */
  async connectController(): Promise<BrokerConnection> {
    await this.refresh()
    return this.#nodes.has(this.#controllerId) ? this.connect(this.#controllerId, 'data') : this.connectAny()
  }

  /** Waits after `failures` failures in a row. Rejects with STOPPED. */
  async pause(failures: number, signal?: AbortSignal): Promise<void> {
    const { retryBackoffMs, retryBackoffMaxMs } = this.#settings
    const delayMs = backoffMs(failures, retryBackoffMs, retryBackoffMaxMs, this.#system.random)
    const either = signal === undefined ? this.stopped : AbortSignal.any([signal, this.stopped])
    if (!either.aborted) await this.#system.clock.sleep(delayMs, either)
    if (either.aborted) throw new Fault('STOPPED', 'the Kafka client is stopping')
  }

  close(): void {
    this.brokers.close()
  }
}
