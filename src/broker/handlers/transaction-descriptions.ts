// DescribeProducers, DescribeTransactions and ListTransactions: what tools ask to find transactions that
// hang (KIP-664).
import { errorCodes } from '../../wire/kafka/error-codes.ts'
import type { describeProducers } from '../../wire/kafka/messages/describe-producers.ts'
import type { describeTransactions } from '../../wire/kafka/messages/describe-transactions.ts'
import type { listTransactions } from '../../wire/kafka/messages/list-transactions.ts'
import type { Handler } from '../api-row.ts'
import { statuses } from '../transactions/transaction-state.ts'

export const answerDescribeProducers: Handler<typeof describeProducers> = ({ topics }, { broker }) => {
  return {
    throttleTimeMs: 0,
    topics: topics.map(({ name, partitionIndexes }) => ({
      name,
      partitions: partitionIndexes.map(partitionIndex => {
        const log = broker.topics.partition(name, partitionIndex)
        return log === undefined
          ? {
              partitionIndex,
              errorCode: errorCodes.UNKNOWN_TOPIC_OR_PARTITION,
              errorMessage: broker.topics.topics.has(name) ? null : `there is no topic ${name}`,
              activeProducers: [],
            }
          : { partitionIndex, errorCode: 0, activeProducers: log.producers.list() }
      }),
    })),
  }
}

export const answerDescribeTransactions: Handler<typeof describeTransactions> = (
  { transactionalIds },
  { broker },
) => {
  return {
    throttleTimeMs: 0,
    transactionStates: transactionalIds.map(transactionalId => {
      const state = transactionalId === '' ? undefined : broker.transactions.get(transactionalId)
      if (state === undefined)
        return {
          errorCode:
            transactionalId === '' ? errorCodes.INVALID_REQUEST : errorCodes.TRANSACTIONAL_ID_NOT_FOUND,
          transactionalId,
          transactionState: '',
          transactionTimeoutMs: 0,
          transactionStartTimeMs: 0,
          producerId: 0,
          producerEpoch: 0,
          topics: [],
        }
      return {
        errorCode: 0,
        transactionalId,
        transactionState: state.status,
        transactionTimeoutMs: state.timeoutMs,
        transactionStartTimeMs: state.startedAt,
        producerId: state.producerId,
        producerEpoch: state.producerEpoch,
        topics: Object.entries(state.partitions).map(([topic, partitions]) => ({ topic, partitions })),
      }
    }),
  }
}

export const answerListTransactions: Handler<typeof listTransactions> = (
  { stateFilters, producerIdFilters, durationFilter, transactionalIdPattern },
  { broker },
) => {
  const none = { throttleTimeMs: 0, errorCode: 0, unknownStateFilters: [], transactionStates: [] }
  let pattern: RegExp | null = null
  try {
    if (transactionalIdPattern !== null && transactionalIdPattern !== '')
      pattern = new RegExp(`^(?:${transactionalIdPattern})$`, 'u')
  } catch {
    return { ...none, errorCode: errorCodes.INVALID_REGULAR_EXPRESSION }
  }
  const now = broker.system.clock.now()
  const known = stateFilters.filter(name => statuses.some(status => status === name))
  return {
    throttleTimeMs: 0,
    errorCode: 0,
    unknownStateFilters: stateFilters.filter(name => !known.includes(name)),
    transactionStates: broker.transactions
      .all()
      .filter(
        ({ status, producerId, startedAt, transactionalId }) =>
          (stateFilters.length === 0 || known.includes(status)) &&
          (producerIdFilters.length === 0 || producerIdFilters.includes(producerId)) &&
          // As in Kafka, what has never begun counts as begun long ago.
          (durationFilter < 0 || now - startedAt > durationFilter) &&
          (pattern === null || pattern.test(transactionalId)),
      )
      .map(({ transactionalId, producerId, status }) => ({
        transactionalId,
        producerId,
        transactionState: status,
      })),
  }
}
