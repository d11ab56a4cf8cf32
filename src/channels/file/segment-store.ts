// SegmentStore: the directories of a file channel: locks them, lists,
// makes and removes segments. Segment n lies in data directory n modulo their number. One prepared
// file waits as a spare, so that going over to a new segment is short; emptied segments become spares.
import { dirname, join } from 'node:path'
import { Fault, isDiskFull, messageOf } from '../../errors.ts'
import type { Logger } from '../../observe/log.ts'
import { copyFile, createZeroed, ensureDirectory } from '../../storage/directory.ts'
import type { Disk, DiskFile } from '../../system/disk.ts'
import type { DirectoryLock } from '../../system/directory-lock.ts'
import { encodeSegmentHeader, listSegments, segmentName, spareName } from './segment.ts'
import type { Segment, SegmentFile, SegmentHeader } from './segment.ts'

export interface StoreParts {
  readonly disk: Disk
  readonly log: Logger
  readonly channel: string
  readonly agent: string
  readonly checkpointDirectory: string
  readonly dataDirectories: readonly string[]
  /** Bytes of a usual segment. */
  readonly segmentBytes: number
  /** Bytes that stay free on a data directory's file system when a segment is made. */
  readonly floorBytes: number
}

const damagedSuffix = '.damaged'

/** What can be done where only puts are refused. */
export const canBeTaken = 'Events can still be taken. Free space on the file system named.'

/** A segment could not be made. */
export class NoRoom extends Fault {
  readonly segmentBytes: number

  constructor(segmentBytes: number, message: string, options?: { cause: unknown }) {
    super('DISK_FULL', message, options)
    this.segmentBytes = segmentBytes
  }
}

export class SegmentStore {
  readonly #parts: StoreParts
  readonly #locks = new Map<string, DirectoryLock>()
  /** Directories that were not there. */
  readonly #made: string[] = []
  #spare: { readonly path: string; readonly size: number } | null = null
  /** Bytes of the segments made since, by path. */
  readonly #sizes = new Map<string, number>()
  /** Work in the background: one thing at a time. */
  #busy: Promise<void> = Promise.resolve()
  #preparing = false
  /** Ids of the segments that were, or are being, copied aside. */
  readonly #copied = new Set<number>()

  constructor(parts: StoreParts) {
    this.#parts = parts
  }

  /** Rejects with DISK or DIRECTORY_IN_USE. */
  async open(): Promise<void> {
    const { disk, agent, channel, checkpointDirectory, dataDirectories } = this.#parts
    try {
      for (const directory of [checkpointDirectory, ...dataDirectories]) {
        if (await ensureDirectory(disk, directory)) this.#made.push(directory)
        this.#locks.set(directory, await disk.lockDirectory(directory, `agent ${agent}, channel ${channel}`))
        for (const name of await disk.list(directory))
          if (name.startsWith('millrace')) await disk.makePrivate?.(join(directory, name))
        // A kill may have come between a rename and this: a name that is seen must be one that stays.
        await disk.syncDirectory(directory)
      }
      for (const directory of dataDirectories) {
        const path = join(directory, spareName)
        if (await disk.exists(path)) await this.#adoptSpare(path)
      }
    } catch (error) {
      await this.abandon()
      throw error
    }
  }

