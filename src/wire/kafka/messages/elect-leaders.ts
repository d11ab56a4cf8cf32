// ElectLeaders: gives partitions their preferred leader (type 0), or any that is there (1). No list of
// partitions means all of them (KIP-183, KIP-460).
import { defineApi } from '../api.ts'
import { array, int16, int32, int8, list, string } from '../fields.ts'

export const electLeaders = defineApi({
  key: 43,
  name: 'ElectLeaders',
  versions: '0-2',
  flexible: '2+',
  request: {
    electionType: int8({ versions: '1+' }),
    topicPartitions: list({ topic: string(), partitions: array(int32()) }, { nullable: '0+' }),
    timeoutMs: int32({ default: 60_000 }),
  },
  response: {
    throttleTimeMs: int32(),
    errorCode: int16({ versions: '1+' }),
    replicaElectionResults: list({
      topic: string(),
      partitionResult: list({
        partitionId: int32(),
        errorCode: int16(),
        errorMessage: string({ nullable: '0+' }),
      }),
    }),
  },
})
