// Segment: one file of a partition, `<base offset, 20 digits>.log`, holding record batches one after
// another as they are on the wire, with the offsets the broker gave. Only the newest is written.
import { join } from 'node:path'
import { readWhole } from '../../storage/atomic-file.ts'
import type { Disk, DiskFile } from '../../system/disk.ts'
import { batchHeaderBytes, batchSize, isSound, numbersOf, type BatchHeader } from './batch-header.ts'
import { SegmentFile } from './open-files.ts'
import { readBuffers } from './read-buffers.ts'
import { SparseIndex } from './sparse-index.ts'

export const segmentName = (base: number): string => `${String(base).padStart(20, '0')}.log`

/** The base offset in the name of a segment; null for any other file. */
export function baseOfName(name: string): number | null {
  return /^\d{20}\.log$/.test(name) ? Number(name.slice(0, 20)) : null
}

/** Of a file beside a segment: what was cut off it, and where. */
export const cutEnding = '.cut-'

const chunkBytes = 1024 * 1024

/** The segment was compacted or removed while it was read: its successor has what is left. */
export class SegmentReplaced extends Error {
  override name = 'SegmentReplaced'
}

export class Segment {
  readonly baseOffset: number
  readonly path: string
  readonly indexPath: string
  /** Bytes that readers may see. */
  end = 0
  /** -Infinity where there is no record with a time. */
  maxTimestamp = -Infinity
  /** Its file may be another one from now on: readers begin anew with the segments there are. */
  isReplaced = false
  /** Entries of the index that are in its file. */
  storedEntries = 0
  readonly #disk: Disk
  #index: SparseIndex | null
  /** Kept open while the segment is the newest. */
  #file: DiskFile | null = null
  /** Reads of that file under way, and who waits for them to end. */
  #reads = 0
  #readsEnded: () => void = () => {}

  constructor(disk: Disk, directory: string, baseOffset: number) {
    this.#disk = disk
    this.baseOffset = baseOffset
    this.path = join(directory, segmentName(baseOffset))
    this.indexPath = `${this.path.slice(0, -4)}.index`
    this.#index = null
  }

  get file(): DiskFile {
    return this.#file!
  }

  /** A new file, empty, and its empty index. The caller syncs the directory. */
  async create(): Promise<void> {
    this.#file = await SegmentFile.open(this.#disk, this.path, 'create')
    this.#index = new SparseIndex()
  }

  async openForWriting(): Promise<void> {
    this.#file ??= await SegmentFile.open(this.#disk, this.path, 'write')
  }

