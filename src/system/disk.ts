// The door to the disk. Positions and sizes are bytes.
import { descriptorLimit } from './descriptors.ts'
import * as fs from 'node:fs'
import * as promises from 'node:fs/promises'
import { dirname } from 'node:path'
import { directoryHolder, lockDirectory, type DirectoryLock } from './directory-lock.ts'
import { obstacleAt, type PathUse } from './disk-access.ts'
import { lockHolder } from './file-lock.ts'

/** What the file system knows of a file or directory. */
export interface FileState {
  /** Device and inode: the same for every name of one file, among those that exist at a time. */
  readonly identity: string
  /** The inode alone, in decimal digits: it may be beyond 2^53. */
  readonly inode: string
  readonly bytes: number
  /** When its bytes were last changed, ms since 1970 with a fraction. */
  readonly modifiedMs: number
  /** When it was made; 0 where the file system does not tell. */
  readonly bornMs: number
  readonly kind: 'file' | 'directory' | 'other'
}

export interface DiskFile {
  readonly path: string
  stat?(): Promise<FileState>
  size(): Promise<number>
  /** Fills `target` from `position`; gives the bytes read, fewer at the end of the file. */
  read(target: Buffer, position: number): Promise<number>
  /** Writes all of `bytes` at `position` or rejects. */
  write(bytes: Buffer, position: number): Promise<void>
  /** Writes the buffers one after another from `position`, all of them, or rejects. */
  writeAll(buffers: readonly Buffer[], position: number): Promise<void>
  /**
   * `writeAll` and `sync` in one call to the system, where it has such a call: nothing in between waits for a
   * thread. After a rejection some of it may be written, none of it is known to be durable.
   */
  writeDurably?(buffers: readonly Buffer[], position: number): Promise<void>
  truncate(size: number): Promise<void>
  /** Whether the path leads to this file: it was not removed, renamed or replaced from outside. */
  isAt?(path: string): Promise<boolean>
  /** Whether no name leads to it any more: it is gone when it is closed. */
  isRemoved?(): Promise<boolean>
  /** Returns when the data written so far is on stable storage (fdatasync). Never call again after it rejected. */
  sync(): Promise<void>
  close(): Promise<void>
}

export interface Disk {
  /**
   * `create` makes a new file and refuses one that exists; `write` opens for reading and writing; `append`
   * too, makes the file where there is none, and every write goes to the end, wherever it is meant for. A file that is
   * made is its owner's alone; only where `isShared` others may read it, as far as the umask of the process lets them.
   */
  open(path: string, mode: 'read' | 'write' | 'create' | 'append', isShared?: boolean): Promise<DiskFile>
  exists(path: string): Promise<boolean>
  /** Names in the directory, sorted. */
  list(directory: string): Promise<string[]>
  /** For its owner alone, and as the umask says where `isShared`; parents that are missing are always made so. */
  makeDirectory(path: string, isShared?: boolean): Promise<void>
  /** Takes from others what they may do with a file or directory that is this process's own. */
  makePrivate?(path: string): Promise<void>
  rename(from: string, to: string): Promise<void>
  remove(path: string): Promise<void>
  /** Removes a directory that is empty. */
  removeDirectory(path: string): Promise<void>
  /** Makes names created, renamed or removed in the directory durable (fsync of the directory). */
  syncDirectory(path: string): Promise<void>
  /** Bytes an ordinary user may still write on the file system of `path`. */
  freeBytes(path: string): Promise<number>
  /** Of the file system that the path is on. */
  totalBytes(path: string): Promise<number>
  readText(path: string): Promise<string>
  /** Keeps every other process and channel out of the directory; rejects with DIRECTORY_IN_USE naming the holder. */
  lockDirectory(directory: string, holder: string): Promise<DirectoryLock>
  /** Process id of another program that has its lock file open; null: none is known. */
  lockHolder?(path: string): Promise<number | null>
  /** What keeps this process from using the path so; null: nothing is known. Changes nothing. */
  obstacleAt?(path: string, use: PathUse): Promise<string | null>
  /** Who keeps others out of the directory; null: nobody. Changes nothing. */
  directoryHolder?(directory: string): Promise<string | null>
  /** Files and connections that the process may have open at a time. */
  descriptorLimit?(): number
  /** Of the file or directory that the path leads to. */
  stat?(path: string): Promise<FileState>
  /** The nine bits of who may read, write and run the file. */
  permissions?(path: string): Promise<number>
}

const { constants } = fs

