// A directory of one user's own: made for nobody else, never one that somebody else has laid out, and
// removed as a whole.
import { lstat, mkdir, readdir, rm, stat as statOf, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { Fault } from '../errors.ts'

const uid = process.getuid?.() ?? 0

/** Where files of no lasting worth go: a name of the user's own below the system's directory for them. */
export const temporaryPath = (name: string): string => join(tmpdir(), `${name}-${uid}`)

/**
 * Makes the directory, with its parents, readable for its user alone; one that exists must be this user's,
 * unless `mayBeShared`. Rejects with DISK naming the directory.
 */
export async function makeOwnDirectory(path: string, mayBeShared = false): Promise<void> {
  const refuse = (why: string, cause?: unknown) =>
    new Fault('DISK', `cannot use the directory ${path}: ${why}`, { cause })
  try {
    await makeParents(dirname(path))
    await mkdir(path, { mode: 0o700 })
    return
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException
    if (code !== 'EEXIST') throw refuse(message, error)
  }
  const stat = await (mayBeShared ? statOf : lstat)(path).catch((error: Error) => {
    throw refuse(error.message, error)
  })
  if (stat.isSymbolicLink() && stat.uid !== uid) throw refuse('it is a link that belongs to another user')
  if (!stat.isDirectory() && !stat.isSymbolicLink()) throw refuse('it is not a directory')
  if (!mayBeShared && stat.uid !== uid && uid !== 0) throw refuse('it belongs to another user')
}

/** Node's own `recursive` never returns where a parent can be neither found nor made (/proc/x/y). */
async function makeParents(path: string): Promise<void> {
  try {
    await mkdir(path)
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    if (code === 'EEXIST') return
    if (code !== 'ENOENT' || dirname(path) === path) throw error
    await makeParents(dirname(path))
    await mkdir(path).catch((again: NodeJS.ErrnoException) => {
      if (again.code !== 'EEXIST') throw again
    })
  }
}

/** Removes it with everything inside; nothing happens where it is not there. */
export const removeTree = (path: string): Promise<void> => rm(path, { recursive: true, force: true })

/** Removes everything inside but the names given. */
export async function emptyDirectory(path: string, but: readonly string[]): Promise<void> {
  for (const name of await readdir(path)) if (!but.includes(name)) await removeTree(join(path, name))
}

/** Writes the whole file, over what it held. Rejects with DISK. */
export async function writeText(path: string, text: string): Promise<void> {
  await writeFile(path, text).catch((cause: Error) => {
    throw new Fault('DISK', `cannot write ${path}: ${cause.message}`, { cause })
  })
}
