// What the console shows of Kafka clusters. One look at a time serves every browser that asks within two seconds; a
// group's positions are asked for before the ends of its partitions, so that no lag is negative.
import { whereOf } from '../address.ts'
import { Fault, messageOf } from '../errors.ts'
import { createAdmin, type Admin } from '../kafka-client/kafka-client.ts'
import { byTopic, nameOf } from '../kafka-client/contract.ts'
import { earliest, latest } from '../kafka-client/consumer/offsets.ts'
import { replicaBytes } from '../kafka-client/admin/brokers.ts'
import {
  groupPositions,
  ledPartitions,
  positionsOf,
  type GroupPosition,
} from '../kafka-client/admin/group-positions.ts'
import type { GroupDescription } from '../kafka-client/admin/groups.ts'
import type { TopicDescription } from '../kafka-client/admin/topics.ts'
import { Rates } from '../observe/rate.ts'
import { silentLogger } from '../observe/log.ts'
import type { ConnectionSettings } from '../kafka-client/settings.ts'
import type { ClientSystem } from '../kafka-client/connection/connection.ts'
import type { Timer } from '../system/clock.ts'
import type { Brokers, BrokerTopics, Group, Groups, Topic, TopicRow, Topics } from './api.ts'
import { brokersOf, brokerTopicsOf, EndRates, totalOf } from './broker-views.ts'
import { LagHistory } from './lag-history.ts'
import type { Source } from './messages/scan.ts'
import { Reassignments } from './reassignment.ts'
import { percentagesOf } from './percentages.ts'

const sharedMs = 2000
/** A broker that does not answer within this time is left out. */
const brokerMs = 10_000
/** How often the lag of all groups is looked at; the rest is so many times what a look takes. */
const sampleMs = 10_000
const mostSampleMs = 60_000
const sampleRest = 20

export interface ClusterOptions {
  readonly name: string
  readonly settings: ConnectionSettings
}

