// DescribeTransactions: state and partitions of transactional ids (KIP-664).
import { defineApi } from '../api.ts'
import { array, int16, int32, int64, list, string } from '../fields.ts'

export const describeTransactions = defineApi({
  key: 65,
  name: 'DescribeTransactions',
  versions: '0',
  flexible: '0+',
  request: { transactionalIds: array(string()) },
  response: {
    throttleTimeMs: int32(),
    transactionStates: list({
      errorCode: int16(),
      transactionalId: string(),
      transactionState: string(),
      transactionTimeoutMs: int32(),
      transactionStartTimeMs: int64(),
      producerId: int64(),
      producerEpoch: int16(),
      topics: list({ topic: string(), partitions: array(int32()) }),
    }),
  },
})
