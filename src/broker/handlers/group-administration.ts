// ListGroups, DescribeGroups, DeleteGroups and OffsetDelete: what tools ask of groups.
import { errorCodes } from '../../wire/kafka/error-codes.ts'
import type { deleteGroups } from '../../wire/kafka/messages/delete-groups.ts'
import type { describeGroups } from '../../wire/kafka/messages/describe-groups.ts'
import type { listGroups } from '../../wire/kafka/messages/list-groups.ts'
import { consumerSubscription } from '../../wire/kafka/messages/consumer-protocol.ts'
import type { offsetDelete } from '../../wire/kafka/messages/offset-delete.ts'
import type { Handler } from '../api-row.ts'
import { authorizedOperations } from '../authorized-operations.ts'

/** The kind of group that JoinGroup makes; Kafka 4 has others. */
const groupType = 'classic'

export const answerListGroups: Handler<typeof listGroups> = ({ statesFilter, typesFilter }, { broker }) => {
  const fits = (filter: readonly string[], value: string) =>
    filter.length === 0 || filter.some(one => one.toLowerCase() === value.toLowerCase())
  const groups = broker.groups.ids
    .map(groupId => {
      const group = broker.groups.get(groupId)
      return {
        groupId,
        protocolType: group?.protocolType ?? '',
        groupState: group?.state ?? 'Empty',
        groupType,
      }
    })
    .filter(({ groupState }) => fits(statesFilter, groupState) && fits(typesFilter, groupType))
  return { errorCode: 0, groups }
}

export const answerDescribeGroups: Handler<typeof describeGroups> = (
  { groups, includeAuthorizedOperations },
  { broker, version },
) => {
  return {
    groups: groups.map(groupId => {
      const group = broker.groups.get(groupId)
      const isKnown = broker.groups.ids.includes(groupId)
      return {
        errorCode: isKnown || version < 6 ? 0 : errorCodes.GROUP_ID_NOT_FOUND,
        errorMessage: isKnown || version < 6 ? null : 'there is no such group',
        groupId,
        groupState: isKnown ? (group?.state ?? 'Empty') : 'Dead',
        protocolType: group?.protocolType ?? '',
        protocolData: group?.protocol ?? '',
        members: (group?.members ?? []).map(member => ({
          memberId: member.id,
          groupInstanceId: member.instanceId,
          clientId: member.clientId,
          clientHost: `/${member.clientHost}`,
          memberMetadata: group!.metadataOf(member),
          memberAssignment: member.assignment,
        })),
        ...(includeAuthorizedOperations && (isKnown || version < 6)
          ? { authorizedOperations: authorizedOperations.group }
          : {}),
      }
    }),
  }
}

export const answerDeleteGroups: Handler<typeof deleteGroups> = async ({ groupsNames }, { broker }) => {
  const results: { groupId: string; errorCode: number }[] = []
  for (const groupId of groupsNames) {
    const group = broker.groups.get(groupId)
    let errorCode = 0
    if (!broker.groups.ids.includes(groupId)) errorCode = errorCodes.GROUP_ID_NOT_FOUND
    else if (group !== undefined && !group.isIdle) errorCode = errorCodes.NON_EMPTY_GROUP
    else
      await broker.groups.delete(groupId).catch(() => {
        errorCode = errorCodes.COORDINATOR_NOT_AVAILABLE
      })
    results.push({ groupId, errorCode })
  }
  return { throttleTimeMs: 0, results }
}

/** Positions in topics that nobody of the group reads (KIP-496). */
export const answerOffsetDelete: Handler<typeof offsetDelete> = async ({ groupId, topics }, { broker }) => {
  const { groups } = broker
  const group = groups.get(groupId)
  const members = group?.members ?? []
  if (groupId === '') return { throttleTimeMs: 0, errorCode: errorCodes.INVALID_GROUP_ID, topics: [] }
  if (!groups.ids.includes(groupId))
    return { throttleTimeMs: 0, errorCode: errorCodes.GROUP_ID_NOT_FOUND, topics: [] }
  if (members.length > 0 && group!.protocolType !== 'consumer')
    return { throttleTimeMs: 0, errorCode: errorCodes.NON_EMPTY_GROUP, topics: [] }
  const read = new Set(members.flatMap(member => topicsOf(group!.metadataOf(member))))
  const isThere = (topic: string, partition: number) =>
    broker.topics.partition(topic, partition) !== undefined
  const answers = topics.map(({ name, partitions }) => ({
    name,
    partitions: partitions.map(({ partitionIndex }) => ({
      partitionIndex,
      errorCode: !isThere(name, partitionIndex)
        ? errorCodes.UNKNOWN_TOPIC_OR_PARTITION
        : read.has(name)
          ? errorCodes.GROUP_SUBSCRIBED_TO_TOPIC
          : 0,
    })),
  }))
  const forgotten = answers.flatMap(({ name, partitions }) =>
    partitions.filter(one => one.errorCode === 0).map(one => [name, one.partitionIndex] as const),
  )
  const errorCode = await groups.offsets.forget(groupId, forgotten).then(
    () => 0,
    () => errorCodes.COORDINATOR_NOT_AVAILABLE,
  )
  return { throttleTimeMs: 0, errorCode, topics: errorCode === 0 ? answers : [] }
}

function topicsOf(metadata: Buffer): string[] {
  try {
    return consumerSubscription.decode(metadata).body.topics
  } catch {
    return [] // what an assignor of the user's own wrote
  }
}
