// The broker: its listeners, topics, groups and transactions. One process, one node, loopback unless told otherwise.
// It is for development, tests, demonstrations and small edges; production is a Kafka cluster.
import type { Logger } from '../observe/log.ts'
import { sparing } from '../observe/sparing-log.ts'
import type { Timer } from '../system/clock.ts'
import { MemoryBudget } from '../system/memory-budget.ts'
import { Pace } from '../system/pace.ts'
import type { System } from '../system/system.ts'
import type { BrokerSettings } from './broker-settings.ts'
import { BrokerState } from './broker-state.ts'
import { ClientConnections } from './client-connections.ts'
import type { CommittedOffset } from './groups/offset-store.ts'
import { GroupCoordinator } from './groups/group-coordinator.ts'
import { Listeners } from './listeners.ts'
import { LiveSettings } from './live-settings.ts'
import { findDirectories } from './log-directories.ts'
import type { PartitionLog } from './log/partition-log.ts'
import { ProducerIds } from './producer-ids.ts'
import type { ScramUser } from './security/scram-user.ts'
import { Security } from './security/security.ts'
import { TopicCatalog } from './topic-catalog.ts'
import { TransactionCoordinator } from './transactions/transaction-coordinator.ts'
import { WatchedDirectories } from './watched-directories.ts'

/** How often it looks whether its directories are at their places. */
const lookMs = 1000

export class Broker {
  readonly #system: System
  readonly #log: Logger
  readonly #settings: LiveSettings
  readonly #state: BrokerState
  readonly #directories: WatchedDirectories
  readonly #topics: TopicCatalog
  readonly #groups: GroupCoordinator
  readonly #transactions: TransactionCoordinator
  readonly #security: Security
  readonly #systemProperties: ReadonlyMap<string, string>
  readonly #users: readonly ScramUser[]
  readonly #listeners: Listeners
  readonly #connections: ClientConnections
  readonly #timers = new Set<Timer>()
  #stopping = false

  /** `systemProperties` are those of Java, given as -Dname=value. */
  constructor(given: {
    system: System
    log: Logger
    settings: BrokerSettings
    systemProperties?: ReadonlyMap<string, string>
    /** Users of SCRAM to keep. */
    users?: readonly ScramUser[]
    /** Whether it starts without what is missing in its directories. */
    acceptsLoss?: boolean
  }) {
    const memory = new MemoryBudget(given.settings.memoryBudgetBytes)
    const parts = { ...given, system: { ...given.system, memory }, pace: new Pace(given.system.clock) }
    this.#system = parts.system
    this.#log = parts.log
    const { system, log } = parts
    this.#state = new BrokerState(parts.acceptsLoss === true)
    const state = this.#state
    this.#settings = new LiveSettings(parts.settings, state)
    this.#directories = new WatchedDirectories(system.disk, log, () => this.#topics.logs)
    this.#topics = new TopicCatalog({
      system,
      log,
      settings: this.#settings,
      state,
      directories: this.#directories,
    })
    const producerIds = new ProducerIds(state)
    this.#groups = new GroupCoordinator(parts.system, parts.log, parts.settings, this.#topics)
    // What clients can cause as often as they like.
    const spared = sparing(parts.log, parts.system.clock)
    this.#transactions = new TransactionCoordinator({
      ...parts,
      log: spared,
      topics: this.#topics,
      producerIds,
      journals: state,
      endGroups: (producerId, committed) => this.#groups.offsets.endTransaction(producerId, committed),
    })
    this.#security = new Security(parts.system, parts.log, parts.settings)
    this.#systemProperties = parts.systemProperties ?? new Map()
    this.#users = parts.users ?? []
    this.#listeners = new Listeners(parts.system.network, spared)
    this.#connections = new ClientConnections({
      system: parts.system,
      log: spared,
      live: this.#settings,
      state,
      producerIds,
      pace: parts.pace,
      topics: this.#topics,
      groups: this.#groups,
      transactions: this.#transactions,
      security: this.#security,
    })
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

  /** Log directories, and directories of single partitions, of which files went while it ran. */
  get away(): ReadonlySet<string> {
    return this.#directories.away
  }

  /** The positions a group has committed. */
  offsets(group: string): CommittedOffset[] {
    return this.#groups.offsets.of(group)
  }

  /** Rejects with ADDRESS, ADDRESS_IN_USE, DISK, DIRECTORY_IN_USE, FOREIGN_FILES, STATE_MISSING or CORRUPT; nothing stays open then. */
  async start(): Promise<void> {
    const { disk } = this.#system
    try {
      const { listeners, logDirectories } = this.#settings.current
      await this.#security.load(listeners, this.#systemProperties)
      // A wrong address must not leave directories behind. Who connects already waits.
      await this.#listeners.open(listeners, accepted => this.#connections.accept(accepted))
      await this.#directories.lock(logDirectories)
      const found = await findDirectories(disk, logDirectories, this.#state.acceptsLoss)
      await this.#state.open(this.#system, this.#log, found)
      this.#settings.apply()
      await this.#topics.open(found.places)
      await this.#security.credentials.open(disk, this.#log, this.#state)
      await this.#security.addUsers(this.#users)
      await this.#groups.open()
      await this.#transactions.open()
      this.#connections.begin()
    } catch (error) {
      await this.stop()
      throw error
    }
    const { logFlushIntervalMs, log, logCleanerEnable } = this.#settings.current
    if (this.#directories.isWatchable)
      this.#every(
        () => lookMs,
        () => this.#directories.look(),
      )
    this.#everyPartition(
      ({ logRetentionCheckIntervalMs }) => logRetentionCheckIntervalMs,
      partition => partition.retain(),
    )
    if (logCleanerEnable)
      this.#everyPartition(
        ({ logCleanerBackoffMs }) => logCleanerBackoffMs,
        partition => partition.compact(this.#settings.current.logCleanerDedupeBufferSize),
      )
    if (log.syncEachGroup) return
    this.#log.warn(
      `relaxed durability (millrace.durability=relaxed): acknowledgements do not wait for the disk; a power failure can lose up to ${logFlushIntervalMs} ms of acknowledged records`,
    )
    this.#everyPartition(
      () => logFlushIntervalMs,
      partition => partition.flush(),
    )
  }

  /** Accepts no more, answers what is under way, closes everything. */
  async stop(): Promise<void> {
    if (this.#stopping) return
    this.#stopping = true
    for (const timer of this.#timers) timer.cancel()
    const closing = this.#listeners.close()
    this.#groups.stop()
    this.#transactions.stop()
    await this.#connections.stop()
    await closing
    await this.#transactions.close()
    await this.#security.credentials.close()
    await this.#topics.close()
    await this.#state.close()
    await this.#directories.release()
  }

  #everyPartition(
    delayMs: (settings: BrokerSettings) => number,
    run: (partition: PartitionLog) => Promise<unknown>,
  ): void {
    this.#every(delayMs, async () => {
      for (const partition of this.#topics.logs)
        if (!this.#stopping)
          await run(partition).catch((error: unknown) =>
            this.#log.error(`partition ${partition.name}`, error),
          )
    })
  }

  /** The delay is that of the settings at the time. */
  #every(delayMs: (settings: BrokerSettings) => number, run: () => Promise<void>): void {
    const again = async () => {
      this.#timers.delete(timer)
      await run()
      if (!this.#stopping) this.#every(delayMs, run)
    }
    const delay = delayMs(this.#settings.current)
    const timer = this.#system.clock.after(delay, () => void again(), { background: true })
    this.#timers.add(timer)
  }
}
