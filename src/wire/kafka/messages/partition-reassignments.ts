// AlterPartitionReassignments and ListPartitionReassignments: replicas that move to other brokers. Replicas
// that are null end a move (KIP-455).
import { defineApi } from '../api.ts'
import { array, bool, int16, int32, list, string } from '../fields.ts'

const allowReplicationFactorChange = bool({ versions: '1+', default: true, ignorable: true })
const timeoutMs = int32({ default: 60_000 })
const failure = { errorCode: int16(), errorMessage: string({ nullable: '0+' }) }

export const alterPartitionReassignments = defineApi({
  key: 45,
  name: 'AlterPartitionReassignments',
  versions: '0-1',
  flexible: '0+',
  request: {
    timeoutMs,
    allowReplicationFactorChange,
    topics: list({
      name: string(),
      partitions: list({
        partitionIndex: int32(),
        replicas: array(int32(), { nullable: '0+', default: null }),
      }),
    }),
  },
  response: {
    throttleTimeMs: int32(),
    allowReplicationFactorChange,
    ...failure,
    responses: list({ name: string(), partitions: list({ partitionIndex: int32(), ...failure }) }),
  },
})

export const listPartitionReassignments = defineApi({
  key: 46,
  name: 'ListPartitionReassignments',
  versions: '0',
  flexible: '0+',
  request: {
    timeoutMs,
    topics: list({ name: string(), partitionIndexes: array(int32()) }, { nullable: '0+', default: null }),
  },
  response: {
    throttleTimeMs: int32(),
    ...failure,
    topics: list({
      name: string(),
      partitions: list({
        partitionIndex: int32(),
        replicas: array(int32()),
        addingReplicas: array(int32()),
        removingReplicas: array(int32()),
      }),
    }),
  },
})
