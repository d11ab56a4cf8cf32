// UpdateFeatures: raises or lowers the levels of a cluster's features (KIP-584, KIP-778).
import { defineApi } from '../api.ts'
import { bool, int16, int32, int8, list, string } from '../fields.ts'

const failure = { errorCode: int16(), errorMessage: string({ nullable: '0+' }) }

export const updateFeatures = defineApi({
  key: 57,
  name: 'UpdateFeatures',
  versions: '0-2',
  flexible: '0+',
  request: {
    timeoutMs: int32({ default: 60_000 }),
    featureUpdates: list({
      feature: string(),
      maxVersionLevel: int16(),
      allowDowngrade: bool({ versions: '0' }),
      upgradeType: int8({ versions: '1+', default: 1 }),
    }),
    validateOnly: bool({ versions: '1+' }),
  },
  response: {
    throttleTimeMs: int32(),
    ...failure,
    results: list({ feature: string(), ...failure }, { versions: '0-1', ignorable: true }),
  },
})
