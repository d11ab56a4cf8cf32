// Topics: what there are, their partitions and settings; making, changing and deleting them.
import { errorCodes } from '../../wire/kafka/error-codes.ts'
import { zeroUuid } from '../../wire/kafka/fields.ts'
import { createPartitions } from '../../wire/kafka/messages/create-partitions.ts'
import { createTopics } from '../../wire/kafka/messages/create-topics.ts'
import { deleteTopics } from '../../wire/kafka/messages/delete-topics.ts'
import { describeConfigs } from '../../wire/kafka/messages/describe-configs.ts'
import { incrementalAlterConfigs } from '../../wire/kafka/messages/incremental-alter-configs.ts'
import { metadata } from '../../wire/kafka/messages/metadata.ts'
import { question, refuse, type AdminParts } from './question.ts'

/** How long the controller may take to have a change known everywhere. */
const changeMs = 20_000
/** The resource type "topic" of settings. */
const topicType = 2
/** DEFAULT_CONFIG: nobody has written it. */
const defaultSource = 5

export interface TopicDescription {
  readonly name: string
  /** '' where the broker does not tell (before 2.8). */
  readonly id: string
  readonly isInternal: boolean
  /** Kafka's, such as UNKNOWN_TOPIC_OR_PARTITION; 0 where the topic is there. */
  readonly errorCode: number
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

export interface TopicSetting {
  readonly name: string
  /** null where it is secret. */
  readonly value: string | null
  /** Nobody has written it, neither for the topic nor for the brokers. */
  readonly isDefault: boolean
}

export class TopicAdmin {
  readonly #parts: AdminParts

  constructor(parts: AdminParts) {
    this.#parts = parts
  }

  /** All topics, or those named; one that is not there has an error or is missing. `create`: brokers may make them. */
  async describe(names?: readonly string[], options: { create?: boolean } = {}): Promise<TopicDescription[]> {
    const mayCreate = options.create ?? false
    const answer = await this.#parts.cluster.ask(connection => {
      // Brokers before 0.11 may make what is asked for by its name, and cannot be told not to.
      const asksAll = names === undefined || (!mayCreate && connection.versionOf(metadata) < 4)
      const topics = asksAll ? null : names.map(name => ({ name }))
      const allowed = mayCreate || connection.versionOf(metadata) < 4
      return connection.request(metadata, { topics, allowAutoTopicCreation: allowed })
    })
    const wanted = answer.topics.filter(({ name }) => names?.includes(name!) ?? true)
    const found = wanted.map(({ name, topicId, isInternal, errorCode, partitions }) => ({
      name: name!,
      id: topicId === zeroUuid ? '' : topicId,
      isInternal,
      errorCode,
      partitions: partitions
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

  async create({
    name,
    partitions,
    replicationFactor = 1,
    settings,
  }: NewTopic): Promise<'created' | 'exists'> {
    const connection = await this.#parts.cluster.connectController()
    const known = (value: number) => (value === -1 && connection.versionOf(createTopics) < 4 ? 1 : value)
    const answer = await connection.request(createTopics, {
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
    })
    const { errorCode = 0, errorMessage = null } = answer.topics[0] ?? {}
    if (errorCode === errorCodes.TOPIC_ALREADY_EXISTS) return 'exists'
    refuse(errorCode, `topic ${name} was not created`, errorMessage)
    return 'created'
  }

  /** `count` is how many there shall be in all (Kafka 1.0 and later). */
  async addPartitions(name: string, count: number): Promise<void> {
    const connection = await this.#parts.cluster.connectController()
    const topics = [{ name, count, assignments: null }]
    const body = { topics, timeoutMs: changeMs, validateOnly: false }
    const answer = await question(connection, createPartitions, body, '1.0')
    for (const { errorCode, errorMessage } of answer.results)
      refuse(errorCode, `the partitions of topic ${name} are as they were`, errorMessage)
  }

  async delete(name: string): Promise<void> {
    const connection = await this.#parts.cluster.connectController()
    const topics = connection.versionOf(deleteTopics) >= 6 ? [{ name, topicId: zeroUuid }] : []
    const answer = await connection.request(deleteTopics, {
      topics,
      topicNames: [name],
      timeoutMs: changeMs,
    })
    for (const { errorCode, errorMessage } of answer.responses)
      refuse(errorCode, `topic ${name} was not deleted`, errorMessage)
  }

  /** By topic; null where brokers do not tell them (before Kafka 0.11). */
  async settings(names: readonly string[]): Promise<Map<string, TopicSetting[]> | null> {
    const resources = names.map(resourceName => ({
      resourceType: topicType,
      resourceName,
      configurationKeys: null,
    }))
    const answer = await this.#parts.cluster.ask(async connection =>
      connection.versionOf(describeConfigs) === -1
        ? null
        : connection.request(describeConfigs, { resources }),
    )
    if (answer === null) return null
    const found = new Map<string, TopicSetting[]>()
    for (const { resourceName, errorCode, errorMessage, configs } of answer.results) {
      refuse(errorCode, `the settings of topic ${resourceName}`, errorMessage)
      found.set(
        resourceName,
        configs.map(({ name, value, isDefault, configSource }) => ({
          name,
          value,
          isDefault: isDefault || configSource === defaultSource,
        })),
      )
    }
    return found
  }

  /** Null takes a setting back (Kafka 2.3 and later). */
  async alterSettings(name: string, changes: ReadonlyMap<string, string | null>): Promise<void> {
    const connection = await this.#parts.cluster.connectController()
    const configs = [...changes].map(([key, value]) => ({
      name: key,
      configOperation: value === null ? 1 : 0,
      value,
    }))
    const resources = [{ resourceType: topicType, resourceName: name, configs }]
    const body = { resources, validateOnly: false }
    const answer = await question(connection, incrementalAlterConfigs, body, '2.3')
    for (const { errorCode, errorMessage } of answer.responses)
      refuse(errorCode, `the settings of topic ${name} are as they were`, errorMessage)
  }
}
