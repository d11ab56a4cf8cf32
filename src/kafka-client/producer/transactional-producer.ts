// The transactional producer: the ordered producer under an id and epoch of a transaction coordinator.
//
//   new --init--> ready --begin--> open --commit or abort--> ready
//                                    \--something fails--> abortable --abort--> ready
//
// A partition is added to the transaction before the first batch goes to it. Numbers go on from one
// transaction to the next; where a batch was given up that may be written, abort takes a new epoch.
// Source: KIP-98, KIP-360, KIP-447.
import { Fault, messageOf } from '../../errors.ts'
import { looseConditions, type ConditionMaker } from '../../observe/conditions.ts'
import { errorCodes, kafkaError } from '../../wire/kafka/error-codes.ts'
import { addOffsetsToTxn } from '../../wire/kafka/messages/add-offsets-to-txn.ts'
import { addPartitionsToTxn } from '../../wire/kafka/messages/add-partitions-to-txn.ts'
import { endTxn } from '../../wire/kafka/messages/end-txn.ts'
import { initProducerId } from '../../wire/kafka/messages/init-producer-id.ts'
import { txnOffsetCommit } from '../../wire/kafka/messages/txn-offset-commit.ts'
import type { ProducerIdentity } from '../../wire/kafka/record.ts'
import type {
  GroupMember,
  Position,
  ProducerRecord,
  ProducerSession,
  TransactionalProducer,
  TransactionalProducerOptions,
} from '../contract.ts'
import { Coordinator } from '../connection/coordinator.ts'
import type { PartitionQueue } from './partition-queue.ts'
import { OrderedProducer } from './producer.ts'
import type { Identities, Refusal } from './producer-identity.ts'
import { TransactionFault, type TransactionFaultKind } from './transaction-fault.ts'

type State = 'new' | 'ready' | 'open' | 'abortable' | 'committing' | 'aborting' | 'over'

const fencedCodes = new Set<number>([errorCodes.PRODUCER_FENCED, errorCodes.INVALID_PRODUCER_EPOCH])
const abortableCodes = new Set<number>([
  errorCodes.TRANSACTION_ABORTABLE,
  errorCodes.TOPIC_AUTHORIZATION_FAILED,
  errorCodes.GROUP_AUTHORIZATION_FAILED,
  errorCodes.OPERATION_NOT_ATTEMPTED,
  errorCodes.ILLEGAL_GENERATION,
  errorCodes.UNKNOWN_MEMBER_ID,
  errorCodes.FENCED_INSTANCE_ID,
  errorCodes.OFFSET_METADATA_TOO_LARGE,
  errorCodes.INVALID_COMMIT_OFFSET_SIZE,
])

export class TransactionalOrderedProducer implements TransactionalProducer, Identities {
  readonly transactionalId: string
  readonly #options: TransactionalProducerOptions & { readonly condition: ConditionMaker }
  readonly #producer: OrderedProducer
  /** The sends of one transaction. */
  #session: ProducerSession
  readonly #coordinator: Coordinator
  recognizesFenced = false
  readonly #groups = new Map<string, Coordinator>()
  #state: State = 'new'
  /** Why the state is 'abortable' or 'over'. */
  #fault: TransactionFault | null = null
  #producerId = -1
  #epoch = -1
  readonly #added = new Set<PartitionQueue>()
  #adding: Promise<void> = Promise.resolve()
  #hasOffsets = false
  #isBusy = false

  constructor(options: TransactionalProducerOptions) {
    const settings = { ...options.settings, acks: -1 as const }
    const { condition = looseConditions(options.system.clock, options.log) } = options
    this.#options = { ...options, settings, condition }
    this.transactionalId = settings.transactionalId
    this.#producer = new OrderedProducer(this.#options, this)
    this.#session = this.#producer.open()
    this.#coordinator = this.#coordinatorOf('transactional id', this.transactionalId)
  }

