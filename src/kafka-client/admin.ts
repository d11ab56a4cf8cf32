// What tests and the console ask of a cluster beside reading and writing.
import { Fault } from '../errors.ts'
import type { Logger } from '../observe/log.ts'
import { errorCodes, kafkaError } from '../wire/kafka/error-codes.ts'
import { createTopics } from '../wire/kafka/messages/create-topics.ts'
import { Cluster } from './cluster.ts'
import type { Doors } from './connection.ts'
import type { Admin } from './contract.ts'
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
  return {
    async createTopic({ name, partitions, replicationFactor = 1 }) {
      const connection = await cluster.connectController()
      const answer = await connection.request(createTopics, {
        topics: [{ name, numPartitions: partitions, replicationFactor, assignments: [], configs: [] }],
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

    close: () => cluster.close(),
  }
}
