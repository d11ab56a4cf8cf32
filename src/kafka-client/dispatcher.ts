// Sends what the partition queues hold: one request to each leader with all of its partitions that are
// ready, gathered at the last moment, so that what comes while a request is under way goes together.
import { Fault, messageOf } from '../errors.ts'
import type { Logger } from '../observe/log.ts'
import type { ResponseOf } from '../wire/kafka/api.ts'
import { errorCodes, kafkaError } from '../wire/kafka/error-codes.ts'
import { produce } from '../wire/kafka/messages/produce.ts'
import { magicOfProduce, recordsBuilder } from '../wire/kafka/record-set.ts'
import { backoffMs } from './backoff.ts'
import type { Cluster } from './cluster.ts'
import type { BrokerConnection, Doors } from './connection.ts'
import type { MissingTopics } from './missing-topics.ts'
import type { Batch, PartitionQueue } from './partition-queue.ts'
import { noSuchTopic, ProduceFault } from './produce-fault.ts'
import type { ProducerOptions } from './contract.ts'
import type { ProducerSettings } from './settings.ts'

interface Loaded {
  readonly queue: PartitionQueue
  readonly batch: Batch
  readonly bytes: Buffer
}
type PartitionAnswer = ResponseOf<typeof produce>['responses'][number]['partitionResponses'][number]

/** Answers that another leader, or the same one later, may put right; the metadata is asked for again. */
const movedCodes = new Set<number>([
  errorCodes.UNKNOWN_TOPIC_OR_PARTITION,
  errorCodes.LEADER_NOT_AVAILABLE,
  errorCodes.NOT_LEADER_OR_FOLLOWER,
  errorCodes.REPLICA_NOT_AVAILABLE,
  errorCodes.KAFKA_STORAGE_ERROR,
  errorCodes.FENCED_LEADER_EPOCH,
  errorCodes.UNKNOWN_LEADER_EPOCH,
])
const tooLargeCodes = new Set<number>([errorCodes.MESSAGE_TOO_LARGE, errorCodes.RECORD_LIST_TOO_LARGE])
/** A single record may be to blame: the batch is halved until it is known which. */
const recordCodes = new Set<number>([
  ...tooLargeCodes,
  errorCodes.INVALID_RECORD,
  errorCodes.INVALID_TIMESTAMP,
  errorCodes.CORRUPT_MESSAGE,
])
/** Brokers before 2.4 call a missing key in a compacted topic corrupt, which Kafka lists as retriable. */
const corruptTries = 3

export class Dispatcher {
  readonly #system: Doors
  readonly #log: Logger
  readonly #settings: ProducerSettings
  readonly #cluster: Cluster
  readonly #missing: MissingTopics
  readonly #onHeadersDropped: (() => void) | undefined
  readonly #ready = new Set<PartitionQueue>()
  #droppedHeaders = false
  #isWoken = false
  #loggedTrouble = -Infinity

  constructor(options: ProducerOptions, cluster: Cluster, missing: MissingTopics) {
    this.#missing = missing
    this.#system = options.system
    this.#log = options.log
    this.#settings = options.settings
    this.#onHeadersDropped = options.onHeadersDropped
    this.#cluster = cluster
  }

  /** The queue has something to send. */
  readonly offer = (queue: PartitionQueue): void => {
    if (queue.isBusy) return
    this.#ready.add(queue)
    if (this.#isWoken) return
    this.#isWoken = true
    // After the calls of this turn, so that their records go together.
    void Promise.resolve().then(() => this.#dispatch())
  }

  #dispatch(): void {
    this.#isWoken = false
    const byLeader = new Map<number, PartitionQueue[]>()
    for (const queue of this.#ready) {
      if (!queue.hasWork) continue
      queue.isBusy = true
      const leader = this.#cluster.leaderOf(queue.topic, queue.partition)
      if (leader !== -1) this.#missing.seen(queue.topic)
      const list = byLeader.get(leader)
      if (list === undefined) byLeader.set(leader, [queue])
      else list.push(queue)
    }
    this.#ready.clear()
    for (const [leader, queues] of byLeader)
      if (leader === -1)
        for (const queue of queues) {
          const fault = this.#goneFault(queue)
          if (fault === null) this.#retryLater(queue, 'it has no leader at the moment', true)
          else this.#giveUp(queue, fault)
        }
      else void this.#sendTo(leader, queues)
  }

  /** Why the partition will not come back: its topic was deleted, or made anew with fewer partitions. */
  #goneFault({ topic, partition, first, failures }: PartitionQueue): Fault | null {
    const missingMs = this.#missing.missingMs(topic)
    if (first === null || failures === 0) return null
    if (this.#missing.isUnknown(topic))
      return missingMs < this.#settings.maxBlockMs ? null : noSuchTopic(topic, missingMs, first)
    const known = this.#cluster.topic(topic)
    if (known === undefined || known.errorCode !== 0 || partition < known.partitions.length) return null
    // Sent again its records go to partitions there are, unless they ask for this one.
    return new Fault('KAFKA', `topic ${topic} has no partition ${partition} any more`)
  }

  #giveUp(queue: PartitionQueue, fault: Fault): void {
    const batch = queue.take()
    if (batch !== null) queue.fail(batch, fault)
    this.#release(queue)
  }

