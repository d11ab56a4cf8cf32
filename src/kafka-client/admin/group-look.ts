// What brokers answer about consumer groups: of one group, or of many that one coordinator looks after, in few requests.
import { Fault } from '../../errors.ts'
import type { ResponseOf } from '../../wire/kafka/api.ts'
import { errorCodes } from '../../wire/kafka/error-codes.ts'
import { describeGroups } from '../../wire/kafka/messages/describe-groups.ts'
import { consumerGroupDescribe } from '../../wire/kafka/messages/group-descriptions.ts'
import { offsetFetch } from '../../wire/kafka/messages/offset-fetch.ts'
import type { BrokerConnection } from '../connection/connection.ts'
import { decodeAssignment } from '../consumer/group-protocol.ts'
import { byName, type Position, type TopicPartition } from '../contract.ts'
import { refuse } from './question.ts'

export interface Description {
  /** Kafka's word: Stable, Empty, PreparingRebalance, CompletingRebalance (AwaitingSync before 1.0), or Dead: there is none. */
  readonly state: string
  readonly assignor: string
  readonly members: readonly {
    readonly id: string
    readonly instanceId: string | null
    readonly clientId: string
    /** As the broker tells it, with a slash in front. */
    readonly host: string
    readonly partitions: readonly TopicPartition[]
  }[]
}

export const noGroup: Description = { state: 'Dead', assignor: '', members: [] }

/** Null where there is no such group, or it is of the protocol "consumer". Throws KafkaRefusal. */
export function classicDescription(
  found: ResponseOf<typeof describeGroups>['groups'][number] | undefined,
): Description | null {
  // Newer brokers call a group an error that nobody has ever heard of, or whose protocol is the new one.
  if (found === undefined || found.errorCode === errorCodes.GROUP_ID_NOT_FOUND) return null
  refuse(found.errorCode, `group ${found.groupId}`)
  if (found.groupState === 'Dead') return null
  return {
    state: found.groupState,
    assignor: found.protocolData,
    members: found.members.map(one => ({
      id: one.memberId,
      instanceId: one.groupInstanceId,
      clientId: one.clientId,
      host: one.clientHost,
      partitions: found.protocolType === 'consumer' ? assignedBy(one.memberAssignment) : [],
    })),
  }
}

/** What members of other programs write there may be anything, and hides neither the group nor its positions. */
function assignedBy(bytes: Buffer): TopicPartition[] {
  try {
    return decodeAssignment(bytes)
  } catch {
    return []
  }
}

/** Of the protocol "consumer", which came with Kafka 4; null where there is no such group. Throws KafkaRefusal. */
export function newDescription(
  found: ResponseOf<typeof consumerGroupDescribe>['groups'][number] | undefined,
): Description | null {
  const none: readonly number[] = [errorCodes.GROUP_ID_NOT_FOUND, errorCodes.UNSUPPORTED_VERSION]
  if (found === undefined || none.includes(found.errorCode)) return null
  refuse(found.errorCode, `group ${found.groupId}`, found.errorMessage)
  return {
    state: found.groupState,
    assignor: found.assignorName,
    members: found.members.map(one => ({
      id: one.memberId,
      instanceId: one.instanceId,
      clientId: one.clientId,
      host: one.clientHost,
      partitions: one.assignment.topicPartitions.flatMap(({ topicName, partitions }) =>
        partitions.map(partition => ({ topic: topicName, partition })),
      ),
    })),
  }
}

type CommittedTopics = readonly {
  readonly name: string
  readonly partitions: readonly { partitionIndex: number; committedOffset: number; errorCode: number }[]
}[]

/** The positions that there are, by name and partition. */
export const positionsIn = (topics: CommittedTopics): Position[] =>
  topics
    .flatMap(({ name, partitions }) =>
      partitions
        .filter(one => one.errorCode === 0 && one.committedOffset >= 0)
        .map(one => ({ topic: name, partition: one.partitionIndex, offset: one.committedOffset })),
    )
    .sort(byName)

export interface GroupLook extends Description {
  readonly committed: readonly Position[]
}

/** Versions 8 and 9 of OffsetFetch take many groups and name topics; later ones name them by id. */
const namingVersions = { first: 8, last: 9 } as const

/**
 * Groups that the broker coordinates, with their positions: in two requests, or three where some are of the newer
 * protocol. Before OffsetFetch 8 (Kafka 3.0) positions are asked for group by group. A fault where one group is
 * refused.
 */
export async function lookAtGroups(
  connection: BrokerConnection,
  ids: readonly string[],
): Promise<Map<string, GroupLook | Fault>> {
  const described = await connection.request(describeGroups, { groups: [...ids] })
  const classic = new Map(described.groups.map(one => [one.groupId, one]))
  const descriptions = new Map(ids.map(id => [id, attempt(() => classicDescription(classic.get(id)))]))
  const others = ids.filter(id => descriptions.get(id) === null)
  if (others.length > 0 && connection.versionOf(consumerGroupDescribe) !== -1) {
    const answer = await connection.request(consumerGroupDescribe, {
      groupIds: others,
      includeAuthorizedOperations: false,
    })
    for (const one of answer.groups)
      descriptions.set(
        one.groupId,
        attempt(() => newDescription(one)),
      )
  }
  const committed = await committedOf(connection, ids)
  return new Map(
    ids.map(id => {
      const description = descriptions.get(id) ?? noGroup
      const positions = committed.get(id) ?? []
      if (description instanceof Fault) return [id, description]
      return [id, positions instanceof Fault ? positions : { ...description, committed: positions }]
    }),
  )
}

async function committedOf(
  connection: BrokerConnection,
  ids: readonly string[],
): Promise<Map<string, Position[] | Fault>> {
  const { first, last } = namingVersions
  const positions = (id: string, errorCode: number, topics: CommittedTopics) =>
    attempt(() => {
      refuse(errorCode, `the positions of group ${id}`)
      return positionsIn(topics)
    })
  if (connection.versionOf(offsetFetch, last) >= first) {
    const groups = ids.map(groupId => ({ groupId, topics: null }))
    const answer = await connection.request(offsetFetch, { groupId: '', topics: [], groups }, 0, last)
    return new Map(
      answer.groups.map(({ groupId, errorCode, topics }) => [groupId, positions(groupId, errorCode, topics)]),
    )
  }
  const answers = ids.map(async groupId => {
    const { errorCode, topics } = await connection.request(offsetFetch, { groupId, topics: null, groups: [] })
    return [groupId, positions(groupId, errorCode, topics)] as const
  })
  return new Map(await Promise.all(answers))
}

/** What a refusal of one group throws is given. */
function attempt<T>(read: () => T): T | Fault {
  try {
    return read()
  } catch (error) {
    if (error instanceof Fault) return error
    throw error
  }
}
