// CreatePartitions: more partitions for a topic; `count` is how many it shall have in all.
import { defineApi } from '../api.ts'
import { array, bool, int16, int32, list, string } from '../fields.ts'

export const createPartitions = defineApi({
  key: 37,
  name: 'CreatePartitions',
  versions: '0-3',
  flexible: '2+',
  request: {
    topics: list({
      name: string(),
      count: int32(),
      assignments: list({ brokerIds: array(int32()) }, { nullable: '0+' }),
    }),
    timeoutMs: int32(),
    validateOnly: bool(),
  },
  response: {
    throttleTimeMs: int32(),
    results: list({
      name: string(),
      errorCode: int16(),
      errorMessage: string({ nullable: '0+', default: null }),
    }),
  },
})
