// Joins the rows of two sides that agree in some of their bytes. A group of equal rows is counted, not kept, so that a
// million copies of one record take no more memory than one.
import { mostBuckets, Spill } from './spill.ts'
import { offsetOf, partitionOf, rowBytes, textOf } from './record-row.ts'

/** Most rows of both sides that are joined at once, unless they are equal. */
const mostRows = 60_000
const fanOut = 16
/** Rows that are together after so many splits are equal. */
const mostSplits = 5

export interface Place {
  readonly partition: number
  readonly offset: number
}

export const placeOf = (row: Buffer): Place => ({ partition: partitionOf(row), offset: offsetOf(row) })

/** What becomes of each row. Rows count until the call returns. */
export interface JoinEnds {
  /** Of `from`, and it has a partner. */
  arrived(row: Buffer): void
  /** Of `to`, and it has a partner: `from` where it is known which one. */
  found(row: Buffer, from: Place | undefined, isOnlyOne: boolean): void
  /** Of `from`, without a partner. */
  missing(row: Buffer): void
  /** Of `to`, beyond what `from` has of its kind: `from` is one of that kind; undefined where there is none. */
  surplus(row: Buffer, from: Place | undefined, isOfKind: boolean): void
}

export interface JoinOptions {
  /** The bytes that have to agree; its first four choose the bucket. */
  readonly by: readonly [from: number, to: number]
  /** How many places of each kind are kept for `found`; one where there is only one. */
  readonly places: number
  readonly directory: string
  /** Between two buckets. */
  turn(): Promise<void>
}

interface Kind {
  from: number
  to: number
  fromSeen: number
  toSeen: number
  readonly places: Place[]
}

/** Of so many rows, which buckets may take a different number of. */
export const bucketsFor = (rows: number): number =>
  Math.max(1, Math.min(mostBuckets, Math.ceil(rows / (mostRows / 3))))

/** By the bytes from `at` on, of which the digests are spread. */
export function addTo(spill: Spill, row: Buffer, at: number): void {
  spill.add(spill.buckets === 1 ? 0 : row.readUInt32LE(at) % spill.buckets, row)
}

/** Both spills have as many buckets. They are closed when it resolves. */
export async function join(from: Spill, to: Spill, options: JoinOptions, ends: JoinEnds): Promise<void> {
  try {
    for (let bucket = 0; bucket < from.buckets; bucket++) {
      await options.turn()
      await joinBucket(from, to, bucket, options, ends, 0)
    }
  } finally {
    from.close()
    to.close()
  }
}

async function joinBucket(
  from: Spill,
  to: Spill,
  bucket: number,
  options: JoinOptions,
  ends: JoinEnds,
  splits: number,
): Promise<void> {
  if (from.count(bucket) + to.count(bucket) <= mostRows || splits === mostSplits)
    return joinRows(from, to, bucket, options, ends)
  const finer = [from, to].map(spill => {
    const made = new Spill(options.directory, rowBytes, fanOut)
    for (const row of spill.rows(bucket))
      // Bits that the division before has not used.
      made.add(Math.floor(row.readUInt32LE(options.by[0]) / (mostBuckets * fanOut ** splits)) % fanOut, row)
    return made
  })
  try {
    for (let part = 0; part < fanOut; part++) {
      await options.turn()
      await joinBucket(finer[0]!, finer[1]!, part, options, ends, splits + 1)
    }
  } finally {
    for (const one of finer) one.close()
  }
}

function joinRows(from: Spill, to: Spill, bucket: number, options: JoinOptions, ends: JoinEnds): void {
  const kinds = new Map<string, Kind>()
  const kindOf = (row: Buffer): Kind => {
    const text = textOf(row, options.by)
    let kind = kinds.get(text)
    if (kind === undefined) kinds.set(text, (kind = { from: 0, to: 0, fromSeen: 0, toSeen: 0, places: [] }))
    return kind
  }
  for (const row of from.rows(bucket)) kindOf(row).from++
  for (const row of to.rows(bucket)) kindOf(row).to++
  for (const row of from.rows(bucket)) {
    const kind = kindOf(row)
    if (kind.places.length < (kind.from === 1 ? 1 : options.places)) kind.places.push(placeOf(row))
    if (kind.fromSeen++ < kind.to) ends.arrived(row)
    else ends.missing(row)
  }
  for (const row of to.rows(bucket)) {
    const kind = kindOf(row)
    const at = kind.toSeen++
    if (at < kind.from) ends.found(row, kind.places[at], kind.from === 1)
    else ends.surplus(row, kind.places[0], kind.from > 0)
  }
}
