// Journal: a state kept as the fold of its entries, in one file. An entry takes effect once it is durable.
// When the file has grown to several times what the state needs, it is written anew from the state. On a full disk entries are refused until there
// is room; after any other failure nothing is written any more.
//
//   file    8 bytes "MRJRNL1\n" | entries
//   entry   length uint32 of the payload | crc32 uint32 of the payload | payload; numbers little-endian
//
// An entry that is cut off or fails its checksum ends the file: a torn write of entries nobody was told of.
import { crc32 } from 'node:zlib'
import { Fault, messageOf } from '../errors.ts'
import type { Disk, DiskFile } from '../system/disk.ts'
import { prepareFile, readWhole, replaceFile } from './atomic-file.ts'
import { isDiskFull } from './directory.ts'
import { GroupWriter } from './group-writer.ts'

export interface JournalParts {
  readonly disk: Disk
  readonly log: { warn(message: string): void }
  readonly path: string
  /** Changes the state; called for every entry found, and for a new one when it is durable. */
  apply(payload: Buffer): void
  /** The state as entries, as few as it can be. */
  snapshot(): readonly Buffer[]
  /** Below this size the file is never written anew. */
  readonly smallBytes?: number
  /** Called once when a write has failed: nothing can be written any more. */
  onFailed?(fault: Fault): void
}

const magic = Buffer.from('MRJRNL1\n')
const entryHeaderBytes = 8

export class Journal {
  readonly #parts: JournalParts
  readonly #writer: GroupWriter<Buffer>
  #file: DiskFile
  #size: number
  /** Bytes are being written that no sync is asked for yet. */
  #isWriting = false
  /** The size at which it is written anew. */
  #limit = 0

  private constructor(parts: JournalParts, file: DiskFile, size: number) {
    this.#parts = parts
    this.#file = file
    this.#size = size
    this.#setLimit(size)
    this.#writer = new GroupWriter<Buffer>({
      write: group => this.#write(group),
      bytesOf: payload => payload.length,
      groupBytes: 4 * 1024 * 1024,
      onFailed: error => parts.onFailed?.(this.#fault(error)),
      recover: error => this.#recover(error),
    })
  }

  /** Reads what is there, applying each entry. Rejects with CORRUPT where the file is not a journal. */
  static async open(parts: JournalParts): Promise<Journal> {
    const { disk, path, log } = parts
    let bytes = await readWhole(disk, path)
    if (bytes === null || bytes.length < magic.length) {
      await replaceFile(disk, path, magic)
      bytes = magic
    }
    if (!bytes.subarray(0, magic.length).equals(magic))
      throw new Fault('CORRUPT', `${path} does not begin as a journal of Millrace`)
    let at = magic.length
    for (let end = entryEnd(bytes, at); end !== -1; end = entryEnd(bytes, at)) {
      parts.apply(bytes.subarray(at + entryHeaderBytes, end))
      at = end
    }
    const file = await disk.open(path, 'write')
    if (at < bytes.length) {
      log.warn(`${path}: cut ${bytes.length - at} bytes of an unfinished write at ${at}`)
      await file.truncate(at)
      await file.sync()
    }
    return new Journal(parts, file, at)
  }

  /** Resolves when the entry is durable and applied. Rejects with DISK: ever after, but for a full disk. */
  async append(payload: Buffer): Promise<void> {
    await this.#writer.add(payload).catch((error: unknown) => {
      throw this.#fault(error)
    })
  }

  async close(): Promise<void> {
    await this.#writer.idle()
    this.#writer.close(new Error('it is closed'))
    await this.#file.close().catch(() => {})
  }

  async #write(group: readonly Buffer[]): Promise<void> {
    this.#isWriting = true
    const bytes = Buffer.concat(group.flatMap(payload => [headerOf(payload), payload]))
    await this.#file.write(bytes, this.#size)
    this.#isWriting = false
    await this.#file.sync()
    this.#size += bytes.length
    for (const payload of group) this.#parts.apply(payload)
    if (this.#size > this.#limit) await this.#rewrite()
  }

  async #rewrite(): Promise<void> {
    const { disk, path } = this.#parts
    const entries = this.#parts.snapshot()
    const bytes = Buffer.concat([magic, ...entries.flatMap(payload => [headerOf(payload), payload])])
    let putInPlace: () => Promise<void>
    try {
      putInPlace = await prepareFile(disk, path, bytes)
    } catch (error) {
      // The file there is goes on growing, and it is tried again when it is four times as large.
      this.#parts.log.warn(`${path} could not be written anew: ${messageOf(error)}`)
      return this.#setLimit(this.#size)
    }
    await putInPlace()
    await this.#file.close()
    this.#file = await disk.open(path, 'write')
    this.#size = bytes.length
    this.#setLimit(bytes.length)
  }

  /** From a full disk alone, and only where nothing was to be synced yet: what did not fit is cut off again. */
  async #recover(error: unknown): Promise<(() => void) | null> {
    if (!isDiskFull(error) || !this.#isWriting) return null
    await this.#file.truncate(this.#size)
    return () => {}
  }

  #setLimit(size: number): void {
    this.#limit = Math.max(this.#parts.smallBytes ?? 1024 * 1024, size * 4)
  }

  #fault(error: unknown): Fault {
    return new Fault('DISK', `cannot write ${this.#parts.path}: ${messageOf(error)}`, { cause: error })
  }
}

function headerOf(payload: Buffer): Buffer {
  const header = Buffer.allocUnsafe(entryHeaderBytes)
  header.writeUInt32LE(payload.length, 0)
  header.writeUInt32LE(crc32(payload), 4)
  return header
}

/** The end of the entry at `at`; -1 where there is no valid one. */
function entryEnd(bytes: Buffer, at: number): number {
  if (bytes.length - at < entryHeaderBytes) return -1
  const end = at + entryHeaderBytes + bytes.readUInt32LE(at)
  if (end > bytes.length) return -1
  return crc32(bytes.subarray(at + entryHeaderBytes, end)) === bytes.readUInt32LE(at + 4) ? end : -1
}
