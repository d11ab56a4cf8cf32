// What the console shows of Kafka clusters. One look at a time serves every browser that asks within two seconds; a
// group's positions are asked for before the ends of its partitions, so that no lag is negative.
import { whereOf } from '../address.ts'
import { messageOf } from '../errors.ts'
import { createAdmin, type Admin } from '../kafka-client/kafka-client.ts'
import { nameOf, type Position } from '../kafka-client/contract.ts'
import type { TopicDescription } from '../kafka-client/admin/topics.ts'
import { Rate } from '../observe/rate.ts'
import { silentLogger } from '../observe/log.ts'
import type { ConnectionSettings } from '../kafka-client/settings.ts'
import type { ClientSystem } from '../kafka-client/connection/connection.ts'
import type { Brokers, Group, GroupRow, Groups, Messages, Topic, TopicRow, Topics } from './api.ts'
import { lookForMessages, type Question } from './messages.ts'
import { percentagesOf } from './percentages.ts'

const sharedMs = 2000
/** Kafka's names of the two ends of a partition. */
const ends = { earliest: -2, latest: -1 }
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
  readonly #admin: Admin
  readonly #system: ClientSystem
  readonly #settings: ConnectionSettings
  readonly #looks = new Map<string, { at: number; work: Promise<unknown> }>()
  readonly #rates = new Map<string, Rate>()
  readonly #lags = new Map<string, { at: number; lag: number }[]>()

  constructor({ name, settings }: ClusterOptions, system: ClientSystem) {
    this.name = name
    this.servers = settings.bootstrapServers.join(',')
    this.#system = system
    this.#settings = settings
    this.#admin = createAdmin({
      system,
      bootstrapServers: settings.bootstrapServers,
      settings,
      log: silentLogger,
    })
  }

  close(): void {
    this.#admin.close()
  }

  brokers(): Promise<Brokers> {
    return this.#shared('brokers', async () => {
      const [description, topics, bytes] = await Promise.all([
        this.#admin.brokers.describe(),
        this.#admin.topics.describe(),
        this.#admin.brokers.replicaBytes(),
      ])
      const partitions = topics.flatMap(topic => topic.partitions)
      return {
        takenAt: this.#now(),
        clusterId: description.clusterId,
        brokers: description.brokers.map(broker => ({
          ...broker,
          isController: broker.id === description.controllerId,
          leaders: partitions.filter(({ leader }) => leader === broker.id).length,
          replicas: partitions.filter(({ replicas }) => replicas.includes(broker.id)).length,
          bytes: sum(bytes.get(broker.id)?.values()),
        })),
      }
    })
  }

  topics(): Promise<Topics> {
    return this.#shared('topics', async () => {
      const { topics, rows } = await this.#topicRows()
      return { takenAt: this.#now(), topics: topics.map(rows) }
    })
  }

  /** Undefined where there is no such topic. */
  async topic(name: string): Promise<Topic | undefined> {
    const { topics, rows, first, next, bytes } = await this.#topicRows(name)
    const [topic] = topics
    if (topic === undefined) return undefined
    const [settings, groups] = await Promise.all([
      this.#admin.topics.settings([name]).catch(() => null),
      this.groups(),
    ])
    const of = (index: number, from: ReadonlyMap<string, number>) =>
      from.get(nameOf({ topic: name, partition: index })) ?? null
    return {
      takenAt: this.#now(),
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
      settings: settings?.get(name) ?? null,
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

  /** Undefined where there is no such topic or partition. */
  messages(question: Question): Promise<Messages | undefined> {
    const [admin, settings, system] = [this.#admin, this.#settings, this.#system]
    return lookForMessages(question, { admin, settings, system })
  }

  groups(): Promise<Groups> {
    return this.#shared('groups', async () => {
      const found = await this.#admin.groups.list()
      const looked = await Promise.all(found.map(({ id }) => this.#group(id)))
      return { takenAt: this.#now(), groups: looked.map(({ row }) => row) }
    })
  }

  /** Undefined where there is no such group. */
  async group(id: string): Promise<Group | undefined> {
    const group = await this.#shared(`group ${id}`, () => this.#group(id))
    return group.row.state === 'Dead' ? undefined : group
  }

  async #group(id: string): Promise<Group> {
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
        takenAt: this.#now(),
        row: { ...row, problem: messageOf(error) },
        assignor: '',
        coordinator: '',
        members: [],
        positions: [],
      }
    }
  }

  async #describeGroup(id: string): Promise<Group> {
    const description = await this.#admin.groups.describe(id)
    const committed = await this.#admin.groups.committed(id)
    const owned = description.members.flatMap(member =>
      member.partitions.map(partition => ({ partition, member })),
    )
    const owners = new Map(owned.map(({ partition, member }) => [nameOf(partition), member]))
    const positions = new Map<string, { topic: string; partition: number; committed: number | null }>()
    for (const { partition } of owned) positions.set(nameOf(partition), { ...partition, committed: null })
    for (const one of committed)
      positions.set(nameOf(one), { topic: one.topic, partition: one.partition, committed: one.offset })
    const known = [...positions.values()].sort(
      (one, other) => one.topic.localeCompare(other.topic) || one.partition - other.partition,
    )
    const last = await this.#endsOf(known, ends.latest)
    const lagOf = (one: { topic: string; partition: number; committed: number | null }) => {
      const end = last.get(nameOf(one))
      return end === undefined || one.committed === null ? null : Math.max(0, end - one.committed)
    }
    const lags = known.map(lagOf)
    const lag = totalOf(lags)
    const row: GroupRow = {
      id,
      state: description.state,
      members: description.members.length,
      topics: [...new Set(known.map(({ topic }) => topic))],
      lag,
      ...this.#trend(id, lag),
      problem: null,
    }
    return {
      takenAt: this.#now(),
      row,
      assignor: description.assignor,
      coordinator: `${whereOf(description.coordinator)} (${description.coordinator.nodeId})`,
      members: description.members.map(member => ({
        id: member.id,
        instanceId: member.instanceId,
        clientId: member.clientId,
        host: member.host.replace(/^\//, ''),
        partitions: member.partitions.length,
      })),
      positions: known.map((one, index) => ({
        ...one,
        end: last.get(nameOf(one)) ?? null,
        lag: lags[index]!,
        owner: owners.get(nameOf(one))?.clientId ?? null,
      })),
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
    const topics = (await this.#admin.topics.describe(name === undefined ? undefined : [name])).filter(
      // The answer to a question by name may be that there is none.
      topic => name === undefined || topic.partitions.length > 0 || topic.errorCode === 0,
    )
    const { brokers } = await this.#admin.brokers.describe()
    const partitions = topics.flatMap(topic =>
      topic.partitions.map(({ index }) => ({ topic: topic.name, partition: index })),
    )
    const [first, next, replicaBytes] = await Promise.all([
      name === undefined ? new Map<string, number>() : this.#endsOf(partitions, ends.earliest),
      this.#endsOf(partitions, ends.latest),
      this.#admin.brokers.replicaBytes(),
    ])
    const bytes = new Map<string, number>()
    for (const topic of topics)
      for (const { index, leader } of topic.partitions) {
        const key = nameOf({ topic: topic.name, partition: index })
        const size = replicaBytes.get(leader)?.get(key)
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
        perSecond: this.#topicRate(topic.name, offsets),
        percentages: percentagesOf(topic.partitions, brokers.length, 'replicas'),
        cmak: percentagesOf(topic.partitions, brokers.length, 'isr'),
      }
    }
    return { topics, rows, first, next, bytes }
  }

  #topicRate(topic: string, offsets: number | null): number | null {
    if (offsets === null) return null
    let rate = this.#rates.get(topic)
    if (rate === undefined) this.#rates.set(topic, (rate = new Rate()))
    rate.sample(offsets, this.#system.clock.monotonic())
    const perSecond = rate.perSecond
    if (perSecond === null || perSecond >= 0) return perSecond
    // A topic of the same name that was made again.
    this.#rates.delete(topic)
    return null
  }

  /** Of the partitions that have a leader and answer; the others are left out. */
  async #endsOf(
    partitions: readonly Pick<Position, 'topic' | 'partition'>[],
    end: number,
  ): Promise<Map<string, number>> {
    if (partitions.length === 0) return new Map()
    const topics = await this.#admin.topics.describe([...new Set(partitions.map(({ topic }) => topic))])
    const leaders = new Map(
      topics.flatMap(topic =>
        topic.partitions.map(({ index, leader }) => [
          nameOf({ topic: topic.name, partition: index }),
          leader,
        ]),
      ),
    )
    const led = partitions.filter(one => (leaders.get(nameOf(one)) ?? -1) >= 0)
    return led.length === 0 ? new Map() : this.#admin.offsets.at(led, end)
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

  #now(): number {
    return this.#system.clock.now()
  }
}

/** Null where none is known. */
function totalOf(values: readonly (number | null)[]): number | null {
  const known = values.filter(value => value !== null)
  return known.length === 0 ? null : known.reduce((total, value) => total + value, 0)
}

function sum(values: Iterable<number> | undefined): number | null {
  return values === undefined ? null : [...values].reduce((total, value) => total + value, 0)
}
