// Heartbeat: a member of a group lives; the answer says when it must join again.
import { defineApi } from '../api.ts'
import { int16, int32, string } from '../fields.ts'

export const heartbeat = defineApi({
  key: 12,
  name: 'Heartbeat',
  versions: '0-4',
  flexible: '4+',
  request: {
    groupId: string(),
    generationId: int32(),
    memberId: string(),
    groupInstanceId: string({ versions: '3+', nullable: '3+', default: null, ignorable: true }),
  },
  response: { throttleTimeMs: int32({ versions: '1+', ignorable: true }), errorCode: int16() },
})
