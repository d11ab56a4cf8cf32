// DescribeLogDirs: the log directories of a broker, what lies in them, and the room left (KIP-113, KIP-827).
import { defineApi } from '../api.ts'
import { array, bool, int16, int32, int64, list, string } from '../fields.ts'

export const describeLogDirs = defineApi({
  key: 35,
  name: 'DescribeLogDirs',
  versions: '0-4',
  flexible: '2+',
  request: {
    topics: list({ topic: string(), partitions: array(int32()) }, { nullable: '0+' }),
  },
  response: {
    throttleTimeMs: int32(),
    errorCode: int16({ versions: '3+', ignorable: true }),
    results: list({
      errorCode: int16(),
      logDir: string(),
      topics: list({
        name: string(),
        partitions: list({
          partitionIndex: int32(),
          partitionSize: int64(),
          offsetLag: int64(),
          isFutureKey: bool(),
        }),
      }),
      totalBytes: int64({ versions: '4+', default: -1, ignorable: true }),
      usableBytes: int64({ versions: '4+', default: -1, ignorable: true }),
    }),
  },
})
