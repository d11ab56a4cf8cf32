// ListConfigResources: what has settings, by the types asked for, or all. In version 0, which knew clients'
// metrics alone, it was called ListClientMetricsResources (KIP-714, KIP-1142).
import { defineApi } from '../api.ts'
import { array, int16, int32, int8, list, string } from '../fields.ts'

export const listConfigResources = defineApi({
  key: 74,
  name: 'ListConfigResources',
  versions: '0-1',
  flexible: '0+',
  request: { resourceTypes: array(int8(), { versions: '1+' }) },
  response: {
    throttleTimeMs: int32(),
    errorCode: int16(),
    configResources: list({
      resourceName: string(),
      resourceType: int8({ versions: '1+', default: 16, ignorable: true }),
    }),
  },
})
