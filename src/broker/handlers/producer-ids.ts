// InitProducerId: ids and epochs for idempotent and transactional producers.
import { errorCodes } from '../../wire/kafka/error-codes.ts'
import type { initProducerId } from '../../wire/kafka/messages/init-producer-id.ts'
import type { Handler } from '../api-row.ts'
import type { ErrorName } from '../error-name.ts'

export const answerInitProducerId: Handler<typeof initProducerId> = async (
  { transactionalId, transactionTimeoutMs, producerId, producerEpoch },
  { broker, version },
) => {
  const failed = (name: ErrorName) => ({
    throttleTimeMs: 0,
    errorCode: errorCodes[name],
    producerId: -1,
    producerEpoch: -1,
  })
  if (transactionalId === '' || (producerId === -1) !== (producerEpoch === -1))
    return failed('INVALID_REQUEST')
  try {
    if (transactionalId === null)
      // A producer that recovers asks for its next epoch; a fresh id serves it as well, as in Kafka.
      return {
        throttleTimeMs: 0,
        errorCode: 0,
        producerId: await broker.producerIds.next(),
        producerEpoch: 0,
      }
    const expected = producerId === -1 ? null : { producerId, producerEpoch }
    const result = await broker.transactions.initialize(transactionalId, transactionTimeoutMs, expected)
    if (typeof result !== 'string') return { throttleTimeMs: 0, errorCode: 0, ...result }
    // The error came with version 4.
    return failed(result === 'PRODUCER_FENCED' && version < 4 ? 'INVALID_PRODUCER_EPOCH' : result)
  } catch (error) {
    broker.log.error('cannot give out a producer id', error)
    return failed('COORDINATOR_NOT_AVAILABLE')
  }
}
