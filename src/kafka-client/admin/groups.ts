// Consumer groups: which there are, who is in them, what they have committed; moving and deleting their
// positions, and deleting them.
import { Fault } from '../../errors.ts'
import type { ClientApi } from '../../wire/kafka/api.ts'
import { kafkaError } from '../../wire/kafka/error-codes.ts'
import { deleteGroups } from '../../wire/kafka/messages/delete-groups.ts'
import { describeGroups } from '../../wire/kafka/messages/describe-groups.ts'
import { consumerGroupDescribe } from '../../wire/kafka/messages/group-descriptions.ts'
import { listGroups } from '../../wire/kafka/messages/list-groups.ts'
import { offsetCommit } from '../../wire/kafka/messages/offset-commit.ts'
import { offsetDelete } from '../../wire/kafka/messages/offset-delete.ts'
import { offsetFetch } from '../../wire/kafka/messages/offset-fetch.ts'
import { whereOf } from '../../address.ts'
import type { Broker } from '../connection/cluster.ts'
import { Coordinator, type Question } from '../connection/coordinator.ts'
import { byTopic, nameOf, type Position, type TopicPartition } from '../contract.ts'
import {
  classicDescription,
  lookAtGroups,
  newDescription,
  noGroup,
  positionsIn,
  type Description,
  type GroupLook,
} from './group-look.ts'
import { askEach, refuse, tooOld, type AdminParts } from './question.ts'

export interface GroupDescription extends Description {
  readonly id: string
  readonly coordinator: Broker
}

export interface ListedGroup {
  readonly id: string
  /** '' where brokers do not tell it (before 2.6). */
  readonly state: string
  /** classic, consumer, share or streams; '' where brokers do not tell it (before 3.8). */
  readonly type: string
  /** Id of the broker that lists it: only its coordinator does. */
  readonly coordinator: number
}

/** One answer holds the members and positions of so many groups at most. */
const groupsAtOnce = 500
/** Of so many groups it is remembered who coordinates them. */
const mostCoordinators = 100

export class GroupAdmin {
  readonly #parts: AdminParts
  readonly #coordinators = new Map<string, Coordinator>()

  constructor(parts: AdminParts) {
    this.#parts = parts
  }

  /** Of all brokers. Rejects where one of them does not answer. */
  async list(): Promise<ListedGroup[]> {
    const { groups, faults } = await this.known()
    for (const fault of faults.values()) throw fault
    return groups
  }

