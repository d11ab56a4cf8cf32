// AddPartitionsToTxn, AddOffsetsToTxn and EndTxn: the course of a transaction. WriteTxnMarkers: its end in
// partitions, for tools that abort what nobody ends.
import { errorCodes } from '../../wire/kafka/error-codes.ts'
import type { addOffsetsToTxn } from '../../wire/kafka/messages/add-offsets-to-txn.ts'
import type { addPartitionsToTxn } from '../../wire/kafka/messages/add-partitions-to-txn.ts'
import type { endTxn } from '../../wire/kafka/messages/end-txn.ts'
import type { writeTxnMarkers } from '../../wire/kafka/messages/write-txn-markers.ts'
import { offsetsTopicName } from '../../wire/kafka/messages/offsets-topic.ts'
import type { Handler } from '../api-row.ts'
import type { ErrorName } from '../error-name.ts'

/** PRODUCER_FENCED came with version 2 of these APIs. */
const codeOf = (name: ErrorName | null, version: number): number => {
  if (name === null) return 0
  return errorCodes[name === 'PRODUCER_FENCED' && version < 2 ? 'INVALID_PRODUCER_EPOCH' : name]
}

export const answerAddPartitionsToTxn: Handler<typeof addPartitionsToTxn> = async (
  request,
  { broker, version },
) => {
  const topics = request.v3AndBelowTopics
  const isMissing = (topic: string, index: number) => broker.topics.partition(topic, index) === undefined
  let hasMissing = false
  await broker.pace.map(topics, ({ name, partitions }) =>
    broker.pace.map(partitions, index => (hasMissing ||= isMissing(name, index))),
  )
  const result = hasMissing
    ? null
    : await broker.transactions.add(
        {
          transactionalId: request.v3AndBelowTransactionalId,
          producerId: request.v3AndBelowProducerId,
          producerEpoch: request.v3AndBelowProducerEpoch,
        },
        Object.fromEntries(topics.map(({ name, partitions }) => [name, [...new Set(partitions)]])),
      )
  return {
    throttleTimeMs: 0,
    resultsByTopicV3AndBelow: await broker.pace.map(topics, async ({ name, partitions }) => ({
      name,
      resultsByPartition: await broker.pace.map(partitions, partitionIndex => ({
        partitionIndex,
        partitionErrorCode: isMissing(name, partitionIndex)
          ? errorCodes.UNKNOWN_TOPIC_OR_PARTITION
          : hasMissing
            ? errorCodes.OPERATION_NOT_ATTEMPTED
            : codeOf(result, version),
      })),
    })),
  }
}

export const answerAddOffsetsToTxn: Handler<typeof addOffsetsToTxn> = async (
  request,
  { broker, version },
) => {
  if (request.groupId === '') return { throttleTimeMs: 0, errorCode: errorCodes.INVALID_GROUP_ID }
  try {
    await broker.groups.offsets.ready()
  } catch (error) {
    broker.log.error(`cannot create topic ${offsetsTopicName}`, error)
    return { throttleTimeMs: 0, errorCode: errorCodes.COORDINATOR_NOT_AVAILABLE }
  }
  const place = { [offsetsTopicName]: [0] }
  return {
    throttleTimeMs: 0,
    errorCode: codeOf(await broker.transactions.add(request, place, [request.groupId]), version),
  }
}

export const answerEndTxn: Handler<typeof endTxn> = async (request, { broker, version }) => {
  return {
    throttleTimeMs: 0,
    errorCode: codeOf(await broker.transactions.end(request, request.committed), version),
  }
}

export const answerWriteTxnMarkers: Handler<typeof writeTxnMarkers> = async ({ markers }, { broker }) => {
  const write = async (marker: (typeof markers)[number], topic: string, index: number) => {
    const log = broker.topics.partition(topic, index)
    if (log === undefined) return errorCodes.UNKNOWN_TOPIC_OR_PARTITION
    const known = log.producers.get(marker.producerId)
    if (known !== undefined && marker.producerEpoch < known.producerEpoch)
      return errorCodes.INVALID_PRODUCER_EPOCH
    if (known !== undefined && marker.coordinatorEpoch < known.coordinatorEpoch)
      return errorCodes.TRANSACTION_COORDINATOR_FENCED
    const { producerId, producerEpoch, transactionResult: committed, coordinatorEpoch } = marker
    return await log.endTransaction({ producerId, producerEpoch, committed, coordinatorEpoch }).then(
      () => 0,
      () => errorCodes.KAFKA_STORAGE_ERROR,
    )
  }
  return {
    markers: await broker.pace.map(markers, async marker => ({
      producerId: marker.producerId,
      topics: await broker.pace.map(marker.topics, async ({ name, partitionIndexes }) => ({
        name,
        partitions: await broker.pace.map(partitionIndexes, async partitionIndex => ({
          partitionIndex,
          errorCode: await write(marker, name, partitionIndex),
        })),
      })),
    })),
  }
}
