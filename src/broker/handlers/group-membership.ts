// FindCoordinator, JoinGroup, SyncGroup, Heartbeat and LeaveGroup.
import { errorCodes } from '../../wire/kafka/error-codes.ts'
import type { ResponseInputOf } from '../../wire/kafka/api.ts'
import type { findCoordinator } from '../../wire/kafka/messages/find-coordinator.ts'
import type { heartbeat } from '../../wire/kafka/messages/heartbeat.ts'
import type { joinGroup } from '../../wire/kafka/messages/join-group.ts'
import type { leaveGroup } from '../../wire/kafka/messages/leave-group.ts'
import type { syncGroup } from '../../wire/kafka/messages/sync-group.ts'
import type { Handler } from '../api-row.ts'
import type { ErrorName } from '../error-name.ts'

const keyTypes = { group: 0, transaction: 1 } as const

export const answerFindCoordinator: Handler<typeof findCoordinator> = async (
  { keyType, coordinatorKeys },
  { broker, version },
) => {
  const { advertised, settings } = broker
  const isKnown = keyType === keyTypes.group || keyType === keyTypes.transaction
  const errorCode = isKnown ? 0 : errorCodes.INVALID_REQUEST
  const errorMessage = isKnown ? null : 'this broker coordinates groups and transactions only'
  const place = isKnown ? { nodeId: settings.nodeId, ...advertised } : { nodeId: -1, host: '', port: -1 }
  const one = { errorCode, errorMessage, ...place }
  if (version < 4) return one
  return { coordinators: await broker.pace.map(coordinatorKeys, key => ({ key, ...one })) }
}

/** A member offers a handful. What it offers is kept while it is a member. */
const mostProtocols = 100

export const answerJoinGroup: Handler<typeof joinGroup> = async (
  request,
  { broker, version, clientId, clientHost },
) => {
  const { groupId, sessionTimeoutMs, rebalanceTimeoutMs, memberId, groupInstanceId } = request
  const { groupMinSessionTimeoutMs, groupMaxSessionTimeoutMs } = broker.settings
  const failed = (name: ErrorName): ResponseInputOf<typeof joinGroup> => ({
    errorCode: errorCodes[name],
    protocolName: version >= 7 ? null : '',
    leader: '',
    memberId,
    members: [],
  })
  if (groupId === '') return failed('INVALID_GROUP_ID')
  if (sessionTimeoutMs < groupMinSessionTimeoutMs || sessionTimeoutMs > groupMaxSessionTimeoutMs)
    return failed('INVALID_SESSION_TIMEOUT')
  const protocolBytes = request.protocols.reduce(
    (sum, { name, metadata }) => sum + name.length + metadata.length,
    0,
  )
  if (request.protocols.length > mostProtocols || protocolBytes > broker.settings.messageMaxBytes)
    return failed('INCONSISTENT_GROUP_PROTOCOL')
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

export const answerSyncGroup: Handler<typeof syncGroup> = async (request, { broker }) => {
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

export const answerHeartbeat: Handler<typeof heartbeat> = (
  { groupId, generationId, memberId, groupInstanceId },
  { broker },
) => {
  const group = broker.groups.get(groupId)
  return { errorCode: group?.heartbeat(memberId, groupInstanceId, generationId) ?? unknownIn(groupId) }
}

export const answerLeaveGroup: Handler<typeof leaveGroup> = async (
  { groupId, memberId, members },
  { broker, version },
) => {
  const group = broker.groups.get(groupId)
  const leave = (id: string, instanceId: string | null) => group?.leave(id, instanceId) ?? unknownIn(groupId)
  if (version < 3) return { errorCode: leave(memberId, null) }
  return {
    errorCode: groupId === '' ? errorCodes.INVALID_GROUP_ID : 0,
    members: await broker.pace.map(members, one => ({
      memberId: one.memberId,
      groupInstanceId: one.groupInstanceId,
      errorCode: leave(one.memberId, one.groupInstanceId),
    })),
  }
}

const noBytes = Buffer.alloc(0)
const unknownIn = (groupId: string): number =>
  groupId === '' ? errorCodes.INVALID_GROUP_ID : errorCodes.UNKNOWN_MEMBER_ID
