// What a file channel is told: its directories, limits and times. Sizes in bytes, times in milliseconds.
import type { EncryptionKeys } from './encryption-keys.ts'

export interface FileChannelSettings {
  readonly checkpointDirectory: string
  /** Where a Flume kept a copy of its checkpoint: read when its events are taken over. */
  readonly flumeBackupDirectory?: string | null
  readonly dataDirectories: readonly string[]
  readonly capacity: number
  readonly transactionCapacity: number
  readonly keepAliveMs: number
  readonly segmentBytes: number
  readonly floorBytes: number
  readonly syncEachGroup: boolean
  readonly syncIntervalMs: number
  readonly checkpointIntervalMs: number
  readonly checkpointOnClose: boolean
  /** Null or absent: nothing is encrypted. */
  readonly encryption?: EncryptionKeys | null
  /** Whether it opens without what is missing of it. */
  readonly acceptLoss?: boolean
}
