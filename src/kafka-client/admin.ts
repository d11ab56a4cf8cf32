// What tests and the console ask of a cluster beside reading and writing.
import { Fault } from '../errors.ts'
import type { Logger } from '../observe/log.ts'
import { errorCodes, kafkaError } from '../wire/kafka/error-codes.ts'
import { createTopics } from '../wire/kafka/messages/create-topics.ts'
import { deleteGroups } from '../wire/kafka/messages/delete-groups.ts'
import { describeGroups } from '../wire/kafka/messages/describe-groups.ts'
import { offsetFetch } from '../wire/kafka/messages/offset-fetch.ts'
import { Cluster } from './cluster.ts'
import type { Doors } from './connection.ts'
import type { Admin } from './contract.ts'
import { Coordinator } from './coordinator.ts'
import { earliest, latest, listAllEnds } from './offsets.ts'
import { connectionDefaults, type ConnectionSettings } from './settings.ts'

export interface AdminOptions {
  readonly system: Doors
  readonly bootstrapServers: readonly string[]
  readonly log: Logger
  readonly settings?: Partial<ConnectionSettings>
}

/** Nothing is asked before the first call. */
export function createAdmin({ system, bootstrapServers, log, settings }: AdminOptions): Admin {
  const cluster = new Cluster({
    system,
    log,
    settings: { ...connectionDefaults, ...settings, bootstrapServers },
    allowAutoTopicCreation: false,
  })
  const learn = async (topics: readonly string[]) => {
    cluster.watch(topics)
    await cluster.refresh()
  }
  const coordinators = new Map<string, Coordinator>()
  const coordinatorOf = (group: string): Coordinator => {
    const known = coordinators.get(group)
    if (known !== undefined) return known
    const patienceMs = { ...connectionDefaults, ...settings }.requestTimeoutMs
    const made = new Coordinator({ cluster, system, log, kind: 'group', key: group, patienceMs })
    coordinators.set(group, made)
    return made
  }
  const refuse = (code: number, what: string): void => {
    if (code === 0) return
    const error = kafkaError(code)
    throw new Fault('KAFKA', `${what}: ${error.name}: ${error.meaning}`)
  }
  return {
    async createTopic({ name, partitions, replicationFactor = 1 }) {
      const connection = await cluster.connectController()
      // Before version 4 brokers have no default to ask for.
      const replicas =
        replicationFactor === -1 && connection.versionOf(createTopics) < 4 ? 1 : replicationFactor
      const answer = await connection.request(createTopics, {
        topics: [
          { name, numPartitions: partitions, replicationFactor: replicas, assignments: [], configs: [] },
        ],
        timeoutMs: 20_000,
      })
      const { errorCode = 0, errorMessage = null } = answer.topics[0] ?? {}
      if (errorCode === 0 || errorCode === errorCodes.TOPIC_ALREADY_EXISTS) return
      const error = kafkaError(errorCode)
      throw new Fault(
        'KAFKA',
        `topic ${name} was not created: ${error.name}: ${errorMessage ?? error.meaning}`,
      )
    },

    async partitionCounts(topics) {
      await learn(topics)
      return new Map(topics.map(topic => [topic, cluster.topic(topic)?.partitions.length ?? 0]))
    },

    async offsets(topic) {
      await learn([topic])
      const partitions = (cluster.topic(topic)?.partitions ?? []).map(({ index }) => ({
        topic,
        partition: index,
      }))
      const [firsts, nexts] = await Promise.all([
        listAllEnds(cluster, partitions, earliest, { isolationLevel: 0 }),
        listAllEnds(cluster, partitions, latest, { isolationLevel: 0 }),
      ])
      return partitions.map(({ partition }) => ({
        partition,
        first: firsts.get(`${topic}-${partition}`)!,
        next: nexts.get(`${topic}-${partition}`)!,
      }))
    },

    async committed(group, topic) {
      await learn([topic])
      const indexes = (cluster.topic(topic)?.partitions ?? []).map(one => one.index)
      const answer = await coordinatorOf(group).ask(offsetFetch, {
        body: () => ({ groupId: group, topics: [{ name: topic, partitionIndexes: indexes }], groups: [] }),
        codeOf: given => given.errorCode,
      })
      refuse(answer.errorCode, `the positions of group ${group}`)
      const found = new Map<number, number>()
      for (const { partitions } of answer.topics)
        for (const { partitionIndex, committedOffset, errorCode } of partitions)
          if (errorCode === 0 && committedOffset >= 0) found.set(partitionIndex, committedOffset)
      return found
    },

    async groupMembers(group) {
      const answer = await coordinatorOf(group).ask(describeGroups, {
        body: () => ({ groups: [group] }),
        codeOf: given => given.groups[0]?.errorCode ?? 0,
      })
      const { errorCode = 0, members = [] } = answer.groups[0] ?? {}
      // Newer brokers call a group an error that nobody has ever heard of.
      if (errorCode === errorCodes.GROUP_ID_NOT_FOUND) return []
      refuse(errorCode, `the members of group ${group}`)
      return members.map(({ clientId, clientHost }) => ({ clientId, host: clientHost.replace(/^\//, '') }))
    },

    async deleteGroup(group) {
      const answer = await coordinatorOf(group).ask(deleteGroups, {
        body: () => ({ groupsNames: [group] }),
        codeOf: given => given.results[0]?.errorCode ?? 0,
      })
      refuse(answer.results[0]?.errorCode ?? 0, `group ${group} was not deleted`)
    },

    close: () => cluster.close(),
  }
}
