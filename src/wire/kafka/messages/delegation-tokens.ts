// CreateDelegationToken, RenewDelegationToken, ExpireDelegationToken and DescribeDelegationToken: logins that a
// client hands on to its workers (KIP-48, KIP-373).
import { defineApi } from '../api.ts'
import { bytes, int16, int32, int64, list, string } from '../fields.ts'

const principal = { principalType: string(), principalName: string() }
const requester = {
  tokenRequesterPrincipalType: string({ versions: '3+', ignorable: true }),
  tokenRequesterPrincipalName: string({ versions: '3+', ignorable: true }),
}
const extended = { errorCode: int16(), expiryTimestampMs: int64(), throttleTimeMs: int32() }

export const createDelegationToken = defineApi({
  key: 38,
  name: 'CreateDelegationToken',
  versions: '0-3',
  flexible: '2+',
  request: {
    ownerPrincipalType: string({ versions: '3+', nullable: '3+' }),
    ownerPrincipalName: string({ versions: '3+', nullable: '3+' }),
    renewers: list(principal),
    maxLifetimeMs: int64(),
  },
  response: {
    errorCode: int16(),
    ...principal,
    ...requester,
    issueTimestampMs: int64(),
    expiryTimestampMs: int64(),
    maxTimestampMs: int64(),
    tokenId: string(),
    hmac: bytes(),
    throttleTimeMs: int32(),
  },
})

export const renewDelegationToken = defineApi({
  key: 39,
  name: 'RenewDelegationToken',
  versions: '0-2',
  flexible: '2+',
  request: { hmac: bytes(), renewPeriodMs: int64() },
  response: extended,
})

export const expireDelegationToken = defineApi({
  key: 40,
  name: 'ExpireDelegationToken',
  versions: '0-2',
  flexible: '2+',
  request: { hmac: bytes(), expiryTimePeriodMs: int64() },
  response: extended,
})

export const describeDelegationToken = defineApi({
  key: 41,
  name: 'DescribeDelegationToken',
  versions: '0-3',
  flexible: '2+',
  request: { owners: list(principal, { nullable: '0+' }) },
  response: {
    errorCode: int16(),
    tokens: list({
      ...principal,
      ...requester,
      issueTimestamp: int64(),
      expiryTimestamp: int64(),
      maxTimestamp: int64(),
      tokenId: string(),
      hmac: bytes(),
      renewers: list(principal),
    }),
    throttleTimeMs: int32(),
  },
})
