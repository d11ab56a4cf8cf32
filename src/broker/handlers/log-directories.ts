// DescribeLogDirs: what lies in which log directory, and how much room there is (KIP-113, KIP-827).
// AlterReplicaLogDirs: nothing moves.
import { dirname } from 'node:path'
import { errorCodes } from '../../wire/kafka/error-codes.ts'
import type { alterReplicaLogDirs } from '../../wire/kafka/messages/alter-replica-log-dirs.ts'
import type { describeLogDirs } from '../../wire/kafka/messages/describe-log-dirs.ts'
import type { Handler } from '../api-row.ts'

export const answerDescribeLogDirs: Handler<typeof describeLogDirs> = async ({ topics }, { broker }) => {
  const wanted =
    topics === null
      ? null
      : new Map(await broker.pace.map(topics, one => [one.topic, new Set(one.partitions)] as const))
  const results = await Promise.all(
    broker.settings.logDirectories.map(async logDir => {
      const found = await broker.pace.map([...broker.topics.topics.values()], ({ name, partitions }) => ({
        name,
        partitions: partitions.flatMap((log, partitionIndex) => {
          const isWanted = wanted === null || wanted.get(name)?.has(partitionIndex) === true
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

export const answerAlterReplicaLogDirs: Handler<typeof alterReplicaLogDirs> = async (
  { dirs },
  { broker },
) => {
  const move = (path: string, topic: string, index: number): number => {
    if (!broker.settings.logDirectories.includes(path)) return errorCodes.LOG_DIR_NOT_FOUND
    const log = broker.topics.partition(topic, index)
    if (log === undefined) return errorCodes.UNKNOWN_TOPIC_OR_PARTITION
    return dirname(log.directory) === path ? 0 : errorCodes.UNSUPPORTED_VERSION
  }
  return {
    throttleTimeMs: 0,
    results: (
      await broker.pace.map(dirs, ({ path, topics }) =>
        broker.pace.map(topics, async ({ name, partitions }) => ({
          topicName: name,
          partitions: await broker.pace.map(partitions, partitionIndex => ({
            partitionIndex,
            errorCode: move(path, name, partitionIndex),
          })),
        })),
      )
    ).flat(),
  }
}
