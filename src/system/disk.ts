// The door to the disk. Positions and sizes are bytes.
import { constants } from 'node:fs'
import * as fs from 'node:fs/promises'
import { dirname } from 'node:path'

export interface DiskFile {
  readonly path: string
  size(): Promise<number>
  /** Fills `target` from `position`; gives the bytes read, fewer at the end of the file. */
  read(target: Buffer, position: number): Promise<number>
  /** Writes all of `bytes` at `position` or rejects. */
  write(bytes: Buffer, position: number): Promise<void>
  truncate(size: number): Promise<void>
  /** Returns when the data written so far is on stable storage (fdatasync). Never call again after it rejected. */
  sync(): Promise<void>
  close(): Promise<void>
}

export interface Disk {
  /** `create` makes a new file and refuses one that exists; `write` opens for reading and writing. */
  open(path: string, mode: 'read' | 'write' | 'create'): Promise<DiskFile>
  exists(path: string): Promise<boolean>
  /** Names in the directory, sorted. */
  list(directory: string): Promise<string[]>
  makeDirectory(path: string): Promise<void>
  rename(from: string, to: string): Promise<void>
  remove(path: string): Promise<void>
  /** Makes names created, renamed or removed in the directory durable (fsync of the directory). */
  syncDirectory(path: string): Promise<void>
  /** Bytes an ordinary user may still write on the file system of `path`. */
  freeBytes(path: string): Promise<number>
  readText(path: string): Promise<string>
}

class RealFile implements DiskFile {
  readonly path: string
  readonly #handle: fs.FileHandle

  constructor(path: string, handle: fs.FileHandle) {
    this.path = path
    this.#handle = handle
  }

  async size(): Promise<number> {
    return (await this.#handle.stat()).size
  }

  async read(target: Buffer, position: number): Promise<number> {
    let done = 0
    while (done < target.length) {
      const { bytesRead } = await this.#handle.read(target, done, target.length - done, position + done)
      if (bytesRead === 0) break
      done += bytesRead
    }
    return done
  }

  async write(bytes: Buffer, position: number): Promise<void> {
    let done = 0
    while (done < bytes.length) {
      // A short count without an error happens (disk full half way): the next call says why.
      const { bytesWritten } = await this.#handle.write(bytes, done, bytes.length - done, position + done)
      done += bytesWritten
    }
  }

  async truncate(size: number): Promise<void> {
    await this.#handle.truncate(size)
  }

  async sync(): Promise<void> {
    await this.#handle.datasync()
  }

  async close(): Promise<void> {
    await this.#handle.close()
  }
}

const flagsOf = {
  read: constants.O_RDONLY,
  write: constants.O_RDWR,
  create: constants.O_RDWR | constants.O_CREAT | constants.O_EXCL,
}

export const realDisk: Disk = {
  open: async (path, mode) => new RealFile(path, await fs.open(path, flagsOf[mode], 0o644)),
  exists: path =>
    fs.access(path).then(
      () => true,
      () => false,
    ),
  list: async directory => (await fs.readdir(directory)).sort(),
  makeDirectory: async path => void (await fs.mkdir(path, { recursive: true })),
  rename: (from, to) => fs.rename(from, to),
  remove: path => fs.rm(path),
  async syncDirectory(path) {
    const handle = await fs.open(path, constants.O_RDONLY)
    try {
      await handle.sync()
    } finally {
      await handle.close()
    }
  },
  async freeBytes(path) {
    const { bavail, bsize } = await fs.statfs(path).catch(() => fs.statfs(dirname(path)))
    return bavail * bsize
  },
  readText: path => fs.readFile(path, 'utf8'),
}
