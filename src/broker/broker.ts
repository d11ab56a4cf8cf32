// The broker: its listeners, topics, groups and transactions. One process, one node, loopback unless told otherwise.
// It is for development, tests, demonstrations and small edges; production is a Kafka cluster.
import type { Duplex } from 'node:stream'
import { messageOf } from '../errors.ts'
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
import type { ScramUser } from './security/scram-user.ts'
import { Security } from './security/security.ts'
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
  readonly #security: Security
  readonly #systemProperties: ReadonlyMap<string, string>
  readonly #users: readonly ScramUser[]
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

  /** `systemProperties` are those of Java, given as -Dname=value. */
  constructor(parts: {
    system: System
    log: Logger
    settings: BrokerSettings
    systemProperties?: ReadonlyMap<string, string>
    /** Users of SCRAM to keep. */
    users?: readonly ScramUser[]
  }) {
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
    this.#security = new Security(parts.system, parts.log, parts.settings)
    this.#systemProperties = parts.systemProperties ?? new Map()
    this.#users = parts.users ?? []
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
      await this.#security.load(this.#settings.listeners, this.#systemProperties)
      // A wrong address must not leave directories behind. Who connects already waits.
      await this.#listeners.open(this.#settings.listeners, accepted => void this.#accept(accepted))
      await this.#topics.open()
      await this.#security.credentials.open(this.#system.disk, this.#log, this.#topics.home)
      await this.#security.addUsers(this.#users)
      await this.#groups.open(this.#topics.home)
      await this.#transactions.open(this.#topics.home)
      this.#isReady = true
      for (const connection of this.#early.splice(0)) void this.#accept(connection)
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
    await this.#security.credentials.close()
    await this.#groups.close()
    await this.#topics.close()
  }

  async #accept(accepted: Accepted): Promise<void> {
    const { remote, remoteAddress, advertised, listener } = accepted
    if (this.#stopping) return void accepted.stream.destroy()
    if (!this.#isReady) {
      accepted.stream.on('error', () => {}) // a connection that is gone by then is noticed then
      this.#early.push(accepted)
      return
    }
    let stream: Duplex
    try {
      stream = await this.#security.secure(accepted.stream, listener)
    } catch (error) {
      return this.#complain(`connection from ${remote} to ${listener.name} closed: ${messageOf(error)}`)
    }
    if (this.#stopping) return void stream.destroy()
    const closed = (reason: string) => this.#complain(`connection from ${remote} closed: ${reason}`)
    const session = this.#security.session(listener, closed)
    const parts: BrokerParts = {
      system: this.#system,
      log: this.#log,
      settings: this.#settings,
      topics: this.#topics,
      groups: this.#groups,
      transactions: this.#transactions,
      security: this.#security,
      advertised,
    }
    const connection: ClientConnection = new ClientConnection(stream, {
      maxRequestBytes: this.#settings.maxRequestBytes,
      budget: this.#budget,
      leastBytes: session === null ? undefined : 0,
      answer: async (request, signal) => {
        const answered = session === null ? undefined : await session.answer(request)
        return (
          answered ?? (await answerRequest(request, { broker: parts, clientHost: remoteAddress, signal }))
        )
      },
      isOver: () => session?.isOver === true,
      complain: closed,
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
