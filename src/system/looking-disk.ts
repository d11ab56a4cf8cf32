// A disk that is only looked at: what is read is there, what would change it does nothing. A directory that is missing
// is an empty one, and a file that does not fit into the free space fails as it would. By it the check goes through
// what a start does first.
import { dirname } from 'node:path'
import { inUse } from './directory-lock.ts'
import type { Disk, DiskFile } from './disk.ts'

const nothing = (): Promise<void> => Promise.resolve()

export const lookingDisk = (disk: Disk): Disk => ({
  ...disk,
  open: async (path, mode) =>
    mode === 'read' ? await disk.open(path, mode) : nowhere(path, await freeAt(disk, dirname(path))),
  freeBytes: directory => freeAt(disk, directory),
  list: async directory => ((await disk.exists(directory)) ? await disk.list(directory) : []),
  makeDirectory: nothing,
  makePrivate: nothing,
  rename: nothing,
  remove: nothing,
  removeDirectory: nothing,
  syncDirectory: nothing,
  async lockDirectory(directory) {
    const holder = (await disk.directoryHolder?.(directory)) ?? null
    if (holder !== null) throw inUse(directory, holder)
    return { release: nothing }
  },
})

/** Where the directory is not there yet: of the nearest one above it. */
async function freeAt(disk: Disk, directory: string): Promise<number> {
  const parent = dirname(directory)
  if (parent !== directory && !(await disk.exists(directory))) return await freeAt(disk, parent)
  return await disk.freeBytes(directory).catch(() => Infinity)
}

const nowhere = (path: string, free: number): DiskFile => ({
  path,
  size: () => Promise.resolve(0),
  read: () => Promise.resolve(0),
  write(bytes, position) {
    if (position + bytes.length <= free) return nothing()
    return Promise.reject(Object.assign(new Error('ENOSPC: no space left on device'), { code: 'ENOSPC' }))
  },
  writeAll: nothing,
  truncate: nothing,
  sync: nothing,
  close: nothing,
})
