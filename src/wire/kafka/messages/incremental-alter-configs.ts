// IncrementalAlterConfigs: changes single settings of topics (resource type 2) and brokers (4). Operations:
// 0 set, 1 delete, 2 append to a list, 3 subtract from a list (KIP-339).
import { defineApi } from '../api.ts'
import { bool, int16, int32, int8, list, string } from '../fields.ts'

export const incrementalAlterConfigs = defineApi({
  key: 44,
  name: 'IncrementalAlterConfigs',
  versions: '0-1',
  flexible: '1+',
  request: {
    resources: list({
      resourceType: int8(),
      resourceName: string(),
      configs: list({ name: string(), configOperation: int8(), value: string({ nullable: '0+' }) }),
    }),
    validateOnly: bool(),
  },
  response: {
    throttleTimeMs: int32(),
    responses: list({
      errorCode: int16(),
      errorMessage: string({ nullable: '0+' }),
      resourceType: int8(),
      resourceName: string(),
    }),
  },
})
