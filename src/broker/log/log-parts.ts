// What the log of a partition is made with, and what was found of it when it was opened.
import type { Logger } from '../../observe/log.ts'
import type { System } from '../../system/system.ts'
import type { AbortedTransactions } from './aborted-transactions.ts'
import type { ProducerStates } from './producer-states.ts'
import type { Segment } from './segment.ts'

export interface LogSettings {
  readonly segmentBytes: number
  /** A segment is full after this long, ms. */
  readonly rollMs: number
  /** Below 0: no limit. */
  readonly retentionMs: number
  readonly retentionBytes: number
  /** Old segments are removed. */
  readonly deletes: boolean
  /** Of each key the newest record is kept. */
  readonly compacts: boolean
  readonly deleteRetentionMs: number
  readonly minDirtyRatio: number
  readonly minCompactionLagMs: number
  readonly maxCompactionLagMs: number
  /** Whether an append waits for the sync. */
  readonly syncEachGroup: boolean
  /** Producers that have written nothing for so long are forgotten. */
  readonly producerExpiryMs: number
}

export interface LogParts {
  readonly system: System
  readonly log: Logger
  /** `topic-partition`, for messages. */
  readonly name: string
  readonly directory: string
  settings: LogSettings
}

export interface RecoveredLog {
  readonly segments: readonly Segment[]
  readonly startOffset: number
  readonly nextOffset: number
  readonly producers: ProducerStates
  readonly aborted: AbortedTransactions
  readonly cleanedTo: number
}

export class OffsetOutOfRange extends Error {
  override name = 'OffsetOutOfRange'
}
