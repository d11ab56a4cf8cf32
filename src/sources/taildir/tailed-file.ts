// A file that is followed, under whatever name: how far it was handed over, and its bytes from there on.
import type { Disk, DiskFile, FileState } from '../../system/disk.ts'
import type { FileGroup } from './file-group.ts'

/** So many bytes before the position are kept, and compared before what follows is read. */
const markBytes = 64
const noBytes = Buffer.alloc(0)

/** What stands before a place in bytes as `read` gives them: they have the file's mark before them. */
export function markBefore(bytes: Buffer, at: number): Buffer {
  const end = bytes.byteOffset + at
  const from = Math.max(0, end - markBytes)
  return Buffer.from(Buffer.from(bytes.buffer, from, end - from))
}

export class TailedFile {
  readonly identity: string
  readonly inode: string
  readonly bornMs: number
  path: string
  group: FileGroup
  /** Bytes up to here are in the channels. */
  position: number
  /** Up to here they were read; what lies between is under way. */
  next: number
  /** As it was looked at last. */
  size: number
  modifiedMs: number
  /** Its time of change is newer, though nothing was added: its bytes may be others. */
  isSuspect = false
  /** Monotonic ms: when it was seen to change, or was read from. */
  changedAt: number
  /** Up to here there is no end of the line that begins at `next`. */
  searchedTo = 0
  /** The number of the look in which it was found under a name of its group. */
  seenIn = 0
  /** It has no such name any more. */
  isGone = false
  /** Why it cannot be read; null where it can. */
  problem: string | null = null
  handle: DiskFile | null = null
  /** The bytes before `next`, and those before `position`; fewer, or none, where more are not known. */
  #mark: Buffer = noBytes
  #markOfPosition: Buffer = noBytes
  /** Its position comes from an earlier run, and the bytes before it were not looked at yet. */
  needsMark: boolean

  constructor(path: string, group: FileGroup, state: FileState, position: number, now: number) {
    this.identity = state.identity
    this.inode = state.inode
    this.bornMs = state.bornMs
    this.path = path
    this.group = group
    this.position = this.next = position
    this.size = state.bytes
    this.modifiedMs = state.modifiedMs
    this.changedAt = now
    this.needsMark = position > 0
  }

  /** Reads what stands before the position, by which a file is known that is truncated from here on. It must be open. */
  async learnMark(): Promise<void> {
    if (this.size < this.position) return
    const bytes = Buffer.alloc(Math.min(markBytes, this.position))
    const count = await this.handle!.read(bytes, this.position - bytes.length)
    if (count === bytes.length) this.#mark = this.#markOfPosition = bytes
  }

  /** Whether it is the same file, and not one that was given the same inode later. */
  isSame({ identity, bornMs }: FileState): boolean {
    return identity === this.identity && (bornMs === 0 || this.bornMs === 0 || bornMs === this.bornMs)
  }

  /** Takes note of what a look has found. */
  looked({ bytes, modifiedMs }: FileState, now: number): void {
    if (bytes === this.size && modifiedMs === this.modifiedMs) return
    this.isSuspect ||= bytes === this.size
    this.size = bytes
    this.modifiedMs = modifiedMs
    this.changedAt = now
  }

  /** Whether there is something to read, the rest of a last line too where `flushes` is set. */
  isDue(flushes: boolean): boolean {
    if (this.size < this.next || this.isSuspect) return true
    return this.size > this.next && (flushes || this.size !== this.searchedTo)
  }

  /** The lines up to `end` are in the channels; `mark` is what stands before it. */
  taken(end: number, mark: Buffer): void {
    this.position = end
    this.#markOfPosition = mark
  }

  /** What was read and not taken is read again. */
  rewind(): void {
    this.next = this.position
    this.searchedTo = 0
    this.#mark = this.#markOfPosition
  }

  /** Its bytes are others: it is read from its beginning. Nothing may be under way. */
  restart(): void {
    this.taken(0, noBytes)
    this.rewind()
  }

  /** Opens it, which must not be open, by a name; false where that leads to another file, or nowhere, by now. */
  async open(disk: Disk, path: string): Promise<boolean> {
    let handle: DiskFile
    try {
      handle = await disk.open(path, 'read')
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return false
      throw error
    }
    const isSame = await handle.stat!().then(
      state => this.isSame(state),
      () => false,
    )
    if (isSame) this.handle = handle
    else await handle.close()
    return isSame
  }

  async close(): Promise<void> {
    const { handle } = this
    this.handle = null
    await handle?.close()
  }

  /**
   * Bytes from `next` on, as many as there are, `most` at most; null where those before them have changed. A part that
   * was never written reads as zeros: the writer of a file that was truncated goes on where it was.
   */
  async read(most: number, end: number): Promise<Buffer | null> {
    const before = this.#mark.length
    const bytes = Buffer.allocUnsafeSlow(before + Math.max(0, Math.min(most, end - this.next)))
    const count = await this.handle!.read(bytes, this.next - before)
    if (count < before) return null
    const there = bytes.subarray(0, before)
    if (!there.equals(this.#mark) && there.some(byte => byte !== 0)) return null
    this.isSuspect = false
    return bytes.subarray(before, count)
  }

  /** `bytes`, as they were read, are done with up to `count`. */
  advance(bytes: Buffer, count: number): void {
    this.next += count
    this.#mark = markBefore(bytes, count)
  }

  /** Whether a line ends behind `searchedTo`; where none does, that place moves on. */
  async findsEnd(end: number, chunkBytes: number): Promise<boolean> {
    const bytes = Buffer.allocUnsafe(Math.min(chunkBytes, Math.max(0, end - this.searchedTo)))
    while (this.searchedTo < end) {
      const count = await this.handle!.read(bytes, this.searchedTo)
      if (count === 0) return false
      if (bytes.subarray(0, count).includes(0x0a)) return true
      this.searchedTo += count
    }
    return false
  }
}
