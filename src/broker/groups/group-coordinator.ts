// The groups of the broker, by id: members live in memory, positions in the offset store. After a start
// members have to join again; their positions are where they were.
import { FormatError } from '../../wire/kafka/format-error.ts'
import { offsetsTopicName } from '../../wire/kafka/messages/offsets-topic.ts'
import { Fault, messageOf } from '../../errors.ts'
import type { Logger } from '../../observe/log.ts'
import type { Timer } from '../../system/clock.ts'
import type { System } from '../../system/system.ts'
import type { BrokerSettings } from '../broker-settings.ts'
import type { TopicCatalog } from '../topic-catalog.ts'
import { Group } from './group.ts'
import { OffsetStore } from './offset-store.ts'

const sweepEvery = 1000

const offsetsTopicSettings = ({ offsetsTopicSegmentBytes }: BrokerSettings) => ({
  'cleanup.policy': 'compact',
  'compression.type': 'producer',
  'segment.bytes': String(offsetsTopicSegmentBytes),
})

export class GroupCoordinator {
  readonly offsets: OffsetStore
  readonly #topics: TopicCatalog
  readonly #system: System
  readonly #log: Logger
  readonly #settings: BrokerSettings
  readonly #groups = new Map<string, Group>()
  #ageTimer: Timer | null = null
  /** Number of groups at which idle ones are let go. */
  #sweepAt = sweepEvery

  constructor(system: System, log: Logger, settings: BrokerSettings, topics: TopicCatalog) {
    this.#topics = topics
    this.offsets = new OffsetStore(
      async () => (await topics.create(offsetsTopicName, 1, offsetsTopicSettings(settings))).partitions[0]!,
      () => system.clock.now(),
    )
    this.#system = system
    this.#log = log
    this.#settings = settings
  }

  /** After the topics: positions are records of one. Rejects with STATE_MISSING: without them groups would begin anew. */
  async open(): Promise<void> {
    const log = this.#topics.partition(offsetsTopicName, 0)
    const unreadable = (why: Error): Fault =>
      new Fault('STATE_MISSING', `the positions of all groups cannot be read: ${messageOf(why)}`, {
        cause: why,
        remedy: why instanceof Fault ? why.remedy : undefined,
      })
    const why = log?.isDamaged === true ? log.failure : null
    if (why !== null) throw unreadable(why)
    await this.offsets.open(log).catch((error: unknown) => {
      throw error instanceof FormatError ? unreadable(error) : error
    })
    this.#watchAge()
  }

  #watchAge(): void {
    const { offsetsRetentionCheckIntervalMs } = this.#settings
    const look = () =>
      void this.#forgetOld()
        .catch((error: unknown) => this.#log.error('positions of groups', error))
        .finally(() => {
          if (this.#ageTimer !== null) this.#watchAge()
        })
    this.#ageTimer = this.#system.clock.after(offsetsRetentionCheckIntervalMs, look, { background: true })
  }

  /** Positions of groups nobody has been in for `offsets.retention.minutes` (KIP-211), and groups that are left without any. */
  async #forgetOld(): Promise<void> {
    const before = this.#system.clock.now() - this.#settings.offsetsRetentionMs
    for (const id of this.offsets.groups) {
      const group = this.#groups.get(id)
      if (group?.isIdle !== false) this.offsets.dropEmpty(id)
      if (group !== undefined && (!group.isIdle || group.emptySince >= before)) continue
      const isPending = this.offsets.pendingIn(id)
      const old = this.offsets
        .of(id)
        .filter(one => one.committedAt < before && !isPending(one.topic, one.partition))
      await this.offsets.forget(
        id,
        old.map(({ topic, partition }) => [topic, partition] as const),
      )
      this.offsets.dropEmpty(id)
    }
    for (const [id, group] of this.#groups) if (group.isIdle && !this.offsets.has(id)) this.#groups.delete(id)
  }

  get(id: string): Group | undefined {
    return this.#groups.get(id)
  }

  /** Made where it is not there yet. */
  getOrCreate(id: string): Group {
    let group = this.#groups.get(id)
    if (group === undefined) {
      if (this.#groups.size >= this.#sweepAt) this.#sweep()
      group = new Group({
        clock: this.#system.clock,
        id,
        maxSize: this.#settings.groupMaxSize,
        initialDelayMs: this.#settings.groupInitialRebalanceDelayMs,
        newMemberId: prefix => `${prefix}-${this.#system.random.uuid()}`,
      })
      this.#groups.set(id, group)
    }
    return group
  }

  /** Groups nobody is in need no memory: their positions are in the offset store. */
  #sweep(): void {
    for (const [id, group] of this.#groups) if (group.isIdle) this.#groups.delete(id)
    this.#sweepAt = Math.max(sweepEvery, this.#groups.size * 2)
  }

  /** Ids of all groups: those with members, those with positions, and those that have had either since the last look. */
  get ids(): string[] {
    return [...new Set([...this.#groups.keys(), ...this.offsets.groups])].filter(id => this.has(id))
  }

  has(id: string): boolean {
    const group = this.#groups.get(id)
    return this.offsets.has(id) || (group !== undefined && (group.hasBegun || !group.isIdle))
  }

  /** The group's positions and the group itself; it must have no members. */
  async delete(id: string): Promise<void> {
    this.#groups.get(id)?.close('GROUP_ID_NOT_FOUND')
    this.#groups.delete(id)
    await this.offsets.deleteGroup(id)
  }

  /** A topic made anew under the name must not inherit positions. */
  async forgetTopic(topic: string): Promise<void> {
    await this.offsets.deleteTopic(topic)
  }

  /** Answers everybody who waits; to be called before connections are closed. */
  stop(): void {
    this.#ageTimer?.cancel()
    this.#ageTimer = null
    for (const group of this.#groups.values()) group.close('COORDINATOR_NOT_AVAILABLE')
    this.#groups.clear()
  }
}
