// The consumer: membership in a group, positions, and polling what is fetched ahead.
//
//   assigned -> committed offsets; where there are none, by auto.offset.reset -> that choice is committed
//   -> fetching -> poll
//
// A position chosen by auto.offset.reset is committed before the first record is handed out: a consumer
// that is killed before its first commit would otherwise choose again, later, and skip what came between.
// Partitions that came into being while the group was reading start at their beginning, whatever
// auto.offset.reset says: none of their records was there to be skipped. Such a partition is one without a
// position in a topic of which the group has positions already, but for those of a group that has only
// just begun: its members choose at the same time. So what is committed in the generation in which a group
// begins says so in its metadata.
//
// A position counts in one topic, not in every topic of that name: where a topic was deleted and created
// again, which its id tells, the new one is read from its start. The id is committed with each position.
import { backoffMs } from '../../backoff.ts'
import { Fault, messageOf } from '../../errors.ts'
import { type Condition, looseConditions } from '../../observe/conditions.ts'
import { sparing } from '../../observe/sparing-log.ts'
import { Cluster, graceMs } from '../connection/cluster.ts'
import type { ClientSystem } from '../connection/connection.ts'
import { Fetcher } from './fetcher.ts'
import { Group } from './group.ts'
import {
  nameOf,
  type ConsumedRecord,
  type Consumer,
  type ConsumerOptions,
  type Position,
  type TopicPartition,
} from '../contract.ts'
import {
  type CommittedOffset,
  commitOffsets,
  earliest,
  fetchCommitted,
  latest,
  listAllEnds,
} from './offsets.ts'
import { OutOfRange } from './out-of-range.ts'
import { countsInTopic, hasBegunIn, noteOf, recreatedWarning } from './position-note.ts'
import { isFinal } from '../connection/refusal.ts'
import type { ConsumerSettings } from '../settings.ts'
import { countsIn, Subscription } from './subscription.ts'

/**
 * Brokers before 2.1 forget positions that have not been committed for a day. Looked at so often; what was
 * not committed since the last look is committed then, so at least hourly.
 */
const recommitMs = 1_800_000
/** How long the end waits for the group; the session of a member that is not heard of ends by itself. */
const closePatienceMs = 6_000
/** Commits that fail for less are not reported: that brokers are away, or the membership lost, is already. */
const untoldCommitsMs = 30_000
/** How often a topic that does not exist is looked for. */
const missingTopicMs = 2_000

interface Committed extends Position {
  readonly at: number
}

export class GroupConsumer implements Consumer {
  readonly #options: ConsumerOptions
  readonly #system: ClientSystem
  readonly #settings: ConsumerSettings
  readonly #cluster: Cluster
  readonly #subscription: Subscription
  readonly #fetcher: Fetcher
  readonly #group: Group
  readonly #stop = new AbortController()
  #keeping: Promise<void> | null = null
  readonly #committed = new Map<string, Committed>()
  /**
   * Chosen by auto.offset.reset and not known to be committed. Where the commit failed the next try, or
   * the next assignment, must not choose a later one and skip what came between.
   */
  readonly #chosen = new Map<string, number>()
  /** Commits under way, by partition. */
  readonly #committing = new Map<string, number>()
  /** Counts assignments: what was begun for an earlier one is dropped. */
  #epoch = 0
  /** The generation in which the group began, as far as is known here. */
  #begunIn = -1
  #watching: Promise<void> | null = null
  readonly #topicsMissing: Condition
  readonly #noPositions: Condition
  readonly #notCommitting: Condition

