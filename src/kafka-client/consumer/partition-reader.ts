// Reads partitions that the caller names, from offsets the caller gives: no group, no commits. For who
// looks at a topic from outside, as the demonstration does.
import { Fault } from '../../errors.ts'
import type { ConditionMaker } from '../../observe/conditions.ts'
import type { Logger } from '../../observe/log.ts'
import { Cluster } from '../connection/cluster.ts'
import type { ClientSystem } from '../connection/connection.ts'
import { nameOf, type ConsumedRecord, type Position, type TopicPartition } from '../contract.ts'
import { Fetcher } from './fetcher.ts'
import { recreatedWarning } from './position-note.ts'
import { earliest, listAllEnds } from './offsets.ts'
import type { ConsumerSettings } from '../settings.ts'

export interface PartitionReaderOptions {
  readonly system: ClientSystem
  readonly log: Logger
  readonly condition: ConditionMaker
  /** Those of a group do not matter. */
  readonly settings: ConsumerSettings
}

export class PartitionReader {
  readonly #cluster: Cluster
  readonly #fetcher: Fetcher
  readonly #stop = new AbortController()

  constructor({ system, log, condition, settings }: PartitionReaderOptions) {
    this.#cluster = new Cluster({ system, log, condition, settings, allowAutoTopicCreation: false })
    this.#fetcher = new Fetcher({
      system,
      log,
      cluster: this.#cluster,
      settings,
      condition,
      isHeld: () => false,
      resolveOutOfRange: async (partition, offset, onRefused) => {
        const { signal } = this.#stop
        const firsts = await listAllEnds(this.#cluster, [partition], earliest, {
          isolationLevel: 0,
          signal,
          onRefused: (_, problem, isFinal) => onRefused(problem, isFinal),
        })
        const first = firsts.get(nameOf(partition))!
        if (first > offset) {
          log.warn(
            `records ${offset}..${first - 1} of ${nameOf(partition)} are gone (retention): going on at ${first}`,
          )
          return first
        }
        throw new Fault(
          'KAFKA_FATAL',
          `${nameOf(partition)} has lost records from ${offset} on, or its topic was deleted and created again`,
        )
      },
      onRecreated: (one, { position, fetchOffset }) => log.warn(recreatedWarning(one, position, fetchOffset)),
      onCut: ({ from, to }) => log.warn(`records ${from}..${to} that were read are not in Kafka any more`),
    })
  }

  /** Reads these partitions too, from the offsets given. */
  add(positions: readonly Position[]): void {
    this.#cluster.watch(new Set(positions.map(one => one.topic)))
    this.#fetcher.add(positions)
  }

  /** As soon as there is one record; empty when the signal is aborted first. Rejects with KAFKA or KAFKA_FATAL. */
  poll(options: { maxRecords: number; signal: AbortSignal }): Promise<ConsumedRecord[]> {
    return this.#fetcher.poll(options.maxRecords, options.signal)
  }

  /** Where reading goes on: behind what was polled, and behind what is no record, such as markers of transactions. */
  position(partition: TopicPartition): number {
    const buffer = this.#fetcher.buffer(partition)
    if (buffer === undefined) return -1
    return buffer.hasRecords ? buffer.position : buffer.fetchOffset
  }

  close(): void {
    this.#stop.abort()
    this.#fetcher.close()
    this.#cluster.close()
  }
}
