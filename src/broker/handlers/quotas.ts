// Answers about quotas, of which this broker has none: kafka-configs asks for them whenever it describes
// a user.
import type { describeClientQuotas } from '../../wire/kafka/messages/describe-client-quotas.ts'
import type { Handler } from '../api-row.ts'

export const answerDescribeClientQuotas: Handler<typeof describeClientQuotas> = _request => {
  return { throttleTimeMs: 0, errorCode: 0, errorMessage: null, entries: [] }
}
