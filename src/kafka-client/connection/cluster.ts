// What the client knows of a cluster: its brokers, its topics, who leads each partition and who
// coordinates a group. Everything is asked for again when a broker says that it has changed.
import { isPossible, parseAddress, whereOf, type Address } from '../../address.ts'
import { backoffMs } from '../../backoff.ts'
import { Fault, messageOf } from '../../errors.ts'
import type { Condition, ConditionMaker } from '../../observe/conditions.ts'
import type { Logger } from '../../observe/log.ts'
import { errorCodes, kafkaError } from '../../wire/kafka/error-codes.ts'
import type { ResponseOf } from '../../wire/kafka/api.ts'
import { zeroUuid } from '../../wire/kafka/fields.ts'
import { metadata } from '../../wire/kafka/messages/metadata.ts'
import { Brokers, type Purpose } from './brokers.ts'
import type { BrokerConnection, ClientSystem } from './connection.ts'
import { isFinalCode, refuse, wordsOf } from './refusal.ts'
import type { ConnectionSettings } from '../settings.ts'

export interface Partition {
  readonly index: number
  /** -1: none at the moment. */
  readonly leader: number
  /** -1 where the broker does not tell (before 2.1). */
  readonly leaderEpoch: number
  /** Why it has no leader; 0 where it has one. */
  readonly errorCode: number
}

export interface Topic {
  readonly name: string
  /** In the order of their indexes, without gaps; empty while errorCode is not 0. */
  readonly partitions: readonly Partition[]
  readonly errorCode: number
  readonly isInternal: boolean
  /** Another once the topic was deleted and created again; '' where the broker does not tell (before 2.8). */
  readonly id: string
  /** Monotonic ms: when it was asked for last, of the times when it was there. */
  readonly seenAt: number
}

/** `isFinal`: asking again does not help by itself. */
export interface TopicProblem {
  readonly why: string
  readonly isFinal: boolean
}

type TopicAnswer = ResponseOf<typeof metadata>['topics'][number]

/** A broker that is silent for so long is not waited for alone: the next one is asked as well. */
const hedgeMs = 1_000
/** Where metadata is asked for again so soon, the last answer was of no use: another broker is asked. */
const againMs = 30_000
/** The longest rest that a broker can ask for: one that wants more does not read what comes sooner. */
const mostThrottleMs = 30_000
/** What is over sooner is not reported: brokers that start, a leader that moves. */
export const graceMs = 3_000
/** For so long an answer that takes away what was known is not believed: a broker that starts knows little. */
const doubtMs = 5_000
/** For so long nothing but an id that a topic had before must be told, until it is believed to be the one. */
const idDoubtMs = 60_000
/** A bootstrap server is asked before more brokers than these: whoever told of them may be mistaken in all. */
const mostBeforeBootstrap = 3

export interface Broker extends Address {
  readonly nodeId: number
}

export interface ClusterOptions {
  readonly system: ClientSystem
  readonly settings: ConnectionSettings
  readonly log: Logger
  readonly condition: ConditionMaker
  /** Whether asking for a topic may create it, where the broker does that. */
  readonly allowAutoTopicCreation: boolean
}

export class Cluster {
  readonly brokers: Brokers
  readonly #system: ClientSystem
  readonly #settings: ConnectionSettings
  readonly #bootstrap: readonly Address[]
  readonly #allowAutoTopicCreation: boolean
  readonly #nodes = new Map<number, Address>()
  readonly #topics = new Map<string, Topic>()
  /** The last id of each topic, and those before: a broker that lags behind may still tell of them. */
  readonly #ids = new Map<string, string>()
  /** Of which topics. */
  readonly #formerIds = new Map<string, string>()
  /** When first an answer lacked what is known of the topic, monotonic ms. */
  readonly #doubts = new Map<string, number>()
  /** Brokers that were silent when they were asked last. */
  readonly #silent = new Set<string>()
  #askedLast: { where: string; at: number } = { where: '', at: -Infinity }
  readonly #watched = new Set<string>()
  /** Topics that are watched for a while, by how many. */
  readonly #borrowed = new Map<string, number>()
  #watchesAll = false
  #controllerId = -1
  readonly #unanswered: Condition
  readonly #throttled: Condition
  /** A broker has an address to which nobody can connect. */
  readonly #impossible: Condition
  /** Monotonic ms. */
  #throttledUntil = -Infinity
  #refreshing: Promise<void> | null = null
  /** Whether the question under way names every topic watched by now. */
  #askedAll = false
  /** '' before the first refresh, and where brokers do not tell it (before 0.10.1). */
  clusterId = ''
  /** Monotonic ms of the last good refresh; -Infinity before the first. */
  refreshedAt = -Infinity

