// Under which id a producer writes, so that a broker knows a batch again that comes twice. An idempotent
// producer asks any broker for an id; where there is none to be had (brokers before 0.11, no right to it)
// it writes without, and a lost answer may double records.
//
// When a partition has to begin again its epoch is raised here: without a transaction a broker would give
// nothing but a new id for the asking, and takes a higher epoch as it comes (KIP-360).
import { Fault } from '../../errors.ts'
import type { Logger } from '../../observe/log.ts'
import { errorCodes, kafkaError } from '../../wire/kafka/error-codes.ts'
import { initProducerId } from '../../wire/kafka/messages/init-producer-id.ts'
import type { ProducerIdentity } from '../../wire/kafka/record.ts'
import type { BrokerConnection } from '../connection/connection.ts'
import type { Batch, PartitionQueue } from './partition-queue.ts'

/** What an answer says about the identity, where it is not about the records. */
export interface Refusal {
  readonly code: number
  readonly where: string
}

export interface Identities {
  /** To be named in each request; null outside of transactions. */
  readonly transactionalId: string | null
  /** Resolves when batches of these queues may be stamped; null where they may be now. Rejects with a Fault. */
  prepare(queues: readonly PartitionQueue[], connection: BrokerConnection): Promise<void> | null
  /** For the next batch of the queue; null: without. */
  stamp(queue: PartitionQueue): ProducerIdentity | null
  /** The broker does not take the batch's identity. Null: it is stamped anew and sent again; else the send fails. */
  refused(queue: PartitionQueue, batch: Batch, refusal: Refusal): Fault | null
}

/** Answers about the identity of a batch. None of them is given for a batch that was written just now. */
export const identityCodes = new Set<number>([
  errorCodes.OUT_OF_ORDER_SEQUENCE_NUMBER,
  errorCodes.UNKNOWN_PRODUCER_ID,
  errorCodes.INVALID_PRODUCER_EPOCH,
  errorCodes.INVALID_PRODUCER_ID_MAPPING,
  errorCodes.UNSUPPORTED_FOR_MESSAGE_FORMAT,
  errorCodes.PRODUCER_FENCED,
  errorCodes.INVALID_TXN_STATE,
  errorCodes.TRANSACTION_ABORTABLE,
  errorCodes.TRANSACTIONAL_ID_AUTHORIZATION_FAILED,
])
/** After these a higher epoch may not be enough. */
const idCodes = new Set<number>([errorCodes.INVALID_PRODUCER_EPOCH, errorCodes.INVALID_PRODUCER_ID_MAPPING])
/** The user may not have an id, or the broker has none: nothing that time would change. */
const withoutCodes = new Set<number>([
  errorCodes.CLUSTER_AUTHORIZATION_FAILED,
  errorCodes.UNSUPPORTED_VERSION,
  errorCodes.SECURITY_DISABLED,
])
const lastEpoch = 32_767

export class IdempotentIdentities implements Identities {
  readonly transactionalId = null
  readonly #log: Logger
  /** -1: to be asked for. */
  #producerId = -1
  #asking: Promise<void> | null = null
  #isOff: boolean
  /** Partitions whose message format knows no identities. */
  readonly #plain = new WeakSet<PartitionQueue>()

  constructor(log: Logger, isWanted: boolean) {
    this.#log = log
    this.#isOff = !isWanted
  }

  prepare(_queues: readonly PartitionQueue[], connection: BrokerConnection): Promise<void> | null {
    if (this.#isOff || this.#producerId !== -1) return null
    if (connection.versionOf(initProducerId) === -1) return null
    this.#asking ??= this.#ask(connection).finally(() => (this.#asking = null))
    return this.#asking
  }

  async #ask(connection: BrokerConnection): Promise<void> {
    const question = { transactionalId: null, transactionTimeoutMs: 2_147_483_647 }
    const { errorCode, producerId } = await connection.request(initProducerId, question)
    if (errorCode === 0) this.#producerId = producerId
    else {
      const { name, meaning } = kafkaError(errorCode)
      const text = `${connection.where} gives no producer id: ${name}: ${meaning}`
      if (!withoutCodes.has(errorCode)) throw new Fault('KAFKA', text)
      this.#isOff = true
      this.#log.warn(
        `${text}. Records are written without: a lost answer may double them. Allow IDEMPOTENT_WRITE on the cluster`,
      )
    }
  }

  stamp(queue: PartitionQueue): ProducerIdentity | null {
    const { sequence } = queue
    if (this.#isOff || this.#plain.has(queue)) return null
    if (sequence.producerId === -1 || sequence.isBroken) {
      const isSame = sequence.producerId === this.#producerId
      if (this.#producerId === -1) return null
      if (sequence.left > 0)
        this.#log.warn(
          `${sequence.left} records for ${queue.name} were abandoned without an answer, so the broker may have written them. The sink sends them again, and they may be there twice`,
        )
      sequence.start(this.#producerId, isSame ? sequence.epoch + 1 : 0)
      // The next to begin again gets another id.
      if (sequence.epoch === lastEpoch) this.#producerId = -1
    }
    return sequence.identity
  }

  refused(queue: PartitionQueue, batch: Batch, { code, where }: Refusal): null {
    const { name, meaning } = kafkaError(code)
    if (code === errorCodes.UNSUPPORTED_FOR_MESSAGE_FORMAT) {
      this.#plain.add(queue)
      this.#log.warn(
        `${queue.topic} keeps an old message format: a lost answer may double records (log.message.format.version of the brokers)`,
      )
      return null
    }
    if (idCodes.has(code) && queue.sequence.producerId === this.#producerId) this.#producerId = -1
    queue.sequence.breakOff()
    if (batch.isDoubtful)
      this.#log.warn(
        `${where} cannot tell whether it has ${batch.recordCount} records for ${queue.name} (${name}: ${meaning}): they are sent again and may be there twice`,
      )
    else if (queue.failures < 3)
      this.#log.warn(
        `${where} does not know what this producer wrote to ${queue.name} before (${name}: ${meaning}): ${batch.recordCount} records are sent again under a new epoch. Records acknowledged before may be lost, or retention has removed them`,
      )
    return null
  }
}
