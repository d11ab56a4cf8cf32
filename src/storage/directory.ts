// Directories and files of fixed size on the disk, with the sentences an operator needs when one cannot
// be had.
import { dirname } from 'node:path'
import { diskFault } from '../errors.ts'
import type { Disk, DiskFile } from '../system/disk.ts'

/** Makes the directory where it is missing, its name durable; says whether it was. Rejects with DISK or DISK_FULL naming it. */
export async function ensureDirectory(disk: Disk, path: string, isShared = false): Promise<boolean> {
  try {
    const isThere = await disk.exists(path)
    if (isThere) await disk.list(path)
    else await disk.makeDirectory(path, isShared)
    // Also where it is there: who made it may have been killed before it was durable.
    for (let at = path; dirname(at) !== at; at = dirname(at))
      await disk.syncDirectory(dirname(at)).catch(() => {}) // a parent that is not ours to open was there before
    return !isThere
  } catch (cause) {
    throw diskFault(`cannot use directory ${path}`, cause)
  }
}

const zeros = Buffer.alloc(1024 * 1024)

/**
 * A new file of `size` bytes of zeros, written and synced, so that later writes and syncs change no
 * metadata: that halves the time of a sync. Removed again when it cannot be made; then rejects.
 */
export async function createZeroed(disk: Disk, path: string, size: number): Promise<DiskFile> {
  const file = await disk.open(path, 'create')
  try {
    for (let at = 0; at < size; at += zeros.length)
      await file.write(zeros.subarray(0, Math.min(zeros.length, size - at)), at)
    await file.sync()
    return file
  } catch (error) {
    await file.close().catch(() => {})
    await disk.remove(path).catch(() => {})
    throw error
  }
}

/** A durable copy under a new name; where it cannot be made nothing of it is left. Then rejects. */
export async function copyFile(disk: Disk, from: string, to: string): Promise<void> {
  const source = await disk.open(from, 'read')
  try {
    const target = await disk.open(to, 'create')
    try {
      const buffer = Buffer.allocUnsafe(zeros.length)
      for (let at = 0, count = -1; count !== 0; at += count) {
        count = await source.read(buffer, at)
        if (count > 0) await target.write(buffer.subarray(0, count), at)
      }
      await target.sync()
      await disk.syncDirectory(dirname(to))
    } catch (error) {
      await disk.remove(to).catch(() => {})
      throw error
    } finally {
      await target.close().catch(() => {})
    }
  } finally {
    await source.close()
  }
}
