// A disk that is only looked at: what is read is there, what would change it does nothing. A directory that is missing
// is an empty one, and a file that does not fit into the free space fails as it would, beside those made before it. By it
// the check goes through what a start does first.
import { dirname } from 'node:path'
import { inUse } from './directory-lock.ts'
import type { Disk, DiskFile } from './disk.ts'

const nothing = (): Promise<void> => Promise.resolve()

export function lookingDisk(disk: Disk): Disk {
  /** Of the files that would have been made, by path. */
  const made = new Map<string, number>()
  const freeBytes = async (directory: string): Promise<number> => {
    const inside = [...made].filter(([path]) => dirname(path) === directory)
    return (await freeAt(disk, directory)) - inside.reduce((sum, [, bytes]) => sum + bytes, 0)
  }
  const nowhere = async (path: string): Promise<DiskFile> => {
    // In place there is room for what a file has already.
    const has = made.get(path) ?? (await sizeOf(disk, path))
    const room = has + (await freeBytes(dirname(path)))
    const write = (bytes: number, position: number): Promise<void> => {
      if (position + bytes > room)
        return Promise.reject(
          Object.assign(new Error(`ENOSPC: no space left on device, write '${path}'`), { code: 'ENOSPC' }),
        )
      if (position + bytes > (made.get(path) ?? has)) made.set(path, position + bytes)
      return nothing()
    }
    return {
      path,
      size: () => Promise.resolve(has),
      read: () => Promise.resolve(0),
      write: (bytes, position) => write(bytes.length, position),
      writeAll: (buffers, position) => write(Buffer.concat(buffers).length, position),
      truncate: nothing,
      sync: nothing,
      close: nothing,
    }
  }
  return {
    ...disk,
    open: async (path, mode) => (mode === 'read' ? await disk.open(path, mode) : await nowhere(path)),
    freeBytes,
    list: async directory => ((await disk.exists(directory)) ? await disk.list(directory) : []),
    makeDirectory: nothing,
    makePrivate: nothing,
    rename(from, to) {
      const bytes = made.get(from)
      if (bytes !== undefined) made.set(to, bytes)
      made.delete(from)
      return nothing()
    },
    remove: path => Promise.resolve(void made.delete(path)),
    removeDirectory: nothing,
    syncDirectory: nothing,
    async lockDirectory(directory) {
      const holder = (await disk.directoryHolder?.(directory)) ?? null
      if (holder !== null) throw inUse(directory, holder)
      return { release: nothing }
    },
  }
}

async function sizeOf(disk: Disk, path: string): Promise<number> {
  const file = await disk.open(path, 'read').catch(() => null)
  const size = (await file?.size().catch(() => 0)) ?? 0
  await file?.close().catch(() => {})
  return size
}

/** Where the directory is not there yet: of the nearest one above it. */
async function freeAt(disk: Disk, directory: string): Promise<number> {
  const parent = dirname(directory)
  if (parent !== directory && !(await disk.exists(directory))) return await freeAt(disk, parent)
  return await disk.freeBytes(directory).catch(() => Infinity)
}
