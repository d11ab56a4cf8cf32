// ConsumerGroupHeartbeat and ShareGroupHeartbeat: how members of the groups that Kafka 4 brought join, stay
// and are given their partitions (KIP-848, KIP-932).
import { defineApi } from '../api.ts'
import { array, int16, int32, list, string, struct, uuid } from '../fields.ts'

const orNull = { nullable: '0+', default: null } as const
const partitions = { topicId: uuid(), partitions: array(int32()) }
const response = {
  throttleTimeMs: int32(),
  errorCode: int16(),
  errorMessage: string(orNull),
  memberId: string(orNull),
  memberEpoch: int32(),
  heartbeatIntervalMs: int32(),
  assignment: struct({ topicPartitions: list(partitions) }, orNull),
}

export const consumerGroupHeartbeat = defineApi({
  key: 68,
  name: 'ConsumerGroupHeartbeat',
  versions: '0-1',
  flexible: '0+',
  request: {
    groupId: string(),
    memberId: string(),
    memberEpoch: int32(),
    instanceId: string(orNull),
    rackId: string(orNull),
    rebalanceTimeoutMs: int32({ default: -1 }),
    subscribedTopicNames: array(string(), orNull),
    subscribedTopicRegex: string({ versions: '1+', nullable: '1+', default: null }),
    serverAssignor: string(orNull),
    topicPartitions: list(partitions, orNull),
  },
  response,
})

export const shareGroupHeartbeat = defineApi({
  key: 76,
  name: 'ShareGroupHeartbeat',
  versions: '1',
  flexible: '0+',
  request: {
    groupId: string(),
    memberId: string(),
    memberEpoch: int32(),
    rackId: string(orNull),
    subscribedTopicNames: array(string(), orNull),
  },
  response,
})
