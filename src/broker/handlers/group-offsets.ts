// OffsetCommit and OffsetFetch: the positions of groups.
import { errorCodes } from '../../wire/kafka/error-codes.ts'
import type { RequestOf, ResponseInputOf } from '../../wire/kafka/api.ts'
import type { offsetCommit } from '../../wire/kafka/messages/offset-commit.ts'
import type { offsetFetch } from '../../wire/kafka/messages/offset-fetch.ts'
import type { Call } from '../api-row.ts'
import type { CommittedOffset } from '../groups/offset-store.ts'

export async function answerOffsetCommit(
  request: RequestOf<typeof offsetCommit>,
  { broker }: Call,
): Promise<ResponseInputOf<typeof offsetCommit>> {
  const { groupId, generationIdOrMemberEpoch: generation, memberId, groupInstanceId, topics } = request
  const group = broker.groups.get(groupId)
  const unknown = generation < 0 ? 0 : errorCodes.ILLEGAL_GENERATION
  const refused =
    groupId === ''
      ? errorCodes.INVALID_GROUP_ID
      : (group?.mayCommit(memberId, groupInstanceId, generation) ?? unknown)
  const accepted: CommittedOffset[] = []
  const committedAt = broker.system.clock.now()
  const answers = topics.map(({ name, partitions }) => ({
    name,
    partitions: partitions.map(
      ({ partitionIndex, committedOffset, committedLeaderEpoch, committedMetadata }) => {
        let errorCode = refused
        const metadata = committedMetadata ?? ''
        if (errorCode === 0 && broker.topics.partition(name, partitionIndex) === undefined)
          errorCode = errorCodes.UNKNOWN_TOPIC_OR_PARTITION
        if (errorCode === 0 && Buffer.byteLength(metadata) > broker.settings.maxOffsetMetadataBytes)
          errorCode = errorCodes.OFFSET_METADATA_TOO_LARGE
        if (errorCode === 0)
          accepted.push({
            topic: name,
            partition: partitionIndex,
            offset: committedOffset,
            leaderEpoch: committedLeaderEpoch,
            metadata,
            committedAt,
          })
        return { partitionIndex, errorCode }
      },
    ),
  }))
  const failed = await broker.groups.offsets.commit(groupId, accepted).then(
    () => 0,
    () => errorCodes.COORDINATOR_NOT_AVAILABLE,
  )
  if (failed !== 0)
    for (const { partitions } of answers)
      for (const partition of partitions) if (partition.errorCode === 0) partition.errorCode = failed
  return { topics: answers }
}

interface Wanted {
  readonly name: string
  readonly partitionIndexes: readonly number[]
}

export function answerOffsetFetch(
  { groupId, topics, groups }: RequestOf<typeof offsetFetch>,
  { broker, version }: Call,
): ResponseInputOf<typeof offsetFetch> {
  const { offsets } = broker.groups
  const find = (group: string, wanted: readonly Wanted[] | null) => {
    const asked =
      wanted ??
      [...Map.groupBy(offsets.of(group), one => one.topic)].map(([name, list]) => ({
        name,
        partitionIndexes: list.map(one => one.partition),
      }))
    return asked.map(({ name, partitionIndexes }) => ({
      name,
      partitions: partitionIndexes.map(partitionIndex => {
        const found = offsets.get(group, name, partitionIndex)
        return {
          partitionIndex,
          committedOffset: found?.offset ?? -1,
          committedLeaderEpoch: found?.leaderEpoch ?? -1,
          metadata: found?.metadata ?? '',
          errorCode: 0,
        }
      }),
    }))
  }
  if (version < 8) return { topics: find(groupId, topics) }
  return {
    groups: groups.map(({ groupId: id, topics: wanted }) => ({
      groupId: id,
      topics: find(id, wanted),
      errorCode: 0,
    })),
  }
}
