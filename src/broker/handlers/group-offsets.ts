// OffsetCommit, TxnOffsetCommit and OffsetFetch: the positions of groups.
import { errorCodes } from '../../wire/kafka/error-codes.ts'
import type { RequestOf, ResponseInputOf } from '../../wire/kafka/api.ts'
import type { offsetCommit } from '../../wire/kafka/messages/offset-commit.ts'
import type { offsetFetch } from '../../wire/kafka/messages/offset-fetch.ts'
import type { txnOffsetCommit } from '../../wire/kafka/messages/txn-offset-commit.ts'
import { onceEach, type Call, type Handler } from '../api-row.ts'
import type { CommittedOffset, CommittingProducer } from '../groups/offset-store.ts'

type CommitRequest = RequestOf<typeof offsetCommit>
type Topics = RequestOf<typeof txnOffsetCommit>['topics']

export async function answerOffsetCommit(
  { groupId, generationIdOrMemberEpoch: generation, memberId, groupInstanceId, topics }: CommitRequest,
  call: Call,
): Promise<ResponseInputOf<typeof offsetCommit>> {
  const group = call.broker.groups.get(groupId)
  // A group that has positions and nobody in it knows no members; one that is not there no generation.
  const isThere = call.broker.groups.offsets.has(groupId)
  const strange = isThere ? errorCodes.UNKNOWN_MEMBER_ID : errorCodes.ILLEGAL_GENERATION
  const refused =
    group?.commitErrorCode(memberId, groupInstanceId, generation) ?? (generation < 0 ? 0 : strange)
  return { topics: await commit({ groupId, topics, refused }, call) }
}

/** Positions that count when the transaction of the producer is committed. */
export const answerTxnOffsetCommit: Handler<typeof txnOffsetCommit> = async (request, call) => {
  const { groupId, generationId, memberId, groupInstanceId, producerId, producerEpoch, topics } = request
  const { groups, transactions } = call.broker
  const refused = transactions.commitErrorName(request, groupId)
  let errorCode = groupId === '' ? errorCodes.INVALID_GROUP_ID : 0
  if (refused !== null)
    errorCode = errorCodes[refused === 'PRODUCER_FENCED' ? 'INVALID_PRODUCER_EPOCH' : refused]
  // Who names no member commits for a group that it reads without joining it.
  if (errorCode === 0 && (generationId >= 0 || memberId !== '' || groupInstanceId !== null))
    errorCode =
      groups.get(groupId)?.commitErrorCode(memberId, groupInstanceId, generationId) ??
      errorCodes.ILLEGAL_GENERATION
  return {
    throttleTimeMs: 0,
    topics: await commit(
      { groupId, topics, refused: errorCode, producer: { producerId, producerEpoch } },
      call,
    ),
  }
}

interface AnsweredTopic {
  readonly name: string
  readonly partitions: { partitionIndex: number; errorCode: number }[]
}

async function commit(
  {
    groupId,
    topics,
    refused,
    producer,
  }: {
    groupId: string
    topics: Topics | CommitRequest['topics']
    refused: number
    producer?: CommittingProducer
  },
  { broker }: Call,
) {
  const accepted: CommittedOffset[] = []
  const committedAt = broker.system.clock.now()
  const answers = await broker.pace.map<Topics[number] | CommitRequest['topics'][number], AnsweredTopic>(
    topics,
    async ({ name, partitions }) => ({
      name,
      partitions: await broker.pace.map(
        partitions,
        ({ partitionIndex, committedOffset, committedLeaderEpoch, committedMetadata }) => {
          let errorCode = refused
          const metadata = committedMetadata ?? ''
          if (errorCode === 0 && broker.topics.partition(name, partitionIndex) === undefined)
            errorCode = errorCodes.UNKNOWN_TOPIC_OR_PARTITION
          if (errorCode === 0 && Buffer.byteLength(metadata) > broker.settings.offsetMetadataMaxBytes)
            errorCode = errorCodes.OFFSET_METADATA_TOO_LARGE
          // It came as something larger, and would be read back as another position.
          if (errorCode === 0 && committedOffset >= Number.MAX_SAFE_INTEGER)
            errorCode = errorCodes.INVALID_COMMIT_OFFSET_SIZE
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
    }),
  )
  const failed = await broker.groups.offsets.commit(groupId, accepted, producer).then(
    () => 0,
    () => errorCodes.COORDINATOR_NOT_AVAILABLE,
  )
  if (failed !== 0)
    for (const { partitions } of answers)
      for (const partition of partitions) if (partition.errorCode === 0) partition.errorCode = failed
  return answers
}

interface Wanted {
  readonly name: string
  readonly partitionIndexes: readonly number[]
}

export const answerOffsetFetch: Handler<typeof offsetFetch> = async (
  { groupId, topics, groups, requireStable },
  { broker, version },
) => {
  const { offsets } = broker.groups
  const { pace } = broker
  const all = onceEach(group => find(group, null))
  const pendingIn = onceEach(group => offsets.pendingIn(group))
  const find = async (group: string, wanted: readonly Wanted[] | null) => {
    const isPending = requireStable ? pendingIn(group) : () => false
    const asked =
      wanted ??
      [...Map.groupBy(offsets.of(group), one => one.topic)].map(([name, list]) => ({
        name,
        partitionIndexes: list.map(one => one.partition),
      }))
    return await pace.map(asked, async ({ name, partitionIndexes }) => ({
      name,
      partitions: await pace.map(partitionIndexes, partitionIndex => {
        const isUnstable = isPending(name, partitionIndex)
        const found = isUnstable ? undefined : offsets.get(group, name, partitionIndex)
        return {
          partitionIndex,
          committedOffset: found?.offset ?? -1,
          committedLeaderEpoch: found?.leaderEpoch ?? -1,
          metadata: found?.metadata ?? '',
          errorCode: isUnstable ? errorCodes.UNSTABLE_OFFSET_COMMIT : 0,
        }
      }),
    }))
  }
  if (version < 8) return { topics: await find(groupId, topics) }
  return {
    groups: await pace.map(groups, async ({ groupId: id, topics: wanted }) => ({
      groupId: id,
      topics: await (wanted === null ? all(id) : find(id, wanted)),
      errorCode: 0,
    })),
  }
}
