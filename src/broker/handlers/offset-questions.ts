// ListOffsets and OffsetForLeaderEpoch: where the records of a time, of the ends, or of a leader are.
import { errorCodes } from '../../wire/kafka/error-codes.ts'
import type { RequestOf, ResponseInputOf } from '../../wire/kafka/api.ts'
import type { listOffsets } from '../../wire/kafka/messages/list-offsets.ts'
import type { offsetForLeaderEpoch } from '../../wire/kafka/messages/offset-for-leader-epoch.ts'
import type { Call, Handler } from '../api-row.ts'
import { epochError } from '../leader-epoch.ts'
import { leaderEpoch, type PartitionLog } from '../log/partition-log.ts'

/** Isolation level: nothing of transactions that are open. */
const readCommitted = 1
const times = { latest: -1, earliest: -2, largest: -3, earliestLocal: -4, latestTiered: -5 } as const
/** The version that brought a special time, where it was not the first. */
const brought: Readonly<Record<number, number>> = {
  [times.largest]: 7,
  [times.earliestLocal]: 8,
  [times.latestTiered]: 9,
}
const isSpecial = (timestamp: number, version: number): boolean =>
  timestamp >= times.latestTiered && version >= (brought[timestamp] ?? 0)

type Asked = RequestOf<typeof listOffsets>['topics'][number]['partitions'][number]
type Found = ResponseInputOf<typeof listOffsets>['topics'][number]['partitions'][number]

export const answerListOffsets: Handler<typeof listOffsets> = async ({ topics, isolationLevel }, call) => {
  return {
    topics: await call.broker.pace.map(topics, async ({ name, partitions }) => ({
      name,
      partitions: await call.broker.pace.map(partitions, asked =>
        find(call.broker.topics.partition(name, asked.partitionIndex), asked, isolationLevel, call),
      ),
    })),
  }
}

async function find(
  log: PartitionLog | undefined,
  asked: Asked,
  isolationLevel: number,
  { broker, version }: Call,
): Promise<Found> {
  const { partitionIndex, timestamp } = asked
  const failed = (errorCode: number): Found => ({ partitionIndex, errorCode, oldStyleOffsets: [] })
  if (timestamp < 0 && version > 0 && !isSpecial(timestamp, version))
    return failed(errorCodes.UNSUPPORTED_VERSION)
  if (log === undefined) return failed(errorCodes.UNKNOWN_TOPIC_OR_PARTITION)
  if (log.isDamaged) return failed(errorCodes.KAFKA_STORAGE_ERROR)
  const wrongEpoch = epochError(asked.currentLeaderEpoch)
  if (wrongEpoch !== 0) return failed(wrongEpoch)
  try {
    if (version === 0)
      return { partitionIndex, errorCode: 0, oldStyleOffsets: await segmentOffsets(log, asked) }
    const offset = await offsetOf(
      log,
      timestamp,
      isolationLevel === readCommitted ? log.lastStableOffset : log.highWatermark,
    )
    return { partitionIndex, errorCode: 0, ...offset, leaderEpoch: offset.offset === -1 ? -1 : leaderEpoch }
  } catch (error) {
    broker.log.error(`cannot look for the time ${timestamp} in ${log.name}`, error)
    return failed(errorCodes.KAFKA_STORAGE_ERROR)
  }
}

async function offsetOf(
  log: PartitionLog,
  timestamp: number,
  /** One above the last offset that the client may read. */
  end: number,
): Promise<{ offset: number; timestamp: number }> {
  const none = { offset: -1, timestamp: -1 }
  const readable = (found: { offset: number; timestamp: number } | null) =>
    found === null || found.offset >= end ? none : found
  switch (timestamp) {
    case times.latest:
      return { offset: end, timestamp: -1 }
    case times.earliest:
    case times.earliestLocal:
      return { offset: log.startOffset, timestamp: -1 }
    // Nothing is in a remote store: no offset, and no error, as in Kafka without tiered storage.
    case times.latestTiered:
      return none
    case times.largest:
      return readable(await log.latestTime())
    default:
      return readable(await log.offsetOfTime(timestamp))
  }
}

/** Version 0: where segments begin that hold nothing younger, and the end, from the last on. */
async function segmentOffsets(log: PartitionLog, { timestamp, maxNumOffsets }: Asked): Promise<number[]> {
  const starts = log.segmentStarts.map(start => Math.max(start, log.startOffset)).toReversed()
  if (timestamp === times.earliest) return [log.startOffset].slice(0, maxNumOffsets)
  const all = starts[0] === log.highWatermark ? starts : [log.highWatermark, ...starts]
  if (timestamp === times.latest) return all.slice(0, maxNumOffsets)
  const found = await log.offsetOfTime(timestamp)
  return all.filter(offset => found === null || offset <= found.offset).slice(0, maxNumOffsets)
}

export const answerOffsetForLeaderEpoch: Handler<typeof offsetForLeaderEpoch> = async (
  { topics },
  { broker },
) => {
  return {
    topics: await broker.pace.map(topics, async ({ topic, partitions }) => ({
      topic,
      partitions: await broker.pace.map(partitions, asked => {
        const { partition } = asked
        const log = broker.topics.partition(topic, partition)
        if (log === undefined) return { partition, errorCode: errorCodes.UNKNOWN_TOPIC_OR_PARTITION }
        if (log.isDamaged) return { partition, errorCode: errorCodes.KAFKA_STORAGE_ERROR }
        const wrongEpoch = epochError(asked.currentLeaderEpoch)
        if (wrongEpoch !== 0) return { partition, errorCode: wrongEpoch }
        return asked.leaderEpoch === leaderEpoch
          ? { partition, errorCode: 0, leaderEpoch, endOffset: log.highWatermark }
          : { partition, errorCode: 0, leaderEpoch: -1, endOffset: -1 }
      }),
    })),
  }
}
