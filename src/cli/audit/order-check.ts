// Whether records lie in the order of their source: within one partition of `to`, those of one partition of `from` that
// have the same key (those without a key are one such set). Asked of records of which there is only one, because of equal
// ones nobody can tell which is which. A row has 32 bytes: partitions of both sides (4 each), offsets of both (8 each), key (8).
import { Differences } from './differences.ts'
import { addTo, bucketsFor, type Place } from './joining.ts'
import { key as keyBytes, offsetOf, partitionOf, textOf } from './record-row.ts'
import { mostBuckets, Spill } from './spill.ts'

const pairBytes = 32
const fewestOffsets = 65_536
/** Most rows that are sorted at once. */
const mostSorted = 500_000
const fanOut = 64

export interface Extent {
  readonly first: number
  readonly next: number
}

export class OrderCheck {
  readonly #directory: string
  readonly #pairs: Spill
  readonly #row = Buffer.alloc(pairBytes)
  /** Where the offsets of each partition of `to` lie in one row of all. */
  readonly #bases: readonly number[]
  readonly #offsetsPerBucket: number
  #count = 0

  constructor(directory: string, extents: readonly Extent[]) {
    this.#directory = directory
    let all = 0
    this.#bases = extents.map(({ first, next }) => {
      const base = all - first
      all += next - first
      return base
    })
    this.#offsetsPerBucket = Math.max(fewestOffsets, Math.ceil((all + 1) / mostBuckets))
    this.#pairs = new Spill(directory, pairBytes, Math.floor(all / this.#offsetsPerBucket) + 1)
  }

  add(from: Place, to: Buffer): void {
    const row = this.#row
    row.writeUInt32LE(partitionOf(to), 0)
    row.writeUInt32LE(from.partition, 4)
    row.writeDoubleLE(offsetOf(to), 8)
    row.writeDoubleLE(from.offset, 16)
    to.copy(row, 24, keyBytes[0], keyBytes[1])
    this.#pairs.add(Math.floor(this.#positionOf(row) / this.#offsetsPerBucket), row)
    this.#count++
  }

  #positionOf(row: Buffer): number {
    return this.#bases[row.readUInt32LE(0)]! + row.readDoubleLE(8)
  }

  /** Adds those that come after a later one. */
  async check(reordered: Differences, turn: () => Promise<void>): Promise<void> {
    const byKey = new Spill(this.#directory, pairBytes, bucketsFor(this.#count))
    try {
      for (let bucket = 0; bucket < this.#pairs.buckets; bucket++) {
        await turn()
        const low = bucket * this.#offsetsPerBucket
        for (const row of this.#sorted(this.#pairs, bucket, low, this.#offsetsPerBucket))
          addTo(byKey, row, 24)
      }
      for (let bucket = 0; bucket < byKey.buckets; bucket++) {
        await turn()
        this.#checkKeys(byKey.rows(bucket), reordered)
      }
    } finally {
      byKey.close()
      this.close()
    }
  }

  *#sorted(spill: Spill, bucket: number, low: number, width: number): Generator<Buffer> {
    if (spill.count(bucket) <= mostSorted) {
      const rows = Array.from(spill.rows(bucket), row => ({
        at: this.#positionOf(row),
        row: Buffer.from(row),
      }))
      for (const { row } of rows.sort((one, other) => one.at - other.at)) yield row
      return
    }
    const part = Math.ceil(width / fanOut)
    const finer = new Spill(this.#directory, pairBytes, fanOut)
    try {
      for (const row of spill.rows(bucket)) finer.add(Math.floor((this.#positionOf(row) - low) / part), row)
      for (let one = 0; one < fanOut; one++) yield* this.#sorted(finer, one, low + one * part, part)
    } finally {
      finer.close()
    }
  }

  /** Rows of one key are in the order of `to`. */
  #checkKeys(rows: Iterable<Buffer>, reordered: Differences): void {
    const latest = new Map<string, number>()
    for (const row of rows) {
      const set = `${row.toString('latin1', 0, 8)}${textOf(row, keyBytes)}`
      const offset = row.readDoubleLE(16)
      const before = latest.get(set) ?? -1
      if (offset > before) latest.set(set, offset)
      else
        reordered.add({
          from: { partition: row.readUInt32LE(4), offset },
          to: { partition: row.readUInt32LE(0), offset: row.readDoubleLE(8) },
          what: `behind offset ${before} of its partition`,
        })
    }
  }

  close(): void {
    this.#pairs.close()
  }
}
