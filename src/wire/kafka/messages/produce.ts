// Produce: appends record batches to partitions. Versions 0 and 1 carry message sets of format 0,
// version 2 of format 1, later ones record batches. From version 13 on topics go by id.
import { defineApi } from '../api.ts'
import { int16, int32, int64, list, records, string, struct, uuid } from '../fields.ts'

export const produce = defineApi({
  key: 0,
  name: 'Produce',
  versions: '0-13',
  flexible: '9+',
  request: {
    transactionalId: string({ versions: '3+', nullable: '3+', default: null }),
    acks: int16(),
    timeoutMs: int32(),
    topicData: list({
      name: string({ versions: '0-12', ignorable: true }),
      topicId: uuid({ versions: '13+', ignorable: true }),
      partitionData: list({ index: int32(), records: records({ nullable: '0+' }) }),
    }),
  },
  response: {
    responses: list({
      name: string({ versions: '0-12', ignorable: true }),
      topicId: uuid({ versions: '13+', ignorable: true }),
      partitionResponses: list({
        index: int32(),
        errorCode: int16(),
        baseOffset: int64(),
        logAppendTimeMs: int64({ versions: '2+', default: -1, ignorable: true }),
        logStartOffset: int64({ versions: '5+', default: -1, ignorable: true }),
        recordErrors: list(
          { batchIndex: int32(), batchIndexErrorMessage: string({ nullable: '8+', default: null }) },
          { versions: '8+', ignorable: true },
        ),
        errorMessage: string({ versions: '8+', nullable: '8+', default: null, ignorable: true }),
        currentLeader: struct(
          { leaderId: int32({ default: -1 }), leaderEpoch: int32({ default: -1 }) },
          { versions: '10+', tag: 0, tagged: '10+' },
        ),
      }),
    }),
    throttleTimeMs: int32({ versions: '1+', ignorable: true }),
    nodeEndpoints: list(
      {
        nodeId: int32(),
        host: string(),
        port: int32(),
        rack: string({ nullable: '10+', default: null }),
      },
      { versions: '10+', tag: 0, tagged: '10+' },
    ),
  },
})
