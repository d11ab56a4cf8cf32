// DescribeLogDirs: what lies in which log directory, and how much room there is (KIP-113, KIP-827).
import { dirname } from 'node:path'
import { errorCodes } from '../../wire/kafka/error-codes.ts'
import type { describeLogDirs } from '../../wire/kafka/messages/describe-log-dirs.ts'
import type { Handler } from '../api-row.ts'

export const answerDescribeLogDirs: Handler<typeof describeLogDirs> = async ({ topics }, { broker }) => {
  const wanted = topics === null ? null : new Map(topics.map(one => [one.topic, one.partitions]))
  const results = await Promise.all(
    broker.settings.logDirectories.map(async logDir => {
      const found = [...broker.topics.topics.values()].map(({ name, partitions }) => ({
        name,
        partitions: partitions.flatMap((log, partitionIndex) => {
          const isWanted = wanted === null || wanted.get(name)?.includes(partitionIndex) === true
          if (!isWanted || dirname(log.directory) !== logDir) return []
          return [{ partitionIndex, partitionSize: log.sizeBytes, offsetLag: 0, isFutureKey: false }]
        }),
      }))
      const { disk } = broker.system
      const room = await Promise.all([disk.totalBytes(logDir), disk.freeBytes(logDir)]).catch(() => null)
      const [totalBytes, usableBytes] = room ?? [-1, -1]
      return {
        errorCode: room === null ? errorCodes.KAFKA_STORAGE_ERROR : 0,
        logDir,
        topics: found.filter(({ partitions }) => partitions.length > 0),
        totalBytes,
        usableBytes,
      }
    }),
  )
  return { throttleTimeMs: 0, results }
}
