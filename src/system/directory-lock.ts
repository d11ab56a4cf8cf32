// Lock of a directory: at most one holder, gone with its process however that ends.
//
// The kernel keeps the lock, on the file millrace.lock itself: by SQLite, which Node has inside and which locks a file
// with fcntl on Unix and LockFileEx on Windows. The file is empty and stays so, and nobody but its owner can open it,
// so that nobody else can take the lock; it holds for every path, container and network namespace that sees the file.
// Beside it millrace.holder.lock says in one line who holds the lock. A process that is dying is waited for a second.
//
// The kernel lets go of such a lock as soon as the process closes the file by any other descriptor: only SQLite opens it.
import { constants } from 'node:fs'
import { access, lstat, open, readFile, realpath, rm, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { DatabaseSync } from 'node:sqlite'
import { setTimeout as pause } from 'node:timers/promises'
import { pathToFileURL } from 'node:url'
import { Fault, messageOf } from '../errors.ts'
import { printable } from '../printable.ts'

export interface DirectoryLock {
  /** Whether the path leads to another directory than the one that is locked, or nowhere. */
  isAway?(): Promise<boolean>
  release(): Promise<void>
}

export const lockFileName = 'millrace.lock'
const holderFileName = 'millrace.holder.lock'
/** What a lock leaves in its directory when its process is killed. */
export const lockFiles: readonly string[] = [lockFileName, holderFileName]

/** The files of a process just killed stay open for a little longer: so long it is waited for. */
const dyingMs = 1000
/** One that seems to live may have been killed a moment ago. */
const surelyAliveMs = 250
const pauseMs = 10
const mostHolderText = 300
/** SQLite's codes: somebody else has the lock; the file is not there any more. */
const busy = 5
const cannotOpen = 14

/** Rejects with DIRECTORY_IN_USE naming the holder, or DISK when the directory cannot be written. */
export async function lockDirectory(directory: string, holder: string): Promise<DirectoryLock> {
  await access(directory, constants.R_OK | constants.W_OK | constants.X_OK).catch((cause: Error) => {
    throw new Fault('DISK', `cannot write in directory ${directory}: ${cause.message}`, { cause })
  })
  const path = await realpath(directory)
  const { dev, ino } = await stat(path)
  const file = join(path, lockFileName)
  const began = performance.now()
  let lock: DatabaseSync | null
  while ((lock = await take(file)) === null) {
    const who = await holderIn(path)
    if (performance.now() - began > ((await isAlive(who)) ? surelyAliveMs : dyingMs))
      throw inUse(directory, who)
    await pause(pauseMs)
  }
  const told = join(path, holderFileName)
  // A full disk, where no line can be written, is no reason not to hold the lock.
  await rm(told, { force: true }).catch(() => {})
  await writeFile(told, `pid ${process.pid}, ${holder}\n`, { flag: 'wx', mode: 0o600 }).catch(() => {})
  return {
    async isAway() {
      try {
        const there = await stat(directory)
        return there.dev !== dev || there.ino !== ino
      } catch (error) {
        const { code } = error as NodeJS.ErrnoException
        return code === 'ENOENT' || code === 'ENOTDIR'
      }
    },
    async release() {
      // Removed while they are locked: whoever waits sees that what it locks then is no longer at its place.
      for (const one of [told, file]) await rm(one, { force: true }).catch(() => {})
      if (lock.isOpen) lock.close()
    },
  }
}

/** Who holds it, by what the holder says of itself; null where nobody does. Changes nothing. */
export async function directoryHolder(directory: string): Promise<string | null> {
  const path = await realpath(directory).catch(() => null)
  if (path === null || !(await isFile(join(path, lockFileName)))) return null
  try {
    openLocked(join(path, lockFileName), 'ro').close()
    return null
  } catch (error) {
    return codeOf(error) === busy ? (await holderIn(path)) || 'another process' : null
  }
}

export const inUse = (directory: string, holder: string): Fault =>
  new Fault('DIRECTORY_IN_USE', `directory ${directory} is in use by ${holder || 'another process'}`)

/** Locks the file; null where somebody else has it, or it was removed meanwhile. Rejects with DISK. */
async function take(file: string): Promise<DatabaseSync | null> {
  const failed = (cause: unknown) => new Fault('DISK', `cannot lock ${file}: ${messageOf(cause)}`, { cause })
  try {
    // Opened where it is new, and never otherwise: closing would let go of a lock that this process has.
    if (!(await isFile(file))) await (await open(file, 'wx', 0o600)).close()
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw failed(error)
    const there = await lstat(file).catch(() => null)
    if (there !== null && !there.isFile()) {
      // The lock of a version before this one was a socket.
      if (!there.isSocket()) throw failed(new Error('it is not a file; remove it'))
      await rm(file, { force: true })
    }
    return null
  }
  const before = await stat(file).catch(() => null)
  let lock: DatabaseSync
  try {
    lock = openLocked(file, 'rw')
  } catch (error) {
    const code = codeOf(error)
    if (code === busy || (code === cannotOpen && !(await isFile(file)))) return null
    throw failed(error)
  }
  const after = await stat(file).catch(() => null)
  if (before !== null && after !== null && before.ino === after.ino && before.dev === after.dev) return lock
  lock.close()
  return null
}

/** Opens it and, to write, locks it; to read, looks whether it is locked. Throws SQLite's errors. */
function openLocked(file: string, mode: 'ro' | 'rw'): DatabaseSync {
  const database = new (sqlite().DatabaseSync)(`${pathToFileURL(file).href}?mode=${mode}`, { timeout: 0 })
  try {
    database.exec(
      mode === 'ro'
        ? 'PRAGMA schema_version'
        : 'PRAGMA journal_mode = MEMORY; PRAGMA locking_mode = EXCLUSIVE; BEGIN EXCLUSIVE',
    )
    return database
  } catch (error) {
    database.close()
    throw error
  }
}

/** Node 22 warns that it is an experiment, to whoever only wants a lock. */
function sqlite(): typeof import('node:sqlite') {
  const { emitWarning } = process
  process.emitWarning = () => {}
  try {
    const found = process.getBuiltinModule('node:sqlite') as typeof import('node:sqlite') | undefined
    if (found === undefined) throw new Error('this Node was built without SQLite; use the one of nodejs.org')
    return found
  } finally {
    process.emitWarning = emitWarning
  }
}

const codeOf = (error: unknown): number => ((error as { errcode?: number }).errcode ?? 0) & 0xff

const isFile = (path: string): Promise<boolean> =>
  lstat(path).then(
    stat => stat.isFile(),
    () => false,
  )

/** The line of the holder, where there is one; else empty. */
async function holderIn(path: string): Promise<string> {
  const text = await readFile(join(path, holderFileName), 'utf8').catch(() => '')
  return printable(text.slice(0, mostHolderText).trim())
}

/** Whether the holder is a process here that is not about to end, as far as can be seen. */
async function isAlive(holder: string): Promise<boolean> {
  const pid = Number(/^pid (\d+),/.exec(holder)?.[1])
  if (!(pid > 0)) return false
  try {
    process.kill(pid, 0)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ESRCH') return false
  }
  const status = await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => null)
  if (status === null) return process.platform !== 'linux'
  // State and flags: Z and X are dead, 4 is PF_EXITING.
  const fields = status.slice(status.lastIndexOf(')') + 2).split(' ')
  return !/[ZX]/.test(fields[0]!) && (Number(fields[6]) & 4) === 0
}
