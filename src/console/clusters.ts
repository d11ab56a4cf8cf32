// What the console shows of Kafka clusters. One look at a time serves every browser that asks within two seconds; a
// group's positions are asked for before the ends of its partitions, so that no lag is negative.
import { whereOf } from '../address.ts'
import { messageOf } from '../errors.ts'
import { createAdmin, type Admin } from '../kafka-client/kafka-client.ts'
import { byTopic, nameOf } from '../kafka-client/contract.ts'
import { earliest, latest } from '../kafka-client/consumer/offsets.ts'
import { replicaBytes } from '../kafka-client/admin/brokers.ts'
import { groupPositions, ledPartitions } from '../kafka-client/admin/group-positions.ts'
import type { TopicDescription } from '../kafka-client/admin/topics.ts'
import { Rates } from '../observe/rate.ts'
import { silentLogger } from '../observe/log.ts'
import type { ConnectionSettings } from '../kafka-client/settings.ts'
import type { ClientSystem } from '../kafka-client/connection/connection.ts'
import type { Brokers, Group, GroupRow, Groups, Topic, TopicRow, Topics } from './api.ts'
import type { Source } from './messages/scan.ts'
import { percentagesOf } from './percentages.ts'

const sharedMs = 2000
/** A group's lag within this time tells how it grows. */
const trendMs = 60_000

export interface ClusterOptions {
  readonly name: string
  readonly settings: ConnectionSettings
}

/** Calls reject with what Admin rejects with. */
export class KafkaCluster {
  readonly name: string
  readonly servers: string
  readonly admin: Admin
  readonly #system: ClientSystem
  readonly #settings: ConnectionSettings
  readonly #looks = new Map<string, { at: number; work: Promise<unknown> }>()
  readonly #rates = new Rates()
  readonly #lags = new Map<string, { at: number; lag: number }[]>()

  constructor({ name, settings }: ClusterOptions, system: ClientSystem) {
    this.name = name
    this.servers = settings.bootstrapServers.join(',')
    this.#system = system
    this.#settings = settings
    this.admin = createAdmin({
      system,
      bootstrapServers: settings.bootstrapServers,
      settings,
      log: silentLogger,
    })
  }

  close(): void {
    this.admin.close()
  }

  /** Something was changed: the next look is a new one. */
  forget(): void {
    this.#looks.clear()
  }

  get takenAt(): number {
    return this.#system.clock.now()
  }