  /** The segments there are, lowest id first. */
  list(): Promise<SegmentFile[]> {
    return listSegments(this.#parts.disk, this.#parts.dataDirectories)
  }

  /** Whether another directory lies where one of the channel's did. */
  async isReplaced(directory: string): Promise<boolean> {
    return (await this.#locks.get(directory)?.isAway?.()) === true
  }

  async close(): Promise<void> {
    await this.#busy
    for (const lock of this.#locks.values()) await lock.release()
    this.#locks.clear()
  }

  /** Closes it where the channel does not open: directories made for it, in which nothing lies, go again. */
  async abandon(): Promise<void> {
    await this.close()
    for (const directory of this.#made.splice(0).toReversed())
      await this.#parts.disk.removeDirectory(directory).catch(() => {})
  }

  /**
   * Makes a segment of at least `size` bytes with this header, followed by `entries`, all durable when
   * resolved. `fresh` refuses recycled files; `floorBytes` stay free unless `needed` is set.
   * Rejects with DISK_FULL, or whatever the disk says.
   */
  async create(
    header: SegmentHeader,
    size: number,
    entries: readonly Buffer[],
    { fresh = false, needed = false } = {},
  ): Promise<{ segment: Segment; file: DiskFile; size: number }> {
    await this.#busy
    const { disk } = this.#parts
    const directory = this.#directoryOf(header.id)
    const bytes = encodeSegmentHeader(header)
    if (this.#spare !== null && (fresh || this.#spare.size < size)) await this.#dropSpare()
    if (this.#spare === null) await this.#makeSpare(directory, size, needed)
    const spare = this.#spare!
    this.#spare = null
    const file = await disk.open(spare.path, 'write')
    try {
      await file.writeAll([bytes, ...entries], 0)
      await file.sync()
      const home = dirname(spare.path)
      const path = join(home, segmentName(header.id))
      await disk.rename(spare.path, path)
      await disk.syncDirectory(home)
      this.#sizes.set(path, spare.size)
      const { id, salt, channelId, first, encryption } = header
      const segment: Segment = {
        id,
        salt,
        channelId,
        first,
        directory: home,
        path,
        start: bytes.length,
        end: Infinity,
        damaged: false,
        encryption,
        cipher: null,
      }
      return { segment, file, size: spare.size }
    } catch (error) {
      await file.close().catch(() => {})
      await disk.remove(spare.path).catch(() => {})
      throw error
    }
  }

  /** A segment that was there at the start, to be written on. */
  async reopen(segment: Segment): Promise<{ file: DiskFile; size: number }> {
    const file = await this.#parts.disk.open(segment.path, 'write')
    const size = await file.size()
    this.#sizes.set(segment.path, size)
    return { file, size }
  }

  /** Makes the spare that the next segment needs, where there is none. Rejects as `create`. */
  makeRoom(nextId: number): Promise<void> {
    const { segmentBytes } = this.#parts
    const making = this.#busy.then(() => this.#makeSpare(this.#directoryOf(nextId), segmentBytes, false))
    this.#busy = making.catch(() => {})
    return making
  }

  /** Has a spare made in the background; its failure shows when the segment is needed. */
  prepare(nextId: number): void {
    if (this.#spare !== null || this.#preparing) return
    this.#preparing = true
    void this.makeRoom(nextId)
      .catch((error: unknown) => this.#parts.log.debug(`no spare segment: ${messageOf(error)}`))
      .finally(() => (this.#preparing = false))
  }

  /** Has a damaged segment copied aside in the background, once; where that fails it is kept itself when it is empty. */
  quarantine(segment: Segment): void {
    segment.damaged = true
    if (this.#copied.has(segment.id)) return
    this.#copied.add(segment.id)
    const { disk, log } = this.#parts
    const copy = `${segment.path}${damagedSuffix}`
    this.#busy = this.#busy
      .then(async () => {
        if (!(await disk.exists(copy))) await copyFile(disk, segment.path, copy)
        segment.damaged = false
        log.warn(`the damaged segment ${segment.path} is copied to ${copy}`)
      })
      .catch((error: unknown) =>
        log.warn(`cannot copy the damaged ${segment.path} aside: ${messageOf(error)}`),
      )
  }

  /** Recycles or removes a segment whose events are all gone; a damaged one of which there is no copy is kept aside. */
  retire(segment: Segment): void {
    this.#busy = this.#busy
      .then(() => this.#retire(segment))
      .catch((error: unknown) =>
        this.#parts.log.warn(`cannot remove the emptied segment ${segment.path}: ${messageOf(error)}`),
      )
  }

  /** Bytes of these segments and the spare; of one that was there at the start, those that count. */
  bytesWith(segments: readonly Segment[]): number {
    const sizes = segments.map(({ path, end }) => this.#sizes.get(path) ?? end)
    return sizes.reduce((sum, size) => sum + size, this.#spare?.size ?? 0)
  }

  async #retire(segment: Segment): Promise<void> {
    const { disk, segmentBytes } = this.#parts
    this.#sizes.delete(segment.path)
    if (segment.damaged) {
      await disk.rename(segment.path, `${segment.path}${damagedSuffix}`)
      await disk.syncDirectory(segment.directory)
      return
    }
    const path = join(segment.directory, spareName)
    if (this.#spare === null && (await this.#sizeOf(segment.path)) === segmentBytes) {
      await disk.rename(segment.path, path)
      // Before it is written again: its old name must never show new content.
      await disk.syncDirectory(segment.directory)
      this.#spare = { path, size: segmentBytes }
    } else await disk.remove(segment.path)
  }

  async #makeSpare(directory: string, size: number, needed: boolean): Promise<void> {
    if (this.#spare !== null) return
    const { disk, floorBytes } = this.#parts
    const path = join(directory, spareName)
    const free = await disk.freeBytes(directory)
    try {
      if (!needed && free - size < floorBytes)
        throw new NoRoom(
          size,
          `${free} bytes are free in ${directory}; a new segment of ${size} bytes would leave less than minimumRequiredSpace (${floorBytes})`,
        )
      const file = await createZeroed(disk, path, size)
      await file.close()
    } catch (error) {
      if (error instanceof Fault || !isDiskFull(error)) throw error
      const why = free < size ? '' : `, although ${free} are free: its inodes or a quota are used up`
      throw new NoRoom(size, `no room for a segment of ${size} bytes in ${directory}${why}`, { cause: error })
    }
    this.#spare = { path, size }
  }

  async #dropSpare(): Promise<void> {
    const spare = this.#spare
    this.#spare = null
    if (spare !== null) await this.#parts.disk.remove(spare.path)
  }

  async #adoptSpare(path: string): Promise<void> {
    const { disk, segmentBytes } = this.#parts
    if (this.#spare === null && (await this.#sizeOf(path)) === segmentBytes)
      this.#spare = { path, size: segmentBytes }
    else await disk.remove(path)
  }

  async #sizeOf(path: string): Promise<number> {
    const file = await this.#parts.disk.open(path, 'read')
    try {
      return await file.size()
    } finally {
      await file.close()
    }
  }

  #directoryOf(id: number): string {
    const { dataDirectories } = this.#parts
    return dataDirectories[id % dataDirectories.length]!
  }
}