/** Most bytes and buffers of one call to the system: it takes no more than 2 GiB and 1024 buffers. */
const callBytes = 1024 * 1024 * 1024
const callBuffers = 1000

/** Where a write that is synced by itself flushes the drive as fdatasync does: Darwin's does not. */
const hasDurableWrites = process.platform === 'linux'

class RealFile implements DiskFile {
  readonly path: string
  readonly #fd: number
  /** The same file, opened once more so that its writes return when they are durable; null: cannot be had. */
  #durable: Promise<RealFile | null> | undefined
  #identity: Promise<fs.Stats> | undefined

  constructor(path: string, fd: number) {
    this.path = path
    this.#fd = fd
  }

  async size(): Promise<number> {
    return (await this.#stat()).size
  }

  async read(target: Buffer, position: number): Promise<number> {
    let done = 0
    while (done < target.length) {
      const count = await this.#read(target, done, position + done)
      if (count === 0) break
      done += count
    }
    return done
  }

  #read(target: Buffer, done: number, position: number): Promise<number> {
    const length = Math.min(target.length - done, callBytes)
    return new Promise((resolve, reject) =>
      fs.read(this.#fd, target, done, length, position, (error, count) =>
        error === null ? resolve(count) : reject(error),
      ),
    )
  }

  async write(bytes: Buffer, position: number): Promise<void> {
    let done = 0
    while (done < bytes.length) {
      // A short count without an error happens (disk full half way): the next call says why.
      done += await this.#write(bytes, done, position + done)
    }
  }

