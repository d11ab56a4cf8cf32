// A disk that is only looked at: what is read is there, what would change it does nothing. A directory that is missing
// is an empty one. By it the check goes through what a start does first.
import { inUse } from './directory-lock.ts'
import type { Disk, DiskFile } from './disk.ts'

const nothing = (): Promise<void> => Promise.resolve()

export const lookingDisk = (disk: Disk): Disk => ({
  ...disk,
  open: (path, mode) => (mode === 'read' ? disk.open(path, mode) : Promise.resolve(nowhere(path))),
  list: async directory => ((await disk.exists(directory)) ? await disk.list(directory) : []),
  makeDirectory: nothing,
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

const nowhere = (path: string): DiskFile => ({
  path,
  size: () => Promise.resolve(0),
  read: () => Promise.resolve(0),
  write: nothing,
  writeAll: nothing,
  truncate: nothing,
  sync: nothing,
  close: nothing,
})
