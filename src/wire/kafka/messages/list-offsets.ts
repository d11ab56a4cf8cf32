// ListOffsets: the offset of a time, or of the ends: timestamp -2 is the earliest, -1 the latest.
// Version 0 answers with a list of segment starts instead of one offset.
import { defineApi } from '../api.ts'
import { array, int16, int32, int64, int8, list, string } from '../fields.ts'

export const listOffsets = defineApi({
  key: 2,
  name: 'ListOffsets',
  versions: '0-10',
  flexible: '6+',
  request: {
    replicaId: int32({ default: -1 }),
    isolationLevel: int8({ versions: '2+' }),
    topics: list({
      name: string(),
      partitions: list({
        partitionIndex: int32(),
        currentLeaderEpoch: int32({ versions: '4+', default: -1, ignorable: true }),
        timestamp: int64(),
        maxNumOffsets: int32({ versions: '0', default: 1, ignorable: true }),
      }),
    }),
    timeoutMs: int32({ versions: '10+', ignorable: true }),
  },
  response: {
    throttleTimeMs: int32({ versions: '2+', ignorable: true }),
    topics: list({
      name: string(),
      partitions: list({
        partitionIndex: int32(),
        errorCode: int16(),
        oldStyleOffsets: array(int64(), { versions: '0' }),
        timestamp: int64({ versions: '1+', default: -1 }),
        offset: int64({ versions: '1+', default: -1 }),
        leaderEpoch: int32({ versions: '4+', default: -1, ignorable: true }),
      }),
    }),
  },
})
