// What the log of a partition is made with, and what was found of it when it was opened.
import type { Logger } from '../../observe/log.ts'
import type { System } from '../../system/system.ts'
import type { LogSettings } from '../topic-settings.ts'
import type { AbortedTransactions } from './aborted-transactions.ts'
import type { ProducerStates } from './producer-states.ts'
import type { Segment } from './segment.ts'

export type { LogSettings }

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
