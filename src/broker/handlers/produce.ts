// Produce: appends to partitions. acks=1 and acks=all are the same here and are answered when the data is
// synced; all appends are begun before the first wait, so that requests in flight keep their order.
import { decoderBytes } from '../../wire/kafka/compression.ts'
import { errorCodes } from '../../wire/kafka/error-codes.ts'
import type { RequestOf, ResponseInputOf } from '../../wire/kafka/api.ts'
import { offsetsTopicName } from '../../wire/kafka/messages/offsets-topic.ts'
import type { produce } from '../../wire/kafka/messages/produce.ts'
import type { Steps } from '../../wire/kafka/record.ts'
import type { Call } from '../api-row.ts'
import type { ErrorName } from '../error-name.ts'
import type { BrokerParts } from '../broker-parts.ts'
import { RefusedRecords, takeIncoming } from '../incoming-records.ts'
import { batchHeaderBytes, type BatchHeader } from '../log/batch-header.ts'
import { batchFlags } from '../log/transaction-marker.ts'
import type { PartitionLog } from '../log/partition-log.ts'
import { logSettingsOf } from '../topic-settings.ts'

const magicAt = 16
const attributesAt = 21

type PartitionAnswer = ResponseInputOf<typeof produce>['responses'][number]['partitionResponses'][number]
type PartitionData = RequestOf<typeof produce>['topicData'][number]['partitionData'][number]

export async function answerProduce(
  request: RequestOf<typeof produce>,
  call: Call,
): Promise<ResponseInputOf<typeof produce> | null> {
  const { acks, topicData, transactionalId } = request
  const wrongAcks = acks !== 0 && acks !== 1 && acks !== -1
  const { pace } = call.broker
  const appending: { name: string; partitions: Promise<PartitionAnswer>[] }[] = []
  for (const { name, partitionData } of topicData) {
    const partitions: Promise<PartitionAnswer>[] = []
    for (const data of partitionData) {
      if (pace.isOver) await pace.turn()
      if (wrongAcks) {
        const why = `acks=${acks}: write 0, 1 or all`
        partitions.push(Promise.resolve(refused(data.index, errorCodes.INVALID_REQUIRED_ACKS, why)))
        continue
      }
      // What is short is done at once, so that requests under way share a sync.
      const steps = append(name, data, { ...call, transactionalId })
      const room = await takeDecoderRoom(data, call)
      let step = steps.next()
      for (; step.done !== true; step = steps.next()) await pace.after(step.value)
      partitions.push(step.value)
      if (room > 0) {
        call.memory.add(-room)
        call.memory.finished()
      }
    }
    appending.push({ name, partitions })
  }
  call.begun()
  const responses: ResponseInputOf<typeof produce>['responses'][number][] = []
  for (const { name, partitions } of appending) {
    if (pace.isOver) await pace.turn()
    responses.push({ name, partitionResponses: await Promise.all(partitions) })
  }
  return acks === 0 ? null : { responses }
}

/** Counts what the decoder of a batch keeps, before there is one; waits for room where others have taken it. */
async function takeDecoderRoom({ records }: PartitionData, { memory, signal }: Call): Promise<number> {
  if (records === null || records.length < batchHeaderBytes || records[magicAt] !== 2) return 0
  const codec = records.readInt16BE(attributesAt) & batchFlags.codec
  const room = decoderBytes(records.subarray(batchHeaderBytes), codec)
  if (room === 0) return 0
  // Who holds something may be let on beyond the limit, one at a time: or this might wait for its own request.
  memory.add(1)
  await memory.reserve('the window of a batch of zstd', room - 1, 0, signal)
  return room
}

