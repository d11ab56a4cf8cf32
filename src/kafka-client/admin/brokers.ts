// Brokers: which there are, which is the controller, their settings, and what lies on their disks.
import { describeLogDirs } from '../../wire/kafka/messages/describe-log-dirs.ts'
import { metadata } from '../../wire/kafka/messages/metadata.ts'
import type { ResponseOf } from '../../wire/kafka/api.ts'
import { wordsOf } from '../connection/refusal.ts'
import { nameOf } from '../contract.ts'
import { alterSettings, describeSettings, type ChangeOptions, type Setting } from './settings.ts'
import type { BrokerConnection } from '../connection/connection.ts'
import { askEach, type AdminParts } from './question.ts'

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

export interface LogDirectory {
  readonly path: string
  /** Null while it can be used. */
  readonly problem: string | null
  /** Bytes by partition name. */
  readonly replicas: ReadonlyMap<string, number>
  /** Of its file system; null before Kafka 3.3. */
  readonly totalBytes: number | null
  readonly usableBytes: number | null
}

/** Of the partition named so, on the broker that has the directories; undefined where it has no replica, or was left out. */
export const replicaBytes = (
  directories: readonly LogDirectory[] | undefined,
  name: string,
): number | undefined => directories?.find(one => one.replicas.has(name))?.replicas.get(name)

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
   * Log directories of every broker (Kafka 1.0 and later). A broker that is older, away, does not permit it or does not
   * answer within `withinMs` is left out.
   */
  async logDirectories(withinMs = Infinity): Promise<Map<number, LogDirectory[]>> {
    const { cluster } = this.#parts
    await cluster.refresh()
    const found = new Map<number, LogDirectory[]>()
    await askEach(this.#parts, cluster.nodeIds, withinMs, async id => {
      const connection = await cluster.connect(id, 'metadata')
      if (connection.versionOf(describeLogDirs) === -1) return
      const { errorCode, results } = await connection.request(describeLogDirs, { topics: null })
      // Who is not permitted gets an error, or before 3.2 no directory at all.
      if (errorCode === 0 && results.length > 0) found.set(id, results.map(directoryOf))
    })
    return found
  }

  /** Of one broker; null where it does not tell them (before Kafka 0.11). Rejects with PEER_UNREACHABLE where there is none. */
  async settings(id: number): Promise<Setting[] | null> {
    const found = await describeSettings(await this.#connect(id), [{ type: 'broker', name: String(id) }])
    return found?.get(String(id)) ?? null
  }

  /** Null takes a setting back (Kafka 1.1 and later). */
  async alterSettings(
    id: number,
    changes: ReadonlyMap<string, string | null>,
    options: ChangeOptions = {},
  ): Promise<void> {
    await alterSettings(await this.#connect(id), { type: 'broker', name: String(id) }, changes, options)
  }

  async #connect(id: number): Promise<BrokerConnection> {
    const { cluster } = this.#parts
    await cluster.refresh()
    return cluster.connect(id, 'metadata')
  }
}

function directoryOf(given: ResponseOf<typeof describeLogDirs>['results'][number]): LogDirectory {
  const replicas = new Map<string, number>()
  for (const { name, partitions } of given.topics)
    for (const { partitionIndex, partitionSize, isFutureKey } of partitions)
      if (!isFutureKey) replicas.set(nameOf({ topic: name, partition: partitionIndex }), partitionSize)
  const known = (bytes: number) => (bytes < 0 ? null : bytes)
  return {
    path: given.logDir,
    problem: given.errorCode === 0 ? null : wordsOf(given.errorCode),
    replicas,
    totalBytes: known(given.totalBytes),
    usableBytes: known(given.usableBytes),
  }
}
