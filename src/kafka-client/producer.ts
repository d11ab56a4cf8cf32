// The producer. Records of one partition are written in the order of the calls of send, whatever fails in
// between: at most one request for a partition is under way, and everything that waits meanwhile goes
// with the next one, so that many small sends become few large requests.
//
//   send -> (topic known?) -> queue of its partition -> request to the leader, with all queues that are ready
//
// What may succeed later is tried again without end (or until delivery.timeout.ms, or the signal). What
// never can rejects the send that holds it, and with it what was already queued behind it for the same
// partition: otherwise a caller that repeats the send would change the order. For the same reason every
// later send that has not settled rejects too.
import { Fault, messageOf } from '../errors.ts'
import { errorCodes, kafkaError } from '../wire/kafka/error-codes.ts'
import { recordBytes } from '../wire/kafka/record-batch.ts'
import { Cluster, type Topic } from './cluster.ts'
import type { Doors } from './connection.ts'
import { partitionOfKey } from './murmur2.ts'
import type { Producer, ProducerOptions, ProducerRecord } from './contract.ts'
import { MissingTopics } from './missing-topics.ts'
import { heldBack, lose, PartitionQueue } from './partition-queue.ts'
import { noSuchTopic, ProduceFault } from './produce-fault.ts'
import { Dispatcher } from './dispatcher.ts'
import { IdempotentIdentities, type Identities } from './producer-identity.ts'
import { Send, type Chunk } from './send.ts'
import type { ProducerSettings } from './settings.ts'

interface TopicState {
  readonly queues: PartitionQueue[]
  /** Sends that wait for the topic to be known, in their order. */
  waiting: Chunk[]
  sticky: number
  stickyLeft: number
}

export class OrderedProducer implements Producer {
  readonly cluster: Cluster
  readonly #system: Doors
  readonly #settings: ProducerSettings
  readonly #topics = new Map<string, TopicState>()
  /** In the order of the calls. */
  readonly #sends = new Set<Send>()
  #isHoldingBack = false
  readonly #dispatcher: Dispatcher
  readonly #missing: MissingTopics

