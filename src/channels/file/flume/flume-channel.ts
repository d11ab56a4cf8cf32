// Reads the directories of a stopped Flume file channel (1.3 to 1.11) without changing anything in them: the
// undelivered events, in the order in which their puts were committed. Two passes: the first finds out which
// they are and where they stand (replay.ts), the second reads them, in large pieces. Memory is needed for
// positions, not for bodies.
import { join } from 'node:path'
import { Fault } from '../../../errors.ts'
import type { Event } from '../../../event.ts'
import type { Disk } from '../../../system/disk.ts'
import { readFlumeCheckpoint, type FlumeCheckpoint, type ReadCheckpoint } from './checkpoint.ts'
import type { DecryptRecord, FlumeDecrypter } from './decrypter.ts'
import { LogReader } from './log-reader.ts'
import { readLogMetadata } from './metadata.ts'
import { Malformed } from './protobuf.ts'
import { readEvent } from './record.ts'
import { Replay, type ReplayedLog, type Survivors } from './replay.ts'

export interface FlumeDirectories {
  readonly checkpointDirectory: string
  /** Where Flume kept a copy of its checkpoint (useDualCheckpoints); absent or null where it kept none. */
  readonly backupDirectory?: string | null
  readonly dataDirectories: readonly string[]
  /** For encrypted logs; without it they are refused. */
  readonly decrypter?: FlumeDecrypter | null
}

export interface FlumeDamage {
  readonly path: string
  /** Bytes; null where the whole file is meant. */
  readonly position: number | null
  readonly message: string
}

export interface FlumeLog extends ReplayedLog {
  readonly size: number
}

export interface BatchLimits {
  readonly events: number
  readonly bytes: number
}

export interface FlumeChannel {
  /** Undelivered events; those of them that turn out to be damaged are in `damage` once they were read. */
  readonly events: number
  readonly logs: readonly FlumeLog[]
  /** Grows while batches are read. */
  readonly damage: readonly FlumeDamage[]
  /** Undelivered events in order. May be called again. */
  batches(limits?: BatchLimits): AsyncIterable<Event[]>
}

const pieceBytes = 1024 * 1024
const usualLimits = { events: 1000, bytes: 8 * 1024 * 1024 }

/** Names of Flume's logs in a directory, and their ids. */
export async function listFlumeLogs(
  disk: Disk,
  directory: string,
): Promise<{ readonly id: number; readonly name: string }[]> {
  const found: { id: number; name: string }[] = []
  for (const name of await disk.list(directory)) {
    const id = /^log-(\d+)$/.exec(name)?.[1]
    if (id !== undefined) found.push({ id: Number(id), name })
  }
  return found
}

/** Rejects with FOREIGN_FILES where it cannot be read, with CORRUPT where a log is missing. */
export async function readFlumeChannel(disk: Disk, given: FlumeDirectories): Promise<FlumeChannel> {
  const damage: FlumeDamage[] = []
  const logs: { log: FlumeLog; decrypt: DecryptRecord | null }[] = []
  for (const directory of given.dataDirectories)
    for (const { id, name } of await listFlumeLogs(disk, directory))
      logs.push(await openable(disk, id, directory, join(directory, name), given))
  logs.sort((a, b) => a.log.id - b.log.id)
  const read = async (from: FlumeCheckpoint | null) => {
    const replay = new Replay(from)
    const unreadable: FlumeDamage[] = []
    for (const { log, decrypt } of logs) {
      const reader = await LogReader.open(disk, log.path, pieceBytes, decrypt)
      try {
        await replay.read(log, reader, (position, message) =>
          unreadable.push({ path: log.path, position, message }),
        )
      } finally {
        await reader.close()
      }
    }
    return { ...replay.survivors(), unreadable }
  }
  const found =
    (await fromCheckpoint(
      disk,
      given,
      logs.map(one => one.log),
      read,
      damage,
    )) ?? (await read(null))
  damage.push(...found.unreadable)
  if (found.doubtful > 0)
    damage.push({
      path: given.dataDirectories.join(', '),
      position: null,
      message: `whether ${found.doubtful} events were ever committed stood in a damaged part; they are taken as committed`,
    })
  const { survivors } = found
  return {
    events: survivors.positions.length,
    logs: logs.map(one => one.log),
    damage,
    batches: (limits = usualLimits) => readBatches(disk, logs, survivors, limits, damage),
  }
}

/**
 * What is undelivered by Flume's checkpoint, or else by the copy of it, where there are several directories; null
 * where the logs alone must say it. Rejects with CORRUPT where a log is missing to which the checkpoint points.
 */
async function fromCheckpoint<R extends { readonly missing: number }>(
  disk: Disk,
  { checkpointDirectory, backupDirectory = null, dataDirectories }: FlumeDirectories,
  logs: readonly FlumeLog[],
  read: (from: FlumeCheckpoint) => Promise<R>,
  damage: FlumeDamage[],
): Promise<R | null> {
  const main = await readFlumeCheckpoint(disk, checkpointDirectory)
  const path = join(checkpointDirectory, 'checkpoint')
  const missing = 'problem' in main ? [] : logsNotAmong(logs, main)
  if (missing.length > 0)
    throw new Fault(
      'CORRUPT',
      `${path} points to events in ${missing.join(', ')}, which ${missing.length === 1 ? 'is' : 'are'} in none of ${dataDirectories.join(', ')}. Add the directory that is missing to dataDirs; if those events are lost, move ${path} and ${path}.meta away to go on without them`,
    )
  if (dataDirectories.length === 1) return null
  const by = async (one: ReadCheckpoint): Promise<R | string> => {
    if ('problem' in one) return one.problem
    const found = await read(one)
    return found.missing === 0 ? found : `at ${found.missing} places to which it points there is no event`
  }
  const found = await by(main)
  if (typeof found !== 'string') return found
  const tell = (file: string, message: string): unknown =>
    damage.push({ path: file, position: null, message })
  const replayed =
    'all logs were replayed instead: with several data directories, events that were delivered long ago may come again'
  if (backupDirectory === null) {
    tell(path, `not used: ${found}; ${replayed}`)
    return null
  }
  const foundByCopy = await by(await readBackup(disk, backupDirectory))
  if (typeof foundByCopy !== 'string') {
    tell(path, `not used: ${found}; its copy in ${backupDirectory} was used instead`)
    return foundByCopy
  }
  tell(path, `not used: ${found}`)
  tell(join(backupDirectory, 'checkpoint'), `not used: ${foundByCopy}; ${replayed}`)
  return null
}

