// Compares what two sides hold: reads each once into rows, pairs the rows, and says what is left. First by contents with
// headers, then by contents alone, then by keys: what only the last two pair has changed on its way.
import type { ConsumedRecord } from '../../kafka-client/kafka-client.ts'
import { Differences } from './differences.ts'
import { addTo, bucketsFor, join, placeOf, type JoinEnds, type Place } from './joining.ts'
import { decodeOrigin, originHeader } from '../../origin/origin.ts'
import { OrderCheck, type Extent } from './order-check.ts'
import { OriginJoin } from './origin-join.ts'
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
  /** The partition, of those looked at, that an origin names; null where it names another. */
  partitionOf(origin: string): number | null
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
  /** The record header that holds the origin, where it is another than that of events. */
  readonly originHeader?: string
  /** Between pieces of work of some milliseconds; rejects where the audit shall end. */
  turn(): Promise<void>
}

export interface Tally {
  readonly from: { records: number; withHeaders: number }
  readonly to: { records: number; withHeaders: number }
  readonly comparesHeaders: boolean
  /** Records of `from` that are in `to`, the changed ones included. */
  arrived: number
  /** Those of them that name their origin. */
  named: number
  /** Not in `to`, and closed by a later record's origin: interceptors dropped it, or it went elsewhere. */
  dropped: number
  /** In `to`, of another source. */
  foreign: number
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
  readonly #origins: OriginJoin
  readonly #originHeader: string
  #foreign = 0
  #outside = 0
  /** The last offset of each partition of `from` that arrived. */
  readonly #lastArrived: number[]

  constructor(from: AuditedSide, to: AuditedSide, options: AuditOptions) {
    this.#from = from
    this.#to = to
    this.#options = options
    this.#buckets = bucketsFor(sizeOf(from) + sizeOf(to))
    this.#order = new OrderCheck(options.directory, to.partitions)
    this.#origins = new OriginJoin(options.directory, from.partitions)
    this.#originHeader = options.originHeader ?? originHeader
    this.#lastArrived = from.partitions.map(() => -1)
  }

  /** Rejects with what a side or `turn` rejects with, and with what the disk of the temporary files says. */
  async run(): Promise<Tally> {
    try {
      // Of a flow that goes on, what `from` has more is seen as missing at its end.
      const to = await this.#load(this.#to, (row, record) => this.#addNamed(row, record))
      const isNamed = this.#origins.count > 0
      const from = await this.#load(this.#from, row => isNamed && (this.#origins.addFrom(row), true))
      return await this.#compare(from, to)
    } finally {
      for (const spill of this.#spills) spill.close()
      this.#order.close()
      this.#origins.close()
    }
  }

  #spill(buckets = this.#buckets): Spill {
    const spill = new Spill(this.#options.directory, rows.rowBytes, buckets)
    this.#spills.push(spill)
    return spill
  }

  /** Whether the record of `to` belongs to no other join; of another source it belongs to none. */
  #addNamed(row: Buffer, { headers }: ConsumedRecord): boolean {
    const value = headers.findLast(({ key }) => key === this.#originHeader)?.value
    const origin = value ? decodeOrigin(value.toString('latin1')) : null
    if (origin === null) return false
    const partition = this.#from.partitionOf(origin.partition)
    if (partition === null) this.#foreign++
    else {
      const channel = origin.partition.split('/')[4] ?? ''
      const place = { partition, offset: origin.to, first: origin.from, channel }
      if (!this.#origins.addTo(row, place)) this.#outside++
    }
    return true
  }

  /** `isTaken`: the row goes elsewhere. */
  async #load(side: AuditedSide, isTaken: (row: Buffer, record: ConsumedRecord) => boolean) {
    const { compared, turn } = this.#options
    const spill = this.#spill()
    const row = Buffer.alloc(rows.rowBytes)
    const counts = { records: 0, withHeaders: 0 }
    for await (const batch of side.read()) {
      for (const { partition, record } of batch) {
        rows.describeRecord(row, record, { partition, compared, leftOut: this.#originHeader })
        counts.records++
        if (rows.hasHeaders(record.headers, this.#originHeader)) counts.withHeaders++
        if (!isTaken(row, record)) addTo(spill, row, rows.content[0])
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
      named: 0,
      dropped: 0,
      foreign: this.#foreign,
      superseded: 0,
      passedOver: this.#outside,
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
    const arrived = (row: Buffer) => {
      tally.arrived++
      const partition = rows.partitionOf(row)
      this.#lastArrived[partition] = Math.max(this.#lastArrived[partition]!, rows.offsetOf(row))
      if (this.#to.isCompacted && rows.isKeyed(row)) addTo(keys.arrived, row, rows.key[0])
    }
    const found = (row: Buffer) => {
      if (this.#from.isCompacted && rows.isKeyed(row)) addTo(keys.found, row, rows.key[0])
    }
    if (this.#origins.count > 0)
      await this.#origins.join(
        {
          found: (source, row) => {
            arrived(source)
            found(row)
            tally.named++
            const what = changeOf(source, row, comparesHeaders, this.#options.compared)
            if (what !== null) tally.changed.add({ from: placeOf(source), to: placeOf(row), what })
            if (checksOrder) this.#order.add(placeOf(source), row)
          },
          doubled: (place, row) => tally.doubled.add({ from: place, to: placeOf(row) }),
          gone: row => addTo(keys.surplus, row.subarray(0, rows.rowBytes), rows.key[0]),
          closed: () => void tally.dropped++,
          left: row => addTo(left, row, rows.content[0]),
        },
        turn,
      )
    const phase = async (by: readonly [number, number], what: string | null, isLast: boolean) => {
      const [nextLeft, nextRight] = isLast ? [keys.missing, keys.surplus] : [this.#spill(), this.#spill()]
      const nextBy = isLast ? rows.key : rows.content
      const ends: JoinEnds = {
        arrived,
        found: (row, place, isOnlyOne) => {
          found(row)
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

/** What is different of two records, of which one comes from the other. */
function changeOf(
  from: Buffer,
  to: Buffer,
  headers: boolean,
  compared: ReadonlySet<rows.Part>,
): string | null {
  const differs = ([begin, end]: readonly [number, number]) => from.compare(to, begin, end, begin, end) !== 0
  const parts = [
    ...(compared.has('key') && differs(rows.key) ? ['key'] : []),
    ...(headers && differs([rows.content[1], rows.contentAndHeaders[1]]) ? ['headers'] : []),
  ]
  if (differs(rows.content) && !parts.includes('key'))
    parts.unshift(compared.has('timestamp') ? 'value or timestamp' : 'value')
  return parts.length === 0 ? null : parts.join(', ')
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
