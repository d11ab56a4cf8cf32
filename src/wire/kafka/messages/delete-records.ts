// DeleteRecords: moves the start of partitions forward; offset -1 stands for the high watermark (KIP-107).
import { defineApi } from '../api.ts'
import { int16, int32, int64, list, string } from '../fields.ts'

export const deleteRecords = defineApi({
  key: 21,
  name: 'DeleteRecords',
  versions: '0-2',
  flexible: '2+',
  request: {
    topics: list({ name: string(), partitions: list({ partitionIndex: int32(), offset: int64() }) }),
    timeoutMs: int32(),
  },
  response: {
    throttleTimeMs: int32(),
    topics: list({
      name: string(),
      partitions: list({ partitionIndex: int32(), lowWatermark: int64(), errorCode: int16() }),
    }),
  },
})
