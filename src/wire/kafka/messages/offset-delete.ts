// OffsetDelete: removes a group's positions in partitions nobody of the group reads (KIP-496).
import { defineApi } from '../api.ts'
import { int16, int32, list, string } from '../fields.ts'

export const offsetDelete = defineApi({
  key: 47,
  name: 'OffsetDelete',
  versions: '0',
  request: {
    groupId: string(),
    topics: list({ name: string(), partitions: list({ partitionIndex: int32() }) }),
  },
  response: {
    errorCode: int16(),
    throttleTimeMs: int32({ ignorable: true }),
    topics: list({
      name: string(),
      partitions: list({ partitionIndex: int32(), errorCode: int16() }),
    }),
  },
})
