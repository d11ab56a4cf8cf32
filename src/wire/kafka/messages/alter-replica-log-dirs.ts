// AlterReplicaLogDirs: moves replicas of a broker to another of its log directories (KIP-113).
import { defineApi } from '../api.ts'
import { array, int16, int32, list, string } from '../fields.ts'

export const alterReplicaLogDirs = defineApi({
  key: 34,
  name: 'AlterReplicaLogDirs',
  versions: '0-2',
  flexible: '2+',
  request: {
    dirs: list({ path: string(), topics: list({ name: string(), partitions: array(int32()) }) }),
  },
  response: {
    throttleTimeMs: int32(),
    results: list({
      topicName: string(),
      partitions: list({ partitionIndex: int32(), errorCode: int16() }),
    }),
  },
})