  constructor(options: ConsumerOptions) {
    const { settings, system, log, condition = looseConditions(system.clock, log) } = options
    if (settings.groupId === null) throw new Fault('KAFKA_FATAL', 'a consumer needs group.id')
    this.#options = options
    this.#system = system
    const spared = sparing(log, system.clock)
    const outOfRange = new OutOfRange({
      ...options,
      settings,
      log: spared,
      bounds: (one, onRefused) => this.#bounds(one, onRefused),
    })
    this.#settings = settings
    this.#cluster = new Cluster({
      system,
      log,
      condition,
      settings,
      allowAutoTopicCreation: settings.allowAutoCreateTopics,
    })
    this.#topicsMissing = condition('topics', { level: 'warn', graceMs })
    this.#noPositions = condition('positions', { level: 'warn', graceMs })
    this.#notCommitting = condition('commits', { level: 'warn', graceMs: untoldCommitsMs })
    this.#subscription = new Subscription(options.topics)
    this.#subscription.watchIn(this.#cluster)
    const cluster = this.#cluster
    this.#fetcher = new Fetcher({
      system,
      log,
      cluster,
      settings,
      condition,
      isHeld: () => this.#group.isDoubtful,
      resolveOutOfRange: ({ topic, partition }, offset, onRefused) =>
        outOfRange.resolve({ topic, partition }, offset, onRefused),
      onCut: cut => {
        spared.warn(
          `records ${cut.from}..${cut.to} of ${nameOf(cut)}, which were read here, are not in Kafka any more: a broker without them became leader (unclean.leader.election.enable)${this.#cluster.idOf(cut.topic) === '' ? ', or the topic was deleted and created again, which brokers before 2.8 do not tell' : ''}; going on at ${cut.from}, where others may stand now`,
        )
        options.onCut?.(cut)
      },
      onRecreated: ({ topic, partition }, { position, fetchOffset }) => {
        const one = { topic, partition }
        log.warn(recreatedWarning(one, position, fetchOffset))
        this.#committed.delete(nameOf(one))
        options.onRecreated?.(one)
        // Where it fails, positions of records that follow are committed.
        void this.commit([{ ...one, offset: 0 }]).catch(() => {})
      },
      recordLimits: options.recordLimits,
      onLeftOut: options.onLeftOut,
      recordOrigins: options.recordOrigins,
    })
    this.#group = new Group({
      system,
      log,
      condition,
      cluster,
      settings,
      topics: () => this.#subscription.topicsIn(cluster),
      countPartitions: async topics => {
        cluster.watch(topics)
        await cluster.refresh()
        return countsIn(cluster, topics)
      },
      onAssigned: partitions => void this.#assigned(partitions),
      onRevoked: partitions => this.#revoked(partitions),
      onLost: partitions => this.#lost(partitions),
      onCertain: () => this.#fetcher.wake(),
      onFault: fault => this.#fetcher.raise(fault),
    })
  }

  start(): void {
    this.#watching = this.#watch()
    this.#keeping = this.#keepPositions()
  }

  poll({ maxRecords, signal }: { maxRecords: number; signal: AbortSignal }): Promise<ConsumedRecord[]> {
    return this.#fetcher.poll(maxRecords, signal)
  }

  async commit(positions: readonly Position[]): Promise<void> {
    try {
      await this.#commit(positions)
      this.#notCommitting.clear('positions are committed again')
    } catch (error) {
      if (!this.#stop.signal.aborted)
        this.#notCommitting.raise(`positions are not committed: ${messageOf(error)}`, {
          remedy: 'They are committed as soon as that succeeds; until then a restart repeats records.',
          atOnce: isFinal(error),
        })
      throw error
    }
  }

  async #commit(positions: readonly Position[]): Promise<void> {
    if (positions.length === 0) return
    const mine = new Set(this.#group.partitions.map(nameOf))
    const foreign = positions.find(one => !mine.has(nameOf(one)))
    if (foreign !== undefined)
      throw new Fault(
        'KAFKA',
        `${nameOf(foreign)} has moved to another member of the group, which commits its position from now on`,
      )
    const { groupId, groupInstanceId } = this.#settings
    const epoch = this.#epoch
    const names = positions.map(nameOf)
    for (const name of names) this.#committing.set(name, (this.#committing.get(name) ?? 0) + 1)
    try {
      const begun = this.#begunIn === this.#group.generation ? this.#begunIn : -1
      const marked = positions.map(one => {
        const id = this.#fetcher.buffer(one)?.topicId || this.#cluster.idOf(one.topic)
        return { metadata: noteOf(begun, id), ...one }
      })
      await commitOffsets(this.#group, { groupId: groupId!, groupInstanceId, positions: marked })
    } finally {
      for (const name of names) this.#committing.set(name, this.#committing.get(name)! - 1)
    }
    for (const name of names) this.#chosen.delete(name)
    // An assignment since then has asked for the positions itself.
    if (epoch !== this.#epoch) return
    const at = this.#system.clock.monotonic()
    for (const one of positions) this.#committed.set(nameOf(one), { ...one, at })
  }

  pause(partitions: readonly TopicPartition[]): void {
    for (const one of partitions) {
      const buffer = this.#fetcher.buffer(one)
      if (buffer !== undefined) buffer.isPaused = true
    }
  }

  resume(partitions: readonly TopicPartition[]): void {
    for (const one of partitions) {
      const buffer = this.#fetcher.buffer(one)
      if (buffer !== undefined) buffer.isPaused = false
    }
    this.#fetcher.wake()
  }

  seek(position: Position): void {
    this.#fetcher.buffer(position)?.moveTo(position.offset)
    this.#fetcher.kick()
  }

  position(partition: TopicPartition): number | undefined {
    return this.#fetcher.buffer(partition)?.position
  }

  get assignment(): readonly TopicPartition[] {
    return this.#group.partitions
  }

  get clusterId(): string {
    return this.#cluster.clusterId
  }

  async close(): Promise<void> {
    this.#stop.abort()
    this.#fetcher.close()
    const patience = new AbortController()
    await Promise.race([this.#group.close(), this.#system.clock.sleep(closePatienceMs, patience.signal)])
    patience.abort()
    this.#cluster.close()
    await this.#watching
    await this.#keeping
  }

  /** Learns the topics, joins, and looks now and then whether the topics have changed. */
  async #watch(): Promise<void> {
    const { signal } = this.#stop
    let failures = 0
    let hasStarted = false
    while (!signal.aborted) {
      try {
        await this.#cluster.refresh()
        failures = 0
        this.#subscription.note(this.#cluster)
        this.#fetcher.kick()
        this.#judgeTopics()
        if (!hasStarted) this.#group.start()
        hasStarted = true
        const topics = this.#subscription.topicsIn(this.#cluster)
        this.#group.noteTopics(topics, countsIn(this.#cluster, this.#group.sharedTopics))
      } catch (error) {
        failures++
        this.#options.log.debug(`asking for the topics failed: ${messageOf(error)}`)
      }
      if (failures > 0) await this.#cluster.pause(failures, signal).catch(() => {})
      else {
        const isMissing = this.#subscription.problemIn(this.#cluster) !== null
        const ageMs = this.#settings.metadataMaxAgeMs
        await this.#system.clock.sleep(isMissing ? Math.min(missingTopicMs, ageMs) : ageMs, signal)
      }
    }
  }

  /** Says which of the topics cannot be read; the others are. */
  #judgeTopics(): void {
    const problem = this.#subscription.problemIn(this.#cluster)
    if (problem === null) return this.#topicsMissing.clear('all topics can be read')
    this.#topicsMissing.raise(problem.why, {
      remedy: 'Topics are looked for until they can be read; correct their names, or the rights of the user.',
      atOnce: problem.isFinal,
    })
  }

  /** Commits positions again that do not change; a commit that is under way already is not overtaken. */
  async #keepPositions(): Promise<void> {
    const { signal } = this.#stop
    const { clock, random } = this.#system
    let waitMs = recommitMs
    for (let failures = 0; ;) {
      await clock.sleep(waitMs, signal)
      if (signal.aborted) return
      const old = clock.monotonic() - recommitMs
      const isDue = (one: Committed) => one.at <= old && (this.#committing.get(nameOf(one)) ?? 0) === 0
      const due = [...this.#committed.values()].filter(isDue)
      try {
        if (due.length > 0 && this.#group.isStable) await this.commit(due)
        failures = 0
        waitMs = recommitMs
      } catch (error) {
        this.#options.log.debug(`positions were not committed again: ${messageOf(error)}`)
        waitMs = backoffMs(++failures, { firstMs: 1000, mostMs: 60_000 }, random)
      }
    }
  }

  async #assigned(partitions: readonly TopicPartition[]): Promise<void> {
    const epoch = ++this.#epoch
    this.#fetcher.remove(this.#fetcher.partitions)
    this.#committed.clear()
    this.#options.onAssigned?.(partitions)
    this.#noPositions.clear(`the positions of group ${this.#settings.groupId} are known`)
    if (partitions.length === 0) return
    for (let failures = 1; epoch === this.#epoch && !this.#stop.signal.aborted; failures++)
      try {
        const positions = await this.#findPositions(partitions)
        if (epoch !== this.#epoch) return
        this.#noPositions.clear(`the positions of group ${this.#settings.groupId} are known`)
        return this.#fetcher.add(positions)
      } catch (error) {
        if (this.#stop.signal.aborted || epoch !== this.#epoch) return
        this.#noPosition(messageOf(error), isFinal(error))
        if (error instanceof Fault && error.code === 'KAFKA_FATAL') this.#fetcher.raise(error)
        await this.#cluster.pause(failures, this.#stop.signal).catch(() => {})
      }
  }

  #noPosition(why: string, atOnce: boolean): void {
    this.#noPositions.raise(`group ${this.#settings.groupId} does not know where to read on: ${why}`, {
      remedy: 'Millrace retries until then.',
      atOnce,
    })
  }

  async #findPositions(partitions: readonly TopicPartition[]): Promise<Position[]> {
    const committed = await fetchCommitted(this.#group, this.#settings.groupId!, partitions)
    // Nobody knows when these were committed: they are committed again at the next look.
    const at = this.#system.clock.monotonic() - recommitMs
    const positions: Position[] = []
    const open: TopicPartition[] = []
    const isOfTopic = (one: TopicPartition) =>
      countsInTopic(committed.get(nameOf(one))?.metadata ?? '', this.#cluster.idOf(one.topic))
    // What is known here may be older than what has been committed.
    if (!partitions.every(one => committed.has(nameOf(one)) && isOfTopic(one))) await this.#cluster.refresh()
    for (const one of partitions) {
      const offset = committed.get(nameOf(one))?.offset
      if (offset === undefined) open.push(one)
      else if (!isOfTopic(one)) {
        if (!this.#chosen.has(nameOf(one))) this.#options.log.warn(recreatedWarning(one, offset, offset))
        this.#chosen.set(nameOf(one), 0)
        open.push(one)
      } else {
        this.#chosen.delete(nameOf(one))
        positions.push({ ...one, offset })
        this.#committed.set(nameOf(one), { ...one, offset, at })
      }
    }
    if (open.length === 0) return positions
    const known = open.filter(one => this.#chosen.has(nameOf(one)))
    const unknown = open.filter(one => !this.#chosen.has(nameOf(one)))
    const chosen = known.map(one => ({ ...one, offset: this.#chosen.get(nameOf(one))! }))
    if (unknown.length > 0) {
      const topicsInUse = await this.#topicsInUse(partitions, committed)
      const fresh = await this.#choosePositions(unknown, topicsInUse)
      for (const one of fresh) this.#chosen.set(nameOf(one), one.offset)
      chosen.push(...fresh)
    }
    await this.#commit(chosen)
    return [...positions, ...chosen]
  }

  /** Topics of which the group had positions before this generation, be it of another member's partitions. */
  async #topicsInUse(
    partitions: readonly TopicPartition[],
    committed: ReadonlyMap<string, CommittedOffset>,
  ): Promise<Set<string>> {
    const { generation } = this.#group
    const found = new Set<string>()
    const mine = new Set(partitions.map(nameOf))
    const others: TopicPartition[] = []
    for (const topic of new Set(partitions.map(one => one.topic))) {
      const count = this.#cluster.topic(topic)?.partitions.length ?? 0
      for (let partition = 0; partition < count; partition++)
        if (!mine.has(nameOf({ topic, partition }))) others.push({ topic, partition })
    }
    const theirs =
      others.length === 0
        ? new Map<string, CommittedOffset>()
        : await fetchCommitted(this.#group, this.#settings.groupId!, others)
    for (const one of [...partitions, ...others]) {
      const position = committed.get(nameOf(one)) ?? theirs.get(nameOf(one))
      if (position !== undefined && !hasBegunIn(position.metadata, generation)) found.add(one.topic)
    }
    // A topic that is new to a group at work is no beginning of it.
    if (found.size === 0 && !partitions.some(one => this.#isNew(one))) this.#begunIn = generation
    return found
  }

  async #choosePositions(
    partitions: readonly TopicPartition[],
    topicsInUse: ReadonlySet<string>,
  ): Promise<Position[]> {
    const { autoOffsetReset } = this.#settings
    const given = this.#options.initialPositions ?? new Map<string, number>()
    const known = partitions.filter(one => given.has(nameOf(one)))
    if (known.length > 0) {
      const rest = partitions.filter(one => !given.has(nameOf(one)))
      const positions = known.map(one => ({ ...one, offset: given.get(nameOf(one))! }))
      const taken = positions.map(one => `${nameOf(one)} from ${one.offset}`).join(', ')
      this.#options.log.info(
        `group ${this.#settings.groupId} takes over positions it had elsewhere: ${taken}`,
      )
      return rest.length === 0
        ? positions
        : [...positions, ...(await this.#choosePositions(rest, topicsInUse))]
    }
    const isFoundLater = (one: TopicPartition) => topicsInUse.has(one.topic) || this.#isNew(one)
    const fromStart = partitions.filter(one => autoOffsetReset === 'earliest' || isFoundLater(one))
    const fromEnd = partitions.filter(one => !fromStart.includes(one))
    if (autoOffsetReset === 'none' && fromEnd.length > 0)
      throw new Fault(
        'KAFKA_FATAL',
        `group ${this.#settings.groupId} has no position for ${fromEnd.map(nameOf).join(', ')}, and auto.offset.reset=none forbids to choose one: commit one, or write earliest or latest`,
      )
    const onRefused = (name: string, problem: string, isHopeless: boolean) =>
      this.#noPosition(`the offsets of ${name}: ${problem}`, isHopeless)
    const [starts, ends] = await Promise.all([
      this.#ends(fromStart, earliest, onRefused),
      this.#ends(fromEnd, latest, onRefused),
    ])
    const chosen = [...fromStart, ...fromEnd].map(one => ({
      ...one,
      offset: (starts.get(nameOf(one)) ?? ends.get(nameOf(one)))!,
    }))
    const text = chosen.map(one => `${nameOf(one)} from ${one.offset}`).join(', ')
    this.#options.log.info(`group ${this.#settings.groupId} has no position yet and begins: ${text}`)
    return chosen
  }

  #isNew(one: TopicPartition): boolean {
    return this.#subscription.isNew(one, this.#cluster.idOf(one.topic))
  }

  #ends(
    partitions: readonly TopicPartition[],
    end: typeof earliest | typeof latest,
    onRefused: (name: string, problem: string, isHopeless: boolean) => void,
  ): Promise<Map<string, number>> {
    const isolationLevel = this.#settings.readCommitted ? 1 : 0
    return listAllEnds(this.#cluster, partitions, end, {
      isolationLevel,
      signal: this.#stop.signal,
      onRefused,
    })
  }

  async #bounds(one: TopicPartition, onRefused: (problem: string, isHopeless: boolean) => void) {
    const tell = (_: string, problem: string, isHopeless: boolean) => onRefused(problem, isHopeless)
    const ends = await Promise.all([this.#ends([one], earliest, tell), this.#ends([one], latest, tell)])
    const [first, next] = ends.map(found => found.get(nameOf(one))!) as [number, number]
    return { first, next }
  }

  async #revoked(partitions: readonly TopicPartition[]): Promise<void> {
    // Nothing more of them is handed out; what was may still be committed.
    this.#epoch++
    this.#fetcher.remove(partitions)
    await this.#options.onRevoked?.(partitions)
    this.#forgetPositions()
  }

  #lost(partitions: readonly TopicPartition[]): void {
    this.#epoch++
    this.#fetcher.remove(partitions)
    this.#forgetPositions()
    this.#options.onLost?.(partitions)
  }

  /** Others commit them from now on. */
  #forgetPositions(): void {
    this.#committed.clear()
    this.#notCommitting.clear('positions that were not committed are those of other members now')
  }
}
