// LogReader: the records of one log of Flume's, in order, each with its position. What cannot be read is told
// as damage, and reading goes on at the next place where a whole record stands; where none follows, the log
// ends there: a write that never ended, as a kill leaves it.
import type { Disk } from '../../../system/disk.ts'
import type { DecryptRecord } from './decrypter.ts'
import { Malformed } from './protobuf.ts'
import { operations, readEvent, readRecord, recordHeaderBytes, recordKinds } from './record.ts'
import type { FlumeRecord } from './record.ts'
import { Window } from './window.ts'

/** Bytes of a file that are no record. */
export interface Unreadable {
  readonly from: number
  readonly to: number
  readonly why: string
  /** Whether no record follows. */
  readonly isTail: boolean
}

export type Found =
  | { readonly record: FlumeRecord; readonly position: number }
  | { readonly unreadable: Unreadable }

const searchBytes = 1024 * 1024
const filling = Buffer.alloc(searchBytes, operations.end)

export class LogReader {
  readonly path: string
  readonly #window: Window
  readonly #decrypt: DecryptRecord | null
  #at = 0

  private constructor(path: string, window: Window, decrypt: DecryptRecord | null) {
    this.path = path
    this.#window = window
    this.#decrypt = decrypt
  }

  static async open(
    disk: Disk,
    path: string,
    pieceBytes: number,
    decrypt: DecryptRecord | null,
  ): Promise<LogReader> {
    const file = await disk.open(path, 'read')
    try {
      return new LogReader(path, new Window(file, await file.size(), pieceBytes), decrypt)
    } catch (error) {
      await file.close().catch(() => {})
      throw error
    }
  }

  get size(): number {
    return this.#window.size
  }

  /** Null at the end. */
  async next(): Promise<Found | null> {
    for (;;) {
      const position = this.#at
      const head = this.#window.peek(position, recordHeaderBytes) ?? (await this.#read(position))
      if (head.length === 0) return null
      const length = head.length < recordHeaderBytes ? 0 : head.readInt32BE(1)
      const end = position + recordHeaderBytes + length
      if (head[0] === operations.none && length > 0 && end <= this.size) {
        this.#at = end
        continue
      }
      if (head[0] === operations.end && (await this.#isEmptyFrom(position))) return null
      const read = await this.#record(position)
      if ('record' in read) {
        this.#at = end
        return { record: read.record, position }
      }
      const to = await this.#nextRecord(position, end)
      this.#at = to ?? this.size
      const unreadable = { from: position, to: this.#at, why: read.problem, isTail: to === null }
      return { unreadable }
    }
  }

  /** The put at a position. Throws Malformed where none stands there. */
  async put(position: number): Promise<FlumeRecord> {
    const read = await this.#record(position)
    if ('problem' in read) throw new Malformed(read.problem)
    if (read.record.kind !== recordKinds.put) throw new Malformed('the record there is no put')
    return read.record
  }

  async close(): Promise<void> {
    this.#window.release()
    await this.#window.file.close()
  }

  /**
   * Of the first records that are whole by their framing, which is never encrypted, how many can be read: with
   * another key than theirs next to none.
   */
  async sample(most: number): Promise<{ readonly whole: number; readonly readable: number }> {
    let whole = 0
    let readable = 0
    for (let position = 0; whole < most;) {
      const head = await this.#read(position)
      const length = head.length < recordHeaderBytes ? 0 : head.readInt32BE(1)
      if (length <= 0 || head[0] === operations.end) break
      if (await this.#isFramed(position)) {
        whole++
        if ('record' in (await this.#record(position))) readable++
      } else if (head[0] !== operations.none) break
      position += recordHeaderBytes + length
    }
    return { whole, readable }
  }

  /** Whether a record begins there whose length leads to where another may begin. */
  async #isFramed(position: number): Promise<boolean> {
    const head = await this.#read(position)
    const length = head.length < recordHeaderBytes ? 0 : head.readInt32BE(1)
    const end = position + recordHeaderBytes + length
    if (head[0] !== operations.record || length <= 0 || end > this.size) return false
    const follows = (await this.#read(end))[0] ?? operations.end
    return Object.values<number>(operations).includes(follows)
  }

  #read(position: number): Promise<Buffer> {
    return this.#window.read(position, recordHeaderBytes)
  }

  async #record(position: number): Promise<{ record: FlumeRecord } | { problem: string }> {
    const head = this.#window.peek(position, recordHeaderBytes) ?? (await this.#read(position))
    if (head[0] !== operations.record)
      return { problem: head.length === 0 ? 'the file ends before it' : 'no record begins there' }
    const length = head.length < recordHeaderBytes ? -1 : head.readInt32BE(1)
    if (length <= 0 || position + recordHeaderBytes + length > this.size)
      return { problem: 'the record is longer than the file' }
    const from = position + recordHeaderBytes
    const bytes = this.#window.peek(from, length) ?? (await this.#window.read(from, length))
    if (bytes.length < length) return { problem: 'the file ended while it was read' }
    try {
      return { record: readRecord(this.#decrypt === null ? bytes : this.#decrypt(bytes)) }
    } catch (error) {
      if (!(error instanceof Malformed)) throw error
      return { problem: `not a record of Flume: ${error.message}` }
    }
  }

  /** Whether nothing but the bytes with which Flume fills a file follows. */
  async #isEmptyFrom(position: number): Promise<boolean> {
    for (let at = position; at < this.size;) {
      const bytes = await this.#window.read(at, Math.min(searchBytes, this.size - at))
      if (bytes.length === 0) break
      if (!bytes.equals(filling.subarray(0, bytes.length))) return false
      at += bytes.length
    }
    return true
  }

  /** Where reading goes on after a record that cannot be read; null where no other follows. */
  async #nextRecord(bad: number, badEnd: number): Promise<number | null> {
    if (badEnd > bad + recordHeaderBytes && (await this.#isWhole(badEnd))) return badEnd
    for (let at = bad + 1; at < this.size;) {
      const bytes = await this.#window.read(at, Math.min(searchBytes, this.size - at))
      if (bytes.length === 0) return null
      for (
        let found = bytes.indexOf(operations.record);
        found >= 0;
        found = bytes.indexOf(operations.record, found + 1)
      )
        if (await this.#isWhole(at + found)) return at + found
      at += bytes.length
    }
    return null
  }

  /** Whether a record stands there beyond doubt: that it can be read, and the sum of a put's body. */
  async #isWhole(position: number): Promise<boolean> {
    // In encrypted bytes anything may look like a record's beginning: only few of these are worth decrypting.
    if (this.#decrypt !== null && !(await this.#isFramed(position))) return false
    const read = await this.#record(position)
    if ('problem' in read) return false
    if (read.record.kind !== recordKinds.put) return true
    try {
      readEvent(read.record)
      return true
    } catch (error) {
      if (error instanceof Malformed) return false
      throw error
    }
  }
}
