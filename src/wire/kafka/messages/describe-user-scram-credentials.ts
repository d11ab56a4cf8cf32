// DescribeUserScramCredentials: which SCRAM mechanisms users have, and with how many iterations; no
// users, or null, asks for all (KIP-554).
import { defineApi } from '../api.ts'
import { int16, int32, int8, list, string } from '../fields.ts'

export const describeUserScramCredentials = defineApi({
  key: 50,
  name: 'DescribeUserScramCredentials',
  versions: '0',
  flexible: '0+',
  request: { users: list({ name: string() }, { nullable: '0+' }) },
  response: {
    throttleTimeMs: int32(),
    errorCode: int16(),
    errorMessage: string({ nullable: '0+' }),
    results: list({
      user: string(),
      errorCode: int16(),
      errorMessage: string({ nullable: '0+' }),
      credentialInfos: list({ mechanism: int8(), iterations: int32() }),
    }),
  },
})
