// ListTransactions: the transactional ids a broker coordinates, by state, producer id, age (KIP-994) and
// pattern (KIP-1152).
import { defineApi } from '../api.ts'
import { array, int16, int32, int64, list, string } from '../fields.ts'

export const listTransactions = defineApi({
  key: 66,
  name: 'ListTransactions',
  versions: '0-2',
  flexible: '0+',
  request: {
    stateFilters: array(string()),
    producerIdFilters: array(int64()),
    durationFilter: int64({ versions: '1+', default: -1 }),
    transactionalIdPattern: string({ versions: '2+', nullable: '2+', default: null }),
  },
  response: {
    throttleTimeMs: int32(),
    errorCode: int16(),
    unknownStateFilters: array(string()),
    transactionStates: list({ transactionalId: string(), producerId: int64(), transactionState: string() }),
  },
})
