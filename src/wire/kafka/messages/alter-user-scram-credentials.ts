// AlterUserScramCredentials: sets and removes SCRAM credentials. Mechanisms: 1 SCRAM-SHA-256,
// 2 SCRAM-SHA-512 (KIP-554).
import { defineApi } from '../api.ts'
import { bytes, int16, int32, int8, list, string } from '../fields.ts'

export const alterUserScramCredentials = defineApi({
  key: 51,
  name: 'AlterUserScramCredentials',
  versions: '0',
  flexible: '0+',
  request: {
    deletions: list({ name: string(), mechanism: int8() }),
    upsertions: list({
      name: string(),
      mechanism: int8(),
      iterations: int32(),
      salt: bytes(),
      saltedPassword: bytes(),
    }),
  },
  response: {
    throttleTimeMs: int32(),
    results: list({ user: string(), errorCode: int16(), errorMessage: string({ nullable: '0+' }) }),
  },
})
