// Sends what the partition queues hold: one request to each leader with all of its partitions that are
// ready, gathered at the last moment, so that what comes while a request is under way goes together.
import { Fault, messageOf } from '../../errors.ts'
import type { ConditionMaker } from '../../observe/conditions.ts'
import type { ResponseOf } from '../../wire/kafka/api.ts'
import { errorCodes, kafkaError } from '../../wire/kafka/error-codes.ts'
import { produce } from '../../wire/kafka/messages/produce.ts'
import type { ProducerIdentity, Steps } from '../../wire/kafka/record.ts'
import { magicOfProduce, recordsBuilder } from '../../wire/kafka/record-set.ts'
import { Pace } from '../../system/pace.ts'
import type { Cluster } from '../connection/cluster.ts'
import type { BrokerConnection, ClientSystem } from '../connection/connection.ts'
import type { MissingTopics } from '../connection/missing-topics.ts'
import { isStamped, type Batch, type PartitionQueue } from './partition-queue.ts'
import { PartitionTroubles } from '../consumer/partition-troubles.ts'
import { noSuchTopic, ProduceFault } from './produce-fault.ts'
import { identityCodes, type Identities, type Refusal } from './producer-identity.ts'
import type { ProducerOptions } from '../contract.ts'
import { TransactionFault } from './transaction-fault.ts'
import type { ProducerSettings } from '../settings.ts'

interface Loaded {
  readonly queue: PartitionQueue
  readonly batch: Batch
  readonly bytes: Buffer
}
type PartitionAnswer = ResponseOf<typeof produce>['responses'][number]['partitionResponses'][number]

