// Offsets: what a group has committed, where a partition begins and ends, and committing.
import { Fault } from '../errors.ts'
import { errorCodes, kafkaError } from '../wire/kafka/error-codes.ts'
import { listOffsets } from '../wire/kafka/messages/list-offsets.ts'
import { offsetCommit } from '../wire/kafka/messages/offset-commit.ts'
import { offsetFetch } from '../wire/kafka/messages/offset-fetch.ts'
import type { Cluster } from './cluster.ts'
import { nameOf } from './fetcher.ts'
import type { Group } from './group.ts'
import type { Position, TopicPartition } from './contract.ts'

function byTopic<T extends TopicPartition>(list: readonly T[]): [string, T[]][] {
  const found = new Map<string, T[]>()
  for (const one of list) {
    const known = found.get(one.topic)
    if (known === undefined) found.set(one.topic, [one])
    else known.push(one)
  }
  return [...found]
}

export interface CommittedOffset {
  readonly offset: number
  /** As the member that committed it wrote it. */
  readonly metadata: string
}

/** What is committed, by partition name; partitions without are missing. Rejects with KAFKA or a network fault. */
export async function fetchCommitted(
  group: Group,
  groupId: string,
  partitions: readonly TopicPartition[],
): Promise<Map<string, CommittedOffset>> {
  const answer = await group.request(offsetFetch, {
    groupId,
    topics: byTopic(partitions).map(([name, list]) => ({
      name,
      partitionIndexes: list.map(one => one.partition),
    })),
    groups: [],
  })
  refuse(answer.errorCode, `the committed offsets of group ${groupId}`)
  const found = new Map<string, CommittedOffset>()
  for (const { name, partitions: list } of answer.topics)
    for (const { partitionIndex, committedOffset, metadata, errorCode } of list) {
      // A group or topic without any offset is no error, but old brokers call it one.
      if (errorCode === errorCodes.UNKNOWN_TOPIC_OR_PARTITION) continue
      refuse(errorCode, `the committed offset of ${name}-${partitionIndex}`)
      if (committedOffset >= 0)
        found.set(`${name}-${partitionIndex}`, { offset: committedOffset, metadata: metadata ?? '' })
    }
  return found
}

/** Rejects with KAFKA where the group has moved on or the broker refuses, and with network faults. */
export async function commitOffsets(
  group: Group,
  parts: {
    groupId: string
    groupInstanceId: string | null
    positions: readonly Position[]
  },
): Promise<void> {
  const { groupId, groupInstanceId, positions } = parts
  const answer = await group.request(offsetCommit, {
    groupId,
    generationIdOrMemberEpoch: group.generation,
    memberId: group.memberId,
    groupInstanceId,
    topics: byTopic(positions).map(([name, list]) => ({
      name,
      partitions: list.map(({ partition, offset, metadata }) => ({
        partitionIndex: partition,
        committedOffset: offset,
        committedMetadata: metadata ?? '',
      })),
    })),
  })
  for (const { name, partitions } of answer.topics)
    for (const { partitionIndex, errorCode } of partitions) {
      if (errorCode === errorCodes.NOT_COORDINATOR || errorCode === errorCodes.COORDINATOR_NOT_AVAILABLE)
        group.forgetCoordinator()
      refuse(errorCode, `committing the offset of ${name}-${partitionIndex} for group ${groupId}`)
    }
}

export const earliest = -2
export const latest = -1

/** Offsets of one end of partitions by name; those whose leader did not answer well are missing. */
export async function listEnds(
  cluster: Cluster,
  partitions: readonly TopicPartition[],
  end: typeof earliest | typeof latest,
  isolationLevel: 0 | 1,
): Promise<Map<string, number>> {
  const byLeader = new Map<number, TopicPartition[]>()
  for (const one of partitions) {
    const leader = cluster.leaderOf(one.topic, one.partition)
    if (leader === -1) continue
    const known = byLeader.get(leader)
    if (known === undefined) byLeader.set(leader, [one])
    else known.push(one)
  }
  const found = new Map<string, number>()
  const ask = async (leader: number, list: readonly TopicPartition[]) => {
    const connection = await cluster.connect(leader, 'data')
    const answer = await connection.request(listOffsets, {
      isolationLevel,
      topics: byTopic(list).map(([name, ones]) => ({
        name,
        partitions: ones.map(({ partition }) => ({ partitionIndex: partition, timestamp: end })),
      })),
    })
    for (const { name, partitions: ones } of answer.topics)
      for (const { partitionIndex, errorCode, offset, oldStyleOffsets } of ones)
        if (errorCode === 0)
          found.set(
            nameOf({ topic: name, partition: partitionIndex }),
            offset >= 0 ? offset : (oldStyleOffsets[0] ?? 0),
          )
  }
  await Promise.allSettled([...byLeader].map(([leader, list]) => ask(leader, list)))
  return found
}

/** listEnds until every partition has answered. Rejects with STOPPED. */
export async function listAllEnds(
  cluster: Cluster,
  partitions: readonly TopicPartition[],
  end: typeof earliest | typeof latest,
  options: { isolationLevel: 0 | 1; signal?: AbortSignal },
): Promise<Map<string, number>> {
  const found = new Map<string, number>()
  for (let failures = 0; ;) {
    const missing = partitions.filter(one => !found.has(nameOf(one)))
    if (missing.length === 0) return found
    if (failures > 0) {
      await cluster.pause(failures, options.signal)
      await cluster.refresh().catch(() => {})
    }
    failures++
    for (const [name, offset] of await listEnds(cluster, missing, end, options.isolationLevel))
      found.set(name, offset)
  }
}

function refuse(code: number, what: string): void {
  if (code === 0) return
  const error = kafkaError(code)
  throw new Fault('KAFKA', `${what}: ${error.name}: ${error.meaning}`)
}
