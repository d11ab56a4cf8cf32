// DescribeClientQuotas: the quotas that match all components; match types: 0 exact, 1 default, 2 any;
// `entries` is null where the answer is an error. AlterClientQuotas sets and removes them (KIP-546).
import { defineApi } from '../api.ts'
import { bool, float64, int16, int32, int8, list, string } from '../fields.ts'

const entity = list({ entityType: string(), entityName: string({ nullable: '0+' }) })

export const describeClientQuotas = defineApi({
  key: 48,
  name: 'DescribeClientQuotas',
  versions: '0-1',
  flexible: '1+',
  request: {
    components: list({ entityType: string(), matchType: int8(), match: string({ nullable: '0+' }) }),
    strict: bool(),
  },
  response: {
    throttleTimeMs: int32(),
    errorCode: int16(),
    errorMessage: string({ nullable: '0+' }),
    entries: list(
      {
        entity,
        values: list({ key: string(), value: float64() }),
      },
      { nullable: '0+' },
    ),
  },
})

export const alterClientQuotas = defineApi({
  key: 49,
  name: 'AlterClientQuotas',
  versions: '0-1',
  flexible: '1+',
  request: {
    entries: list({ entity, ops: list({ key: string(), value: float64(), remove: bool() }) }),
    validateOnly: bool(),
  },
  response: {
    throttleTimeMs: int32(),
    entries: list({ errorCode: int16(), errorMessage: string({ nullable: '0+' }), entity }),
  },
})
