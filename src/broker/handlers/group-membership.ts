// FindCoordinator, JoinGroup, SyncGroup, Heartbeat and LeaveGroup.
import { errorCodes } from '../../wire/kafka/error-codes.ts'
import type { RequestOf, ResponseInputOf } from '../../wire/kafka/api.ts'
import type { findCoordinator } from '../../wire/kafka/messages/find-coordinator.ts'
import type { heartbeat } from '../../wire/kafka/messages/heartbeat.ts'
import type { joinGroup } from '../../wire/kafka/messages/join-group.ts'
import type { leaveGroup } from '../../wire/kafka/messages/leave-group.ts'
import type { syncGroup } from '../../wire/kafka/messages/sync-group.ts'
import type { Call } from '../api-row.ts'
import type { ErrorName } from '../error-name.ts'

const keyTypes = { group: 0, transaction: 1 } as const

export function answerFindCoordinator(
  { keyType, coordinatorKeys }: RequestOf<typeof findCoordinator>,
  { broker, version }: Call,
): ResponseInputOf<typeof findCoordinator> {
  const { advertised, settings } = broker
  const isKnown = keyType === keyTypes.group || keyType === keyTypes.transaction
  const errorCode = isKnown ? 0 : errorCodes.INVALID_REQUEST
  const errorMessage = isKnown ? null : 'this broker coordinates groups and transactions only'
  const place = isKnown ? { nodeId: settings.nodeId, ...advertised } : { nodeId: -1, host: '', port: -1 }
  const one = { errorCode, errorMessage, ...place }
  if (version < 4) return one
  return { coordinators: coordinatorKeys.map(key => ({ key, ...one })) }
}

export async function answerJoinGroup(
  request: RequestOf<typeof joinGroup>,
  { broker, version, clientId, clientHost }: Call,
): Promise<ResponseInputOf<typeof joinGroup>> {
  const { groupId, sessionTimeoutMs, rebalanceTimeoutMs, memberId, groupInstanceId } = request
  const { groupMinSessionMs, groupMaxSessionMs } = broker.settings
  const failed = (name: ErrorName): ResponseInputOf<typeof joinGroup> => ({
    errorCode: errorCodes[name],
    protocolName: version >= 7 ? null : '',
    leader: '',
    memberId,
    members: [],
  })
  if (groupId === '') return failed('INVALID_GROUP_ID')
  if (sessionTimeoutMs < groupMinSessionMs || sessionTimeoutMs > groupMaxSessionMs)
    return failed('INVALID_SESSION_TIMEOUT')
  if (memberId !== '' && broker.groups.get(groupId) === undefined) return failed('UNKNOWN_MEMBER_ID')
  const result = await broker.groups.getOrCreate(groupId).join({
    memberId,
    instanceId: groupInstanceId,
    clientId,
    clientHost,
    sessionTimeoutMs,
    rebalanceTimeoutMs: rebalanceTimeoutMs < 0 ? sessionTimeoutMs : rebalanceTimeoutMs,
    protocolType: request.protocolType,
    protocols: request.protocols,
    needsKnownId: version >= 4,
    knowsSkipAssignment: version >= 9,
  })
  const { protocolName = null, skipAssignment, ...rest } = result
  return {
    leader: '',
    members: [],
    ...rest,
    protocolName: protocolName ?? (version >= 7 ? null : ''),
    skipAssignment: version >= 9 && skipAssignment === true,
  }
}

export async function answerSyncGroup(
  request: RequestOf<typeof syncGroup>,
  { broker }: Call,
): Promise<ResponseInputOf<typeof syncGroup>> {
  const { groupId, generationId, memberId, groupInstanceId, protocolType, protocolName, assignments } =
    request
  const group = broker.groups.get(groupId)
  const result =
    group === undefined
      ? { errorCode: unknownIn(groupId) }
      : await group.sync({
          memberId,
          instanceId: groupInstanceId,
          generation: generationId,
          protocolType,
          protocolName,
          assignments,
        })
  return { assignment: noBytes, ...result }
}

export function answerHeartbeat(
  { groupId, generationId, memberId, groupInstanceId }: RequestOf<typeof heartbeat>,
  { broker }: Call,
): ResponseInputOf<typeof heartbeat> {
  const group = broker.groups.get(groupId)
  return { errorCode: group?.heartbeat(memberId, groupInstanceId, generationId) ?? unknownIn(groupId) }
}

export function answerLeaveGroup(
  { groupId, memberId, members }: RequestOf<typeof leaveGroup>,
  { broker, version }: Call,
): ResponseInputOf<typeof leaveGroup> {
  const group = broker.groups.get(groupId)
  const leave = (id: string, instanceId: string | null) => group?.leave(id, instanceId) ?? unknownIn(groupId)
  if (version < 3) return { errorCode: leave(memberId, null) }
  return {
    errorCode: groupId === '' ? errorCodes.INVALID_GROUP_ID : 0,
    members: members.map(one => ({
      memberId: one.memberId,
      groupInstanceId: one.groupInstanceId,
      errorCode: leave(one.memberId, one.groupInstanceId),
    })),
  }
}

const noBytes = Buffer.alloc(0)
const unknownIn = (groupId: string): number =>
  groupId === '' ? errorCodes.INVALID_GROUP_ID : errorCodes.UNKNOWN_MEMBER_ID