  #release(queue: PartitionQueue): void {
    queue.isBusy = false
    if (queue.hasWork) this.offer(queue)
  }

  async #sendTo(leader: number, queues: PartitionQueue[]): Promise<void> {
    let connection: BrokerConnection
    try {
      connection = await this.#cluster.connect(leader, 'data')
    } catch (error) {
      for (const queue of queues) this.#retryLater(queue, messageOf(error), true)
      return
    }
    const version = connection.versionOf(produce)
    const loaded = this.#load(queues, version, connection.where)
    if (loaded.length === 0) return
    const byTopic = new Map<string, Loaded[]>()
    for (const one of loaded) {
      const list = byTopic.get(one.queue.topic)
      if (list === undefined) byTopic.set(one.queue.topic, [one])
      else list.push(one)
    }
    const body = {
      acks: this.#settings.acks,
      timeoutMs: this.#settings.requestTimeoutMs,
      topicData: [...byTopic].map(([name, list]) => ({
        name,
        partitionData: list.map(({ queue, bytes }) => ({ index: queue.partition, records: bytes })),
      })),
    }
    try {
      if (this.#settings.acks === 0) {
        connection.sendOnly(produce, body)
        await connection.drained()
        for (const { queue, batch } of loaded) this.#written(queue, batch)
        return
      }
      // A little longer than the broker itself may take, so that its answer comes first.
      this.#settle(loaded, await connection.request(produce, body, 1_000), connection.where)
    } catch (error) {
      for (const { queue, batch } of loaded) {
        queue.putBack(batch)
        this.#retryLater(queue, messageOf(error), true)
      }
    }
  }

  /** Takes and encodes a batch of each queue, as far as one request can hold them. */
  #load(queues: readonly PartitionQueue[], version: number, where: string): Loaded[] {
    const magic = magicOfProduce(version)
    const loaded: Loaded[] = []
    let room = this.#settings.maxRequestBytes
    for (const queue of queues) {
      if (room <= 0) {
        this.#release(queue)
        continue
      }
      const batch = queue.take()
      if (batch === null) {
        this.#release(queue)
        continue
      }
      const refusal = this.#unfitFor(version, where)
      if (refusal !== null) {
        queue.fail(batch, refusal)
        this.#release(queue)
        continue
      }
      if (batch.encoded?.magic !== magic) batch.encoded = { magic, bytes: this.#encode(batch, magic) }
      loaded.push({ queue, batch, bytes: batch.encoded.bytes })
      room -= batch.encoded.bytes.length
    }
    return loaded
  }

  #unfitFor(version: number, where: string): Fault | null {
    if (version === -1)
      return new Fault('PROTOCOL', `the broker at ${where} speaks no version of Produce that is known here`)
    if (this.#settings.compression === 'zstd' && version < 7)
      return new Fault(
        'KAFKA_FATAL',
        `the broker at ${where} is too old for compression.type=zstd (Kafka 2.1): choose gzip, snappy or lz4`,
      )
    return null
  }

  #encode(batch: Batch, magic: 0 | 1 | 2): Buffer {
    const { compression, compressionLevel } = this.#settings
    const builder = recordsBuilder(magic, compression, {
      expectedBytes: batch.bytes,
      ...(compressionLevel === undefined ? {} : { level: compressionLevel }),
    })
    const now = this.#system.clock.now()
    let hasHeaders = false
    for (const { records } of batch.chunks)
      for (const record of records) {
        const { key, value, headers, timestamp = now } = record
        if (headers === undefined) builder.append({ timestamp, key, value })
        else {
          if (headers.length > 0) hasHeaders = true
          builder.append({ timestamp, key, value, headers })
        }
      }
    if (magic < 2 && hasHeaders && !this.#droppedHeaders) {
      this.#droppedHeaders = true
      this.#onHeadersDropped?.()
    }
    return builder.finish()
  }

  #settle(loaded: readonly Loaded[], answer: ResponseOf<typeof produce>, where: string): void {
    const answers = new Map<string, PartitionAnswer>()
    for (const { name, partitionResponses } of answer.responses)
      for (const one of partitionResponses) answers.set(`${name}-${one.index}`, one)
    for (const { queue, batch } of loaded) {
      const one = answers.get(queue.name)
      if (one === undefined) {
        queue.putBack(batch)
        this.#retryLater(queue, `${where} did not answer for it`, true)
      } else if (one.errorCode === 0) this.#written(queue, batch)
      else this.#refused(queue, batch, one, where)
    }
  }

  #written(queue: PartitionQueue, batch: Batch): void {
    queue.complete(batch)
    this.#release(queue)
  }

  #refused(queue: PartitionQueue, batch: Batch, answer: PartitionAnswer, where: string): void {
    const code = answer.errorCode
    const error = kafkaError(code)
    const isHopeless = code === errorCodes.CORRUPT_MESSAGE && queue.failures >= corruptTries
    if (error.isRetriable && !isHopeless) {
      queue.putBack(batch)
      return this.#retryLater(queue, `${error.name}: ${error.meaning}`, movedCodes.has(code))
    }
    if (recordCodes.has(code) && batch.recordCount > 1) {
      if (tooLargeCodes.has(code)) queue.limitBytes = Math.max(16_384, Math.ceil(batch.bytes / 2))
      queue.split(batch)
      return this.#release(queue)
    }
    queue.fail(batch, refusalOf(queue, batch, answer, where))
    this.#release(queue)
  }

  /** The queue rests, then goes on; it stays busy meanwhile. */
  #retryLater(queue: PartitionQueue, why: string, metadataIsOld: boolean): void {
    if (this.#cluster.stopped.aborted) {
      queue.failAll(new Fault('STOPPED', 'the Kafka producer is stopping'))
      return this.#release(queue)
    }
    queue.failures++
    const { clock, random } = this.#system
    const now = clock.monotonic()
    queue.expire(now, why)
    if (now - this.#loggedTrouble > 60_000) {
      this.#loggedTrouble = now
      this.#log.warn(`records for ${queue.name} are sent again until they are written: ${why}`)
    }
    const { retryBackoffMs, retryBackoffMaxMs } = this.#settings
    const restMs = backoffMs(queue.failures, retryBackoffMs, retryBackoffMaxMs, random)
    void this.#rest(queue, restMs, metadataIsOld)
  }

  async #rest(queue: PartitionQueue, restMs: number, metadataIsOld: boolean): Promise<void> {
    await this.#system.clock.sleep(restMs, this.#cluster.stopped)
    if (metadataIsOld && !this.#cluster.stopped.aborted)
      await this.#cluster.refresh().catch(() => {
        // Nobody answers: the next try finds out, and the log says so already.
        this.#missing.forget()
      })
    if (this.#cluster.stopped.aborted) queue.failAll(new Fault('STOPPED', 'the Kafka producer is stopping'))
    this.#release(queue)
  }
}

function refusalOf(queue: PartitionQueue, batch: Batch, answer: PartitionAnswer, where: string): Fault {
  const error = kafkaError(answer.errorCode)
  const record = batch.recordCount === 1 ? batch.chunks[0]!.records[0]! : null
  const size = record === null ? '' : ` of ${(record.key?.length ?? 0) + (record.value?.length ?? 0)} bytes`
  const said = answer.errorMessage === null || answer.errorMessage === '' ? '' : ` ("${answer.errorMessage}")`
  const what = record === null ? `${batch.recordCount} records` : `a record${size}`
  const remedy = tooLargeCodes.has(answer.errorCode)
    ? '. Raise max.message.bytes of the topic (message.max.bytes of the broker)'
    : answer.errorCode === errorCodes.CORRUPT_MESSAGE || answer.errorCode === errorCodes.INVALID_RECORD
      ? '. A compacted topic takes no record without a key'
      : ''
  const isPoison = recordCodes.has(answer.errorCode)
  return new ProduceFault(
    isPoison ? 'UNDELIVERABLE' : 'KAFKA',
    `${where} refuses ${what} for ${queue.name}: ${error.name}: ${error.meaning}${said}${remedy}`,
    { record },
  )
}