  /** The index, loaded for a segment that is full; what its file lacks is read from the segment. */
  async index(): Promise<SparseIndex> {
    if (this.#index !== null) return this.#index
    const bytes = (await readWhole(this.#disk, this.indexPath)) ?? Buffer.alloc(0)
    const index = SparseIndex.decode(bytes, this.end)
    this.storedEntries = index.count
    let before = index.last?.maxTimestampBefore ?? -Infinity
    await this.scan(index.last?.position ?? 0, (position, header) => {
      index.note({ offset: header.baseOffset, position, maxTimestampBefore: before })
      before = Math.max(before, header.maxTimestamp)
      return true
    })
    this.#index = index
    return index
  }

  /** Index entries found while the segment was scanned; those stored before stand first. */
  adoptIndex(index: SparseIndex): void {
    this.#index = index
  }

  /** Writes what the index file lacks; not synced, for it can be rebuilt. */
  async storeIndex(): Promise<void> {
    const index = this.#index
    if (index === null || index.count <= this.storedEntries) return
    const count = index.count
    const entries = index.encode(this.storedEntries)
    if (this.storedEntries === 0 && (await this.#disk.exists(this.indexPath)))
      await this.#disk.remove(this.indexPath)
    const file = await this.#disk.open(this.indexPath, 'append')
    try {
      await file.write(entries, 0)
    } finally {
      await file.close()
    }
    this.storedEntries = count
  }

  /** Bytes from `position`, fewer at the end. */
  async read(position: number, size: number): Promise<Buffer> {
    const bytes = readBuffers.take(Math.max(0, Math.min(size, this.end - position)))
    if (bytes.length === 0) return bytes
    const open = this.#file
    if (open !== null) {
      this.#reads++
      try {
        return this.#whole(bytes, await open.read(bytes, position), position)
      } finally {
        if (--this.#reads === 0) this.#readsEnded()
      }
    }
    const file = await this.#disk.open(this.path, 'read').catch((error: unknown) => {
      throw this.isReplaced ? new SegmentReplaced() : error
    })
    try {
      const read = await file.read(bytes, position)
      if (this.isReplaced) throw new SegmentReplaced()
      return this.#whole(bytes, read, position)
    } finally {
      await file.close()
    }
  }

  /** A segment never gets shorter: where it does, records would be passed over. */
  #whole(bytes: Buffer, read: number, position: number): Buffer {
    if (read === bytes.length) return bytes
    throw new Error(`${this.path} ends at ${position + read}: it was cut off from outside`)
  }

  /**
   * Goes over batches from `position` up to the end, or until `see` says false; gives where it stopped: the
   * end of the last sound batch. With `checked` a batch must pass its checksum, and `see` is given it whole.
   */
  async scan(
    position: number,
    see: (position: number, header: BatchHeader, batch: Buffer) => boolean,
    checked = false,
  ): Promise<number> {
    let at = position
    let size = chunkBytes
    while (at < this.end) {
      const bytes = await this.read(at, size)
      let used = 0
      for (;;) {
        const whole = batchSize(bytes, used)
        if (whole === -1) break
        if (whole < batchHeaderBytes || at + used + whole > this.end) return at + used
        if (checked && used + whole > bytes.length) {
          size = whole
          break
        }
        if (checked && !isSound(bytes, used, used + whole)) return at + used
        const header = numbersOf(bytes, used)
        if (header === null || !see(at + used, header, bytes.subarray(used, used + whole))) return at + used
        used += whole
        size = chunkBytes
        if (used > bytes.length) break
      }
      if (used === 0 && bytes.length < batchHeaderBytes) return at
      if (used === 0 && !checked) return at
      at += used
    }
    return at
  }

  /** How many sound batches from `nextOffset` on stand somewhere behind `position`, where none stands. */
  async countSoundBehind(position: number, nextOffset: number): Promise<number> {
    let count = 0
    for (let at = position + 1; at + batchHeaderBytes <= this.end;) {
      const bytes = await this.read(at, chunkBytes)
      let next = at + Math.max(1, bytes.length - batchHeaderBytes + 1)
      // The byte that tells the format stands 16 bytes into a batch.
      for (let mark = bytes.indexOf(2, 16); mark !== -1; mark = bytes.indexOf(2, mark + 1)) {
        const from = mark - 16
        const whole = batchSize(bytes, from)
        if (whole === -1) break
        if (whole < batchHeaderBytes || at + from + whole > this.end) continue
        if (bytes.readBigInt64BE(from) < nextOffset) continue
        const batch = await this.read(at + from, whole)
        if (batch.length < whole || !isSound(batch, 0, whole)) continue
        count++
        next = at + from + whole
        break
      }
      at = next
    }
    return count
  }

  async close(): Promise<void> {
    const file = this.#file
    this.#file = null
    // A number of a closed file may be another file's in the next moment: no read may still hold it.
    if (this.#reads > 0) await new Promise<void>(resolve => (this.#readsEnded = resolve))
    await file?.close().catch(() => {})
  }

  async remove(): Promise<void> {
    await this.close()
    await this.#disk.remove(this.path)
    if (await this.#disk.exists(this.indexPath)) await this.#disk.remove(this.indexPath)
  }
}
