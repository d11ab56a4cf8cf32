// TransactionCoordinator: begins and ends transactions. The end is decided when its Prepare entry is
// durable; then markers are written to every partition, the positions of groups take effect, and the
// transaction is complete. What a crash interrupts after the decision is carried out at the next start.
//
//   Empty -> Ongoing -> PrepareCommit -> CompleteCommit -> Ongoing …
//                    -> PrepareAbort  -> CompleteAbort  -> Ongoing …
//
// EndTxn is answered when all that is done (Kafka answers after the decision): who commits and then reads
// finds its records. Source: KIP-98; KIP-360 for producers that recover; KIP-447 for positions of groups.
import { messageOf } from '../../errors.ts'
import type { Logger } from '../../observe/log.ts'
import type { Timer } from '../../system/clock.ts'
import type { System } from '../../system/system.ts'
import type { TransactionSettings } from '../broker-settings.ts'
import type { ErrorName } from '../error-name.ts'
import type { JournalPlace } from '../log-directories.ts'
import type { ProducerIds } from '../producer-ids.ts'
import type { TopicCatalog } from '../topic-catalog.ts'
import { TransactionJournal } from './transaction-journal.ts'
import { includes, isPrepared, lastUsableEpoch, union, type TransactionState } from './transaction-state.ts'

export interface TransactionParts {
  readonly system: System
  readonly log: Logger
  readonly settings: TransactionSettings
  readonly topics: Pick<TopicCatalog, 'topics' | 'partition'>
  readonly producerIds: Pick<ProducerIds, 'next'>
  readonly journals: JournalPlace
  /** Positions that were committed within the transaction of this producer count from now on, or are dropped. */
  endGroups(producerId: number, committed: boolean): void
}

/** Who asks, and for which transaction. */
export interface Owner {
  readonly transactionalId: string
  readonly producerId: number
  readonly producerEpoch: number
}

export interface Identity {
  readonly producerId: number
  readonly producerEpoch: number
}

/** There is one coordinator, and it is never replaced. */
const coordinatorEpoch = 0

export class TransactionCoordinator {
  readonly #parts: TransactionParts
  readonly #journal = new TransactionJournal()
  /** Ids of which a change is under way. */
  readonly #changing = new Set<string>()
  readonly #timers: Timer[] = []
  #stopping = false

  constructor(parts: TransactionParts) {
    this.#parts = parts
  }

  /** After the topics. Carries out what was decided and ends what nobody can end any more. */
  async open(): Promise<void> {
    const { system, log, settings, journals } = this.#parts
    await this.#journal.open(system.disk, log, journals)
    for (const state of this.#journal.all().filter(isPrepared)) await this.#complete(state)
    await this.#endStrays()
    this.#every(settings.transactionAbortTimedOutTransactionCleanupIntervalMs, () => this.#checkOpen())
    this.#every(settings.transactionRemoveExpiredTransactionCleanupIntervalMs, () => this.#forgetOld())
  }

  get(transactionalId: string): TransactionState | undefined {
    return this.#journal.get(transactionalId)
  }

  all(): TransactionState[] {
    return this.#journal.all()
  }

  /** The id and epoch to write under; an open transaction of the id is aborted before. */
  initialize(
    transactionalId: string,
    timeoutMs: number,
    expected: Identity | null,
  ): Promise<Identity | ErrorName> {
    const { transactionMaxTimeoutMs } = this.#parts.settings
    if (timeoutMs <= 0 || timeoutMs > transactionMaxTimeoutMs)
      return Promise.resolve('INVALID_TRANSACTION_TIMEOUT')
    return this.#alone<Identity | ErrorName>(transactionalId, async () => {
      const known = this.#journal.get(transactionalId)
      if (known === undefined) {
        const producerId = await this.#parts.producerIds.next()
        return await this.#begin(transactionalId, timeoutMs, { producerId, producerEpoch: 0 }, -1)
      }
      if (expected !== null && expected.producerId !== known.producerId) return 'PRODUCER_FENCED'
      if (isPrepared(known)) return 'CONCURRENT_TRANSACTIONS'
      // A producer that did not get the answer asks again with the epoch it had.
      const isRepeated = expected !== null && expected.producerEpoch === known.lastEpoch
      if (expected !== null && expected.producerEpoch !== known.producerEpoch && !isRepeated)
        return 'PRODUCER_FENCED'
      if (isRepeated && known.status !== 'Ongoing')
        return { producerId: known.producerId, producerEpoch: known.producerEpoch }
      const state = known.status === 'Ongoing' ? await this.#fence(known) : known
      // Not in all partitions yet: what was decided must not be written over.
      if (isPrepared(state)) return 'CONCURRENT_TRANSACTIONS'
      const { producerId, producerEpoch } = state
      const next =
        producerEpoch >= lastUsableEpoch
          ? { producerId: await this.#parts.producerIds.next(), producerEpoch: 0 }
          : { producerId, producerEpoch: producerEpoch + 1 }
      return await this.#begin(transactionalId, timeoutMs, next, expected?.producerEpoch ?? -1)
    })
  }