/** Appends in steps; what it gives never rejects. */
function* append(
  name: string,
  { index, records }: PartitionData,
  { broker, version, transactionalId }: Call & { transactionalId: string | null },
): Steps<Promise<PartitionAnswer>> {
  const topic = broker.topics.topics.get(name)
  const log = topic?.partitions[index]
  if (topic === undefined || log === undefined)
    return Promise.resolve(
      refused(index, errorCodes.UNKNOWN_TOPIC_OR_PARTITION, 'there is no such topic or partition'),
    )
  if (topic.name === offsetsTopicName)
    return Promise.resolve(
      refused(index, errorCodes.INVALID_TOPIC_EXCEPTION, 'the topic is for positions of groups alone'),
    )
  if (log.isDamaged)
    return Promise.resolve(
      refused(index, errorCodes.KAFKA_STORAGE_ERROR, 'the partition is offline; see the log of the broker'),
    )
  const rules = logSettingsOf(topic.settings, broker.settings.log)
  const now = broker.system.clock.now()
  try {
    const { batch, header } = yield* takeIncoming(records, { ...rules, now, version })
    // It may have been deleted meanwhile.
    if (broker.topics.topics.get(name)?.partitions[index] !== log)
      return Promise.resolve(
        refused(index, errorCodes.UNKNOWN_TOPIC_OR_PARTITION, 'there is no such topic or partition'),
      )
    if (header.producerId >= 0) {
      const verdict = log.producers.judge(header)
      switch (verdict.kind) {
        case 'duplicate':
          // It may be the first one that is still on its way to the disk.
          return answered(log, index, verdict.firstOffset, log.durableTo(verdict.lastOffset + 1), -1)
        case 'fenced':
          throw new RefusedRecords(
            'INVALID_PRODUCER_EPOCH',
            `producer ${header.producerId} has epoch ${verdict.epoch} by now`,
          )
        case 'out-of-order':
          throw new RefusedRecords(
            'OUT_OF_ORDER_SEQUENCE_NUMBER',
            `producer ${header.producerId}: sequence ${header.baseSequence} came where ${verdict.expected} was due`,
          )
      }
      checkTransaction(log, topic.name, index, header, { transactionalId, version }, broker)
    }
    const { baseOffset, durable } = log.append(batch)
    return answered(
      log,
      index,
      baseOffset,
      durable,
      rules.messageTimestampType === 'LogAppendTime' ? now : -1,
    )
  } catch (error) {
    if (error instanceof RefusedRecords)
      return Promise.resolve(refused(index, error.errorCode, error.message))
    throw error
  }
}

/** Throws RefusedRecords where the batch does not belong to the transaction that is open. */
function checkTransaction(
  log: PartitionLog,
  topic: string,
  index: number,
  { producerId, producerEpoch, attributes }: BatchHeader,
  { transactionalId, version }: { transactionalId: string | null; version: number },
  broker: BrokerParts,
): void {
  const isOpen = log.producers.transactionStart(producerId) >= 0
  const isTransactional = (attributes & batchFlags.transactional) !== 0
  if (isOpen && !isTransactional)
    throw new RefusedRecords('INVALID_TXN_STATE', `producer ${producerId} has a transaction open here`)
  if (!isTransactional) return
  // Asked of every batch: the partition knows of an end only when its marker is durable, and what came behind
  // the marker meanwhile would be read as committed.
  const owner = { transactionalId: transactionalId ?? '', producerId, producerEpoch }
  const refused = broker.transactions.writeErrorName(owner, topic, index)
  if (refused === null) return
  // Producers of KIP-890 know TRANSACTION_ABORTABLE; others are told what may pass, to be retried.
  const told: Partial<Record<ErrorName, ErrorName>> = {
    CONCURRENT_TRANSACTIONS: 'NOT_ENOUGH_REPLICAS',
    PRODUCER_FENCED: 'INVALID_PRODUCER_EPOCH',
    ...(version >= 11 ? { INVALID_TXN_STATE: 'TRANSACTION_ABORTABLE' } : {}),
  }
  throw new RefusedRecords(
    told[refused] ?? refused,
    `${log.name} is not part of an open transaction of producer ${producerId}: ${refused}`,
  )
}

const answered = (
  log: PartitionLog,
  index: number,
  baseOffset: number,
  durable: Promise<void>,
  logAppendTimeMs: number,
): Promise<PartitionAnswer> =>
  durable.then(
    () => ({ index, errorCode: 0, baseOffset, logAppendTimeMs, logStartOffset: log.startOffset }),
    () =>
      refused(index, errorCodes.KAFKA_STORAGE_ERROR, 'the partition is offline; see the log of the broker'),
  )

function refused(index: number, errorCode: number, errorMessage: string): PartitionAnswer {
  return { index, errorCode, baseOffset: -1, errorMessage }
}