/** Flume makes the copy while it runs, and an empty file backupComplete when it is whole. */
async function readBackup(disk: Disk, directory: string): Promise<ReadCheckpoint> {
  if (!(await disk.exists(join(directory, 'backupComplete'))))
    return { problem: `${directory} has no backupComplete` }
  if (await disk.exists(join(directory, 'checkpoint.snappy')))
    return { problem: 'it is compressed (compressBackupCheckpoint), which is not read' }
  return await readFlumeCheckpoint(disk, directory)
}

function logsNotAmong(logs: readonly FlumeLog[], { inside }: FlumeCheckpoint): string[] {
  const ids = new Set(logs.map(log => log.id))
  return [...inside.keys()]
    .filter(id => !ids.has(id))
    .sort((a, b) => a - b)
    .map(id => `log-${id}`)
}

async function openable(
  disk: Disk,
  id: number,
  directory: string,
  path: string,
  { decrypter = null }: FlumeDirectories,
): Promise<{ log: FlumeLog; decrypt: DecryptRecord | null }> {
  const metadata = await readLogMetadata(disk, path)
  const { size, start } = await startOf(disk, path)
  if (metadata === null ? isOldFormat(start) : metadata.version !== 3)
    throw new Fault(
      'FOREIGN_FILES',
      `${path} is of an older format (Flume 1.2 or before), which Millrace does not read. Drain the channel with Flume: start Flume without the source until its ChannelSize is 0, stop it, and move the log-* files away`,
    )
  const log = { id, directory, path, size }
  const encryption = metadata?.encryption ?? null
  if (encryption === null) return { log, decrypt: null }
  if (decrypter === null)
    throw new Fault(
      'FOREIGN_FILES',
      `${path} is encrypted (key ${encryption.keyAlias}), and no keys are configured. Write the encryption.* lines with which Flume ran`,
    )
  const decrypt = await decrypter({ path, ...encryption })
  await refuseOtherKey(disk, path, encryption.keyAlias, decrypt)
  return { log, decrypt }
}

const sampledRecords = 16

/** With another key every record would look damaged, and its events would be given up. */
async function refuseOtherKey(
  disk: Disk,
  path: string,
  keyAlias: string,
  decrypt: DecryptRecord,
): Promise<void> {
  const reader = await LogReader.open(disk, path, pieceBytes, decrypt)
  try {
    const { whole, readable } = await reader.sample(sampledRecords)
    if (readable * 2 >= whole) return
    throw new Fault(
      'KEY_STORE',
      `${path} is encrypted with the key "${keyAlias}", and with the key of that name in the key store ${whole - readable} of its first ${whole} records cannot be read: give the key store back with which Flume ran. If it is that one, the log is damaged: move it away to go on without its events`,
    )
  } finally {
    await reader.close()
  }
}

async function startOf(disk: Disk, path: string): Promise<{ size: number; start: Buffer }> {
  const file = await disk.open(path, 'read')
  try {
    const start = Buffer.alloc(4)
    await file.read(start, 0)
    return { size: await file.size(), start }
  } finally {
    await file.close()
  }
}

function isOldFormat(start: Buffer): boolean {
  return start.equals(Buffer.from('deadbeef', 'hex')) || start.readInt32BE(0) === 2
}

async function* readBatches(
  disk: Disk,
  logs: readonly { log: FlumeLog; decrypt: DecryptRecord | null }[],
  { logs: indexes, positions }: Survivors,
  limits: BatchLimits,
  damage: FlumeDamage[],
): AsyncGenerator<Event[]> {
  // Of each directory the log that is being read, since events of one follow each other.
  const open = new Map<string, { index: number; reader: LogReader }>()
  const readerOf = async (index: number): Promise<LogReader> => {
    const { log, decrypt } = logs[index]!
    const there = open.get(log.directory)
    if (there?.index === index) return there.reader
    open.delete(log.directory)
    await there?.reader.close()
    const reader = await LogReader.open(disk, log.path, pieceBytes, decrypt)
    open.set(log.directory, { index, reader })
    return reader
  }
  try {
    let batch: Event[] = []
    let bytes = 0
    for (let at = 0; at < positions.length; at++) {
      const position = positions[at]!
      const reader = await readerOf(indexes[at]!)
      try {
        const event = readEvent(await reader.put(position))
        batch.push(event)
        bytes += event.encoded.length
      } catch (error) {
        if (!(error instanceof Malformed)) throw error
        damage.push({
          path: reader.path,
          position,
          message: `the event at ${position} is damaged and is lost: ${error.message}`,
        })
      }
      if (batch.length >= limits.events || bytes >= limits.bytes) {
        yield batch
        batch = []
        bytes = 0
      }
    }
    if (batch.length > 0) yield batch
  } finally {
    for (const { reader } of open.values()) await reader.close()
  }
}
