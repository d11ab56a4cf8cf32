// DescribeAcls, CreateAcls and DeleteAcls: who may do what with which resource. Numbers of resource types,
// patterns, operations and permissions are those of KIP-140 and KIP-290.
import { defineApi } from '../api.ts'
import { int16, int32, int8, list, string } from '../fields.ts'

/** Pattern type 3: the name as it stands. */
const patternType = int8({ versions: '1+', default: 3 })
const subject = { principal: string(), host: string(), operation: int8(), permissionType: int8() }
const failure = { errorCode: int16(), errorMessage: string({ nullable: '0+' }) }
const filter = {
  resourceTypeFilter: int8(),
  resourceNameFilter: string({ nullable: '0+' }),
  patternTypeFilter: patternType,
  principalFilter: string({ nullable: '0+' }),
  hostFilter: string({ nullable: '0+' }),
  operation: int8(),
  permissionType: int8(),
}

export const describeAcls = defineApi({
  key: 29,
  name: 'DescribeAcls',
  versions: '0-3',
  flexible: '2+',
  request: filter,
  response: {
    throttleTimeMs: int32(),
    ...failure,
    resources: list({ resourceType: int8(), resourceName: string(), patternType, acls: list(subject) }),
  },
})

export const createAcls = defineApi({
  key: 30,
  name: 'CreateAcls',
  versions: '0-3',
  flexible: '2+',
  request: {
    creations: list({
      resourceType: int8(),
      resourceName: string(),
      resourcePatternType: patternType,
      ...subject,
    }),
  },
  response: { throttleTimeMs: int32(), results: list(failure) },
})

export const deleteAcls = defineApi({
  key: 31,
  name: 'DeleteAcls',
  versions: '0-3',
  flexible: '2+',
  request: { filters: list(filter) },
  response: {
    throttleTimeMs: int32(),
    filterResults: list({
      ...failure,
      matchingAcls: list({
        ...failure,
        resourceType: int8(),
        resourceName: string(),
        patternType,
        ...subject,
      }),
    }),
  },
})
