// A small file that is replaced as a whole: after a crash it holds the old bytes or the new ones.
import { dirname } from 'node:path'
import type { Disk } from '../system/disk.ts'

/**
 * Writes beside it, syncs, renames, syncs the directory; a failure leaves nothing beside it. Not for two callers at once
 * on one path. The file is its owner's alone; where `isShared`, others may read it as the umask lets them.
 */
export async function replaceFile(disk: Disk, path: string, bytes: Buffer, isShared = false): Promise<void> {
  const putInPlace = await prepareFile(disk, path, bytes, isShared)
  await putInPlace()
}

/** The first half: the new bytes are durable beside the file. Gives the second, which puts them in its place. */
export async function prepareFile(
  disk: Disk,
  path: string,
  bytes: Buffer,
  isShared = false,
): Promise<() => Promise<void>> {
  const fresh = `${path}.new`
  if (await disk.exists(fresh)) await disk.remove(fresh)
  const file = await disk.open(fresh, 'create', isShared)
  try {
    await file.write(bytes, 0)
    await file.sync()
  } catch (error) {
    await disk.remove(fresh).catch(() => {})
    throw error
  } finally {
    await file.close()
  }
  return async () => {
    await disk.rename(fresh, path)
    await disk.syncDirectory(dirname(path))
  }
}

/** The whole file; null where there is none. */
export async function readWhole(disk: Disk, path: string): Promise<Buffer | null> {
  if (!(await disk.exists(path))) return null
  const file = await disk.open(path, 'read')
  try {
    const bytes = Buffer.allocUnsafeSlow(await file.size())
    return bytes.subarray(0, await file.read(bytes, 0))
  } finally {
    await file.close()
  }
}