  /** What was called with a descriptor does not know which file it is. */
  #named(error: Error): Error {
    error.message += ` '${this.path}'`
    return error
  }

  #write(bytes: Buffer, done: number, position: number): Promise<number> {
    const length = Math.min(bytes.length - done, callBytes)
    return new Promise((resolve, reject) =>
      fs.write(this.#fd, bytes, done, length, position, (error, count) =>
        error === null ? resolve(count) : reject(this.#named(error)),
      ),
    )
  }

  async writeAll(buffers: readonly Buffer[], position: number): Promise<void> {
    let at = position
    for (let from = 0; from < buffers.length;) {
      let bytes = buffers[from]!.length
      let to = from + 1
      while (to < buffers.length && to - from < callBuffers && bytes + buffers[to]!.length <= callBytes)
        bytes += buffers[to++]!.length
      const part = buffers.slice(from, to)
      const written = part.length === 1 ? 0 : await this.#writeVector(part, at)
      let skip = written
      let start = at
      for (const buffer of part) {
        if (skip < buffer.length) await this.write(buffer.subarray(skip), start + skip)
        skip = Math.max(0, skip - buffer.length)
        start += buffer.length
      }
      at += bytes
      from = to
    }
  }

  async writeDurably(buffers: readonly Buffer[], position: number): Promise<void> {
    this.#durable ??= this.#openDurable()
    const file = await this.#durable
    if (file !== null) return await file.writeAll(buffers, position)
    await this.writeAll(buffers, position)
    await this.sync()
  }

  /** By its number: the file may have another name by now. */
  async #openDurable(): Promise<RealFile | null> {
    if (!hasDurableWrites) return null
    return await new Promise(resolve =>
      fs.open(`/proc/self/fd/${this.#fd}`, constants.O_RDWR | constants.O_DSYNC, (error, fd) =>
        resolve(error === null ? new RealFile(this.path, fd) : null),
      ),
    )
  }

  #writeVector(buffers: readonly Buffer[], position: number): Promise<number> {
    return new Promise((resolve, reject) =>
      fs.writev(this.#fd, buffers, position, (error, count) =>
        error === null ? resolve(count) : reject(this.#named(error)),
      ),
    )
  }

  truncate(size: number): Promise<void> {
    return new Promise((resolve, reject) =>
      fs.ftruncate(this.#fd, size, error => (error === null ? resolve() : reject(error))),
    )
  }

  #stat(): Promise<fs.Stats> {
    return new Promise((resolve, reject) =>
      fs.fstat(this.#fd, (error, stat) => (error === null ? resolve(stat) : reject(error))),
    )
  }

  stat(): Promise<FileState> {
    return new Promise((resolve, reject) =>
      fs.fstat(this.#fd, { bigint: true }, (error, stat) =>
        error === null ? resolve(stateOf(stat)) : reject(error),
      ),
    )
  }

  async isRemoved(): Promise<boolean> {
    return (await this.#stat()).nlink === 0
  }

  async isAt(path: string): Promise<boolean> {
    const { dev, ino } = await (this.#identity ??= this.#stat())
    return await new Promise((resolve, reject) =>
      fs.stat(path, (error, there) => {
        if (error === null) resolve(there.dev === dev && there.ino === ino)
        else if (error.code === 'ENOENT' || error.code === 'ENOTDIR') resolve(false)
        else reject(error)
      }),
    )
  }

  sync(): Promise<void> {
    return new Promise((resolve, reject) =>
      fs.fdatasync(this.#fd, error => (error === null ? resolve() : reject(this.#named(error)))),
    )
  }

  async close(): Promise<void> {
    await (await this.#durable)?.close()
    await new Promise<void>((resolve, reject) =>
      fs.close(this.#fd, error => (!error ? resolve() : reject(error))),
    )
  }
}

const msOf = (nanoseconds: bigint): number => Number(nanoseconds) / 1e6

/**
 * Where the system does not tell when a file was made, Node gives 0 or the time of its last change. A file for which both
 * times are the same is a new one only where another has shown that they can differ.
 */
let tellsBirths: boolean | undefined
const showsBirths = ({ birthtimeNs, ctimeNs }: fs.BigIntStats): boolean =>
  birthtimeNs > 0n && birthtimeNs < ctimeNs

function stateOf(stat: fs.BigIntStats): FileState {
  tellsBirths ??= showsBirths(fs.statSync(process.execPath, { bigint: true }))
  tellsBirths ||= showsBirths(stat)
  return {
    identity: `${stat.dev}:${stat.ino}`,
    inode: String(stat.ino),
    bytes: Number(stat.size),
    modifiedMs: msOf(stat.mtimeNs),
    bornMs: tellsBirths ? msOf(stat.birthtimeNs) : 0,
    kind: stat.isFile() ? 'file' : stat.isDirectory() ? 'directory' : 'other',
  }
}

const flagsOf = {
  read: constants.O_RDONLY,
  write: constants.O_RDWR,
  create: constants.O_RDWR | constants.O_CREAT | constants.O_EXCL,
  append: constants.O_RDWR | constants.O_CREAT | constants.O_APPEND,
}

/** With its parents. Node's own `recursive` never returns where a parent can be neither found nor made (/proc/x/y). */
async function makeDirectory(path: string, mode = 0o700): Promise<void> {
  try {
    await promises.mkdir(path, { mode })
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    if (code === 'EEXIST' && (await promises.stat(path)).isDirectory()) return
    if (code !== 'ENOENT' || dirname(path) === path) throw error
    await makeDirectory(dirname(path), 0o777)
    await promises.mkdir(path, { mode }).catch((again: NodeJS.ErrnoException) => {
      if (again.code !== 'EEXIST') throw again
    })
  }
}

export const realDisk: Disk = {
  open: (path, mode, isShared = false) =>
    new Promise((resolve, reject) =>
      fs.open(path, flagsOf[mode], isShared ? 0o666 : 0o600, (error, fd) =>
        error === null ? resolve(new RealFile(path, fd)) : reject(error),
      ),
    ),
  exists: path =>
    promises.access(path).then(
      () => true,
      () => false,
    ),
  list: async directory => (await promises.readdir(directory)).sort(),
  makeDirectory: (path, isShared) => makeDirectory(path, isShared === true ? 0o777 : 0o700),
  async makePrivate(path) {
    const { mode, uid } = await promises.stat(path)
    const own = uid === process.getuid?.() && (mode & 0o077) !== 0
    if (own) await promises.chmod(path, mode & 0o700)
  },
  rename: (from, to) => promises.rename(from, to),
  remove: path => promises.rm(path),
  removeDirectory: path => promises.rmdir(path),
  async syncDirectory(path) {
    const handle = await promises.open(path, constants.O_RDONLY)
    try {
      await handle.sync()
    } finally {
      await handle.close()
    }
  },
  async freeBytes(path) {
    const { bavail, bsize } = await promises.statfs(path).catch(() => promises.statfs(dirname(path)))
    return bavail * bsize
  },
  async totalBytes(path) {
    const { blocks, bsize } = await promises.statfs(path)
    return blocks * bsize
  },
  readText: path => promises.readFile(path, 'utf8'),
  lockDirectory,
  lockHolder,
  obstacleAt,
  directoryHolder,
  stat: path =>
    new Promise((resolve, reject) =>
      fs.stat(path, { bigint: true }, (error, stat) =>
        error === null ? resolve(stateOf(stat)) : reject(error),
      ),
    ),
  descriptorLimit,
  permissions: async path => (await promises.stat(path)).mode & 0o777,
}