  brokers(): Promise<Brokers> {
    return this.#shared('brokers', async () => {
      const [description, topics, directories] = await Promise.all([
        this.admin.brokers.describe(),
        this.admin.topics.describe(),
        this.admin.brokers.logDirectories(),
      ])
      const partitions = topics.flatMap(topic => topic.partitions)
      return {
        takenAt: this.takenAt,
        clusterId: description.clusterId,
        brokers: description.brokers.map(broker => ({
          ...broker,
          isController: broker.id === description.controllerId,
          leaders: partitions.filter(({ leader }) => leader === broker.id).length,
          replicas: partitions.filter(({ replicas }) => replicas.includes(broker.id)).length,
          bytes: totalOf((directories.get(broker.id) ?? []).flatMap(one => [0, ...one.replicas.values()])),
          directories:
            directories.get(broker.id)?.map(({ replicas, ...one }) => ({
              ...one,
              replicas: replicas.size,
              bytes: totalOf([0, ...replicas.values()])!,
            })) ?? null,
        })),
      }
    })
  }

  topics(): Promise<Topics> {
    return this.#shared('topics', async () => {
      const { topics, rows } = await this.#topicRows()
      return { takenAt: this.takenAt, topics: topics.map(rows) }
    })
  }

  /** Undefined where there is no such topic. */
  async topic(name: string): Promise<Topic | undefined> {
    const { topics, rows, first, next, bytes } = await this.#topicRows(name)
    const [topic] = topics
    if (topic === undefined) return undefined
    const [settings, groups] = await Promise.all([
      this.admin.topics.settings([name]).catch(() => null),
      this.groups(),
    ])
    const of = (index: number, from: ReadonlyMap<string, number>) =>
      from.get(nameOf({ topic: name, partition: index })) ?? null
    return {
      takenAt: this.takenAt,
      row: rows(topic),
      partitions: topic.partitions.map(partition => ({
        index: partition.index,
        leader: partition.leader,
        replicas: [...partition.replicas],
        isr: [...partition.isr],
        first: of(partition.index, first),
        next: of(partition.index, next),
        bytes: of(partition.index, bytes),
      })),
      settings:
        settings
          ?.get(name)
          ?.map(({ name: key, value, source, isSensitive }) => ({ name: key, value, source, isSensitive })) ??
        null,
      groups: await Promise.all(
        groups.groups
          .filter(({ topics: read }) => read.includes(name))
          .map(async ({ id }) => {
            const positions = (await this.group(id))?.positions.filter(one => one.topic === name) ?? []
            return { id, lag: totalOf(positions.map(({ lag }) => lag)) }
          }),
      ),
    }
  }

  /** What messages are read through. */
  get source(): Source {
    return { admin: this.admin, settings: this.#settings, system: this.#system }
  }

  groups(): Promise<Groups> {
    return this.#shared('groups', async () => {
      const found = await this.admin.groups.list()
      const looked = await Promise.all(found.map(({ id }) => this.#group(id)))
      return { takenAt: this.takenAt, groups: looked.map(({ row }) => row) }
    })
  }

  /** Undefined where there is no such group. */
  async group(id: string): Promise<Group | undefined> {
    const group = await this.#group(id)
    return group.row.state === 'Dead' ? undefined : group
  }

  #group(id: string): Promise<Group> {
    return this.#shared(`group ${id}`, () => this.#lookAtGroup(id))
  }

  async #lookAtGroup(id: string): Promise<Group> {
    try {
      return await this.#describeGroup(id)
    } catch (error) {
      // One coordinator that is away does not hide the other groups.
      const row = {
        id,
        state: '',
        members: null,
        topics: [],
        lag: null,
        lagPerSecond: null,
        drainsInSeconds: null,
      }
      return {
        takenAt: this.takenAt,
        row: { ...row, problem: messageOf(error) },
        assignor: '',
        coordinator: '',
        members: [],
        positions: [],
      }
    }
  }

  async #describeGroup(id: string): Promise<Group> {
    const description = await this.admin.groups.describe(id)
    const positions = (await groupPositions(this.admin, description)).map(({ member, ...one }) => ({
      ...one,
      lag: one.end === null || one.committed === null ? null : Math.max(0, one.end - one.committed),
      owner: member?.clientId ?? null,
    }))
    const lag = totalOf(positions.map(one => one.lag))
    const row: GroupRow = {
      id,
      state: description.state,
      members: description.members.length,
      topics: [...new Set(positions.map(({ topic }) => topic))],
      lag,
      ...this.#trend(id, lag),
      problem: null,
    }
    return {
      takenAt: this.takenAt,
      row,
      assignor: description.assignor,
      coordinator: `${whereOf(description.coordinator)} (${description.coordinator.nodeId})`,
      members: description.members.map(member => ({
        id: member.id,
        instanceId: member.instanceId,
        clientId: member.clientId,
        host: member.host.replace(/^\//, ''),
        assigned: byTopic(member.partitions).map(([topic, list]) => ({
          topic,
          partitions: list.map(({ partition }) => partition).sort((one, other) => one - other),
        })),
      })),
      positions,
    }
  }

  #trend(id: string, lag: number | null): Pick<GroupRow, 'lagPerSecond' | 'drainsInSeconds'> {
    const at = this.#system.clock.monotonic()
    const points = (this.#lags.get(id) ?? []).filter(point => at - point.at <= trendMs)
    if (lag !== null) points.push({ at, lag })
    this.#lags.set(id, points)
    const [first] = points
    if (lag === null || first === undefined || at - first.at < 2000)
      return { lagPerSecond: null, drainsInSeconds: null }
    const change = lag - first.lag
    // What is being read at the moment is no trend.
    const perSecond = Math.abs(change) < Math.max(10, 0.01 * lag) ? 0 : (change * 1000) / (at - first.at)
    return { lagPerSecond: perSecond, drainsInSeconds: perSecond < 0 && lag > 0 ? lag / -perSecond : null }
  }

  async #topicRows(name?: string) {
    const topics = (await this.admin.topics.describe(name === undefined ? undefined : [name])).filter(
      // The answer to a question by name may be that there is none.
      topic => name === undefined || topic.partitions.length > 0 || topic.errorCode === 0,
    )
    const partitions = ledPartitions(topics)
    const [{ brokers }, first, next, directories] = await Promise.all([
      this.admin.brokers.describe(),
      this.admin.offsets.at(name === undefined ? [] : partitions, earliest),
      this.admin.offsets.at(partitions, latest),
      this.admin.brokers.logDirectories(),
    ])
    const now = this.#system.clock.monotonic()
    const bytes = new Map<string, number>()
    for (const topic of topics)
      for (const { index, leader } of topic.partitions) {
        const key = nameOf({ topic: topic.name, partition: index })
        const size = replicaBytes(directories.get(leader), key)
        if (size !== undefined) bytes.set(key, size)
      }
    const rows = (topic: TopicDescription): TopicRow => {
      const keys = topic.partitions.map(({ index }) => nameOf({ topic: topic.name, partition: index }))
      const offsets = totalOf(keys.map(key => next.get(key) ?? null))
      return {
        name: topic.name,
        isInternal: topic.isInternal,
        problem: topic.errorCode === 0 ? null : `Kafka's error ${topic.errorCode}`,
        partitions: topic.partitions.length,
        replicas: Math.max(0, ...topic.partitions.map(({ replicas }) => replicas.length)),
        offline: topic.partitions.filter(({ leader }) => leader < 0).length,
        bytes: totalOf(keys.map(key => bytes.get(key) ?? null)),
        offsets,
        perSecond: offsets === null ? null : this.#rates.sample(topic.name, offsets, now),
        percentages: percentagesOf(topic.partitions, brokers.length, 'replicas'),
        cmak: percentagesOf(topic.partitions, brokers.length, 'isr'),
      }
    }
    return { topics, rows, first, next, bytes }
  }

  #shared<T>(key: string, look: () => Promise<T>): Promise<T> {
    const at = this.#system.clock.monotonic()
    for (const [other, known] of this.#looks) if (at - known.at >= sharedMs) this.#looks.delete(other)
    const known = this.#looks.get(key)
    if (known !== undefined) return known.work as Promise<T>
    const work = look()
    this.#looks.set(key, { at, work })
    // A failure is told to who waits, and not to those who come later.
    work.catch(() => this.#looks.delete(key))
    return work
  }
}

/** Null where none is known. */
function totalOf(values: readonly (number | null)[]): number | null {
  const known = values.filter(value => value !== null)
  return known.length === 0 ? null : known.reduce((total, value) => total + value, 0)
}
