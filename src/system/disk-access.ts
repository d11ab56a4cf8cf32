// What keeps this process from using a path of the disk: asked without changing anything.
import { constants } from 'node:fs'
import { access, lstat, stat, statfs } from 'node:fs/promises'
import { dirname } from 'node:path'

/**
 * As what a path is to be used: a directory, one that is only listed, one that is made where it is missing, a file that
 * is written and made with its directory where it is missing, a file that is read.
 */
export type PathUse = 'directory' | 'read directory' | 'new directory' | 'written file' | 'read file'

/** One clause, null where nothing is known to be in the way. What only a write itself finds (a quota) is not seen. */
export async function obstacleAt(path: string, use: PathUse): Promise<string | null> {
  const found = await stat(path).catch((error: NodeJS.ErrnoException) => error)
  if (found instanceof Error) {
    if (found.code !== 'ENOENT') return reasonOf(found, path)
    if (await isLink(path)) return `${path} is a link to nothing`
    if (use === 'directory' || use.startsWith('read')) return `${path} does not exist`
    return obstacleAt(dirname(path), 'new directory')
  }
  const isDirectory = use.endsWith('directory')
  if (found.isDirectory() !== isDirectory) return `${path} is ${isDirectory ? 'not ' : ''}a directory`
  if (isDirectory && use !== 'read directory' && (await isOfKernel(path)))
    return `no file can be made in ${path}`
  const { R_OK, W_OK, X_OK } = constants
  const toRead = isDirectory ? R_OK | X_OK : R_OK
  const rights = use.startsWith('read') ? toRead : isDirectory ? toRead | W_OK : W_OK
  return access(path, rights).then(
    () => null,
    (error: NodeJS.ErrnoException) => reasonOf(error, path),
  )
}

/** Whether the path is in /proc or /sys, where root has all rights and can make nothing (Linux's magic numbers of both). */
const isOfKernel = (path: string): Promise<boolean> =>
  statfs(path).then(
    ({ type }) => type === 0x9fa0 || type === 0x62656572,
    () => false,
  )

const isLink = (path: string): Promise<boolean> =>
  lstat(path).then(
    () => true,
    () => false,
  )

function reasonOf(error: NodeJS.ErrnoException, path: string): string {
  switch (error.code) {
    case 'EACCES':
    case 'EPERM':
      return `this user has no rights to use ${path}`
    case 'EROFS':
      return `${path} is on a file system that is read-only`
    case 'ENOTDIR':
      return `a part of ${path} is not a directory`
    default:
      return error.message
  }
}
