// DeleteGroups: forgets groups that have no members.
import { defineApi } from '../api.ts'
import { array, int16, int32, list, string } from '../fields.ts'

export const deleteGroups = defineApi({
  key: 42,
  name: 'DeleteGroups',
  versions: '0-2',
  flexible: '2+',
  request: { groupsNames: array(string()) },
  response: { throttleTimeMs: int32(), results: list({ groupId: string(), errorCode: int16() }) },
})
