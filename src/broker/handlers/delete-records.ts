// DeleteRecords: moves the start of partitions forward (KIP-107).
import { errorCodes } from '../../wire/kafka/error-codes.ts'
import type { deleteRecords } from '../../wire/kafka/messages/delete-records.ts'
import type { Handler } from '../api-row.ts'
import { OffsetOutOfRange } from '../log/log-parts.ts'

/** Stands for the end of what may be read. */
const highWatermark = -1

export const answerDeleteRecords: Handler<typeof deleteRecords> = async ({ topics }, { broker }) => {
  const remove = async (name: string, partitionIndex: number, offset: number) => {
    const failed = (errorCode: number) => ({ partitionIndex, lowWatermark: -1, errorCode })
    const log = broker.topics.partition(name, partitionIndex)
    if (log === undefined) return failed(errorCodes.UNKNOWN_TOPIC_OR_PARTITION)
    if (log.isDamaged) return failed(errorCodes.KAFKA_STORAGE_ERROR)
    if (!log.deletesRecords) return failed(errorCodes.POLICY_VIOLATION)
    try {
      const lowWatermark = await log.deleteRecordsBefore(
        offset === highWatermark ? log.highWatermark : offset,
      )
      return { partitionIndex, lowWatermark, errorCode: 0 }
    } catch (error) {
      if (error instanceof OffsetOutOfRange) return failed(errorCodes.OFFSET_OUT_OF_RANGE)
      broker.log.error(`cannot delete records of ${log.name}`, error)
      return failed(errorCodes.KAFKA_STORAGE_ERROR)
    }
  }
  return {
    throttleTimeMs: 0,
    topics: await broker.pace.map(topics, async ({ name, partitions }) => ({
      name,
      partitions: await broker.pace.map(partitions, ({ partitionIndex, offset }) =>
        remove(name, partitionIndex, offset),
      ),
    })),
  }
}
