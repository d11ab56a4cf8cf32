// Journal: a state kept as the fold of its entries, in one file. An entry takes effect once it is durable.
// When the file has grown to several times what the state needs, it is written anew from the state. On a full disk entries are refused until there
// is room; after any other failure nothing is written any more.
//
//   file    8 bytes "MRJRNL2\n" | base uint64 | crc32 uint32 of these 16 bytes | entries
//   entry   length uint32 of the payload | crc32 uint32 of all that follows | durable uint64 | payload
//
// Numbers are little-endian. `base`: what lies before was durable when the file got its name. `durable`: what lies
// before was durable when the entry was written. An entry without a payload is written at the end, to say that.
// An invalid entry at or behind the highest such position is a torn write of entries nobody was told of, and ends
// the file; one before it is damage, and nothing is changed. Files that begin with "MRJRNL1\n" have neither
// position: their first entry stands at 8, a payload behind the checksum.
import { crc32 } from 'node:zlib'
import { Fault, messageOf, isDiskFull, diskFault, laterFormat } from '../errors.ts'
import type { Disk, DiskFile } from '../system/disk.ts'
import { prepareFile, readWhole, replaceFile } from './atomic-file.ts'
import { isAway } from './file-place.ts'
import { GroupWriter } from './group-writer.ts'

export interface MustHold {
  /** As the object of a sentence. */
  readonly what: string
  readonly remedy: string
}

export interface JournalParts {
  readonly disk: Disk
  readonly log: { warn(message: string): void }
  readonly path: string
  /**
   * Changes the state; called for every entry found, and for a new one when it is durable. False where it is no entry of
   * this journal, and nothing was changed.
   */
  apply(payload: Buffer): boolean
  /** The state as entries, as few as it can be. */
  snapshot(): readonly Buffer[]
  /** What is lost with the file, where it was there before, and what to do; absent where it may be new. */
  readonly mustHold?: MustHold | null
  /** Below this size the file is never written anew. */
  readonly smallBytes?: number
  /** Called once when a write has failed: nothing can be written any more. */
  onFailed?(fault: Fault): void
}

const magic = Buffer.from('MRJRNL2\n')
const formerMagic = Buffer.from('MRJRNL1\n')
const fileHeaderBytes = 20
/** Of an entry: its length and checksum; and where `durable` ends. */
const sumBytes = 8
const entryHeaderBytes = 16

export class Journal {
  readonly #parts: JournalParts
  readonly #writer: GroupWriter<Buffer>
  #file: DiskFile
  #size: number
  /** No entry says that what was written last is durable. */
  #isUnmarked = false
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

  /**
   * Reads what is there, applying each entry. Rejects with CORRUPT where the file is no journal, or damaged, and with
   * STATE_MISSING where it must be there and is not.
   */
  static async open(parts: JournalParts): Promise<Journal> {
    const { disk, path, log, mustHold = null } = parts
    let bytes = await readWhole(disk, path)
    if (bytes !== null) await disk.makePrivate?.(path)
    if (bytes?.subarray(0, magic.length).equals(formerMagic) === true) {
      readEntries(parts, bytes, magic.length, sumBytes)
      const rewritten = journalOf(parts.snapshot())
      await replaceFile(disk, path, rewritten)
      return new Journal(parts, await disk.open(path, 'write'), rewritten.length)
    }
    if (bytes === null || bytes.length < magic.length) {
      if (mustHold !== null) {
        const { what, remedy } = mustHold
        const state = bytes === null ? 'missing' : 'empty'
        throw new Fault('STATE_MISSING', `${path} is ${state}: it holds ${what}`, { remedy })
      }
      bytes = journalOf([])
      await replaceFile(disk, path, bytes)
    }
    requireHeader(path, bytes)
    const at = readEntries(parts, bytes, fileHeaderBytes, entryHeaderBytes)
    if (at < bytes.length && at < durableEnd(bytes, at))
      throw new Fault(
        'CORRUPT',
        `${path} is damaged at byte ${at}, and entries that were written later stand behind it. Nothing was changed: restore it from a copy; or, to go on without what stands from there on, cut it to ${at} bytes`,
      )
    const file = await disk.open(path, 'write')
    if (at < bytes.length) {
      log.warn(`${path}: cut ${bytes.length - at} bytes of an unfinished write at ${at}`)
      await file.truncate(at)
      await file.sync()
    }
    return new Journal(parts, file, at)
  }

