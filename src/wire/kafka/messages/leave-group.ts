// LeaveGroup: members leave a group: one up to version 2, a list from version 3 on.
import { defineApi } from '../api.ts'
import { int16, int32, list, string } from '../fields.ts'

export const leaveGroup = defineApi({
  key: 13,
  name: 'LeaveGroup',
  versions: '0-5',
  flexible: '4+',
  request: {
    groupId: string(),
    memberId: string({ versions: '0-2' }),
    members: list(
      {
        memberId: string(),
        groupInstanceId: string({ nullable: '3+', default: null }),
        reason: string({ versions: '5+', nullable: '5+', default: null, ignorable: true }),
      },
      { versions: '3+' },
    ),
  },
  response: {
    throttleTimeMs: int32({ versions: '1+', ignorable: true }),
    errorCode: int16(),
    members: list(
      { memberId: string(), groupInstanceId: string({ nullable: '3+' }), errorCode: int16() },
      { versions: '3+' },
    ),
  },
})
