// What has been fetched of one partition and not been polled yet. Batches are kept as they came and
// decoded when somebody takes their records.
import { Fault, messageOf } from '../../errors.ts'
import { compressions } from '../../wire/kafka/compression.ts'
import type { KafkaRecord, RecordBatch } from '../../wire/kafka/record.ts'
import { RecordSetReader } from '../../wire/kafka/record-set.ts'
import type { ConsumedRecord } from '../contract.ts'

export interface AbortedTransaction {
  readonly producerId: number
  readonly firstOffset: number
}

export class FetchBuffer {
  readonly topic: string
  readonly partition: number
  /** The next record to hand out, and the next to fetch. */
  position: number
  fetchOffset: number
  /** In which reign of a leader the record before fetchOffset was written; -1 where that is not known. */
  leaderEpoch = -1
  isPaused = false
  /** Most bytes to ask for; grows where a record is larger. */
  maxBytes: number
  /** Bytes of the batches that wait. */
  bytes = 0
  /** Monotonic ms: not fetched before, after a failure. */
  restsUntil = 0
  failures = 0
  /** The batch at `position` is there and cannot be unpacked; false when it could be. */
  isUnreadable = false
  /** Somebody finds out where to go on; not fetched meanwhile. */
  isResetting = false
  #batches: RecordBatch[] = []
  #records: KafkaRecord[] = []
  #at = 0

  constructor(topic: string, partition: number, position: number, maxBytes: number) {
    this.topic = topic
    this.partition = partition
    this.position = position
    this.fetchOffset = position
    this.maxBytes = maxBytes
  }

  get name(): string {
    return `${this.topic}-${this.partition}`
  }

  get hasRecords(): boolean {
    return this.#at < this.#records.length || this.#batches.length > 0
  }

  /**
   * Takes in what was fetched from fetchOffset on. Gives whether anything whole was there. Throws Fault
   * UNREADABLE with the position, where nothing of the damaged batch and after it is kept.
   */
  load(bytes: Buffer, checksums: boolean, aborted: readonly AbortedTransaction[] | null): boolean {
    if (bytes.length === 0) return false
    const reader = new RecordSetReader(bytes, { checksums })
    const marks = aborted === null || aborted.length === 0 ? null : new AbortMarks(aborted)
    let found = false
    try {
      for (let batch = reader.next(); batch !== null; batch = reader.next()) {
        if (batch.lastOffset < this.fetchOffset) continue
        found = true
        this.fetchOffset = batch.lastOffset + 1
        if (batch.magic >= 2) this.leaderEpoch = batch.partitionLeaderEpoch
        const isHidden = marks?.hides(batch) === true || batch.isControl
        this.#batches.push(isHidden ? emptied(batch) : batch)
        this.bytes += batch.sizeBytes
      }
    } catch (error) {
      throw unreadable(`offset ${this.fetchOffset} and what follows`, error)
    }
    if (!found && reader.cutOffBytes > this.maxBytes) this.maxBytes = reader.cutOffBytes
    return found
  }

  /** Appends up to `most` records to `out`. Throws Fault UNREADABLE. */
  take(out: ConsumedRecord[], most: number): void {
    const { topic, partition } = this
    while (most > 0) {
      if (this.#at === this.#records.length && !this.#decodeNext()) return
      const end = Math.min(this.#records.length, this.#at + most)
      most -= end - this.#at
      for (; this.#at < end; this.#at++) {
        const { offset, timestamp, key, value, headers } = this.#records[this.#at]!
        out.push({ topic, partition, offset, timestamp, key, value, headers })
      }
      if (this.#at > 0) this.position = this.#records[this.#at - 1]!.offset + 1
    }
  }

  /** Drops everything; goes on at `offset`. */
  moveTo(offset: number): void {
    this.#batches = []
    this.#records = []
    this.#at = 0
    this.bytes = 0
    this.position = offset
    this.fetchOffset = offset
    this.leaderEpoch = -1
  }

  /** Gives whether there was another batch. */
  #decodeNext(): boolean {
    const batch = this.#batches[0]
    if (batch === undefined) return false
    let records: KafkaRecord[]
    try {
      records = batch.records()
    } catch (error) {
      this.moveTo(this.position)
      this.isUnreadable = true
      const { baseOffset, lastOffset, codec } = batch
      const packed = codec === 0 ? 'not packed' : `packed with ${compressions[codec] ?? `codec ${codec}`}`
      throw unreadable(`offsets ${baseOffset} to ${lastOffset}, ${packed}`, error)
    }
    this.#batches.shift()
    this.bytes -= batch.sizeBytes
    let skip = 0
    // A broker gives whole batches, which may begin before the position.
    while (skip < records.length && records[skip]!.offset < this.position) skip++
    this.#records = records
    this.#at = skip
    if (skip === records.length) this.position = Math.max(this.position, batch.lastOffset + 1)
    return true
  }
}

const unreadable = (what: string, error: unknown): Fault =>
  new Fault('UNREADABLE', `${what}: ${messageOf(error)}`, { cause: error })

const emptied = (batch: RecordBatch): RecordBatch => ({ ...batch, records: () => [] })

/** Tells which batches belong to aborted transactions (KIP-98): from their first offset to the marker. */
class AbortMarks {
  readonly #coming: AbortedTransaction[]
  readonly #open = new Set<number>()

  constructor(aborted: readonly AbortedTransaction[]) {
    this.#coming = [...aborted].sort((one, other) => one.firstOffset - other.firstOffset)
  }

  hides(batch: RecordBatch): boolean {
    while (this.#coming.length > 0 && this.#coming[0]!.firstOffset <= batch.lastOffset)
      this.#open.add(this.#coming.shift()!.producerId)
    if (!batch.isTransactional || !this.#open.has(batch.producerId)) return false
    if (batch.isControl) this.#open.delete(batch.producerId)
    return true
  }
}