  /** `identities`: those of a transactional producer. */
  constructor(options: ProducerOptions, identities: Identities | null = null) {
    const { system, settings } = options
    this.#system = system
    this.#settings = settings
    this.cluster = new Cluster({ ...options, allowAutoTopicCreation: true })
    this.#missing = new MissingTopics(this.cluster)
    this.#dispatcher = new Dispatcher(options, {
      cluster: this.cluster,
      missing: this.#missing,
      identities:
        identities ?? new IdempotentIdentities(options.log, settings.idempotence && settings.acks === -1),
    })
  }

  get trouble(): string | null {
    return this.cluster.trouble ?? this.#dispatcher.trouble
  }

  /** Sends that have not settled yet. */
  get unsettled(): number {
    return this.#sends.size
  }

  /**
   * Resolves when all records are acknowledged as `acks` asks. Rejects, when all of them are settled one
   * way or the other, with a ProduceFault: UNDELIVERABLE (a record that can never be written), KAFKA or
   * KAFKA_FATAL, PEER_TIMEOUT (delivery.timeout.ms is over) or STOPPED (the signal, or close).
   */
  send(records: readonly ProducerRecord[], signal?: AbortSignal): Promise<void> {
    if (records.length === 0) return Promise.resolve()
    const deadline = this.#system.clock.monotonic() + this.#settings.deliveryTimeoutMs
    const send = new Send(records, deadline, failed => this.#holdBack(failed))
    const failed = [...this.#sends].find(earlier => earlier.fault !== null)
    this.#register(send, signal)
    if (this.cluster.stopped.aborted || signal?.aborted === true)
      send.lose(records, new Fault('STOPPED', 'the Kafka producer is stopping'))
    else if (failed !== undefined) send.lose(records, heldBack(failed.fault!))
    else this.#handIn(records, send)
    send.complete()
    return send.done
  }

  #register(send: Send, signal: AbortSignal | undefined): void {
    this.#sends.add(send)
    const abort = () => this.#abandon(send, new Fault('STOPPED', 'the send was given up: stopping'))
    signal?.addEventListener('abort', abort, { once: true })
    const forget = () => {
      this.#sends.delete(send)
      signal?.removeEventListener('abort', abort)
    }
    // After a failure not before the caller has seen it: what it sends until then must fail as well.
    send.done.then(forget, () => this.#system.clock.soon(forget))
  }

  #handIn(records: readonly ProducerRecord[], send: Send): void {
    const sizes = this.#measure(records, send)
    if (sizes === null) return
    const chunks = new Map<TopicState, Map<number, Chunk>>()
    let state: TopicState | undefined
    let name = ''
    let known: Topic | undefined
    for (let index = 0; index < records.length; index++) {
      const record = records[index]!
      if (state === undefined || record.topic !== name) {
        name = record.topic
        state = this.#stateOf(name)
        known = this.#knownTopic(name)
      }
      // Behind records that wait for the topic, also where it has become known meanwhile.
      const isWaiting = known === undefined || state.waiting.length > 0
      const partition = isWaiting ? -1 : this.#partitionOf(record, known!, state, sizes[index]!)
      if (partition === -2) {
        send.lose([record], this.#noSuchPartition(record, known!))
        continue
      }
      let byPartition = chunks.get(state)
      if (byPartition === undefined) chunks.set(state, (byPartition = new Map()))
      let chunk = byPartition.get(partition)
      if (chunk === undefined) byPartition.set(partition, (chunk = { send, records: [], bytes: 0 }))
      chunk.records.push(record)
      chunk.bytes += sizes[index]!
    }
    this.#enqueue(chunks, send)
  }

  #enqueue(chunks: Map<TopicState, Map<number, Chunk>>, send: Send): void {
    if (send.fault !== null) {
      // A partition that does not exist: nothing of the send is written.
      for (const byPartition of chunks.values())
        for (const chunk of byPartition.values()) send.lose(chunk.records, send.fault)
      return
    }
    for (const [state, byPartition] of chunks)
      for (const [partition, chunk] of byPartition) {
        send.begin()
        if (partition === -1) this.#waitForTopic(chunk.records[0]!.topic, state, chunk)
        else this.#queueOf(state, chunk.records[0]!.topic, partition).push(chunk)
      }
  }

  /** Resolves when everything sent so far has settled. */
  async flush(): Promise<void> {
    await Promise.allSettled([...this.#sends].map(send => send.done))
  }

  /** Resolves when everything sent so far has settled, and later sends are not held back for it. */
  async giveUp(why: string): Promise<void> {
    const fault = new Fault('STOPPED', why)
    for (const send of this.#sends) this.#abandon(send, fault)
    await this.flush()
    await new Promise<void>(resolve => this.#system.clock.soon(resolve))
  }

  /** Sends that have not settled reject with STOPPED: call flush before where they should not. */
  async close(): Promise<void> {
    this.cluster.close()
    const fault = new Fault('STOPPED', 'the Kafka producer was closed')
    for (const state of this.#topics.values()) {
      for (const chunk of state.waiting.splice(0)) lose(chunk, fault)
      for (const queue of state.queues) queue?.failAll(fault)
    }
    await this.flush()
  }

  /** The sizes of the records; null where one is too large for any request. */
  #measure(records: readonly ProducerRecord[], send: Send): number[] | null {
    const sizes: number[] = []
    for (let index = 0; index < records.length; index++) {
      const record = records[index]!
      const size = recordBytes(record as never)
      sizes.push(size)
      if (size <= this.#settings.maxRequestBytes) continue
      const bytes = (record.key?.length ?? 0) + (record.value?.length ?? 0)
      send.lose(
        records,
        new ProduceFault(
          'UNDELIVERABLE',
          `a record for topic ${record.topic} has ${bytes} bytes, about ${size} on the wire; max.request.size allows ${this.#settings.maxRequestBytes}. Raise max.request.size here, and max.message.bytes of the topic (message.max.bytes of the broker)`,
          { record },
        ),
      )
      return null
    }
    return sizes
  }

  #stateOf(topic: string): TopicState {
    let state = this.#topics.get(topic)
    if (state === undefined) {
      state = { queues: [], waiting: [], sticky: -1, stickyLeft: 0 }
      this.#topics.set(topic, state)
      this.cluster.watch([topic])
    }
    return state
  }

  #knownTopic(name: string): Topic | undefined {
    const topic = this.cluster.topic(name)
    return topic !== undefined && topic.errorCode === 0 && topic.partitions.length > 0 ? topic : undefined
  }

  #queueOf(state: TopicState, topic: string, partition: number): PartitionQueue {
    let queue = state.queues[partition]
    if (queue === undefined) {
      queue = new PartitionQueue(topic, partition, this.#dispatcher.offer)
      state.queues[partition] = queue
    }
    return queue
  }

  /** -2: there is no such partition; -1: look again at the topic first. */
  #partitionOf(record: ProducerRecord, topic: Topic, state: TopicState, size: number): number {
    const count = topic.partitions.length
    const asked = record.partition ?? null
    if (asked !== null) {
      if (Number.isInteger(asked) && asked >= 0 && asked < count) return asked
      // Partitions may have been added: metadata that is just a moment old is enough to know.
      const isFresh = this.#system.clock.monotonic() - this.cluster.refreshedAt < 5_000
      return asked >= 0 && !isFresh ? -1 : -2
    }
    if (record.key !== null) return partitionOfKey(record.key, count)
    if (state.sticky === -1 || state.sticky >= count || state.stickyLeft <= 0) {
      const available = topic.partitions.filter(partition => partition.leader !== -1)
      const among = available.length > 0 ? available : topic.partitions
      let next = among[Math.floor(this.#system.random.next() * among.length)]!.index
      if (next === state.sticky && among.length > 1)
        next = among[(among.findIndex(one => one.index === next) + 1) % among.length]!.index
      state.sticky = next
      state.stickyLeft = this.#settings.stickyBytes
    }
    state.stickyLeft -= size
    return state.sticky
  }

  #noSuchPartition(record: ProducerRecord, topic: Topic): Fault {
    return new ProduceFault(
      'UNDELIVERABLE',
      `a record is meant for partition ${record.partition} of topic ${record.topic}, which has the partitions 0 to ${topic.partitions.length - 1}. Correct the partition, or add partitions to the topic`,
      { record },
    )
  }

  #waitForTopic(name: string, state: TopicState, chunk: Chunk): void {
    state.waiting.push(chunk)
    if (state.waiting.length === 1) void this.#learnTopic(name, state)
  }

  /** Asks for the topic until it is known, then hands out what waits for it in its order. */
  async #learnTopic(name: string, state: TopicState): Promise<void> {
    const { clock } = this.#system
    for (let failures = 0; state.waiting.length > 0; failures++) {
      try {
        if (failures > 0) await this.cluster.pause(failures)
        await this.cluster.refresh()
        // The answer may be to a question asked before the topic was watched.
        if (this.cluster.topic(name) === undefined) await this.cluster.refresh()
        const topic = this.#knownTopic(name)
        const missingMs = this.#missing.missingMs(name)
        if (topic !== undefined) return this.#handOut(name, topic, state)
        const [first] = state.waiting
        if (first === undefined) return
        const fault = this.#topicFault(name, missingMs, first)
        if (fault !== null) return state.waiting.splice(0).forEach(chunk => lose(chunk, fault))
      } catch (error) {
        if (this.cluster.stopped.aborted) return
        // No broker answers, which is no fault of the topic's: the log says so, and patience decides.
        this.#missing.forget()
        const now = clock.monotonic()
        state.waiting = state.waiting.filter(chunk => {
          if (chunk.send.deadline > now) return true
          lose(chunk, new Fault('PEER_TIMEOUT', `delivery.timeout.ms is over: ${messageOf(error)}`))
          return false
        })
      }
    }
  }

  #topicFault(name: string, missingMs: number, first: Chunk): Fault | null {
    const code = this.cluster.topic(name)?.errorCode ?? errorCodes.UNKNOWN_TOPIC_OR_PARTITION
    const error = kafkaError(code)
    const [record] = first.records as [ProducerRecord]
    if (code === errorCodes.INVALID_TOPIC_EXCEPTION)
      return new ProduceFault(
        'UNDELIVERABLE',
        `"${name}" is not a name that a topic can have (${error.name}): letters, digits, ".", "_" and "-" are allowed, up to 249`,
        { record },
      )
    if (code !== 0 && !error.isRetriable)
      return new Fault('KAFKA', `records for topic ${name} cannot be sent: ${error.name}: ${error.meaning}`)
    if (missingMs < this.#settings.maxBlockMs) return null
    if (this.#missing.isUnknown(name)) return noSuchTopic(name, missingMs, record)
    return new Fault(
      'KAFKA',
      `topic ${name} has not become ready within ${(missingMs / 1000) | 0} s (${error.name}): look at the brokers`,
    )
  }

  #handOut(name: string, topic: Topic, state: TopicState): void {
    const waiting = state.waiting
    state.waiting = []
    for (const chunk of waiting) {
      const { send } = chunk
      const parts = new Map<number, Chunk>()
      for (const record of chunk.records) {
        if (send.fault !== null) {
          send.lose([record], send.fault)
          continue
        }
        const size = recordBytes(record as never)
        const partition = this.#partitionOf(record, topic, state, size)
        if (partition < 0) {
          send.lose([record], this.#noSuchPartition(record, topic))
          continue
        }
        let part = parts.get(partition)
        if (part === undefined) parts.set(partition, (part = { send, records: [], bytes: 0 }))
        part.records.push(record)
        part.bytes += size
      }
      for (const [partition, part] of parts) {
        send.begin()
        this.#queueOf(state, name, partition).push(part)
      }
      send.complete()
    }
  }

  /** Takes back what is not under way of a send that has failed and of all later ones. */
  #holdBack(failed: Send): void {
    if (this.#isHoldingBack) return
    this.#isHoldingBack = true
    let isLater = false
    for (const send of this.#sends) {
      if (send === failed) {
        isLater = true
        this.#abandon(send, failed.fault!)
      } else if (isLater) {
        send.lose([], heldBack(failed.fault!))
        this.#abandon(send, heldBack(failed.fault!))
      }
    }
    this.#isHoldingBack = false
  }

  /** Takes back what of a send is not under way; what is under way is not tried again. */
  #abandon(send: Send, fault: Fault): void {
    if (send.givenUp === null || fault.code === 'STOPPED') send.givenUp = fault
    for (const state of this.#topics.values()) {
      state.waiting = state.waiting.filter(chunk => {
        if (chunk.send === send) lose(chunk, fault)
        return chunk.send !== send
      })
      for (const queue of state.queues) queue?.abandon(send, fault)
    }
  }
}