/** Answers that another leader, or the same one later, may put right; the metadata is asked for again. */
const leaderCodes = new Set<number>([
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
/** Answers of a broker that has not written the batch; after any other it may have, though it reports a failure. */
const unwrittenCodes = new Set<number>([
  ...recordCodes,
  ...identityCodes,
  errorCodes.NOT_ENOUGH_REPLICAS,
  errorCodes.TOPIC_AUTHORIZATION_FAILED,
  errorCodes.INVALID_TOPIC_EXCEPTION,
  errorCodes.INVALID_REQUIRED_ACKS,
  errorCodes.UNSUPPORTED_COMPRESSION_TYPE,
  errorCodes.POLICY_VIOLATION,
  errorCodes.THROTTLING_QUOTA_EXCEEDED,
])
/** Brokers before 2.4 call a missing key in a compacted topic corrupt, which Kafka lists as retriable. */
const corruptTries = 3

export class Dispatcher {
  readonly #system: ClientSystem
  readonly #pace: Pace
  readonly #identities: Identities
  readonly #settings: ProducerSettings
  readonly #cluster: Cluster
  readonly #missing: MissingTopics
  readonly #onHeadersDropped: (() => void) | undefined
  readonly #ready = new Set<PartitionQueue>()
  /** Brokers answer and refuse records, for now. */
  readonly #troubles: PartitionTroubles
  /** Monotonic ms until which a broker asks not to be sent anything, by its id. */
  readonly #throttled = new Map<number, number>()
  #droppedHeaders = false
  #isWoken = false

  constructor(
    options: ProducerOptions,
    {
      cluster,
      missing,
      identities,
      condition,
    }: { cluster: Cluster; missing: MissingTopics; identities: Identities; condition: ConditionMaker },
  ) {
    this.#missing = missing
    this.#system = options.system
    this.#pace = new Pace(options.system.clock)
    this.#identities = identities
    this.#settings = options.settings
    this.#troubles = new PartitionTroubles(condition, 'cannot be written to')
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
    const ready = [...this.#ready].filter(queue => queue.hasWork)
    this.#ready.clear()
    const byLeader = Map.groupBy(ready, ({ topic, partition }) => this.#cluster.leaderOf(topic, partition))
    for (const [leader, queues] of byLeader)
      for (const queue of queues) {
        queue.isBusy = true
        if (leader !== -1) this.#missing.seen(queue.topic)
      }
    for (const [leader, queues] of byLeader)
      if (leader === -1)
        for (const queue of queues) {
          const fault = this.#goneFault(queue)
          if (fault === null) this.#retryLater(queue, 'it has no leader at the moment', true)
          else this.#giveUp(queue, fault)
        }
      else this.#sendWhenAllowed(leader, queues)
  }

  /** A broker over its quota answers at once, and would not read what comes too soon (KIP-219). */
  #sendWhenAllowed(leader: number, queues: PartitionQueue[]): void {
    const until = this.#throttled.get(leader)
    if (until === undefined) return void this.#sendTo(leader, queues)
    const { clock } = this.#system
    const restMs = until - clock.monotonic()
    if (restMs <= 0) {
      this.#throttled.delete(leader)
      return void this.#sendTo(leader, queues)
    }
    void clock.sleep(restMs, this.#cluster.stopped).then(() => {
      // The leader may be another by then.
      for (const queue of queues) {
        if (this.#cluster.stopped.aborted) queue.failAll(stopping())
        this.#release(queue)
      }
    })
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
    else this.#troubles.over(queue.name)
  }

  async #sendTo(leader: number, queues: PartitionQueue[]): Promise<void> {
    let connection: BrokerConnection
    try {
      connection = await this.#cluster.connect(leader, 'data')
    } catch (error) {
      for (const queue of queues) this.#retryLater(queue, messageOf(error), true, true)
      return
    }
    try {
      const preparing = this.#identities.prepare(queues, connection)
      if (preparing !== null) await preparing
    } catch (error) {
      const isFinal =
        error instanceof TransactionFault ||
        (error instanceof Fault && error.retry === 'never' && error.code !== 'STOPPED')
      for (const queue of queues)
        if (isFinal) this.#giveUp(queue, error)
        else this.#retryLater(queue, messageOf(error), true, !connection.isOpen)
      return
    }
    const version = connection.versionOf(produce)
    const loaded = await this.#load(queues, version, connection)
    if (loaded.length === 0) return
    const byTopic = Map.groupBy(loaded, one => one.queue.topic)
    const body = {
      transactionalId: this.#identities.transactionalId,
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
      const answer = await connection.request(produce, body, 1_000)
      if (answer.throttleTimeMs > 0)
        this.#throttled.set(leader, this.#cluster.noteThrottle(connection.where, answer))
      this.#settle(loaded, answer, connection.where)
    } catch (error) {
      for (const { queue, batch } of loaded) {
        batch.isDoubtful = true
        queue.putBack(batch)
        this.#retryLater(queue, messageOf(error), true, true)
      }
    }
  }

  /** Takes and encodes a batch of each queue, as far as one request can hold them. */
  async #load(
    queues: readonly PartitionQueue[],
    version: number,
    connection: BrokerConnection,
  ): Promise<Loaded[]> {
    const magic = magicOfProduce(version)
    const loaded: Loaded[] = []
    let room = this.#settings.maxRequestSize
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
      const refusal = this.#unfitFor(version, connection)
      if (refusal !== null) {
        queue.fail(batch, refusal)
        this.#release(queue)
        continue
      }
      if (batch.encoded?.magic !== magic) {
        const identity = magic === 2 ? this.#identities.stamp(queue) : null
        const steps = this.#encode(batch, magic, identity)
        const bytes = await this.#pace.run(steps)
        batch.encoded = { magic, bytes, identity }
        batch.isDoubtful = false
      }
      loaded.push({ queue, batch, bytes: batch.encoded.bytes })
      room -= batch.encoded.bytes.length
    }
    return loaded
  }

  #unfitFor(version: number, connection: BrokerConnection): Fault | null {
    if (version === -1) return connection.lacks(produce)
    const { where } = connection
    if (this.#settings.compressionType === 'zstd' && version < 7)
      return new Fault(
        'KAFKA_FATAL',
        `the broker at ${where} is too old for compression.type=zstd (Kafka 2.1): choose gzip, snappy or lz4`,
      )
    return null
  }

  *#encode(batch: Batch, magic: 0 | 1 | 2, identity: ProducerIdentity | null): Steps<Buffer> {
    const { compressionType: type, compressionGzipLevel: gzip, compressionZstdLevel: zstd } = this.#settings
    const level = type === 'gzip' ? gzip : type === 'zstd' ? zstd : undefined
    const builder = recordsBuilder(magic, type, {
      expectedBytes: batch.bytes,
      ...(level === undefined ? {} : { level }),
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
    return yield* builder.finishInSteps(identity ?? undefined)
  }

  #settle(loaded: readonly Loaded[], answer: ResponseOf<typeof produce>, where: string): void {
    const answers = new Map<string, PartitionAnswer>()
    for (const { name, partitionResponses } of answer.responses)
      for (const one of partitionResponses) answers.set(`${name}-${one.index}`, one)
    for (const { queue, batch } of loaded) {
      const one = answers.get(queue.name)
      if (one === undefined) {
        batch.isDoubtful = true
        queue.putBack(batch)
        this.#retryLater(queue, `${where} did not answer for it`, true)
      } else if (one.errorCode === 0) this.#written(queue, batch)
      else this.#refused(queue, batch, one, where)
    }
  }

  #written(queue: PartitionQueue, batch: Batch): void {
    queue.complete(batch)
    this.#troubles.over(queue.name)
    this.#release(queue)
  }

  #refused(queue: PartitionQueue, batch: Batch, answer: PartitionAnswer, where: string): void {
    const code = answer.errorCode
    const error = kafkaError(code)
    if (isStamped(batch) && code === errorCodes.DUPLICATE_SEQUENCE_NUMBER) return this.#written(queue, batch)
    if (isStamped(batch) && identityCodes.has(code)) return this.#notRecognized(queue, batch, { code, where })
    if (!unwrittenCodes.has(code)) batch.isDoubtful = true
    const isHopeless = code === errorCodes.CORRUPT_MESSAGE && queue.failures >= corruptTries
    if (error.isRetriable && !isHopeless) {
      queue.putBack(batch)
      return this.#retryLater(queue, `${error.name}: ${error.meaning}`, leaderCodes.has(code))
    }
    if (recordCodes.has(code) && batch.recordCount > 1) {
      if (tooLargeCodes.has(code)) queue.limitBytes = Math.max(16_384, Math.ceil(batch.bytes / 2))
      queue.split(batch)
      return this.#release(queue)
    }
    queue.fail(batch, refusalOf(queue, batch, answer, where))
    this.#release(queue)
  }

  #notRecognized(queue: PartitionQueue, batch: Batch, refusal: Refusal): void {
    const fault = this.#identities.refused(queue, batch, refusal)
    if (fault !== null) {
      queue.fail(batch, fault)
      return this.#release(queue)
    }
    batch.encoded = null
    batch.isDoubtful = false
    queue.putBack(batch)
    this.#retryLater(queue, kafkaError(refusal.code).name, false)
  }

  /** The queue rests, then goes on; it stays busy meanwhile. `isTold`: the log says so of the broker already. */
  #retryLater(queue: PartitionQueue, why: string, metadataIsOld: boolean, isTold = false): void {
    if (this.#cluster.stopped.aborted) {
      queue.failAll(stopping())
      return this.#release(queue)
    }
    queue.failures++
    queue.expire(this.#system.clock.monotonic(), why)
    if (!isTold) this.#troubles.note(queue.name, why)
    void this.#rest(queue, this.#cluster.retryMs(queue.failures), metadataIsOld)
  }

  async #rest(queue: PartitionQueue, restMs: number, metadataIsOld: boolean): Promise<void> {
    await this.#system.clock.sleep(restMs, this.#cluster.stopped)
    if (metadataIsOld && !this.#cluster.stopped.aborted)
      await this.#cluster.refresh().catch(() => {
        // Nobody answers: the next try finds out, and the log says so already.
        this.#missing.forget()
      })
    if (this.#cluster.stopped.aborted) queue.failAll(stopping())
    this.#release(queue)
  }
}

const stopping = () => new Fault('STOPPED', 'the Kafka producer is stopping')

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
      : answer.errorCode === errorCodes.INVALID_TIMESTAMP
        ? '. Correct what sets the time, or let the topic take it (message.timestamp.after.max.ms, before.max.ms)'
        : ''
  // A record with a key that is called corrupt again and again is damaged on the way, not by itself.
  const isPoison =
    recordCodes.has(answer.errorCode) &&
    (answer.errorCode !== errorCodes.CORRUPT_MESSAGE || record?.key === null)
  return new ProduceFault(
    isPoison ? 'UNDELIVERABLE' : 'KAFKA',
    `${where} refuses ${what} for ${queue.name}: ${error.name}: ${error.meaning}${said}${remedy}`,
    { record },
  )
}