  constructor({ system, settings, log, condition, allowAutoTopicCreation }: ClusterOptions) {
    this.brokers = new Brokers(system, settings, log, condition)
    this.brokers.isNeeded = address => this.#leads(whereOf(address))
    this.#unanswered = condition('questions', { level: 'warn', graceMs })
    this.#impossible = condition('addresses', { level: 'warn', graceMs })
    this.#throttled = condition('throttled', { level: 'warn', isRed: false, graceMs })
    this.#system = system
    this.#settings = settings
    this.#allowAutoTopicCreation = allowAutoTopicCreation
    this.#bootstrap = settings.bootstrapServers.map(text => {
      const address = parseAddress(text)
      if (address === null)
        throw new Fault(
          'ADDRESS',
          `"${text}" is not a bootstrap server: write host:port, several separated by commas`,
        )
      // Java takes no host for this one.
      return { host: address.host === '' ? 'localhost' : address.host, port: address.port }
    })
    if (this.#bootstrap.length === 0)
      throw new Fault('ADDRESS', 'no bootstrap server is given: write host:port')
  }

  get stopped(): AbortSignal {
    return this.brokers.stopped
  }

  /** From the next refresh on these topics are known. */
  watch(topics: Iterable<string>): void {
    for (const topic of topics)
      if (!this.#watched.has(topic)) {
        this.#watched.add(topic)
        this.#askedAll = false
      }
  }

  /** As `watch`, until it is disposed: then what nobody else watches is forgotten. */
  watchFor(topics: Iterable<string>): Disposable {
    const names = [...new Set(topics)]
    for (const name of names) {
      if (!this.#watched.has(name) && !this.#borrowed.has(name)) this.#askedAll = false
      this.#borrowed.set(name, (this.#borrowed.get(name) ?? 0) + 1)
    }
    return { [Symbol.dispose]: () => names.forEach(name => this.#release(name)) }
  }

  #release(name: string): void {
    const others = this.#borrowed.get(name)! - 1
    if (others > 0) return void this.#borrowed.set(name, others)
    this.#borrowed.delete(name)
    if (this.#wants(name)) return
    for (const known of [this.#topics, this.#ids, this.#doubts]) known.delete(name)
    for (const [id, topic] of this.#formerIds) if (topic === name) this.#formerIds.delete(id)
  }

  /** From the next refresh on all topics of the cluster are known. */
  watchAll(): void {
    this.#watchesAll = true
    this.#askedAll = false
  }

  /** As of the last refresh; undefined where the topic was not watched then. */
  topic(name: string): Topic | undefined {
    return this.#topics.get(name)
  }

  /** The topic's id, as far as it has ever been told; '' where it has not. */
  idOf(topic: string): string {
    return this.#ids.get(topic) ?? ''
  }

  topics(): IterableIterator<Topic> {
    return this.#topics.values()
  }

  /** As of the last refresh; empty before. */
  get nodeIds(): readonly number[] {
    return [...this.#nodes.keys()]
  }

  /** As of the last refresh; undefined where there is no such broker. */
  addressOf(nodeId: number): Address | undefined {
    return this.#nodes.get(nodeId)
  }

  /** Why nothing can be read of the topic; null where it is there. */
  problemOf(topic: string): TopicProblem | null {
    const code = this.#topics.get(topic)?.errorCode ?? errorCodes.UNKNOWN_TOPIC_OR_PARTITION
    return code === 0 ? null : { why: wordsOf(code), isFinal: isFinalCode(code) }
  }

  /** Why the partition has no leader, as far as the last answer tells. */
  whyNoLeader(topic: string, partition: number): TopicProblem {
    const told =
      this.#topics.get(topic)?.partitions[partition]?.errorCode ?? errorCodes.UNKNOWN_TOPIC_OR_PARTITION
    const code = told === 0 ? errorCodes.LEADER_NOT_AVAILABLE : told
    return this.problemOf(topic) ?? { why: wordsOf(code), isFinal: isFinalCode(code) }
  }

  /** -1 where the partition has no leader, or is not known. */
  leaderOf(topic: string, partition: number): number {
    return this.#topics.get(topic)?.partitions[partition]?.leader ?? -1
  }

  /** Whether the broker at the address leads partitions of topics that are used. */
  #leads(where: string): boolean {
    for (const { partitions } of this.#topics.values())
      for (const { leader } of partitions) {
        const address = this.#nodes.get(leader)
        if (address !== undefined && whereOf(address) === where) return true
      }
    return false
  }

  /**
   * The broker asks to be left alone for a while (KIP-219). Gives until when it is, monotonic ms: not for longer than
   * `mostThrottleMs`, whatever it says.
   */
  noteThrottle(where: string, { throttleTimeMs }: { throttleTimeMs: number }): number {
    const { clock } = this.#system
    const ms = Math.min(throttleTimeMs, mostThrottleMs)
    const until = clock.monotonic() + ms
    this.#throttledUntil = Math.max(this.#throttledUntil, until)
    this.#throttled.raise(`Kafka broker ${where} has this client wait for ${ms} ms, because of a quota`)
    const over = () => {
      if (this.#throttledUntil <= until) this.#throttled.clear('no Kafka broker has this client wait')
    }
    clock.after(ms, over, { background: true })
    return until
  }

  /** A connection to a broker by its id. Rejects with PEER_UNREACHABLE where the id is not known. */
  connect(nodeId: number, purpose: Purpose): Promise<BrokerConnection> {
    const address = this.#nodes.get(nodeId)
    if (address === undefined)
      return Promise.reject(
        new Fault('PEER_UNREACHABLE', `broker ${nodeId} is not part of the cluster (any more)`),
      )
    return this.brokers.connect(address, purpose)
  }

  /**
   * Asks any broker: the likeliest first, the next one where it fails, and the next one as well where it is
   * silent. Gives the first answer. Rejects with PEER_UNREACHABLE, naming every broker that was tried.
   */
  ask<T>(ask: (connection: BrokerConnection) => Promise<T>): Promise<T> {
    const { clock } = this.#system
    const candidates = this.#candidates()
    return new Promise((resolve, reject) => {
      const problems: string[] = []
      let isOver = false
      let underWay = 0
      const next = (): void => {
        if (isOver) return
        const address = candidates.shift()
        // One that rests is waited for only where all of them do.
        if (address !== undefined && (problems.length === 0 || this.brokers.restMs(address) === 0))
          return void attempt(address)
        if (underWay > 0) return
        isOver = true
        reject(new Fault('PEER_UNREACHABLE', `no Kafka broker can be used: ${problems.join('; ')}`))
      }
      const attempt = async (address: Address) => {
        const where = whereOf(address)
        underWay++
        const hedge = clock.after(this.brokers.restMs(address) + hedgeMs, () => {
          if (isOver) return
          this.#silent.add(where)
          if (candidates.some(other => this.brokers.restMs(other) === 0)) next()
        })
        let isConnected = false
        try {
          const connection = await this.brokers.connect(address, 'metadata')
          isConnected = true
          const answer = await ask(connection)
          this.#silent.delete(where)
          this.#unanswered.clear('Kafka brokers answer questions about the cluster again')
          if (isOver) return
          isOver = true
          this.#askedLast = { where, at: clock.monotonic() }
          resolve(answer)
        } catch (error) {
          problems.push(messageOf(error))
          underWay--
          // That it cannot be connected to is a condition of its own.
          if (isConnected && !this.stopped.aborted)
            this.#unanswered.raise(`a question about the cluster is not answered: ${messageOf(error)}`)
          if (this.stopped.aborted && !isOver) {
            isOver = true
            reject(error as Error)
          }
          next()
        } finally {
          hedge.cancel()
        }
      }
      next()
    })
  }

  /**
   * All brokers and bootstrap servers, the likeliest to answer first: those that have a connection, then
   * others; the one whose answer was of no use, the silent ones and those that rest come last.
   */
  #candidates(): Address[] {
    const { clock, random } = this.#system
    const known = new Map<string, Address>()
    for (const address of [...this.#nodes.values(), ...this.#bootstrap]) known.set(whereOf(address), address)
    const isAgain = clock.monotonic() - this.#askedLast.at < againMs
    const rank = (where: string, address: Address) => {
      const restMs = this.brokers.restMs(address)
      if (restMs > 0) return 1_000 + restMs
      if (this.#silent.has(where)) return 100
      if (isAgain && this.#askedLast.where === where) return 10
      return this.brokers.hasOpen(address, 'metadata') ? 0 : 1 + random.next()
    }
    const ranked = [...known]
      .map(([where, address]) => ({ address, rank: rank(where, address) }))
      .sort((one, other) => one.rank - other.rank)
      .map(({ address }) => address)
    const given = new Set(this.#bootstrap.map(whereOf))
    const at = ranked.findIndex(address => given.has(whereOf(address)))
    if (at > mostBeforeBootstrap) ranked.splice(mostBeforeBootstrap, 0, ...ranked.splice(at, 1))
    return ranked
  }

  /** Asks for the metadata of all watched topics; calls that come meanwhile share the answer. Rejects when no broker answers. */
  refresh(): Promise<void> {
    if (this.#refreshing !== null)
      return this.#askedAll ? this.#refreshing : this.#refreshing.catch(() => {}).then(() => this.refresh())
    this.#refreshing = this.#refresh().finally(() => (this.#refreshing = null))
    return this.#refreshing
  }

  async #refresh(): Promise<void> {
    const askedAt = this.#system.clock.monotonic()
    let answer = await this.#askTopics()
    // What was read of a topic counts no more when its id is another: two answers in a row must tell it.
    const others = answer.topics.filter(one => this.#tellsOtherId(one))
    const told = new Map(others.map(({ name, topicId }) => [name, topicId]))
    if (told.size > 0) answer = await this.#askTopics()
    this.#take(answer, askedAt, one => !this.#tellsOtherId(one) || told.get(one.name) === one.topicId)
    this.brokers.judge()
    this.refreshedAt = this.#system.clock.monotonic()
  }

  #tellsOtherId({ name, topicId }: TopicAnswer): boolean {
    const last = this.#ids.get(name ?? '') ?? topicId
    return topicId !== zeroUuid && topicId !== last && !this.#formerIds.has(topicId)
  }

  #askTopics(): Promise<ResponseOf<typeof metadata>> {
    let topics: { name: string }[] | null | undefined
    return this.ask(async connection => {
      if (topics === undefined) {
        const names = new Set([...this.#watched, ...this.#borrowed.keys()])
        topics = this.#watchesAll ? null : [...names].map(name => ({ name }))
        this.#askedAll = true
      }
      // Before version 4 brokers decide alone.
      const allowed = this.#allowAutoTopicCreation || connection.versionOf(metadata) < 4
      const given = await connection.request(metadata, { topics, allowAutoTopicCreation: allowed })
      refuse(given.errorCode, `${connection.where} does not tell the topics`)
      if (given.brokers.length === 0)
        throw new Fault('KAFKA', `${connection.where} is starting: it does not know the cluster yet`)
      return given
    })
  }

  #take(
    answer: ResponseOf<typeof metadata>,
    askedAt: number,
    isBelieved: (topic: TopicAnswer) => boolean,
  ): void {
    this.#nodes.clear()
    for (const { nodeId, host, port } of answer.brokers)
      if (isPossible({ host, port })) this.#nodes.set(nodeId, { host, port })
    const impossible = answer.brokers.find(one => !isPossible(one))
    if (impossible === undefined)
      this.#impossible.clear('the addresses of all Kafka brokers can be used again')
    else
      this.#impossible.raise(
        `Kafka returns an address for broker ${impossible.nodeId} that cannot exist: ${JSON.stringify(whereOf(impossible))}`,
        { remedy: 'Correct advertised.listeners of that broker.' },
      )
    this.brokers.list([...this.#nodes.values(), ...this.#bootstrap])
    this.#controllerId = answer.controllerId
    this.clusterId = answer.clusterId ?? ''
    const named = new Set<string>()
    for (const topic of answer.topics)
      if (topic.name !== null && this.#wants(topic.name)) {
        named.add(topic.name)
        if (isBelieved(topic)) this.#takeTopic(topic.name, topic, askedAt)
      }
    if (!this.#watchesAll) return
    for (const name of this.#topics.keys())
      if (!named.has(name) && !this.#isDoubtful(name)) this.#topics.delete(name)
  }

  /** Not one that was watched for a while, which was over before the answer came. */
  #wants(name: string): boolean {
    return this.#watchesAll || this.#watched.has(name) || this.#borrowed.has(name)
  }

  #takeTopic(name: string, answer: TopicAnswer, askedAt: number): void {
    const { errorCode, isInternal, topicId } = answer
    const id = topicId === zeroUuid ? '' : topicId
    if (this.#formerIds.has(id) && this.#isDoubtful(name, idDoubtMs)) return
    this.#formerIds.delete(id)
    if (id !== '') {
      const last = this.#ids.get(name) ?? id
      if (last !== id) this.#formerIds.set(last, name)
      this.#ids.set(name, id)
    }
    const known = this.#topics.get(name)
    const isSame = known !== undefined && known.errorCode === 0 && (id === '' || known.id === id)
    const partitions = answer.partitions
      .map(({ partitionIndex: index, leaderId: leader, leaderEpoch, errorCode: code }) => ({
        index,
        leader,
        leaderEpoch,
        errorCode: code,
      }))
      .sort((one, other) => one.index - other.index)
    const isUnknown = errorCode === errorCodes.UNKNOWN_TOPIC_OR_PARTITION
    if (known?.errorCode === 0 && errorCode !== 0 && !isUnknown && kafkaError(errorCode).isRetriable) return
    // A broker that is starting may know a part of the partitions, or none: their number must not shrink.
    const isWhole = partitions.every((one, index) => one.index === index)
    const isLess = isUnknown ? known?.errorCode === 0 : isSame && partitions.length < known.partitions.length
    if ((isLess || (isSame && !isWhole)) && this.#isDoubtful(name)) return
    const isBehind =
      isSame && id !== '' && partitions.some((one, index) => isOlder(one, known.partitions[index]))
    const told = isBehind && this.#isDoubtful(name) ? newest(partitions, known.partitions) : partitions
    if (!isLess && !isBehind) this.#doubts.delete(name)
    this.#topics.set(name, {
      name,
      partitions: isWhole ? told : [],
      // A topic without partitions is not there yet either.
      errorCode:
        errorCode === 0 && !(isWhole && told.length > 0) ? errorCodes.LEADER_NOT_AVAILABLE : errorCode,
      isInternal,
      id,
      seenAt: askedAt,
    })
  }

  /** Whether it is too soon to believe that a topic, or a part of it, is gone. */
  #isDoubtful(name: string, forMs = doubtMs): boolean {
    const now = this.#system.clock.monotonic()
    const since = this.#doubts.get(name)
    if (since === undefined) this.#doubts.set(name, now)
    if (now - (since ?? now) < forMs) return true
    this.#doubts.delete(name)
    return false
  }

  /** The broker that creates topics. */
  async connectController(): Promise<BrokerConnection> {
    await this.refresh()
    const address = this.#nodes.get(this.#controllerId)
    return address === undefined
      ? this.ask(connection => Promise.resolve(connection))
      : this.brokers.connect(address, 'data')
  }

  /** Milliseconds to rest after `failures` failures in a row (retry.backoff.ms, retry.backoff.max.ms). */
  retryMs(failures: number): number {
    const { retryBackoffMs: firstMs, retryBackoffMaxMs: mostMs } = this.#settings
    return backoffMs(failures, { firstMs, mostMs }, this.#system.random)
  }

  /** Rests so long. Rejects with STOPPED. */
  async pause(failures: number, signal?: AbortSignal): Promise<void> {
    const either = signal === undefined ? this.stopped : AbortSignal.any([signal, this.stopped])
    if (!either.aborted) await this.#system.clock.sleep(this.retryMs(failures), either)
    if (either.aborted) throw new Fault('STOPPED', 'the Kafka client is stopping')
  }

  close(): void {
    this.brokers.close()
  }
}

/** A broker that lags behind tells of leaders that were: those of the later epoch count. */
const newest = (told: readonly Partition[], known: readonly Partition[]): Partition[] =>
  told.map((one, index) => (isOlder(one, known[index]) ? known[index]! : one))

const isOlder = (one: Partition, known: Partition | undefined): boolean =>
  known !== undefined && known.leaderEpoch > one.leaderEpoch
