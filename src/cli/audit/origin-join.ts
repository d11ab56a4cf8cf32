// Pairs records of `to` that name their origin with the records of `from` that they come from, wherever they lie and whatever
// has become of their contents. Rows of both go into buckets by the offset of the origin. A row of `to` is that of a record
// (record-row.ts) and behind it:
//   48  partition of `from` (4)
//   56  offset of the record (8), and the first that it closes (8)
import { placeOf, type Place } from './joining.ts'
import type { Extent } from './order-check.ts'
import * as rows from './record-row.ts'
import { mostBuckets, Spill } from './spill.ts'

const namedBytes = 72
const fewestOffsets = 65_536
/** In place of a partition: the row closes offsets, and is no record. */
const noRecord = 0xffffffff

export interface OriginEnds {
  /** The first that names this record. */
  found(from: Buffer, to: Buffer): void
  doubled(from: Place, to: Buffer): void
  /** Names a record that `from` does not have. */
  gone(to: Buffer): void
  /** No record of `to` names it, and one closes it: it was dropped on purpose, or went elsewhere. */
  closed(from: Buffer): void
  /** No record of `to` names or closes it. */
  left(from: Buffer): void
}

export class OriginJoin {
  readonly #from: Spill
  readonly #to: Spill
  readonly #row = Buffer.alloc(namedBytes)
  /** Where the offsets of each partition of `from` lie in one row of all. */
  readonly #bases: readonly number[]
  readonly #extents: readonly Extent[]
  readonly #offsetsPerBucket: number
  /** How many more rows close the whole of each bucket than of the one before. */
  readonly #closedWhole: Float64Array
  /** Names of channels: what one does not have, another may. */
  readonly #channels = new Set<string>()
  count = 0

  constructor(directory: string, extents: readonly Extent[]) {
    this.#extents = extents
    let all = 0
    this.#bases = extents.map(({ first, next }) => {
      const base = all - first
      all += next - first
      return base
    })
    this.#offsetsPerBucket = Math.max(fewestOffsets, Math.ceil((all + 1) / mostBuckets))
    const buckets = Math.floor(all / this.#offsetsPerBucket) + 1
    this.#from = new Spill(directory, rows.rowBytes, buckets)
    this.#to = new Spill(directory, namedBytes, buckets)
    this.#closedWhole = new Float64Array(buckets + 1)
  }

  /** A record of `to`; false where the offset is not looked at. */
  addTo(row: Buffer, origin: Place & { readonly first: number; readonly channel: string }): boolean {
    const { partition, offset } = origin
    const { first, next } = this.#extents[partition]!
    if (offset < first || offset >= next) return false
    this.count++
    this.#channels.add(origin.channel)
    const low = Math.max(first, Math.min(offset, origin.first))
    const named = this.#row
    row.copy(named)
    named.writeUInt32LE(partition, 48)
    named.writeDoubleLE(offset, 56)
    named.writeDoubleLE(low, 64)
    const [bucket, begin] = [this.#bucketOf(partition, offset), this.#bucketOf(partition, low)]
    this.#to.add(bucket, named)
    if (begin === bucket) return true
    this.#closedWhole[begin + 1]!++
    this.#closedWhole[bucket]!--
    named.writeUInt32LE(noRecord, 32)
    this.#to.add(begin, named)
    return true
  }

  addFrom(row: Buffer): void {
    this.#from.add(this.#bucketOf(rows.partitionOf(row), rows.offsetOf(row)), row)
  }

  #bucketOf(partition: number, offset: number): number {
    return Math.floor((this.#bases[partition]! + offset) / this.#offsetsPerBucket)
  }

  async join(ends: OriginEnds, turn: () => Promise<void>): Promise<void> {
    let whole = 0
    try {
      for (let bucket = 0; bucket < this.#from.buckets; bucket++) {
        await turn()
        whole += this.#closedWhole[bucket]!
        this.#joinBucket(bucket, whole > 0, ends)
      }
    } finally {
      this.close()
    }
  }

  #joinBucket(bucket: number, isClosed: boolean, ends: OriginEnds): void {
    const from = Array.from(this.#from.rows(bucket), row => {
      const position = this.#bases[rows.partitionOf(row)]! + rows.offsetOf(row)
      return { position, row: Buffer.from(row), isFound: false }
    }).sort((one, other) => one.position - other.position)
    /** The first at or behind the position. */
    const indexOf = (position: number): number => {
      let [low, high] = [0, from.length]
      while (low < high) {
        const middle = (low + high) >>> 1
        if (from[middle]!.position < position) low = middle + 1
        else high = middle
      }
      return low
    }
    const closes = new Float64Array(from.length + 1)
    for (const row of this.#to.rows(bucket)) {
      const base = this.#bases[row.readUInt32LE(48)]!
      const position = base + row.readDoubleLE(56)
      const at = indexOf(position)
      closes[indexOf(base + row.readDoubleLE(64))]!++
      closes[Math.min(from.length, from[at]?.position === position ? at + 1 : at)]!--
      if (rows.partitionOf(row) === noRecord) continue
      const record = from[at]
      if (record?.position !== position) ends.gone(row)
      else if (record.isFound) ends.doubled(placeOf(record.row), row)
      else {
        record.isFound = true
        ends.found(record.row, row)
      }
    }
    let closed = isClosed ? 1 : 0
    for (const [at, { row, isFound }] of from.entries()) {
      closed += closes[at]!
      if (isFound) continue
      if (closed > 0 && this.#channels.size === 1) ends.closed(row)
      else ends.left(row)
    }
  }

  close(): void {
    this.#from.close()
    this.#to.close()
  }
}
