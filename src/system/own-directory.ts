// A directory of one user's own: made for nobody else, never one that somebody else has laid out or can change,
// and removed as a whole. Root is no exception: what root reads there it would run for whoever wrote it.
import { lstat, mkdir, mkdtemp, open, readdir, realpath, rm, stat as statOf } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { Fault, messageOf, diskFault } from '../errors.ts'

const uid = process.getuid?.() ?? 0
const othersWrite = 0o022
const anybodyWrites = 0o002
/** In such a directory only the owner of an entry renames or removes it, as in /tmp. */
const sticky = 0o1000

const refusal = (path: string, why: string, cause?: unknown) =>
  new Fault('DISK', `cannot use the directory ${path}: ${why}`, { cause })

/** Makes a directory of a random name, for its user alone, where temporary files go. Rejects with DISK. */
export async function makeTemporaryDirectory(name: string): Promise<string> {
  const parent = tmpdir()
  try {
    await refuseReplaceable(join(await realpath(parent), name))
    return await mkdtemp(join(parent, `${name}-`))
  } catch (error) {
    throw error instanceof Fault ? error : refusal(parent, messageOf(error), error)
  }
}

/** Directories of that name which this user's processes have made and left behind, whatever they are now. */
export async function temporaryDirectories(name: string): Promise<string[]> {
  const parent = tmpdir()
  const names = await readdir(parent).catch(() => [])
  const found = await Promise.all(
    names
      .filter(one => one.startsWith(`${name}-`))
      .map(async one => {
        const path = join(parent, one)
        const stat = await lstat(path).catch(() => null)
        const isOwn = stat?.isDirectory() === true && stat.uid === uid && (stat.mode & othersWrite) === 0
        return isOwn ? [path] : []
      }),
  )
  return found.flat()
}

/**
 * Makes the directory, with its parents, for its user alone; one that exists must be this user's, and nobody else may
 * write into it or put another one in its place. Rejects with DISK naming the directory.
 */
export async function makeOwnDirectory(path: string): Promise<void> {
  try {
    await makeParents(dirname(path))
    await mkdir(path, { mode: 0o700 })
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException
    if (code !== 'EEXIST') throw refusal(path, message, error)
  }
  // Looked at also where it is new: between the two somebody may have been quicker.
  await checkOwnDirectory(path)
}

/** Rejects with DISK where it is not there, is another user's, or where others may write into it or replace it. */
export async function checkOwnDirectory(path: string): Promise<void> {
  const link = await lstat(path).catch((error: Error) => {
    throw refusal(path, error.message, error)
  })
  if (link.isSymbolicLink() && link.uid !== uid)
    throw refusal(path, 'it is a link that belongs to another user')
  const stat = await statOf(path).catch((error: Error) => {
    throw refusal(path, error.message, error)
  })
  if (!stat.isDirectory()) throw refusal(path, 'it is not a directory')
  if (stat.uid !== uid) throw refusal(path, `it belongs to another user (number ${stat.uid})`)
  if ((stat.mode & othersWrite) !== 0)
    throw refusal(
      path,
      `other users may write into it (mode ${(stat.mode & 0o7777).toString(8)}); chmod go-w makes it yours alone`,
    )
  await refuseReplaceable(await realpath(path))
}

/** Whoever may write into a directory above it can put another one in its place. */
async function refuseReplaceable(path: string): Promise<void> {
  for (let above = dirname(path); ; above = dirname(above)) {
    const { mode } = await statOf(above)
    if ((mode & anybodyWrites) !== 0 && (mode & sticky) === 0)
      throw refusal(path, `everybody may put another one in its place, because ${above} is open to all`)
    if (dirname(above) === above) return
  }
}

/** Node's own `recursive` never returns where a parent can be neither found nor made (/proc/x/y). */
async function makeParents(path: string): Promise<void> {
  const mode = 0o755
  try {
    await mkdir(path, { mode })
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    if (code === 'EEXIST') return
    if (code !== 'ENOENT' || dirname(path) === path) throw error
    await makeParents(dirname(path))
    await mkdir(path, { mode }).catch((again: NodeJS.ErrnoException) => {
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

/** Writes a new file for its user alone, in place of what has the name: never through a link. Rejects with DISK or DISK_FULL. */
export async function writeText(path: string, text: string): Promise<void> {
  try {
    await rm(path, { force: true })
    const file = await open(path, 'wx', 0o600)
    try {
      await file.writeFile(text)
    } finally {
      await file.close()
    }
  } catch (cause) {
    throw diskFault(`cannot write ${path}`, cause)
  }
}
