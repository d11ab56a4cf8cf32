// JoinGroup: enters a consumer group, or its next generation. The coordinator answers when all members
// have; the leader's answer lists them.
import { defineApi } from '../api.ts'
import { bool, bytes, int16, int32, list, string } from '../fields.ts'

export const joinGroup = defineApi({
  key: 11,
  name: 'JoinGroup',
  versions: '0-9',
  flexible: '6+',
  request: {
    groupId: string(),
    sessionTimeoutMs: int32(),
    rebalanceTimeoutMs: int32({ versions: '1+', default: -1, ignorable: true }),
    memberId: string(),
    groupInstanceId: string({ versions: '5+', nullable: '5+', default: null, ignorable: true }),
    protocolType: string(),
    protocols: list({ name: string(), metadata: bytes() }),
    reason: string({ versions: '8+', nullable: '8+', default: null, ignorable: true }),
  },
  response: {
    throttleTimeMs: int32({ versions: '2+', ignorable: true }),
    errorCode: int16(),
    generationId: int32({ default: -1 }),
    protocolType: string({ versions: '7+', nullable: '7+', default: null, ignorable: true }),
    protocolName: string({ nullable: '7+' }),
    leader: string(),
    skipAssignment: bool({ versions: '9+' }),
    memberId: string(),
    members: list({
      memberId: string(),
      groupInstanceId: string({ versions: '5+', nullable: '5+', default: null, ignorable: true }),
      metadata: bytes(),
    }),
  },
})
