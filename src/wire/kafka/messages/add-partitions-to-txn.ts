// AddPartitionsToTxn: partitions that a transaction is about to write to. One transaction up to version 3,
// many from version 4 on (those are for brokers).
import { defineApi } from '../api.ts'
import { array, bool, int16, int32, int64, list, string } from '../fields.ts'

const topics = { name: string(), partitions: array(int32()) }
const topicResults = {
  name: string(),
  resultsByPartition: list({ partitionIndex: int32(), partitionErrorCode: int16() }),
}

export const addPartitionsToTxn = defineApi({
  key: 24,
  name: 'AddPartitionsToTxn',
  versions: '0-5',
  flexible: '3+',
  request: {
    transactions: list(
      {
        transactionalId: string(),
        producerId: int64(),
        producerEpoch: int16(),
        verifyOnly: bool({ default: false }),
        topics: list(topics),
      },
      { versions: '4+' },
    ),
    v3AndBelowTransactionalId: string({ versions: '0-3' }),
    v3AndBelowProducerId: int64({ versions: '0-3' }),
    v3AndBelowProducerEpoch: int16({ versions: '0-3' }),
    v3AndBelowTopics: list(topics, { versions: '0-3' }),
  },
  response: {
    throttleTimeMs: int32(),
    errorCode: int16({ versions: '4+', ignorable: true }),
    resultsByTransaction: list(
      { transactionalId: string(), topicResults: list(topicResults) },
      { versions: '4+' },
    ),
    resultsByTopicV3AndBelow: list(topicResults, { versions: '0-3' }),
  },
})
