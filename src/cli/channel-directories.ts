// The directories that a channel tool is given: ours or Flume's, locked while the tool works.
import { basename, dirname, join, resolve } from 'node:path'
import { Checkpoint } from '../channels/file/checkpoint.ts'
import { markName, readMarks, type MarkedDirectory } from '../channels/file/directory-mark.ts'
import { listFlumeLogs } from '../channels/file/flume/flume-channel.ts'
import { segmentIdOf } from '../channels/file/segment.ts'
import { Fault } from '../errors.ts'
import { inUse, lockFiles, type DirectoryLock } from '../system/directory-lock.ts'
import type { Disk } from '../system/disk.ts'
import { lockHolder } from '../system/file-lock.ts'

export interface ChannelDirectories {
  readonly kind: 'millrace' | 'flume'
  readonly data: readonly string[]
  readonly checkpoint: string
}

type Kind = ChannelDirectories['kind']

/**
 * The data directories among those named, or one level below them. Rejects with DISK where a directory is
 * not there, with FOREIGN_FILES where there is no channel, or Flume's beside ours.
 */
export async function findChannel(
  disk: Disk,
  named: readonly string[],
  checkpoint: string | undefined,
): Promise<ChannelDirectories> {
  const found: { path: string; kind: Kind }[] = []
  for (const name of named) {
    const path = resolve(name)
    const names = await disk.list(path).catch((cause: Error) => {
      throw new Fault('DISK', `cannot read directory ${path}: ${cause.message}`, { cause })
    })
    const kind = await channelKindOf(disk, path)
    if (kind !== null) found.push({ path, kind })
    else
      for (const below of names) {
        const inside = join(path, below)
        const kindInside = await channelKindOf(disk, inside).catch(() => null)
        if (kindInside !== null) found.push({ path: inside, kind: kindInside })
      }
  }
  const [first] = found
  if (first === undefined)
    throw new Fault(
      'FOREIGN_FILES',
      `there is no file channel in ${named.join(', ')}: neither millrace-<n>.wal nor Flume's log-<n>`,
    )
  if (found.some(({ kind }) => kind !== first.kind))
    throw new Fault(
      'FOREIGN_FILES',
      `${found.map(one => one.path).join(', ')} hold Flume's logs and Millrace's; name one`,
    )
  const data = found.map(one => one.path)
  const beside = join(dirname(first.path), 'checkpoint')
  return { kind: first.kind, data, checkpoint: resolve(checkpoint ?? beside) }
}

/**
 * Rejects with FOREIGN_FILES where the checkpoint is of a channel that lies beside it and has none of the directories:
 * several channels may lie in one directory.
 */
export async function requireOwnCheckpoint(
  disk: Disk,
  data: readonly string[],
  checkpoint: string,
): Promise<void> {
  const state = await new Checkpoint(disk, checkpoint).read()
  const known = (state?.directories ?? []).map(({ path }) => path)
  const isTheirs = ({ mark }: MarkedDirectory) => mark?.channel === state?.channelId
  if (state === null || known.some(path => data.includes(path))) return
  if ((await readMarks(disk, data)).some(isTheirs)) return
  const beside = known.filter(path => dirname(path) === dirname(checkpoint))
  const owners = (await readMarks(disk, beside)).filter(isTheirs).map(({ path }) => path)
  if (owners.length > 0)
    throw new Fault(
      'FOREIGN_FILES',
      `${checkpoint} belongs to the channel in ${owners.join(', ')}; name another with --checkpoint`,
    )
}

export async function channelKindOf(disk: Disk, path: string): Promise<Kind | null> {
  const names = await disk.list(path)
  if (names.some(name => name === markName || segmentIdOf(name) !== null)) return 'millrace'
  return (await listFlumeLogs(disk, path)).length > 0 ? 'flume' : null
}

/**
 * Keeps agents out while the tool reads; where nothing can be written it reads without, and tells. Rejects with
 * DIRECTORY_IN_USE naming the holder.
 */
export async function lockAll(
  disk: Disk,
  { kind, data }: ChannelDirectories,
  tell: (line: string) => void,
): Promise<DirectoryLock> {
  const locks: DirectoryLock[] = []
  const release = async (): Promise<void> => {
    for (const lock of locks.splice(0)) await lock.release()
  }
  try {
    for (const directory of data) {
      try {
        locks.push(await disk.lockDirectory(directory, 'a channel tool'))
      } catch (error) {
        if (!(error instanceof Fault) || error.code === 'DIRECTORY_IN_USE') throw error
        const holder = (await disk.directoryHolder?.(directory)) ?? null
        if (holder !== null) throw inUse(directory, holder)
        tell(
          `${error.message}: it is read without a lock, and what an agent changes there meanwhile may be called damaged`,
        )
      }
      if (kind !== 'flume') continue
      const holder = await lockHolder(join(directory, 'in_use.lock'))
      if (holder !== null)
        throw new Fault(
          'DIRECTORY_IN_USE',
          `directory ${directory} is in use by Flume, pid ${holder}; stop it first`,
        )
    }
  } catch (error) {
    await release()
    throw error
  }
  return { release }
}

/** Whether nothing lies there, or it does not exist. */
export async function isEmpty(disk: Disk, path: string): Promise<boolean> {
  if (!(await disk.exists(path))) return true
  return (await disk.list(path)).every(name => lockFiles.includes(basename(name)))
}
