// What a fetcher needs of the consumer around it.
import type { ConditionMaker } from '../../observe/conditions.ts'
import type { Logger } from '../../observe/log.ts'
import type { Cluster } from '../connection/cluster.ts'
import type { ClientSystem } from '../connection/connection.ts'
import type { ConsumerOptions, RecordLimits, TopicPartition } from '../contract.ts'
import type { ConsumerSettings } from '../settings.ts'

export interface FetcherParts {
  readonly system: ClientSystem
  readonly log: Logger
  readonly cluster: Cluster
  readonly settings: ConsumerSettings
  readonly condition: ConditionMaker
  /** Nothing is handed out for now, until wake. */
  isHeld(): boolean
  /** The broker does not hold what is asked for: gives where to go on. */
  resolveOutOfRange(
    partition: TopicPartition,
    offset: number,
    onRefused: (problem: string, isFinal: boolean) => void,
  ): Promise<number>
  /** Records that were handed out and are not in the log any more: reading goes on at `from`. */
  onCut(cut: TopicPartition & { from: number; to: number }): void
  /** The topic was deleted and created again: what was read and fetched of it is over, and reading begins at 0. */
  onRecreated(partition: TopicPartition, was: { position: number; fetchOffset: number }): void
  readonly recordLimits?: RecordLimits | undefined
  readonly onLeftOut?: ConsumerOptions['onLeftOut']
  readonly recordOrigins?: boolean | undefined
}