/** Calls reject with what Admin rejects with. */
export class KafkaCluster {
  readonly name: string
  readonly servers: string
  readonly admin: Admin
  readonly reassignments: Reassignments
  readonly #system: ClientSystem
  readonly #settings: ConnectionSettings
  readonly #looks = new Map<string, { until: number; work: Promise<unknown> }>()
  readonly #rates = new Rates()
  readonly #endRates = new EndRates()
  readonly #lags = new LagHistory()
  #sampling: Timer | null = null
  #isClosed = false

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
    this.reassignments = new Reassignments(this.admin, system.clock)
  }

  close(): void {
    this.#isClosed = true
    this.#sampling?.cancel()
    this.reassignments.close()
    this.admin.close()
  }

  /** Something was changed: the next look is a new one. */
  forget(): void {
    this.#looks.clear()
  }

  get takenAt(): number {
    return this.#system.clock.now()
  }

  async brokers(): Promise<Brokers> {
    const { takenAt, look } = await this.#everything()
    return { takenAt, ...brokersOf(look) }
  }

  /** The topics of one broker. */
  async brokerTopics(id: number): Promise<BrokerTopics> {
    const { takenAt, look } = await this.#everything()
    return { takenAt, topics: brokerTopicsOf(id, look) }
  }

  async topics(): Promise<Topics> {
    const { takenAt, look, rows } = await this.#everything()
    return { takenAt, topics: look.topics.map(rows) }
  }

  #everything() {
    return this.#shared('topics', async () => ({ takenAt: this.takenAt, ...(await this.#topicRows()) }))
  }

  /** Undefined where there is no such topic. */
  async topic(name: string): Promise<Topic | undefined> {
    const { look, rows, first, next, bytes } = await this.#topicRows(name)
    const [topic] = look.topics
    if (topic === undefined) return undefined
    const [settings, { groups }] = await Promise.all([
      this.admin.topics.settings([name]).catch(() => null),
      this.#allGroups(),
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
      groups: [...groups].flatMap(([id, { positions }]) => {
        const here = positions.filter(one => one.topic === name)
        return here.length === 0 ? [] : [{ id, lag: totalOf(here.map(({ lag }) => lag)) }]
      }),
    }
  }

  /** What messages are read through. */
  get source(): Source {
    return { admin: this.admin, settings: this.#settings, system: this.#system }
  }

  async groups(): Promise<Groups> {
    const { takenAt, groups, problems } = await this.#allGroups()
    return { takenAt, groups: [...groups.values()].map(({ row }) => row), problems }
  }

  /** Undefined where there is no such group. */
  group(id: string): Promise<Group | undefined> {
    return this.#shared(`group ${id}`, async () => {
      const description = await this.admin.groups.describe(id)
      if (description.state === 'Dead') return undefined
      const positions = await groupPositions(this.admin, description)
      return this.#groupOf(description, positions, true)
    })
  }

  /** Samples the lag of all groups until it is closed: the more slowly, the longer a look takes. */
  start(): void {
    const { clock } = this.#system
    const look = async () => {
      const begun = clock.monotonic()
      await this.#allGroups().catch(() => {})
      const tookMs = clock.monotonic() - begun
      const restMs = Math.min(mostSampleMs, Math.max(sampleMs, sampleRest * tookMs))
      if (!this.#isClosed) this.#sampling = clock.after(restMs, () => void look(), { background: true })
    }
    void look()
  }

  #allGroups(): Promise<{ takenAt: number; groups: ReadonlyMap<string, Group>; problems: string[] }> {
    return this.#shared('groups', async () => {
      const { groups: listed, faults } = await this.admin.groups.known(brokerMs)
      const looks = await this.admin.groups.look(listed, brokerMs)
      const there = [...looks].flatMap(([id, one]) => (one instanceof Fault ? [] : [{ id, one }]))
      const positions = await positionsOf(
        this.admin,
        there.map(({ one }) => one),
      )
      const positionsById = new Map(there.map(({ id }, index) => [id, positions[index]!]))
      const groups = new Map<string, Group>()
      for (const { id, type } of listed) {
        const look = looks.get(id)!
        if (look instanceof Fault) groups.set(id, this.#unknown(id, messageOf(look)))
        else if (look.state !== 'Dead') groups.set(id, this.#groupOf(look, positionsById.get(id)!, false))
        else if (type !== 'classic' && type !== 'consumer' && type !== '')
          groups.set(
            id,
            this.#unknown(id, `it is a ${type} group, whose members and positions are not shown`),
          )
      }
      // Of brokers that are away the groups are not known.
      if (faults.size === 0) this.#lags.keep(new Set(groups.keys()))
      const problems = [...faults.values()].map(
        fault => `the groups of one broker are missing: ${messageOf(fault)}`,
      )
      return { takenAt: this.takenAt, groups, problems }
    })
  }

  /** A group that one coordinator does not answer for does not hide the others. */
  #unknown(id: string, problem: string): Group {
    const none = {
      state: '',
      members: null,
      topics: [],
      lag: null,
      lagPerSecond: null,
      drainsInSeconds: null,
    }
    return {
      takenAt: this.takenAt,
      row: { id, ...none, problem },
      assignor: '',
      coordinator: '',
      members: [],
      positions: [],
      history: this.#lags.of(id, this.#system.clock.monotonic()),
    }
  }

  #groupOf(
    { id, state, assignor, coordinator, members }: GroupDescription,
    given: readonly GroupPosition[],
    isLooked: boolean,
  ): Group {
    const positions = given.map(({ member, ...one }) => ({
      ...one,
      lag: one.end === null || one.committed === null ? null : Math.max(0, one.end - one.committed),
      owner: member?.clientId ?? null,
    }))
    const lag = totalOf(positions.map(one => one.lag))
    const at = this.#system.clock.monotonic()
    return {
      takenAt: this.takenAt,
      row: {
        id,
        state,
        members: members.length,
        topics: [...new Set(positions.map(({ topic }) => topic))],
        lag,
        ...this.#lags.add(id, lag, at, isLooked),
        problem: null,
      },
      assignor,
      coordinator: `${whereOf(coordinator)} (${coordinator.nodeId})`,
      members: members.map(member => ({
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
      history: this.#lags.of(id, at),
    }
  }

  async #topicRows(name?: string) {
    const topics = (await this.admin.topics.describe(name === undefined ? undefined : [name])).filter(
      // The answer to a question by name may be that there is none.
      topic => name === undefined || topic.partitions.length > 0 || topic.errorCode === 0,
    )
    const partitions = ledPartitions(topics)
    const [description, first, next, directories] = await Promise.all([
      this.admin.brokers.describe(),
      this.admin.offsets.known(topics, name === undefined ? [] : partitions, earliest, brokerMs),
      this.admin.offsets.known(topics, partitions, latest, brokerMs),
      this.admin.brokers.logDirectories(brokerMs),
    ])
    const now = this.#system.clock.monotonic()
    if (name === undefined) this.#rates.keep(new Set(topics.map(topic => topic.name)))
    const rates = name === undefined ? this.#endRates.add(next, now) : new Map<string, number>()
    const { brokers } = description
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
    return { look: { description, topics, directories, rates }, rows, first, next, bytes }
  }

  /** One look at a time: those who ask while it is under way, or within two seconds of its end, share it. */
  #shared<T>(key: string, look: () => Promise<T>): Promise<T> {
    const { clock } = this.#system
    for (const [other, { until }] of this.#looks) if (clock.monotonic() >= until) this.#looks.delete(other)
    const known = this.#looks.get(key)
    if (known !== undefined) return known.work as Promise<T>
    const own = { until: Infinity, work: look() }
    this.#looks.set(key, own)
    own.work.then(
      () => (own.until = clock.monotonic() + sharedMs),
      // Who waits gets the failure, and who comes later another look.
      () => (own.until = -Infinity),
    )
    return own.work
  }
}