  /** The transaction will write to these partitions, or commit positions of these groups; null is success. */
  add(
    owner: Owner,
    partitions: TransactionState['partitions'],
    groups: readonly string[] = [],
  ): Promise<ErrorName | null> {
    return this.#alone(owner.transactionalId, async () => {
      const refused = this.#refusal(owner)
      if (refused !== null) return refused
      const known = this.#journal.get(owner.transactionalId)!
      if (isPrepared(known)) return 'CONCURRENT_TRANSACTIONS'
      const isOpen = known.status === 'Ongoing'
      const isKnown =
        isOpen &&
        groups.every(group => known.groups.includes(group)) &&
        Object.entries(partitions).every(([topic, list]) => list.every(one => includes(known, topic, one)))
      if (isKnown) return null
      const now = this.#parts.system.clock.now()
      await this.#journal.put({
        ...known,
        status: 'Ongoing',
        lastEpoch: -1,
        partitions: isOpen ? union(known.partitions, partitions) : partitions,
        groups: isOpen ? [...new Set([...known.groups, ...groups])] : groups,
        startedAt: isOpen ? known.startedAt : now,
        updatedAt: now,
      })
      return null
    })
  }

  /** Commits or aborts; null is success. */
  end(owner: Owner, committed: boolean): Promise<ErrorName | null> {
    return this.#alone(owner.transactionalId, async () => {
      const refused = this.#refusal(owner)
      if (refused !== null) return refused
      const known = this.#journal.get(owner.transactionalId)!
      switch (known.status) {
        case 'Ongoing':
          await this.#end(known, committed)
          return null
        case 'CompleteCommit':
          return committed ? null : 'INVALID_TXN_STATE'
        case 'CompleteAbort':
          return committed ? 'INVALID_TXN_STATE' : null
        case 'PrepareCommit':
          return committed ? 'CONCURRENT_TRANSACTIONS' : 'INVALID_TXN_STATE'
        case 'PrepareAbort':
          return committed ? 'INVALID_TXN_STATE' : 'CONCURRENT_TRANSACTIONS'
        case 'Empty':
          return 'INVALID_TXN_STATE'
      }
    })
  }

  /** Why this producer may not write transactional records to the partition at the moment; null: it may. */
  writeErrorName(owner: Owner, topic: string, partition: number): ErrorName | null {
    const refused = this.#refusal(owner)
    if (refused !== null) return refused
    const state = this.#journal.get(owner.transactionalId)!
    if (isPrepared(state)) return 'CONCURRENT_TRANSACTIONS'
    return state.status === 'Ongoing' && includes(state, topic, partition) ? null : 'INVALID_TXN_STATE'
  }

  /** The same for positions of a group. */
  commitErrorName(owner: Owner, group: string): ErrorName | null {
    const refused = this.#refusal(owner)
    if (refused !== null) return refused
    const state = this.#journal.get(owner.transactionalId)!
    return state.status === 'Ongoing' && state.groups.includes(group) ? null : 'INVALID_TXN_STATE'
  }

  stop(): void {
    this.#stopping = true
    for (const timer of this.#timers.splice(0)) timer.cancel()
  }

  async close(): Promise<void> {
    await this.#journal.close()
  }

  #refusal({ transactionalId, producerId, producerEpoch }: Owner): ErrorName | null {
    const known = this.#journal.get(transactionalId)
    if (known === undefined || known.producerId !== producerId) return 'INVALID_PRODUCER_ID_MAPPING'
    return known.producerEpoch === producerEpoch ? null : 'PRODUCER_FENCED'
  }

  /** One change of an id at a time; whoever comes meanwhile retries, as in Kafka. */
  async #alone<T>(transactionalId: string, change: () => Promise<T>): Promise<T | ErrorName> {
    if (this.#stopping) return 'COORDINATOR_NOT_AVAILABLE'
    if (this.#changing.has(transactionalId)) return 'CONCURRENT_TRANSACTIONS'
    this.#changing.add(transactionalId)
    try {
      return await change()
    } catch (error) {
      this.#parts.log.error(`transactional id ${transactionalId}: ${messageOf(error)}`)
      return 'COORDINATOR_NOT_AVAILABLE'
    } finally {
      this.#changing.delete(transactionalId)
    }
  }

  async #begin(
    transactionalId: string,
    timeoutMs: number,
    identity: Identity,
    lastEpoch: number,
  ): Promise<Identity> {
    await this.#journal.put({
      transactionalId,
      ...identity,
      lastEpoch,
      timeoutMs,
      status: 'Empty',
      partitions: {},
      groups: [],
      startedAt: -1,
      updatedAt: this.#parts.system.clock.now(),
    })
    return identity
  }

  /** Aborts under the next epoch: the producer that has the transaction open can do nothing any more. */
  #fence(state: TransactionState): Promise<TransactionState> {
    return this.#end({ ...state, producerEpoch: state.producerEpoch + 1, lastEpoch: -1 }, false)
  }

  /** Decides, and carries it out. Rejects only where the decision could not be written. */
  async #end(state: TransactionState, committed: boolean): Promise<TransactionState> {
    const prepared: TransactionState = {
      ...state,
      status: committed ? 'PrepareCommit' : 'PrepareAbort',
      updatedAt: this.#parts.system.clock.now(),
    }
    await this.#journal.put(prepared)
    return await this.#complete(prepared)
  }

  /** What was decided is carried out; where a partition cannot be written it is retried later. */
  async #complete(state: TransactionState): Promise<TransactionState> {
    const { producerId, producerEpoch, partitions } = state
    const committed = state.status === 'PrepareCommit'
    try {
      await Promise.all(
        Object.entries(partitions).flatMap(([topic, indexes]) =>
          indexes.map(index =>
            // A topic that was deleted meanwhile needs no end.
            this.#parts.topics
              .partition(topic, index)
              ?.endTransaction({ producerId, producerEpoch, committed, coordinatorEpoch }),
          ),
        ),
      )
      // Their marker is durable as that of every other partition.
      this.#parts.endGroups(producerId, committed)
      const done: TransactionState = {
        ...state,
        status: committed ? 'CompleteCommit' : 'CompleteAbort',
        partitions: {},
        groups: [],
        updatedAt: this.#parts.system.clock.now(),
      }
      await this.#journal.put(done)
      return done
    } catch (error) {
      this.#parts.log.error(
        `the ${committed ? 'commit' : 'abort'} of transactional id ${state.transactionalId} is decided and not in all its partitions yet: ${messageOf(error)}`,
      )
      return state
    }
  }

  /** Transactions that are open for too long are aborted; what was decided and not carried out is retried. */
  async #checkOpen(): Promise<void> {
    const now = this.#parts.system.clock.now()
    for (const { transactionalId } of this.#journal.all())
      await this.#alone(transactionalId, async () => {
        const state = this.#journal.get(transactionalId)
        if (state === undefined) return
        if (isPrepared(state)) return void (await this.#complete(state))
        if (state.status !== 'Ongoing' || now - state.startedAt <= state.timeoutMs) return
        this.#parts.log.warn(
          `the transaction of ${transactionalId} is open for more than ${state.timeoutMs} ms and is aborted (transaction.timeout.ms of its producer)`,
        )
        await this.#fence(state)
      })
  }

  async #forgetOld(): Promise<void> {
    const before = this.#parts.system.clock.now() - this.#parts.settings.transactionalIdExpirationMs
    for (const { transactionalId } of this.#journal.all())
      await this.#alone(transactionalId, async () => {
        const state = this.#journal.get(transactionalId)
        if (state === undefined || isPrepared(state) || state.status === 'Ongoing') return
        if (state.updatedAt < before) await this.#journal.expire(transactionalId)
      })
  }

  /**
   * Transactions that are open in a partition and nowhere here: a marker that a power failure took back
   * in the relaxed mode. Nobody would ever end them, and nothing behind them would become stable.
   */
  async #endStrays(): Promise<void> {
    const open = new Map(
      this.#journal
        .all()
        .filter(state => state.status === 'Ongoing' || isPrepared(state))
        .map(state => [state.producerId, state]),
    )
    for (const { name, partitions } of this.#parts.topics.topics.values())
      for (const [index, log] of partitions.entries())
        for (const { producerId, producerEpoch, currentTxnStartOffset } of log.producers.list()) {
          const state = open.get(producerId)
          if (currentTxnStartOffset < 0 || (state !== undefined && includes(state, name, index))) continue
          this.#parts.log.warn(
            `${log.name}: the transaction of producer ${producerId} at offset ${currentTxnStartOffset} belongs to no transactional id any more and is aborted`,
          )
          const marker = { producerId, producerEpoch, committed: false, coordinatorEpoch }
          await log.endTransaction(marker).catch(() => {}) // the partition has said why
        }
  }

  #every(delayMs: number, run: () => Promise<void>): void {
    const again = async () => {
      await run()
      if (!this.#stopping) this.#every(delayMs, run)
    }
    const timer = this.#parts.system.clock.after(
      delayMs,
      () => {
        this.#timers.splice(this.#timers.indexOf(timer), 1)
        void again()
      },
      { background: true },
    )
    this.#timers.push(timer)
  }
}
