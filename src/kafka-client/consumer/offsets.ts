// Offsets: what a group has committed, where a partition begins and ends, and committing.
import { Fault, messageOf } from '../../errors.ts'
import { errorCodes } from '../../wire/kafka/error-codes.ts'
import { listOffsets } from '../../wire/kafka/messages/list-offsets.ts'
import { offsetCommit } from '../../wire/kafka/messages/offset-commit.ts'
import { offsetFetch } from '../../wire/kafka/messages/offset-fetch.ts'
import type { Cluster } from '../connection/cluster.ts'
import type { BrokerConnection } from '../connection/connection.ts'
import type { Group } from './group.ts'
import { isFinal, isFinalCode, refuse, wordsOf } from '../connection/refusal.ts'
import { nameOf, type Position, type TopicPartition, byTopic } from '../contract.ts'

export interface CommittedOffset {
  readonly offset: number
  /** As the member that committed it wrote it. */
  readonly metadata: string
}

/** What is committed, by partition name; partitions without are missing. Rejects as `refuse` does, and with network faults. */
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
  group.noteAnswer(answer.errorCode)
  refuse(answer.errorCode, `the committed offsets of group ${groupId}`)
  const found = new Map<string, CommittedOffset>()
  for (const { name, partitions: list } of answer.topics)
    for (const { partitionIndex, committedOffset, metadata, errorCode } of list) {
      // A group or topic without any offset is no error, but old brokers call it one.
      if (errorCode === errorCodes.UNKNOWN_TOPIC_OR_PARTITION) continue
      group.noteAnswer(errorCode)
      refuse(errorCode, `the committed offset of ${name}-${partitionIndex}`)
      if (!Number.isSafeInteger(committedOffset + 1))
        throw new Fault(
          'PROTOCOL',
          `group ${groupId} is at an offset of ${name}-${partitionIndex} beyond 2^53`,
        )
      if (committedOffset >= 0)
        found.set(`${name}-${partitionIndex}`, { offset: committedOffset, metadata: metadata ?? '' })
    }
  return found
}

/** Rejects with KAFKA where the group has moved on, else as `refuse` does, and with network faults. */
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
      group.noteAnswer(errorCode)
      refuse(errorCode, `committing the offset of ${name}-${partitionIndex} for group ${groupId}`)
    }
}

export const earliest = -2
export const latest = -1

export interface OffsetAnswers {
  /** By partition name; -1: there is no record of that time. */
  readonly found: Map<string, number>
  /** Why not, of all others; `isFinal`: asking again would not help. */
  readonly refused: Map<string, { problem: string; isFinal: boolean }>
}

/** The version of ListOffsets that knows a time below 0 beside the ends, and the Kafka it came with. */
const newerTimes: Readonly<Record<number, readonly [version: number, since: string]>> = {
  [-3]: [7, '3.0'],
  [-4]: [8, '3.4'],
  [-5]: [9, '3.9'],
}

/** An end has an offset, a time may have none (-1); beyond this none can be committed. */
const isOffset = (told: number, time: number): boolean =>
  told >= (time === earliest || time === latest ? 0 : -1) && Number.isSafeInteger(told + 1)

/** Asks the broker, which leads the partitions, for the offsets of a time: ms since 1970, or a number below 0 with a meaning of its own. */
export async function askLeader(
  connection: BrokerConnection,
  list: readonly TopicPartition[],
  time: number,
  isolationLevel: 0 | 1,
): Promise<OffsetAnswers> {
  const found = new Map<string, number>()
  const refused: OffsetAnswers['refused'] = new Map()
  const [version, since] = newerTimes[time] ?? [-1, '']
  if (connection.versionOf(listOffsets) < version)
    throw new Fault(
      'KAFKA_FATAL',
      `${connection.where} does not know the time ${time}, which came with Kafka ${since}`,
    )
  const answer = await connection.request(listOffsets, {
    isolationLevel,
    topics: byTopic(list).map(([name, ones]) => ({
      name,
      partitions: ones.map(({ partition }) => ({ partitionIndex: partition, timestamp: time })),
    })),
  })
  for (const { name, partitions: ones } of answer.topics)
    for (const { partitionIndex, errorCode, offset, oldStyleOffsets } of ones) {
      const one = nameOf({ topic: name, partition: partitionIndex })
      const told = oldStyleOffsets[0] ?? offset
      if (errorCode === 0 && isOffset(told, time)) found.set(one, told)
      else if (errorCode === 0)
        refused.set(one, { problem: `${connection.where} answers offset ${told}`, isFinal: false })
      else refused.set(one, { problem: wordsOf(errorCode), isFinal: isFinalCode(errorCode) })
    }
  for (const one of list.map(nameOf))
    if (!found.has(one) && !refused.has(one))
      refused.set(one, { problem: `${connection.where} does not answer for it`, isFinal: false })
  return { found, refused }
}

/** Asks each leader once, as askLeader does. */
export async function askOffsets(
  cluster: Cluster,
  partitions: readonly TopicPartition[],
  time: number,
  isolationLevel: 0 | 1,
): Promise<OffsetAnswers> {
  const all: OffsetAnswers = { found: new Map(), refused: new Map() }
  const byLeader = Map.groupBy(partitions, one => cluster.leaderOf(one.topic, one.partition))
  const refusedBy = (error: unknown) => ({ problem: messageOf(error), isFinal: isFinal(error) })
  await Promise.all(
    [...byLeader].map(async ([leader, list]) => {
      if (leader === -1)
        return list.forEach(one => {
          const { why, isFinal: isHopeless } = cluster.whyNoLeader(one.topic, one.partition)
          all.refused.set(nameOf(one), { problem: why, isFinal: isHopeless })
        })
      const answers = await cluster
        .connect(leader, 'data')
        .then(connection => askLeader(connection, list, time, isolationLevel))
        .catch((error: unknown) => ({
          found: new Map<string, number>(),
          refused: new Map(list.map(one => [nameOf(one), refusedBy(error)])),
        }))
      for (const [name, offset] of answers.found) all.found.set(name, offset)
      for (const [name, why] of answers.refused) all.refused.set(name, why)
    }),
  )
  return all
}

/** The offsets of an end, asked for until every partition has answered; `onRefused` hears why one has not. Rejects with STOPPED. */
export async function listAllEnds(
  cluster: Cluster,
  partitions: readonly TopicPartition[],
  end: typeof earliest | typeof latest,
  options: {
    isolationLevel: 0 | 1
    signal?: AbortSignal
    onRefused(name: string, problem: string, isFinal: boolean): void
  },
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
    const answer = await askOffsets(cluster, missing, end, options.isolationLevel)
    for (const [name, offset] of answer.found) found.set(name, offset)
    for (const [name, { problem, isFinal: isHopeless }] of answer.refused)
      options.onRefused(name, problem, isHopeless)
  }
}
