// The small files beside Flume's logs: log-<n>.meta, which says how a log was written, and checkpoint.meta,
// which says what the checkpoint holds. Each is one message with its length before it.
import { basename, join } from 'node:path'
import { Fault } from '../../../errors.ts'
import { readWhole } from '../../../storage/atomic-file.ts'
import type { Disk } from '../../../system/disk.ts'
import { Malformed, MessageReader } from './protobuf.ts'

export interface LogEncryption {
  readonly provider: string
  readonly keyAlias: string
  /** For AES/CTR/NoPadding: the initial vector. */
  readonly parameters: Buffer
}

export interface LogMetadata {
  readonly version: number
  readonly id: number
  readonly encryption: LogEncryption | null
}

export interface CheckpointMetadata {
  readonly version: number
  readonly order: number
  readonly queueSize: number
  readonly queueHead: number
  /** Ids of the logs to which it points. */
  readonly logs: readonly number[]
}

/** Null where there is none, as beside logs of Flume 1.2 and older. */
export async function readLogMetadata(disk: Disk, logPath: string): Promise<LogMetadata | null> {
  // Flume replaces the file by way of .tmp, and of .old where a rename does not replace.
  for (const ending of ['.meta', '.meta.tmp', '.meta.old']) {
    const path = `${logPath}${ending}`
    const bytes = await readWhole(disk, path)
    if (bytes === null || bytes.length === 0) continue
    try {
      const reader = new MessageReader(bytes).delimited()
      let version = 0
      let id = 0
      let encryption: LogEncryption | null = null
      while (reader.next())
        if (reader.field === 1) version = reader.fixed32()
        else if (reader.field === 2) id = reader.fixed32()
        else if (reader.field === 5) encryption = readEncryption(reader.message())
        else reader.skip()
      return { version, id, encryption }
    } catch (error) {
      if (!(error instanceof Malformed)) throw error
      throw new Fault(
        'CORRUPT',
        `${path} cannot be read (${error.message}), so that nobody knows whether ${basename(logPath)} is encrypted. Bring it back from a copy; or, if the channel was not encrypted, move it away and start again`,
      )
    }
  }
  return null
}

function readEncryption(reader: MessageReader): LogEncryption {
  let provider = ''
  let keyAlias = ''
  let parameters: Buffer = Buffer.alloc(0)
  while (reader.next())
    if (reader.field === 1) provider = reader.text()
    else if (reader.field === 2) keyAlias = reader.text()
    else if (reader.field === 3) parameters = reader.slice()
    else reader.skip()
  return { provider, keyAlias, parameters }
}

/** Null where there is none or it cannot be read. */
export async function readCheckpointMetadata(
  disk: Disk,
  directory: string,
): Promise<CheckpointMetadata | null> {
  const bytes = await readWhole(disk, join(directory, 'checkpoint.meta'))
  if (bytes === null) return null
  try {
    const reader = new MessageReader(bytes).delimited()
    let version = 0
    let order = 0
    let queueSize = 0
    let queueHead = 0
    const logs: number[] = []
    while (reader.next())
      if (reader.field === 1) version = reader.fixed32()
      else if (reader.field === 2) order = reader.fixed64()
      else if (reader.field === 3) queueSize = reader.fixed32()
      else if (reader.field === 4) queueHead = reader.fixed32()
      else if (reader.field === 5) {
        const log = reader.message()
        let id = 0
        let count = 0
        while (log.next())
          if (log.field === 1) id = log.fixed32()
          else if (log.field === 2) count = log.fixed32()
          else log.skip()
        if (count > 0) logs.push(id)
      } else reader.skip()
    return { version, order, queueSize, queueHead, logs }
  } catch (error) {
    if (error instanceof Malformed) return null
    throw error
  }
}
