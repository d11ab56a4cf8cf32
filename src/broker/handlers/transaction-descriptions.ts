// DescribeProducers, DescribeTransactions and ListTransactions: what tools ask to find transactions that
// hang (KIP-664).
import { errorCodes } from '../../wire/kafka/error-codes.ts'
import type { describeProducers } from '../../wire/kafka/messages/describe-producers.ts'
import type { describeTransactions } from '../../wire/kafka/messages/describe-transactions.ts'
import type { listTransactions } from '../../wire/kafka/messages/list-transactions.ts'
import { onceEach, type Handler } from '../api-row.ts'
import { LinearPattern } from '../linear-pattern.ts'
import { statuses } from '../transactions/transaction-state.ts'

export const answerDescribeProducers: Handler<typeof describeProducers> = async ({ topics }, { broker }) => {
  const producersOf = onceEach(key => {
    const at = key.lastIndexOf('-')
    return broker.topics.partition(key.slice(0, at), Number(key.slice(at + 1)))!.producers.list()
  })
  return {
    throttleTimeMs: 0,
    topics: await broker.pace.map(topics, async ({ name, partitionIndexes }) => ({
      name,
      partitions: await broker.pace.map(partitionIndexes, partitionIndex => {
        const log = broker.topics.partition(name, partitionIndex)
        return log === undefined
          ? {
              partitionIndex,
              errorCode: errorCodes.UNKNOWN_TOPIC_OR_PARTITION,
              errorMessage: broker.topics.topics.has(name) ? null : `there is no topic ${name}`,
              activeProducers: [],
            }
          : { partitionIndex, errorCode: 0, activeProducers: producersOf(log.name) }
      }),
    })),
  }
}

export const answerDescribeTransactions: Handler<typeof describeTransactions> = async (
  { transactionalIds },
  { broker },
) => {
  return {
    throttleTimeMs: 0,
    transactionStates: await broker.pace.map(
      transactionalIds,
      onceEach(transactionalId => {
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
    ),
  }
}

export const answerListTransactions: Handler<typeof listTransactions> = async (
  { stateFilters, producerIdFilters, durationFilter, transactionalIdPattern },
  { broker },
) => {
  const none = { throttleTimeMs: 0, errorCode: 0, unknownStateFilters: [], transactionStates: [] }
  let pattern: LinearPattern | null = null
  try {
    if (transactionalIdPattern !== null && transactionalIdPattern !== '')
      pattern = new LinearPattern(transactionalIdPattern)
  } catch {
    return { ...none, errorCode: errorCodes.INVALID_REGULAR_EXPRESSION }
  }
  const now = broker.system.clock.now()
  const known = new Set(stateFilters.filter(name => statuses.some(status => status === name)))
  const producerIds = new Set(producerIdFilters)
  const listed = await broker.pace.map(
    broker.transactions.all(),
    async ({ status, producerId, startedAt, transactionalId }) =>
      (stateFilters.length === 0 || known.has(status)) &&
      (producerIds.size === 0 || producerIds.has(producerId)) &&
      // As in Kafka, what has never begun counts as begun long ago.
      (durationFilter < 0 || now - startedAt > durationFilter) &&
      (pattern === null || (await pattern.matches(transactionalId, broker.pace)))
        ? [{ transactionalId, producerId, transactionState: status }]
        : [],
  )
  return {
    throttleTimeMs: 0,
    errorCode: 0,
    unknownStateFilters: stateFilters.filter(name => !known.has(name as never)),
    transactionStates: listed.flat(),
  }
}
