// WriteTxnMarkers: ends transactions in partitions. Brokers send it to each other, and the tools to abort a
// transaction nobody ends (KIP-664).
import { defineApi } from '../api.ts'
import { array, bool, int16, int32, int64, list, string } from '../fields.ts'

export const writeTxnMarkers = defineApi({
  key: 27,
  name: 'WriteTxnMarkers',
  versions: '0-1',
  flexible: '1+',
  request: {
    markers: list({
      producerId: int64(),
      producerEpoch: int16(),
      transactionResult: bool(),
      topics: list({ name: string(), partitionIndexes: array(int32()) }),
      coordinatorEpoch: int32(),
    }),
  },
  response: {
    markers: list({
      producerId: int64(),
      topics: list({
        name: string(),
        partitions: list({ partitionIndex: int32(), errorCode: int16() }),
      }),
    }),
  },
})
