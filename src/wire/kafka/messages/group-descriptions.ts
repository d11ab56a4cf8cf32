// ConsumerGroupDescribe and ShareGroupDescribe: the groups that Kafka 4 brought, with their members (KIP-848,
// KIP-932).
import { defineApi } from '../api.ts'
import { array, bool, int16, int32, int8, list, string, struct, uuid } from '../fields.ts'

const orNull = { nullable: '0+', default: null } as const
const request = { groupIds: array(string()), includeAuthorizedOperations: bool() }
const assignment = struct({
  topicPartitions: list({ topicId: uuid(), topicName: string(), partitions: array(int32()) }),
})
const group = {
  errorCode: int16(),
  errorMessage: string(orNull),
  groupId: string(),
  groupState: string(),
  groupEpoch: int32(),
  assignmentEpoch: int32(),
  assignorName: string(),
}
const client = { memberEpoch: int32(), clientId: string(), clientHost: string() }
const authorizedOperations = int32({ default: -2147483648 })

export const consumerGroupDescribe = defineApi({
  key: 69,
  name: 'ConsumerGroupDescribe',
  versions: '0-1',
  flexible: '0+',
  request,
  response: {
    throttleTimeMs: int32(),
    groups: list({
      ...group,
      members: list({
        memberId: string(),
        instanceId: string(orNull),
        rackId: string(orNull),
        ...client,
        subscribedTopicNames: array(string()),
        subscribedTopicRegex: string(orNull),
        assignment,
        targetAssignment: assignment,
        memberType: int8({ versions: '1+', default: -1, ignorable: true }),
      }),
      authorizedOperations,
    }),
  },
})

export const shareGroupDescribe = defineApi({
  key: 77,
  name: 'ShareGroupDescribe',
  versions: '1',
  flexible: '0+',
  request,
  response: {
    throttleTimeMs: int32(),
    groups: list({
      ...group,
      members: list({
        memberId: string(),
        rackId: string(orNull),
        ...client,
        subscribedTopicNames: array(string()),
        assignment,
      }),
      authorizedOperations,
    }),
  },
})
