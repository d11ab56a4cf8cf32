// FileStore: where the HDFS sink's files are. What was written is kept by the store when the call resolves.
import { dirname } from 'node:path'
import { diskFault } from '../../errors.ts'
import { ensureDirectory } from '../../storage/directory.ts'
import { isAway } from '../../storage/file-place.ts'
import type { Disk, DiskFile } from '../../system/disk.ts'

export interface StoreFile {
  /** After a rejection the file is not appended to again. */
  append(bytes: Buffer): Promise<void>
  close(): Promise<void>
  /** After an append that failed: rejects until nobody writes the file any more, so that it can be read. */
  settle?(): Promise<void>
}

export interface FileStore {
  /** The path as messages name it. */
  nameOf(path: string): string
  /** A new file with these bytes, and the directories above it; null where there is one of that name. */
  create(path: string, bytes: Buffer): Promise<StoreFile | null>
  /** `taken`: there is one of the second name; `gone`: there is none of the first. */
  rename(from: string, to: string): Promise<'done' | 'taken' | 'gone'>
}

/** Files of this machine, readable by others as the umask says. Synced before a call resolves. */
export class LocalStore implements FileStore {
  readonly #disk: Disk

  constructor(disk: Disk) {
    this.#disk = disk
  }

  nameOf(path: string): string {
    return path
  }

  async create(path: string, bytes: Buffer): Promise<StoreFile | null> {
    const disk = this.#disk
    await ensureDirectory(disk, dirname(path), true)
    let file: DiskFile
    try {
      file = await disk.open(path, 'create', true)
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'EEXIST') return null
      throw diskFault(`cannot create ${path}`, error)
    }
    const opened = new LocalFile(file)
    try {
      await disk.syncDirectory(dirname(path))
      await opened.append(bytes)
    } catch (error) {
      await opened.close()
      await disk.remove(path).catch(() => {})
      throw diskFault(`cannot write ${path}`, error)
    }
    return opened
  }

  async rename(from: string, to: string): Promise<'done' | 'taken' | 'gone'> {
    const disk = this.#disk
    try {
      if (!(await disk.exists(from))) return 'gone'
      if (await disk.exists(to)) return 'taken'
      await disk.rename(from, to)
      await disk.syncDirectory(dirname(to))
      return 'done'
    } catch (error) {
      throw diskFault(`cannot rename ${from} to ${to}`, error)
    }
  }
}

class LocalFile implements StoreFile {
  readonly #file: DiskFile
  #position = 0

  constructor(file: DiskFile) {
    this.#file = file
  }

  async append(bytes: Buffer): Promise<void> {
    const file = this.#file
    try {
      await file.write(bytes, this.#position)
      await file.sync()
      if (await isAway(file, file.path)) throw new Error('it was removed or renamed while it was written')
    } catch (error) {
      // So that no reader sees half an event.
      await file.truncate(this.#position).catch(() => {})
      throw diskFault(`cannot write to ${file.path}`, error)
    }
    this.#position += bytes.length
  }

  async close(): Promise<void> {
    // It is synced: nothing is left that closing could lose.
    await this.#file.close().catch(() => {})
  }
}