  /** Resolves when the entry is durable and applied. Rejects with DISK or DISK_FULL: ever after, but for a full disk. */
  async append(payload: Buffer): Promise<void> {
    await this.#writer.add(payload).catch((error: unknown) => {
      throw this.#fault(error)
    })
  }

  async close(): Promise<void> {
    if (this.#isUnmarked) await this.#writer.add(Buffer.alloc(0)).catch(() => {})
    await this.#writer.idle()
    this.#writer.close(new Error('it is closed'))
    await this.#file.close().catch(() => {})
  }

  async #write(group: readonly Buffer[]): Promise<void> {
    this.#isWriting = true
    const bytes = Buffer.concat(group.flatMap(payload => [headerOf(payload, this.#size), payload]))
    await this.#file.write(bytes, this.#size)
    this.#isWriting = false
    await this.#file.sync()
    if (await isAway(this.#file, this.#parts.path))
      throw new Fault('STATE_MISSING', `${this.#parts.path} was removed or renamed`)
    this.#size += bytes.length
    for (const payload of group) if (payload.length > 0) this.#parts.apply(payload)
    this.#isUnmarked = group.at(-1)!.length > 0
    if (this.#size > this.#limit) await this.#rewrite()
  }

  async #rewrite(): Promise<void> {
    const { disk, path } = this.#parts
    const bytes = journalOf(this.#parts.snapshot())
    let putInPlace: () => Promise<void>
    try {
      putInPlace = await prepareFile(disk, path, bytes)
    } catch (error) {
      // The file there is goes on growing, and it is retried when it is four times as large.
      this.#parts.log.warn(`${path} could not be rewritten: ${messageOf(error)}`)
      return this.#setLimit(this.#size)
    }
    await putInPlace()
    await this.#file.close()
    this.#file = await disk.open(path, 'write')
    this.#size = bytes.length
    this.#isUnmarked = false
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
    return diskFault(`cannot write ${this.#parts.path}`, error)
  }
}

function headerOf(payload: Buffer, durable: number): Buffer {
  const header = Buffer.allocUnsafe(entryHeaderBytes)
  header.writeUInt32LE(payload.length, 0)
  header.writeBigUInt64LE(BigInt(durable), sumBytes)
  header.writeUInt32LE(crc32(payload, crc32(header.subarray(sumBytes))), 4)
  return header
}

/** A whole file of these entries. */
function journalOf(entries: readonly Buffer[]): Buffer {
  const bytes = Buffer.concat([
    Buffer.alloc(fileHeaderBytes),
    ...entries.flatMap(payload => [headerOf(payload, fileHeaderBytes), payload]),
  ])
  magic.copy(bytes)
  bytes.writeBigUInt64LE(BigInt(bytes.length), magic.length)
  bytes.writeUInt32LE(crc32(bytes.subarray(0, fileHeaderBytes - 4)), fileHeaderBytes - 4)
  return bytes
}

function requireHeader(path: string, bytes: Buffer): void {
  const end = fileHeaderBytes - 4
  const isWhole = bytes.length >= fileHeaderBytes && crc32(bytes.subarray(0, end)) === bytes.readUInt32LE(end)
  const [, later] = /^MRJRNL(\d)\n/.exec(bytes.toString('latin1', 0, magic.length)) ?? []
  if (isWhole && Number(later) > 2) throw laterFormat(path, Number(later), 2)
  if (!bytes.subarray(0, magic.length).equals(magic))
    throw new Fault('CORRUPT', `${path} does not begin as a journal of Millrace`)
  if (!isWhole)
    throw new Fault(
      'CORRUPT',
      `${path} is damaged in its first ${fileHeaderBytes} bytes: restore it from a copy`,
    )
}

/** Gives where the valid entries end. */
function readEntries(
  { path, apply }: JournalParts,
  bytes: Buffer,
  from: number,
  headerBytes: number,
): number {
  let at = from
  for (let end = entryEnd(bytes, at, headerBytes); end !== -1; end = entryEnd(bytes, at, headerBytes)) {
    if (end > at + headerBytes && !apply(bytes.subarray(at + headerBytes, end)))
      throw new Fault(
        'CORRUPT',
        `${path}: the entry at byte ${at} passes its checksum and is none that this version knows. Nothing was changed: start the version that wrote it, or restore the file from a copy`,
      )
    at = end
  }
  return at
}

/** The end of the entry at `at`; -1 where there is no valid one. */
function entryEnd(bytes: Buffer, at: number, headerBytes: number): number {
  if (bytes.length - at < headerBytes) return -1
  const end = at + headerBytes + bytes.readUInt32LE(at)
  if (end > bytes.length) return -1
  return crc32(bytes.subarray(at + sumBytes, end)) === bytes.readUInt32LE(at + 4) ? end : -1
}

/** Up to where everything was durable once, by what the file's header and valid entries behind `from` say. */
function durableEnd(bytes: Buffer, from: number): number {
  const base = Number(bytes.readBigUInt64LE(magic.length))
  if (base > from) return base
  for (let at = from + 1; at + entryHeaderBytes <= bytes.length; at++) {
    const durable = bytes.readUInt32LE(at + sumBytes) + bytes.readUInt32LE(at + sumBytes + 4) * 2 ** 32
    if (durable > from && durable <= at && entryEnd(bytes, at, entryHeaderBytes) !== -1) return durable
  }
  return 0
}
