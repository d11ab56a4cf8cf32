// DescribeGroups: the state and the members of groups.
import { defineApi } from '../api.ts'
import { array, bool, bytes, int16, int32, list, string } from '../fields.ts'

export const describeGroups = defineApi({
  key: 15,
  name: 'DescribeGroups',
  versions: '0-6',
  flexible: '5+',
  request: { groups: array(string()), includeAuthorizedOperations: bool({ versions: '3+' }) },
  response: {
    throttleTimeMs: int32({ versions: '1+', ignorable: true }),
    groups: list({
      errorCode: int16(),
      errorMessage: string({ versions: '6+', nullable: '6+', default: null, ignorable: true }),
      groupId: string(),
      groupState: string(),
      protocolType: string(),
      protocolData: string(),
      members: list({
        memberId: string(),
        groupInstanceId: string({ versions: '4+', nullable: '4+', default: null, ignorable: true }),
        clientId: string(),
        clientHost: string(),
        memberMetadata: bytes(),
        memberAssignment: bytes(),
      }),
      authorizedOperations: int32({ versions: '3+', default: -2147483648, ignorable: true }),
    }),
  },
})
