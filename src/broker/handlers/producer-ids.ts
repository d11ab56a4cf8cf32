// InitProducerId: ids for idempotent producers. Transactions are not there yet.
import { errorCodes } from '../../wire/kafka/error-codes.ts'
import type { RequestOf, ResponseInputOf } from '../../wire/kafka/api.ts'
import type { initProducerId } from '../../wire/kafka/messages/init-producer-id.ts'
import type { Call } from '../api-row.ts'
import type { ErrorName } from '../error-name.ts'

export async function answerInitProducerId(
  { transactionalId, producerId, producerEpoch }: RequestOf<typeof initProducerId>,
  { broker }: Call,
): Promise<ResponseInputOf<typeof initProducerId>> {
  const failed = (name: ErrorName) => ({
    throttleTimeMs: 0,
    errorCode: errorCodes[name],
    producerId: -1,
    producerEpoch: -1,
  })
  if (transactionalId !== null) return failed('INVALID_REQUEST')
  // A producer that recovers asks for its next epoch; a fresh id serves it as well, as in Kafka.
  if ((producerId === -1) !== (producerEpoch === -1)) return failed('INVALID_REQUEST')
  try {
    return {
      throttleTimeMs: 0,
      errorCode: 0,
      producerId: await broker.topics.newProducerId(),
      producerEpoch: 0,
    }
  } catch (error) {
    broker.log.error('cannot give out a producer id', error)
    return failed('COORDINATOR_NOT_AVAILABLE')
  }
}
