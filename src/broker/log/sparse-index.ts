// The sparse index of one segment: every so many bytes the offset of a batch, where it lies, and the
// largest timestamp before it. It is derived from the segment and may be thrown away at any time.
//
//   file `<base offset>.index`: entries of 28 bytes, little-endian
//     offset | position | largest timestamp before, each a float64 | crc32 uint32 of the 24 bytes
//
// The file of a segment that is full ends with an entry for its end.
import { crc32 } from 'node:zlib'

export interface IndexEntry {
  readonly offset: number
  readonly position: number
  /** -Infinity where nothing lies before. */
  readonly maxTimestampBefore: number
}

const entryBytes = 28
/** Bytes of a segment between two entries. */
export const indexIntervalBytes = 16 * 1024

export class SparseIndex {
  readonly #entries: IndexEntry[] = []

  get count(): number {
    return this.#entries.length
  }

  get last(): IndexEntry | undefined {
    return this.#entries.at(-1)
  }

  /** A batch lies here: kept when the last entry is far enough behind, or when forced. */
  note(entry: IndexEntry, forced = false): void {
    const { last } = this
    if (last !== undefined && !forced && entry.position - last.position < indexIntervalBytes) return
    if (last !== undefined && entry.position <= last.position) return
    this.#entries.push(entry)
  }

  /** The last entry at or before the offset, and the position of the next one. */
  floor(offset: number): { position: number; nextPosition: number } {
    const index = this.#lastWhere(entry => entry.offset <= offset)
    return {
      position: this.#entries[index]?.position ?? 0,
      nextPosition: this.#entries[index + 1]?.position ?? Infinity,
    }
  }

  /** Where to begin to look for the first record that is as late as `timestamp`. */
  floorOfTime(timestamp: number): number {
    return this.#entries[this.#lastWhere(entry => entry.maxTimestampBefore < timestamp)]?.position ?? 0
  }

  encode(from = 0): Buffer {
    const bytes = Buffer.alloc((this.#entries.length - from) * entryBytes)
    for (let index = from, at = 0; index < this.#entries.length; index++, at += entryBytes) {
      const { offset, position, maxTimestampBefore } = this.#entries[index]!
      bytes.writeDoubleLE(offset, at)
      bytes.writeDoubleLE(position, at + 8)
      bytes.writeDoubleLE(maxTimestampBefore, at + 16)
      bytes.writeUInt32LE(crc32(bytes.subarray(at, at + 24)), at + 24)
    }
    return bytes
  }

  /** Takes entries over up to the first that is damaged, none at all, out of order, or beyond `limit` bytes of segment. */
  static decode(bytes: Buffer, limit: number): SparseIndex {
    const index = new SparseIndex()
    for (let at = 0; at + entryBytes <= bytes.length; at += entryBytes) {
      if (crc32(bytes.subarray(at, at + 24)) !== bytes.readUInt32LE(at + 24)) break
      const entry = {
        offset: bytes.readDoubleLE(at),
        position: bytes.readDoubleLE(at + 8),
        maxTimestampBefore: bytes.readDoubleLE(at + 16),
      }
      const { last } = index
      if (!Number.isSafeInteger(entry.offset) || !Number.isSafeInteger(entry.position)) break
      if (
        entry.position < 0 ||
        entry.position > limit ||
        (last !== undefined && entry.position <= last.position)
      )
        break
      index.#entries.push(entry)
    }
    return index
  }

  #lastWhere(holds: (entry: IndexEntry) => boolean): number {
    let low = 0
    let high = this.#entries.length
    while (low < high) {
      const middle = (low + high) >>> 1
      if (holds(this.#entries[middle]!)) low = middle + 1
      else high = middle
    }
    return low - 1
  }
}
