// The broker: its listeners, topics, groups and transactions. One process, one node, loopback unless told otherwise.
// It is for development, tests, demonstrations and small edges; production is a Kafka cluster.
import type { Logger } from '../observe/log.ts'
import type { Timer } from '../system/clock.ts'
import type { System } from '../system/system.ts'
import type { BrokerParts } from './broker-parts.ts'
import type { BrokerSettings } from './broker-settings.ts'
import { ClientConnection } from './client-connection.ts'
import type { CommittedOffset } from './groups/offset-store.ts'
import { GroupCoordinator } from './groups/group-coordinator.ts'
import { Listeners, type Accepted } from './listeners.ts'
import type { PartitionLog } from './log/partition-log.ts'
import { MemoryBudget } from './memory-budget.ts'
import { answerRequest } from './request-answer.ts'
import { TopicCatalog } from './topic-catalog.ts'
import { TransactionCoordinator } from './transactions/transaction-coordinator.ts'

/** How long connections may take to send their last answers when the broker stops. */
const lingerMs = 3000
/** At most one complaint about connections in so long. */
const complaintMs = 1000

export class Broker {
  readonly #system: System
  readonly #log: Logger
  readonly #settings: BrokerSettings
  readonly #topics: TopicCatalog
  readonly #groups: GroupCoordinator
  readonly #transactions: TransactionCoordinator
  readonly #budget: MemoryBudget
  readonly #listeners: Listeners
  readonly #connections = new Set<ClientConnection>()
  #timers: Timer[] = []
  #lastComplaint = -Infinity
  #untold = 0
  #stopping = false
  /** Topics and groups are open. */
  #isReady = false
  #early: Accepted[] = []

  constructor(parts: { system: System; log: Logger; settings: BrokerSettings }) {
    this.#system = parts.system
    this.#log = parts.log
    this.#settings = parts.settings
    this.#topics = new TopicCatalog(parts.system, parts.log, parts.settings)
    this.#groups = new GroupCoordinator(parts.system, parts.log, parts.settings)
    this.#transactions = new TransactionCoordinator({
      ...parts,
      topics: this.#topics,
      endGroups: (producerId, committed) => this.#groups.offsets.endTransaction(producerId, committed),
    })
    this.#listeners = new Listeners(parts.system.network)
    this.#budget = new MemoryBudget(parts.settings.queuedBytes)
  }

  /** The port of its first listener; 0 before the start. */
  get port(): number {
    return this.#listeners.portOf()
  }

  /** The port of the listener of this name, in capitals; 0 where there is none. */
  portOf(listener: string): number {
    return this.#listeners.portOf(listener)
  }

  get topics(): TopicCatalog {
    return this.#topics
  }

  /** The positions a group has committed. */
  offsets(group: string): CommittedOffset[] {
    return this.#groups.offsets.of(group)
  }

  /** Rejects with ADDRESS, ADDRESS_IN_USE, DISK, DIRECTORY_IN_USE, FOREIGN_FILES or CORRUPT; nothing stays open then. */
  async start(): Promise<void> {
    try {
      // First of all: a wrong address must not leave directories behind. Who connects already waits.
      await this.#listeners.open(this.#settings.listeners, accepted => this.#accept(accepted))
      await this.#topics.open()
      await this.#groups.open(this.#topics.home)
      await this.#transactions.open(this.#topics.home)
      this.#isReady = true
      for (const connection of this.#early.splice(0)) this.#accept(connection)
    } catch (error) {
      await this.stop()
      throw error
    }
    const { retentionCheckMs, flushIntervalMs, log } = this.#settings
    this.#every(retentionCheckMs, partition => partition.retain())
    if (log.syncEachGroup) return
    this.#log.warn(
      `relaxed durability (millrace.durability=relaxed): acknowledgements do not wait for the disk; a power failure can lose up to ${flushIntervalMs} ms of acknowledged records`,
    )
    this.#every(flushIntervalMs, partition => partition.flush())
  }

  /** Accepts no more, answers what is under way, closes everything. */
  async stop(): Promise<void> {
    if (this.#stopping) return
    this.#stopping = true
    for (const timer of this.#timers) timer.cancel()
    for (const { stream } of this.#early.splice(0)) stream.destroy()
    const closing = this.#listeners.close()
    this.#groups.stop()
    this.#transactions.stop()
    const guard = this.#system.clock.after(lingerMs, () => {
      for (const connection of this.#connections) connection.destroy()
    })
    await Promise.all([...this.#connections].map(connection => connection.stop()))
    await closing
    guard.cancel()
    await this.#transactions.close()
    await this.#groups.close()
    await this.#topics.close()
  }

  #accept(accepted: Accepted): void {
    const { stream, remote, remoteAddress, advertised } = accepted
    if (this.#stopping) return void stream.destroy()
    if (!this.#isReady) {
      stream.on('error', () => {}) // a connection that is gone by then is noticed then
      this.#early.push(accepted)
      return
    }
    const parts: BrokerParts = {
      system: this.#system,
      log: this.#log,
      settings: this.#settings,
      topics: this.#topics,
      groups: this.#groups,
      transactions: this.#transactions,
      advertised,
    }
    const connection: ClientConnection = new ClientConnection(stream, {
      maxRequestBytes: this.#settings.maxRequestBytes,
      budget: this.#budget,
      answer: (request, signal) =>
        answerRequest(request, { broker: parts, clientHost: remoteAddress, signal }),
      complain: reason => this.#complain(`connection from ${remote} closed: ${reason}`),
      closed: () => void this.#connections.delete(connection),
    })
    this.#connections.add(connection)
  }

  /** A client gone wrong may come back a thousand times a second. */
  #complain(sentence: string): void {
    const now = this.#system.clock.monotonic()
    if (now - this.#lastComplaint < complaintMs) {
      this.#untold++
      return
    }
    const more = this.#untold === 0 ? '' : ` (${this.#untold} more since the last such line)`
    this.#lastComplaint = now
    this.#untold = 0
    this.#log.warn(`${sentence}${more}`)
  }

  #every(delayMs: number, run: (partition: PartitionLog) => Promise<unknown>): void {
    const again = async () => {
      for (const { partitions } of this.#topics.topics.values())
        for (const partition of partitions)
          if (!this.#stopping)
            await run(partition).catch((error: unknown) =>
              this.#log.error(`partition ${partition.name}`, error),
            )
      if (!this.#stopping) this.#every(delayMs, run)
    }
    this.#timers.push(this.#system.clock.after(delayMs, () => void again(), { background: true }))
  }
}
