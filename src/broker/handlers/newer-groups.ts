// The groups that Kafka 4 brought, as a Kafka answers whose coordinator is set to classic groups: a client that
// wants them learns that it cannot have them, where one that finds no such API may wait for ever.
import type { Call } from '../api-row.ts'
import { errorCodes } from '../../wire/kafka/error-codes.ts'

/** ConsumerGroupHeartbeat and ShareGroupHeartbeat. */
export const answerGroupHeartbeat = () => ({
  throttleTimeMs: 0,
  errorCode: errorCodes.UNSUPPORTED_VERSION,
  memberEpoch: 0,
  heartbeatIntervalMs: 0,
})

/** ConsumerGroupDescribe and ShareGroupDescribe. */
export const answerGroupDescribe = async (
  { groupIds }: { readonly groupIds: readonly string[] },
  { broker }: Call,
) => ({
  throttleTimeMs: 0,
  groups: await broker.pace.map(groupIds, groupId => ({
    errorCode: errorCodes.UNSUPPORTED_VERSION,
    groupId,
    groupState: '',
    groupEpoch: 0,
    assignmentEpoch: 0,
    assignorName: '',
    members: [],
  })),
})
