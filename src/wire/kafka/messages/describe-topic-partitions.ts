// DescribeTopicPartitions: topics with their partitions, in the order of their names and so many at a time;
// no topics means all of them. An answer that ends early names where to go on (KIP-966).
import { defineApi } from '../api.ts'
import { array, bool, int16, int32, list, string, struct, uuid } from '../fields.ts'

const cursor = struct({ topicName: string(), partitionIndex: int32() }, { nullable: '0+', default: null })

export const describeTopicPartitions = defineApi({
  key: 75,
  name: 'DescribeTopicPartitions',
  versions: '0',
  flexible: '0+',
  request: {
    topics: list({ name: string() }),
    responsePartitionLimit: int32({ default: 2000 }),
    cursor,
  },
  response: {
    throttleTimeMs: int32(),
    topics: list({
      errorCode: int16(),
      name: string({ nullable: '0+' }),
      topicId: uuid(),
      isInternal: bool(),
      partitions: list({
        errorCode: int16(),
        partitionIndex: int32(),
        leaderId: int32(),
        leaderEpoch: int32({ default: -1 }),
        replicaNodes: array(int32()),
        isrNodes: array(int32()),
        eligibleLeaderReplicas: array(int32(), { nullable: '0+', default: null }),
        lastKnownElr: array(int32(), { nullable: '0+', default: null }),
        offlineReplicas: array(int32()),
      }),
      topicAuthorizedOperations: int32({ default: -2147483648 }),
    }),
    nextCursor: cursor,
  },
})
