// Brokers: which there are, which is the controller, and what the replicas on them take on their disks.
import { describeLogDirs } from '../../wire/kafka/messages/describe-log-dirs.ts'
import { metadata } from '../../wire/kafka/messages/metadata.ts'
import { nameOf } from '../contract.ts'
import type { AdminParts } from './question.ts'

export interface ClusterDescription {
  /** Null where brokers do not tell it. */
  readonly clusterId: string | null
  readonly controllerId: number
  readonly brokers: readonly {
    readonly id: number
    readonly host: string
    readonly port: number
    readonly rack: string | null
  }[]
}

export class BrokerAdmin {
  readonly #parts: AdminParts

  constructor(parts: AdminParts) {
    this.#parts = parts
  }

  async describe(): Promise<ClusterDescription> {
    // Where no topic is named none is made; whether one may be is no question before Kafka 0.11.
    const answer = await this.#parts.cluster.ask(connection => connection.request(metadata, { topics: [] }))
    return {
      clusterId: answer.clusterId,
      controllerId: answer.controllerId,
      brokers: answer.brokers
        .map(({ nodeId, host, port, rack }) => ({ id: nodeId, host, port, rack }))
        .sort((one, other) => one.id - other.id),
    }
  }

  /**
   * Bytes of every replica, by broker and by partition name (Kafka 1.0 and later). A broker that is older, away or
   * does not permit it is left out.
   */
  async replicaBytes(): Promise<Map<number, Map<string, number>>> {
    const { cluster } = this.#parts
    await cluster.refresh()
    const found = new Map<number, Map<string, number>>()
    await Promise.all(
      cluster.nodeIds
        .map(async id => {
          const connection = await cluster.connect(id, 'metadata')
          if (connection.versionOf(describeLogDirs) === -1) return
          const answer = await connection.request(describeLogDirs, { topics: null })
          const sizes = new Map<string, number>()
          for (const { topics } of answer.results)
            for (const { name, partitions } of topics)
              for (const { partitionIndex, partitionSize, isFutureKey } of partitions)
                if (!isFutureKey) sizes.set(nameOf({ topic: name, partition: partitionIndex }), partitionSize)
          if (answer.results.some(({ errorCode }) => errorCode === 0)) found.set(id, sizes)
        })
        .map(work => work.catch(() => {})),
    )
    return found
  }
}
