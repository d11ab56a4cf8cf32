// Answers about quotas, of which this broker has none: kafka-configs asks for them whenever it describes
// a user.
import type { RequestOf, ResponseInputOf } from '../../wire/kafka/api.ts'
import type { describeClientQuotas } from '../../wire/kafka/messages/describe-client-quotas.ts'

export function answerDescribeClientQuotas(
  _request: RequestOf<typeof describeClientQuotas>,
): ResponseInputOf<typeof describeClientQuotas> {
  return { throttleTimeMs: 0, errorCode: 0, errorMessage: null, entries: [] }
}
