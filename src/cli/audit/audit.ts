// Compares what two sides hold: reads each once into rows, pairs the rows, and says what is left. First by contents with
// headers, then by contents alone, then by keys: what only the last two pair has changed on its way.
import type { ConsumedRecord } from '../../kafka-client/kafka-client.ts'
import { Differences } from './differences.ts'
import { addTo, bucketsFor, join, placeOf, type JoinEnds, type Place } from './joining.ts'
import { OrderCheck, type Extent } from './order-check.ts'
import * as rows from './record-row.ts'
import { Spill } from './spill.ts'

export interface AuditedPartition extends Extent {
  readonly topic: string
  readonly partition: number
}

export interface AuditedSide {
  /** What is looked at. */
  readonly partitions: readonly AuditedPartition[]
  /** Older records of a key may be gone without a loss. */
  readonly isCompacted: boolean
  /** All records of `partitions`, each partition in its order; `partition` is the index in that list. */
  read(): AsyncIterable<readonly { readonly partition: number; readonly record: ConsumedRecord }[]>
}

export interface AuditOptions {
  /** For temporary files. */
  readonly directory: string
  /** `headers` is left out where only one side has any; 'auto' says that nobody has asked for it. */
  readonly compared: ReadonlySet<rows.Part>
  readonly headers: 'auto' | boolean
  readonly checksOrder: boolean
  /** Only a part of `from` is looked at: `to` may have records of the rest. */
  readonly isPartial: boolean
  /** Most differences of each kind that are named. */
  readonly mostNamed: number
  /** The record header that holds the origin: it is no content. */
  readonly originHeader: string
  /** Between pieces of work of some milliseconds; rejects where the audit shall end. */
  turn(): Promise<void>
}

export interface Tally {
  readonly from: { records: number; withHeaders: number }
  readonly to: { records: number; withHeaders: number }
  readonly comparesHeaders: boolean
  /** Records of `from` that are in `to`, the changed ones included. */
  arrived: number
  /** Not in `to`, and not needed there: it is compacted, and holds a later record of the key. */
  superseded: number
  /** In `to`, of a part of `from` that is not looked at, or that compaction has removed from `from`. */
  passedOver: number
  /** Those of the missing behind the last of their partition that arrived: they may be on their way. */
  missingAtEnd: number
  readonly missing: Differences
  readonly doubled: Differences
  readonly changed: Differences
  readonly unexpected: Differences
  readonly reordered: Differences
}

export const isEqual = ({ missing, doubled, changed, unexpected, reordered }: Tally): boolean =>
  [missing, doubled, changed, unexpected, reordered].every(({ count }) => count === 0)

const sizeOf = ({ partitions }: AuditedSide): number =>
  partitions.reduce((sum, { first, next }) => sum + next - first, 0)

export class Audit {
  readonly #from: AuditedSide
  readonly #to: AuditedSide
  readonly #options: AuditOptions
  readonly #buckets: number
  readonly #spills: Spill[] = []
  readonly #order: OrderCheck
  /** The last offset of each partition of `from` that arrived. */
  readonly #lastArrived: number[]

  constructor(from: AuditedSide, to: AuditedSide, options: AuditOptions) {
    this.#from = from
    this.#to = to
    this.#options = options
    this.#buckets = bucketsFor(sizeOf(from) + sizeOf(to))
    this.#order = new OrderCheck(options.directory, to.partitions)
    this.#lastArrived = from.partitions.map(() => -1)
  }

  /** Rejects with what a side or `turn` rejects with, and with what the disk of the temporary files says. */
  async run(): Promise<Tally> {
    try {
      // Of a flow that goes on, what `from` has more is seen as missing at its end.
      const to = await this.#load(this.#to)
      const from = await this.#load(this.#from)
      return await this.#compare(from, to)
    } finally {
      for (const spill of this.#spills) spill.close()
      this.#order.close()
    }
  }

  #spill(buckets = this.#buckets): Spill {
    const spill = new Spill(this.#options.directory, rows.rowBytes, buckets)
    this.#spills.push(spill)
    return spill
  }

  async #load(side: AuditedSide) {
    const { compared, originHeader, turn } = this.#options
    const spill = this.#spill()
    const row = Buffer.alloc(rows.rowBytes)
    const counts = { records: 0, withHeaders: 0 }
    for await (const batch of side.read()) {
      for (const { partition, record } of batch) {
        rows.describeRecord(row, record, { partition, compared, leftOut: originHeader })
        counts.records++
        if (rows.hasHeaders(record.headers, originHeader)) counts.withHeaders++
        addTo(spill, row, rows.content[0])
      }
      await turn()
    }
    return { spill, counts }
  }

