// UnregisterBroker: takes a broker that will not come back out of the cluster's metadata (KIP-631).
import { defineApi } from '../api.ts'
import { int16, int32, string } from '../fields.ts'

export const unregisterBroker = defineApi({
  key: 64,
  name: 'UnregisterBroker',
  versions: '0',
  flexible: '0+',
  request: { brokerId: int32() },
  response: { throttleTimeMs: int32(), errorCode: int16(), errorMessage: string({ nullable: '0+' }) },
})
