// EntryReader: goes through a segment's entries in large reads, and past damage to the next valid entry.
// Puts are given as they were before they were encrypted, where the segment comes with its cipher.
import { crc32 } from 'node:zlib'
import type { DiskFile } from '../../system/disk.ts'
import { entryHeaderBytes, entryKinds, entryMagic, readEntryHeader, type EntryHeader } from './entry.ts'
import type { SegmentCipher } from './segment-cipher.ts'

/** Bytes of one read; an entry that is larger is read whole. */
export const readBytes = 2 * 1024 * 1024

export interface FoundEntry {
  readonly header: EntryHeader
  readonly payload: Buffer
  readonly position: number
  readonly end: number
}

/** Bytes that are no valid entry, up to the next one or the end. */
export interface Damage {
  readonly from: number
  readonly to: number
}

/** What must be known of a segment to read it; without its cipher, payloads are given as they stand there. */
export interface ReadableSegment {
  readonly id: number
  readonly salt: number
  readonly cipher?: SegmentCipher | null
}

export class EntryReader {
  readonly #file: DiskFile
  readonly #segment: ReadableSegment
  readonly #end: number
  #position: number
  #buffer: Buffer = Buffer.alloc(0)
  #bufferAt = 0
  /** Where the file turned out to end. */
  #fileEnd = Infinity

  /** Reads from `position` up to `end`. */
  constructor(file: DiskFile, segment: ReadableSegment, position: number, end: number) {
    this.#file = file
    this.#segment = segment
    this.#position = position
    this.#end = end
  }

  get position(): number {
    return this.#position
  }

  /** Null at the end. */
  async next(): Promise<FoundEntry | { readonly damage: Damage } | null> {
    const position = this.#position
    if (position >= this.#end) return null
    await this.#need(position, entryHeaderBytes)
    const header = readEntryHeader(this.#buffer, position - this.#bufferAt, this.#segment, position)
    const end = header === null ? 0 : position + entryHeaderBytes + header.payloadBytes
    if (header === null || end > this.#end) return { damage: await this.#skipFrom(position) }
    await this.#need(position, end - position)
    const at = position - this.#bufferAt
    const payload = this.#buffer.subarray(at + entryHeaderBytes, at + (end - position))
    this.#position = end
    if (payload.length !== header.payloadBytes || crc32(payload) !== header.payloadCrc)
      return { damage: { from: position, to: end } }
    const { cipher } = this.#segment
    if (header.kind !== entryKinds.put || !cipher) return { header, payload, position, end }
    const opened = cipher.open(payload, position, this.#buffer.subarray(at, at + entryHeaderBytes))
    if (opened === null) return { damage: { from: position, to: end } }
    return { header, payload: opened, position, end }
  }

  /** Looks for the next valid header: magic, segment, position and checksum must fit. */
  async #skipFrom(from: number): Promise<Damage> {
    for (let position = from + 8; position < Math.min(this.#end, this.#fileEnd);) {
      await this.#need(position, entryHeaderBytes)
      const found = this.#buffer.indexOf(entryMagic, position - this.#bufferAt)
      if (found < 0) {
        // The magic may begin in this buffer's last bytes.
        position = Math.max(position + 1, this.#bufferAt + this.#buffer.length - entryMagic.length + 1)
        if (this.#bufferAt + this.#buffer.length >= this.#end) break
        continue
      }
      position = this.#bufferAt + found
      await this.#need(position, entryHeaderBytes)
      const header = readEntryHeader(this.#buffer, position - this.#bufferAt, this.#segment, position)
      if (header !== null) {
        this.#position = position
        return { from, to: position }
      }
      position++
    }
    this.#position = this.#end
    return { from, to: this.#end }
  }

  /** Has `bytes` from `position` in the buffer, or as many as there are. Entries given out keep the old one. */
  async #need(position: number, bytes: number): Promise<void> {
    const have = this.#bufferAt + this.#buffer.length
    if (position >= this.#bufferAt && position + bytes <= have) return
    const wanted = Math.min(this.#end - position, Math.max(bytes, readBytes))
    if (wanted <= 0) return
    // Never reused: events given out are slices of it.
    const buffer = Buffer.allocUnsafeSlow(wanted)
    const count = await this.#file.read(buffer, position)
    if (count < wanted) this.#fileEnd = position + count
    this.#buffer = buffer.subarray(0, count)
    this.#bufferAt = position
  }
}
