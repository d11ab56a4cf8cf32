// Membership of a consumer group: find the coordinator, join, share out (as the leader), receive what is
// ours, send heartbeats, and all over again when the group changes. Partitions are given back as a whole
// before joining again ("eager"), which every client of every age understands.
//
//   unjoined -> JoinGroup -> SyncGroup -> stable, with heartbeats -> (rebalance: revoke) -> JoinGroup ...
//                                            -> (thrown out: lost) -> JoinGroup ...
//
// Heartbeats run by their own timer, whether somebody polls or not.
import { Fault, messageOf } from '../../errors.ts'
import type { Condition, ConditionMaker } from '../../observe/conditions.ts'
import type { Logger } from '../../observe/log.ts'
import { errorCodes, kafkaError } from '../../wire/kafka/error-codes.ts'
import type { ClientApi, ResponseOf } from '../../wire/kafka/api.ts'
import { heartbeat } from '../../wire/kafka/messages/heartbeat.ts'
import { joinGroup } from '../../wire/kafka/messages/join-group.ts'
import { leaveGroup } from '../../wire/kafka/messages/leave-group.ts'
import { syncGroup } from '../../wire/kafka/messages/sync-group.ts'
import { assignors, type Assignment, type PartitionCounts } from './assignors.ts'
import { graceMs, type Broker, type Cluster } from '../connection/cluster.ts'
import type { ClientSystem } from '../connection/connection.ts'
import { findCoordinator } from '../connection/coordinator.ts'
import {
  checkAssigned,
  checkJoined,
  decodeAssignment,
  decodeSubscription,
  encodeAssignment,
  encodeStickyData,
  encodeSubscription,
} from './group-protocol.ts'
import type { TopicPartition } from '../contract.ts'
import { askAgainWhenLate } from './late-answer.ts'
import { isFinal, refuse, rejoinCodes, wordsOf, movedCodes } from '../connection/refusal.ts'
import type { ConsumerSettings } from '../settings.ts'

export interface GroupParts {
  readonly system: ClientSystem
  readonly log: Logger
  readonly condition: ConditionMaker
  readonly cluster: Cluster
  readonly settings: ConsumerSettings
  /** Topics to read as of now. */
  topics(): readonly string[]
  /** The topics and how many partitions they have, asked anew. */
  countPartitions(topics: readonly string[]): Promise<PartitionCounts>
  onAssigned(partitions: readonly TopicPartition[]): void
  /** Resolves when the partitions may go to others. */
  onRevoked(partitions: readonly TopicPartition[]): Promise<void>
  onLost(partitions: readonly TopicPartition[]): void
  /** The coordinator was silent for longer than a session and has answered: we still are a member. */
  onCertain(): void
  /** Something the user must know, such as a group that may not be used. */
  onFault(fault: Fault): void
}

/** A join that takes longer is reported: it lasts until the slowest member comes. */
const longJoinMs = 30_000
/** How long the end waits for the answer to LeaveGroup. */
const leavePatienceMs = 2_000

export class Group {
  memberId = ''
  generation = -1
  /** What is ours at the moment. */
  partitions: readonly TopicPartition[] = []
  readonly #parts: GroupParts
  readonly #groupId: string
  readonly #stop = new AbortController()
  #coordinator: Broker | null = null
  /** The last assignment, for the sticky assignor. */
  #had: { partitions: readonly TopicPartition[]; generation: number } = { partitions: [], generation: -1 }
  #isLeader = false
  /** The partitions of which the log says that they are read here. */
  #toldNames: string | null = null
  #joinedTopics = ''
  /** All topics of the group, and their partition counts, as the last assignment was made. */
  sharedTopics: readonly string[] = []
  #joinedCounts = ''
  /** Ends the sleep between heartbeats. */
  #nudge = new AbortController()
  #wantsRejoin: string | null = null
  #running: Promise<void> | null = null
  #isStable = false
  /** This member reads no more, and cannot by itself. */
  #isFenced = false
  readonly #notJoined: Condition
  /** Nothing is handed out any more: others may read the partitions by now. */
  readonly #unheard: Condition
  readonly #joining: Condition
  /** It was thrown out: joined is not well before a heartbeat is. */
  #wasLost = false
  #isInstanceIdIgnored = false
  #joinVersion = -1
  /** The broker asked not to be asked before, monotonic ms. */
  #restsUntil = 0
  /** When the coordinator last took us for a member, monotonic ms. */
  #heardAt = 0

