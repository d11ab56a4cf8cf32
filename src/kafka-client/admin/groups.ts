// Consumer groups: which there are, who is in them, what they have committed; moving and deleting their
// positions, and deleting them.
import { Fault } from '../../errors.ts'
import type { ClientApi } from '../../wire/kafka/api.ts'
import { errorCodes, kafkaError } from '../../wire/kafka/error-codes.ts'
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
import { byName, byTopic, nameOf, type Position, type TopicPartition } from '../contract.ts'
import { decodeAssignment } from '../consumer/group-protocol.ts'
import { refuse, tooOld, type AdminParts } from './question.ts'

export interface GroupDescription {
  readonly id: string
  /** Kafka's word: Stable, Empty, PreparingRebalance, CompletingRebalance (AwaitingSync before 1.0), or Dead: there is none. */
  readonly state: string
  readonly assignor: string
  readonly coordinator: Broker
  readonly members: readonly {
    readonly id: string
    readonly instanceId: string | null
    readonly clientId: string
    /** As the broker tells it, with a slash in front. */
    readonly host: string
    readonly partitions: readonly TopicPartition[]
  }[]
}

type Description = Pick<GroupDescription, 'state' | 'assignor' | 'members'>

export class GroupAdmin {
  readonly #parts: AdminParts
  readonly #coordinators = new Map<string, Coordinator>()

  constructor(parts: AdminParts) {
    this.#parts = parts
  }

  /** Of all brokers; the state is '' where brokers do not tell it (before 2.6). */
  async list(): Promise<{ id: string; state: string }[]> {
    const { cluster } = this.#parts
    await cluster.refresh()
    const answers = await Promise.all(
      cluster.nodeIds.map(async id => {
        const connection = await cluster.connect(id, 'group')
        const answer = await connection.request(listGroups, { statesFilter: [], typesFilter: [] })
        refuse(answer.errorCode, `the groups at ${connection.where}`)
        return answer.groups
      }),
    )
    return answers
      .flat()
      .map(({ groupId, groupState }) => ({ id: groupId, state: groupState }))
      .sort((one, other) => (one.id < other.id ? -1 : 1))
  }

  async describe(group: string): Promise<GroupDescription> {
    const found = (await this.#describeClassic(group)) ?? (await this.#describeNew(group))
    return {
      id: group,
      coordinator: this.#coordinatorOf(group).broker!,
      ...(found ?? { state: 'Dead', assignor: '', members: [] }),
    }
  }

  /** Null where there is no such group. */
  async #describeClassic(group: string): Promise<Description | null> {
    const answer = await this.#ask(group, describeGroups, '0.9', {
      body: () => ({ groups: [group] }),
      codeOf: given => given.groups[0]?.errorCode ?? 0,
    })
    const [found] = answer.groups
    // Newer brokers call a group an error that nobody has ever heard of, or whose protocol is the new one.
    if (found === undefined || found.errorCode === errorCodes.GROUP_ID_NOT_FOUND) return null
    refuse(found.errorCode, `group ${group}`)
    if (found.groupState === 'Dead') return null
    return {
      state: found.groupState,
      assignor: found.protocolData,
      members: found.members.map(one => ({
        id: one.memberId,
        instanceId: one.groupInstanceId,
        clientId: one.clientId,
        host: one.clientHost,
        partitions: found.protocolType === 'consumer' ? decodeAssignment(one.memberAssignment) : [],
      })),
    }
  }

  /** Of the protocol "consumer", which came with Kafka 4; null where there is none, or a broker does not know it. */
  async #describeNew(group: string): Promise<Description | null> {
    const answer = await this.#ask(group, consumerGroupDescribe, '4.0', {
      body: () => ({ groupIds: [group], includeAuthorizedOperations: false }),
      codeOf: given => given.groups[0]?.errorCode ?? 0,
    }).catch((error: unknown) => {
      if (error instanceof Fault && error.code === 'KAFKA_FATAL') return null
      throw error
    })
    const found = answer?.groups[0]
    const none: readonly number[] = [errorCodes.GROUP_ID_NOT_FOUND, errorCodes.UNSUPPORTED_VERSION]
    if (found === undefined || none.includes(found.errorCode)) return null
    refuse(found.errorCode, `group ${group}`, found.errorMessage)
    return {
      state: found.groupState,
      assignor: found.assignorName,
      members: found.members.map(one => ({
        id: one.memberId,
        instanceId: one.instanceId,
        clientId: one.clientId,
        host: one.clientHost,
        partitions: one.assignment.topicPartitions.flatMap(({ topicName, partitions }) =>
          partitions.map(partition => ({ topic: topicName, partition })),
        ),
      })),
    }
  }

  /** The positions a group has committed, in any topic, by name and partition. */
  async committed(group: string): Promise<Position[]> {
    const answer = await this.#ask(group, offsetFetch, '0.9', {
      body: () => ({ groupId: group, topics: null, groups: [] }),
      codeOf: given => given.errorCode,
    })
    refuse(answer.errorCode, `the positions of group ${group}`)
    return answer.topics
      .flatMap(({ name, partitions }) =>
        partitions
          .filter(one => one.errorCode === 0 && one.committedOffset >= 0)
          .map(one => ({ topic: name, partition: one.partitionIndex, offset: one.committedOffset })),
      )
      .sort(byName)
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
    const made = new Coordinator({ ...this.#parts, kind: 'group', key: group })
    this.#coordinators.set(group, made)
    return made
  }
}
