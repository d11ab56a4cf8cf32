// ListGroups, DescribeGroups, DeleteGroups and OffsetDelete: what tools ask of groups.
import { errorCodes } from '../../wire/kafka/error-codes.ts'
import type { deleteGroups } from '../../wire/kafka/messages/delete-groups.ts'
import type { describeGroups } from '../../wire/kafka/messages/describe-groups.ts'
import type { listGroups } from '../../wire/kafka/messages/list-groups.ts'
import { consumerSubscription } from '../../wire/kafka/messages/consumer-protocol.ts'
import type { offsetDelete } from '../../wire/kafka/messages/offset-delete.ts'
import { onceEach, type Handler } from '../api-row.ts'
import { authorizedOperations } from '../authorized-operations.ts'

/** The kind of group that JoinGroup makes; Kafka 4 has others. */
const groupType = 'classic'

export const answerListGroups: Handler<typeof listGroups> = async (
  { statesFilter, typesFilter },
  { broker },
) => {
  const filterOf = async (names: readonly string[]) => {
    const wanted = new Set(await broker.pace.map(names, name => name.toLowerCase()))
    return (value: string) => wanted.size === 0 || wanted.has(value.toLowerCase())
  }
  const hasState = await filterOf(statesFilter)
  const hasType = await filterOf(typesFilter)
  const groups = await broker.pace.map(broker.groups.ids, groupId => {
    const group = broker.groups.get(groupId)
    return {
      groupId,
      protocolType: group?.protocolType ?? '',
      groupState: group?.state ?? 'Empty',
      groupType,
    }
  })
  return {
    errorCode: 0,
    groups: groups.filter(({ groupState }) => hasState(groupState) && hasType(groupType)),
  }
}

export const answerDescribeGroups: Handler<typeof describeGroups> = async (
  { groups, includeAuthorizedOperations },
  { broker, version },
) => {
  return {
    groups: await broker.pace.map(
      groups,
      onceEach(groupId => {
        const group = broker.groups.get(groupId)
        const isKnown = broker.groups.has(groupId)
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
    ),
  }
}

export const answerDeleteGroups: Handler<typeof deleteGroups> = async ({ groupsNames }, { broker }) => {
  const results: { groupId: string; errorCode: number }[] = []
  for (const groupId of groupsNames) {
    if (broker.pace.isOver) await broker.pace.turn()
    const group = broker.groups.get(groupId)
    let errorCode = 0
    if (!broker.groups.has(groupId)) errorCode = errorCodes.GROUP_ID_NOT_FOUND
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
  if (!groups.has(groupId)) return { throttleTimeMs: 0, errorCode: errorCodes.GROUP_ID_NOT_FOUND, topics: [] }
  if (members.length > 0 && group!.protocolType !== 'consumer')
    return { throttleTimeMs: 0, errorCode: errorCodes.NON_EMPTY_GROUP, topics: [] }
  const read = new Set(members.flatMap(member => topicsOf(group!.metadataOf(member))))
  const isThere = (topic: string, partition: number) =>
    broker.topics.partition(topic, partition) !== undefined
  const answers = await broker.pace.map(topics, async ({ name, partitions }) => ({
    name,
    partitions: await broker.pace.map(partitions, ({ partitionIndex }) => ({
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