  init(signal?: AbortSignal): Promise<void> {
    return this.#alone('init', async () => {
      this.#state = 'over'
      await this.#giveUp('the transaction was abandoned; the producer starts a new one')
      await this.#takeId(null, signal)
    })
  }

  begin(): void {
    if (this.#state !== 'ready') throw this.#unfit('begin')
    this.#session = this.#producer.open()
    this.#state = 'open'
  }

  async send(records: readonly ProducerRecord[], signal?: AbortSignal): Promise<void> {
    if (this.#state !== 'open') throw this.#fault ?? this.#unfit('send')
    try {
      await this.#session.send(records, signal)
    } catch (error) {
      // A later transaction is not concerned.
      if (this.#state === 'open')
        this.#end('abortable', `records of the transaction were not written: ${messageOf(error)}`, error)
      throw error
    }
  }

  async sendOffsets(
    positions: readonly Position[],
    member: GroupMember,
    signal?: AbortSignal,
  ): Promise<void> {
    if (this.#state !== 'open') throw this.#fault ?? this.#unfit('sendOffsets')
    if (positions.length === 0) return
    const { groupId, generation: generationId, memberId, groupInstanceId } = member
    const answer = await this.#coordinator.ask(addOffsetsToTxn, {
      body: () => ({ ...this.#identified, groupId }),
      codeOf: ({ errorCode }) => errorCode,
      signal,
    })
    this.#expect(answer.errorCode, `positions of group "${groupId}" cannot be part of the transaction`)
    this.#hasOffsets = true
    let group = this.#groups.get(groupId)
    if (group === undefined) this.#groups.set(groupId, (group = this.#coordinatorOf('group', groupId)))
    const topics = [...Map.groupBy(positions, ({ topic }) => topic)].map(([name, list]) => ({
      name,
      partitions: list.map(({ partition, offset, metadata }) => ({
        partitionIndex: partition,
        committedOffset: offset,
        committedMetadata: metadata ?? '',
      })),
    }))
    const codeOf = ({ topics: told }: { topics: { partitions: { errorCode: number }[] }[] }) =>
      worstOf(told.flatMap(({ partitions }) => partitions.map(({ errorCode }) => errorCode)))
    const committed = await group.ask(txnOffsetCommit, {
      // Before version 3 a group is not asked whether the member is still one.
      body: version => ({
        ...this.#identified,
        groupId,
        topics,
        ...(version >= 3 ? { generationId, memberId, groupInstanceId } : {}),
      }),
      codeOf,
      signal,
    })
    this.#expect(codeOf(committed), `positions of group "${groupId}" cannot be committed`)
  }

  commit(signal?: AbortSignal): Promise<void> {
    return this.#alone('commit', async () => {
      if (this.#state === 'open') {
        await this.#producer.flush()
        // Those who sent have been told as well.
        if (this.#fault !== null) throw this.#fault
        this.#state = 'committing'
      }
      if (this.#state !== 'committing') throw this.#fault ?? this.#unfit('commit')
      await this.#endTransaction(true, signal)
      this.#state = 'ready'
    })
  }

  abort(signal?: AbortSignal): Promise<void> {
    return this.#alone('abort', async () => {
      if (this.#state === 'open' || this.#state === 'abortable') {
        this.#state = 'aborting'
        await this.#giveUp('the transaction is aborted')
        await this.#adding
      }
      if (this.#state !== 'aborting') throw this.#fault ?? this.#unfit('abort')
      const isBroken = [...this.#added].some(({ sequence }) => sequence.isBroken)
      await this.#endTransaction(false, signal)
      this.#fault = null
      if (isBroken) await this.#takeId({ producerId: this.#producerId, producerEpoch: this.#epoch }, signal)
      this.#state = 'ready'
    })
  }

  async #giveUp(why: string): Promise<void> {
    this.#session.end(why)
    await this.#producer.flush()
  }

  async close(): Promise<void> {
    this.#state = 'over'
    this.#fault ??= new TransactionFault('fatal', 'the transactional producer was closed')
    await this.#producer.close()
  }

  // ------------------------------------------------------------------- what the dispatcher asks

  prepare(queues: readonly PartitionQueue[]): Promise<void> | null {
    if (this.#fault !== null) return Promise.reject(this.#fault)
    if (queues.every(queue => this.#added.has(queue))) return null
    const adding = this.#adding.then(() => this.#add(queues.filter(queue => !this.#added.has(queue))))
    this.#adding = adding.catch(() => {})
    return adding
  }

  stamp({ sequence }: PartitionQueue): ProducerIdentity {
    if (sequence.producerId !== this.#producerId || sequence.epoch !== this.#epoch)
      sequence.start(this.#producerId, this.#epoch)
    return { ...sequence.identity, isTransactional: true }
  }

  refused(queue: PartitionQueue, _batch: unknown, { code, where }: Refusal): Fault {
    const { name, meaning } = kafkaError(code)
    queue.sequence.breakOff()
    // Of an epoch that is over the coordinator knows why, when it is asked to abort.
    const kind =
      code === errorCodes.PRODUCER_FENCED
        ? 'fenced'
        : code === errorCodes.TRANSACTIONAL_ID_AUTHORIZATION_FAILED ||
            code === errorCodes.UNSUPPORTED_FOR_MESSAGE_FORMAT
          ? 'fatal'
          : 'abortable'
    return this.#end(
      kind,
      `${where} takes no records of the transaction for ${queue.name}: ${name}: ${meaning}`,
    )
  }

  async #add(queues: readonly PartitionQueue[]): Promise<void> {
    if (queues.length === 0) return
    if (this.#state !== 'open') throw this.#fault ?? this.#unfit('send')
    const topics = [...Map.groupBy(queues, ({ topic }) => topic)].map(([name, list]) => ({
      name,
      partitions: list.map(({ partition }) => partition),
    }))
    const { transactionalId, producerId, producerEpoch } = this.#identified
    const answer = await this.#coordinator.ask(addPartitionsToTxn, {
      body: () => ({
        transactions: [],
        v3AndBelowTransactionalId: transactionalId,
        v3AndBelowProducerId: producerId,
        v3AndBelowProducerEpoch: producerEpoch,
        v3AndBelowTopics: topics,
      }),
      codeOf: addedCode,
      // The dispatcher looks for the topic.
      except: [errorCodes.UNKNOWN_TOPIC_OR_PARTITION],
    })
    const code = addedCode(answer)
    if (code === errorCodes.UNKNOWN_TOPIC_OR_PARTITION)
      throw new Fault('KAFKA', `${topics.map(({ name }) => name).join(', ')}: ${kafkaError(code).meaning}`)
    this.#expect(
      code,
      `partitions of ${topics.map(({ name }) => name).join(', ')} cannot be part of the transaction`,
    )
    for (const queue of queues) this.#added.add(queue)
  }

  // -------------------------------------------------------------------------------- the steps

  async #endTransaction(isCommit: boolean, signal: AbortSignal | undefined): Promise<void> {
    if (this.#added.size > 0 || this.#hasOffsets) {
      const { errorCode } = await this.#coordinator.ask(endTxn, {
        body: () => ({ ...this.#identified, committed: isCommit }),
        codeOf: answer => answer.errorCode,
        signal,
      })
      this.#expect(errorCode, `the transaction cannot be ${isCommit ? 'committed' : 'aborted'}`)
    }
    this.#added.clear()
    this.#hasOffsets = false
  }

  /** An epoch above all before it; `present` lets the coordinator see whether we still are the latest. */
  async #takeId(
    present: { producerId: number; producerEpoch: number } | null,
    signal: AbortSignal | undefined,
  ): Promise<void> {
    const { transactionTimeoutMs } = this.#options.settings
    const { errorCode, producerId, producerEpoch } = await this.#coordinator.ask(initProducerId, {
      body: version => {
        this.recognizesFenced = version >= 3
        return {
          transactionalId: this.transactionalId,
          transactionTimeoutMs,
          ...(present !== null && version >= 3 ? present : {}),
        }
      },
      codeOf: answer => answer.errorCode,
      signal,
    })
    const remedy =
      errorCode === errorCodes.INVALID_TRANSACTION_TIMEOUT
        ? ` (it is ${transactionTimeoutMs} ms here; transaction.max.timeout.ms of the brokers is less)`
        : ''
    this.#expect(errorCode, `the broker gives no producer id${remedy}`)
    this.#producerId = producerId
    this.#epoch = producerEpoch
    this.#added.clear()
    this.#hasOffsets = false
    this.#fault = null
    this.#state = 'ready'
  }

  get #identified() {
    return { transactionalId: this.transactionalId, producerId: this.#producerId, producerEpoch: this.#epoch }
  }

  #expect(code: number, what: string): void {
    if (code === 0) return
    const { name, meaning } = kafkaError(code)
    if (fencedCodes.has(code))
      throw this.#end(
        'fenced',
        `${what}: ${name}: another producer has taken over transactional id "${this.transactionalId}", or the transaction lasted longer than transaction.timeout.ms`,
      )
    const mayAbort = abortableCodes.has(code) && (this.#state === 'open' || this.#state === 'committing')
    throw this.#end(mayAbort ? 'abortable' : 'fatal', `${what}: ${name}: ${meaning}`)
  }

  /** The transaction cannot go on. The first reason counts, unless a later one is worse. */
  #end(kind: TransactionFaultKind, message: string, cause?: unknown): TransactionFault {
    const fault = new TransactionFault(kind, message, { cause })
    if (this.#fault === null || (this.#fault.kind === 'abortable' && kind !== 'abortable'))
      this.#fault = fault
    if (kind !== 'abortable') this.#state = 'over'
    else if (this.#state === 'open' || this.#state === 'committing') this.#state = 'abortable'
    return fault
  }

  async #alone(step: string, work: () => Promise<void>): Promise<void> {
    if (this.#isBusy) throw new Fault('KAFKA', `${step} was called while another step is under way`)
    this.#isBusy = true
    try {
      await work()
    } finally {
      this.#isBusy = false
    }
  }

  #unfit(step: string): Fault {
    const remedy = {
      new: 'call init first',
      ready: 'call begin first',
      open: 'a transaction is open: commit or abort it',
      abortable: 'call abort first',
      committing: 'commit is not done: call it again, or init',
      aborting: 'abort is not done: call it again, or init',
      over: 'call init to start over',
    }[this.#state]
    return new Fault(
      'KAFKA',
      `${step} is not possible now for transactional id "${this.transactionalId}": ${remedy}`,
    )
  }

  #coordinatorOf(kind: 'group' | 'transactional id', key: string): Coordinator {
    const { system, condition, settings } = this.#options
    const { cluster } = this.#producer
    return new Coordinator({ cluster, system, condition, kind, key, patienceMs: settings.deliveryTimeoutMs })
  }
}

/** The one that matters most: what stays before what passes, and the cause before what follows from it. */
function worstOf(codes: readonly number[]): number {
  const failed = codes.filter(code => code !== 0)
  const causes = failed.filter(code => code !== errorCodes.OPERATION_NOT_ATTEMPTED)
  return causes.find(code => !kafkaError(code).isRetriable) ?? causes[0] ?? failed[0] ?? 0
}

const addedCode = (answer: {
  resultsByTopicV3AndBelow: { resultsByPartition: { partitionErrorCode: number }[] }[]
}): number =>
  worstOf(
    answer.resultsByTopicV3AndBelow.flatMap(({ resultsByPartition }) =>
      resultsByPartition.map(({ partitionErrorCode }) => partitionErrorCode),
    ),
  )
