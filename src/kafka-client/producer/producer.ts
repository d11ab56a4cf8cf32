// The producer. Records of one partition are written in the order of the calls of send, whatever brokers
// answer: at most one request for a partition is under way, and everything that waits meanwhile goes with the
// next one, so that many small sends become few large requests.
//
//   send -> (topic known?) -> queue of its partition -> request to the leader, with all queues that are ready
//
// What may succeed later is retried without end (or until delivery.timeout.ms, or the signal). What
// never can rejects the send that holds it and ends its session: what the session has behind it is not
// written, whenever it is sent, so that the caller can send again in a session that follows, in order.
import { Fault, messageOf } from '../../errors.ts'
import { looseConditions } from '../../observe/conditions.ts'
import { errorCodes, kafkaError } from '../../wire/kafka/error-codes.ts'
import { topicNameRule } from '../../wire/kafka/topic-name.ts'
import { recordBytes } from '../../wire/kafka/record-batch.ts'
import { Cluster, type Topic } from '../connection/cluster.ts'
import type { ClientSystem } from '../connection/connection.ts'
import { partitionOfKey } from './murmur2.ts'
import type { Producer, ProducerOptions, ProducerRecord, ProducerSession } from '../contract.ts'
import { MissingTopics } from '../connection/missing-topics.ts'
import { PartitionQueue } from './partition-queue.ts'
import { noSuchTopic, ProduceFault } from './produce-fault.ts'
import { Dispatcher } from './dispatcher.ts'
import { IdempotentIdentities, type Identities } from './producer-identity.ts'
import { heldBack, lose, Send, withoutGivenUp, type Chunk, type Session } from './send.ts'
import type { ProducerSettings } from '../settings.ts'

interface TopicState {
  readonly queues: PartitionQueue[]
  /** Sends that wait for the topic to be known, in their order. */
  waiting: Chunk[]
  sticky: number
  stickyLeft: number
}

export class OrderedProducer implements Producer {
  readonly cluster: Cluster
  readonly #system: ClientSystem
  readonly #settings: ProducerSettings
  readonly #topics = new Map<string, TopicState>()
  /** Those that have not settled, in the order of the calls. */
  readonly #sends = new Set<Send>()
  readonly #dispatcher: Dispatcher
  readonly #missing: MissingTopics

  /** `identities`: those of a transactional producer. */
  constructor(options: ProducerOptions, identities: Identities | null = null) {
    const { system, settings, log, condition = looseConditions(system.clock, log) } = options
    const { allowAutoTopicCreation = true } = options
    this.#system = system
    this.#settings = settings
    this.cluster = new Cluster({ system, settings, log, condition, allowAutoTopicCreation })
    this.#missing = new MissingTopics(this.cluster)
    this.#dispatcher = new Dispatcher(options, {
      cluster: this.cluster,
      missing: this.#missing,
      condition,
      identities:
        identities ?? new IdempotentIdentities(log, settings.enableIdempotence && settings.acks === -1),
    })
  }

  open(): ProducerSession {
    const session: Session = { fault: null }
    return {
      send: (records, signal) => this.#send(records, session, signal),
      refuse: fault => void (session.fault ??= fault),
      end: why => this.#end(session, new Fault('STOPPED', why)),
    }
  }

  send(records: readonly ProducerRecord[], signal?: AbortSignal): Promise<void> {
    return this.#send(records, { fault: null }, signal)
  }

  #send(records: readonly ProducerRecord[], session: Session, signal?: AbortSignal): Promise<void> {
    if (records.length === 0) return Promise.resolve()
    const deadline = this.#system.clock.monotonic() + this.#settings.deliveryTimeoutMs
    const send = new Send({ session, records, deadline }, (failed, fault) => this.#holdBack(failed, fault))
    this.#sends.add(send)
    const abort = () =>
      this.#end(session, new Fault('STOPPED', 'the send was abandoned because the agent is stopping'))
    signal?.addEventListener('abort', abort, { once: true })
    const forget = () => {
      this.#sends.delete(send)
      signal?.removeEventListener('abort', abort)
    }
    send.done.then(forget, forget)
    if (this.cluster.stopped.aborted || signal?.aborted === true)
      send.lose(records, new Fault('STOPPED', 'the Kafka producer is stopping'))
    else if (session.fault !== null) send.lose(records, heldBack(session.fault))
    else this.#handIn(records, send)
    send.complete()
    return send.done
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
    if (send.givenUp !== null) {
      // A partition that does not exist: nothing of the send is written.
      for (const byPartition of chunks.values())
        for (const chunk of byPartition.values()) send.lose(chunk.records, send.givenUp)
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
      if (size <= this.#settings.maxRequestSize) continue
      const bytes = (record.key?.length ?? 0) + (record.value?.length ?? 0)
      send.lose(
        records,
        new ProduceFault(
          'UNDELIVERABLE',
          `a record for topic ${record.topic} has ${bytes} bytes, about ${size} on the wire; max.request.size allows ${this.#settings.maxRequestSize}. Raise max.request.size here, and max.message.bytes of the topic (message.max.bytes of the broker)`,
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
      state.stickyLeft = this.#settings.batchSize
    }
    state.stickyLeft -= size
    return state.sticky
  }

  #noSuchPartition(record: ProducerRecord, topic: Topic): Fault {
    return new ProduceFault(
      'UNDELIVERABLE',
      `a record names partition ${record.partition} of topic ${record.topic}, which has the partitions 0 to ${topic.partitions.length - 1}. Correct the partition, or add partitions to the topic`,
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
        if (topic !== undefined) return this.#handOut(state)
        const [first] = state.waiting
        if (first === undefined) return
        const fault = this.#topicFault(name, missingMs, first)
        if (fault !== null) return state.waiting.splice(0).forEach(chunk => lose(chunk, fault))
      } catch (error) {
        if (this.cluster.stopped.aborted) return
        // No broker answers, which is no fault of the topic's: the log says so, and patience decides.
        this.#missing.forget()
        const now = clock.monotonic()
        for (let [first] = state.waiting; first !== undefined; [first] = state.waiting) {
          if (first.send.deadline > now) break
          state.waiting.shift()
          lose(first, new Fault('PEER_TIMEOUT', `delivery.timeout.ms is over: ${messageOf(error)}`))
        }
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
        `"${name}" is not a name that a topic can have (${error.name}): ${topicNameRule}`,
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

  #handOut(state: TopicState): void {
    for (const { records, send } of state.waiting.splice(0)) {
      if (send.givenUp === null) this.#handIn(records, send)
      else send.lose(records, send.givenUp)
      send.complete()
    }
  }

  /** The send has failed: what its session has from here on, and is not under way, is not written. */
  #holdBack(failed: Send, fault: Fault): void {
    if (failed.givenUp !== null) return
    failed.session.fault ??= fault
    failed.givenUp = fault
    let isLater = false
    for (const send of this.#sends) {
      if (send === failed) isLater = true
      else if (isLater && send.session === failed.session) send.givenUp ??= heldBack(fault)
    }
    this.#takeBack()
  }

  /** The caller gives the session up. */
  #end(session: Session, fault: Fault): void {
    session.fault ??= fault
    for (const send of this.#sends) if (send.session === session) send.givenUp = fault
    this.#takeBack()
  }

  #takeBack(): void {
    for (const state of this.#topics.values()) {
      state.waiting = withoutGivenUp(state.waiting)
      for (const queue of state.queues) queue?.takeBack()
    }
  }
}