  async #compare(
    from: { spill: Spill; counts: Tally['from'] },
    to: { spill: Spill; counts: Tally['to'] },
  ): Promise<Tally> {
    const { headers, mostNamed, checksOrder, turn } = this.#options
    const isOnBoth = from.counts.withHeaders > 0 === to.counts.withHeaders > 0
    const comparesHeaders = headers === 'auto' ? isOnBoth : headers
    const differences = () => new Differences(mostNamed)
    const tally: Tally = {
      from: from.counts,
      to: to.counts,
      comparesHeaders,
      arrived: 0,
      superseded: 0,
      passedOver: 0,
      missingAtEnd: 0,
      missing: differences(),
      doubled: differences(),
      changed: differences(),
      unexpected: differences(),
      reordered: differences(),
    }
    const keys = {
      arrived: this.#spill(),
      found: this.#spill(),
      missing: this.#spill(),
      surplus: this.#spill(),
    }
    let [left, right] = [from.spill, to.spill]
    const phase = async (by: readonly [number, number], what: string | null, isLast: boolean) => {
      const [nextLeft, nextRight] = isLast ? [keys.missing, keys.surplus] : [this.#spill(), this.#spill()]
      const nextBy = isLast ? rows.key : rows.content
      const ends: JoinEnds = {
        arrived: row => {
          tally.arrived++
          this.#lastArrived[rows.partitionOf(row)] = Math.max(
            this.#lastArrived[rows.partitionOf(row)]!,
            rows.offsetOf(row),
          )
          if (this.#to.isCompacted && rows.isKeyed(row)) addTo(keys.arrived, row, rows.key[0])
        },
        found: (row, place, isOnlyOne) => {
          if (this.#from.isCompacted && rows.isKeyed(row)) addTo(keys.found, row, rows.key[0])
          if (what !== null) tally.changed.add({ from: place, to: placeOf(row), what })
          else if (isOnlyOne && checksOrder) this.#order.add(place!, row)
        },
        missing: row => addTo(nextLeft, row, nextBy[0]),
        surplus: (row, place, isOfKind) => {
          if (isOfKind) tally.doubled.add({ from: place, to: placeOf(row) })
          else addTo(nextRight, row, nextBy[0])
        },
      }
      const { directory } = this.#options
      await join(left, right, { by, places: what === null ? 1 : mostNamed, directory, turn }, ends)
      ;[left, right] = [nextLeft, nextRight]
    }
    await phase(comparesHeaders ? rows.contentAndHeaders : rows.content, null, false)
    if (comparesHeaders) await phase(rows.content, 'headers', false)
    // Those without a key cannot be paired by it.
    const [keyedLeft, keyedRight] = [this.#spill(), this.#spill()]
    for (const [all, keyed, rest] of [
      [left, keyedLeft, keys.missing],
      [right, keyedRight, keys.surplus],
    ] as const)
      for (let bucket = 0; bucket < all.buckets; bucket++) {
        await turn()
        for (const row of all.rows(bucket)) addTo(rows.isKeyed(row) ? keyed : rest, row, rows.key[0])
      }
    ;[left, right] = [keyedLeft, keyedRight]
    await phase(rows.key, this.#options.compared.has('timestamp') ? 'value or timestamp' : 'value', true)
    await this.#finish(tally, keys)
    if (checksOrder) await this.#order.check(tally.reordered, turn)
    return tally
  }

  /** What has no partner: whether it had to have one. */
  async #finish(tally: Tally, keys: Readonly<Record<'arrived' | 'found' | 'missing' | 'surplus', Spill>>) {
    for (let bucket = 0; bucket < this.#buckets; bucket++) {
      await this.#options.turn()
      const inTo = this.#to.isCompacted
        ? latestOf(keys.arrived.rows(bucket), keys.missing.rows(bucket))
        : none
      for (const row of keys.missing.rows(bucket)) {
        const place = placeOf(row)
        if (isBefore(row, inTo)) tally.superseded++
        else {
          tally.missing.add({ from: place })
          if (place.offset > this.#lastArrived[place.partition]!) tally.missingAtEnd++
        }
      }
      const inFrom = this.#from.isCompacted ? latestOf(keys.found.rows(bucket), []) : none
      for (const row of keys.surplus.rows(bucket))
        if (this.#options.isPartial || isBefore(row, inFrom)) tally.passedOver++
        else tally.unexpected.add({ to: placeOf(row) })
    }
  }
}

type Latest = ReadonlyMap<string, number>
const none: Latest = new Map()
const keyIn = (row: Buffer): string => `${rows.partitionOf(row)} ${rows.textOf(row, rows.key)}`

/** The last offset of each key that a compacted topic still has, or that has removed the key. */
function latestOf(present: Iterable<Buffer>, absent: Iterable<Buffer>): Latest {
  const latest = new Map<string, number>()
  const note = (row: Buffer) => {
    const key = keyIn(row)
    latest.set(key, Math.max(latest.get(key) ?? -1, rows.offsetOf(row)))
  }
  for (const row of present) note(row)
  for (const row of absent) if (rows.isKeyed(row) && rows.isTombstone(row)) note(row)
  return latest
}

const isBefore = (row: Buffer, latest: Latest): boolean =>
  rows.isKeyed(row) && rows.offsetOf(row) <= (latest.get(keyIn(row)) ?? -1)

export type { Place }
