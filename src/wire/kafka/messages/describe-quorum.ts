// DescribeQuorum: who leads the metadata of a cluster, and how far its other voters and observers are
// (KIP-595, KIP-836, KIP-853).
import { defineApi } from '../api.ts'
import { int16, int32, int64, list, string, uint16, uuid } from '../fields.ts'

const errorMessage = string({ versions: '2+', nullable: '2+', default: null, ignorable: true })
const replicas = list({
  replicaId: int32(),
  replicaDirectoryId: uuid({ versions: '2+', ignorable: true }),
  logEndOffset: int64(),
  lastFetchTimestamp: int64({ versions: '1+', default: -1, ignorable: true }),
  lastCaughtUpTimestamp: int64({ versions: '1+', default: -1, ignorable: true }),
})

export const describeQuorum = defineApi({
  key: 55,
  name: 'DescribeQuorum',
  versions: '0-2',
  flexible: '0+',
  request: {
    topics: list({ topicName: string(), partitions: list({ partitionIndex: int32() }) }),
  },
  response: {
    errorCode: int16(),
    errorMessage,
    topics: list({
      topicName: string(),
      partitions: list({
        partitionIndex: int32(),
        errorCode: int16(),
        errorMessage,
        leaderId: int32(),
        leaderEpoch: int32(),
        highWatermark: int64(),
        currentVoters: replicas,
        observers: replicas,
      }),
    }),
    nodes: list(
      { nodeId: int32(), listeners: list({ name: string(), host: string(), port: uint16() }) },
      { versions: '2+', ignorable: true },
    ),
  },
})
