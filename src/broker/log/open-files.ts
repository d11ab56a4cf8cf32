// The files of newest segments, which are kept open as long as there are not too many: of those nobody uses the one that
// was used longest ago is closed, and opened again when it is needed. A broker has more partitions than a process has
// descriptors.
import type { Disk, DiskFile } from '../../system/disk.ts'

/** Each may take two descriptors: together they take no more than a quarter of those that the process may have. */
const mostOpen = 500
const shareOfDescriptors = 8

class OpenFiles {
  /** In the order of their last use. */
  readonly #open = new Set<SegmentFile>()
  /** Files that have still to be closed. */
  #closing = 0
  /** Who waits for one of them to be used no more, or closed. */
  readonly #waiting: (() => void)[] = []
  readonly #most: number

  constructor(descriptors: number) {
    this.#most = Math.max(1, Math.min(mostOpen, Math.floor(descriptors / shareOfDescriptors)))
  }

  /** Adds it, or makes it the one that was used last. */
  touch(file: SegmentFile): void {
    this.#open.delete(file)
    this.#open.add(file)
  }

  /** Closes what nobody uses where there are more than `most`; says whether there are no more then. */
  hasRoom(most = this.#most): boolean {
    for (const file of this.#open) {
      if (this.#open.size <= most) break
      if (!file.isUsed) this.#close(file)
    }
    return this.#open.size + this.#closing <= most
  }

  /** Resolves with room for one more. */
  async room(): Promise<void> {
    while (!this.hasRoom(this.#most - 1)) await new Promise<void>(resolve => void this.#waiting.push(resolve))
  }

  /** One of them is used no more. */
  released(): void {
    this.#waiting.shift()?.()
  }

  drop(file: SegmentFile): void {
    this.#open.delete(file)
    this.released()
  }

  #close(file: SegmentFile): void {
    this.#open.delete(file)
    this.#closing++
    void file
      .park()
      .catch(() => {})
      .finally(() => {
        this.#closing--
        this.released()
      })
  }
}

const filesOf = new WeakMap<Disk, OpenFiles>()

export class SegmentFile implements DiskFile {
  readonly path: string
  readonly writeDurably?: NonNullable<DiskFile['writeDurably']>
  readonly #disk: Disk
  readonly #files: OpenFiles
  /** Null while it is closed for others. */
  #file: Promise<DiskFile> | null
  #uses = 0

  private constructor(disk: Disk, file: DiskFile) {
    this.#disk = disk
    this.path = file.path
    this.#file = Promise.resolve(file)
    const files = filesOf.get(disk) ?? new OpenFiles(disk.descriptorLimit?.() ?? Infinity)
    filesOf.set(disk, files)
    this.#files = files
    if (file.writeDurably !== undefined)
      this.writeDurably = (buffers, position) => this.#use(one => one.writeDurably!(buffers, position))
    files.touch(this)
    files.hasRoom()
  }

  static async open(disk: Disk, path: string, mode: 'create' | 'write'): Promise<SegmentFile> {
    return new SegmentFile(disk, await disk.open(path, mode))
  }

  get isUsed(): boolean {
    return this.#uses > 0
  }

  /** Closes it until it is used again. */
  async park(): Promise<void> {
    const file = this.#file
    this.#file = null
    await (await file)?.close()
  }

  size = () => this.#use(file => file.size())
  read = (target: Buffer, position: number) => this.#use(file => file.read(target, position))
  write = (bytes: Buffer, position: number) => this.#use(file => file.write(bytes, position))
  writeAll = (buffers: readonly Buffer[], position: number) =>
    this.#use(file => file.writeAll(buffers, position))
  truncate = (size: number) => this.#use(file => file.truncate(size))
  sync = () => this.#use(file => file.sync())

  /** Of one that is closed only whether something is there is known. */
  async isAt(path: string): Promise<boolean> {
    const file = this.#file
    if (file === null) return await this.#disk.exists(path)
    return (await (await file).isAt?.(path)) ?? true
  }

  async close(): Promise<void> {
    this.#files.drop(this)
    await this.park()
  }

  async #use<T>(run: (file: DiskFile) => Promise<T>): Promise<T> {
    this.#uses++
    try {
      if (this.#file === null) await this.#files.room()
      this.#file ??= this.#reopened()
      this.#files.touch(this)
      return await run(await this.#file)
    } finally {
      this.#uses--
      if (this.#uses === 0) this.#files.released()
    }
  }

  async #reopened(): Promise<DiskFile> {
    try {
      return await this.#disk.open(this.path, 'write')
    } catch (error) {
      this.#file = null
      throw error
    }
  }
}
