// Transactional ids that the brokers know.
import { kafkaError } from '../../wire/kafka/error-codes.ts'
import { listTransactions } from '../../wire/kafka/messages/list-transactions.ts'
import { askEach, refuse, type AdminParts } from './question.ts'

export class TransactionAdmin {
  readonly #parts: AdminParts

  constructor(parts: AdminParts) {
    this.#parts = parts
  }

  /**
   * All that have been used and not expired, of the brokers that are there. None of brokers before Kafka 3.0, which do not
   * tell them, and of those that the user may not see.
   */
  async ids(): Promise<string[]> {
    const { cluster, system, patienceMs } = this.#parts
    await cluster.refresh()
    const deadline = system.clock.monotonic() + patienceMs
    const found: string[] = []
    await askEach(this.#parts, cluster.nodeIds, patienceMs, async id => {
      for (let failures = 1; ; failures++) {
        const connection = await cluster.connect(id, 'metadata')
        if (connection.versionOf(listTransactions) === -1) return
        const { errorCode, transactionStates } = await connection.request(listTransactions, {
          stateFilters: [],
          producerIdFilters: [],
        })
        if (!kafkaError(errorCode).isRetriable || system.clock.monotonic() > deadline) {
          refuse(errorCode, `broker ${id} does not list its transactional ids`)
          found.push(...transactionStates.map(one => one.transactionalId))
          return
        }
        await cluster.pause(failures)
      }
    })
    return found
  }
}