  constructor(parts: GroupParts) {
    this.#parts = parts
    this.#groupId = parts.settings.groupId!
    const { sessionTimeoutMs } = parts.settings
    this.#notJoined = parts.condition('group', { level: 'warn', graceMs })
    this.#joining = parts.condition('joining', { level: 'warn', graceMs: longJoinMs })
    this.#unheard = parts.condition('heartbeats', { level: 'warn', graceMs: sessionTimeoutMs })
  }

  start(): void {
    this.#running = this.#run()
  }

  get isStable(): boolean {
    return this.#isStable
  }

  /**
   * The coordinator has been silent for so long that it may have given our partitions to others: what is
   * read now could not be committed, and would be read again.
   */
  get isDoubtful(): boolean {
    const { system, settings } = this.#parts
    return this.#isStable && system.clock.monotonic() - this.#heardAt > settings.sessionTimeoutMs
  }

  /** Joins again at the next moment, because of `reason`. */
  rejoin(reason: string): void {
    this.#wantsRejoin = reason
    this.#nudge.abort()
  }

  /** Compares with what the last assignment was made for. */
  noteTopics(topics: readonly string[], counts: PartitionCounts): void {
    if (!this.#isStable) return
    if (JSON.stringify(topics) !== this.#joinedTopics) this.rejoin('the topics to read have changed')
    else if (this.#isLeader && describe(counts, this.sharedTopics) !== this.#joinedCounts)
      this.rejoin('topics have more partitions now')
  }

  /** A request to the coordinator, which is looked for where it is not known. */
  async request<Q, S>(
    api: ClientApi<Q, S>,
    body: Q,
    extraTimeMs = 0,
    signal: AbortSignal = this.#stop.signal,
  ): Promise<S> {
    const { cluster } = this.#parts
    this.#coordinator ??= await findCoordinator(cluster, this.#groupId, signal, 'group', why =>
      this.#notJoined.raise(
        `group "${this.#groupId}" cannot be used, because its coordinator is not available: ${why}`,
      ),
    )
    try {
      const restMs = this.#restsUntil - this.#parts.system.clock.monotonic()
      if (restMs > 0) await this.#parts.system.clock.sleep(restMs, signal)
      const connection = await cluster.brokers.connect(this.#coordinator, 'group')
      this.#joinVersion = connection.versionOf(joinGroup)
      this.#checkInstanceId(this.#joinVersion)
      const answer = await connection.request(api, body, extraTimeMs)
      const { throttleTimeMs = 0 } = answer as { throttleTimeMs?: number }
      if (throttleTimeMs > 0) this.#restsUntil = cluster.noteThrottle(connection.where, { throttleTimeMs })
      return answer
    } catch (error) {
      this.#coordinator = null
      throw error
    }
  }

  #checkInstanceId(version: number): void {
    const { groupInstanceId } = this.#parts.settings
    if (groupInstanceId === null || version >= 5 || this.#isInstanceIdIgnored) return
    this.#isInstanceIdIgnored = true
    this.#parts.log.warn(
      `group.instance.id = ${groupInstanceId} has no effect: the broker is older than Kafka 2.3 and knows no static members`,
    )
  }

  /**
   * Looks for the coordinator again where an answer says that it is another. Where a commit is refused because
   * the group has gone on, the next heartbeat goes out now: what is read until then would be read again.
   */
  noteAnswer(code: number): void {
    if (movedCodes.has(code)) this.#coordinator = null
    if (this.#isStable && rejoinCodes.has(code)) this.#nudge.abort()
  }

  /** Gives the partitions back and leaves; static members stay until their session ends. */
  async close(): Promise<void> {
    this.#stop.abort()
    this.#nudge.abort()
    await this.#running
    if (this.memberId === '' || this.#coordinator === null) return
    if (this.#parts.settings.groupInstanceId !== null && !this.#isInstanceIdIgnored) return
    const { memberId } = this
    try {
      // Not on the group's connection: a JoinGroup may still be waiting there.
      const connection = await this.#parts.cluster.brokers.connect(this.#coordinator, 'data')
      const leaving = connection.versionOf(leaveGroup) >= 3 ? { members: [{ memberId }] } : { memberId }
      const answer = connection.request(leaveGroup, { groupId: this.#groupId, ...leaving })
      await Promise.race([answer, this.#parts.system.clock.sleep(leavePatienceMs)])
    } catch (error) {
      this.#parts.log.debug(`group ${this.#groupId} was not left: ${messageOf(error)}`)
    }
  }

  async #run(): Promise<void> {
    const { cluster, onFault } = this.#parts
    for (let failures = 0; !this.#stop.signal.aborted && !this.#isFenced;) {
      try {
        this.#joining.raise(`group "${this.#groupId}" is being joined, and nothing is read until it is`, {
          remedy: 'Its other members may be slow to join, or its coordinator does not answer.',
        })
        await this.#join().finally(() => this.#joining.clear(`group "${this.#groupId}" was waited for`))
        failures = 0
        await this.#serve()
      } catch (error) {
        if (this.#stop.signal.aborted || cluster.stopped.aborted) break
        if (this.#isFenced) break
        failures++
        if (error instanceof Fault && error.code === 'KAFKA_FATAL') onFault(error)
        this.#notJoined.raise(`group "${this.#groupId}" is not joined: ${messageOf(error)}`, {
          remedy: 'The client retries, and reads nothing until then.',
          atOnce: isFinal(error),
        })
        this.#parts.log.debug(`group ${this.#groupId}: ${messageOf(error)}`)
        await cluster.pause(failures, this.#stop.signal).catch(() => {})
      }
    }
    if (this.partitions.length > 0) await this.#revoke()
    this.#isStable = false
  }

  /**
   * A younger member goes by our group.instance.id. Joining again would fence that one in turn, and so on
   * without end: this one reads no more, and says so.
   */
  #fenced(): void {
    const { settings, condition } = this.#parts
    this.#isFenced = true
    condition('fenced').raise(
      `group "${this.#groupId}": another member with group.instance.id = ${settings.groupInstanceId} has taken over (FENCED_INSTANCE_ID). This member no longer reads`,
      { remedy: 'Give each member an id of its own and start this one again.' },
    )
  }

  #isFencing(code: number): boolean {
    return code === errorCodes.FENCED_INSTANCE_ID && this.#parts.settings.groupInstanceId !== null
  }

  async #join(): Promise<void> {
    const { settings, topics: currentTopics, onAssigned, log } = this.#parts
    const { groupInstanceId, sessionTimeoutMs, maxPollIntervalMs } = settings
    this.#wantsRejoin = null
    this.#nudge = new AbortController()
    if (this.#stop.signal.aborted) this.#nudge.abort()
    const topics = currentTopics()
    const body = (memberId: string) => ({
      groupId: this.#groupId,
      sessionTimeoutMs,
      rebalanceTimeoutMs: maxPollIntervalMs,
      memberId,
      groupInstanceId,
      protocolType: 'consumer',
      protocols: settings.assignors.map(name => {
        const userData =
          name === 'sticky' ? encodeStickyData(this.#had.partitions, this.#had.generation) : null
        return { name, metadata: encodeSubscription({ topics, userData }) }
      }),
    })
    let answer = await this.#askPatiently(joinGroup, body(this.memberId), maxPollIntervalMs + 5_000)
    if (answer.errorCode === errorCodes.MEMBER_ID_REQUIRED) {
      this.memberId = answer.memberId
      answer = await this.#askPatiently(joinGroup, body(this.memberId), maxPollIntervalMs + 5_000)
    }
    this.#check(answer.errorCode, 'join')
    checkJoined(this.memberId, answer)
    this.memberId = answer.memberId
    this.generation = answer.generationId
    this.#isLeader = answer.leader === answer.memberId
    const assignments = this.#isLeader ? await this.#shareOut(answer) : []
    const mine = await this.#sync(answer, assignments)
    // A static member that comes back is given what the group agreed on before.
    const isGivenItsOwn = this.#isLeader && groupInstanceId === null
    checkAssigned(
      mine,
      topics,
      isGivenItsOwn ? assignments.find(one => one.memberId === this.memberId) : null,
    )
    this.partitions = mine
    this.#had = { partitions: mine, generation: this.generation }
    this.#joinedTopics = JSON.stringify(topics)
    this.#isStable = true
    this.#isMember()
    const names = mine.map(({ topic, partition }) => `${topic}-${partition}`).join(' ')
    // Where the group is shared out again and again, each time alike, it is no news.
    const level = names === this.#toldNames ? 'debug' : 'info'
    this.#toldNames = names
    log[level](
      `group ${this.#groupId}, generation ${this.generation}: ${mine.length === 0 ? 'no partitions are' : `${names} ${mine.length === 1 ? 'is' : 'are'}`} read here`,
    )
    onAssigned(mine)
  }

  async #sync(
    joined: ResponseOf<typeof joinGroup>,
    assignments: { memberId: string; assignment: Buffer }[],
  ): Promise<TopicPartition[]> {
    const { groupInstanceId, maxPollIntervalMs } = this.#parts.settings
    const question = {
      groupId: this.#groupId,
      generationId: this.generation,
      memberId: this.memberId,
      groupInstanceId,
      protocolType: 'consumer',
      protocolName: joined.protocolName,
      assignments,
    }
    const answer = await this.#askPatiently(syncGroup, question, maxPollIntervalMs)
    this.#check(answer.errorCode, 'sync')
    return decodeAssignment(answer.assignment)
  }

  /** As the leader: what each member reads. */
  async #shareOut(joined: ResponseOf<typeof joinGroup>): Promise<{ memberId: string; assignment: Buffer }[]> {
    const members = joined.members.map(({ memberId, groupInstanceId, metadata }) => ({
      memberId,
      groupInstanceId,
      ...decodeSubscription(metadata),
    }))
    this.sharedTopics = [...new Set(members.flatMap(member => member.topics))].sort()
    const counts = await this.#parts.countPartitions(this.sharedTopics)
    this.#joinedCounts = describe(counts, this.sharedTopics)
    const assign = assignors[joined.protocolName as keyof typeof assignors]
    if (assign === undefined)
      throw new Fault(
        'PROTOCOL',
        `the group agreed on the assignor "${joined.protocolName}", which was not offered here`,
        { remedy: 'Let all members of the group offer the same assignors.' },
      )
    const assignment: Assignment = assign(members, counts)
    return [...assignment].map(([memberId, partitions]) => ({
      memberId,
      assignment: encodeAssignment(partitions),
    }))
  }

  /** Heartbeats until the group changes; then gives the partitions back. */
  async #serve(): Promise<void> {
    const { system, settings } = this.#parts
    for (;;) {
      await system.clock.sleep(settings.heartbeatIntervalMs, this.#nudge.signal)
      if (this.#stop.signal.aborted) return
      if (this.#wantsRejoin !== null) return this.#revoke()
      if (this.#nudge.signal.aborted) this.#nudge = new AbortController()
      const code = await this.#beat()
      if (code === errorCodes.REBALANCE_IN_PROGRESS) return this.#revoke()
      if (code !== 0) return this.#lose(code)
    }
  }

  /** Gives the partitions back; heartbeats go on meanwhile. */
  async #revoke(): Promise<void> {
    const { system, settings, onRevoked, log } = this.#parts
    const revoked = this.partitions
    const finished = new AbortController()
    let lostCode = 0
    const beating = (async () => {
      while (!finished.signal.aborted) {
        await system.clock.sleep(settings.heartbeatIntervalMs, finished.signal)
        if (finished.signal.aborted || this.#stop.signal.aborted) continue
        const code = await this.#beat()
        if (code === 0 || code === errorCodes.REBALANCE_IN_PROGRESS) continue
        lostCode = code
        return
      }
    })()
    // After this time the others go on without us.
    const late = system.clock.sleep(settings.maxPollIntervalMs, finished.signal)
    await Promise.race([
      onRevoked(revoked).catch((error: unknown) => log.warn('giving partitions back failed', error)),
      late,
      // Ends only by itself where the group has gone on without us: what is not committed stays so.
      beating,
    ])
    finished.abort()
    if (lostCode !== 0) return this.#lose(lostCode)
    this.partitions = []
    this.#isStable = false
    await beating
  }

  #lose(code: number): void {
    const { onLost } = this.#parts
    const lost = this.partitions
    this.partitions = []
    this.#isStable = false
    if (this.#isFencing(code)) this.#fenced()
    else
      this.#notJoined.raise(
        `group "${this.#groupId}": membership is lost (${wordsOf(code)}); joining again`,
        { atOnce: true },
      )
    this.#wasLost = true
    this.#resetMember(code)
    onLost(lost)
  }

  /** Kafka's error code; 0 also where the coordinator is away, which only time can tell. */
  async #beat(): Promise<number> {
    const { generation: generationId, memberId } = this
    const { groupInstanceId } = this.#parts.settings
    try {
      const answer = await this.request(heartbeat, {
        groupId: this.#groupId,
        generationId,
        memberId,
        groupInstanceId,
      })
      this.noteAnswer(answer.errorCode)
      if (answer.errorCode === 0) this.#heard()
      else if (kafkaError(answer.errorCode).isRetriable) this.#notHeard(wordsOf(answer.errorCode))
      return kafkaError(answer.errorCode).isRetriable ? 0 : answer.errorCode
    } catch (error) {
      this.#notHeard(messageOf(error))
      return 0
    }
  }

  #heard(): void {
    const wasDoubtful = this.isDoubtful
    this.#wasLost = false
    this.#isMember()
    if (wasDoubtful) this.#parts.onCertain()
  }

  /** The coordinator says so. */
  #isMember(): void {
    this.#heardAt = this.#parts.system.clock.monotonic()
    this.#unheard.clear(`the coordinator of group "${this.#groupId}" confirms heartbeats again`)
    if (!this.#wasLost) this.#notJoined.clear(`group "${this.#groupId}" is joined`)
  }

  #notHeard(why: string): void {
    this.#unheard.raise(
      `the coordinator of group "${this.#groupId}" confirms no heartbeat, and nothing is read until it does: ${why}`,
      { since: this.#heardAt },
    )
  }

  #resetMember(code: number): void {
    if (code === errorCodes.ILLEGAL_GENERATION) return
    this.memberId = ''
    this.generation = -1
  }

  #check(code: number, step: string): void {
    if (code === 0) return
    this.noteAnswer(code)
    if (code === errorCodes.UNKNOWN_MEMBER_ID || code === errorCodes.FENCED_INSTANCE_ID)
      this.#resetMember(code)
    if (this.#isFencing(code)) this.#fenced()
    if (code === errorCodes.INCONSISTENT_GROUP_PROTOCOL)
      throw new Fault(
        'KAFKA_FATAL',
        `INCONSISTENT_GROUP_PROTOCOL: its members use none of the assignors offered here (${this.#parts.settings.assignors.join(', ')}); have them offer one of range, roundrobin, sticky (partition.assignment.strategy), or use another group.id`,
      )
    refuse(code, `the coordinator refuses to ${step}`)
  }

  /** Before version 4 a member without an id would become another one with each question. */
  #askPatiently<Q, S>(api: ClientApi<Q, S>, body: Q, extraTimeMs: number): Promise<S> {
    const { cluster, system } = this.#parts
    const isSafe = () => this.memberId !== '' || this.#joinVersion >= 4
    const giveUp = () => isSafe() && cluster.brokers.giveUp(this.#coordinator, 'group')
    return askAgainWhenLate(system.clock, () => this.#abortable(this.request(api, body, extraTimeMs)), giveUp)
  }

  /** Does not wait for the answer once close was called. */
  #abortable<T>(answer: Promise<T>): Promise<T> {
    const { signal } = this.#stop
    return new Promise((resolve, reject) => {
      const abort = () => reject(new Fault('STOPPED', 'the Kafka consumer is stopping'))
      if (signal.aborted) abort()
      else signal.addEventListener('abort', abort, { once: true })
      const forget = () => signal.removeEventListener('abort', abort)
      answer.then(
        value => {
          forget()
          resolve(value)
        },
        (error: unknown) => {
          forget()
          reject(error as Error)
        },
      )
    })
  }
}

const describe = (counts: PartitionCounts, topics: readonly string[]) =>
  JSON.stringify(topics.map(topic => counts.get(topic) ?? 0))
