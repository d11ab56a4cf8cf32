// Topics: what there are, their partitions and settings; making, changing and deleting them.
import { errorCodes } from '../../wire/kafka/error-codes.ts'
import { zeroUuid } from '../../wire/kafka/fields.ts'
import { createPartitions } from '../../wire/kafka/messages/create-partitions.ts'
import { createTopics } from '../../wire/kafka/messages/create-topics.ts'
import { deleteTopics } from '../../wire/kafka/messages/delete-topics.ts'
import { metadata } from '../../wire/kafka/messages/metadata.ts'
import { askController, changeMs, KafkaRefusal, refuse, type AdminParts } from './question.ts'
import { alterSettings, describeSettings, type ChangeOptions, type Setting } from './settings.ts'

/** The protocol's number for what was not asked for. */
const unknownOperations = -2147483648

export interface TopicDescription {
  readonly name: string
  /** '' where the broker does not tell (before 2.8). */
  readonly id: string
  readonly isInternal: boolean
  /** Kafka's, such as UNKNOWN_TOPIC_OR_PARTITION; 0 where the topic is there. */
  readonly errorCode: number
  /** What the login may do with it, a bit for each AclOperation; absent unless asked for, and before Kafka 2.3. */
  readonly operations?: number
  readonly partitions: readonly {
    readonly index: number
    /** -1: none at the moment. */
    readonly leader: number
    readonly replicas: readonly number[]
    readonly isr: readonly number[]
  }[]
}

export interface NewTopic {
  readonly name: string
  /** -1 is the brokers' default, as for replicationFactor: 1 before Kafka 2.4, which cannot be asked for it. */
  readonly partitions: number
  /** 1 where absent. */
  readonly replicationFactor?: number
  readonly settings?: ReadonlyMap<string, string>
}

export class TopicAdmin {
  readonly #parts: AdminParts

  constructor(parts: AdminParts) {
    this.#parts = parts
  }

  /** All topics, or those named; one that is not there has an error or is missing. `create`: brokers may make them. */
  async describe(
    names?: readonly string[],
    options: { create?: boolean; operations?: boolean } = {},
  ): Promise<TopicDescription[]> {
    const mayCreate = options.create ?? false
    const includeTopicAuthorizedOperations = options.operations ?? false
    const answer = await this.#parts.cluster.ask(connection => {
      // Brokers before 0.11 may make what is asked for by its name, and cannot be told not to.
      const asksAll = names === undefined || (!mayCreate && connection.versionOf(metadata) < 4)
      const topics = asksAll ? null : names.map(name => ({ name }))
      const allowed = mayCreate || connection.versionOf(metadata) < 4
      return connection.request(metadata, {
        topics,
        allowAutoTopicCreation: allowed,
        includeTopicAuthorizedOperations,
      })
    })
    const wanted = answer.topics.filter(({ name }) => names?.includes(name!) ?? true)
    const found = wanted.map(one => ({
      name: one.name!,
      id: one.topicId === zeroUuid ? '' : one.topicId,
      isInternal: one.isInternal,
      errorCode: one.errorCode,
      ...(one.topicAuthorizedOperations === unknownOperations
        ? {}
        : { operations: one.topicAuthorizedOperations }),
      partitions: one.partitions
        .map(one => ({
          index: one.partitionIndex,
          leader: one.leaderId,
          replicas: one.replicaNodes,
          isr: one.isrNodes,
        }))
        .sort((one, other) => one.index - other.index),
    }))
    return found.sort((one, other) => (one.name < other.name ? -1 : 1))
  }

  async create(
    { name, partitions, replicationFactor = 1, settings }: NewTopic,
    { validateOnly = false }: ChangeOptions = {},
  ): Promise<'created' | 'exists'> {
    const answer = await askController(this.#parts, {
      api: createTopics,
      since: '0.10.1',
      body: version => {
        const known = (value: number) => (value === -1 && version < 4 ? 1 : value)
        return {
          topics: [
            {
              name,
              numPartitions: known(partitions),
              replicationFactor: known(replicationFactor),
              assignments: [],
              configs: [...(settings ?? [])].map(([key, value]) => ({ name: key, value })),
            },
          ],
          timeoutMs: changeMs,
          validateOnly,
        }
      },
      codesOf: given => given.topics.map(one => one.errorCode),
    })
    const { errorCode = 0, errorMessage = null } = answer.topics[0] ?? {}
    if (errorCode === errorCodes.TOPIC_ALREADY_EXISTS) return 'exists'
    refuse(errorCode, `topic ${name} was not created`, errorMessage)
    return 'created'
  }

  /** `count` is how many there shall be in all (Kafka 1.0 and later). */
  async addPartitions(
    name: string,
    count: number,
    { validateOnly = false }: ChangeOptions = {},
  ): Promise<void> {
    const answer = await askController(this.#parts, {
      api: createPartitions,
      since: '1.0',
      body: () => ({ topics: [{ name, count, assignments: null }], timeoutMs: changeMs, validateOnly }),
      codesOf: given => given.results.map(one => one.errorCode),
    })
    for (const { errorCode, errorMessage } of answer.results)
      refuse(errorCode, `the partitions of topic ${name} are as they were`, errorMessage)
  }

  async delete(name: string): Promise<void> {
    const answer = await askController(this.#parts, {
      api: deleteTopics,
      since: '0.10.1',
      body: version => ({
        topics: version >= 6 ? [{ name, topicId: zeroUuid }] : [],
        topicNames: [name],
        timeoutMs: changeMs,
      }),
      codesOf: given => given.responses.map(one => one.errorCode),
    })
    for (const { errorCode, errorMessage } of answer.responses)
      refuse(errorCode, `topic ${name} was not deleted`, errorMessage)
  }

  /** By topic; null where brokers do not tell them (before Kafka 0.11). */
  async settings(names: readonly string[]): Promise<Map<string, Setting[]> | null> {
    const resources = names.map(name => ({ type: 'topic' as const, name }))
    const answer = await this.#parts.cluster.ask(connection =>
      describeSettings(connection, resources).catch((error: unknown) => {
        // A refusal is an answer: the other brokers would give the same.
        if (error instanceof KafkaRefusal) return error
        throw error
      }),
    )
    if (answer instanceof KafkaRefusal) throw answer
    return answer
  }

  /** Null takes a setting back (Kafka 0.11 and later). */
  async alterSettings(
    name: string,
    changes: ReadonlyMap<string, string | null>,
    options: ChangeOptions = {},
  ): Promise<void> {
    const connection = await this.#parts.cluster.connectController()
    await alterSettings(connection, { type: 'topic', name }, changes, options)
  }
}