  /** Of the brokers that answer; by their ids why the others do not, which are asked for `withinMs` at most. */
  async known(withinMs = Infinity): Promise<{ groups: ListedGroup[]; faults: Map<number, Fault> }> {
    const { cluster } = this.#parts
    await cluster.refresh()
    const groups: ListedGroup[] = []
    const { faults } = await askEach(this.#parts, cluster.nodeIds, withinMs, async coordinator => {
      const connection = await cluster.connect(coordinator, 'group')
      const answer = await connection.request(listGroups, { statesFilter: [], typesFilter: [] })
      refuse(answer.errorCode, `the groups at ${connection.where}`)
      for (const { groupId, groupState, groupType } of answer.groups)
        groups.push({ id: groupId, state: groupState, type: groupType.toLowerCase(), coordinator })
    })
    return { groups: groups.sort((one, other) => (one.id < other.id ? -1 : 1)), faults }
  }

  /**
   * What the groups are, and their positions: each coordinator is asked for all of its groups together, for `withinMs`
   * at most. By group; a fault where one is not answered for.
   */
  async look(
    listed: readonly ListedGroup[],
    withinMs = Infinity,
  ): Promise<Map<string, (GroupDescription & GroupLook) | Fault>> {
    const { cluster } = this.#parts
    const found: Awaited<ReturnType<GroupAdmin['look']>> = new Map()
    const byCoordinator = Map.groupBy(listed, one => one.coordinator)
    const { faults } = await askEach(this.#parts, [...byCoordinator.keys()], withinMs, async nodeId => {
      const connection = await cluster.connect(nodeId, 'group')
      const coordinator = { nodeId, ...cluster.addressOf(nodeId)! }
      const ids = byCoordinator.get(nodeId)!.map(one => one.id)
      for (let from = 0; from < ids.length; from += groupsAtOnce)
        for (const [id, look] of await lookAtGroups(connection, ids.slice(from, from + groupsAtOnce)))
          found.set(id, look instanceof Fault ? look : { id, coordinator, ...look })
    })
    for (const [nodeId, fault] of faults)
      for (const { id } of byCoordinator.get(nodeId)!) if (!found.has(id)) found.set(id, fault)
    return found
  }

  async describe(group: string): Promise<GroupDescription> {
    const found = (await this.#describeClassic(group)) ?? (await this.#describeNew(group))
    return { id: group, coordinator: this.#coordinatorOf(group).broker!, ...(found ?? noGroup) }
  }

  /** Null where there is no such group. */
  async #describeClassic(group: string): Promise<Description | null> {
    const answer = await this.#ask(group, describeGroups, '0.9', {
      body: () => ({ groups: [group] }),
      codeOf: given => given.groups[0]?.errorCode ?? 0,
    })
    return classicDescription(answer.groups[0])
  }

  /** Null where there is none, or the broker does not know the newer protocol. */
  async #describeNew(group: string): Promise<Description | null> {
    const answer = await this.#ask(group, consumerGroupDescribe, '4.0', {
      body: () => ({ groupIds: [group], includeAuthorizedOperations: false }),
      codeOf: given => given.groups[0]?.errorCode ?? 0,
    }).catch((error: unknown) => {
      if (error instanceof Fault && error.code === 'KAFKA_FATAL') return null
      throw error
    })
    return newDescription(answer?.groups[0])
  }

  /** The positions a group has committed, in any topic, by name and partition. */
  async committed(group: string): Promise<Position[]> {
    const answer = await this.#ask(group, offsetFetch, '0.9', {
      body: () => ({ groupId: group, topics: null, groups: [] }),
      codeOf: given => given.errorCode,
    })
    refuse(answer.errorCode, `the positions of group ${group}`)
    return positionsIn(answer.topics)
  }

  /** Moves the positions of a group without members, which need not be there before. */
  async commit(group: string, positions: readonly Position[]): Promise<void> {
    const answer = await this.#ask(group, offsetCommit, '0.9', {
      body: () => ({
        groupId: group,
        topics: byTopic(positions).map(([name, list]) => ({
          name,
          partitions: list.map(({ partition, offset }) => ({
            partitionIndex: partition,
            committedOffset: offset,
            committedMetadata: '',
          })),
        })),
      }),
      codeOf: given => given.topics[0]?.partitions[0]?.errorCode ?? 0,
    })
    for (const { name, partitions } of answer.topics)
      for (const { partitionIndex, errorCode } of partitions)
        refuse(errorCode, `the position of group ${group} in ${name}-${partitionIndex} is as it was`)
  }

  /** Forgets a group without members and its positions (Kafka 1.1 and later). */
  async delete(group: string): Promise<void> {
    const answer = await this.#ask(group, deleteGroups, '1.1', {
      body: () => ({ groupsNames: [group] }),
      codeOf: given => given.results[0]?.errorCode ?? 0,
    })
    refuse(answer.results[0]?.errorCode ?? 0, `group ${group} was not deleted`)
  }

  /** Forgets positions (Kafka 2.4 and later); gives by partition name why one stays, null where it is gone. */
  async deletePositions(
    group: string,
    partitions: readonly TopicPartition[],
  ): Promise<Map<string, string | null>> {
    const answer = await this.#ask(group, offsetDelete, '2.4', {
      body: () => ({
        groupId: group,
        topics: byTopic(partitions).map(([name, list]) => ({
          name,
          partitions: list.map(one => ({ partitionIndex: one.partition })),
        })),
      }),
      codeOf: given => given.errorCode,
    })
    refuse(answer.errorCode, `the positions of group ${group} were not deleted`)
    const found = new Map<string, string | null>()
    for (const { name, partitions: list } of answer.topics)
      for (const { partitionIndex, errorCode } of list) {
        const error = kafkaError(errorCode)
        const why = errorCode === 0 ? null : `${error.name}: ${error.meaning}`
        found.set(nameOf({ topic: name, partition: partitionIndex }), why)
      }
    return found
  }

  async #ask<Q, S>(group: string, api: ClientApi<Q, S>, since: string, asked: Question<Q, S>): Promise<S> {
    const { cluster } = this.#parts
    // A cluster that is away shows here at once; a coordinator is looked for longer.
    if (cluster.nodeIds.length === 0) await cluster.refresh()
    const tell = (version: number) => {
      if (version === -1) throw tooOld(whereOf(this.#coordinatorOf(group).broker!), api.name, since)
      return asked.body(version)
    }
    return this.#coordinatorOf(group).ask(api, { ...asked, body: tell })
  }

  #coordinatorOf(group: string): Coordinator {
    const known = this.#coordinators.get(group)
    if (known !== undefined) return known
    const [oldest] = this.#coordinators.keys()
    if (this.#coordinators.size >= mostCoordinators) this.#coordinators.delete(oldest!)
    const made = new Coordinator({ ...this.#parts, kind: 'group', key: group })
    this.#coordinators.set(group, made)
    return made
  }
}
