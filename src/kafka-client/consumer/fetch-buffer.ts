// What has been fetched of one partition and not been polled yet. Batches are kept as they came and
// decoded when somebody takes their records.
import { Fault, messageOf } from '../../errors.ts'
import { compressions } from '../../wire/kafka/compression.ts'
import { itemBytes, type MemoryShare } from '../../system/memory-budget.ts'
import { type RecordBatch, type RecordReader, RecordTooLarge } from '../../wire/kafka/record.ts'
import { RecordSetReader } from '../../wire/kafka/record-set.ts'
import { maxHeaders } from '../../wire/avro/flume-event.ts'
import type { ConsumedRecord, Position, RecordLimits } from '../contract.ts'

export interface AbortedTransaction {
  readonly producerId: number
  readonly firstOffset: number
}

/** Records before the position that are passed over in one turn of the event loop. */
const mostPassed = 50_000
const mostPassedBytes = 4 * 1024 * 1024

export interface BufferLimits extends RecordLimits {
  /** Whether records say where they stand. */
  readonly recordOrigins?: boolean | undefined
  /** Most bytes of one answer, to begin with. */
  readonly maxBytes: number
  /** Of the record at `offset` something was left out: said as a subject. */
  onLeftOut(offset: number, what: string, isWhole: boolean): void
}

/** What one poll may still take. */
export interface Room {
  records: number
  bytes: number
}

export class FetchBuffer {
  readonly topic: string
  readonly partition: number
  /** The next record to hand out, and the next to fetch. */
  position: number
  fetchOffset: number
  /** Behind the last record that was handed out, or where reading began. */
  #readTo: number
  /** In which reign of a leader the record before fetchOffset was written; -1 where that is not known. */
  leaderEpoch = -1
  /** Of the topic in which the position counts; '' where brokers have not told. */
  topicId = ''
  isPaused = false
  /** Most bytes to ask for; grows where a record is larger. */
  maxBytes: number
  /** Bytes of the batches that wait. */
  bytes = 0
  /** Monotonic ms: when a broker did not know the topic last. */
  unknownAt = -Infinity
  /** Monotonic ms: not fetched before, after a failure. */
  restsUntil = 0
  failures = 0
  /** The batch at `position` is there and cannot be unpacked; false when it could be. */
  isUnreadable = false
  /** Somebody finds out where to go on; not fetched meanwhile. */
  isResetting = false
  /** In the memory budget; counts `bytes`. */
  readonly share: MemoryShare
  readonly #limits: BufferLimits
  #batches: RecordBatch[] = []
  #decoderBytes = 0
  /** The batch before those, of which records are left. */
  #open: { readonly batch: RecordBatch; readonly reader: RecordReader } | null = null

  constructor({ topic, partition, offset }: Position, share: MemoryShare, limits: BufferLimits) {
    this.topic = topic
    this.partition = partition
    this.position = offset
    this.fetchOffset = offset
    this.#readTo = offset
    this.maxBytes = limits.maxBytes
    this.share = share
    this.#limits = limits
  }

  get name(): string {
    return `${this.topic}-${this.partition}`
  }

  get hasRecords(): boolean {
    return this.#open !== null || this.#batches.length > 0
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
        this.#hold(batch.sizeBytes)
      }
    } catch (error) {
      throw this.#fault(`offset ${this.fetchOffset} and what follows`, error)
    }
    if (!found && reader.cutOffBytes > this.maxBytes) this.maxBytes = reader.cutOffBytes
    return found
  }

  /**
   * Appends records to `out` as long as there is room, and no longer than a turn of the event loop may take: false where
   * it should be called again in another one. Throws Fault UNREADABLE.
   */
  take(out: ConsumedRecord[], room: Room): boolean {
    const { topic, partition, topicId } = this
    let passedBytes = 0
    for (let passed = 0; room.records > 0 && room.bytes > 0;) {
      const reader = this.#open?.reader ?? this.#openNext()
      if (reader === null) return true
      const record = this.#next(reader)
      if (record === undefined) return false
      if (record === null) {
        if (++passed === mostPassed) return false
        continue
      }
      const { offset, timestamp, key, value, headers, headersLeftOut = 0 } = record
      // A broker gives whole batches, which may begin before the position.
      if (offset < this.position) {
        passedBytes += (key?.length ?? 0) + (value?.length ?? 0)
        if (++passed === mostPassed || passedBytes > mostPassedBytes) return false
        continue
      }
      if (headersLeftOut > 0) this.#limits.onLeftOut(offset, `${headersLeftOut} of its headers`, false)
      const read = { topic, partition, offset, timestamp, key, value, headers }
      const isAppendTime = this.#open?.batch.isAppendTime === true
      if (this.#limits.recordOrigins === true) {
        const origin = {
          topicId,
          leaderEpoch: this.#open?.batch.partitionLeaderEpoch ?? -1,
          from: this.#readTo,
        }
        out.push(isAppendTime ? { ...read, isAppendTime, origin } : { ...read, origin })
      } else out.push(isAppendTime ? { ...read, isAppendTime } : read)
      this.position = offset + 1
      this.#readTo = this.position
      room.records--
      room.bytes -= (key?.length ?? 0) + (value?.length ?? 0) + itemBytes * (1 + headers.length)
    }
    return true
  }

  /** Drops everything; goes on at `offset`. */
  moveTo(offset: number): void {
    this.#batches = []
    this.#close()
    this.#hold(-this.bytes)
    this.position = offset
    this.fetchOffset = offset
    this.#readTo = offset
    this.leaderEpoch = -1
  }

  /** The batch that is being read is used up, or given up. */
  #close(): void {
    this.#open = null
    if (this.#decoderBytes === 0) return
    this.share.add(-this.#decoderBytes)
    this.#decoderBytes = 0
    this.share.finished()
  }

  /** Its decoder holds memory that is counted. */
  get isUnpacking(): boolean {
    return this.#decoderBytes > 0
  }

  #hold(bytes: number): void {
    this.bytes += bytes
    this.share.add(bytes)
  }

  #openNext(): RecordReader | null {
    const [batch] = this.#batches
    if (batch === undefined) return null
    // What the decoder keeps may be far more than the batch: it waits for room, and one at a time need not.
    const { decoderBytes } = batch
    if (decoderBytes > 0 && !this.share.tryTake(decoderBytes)) {
      if (!this.share.mayRead(true)) return null
      this.share.add(decoderBytes)
    }
    this.#decoderBytes = decoderBytes
    this.#batches.shift()
    this.#hold(-batch.sizeBytes)
    const { maxRecordBytes } = this.#limits
    try {
      this.#open = { batch, reader: batch.reader({ maxRecordBytes, maxHeaders }) }
    } catch (error) {
      throw this.#unreadable(batch, error)
    }
    return this.#open.reader
  }

  /** Null where the batch is used up, or a record was passed over. */
  #next(reader: RecordReader): ReturnType<RecordReader['next']> {
    const { batch } = this.#open!
    try {
      const record = reader.next()
      if (record !== null) return record
    } catch (error) {
      if (!(error instanceof RecordTooLarge) || !this.#limits.passesOverLarge)
        throw this.#unreadable(batch, error)
      this.#limits.onLeftOut(
        error.offset,
        `its ${error.bytes} bytes, which are more than the ${error.maxBytes} allowed,`,
        true,
      )
      return null
    }
    this.#close()
    this.position = Math.max(this.position, batch.lastOffset + 1)
    return null
  }

  #unreadable({ baseOffset, lastOffset, codec }: RecordBatch, error: unknown): Fault {
    this.moveTo(this.position)
    this.isUnreadable = true
    const packed = codec === 0 ? 'not packed' : `packed with ${compressions[codec] ?? `codec ${codec}`}`
    return this.#fault(`offsets ${baseOffset} to ${lastOffset}, ${packed}`, error)
  }

  #fault(what: string, error: unknown): Fault {
    const remedy = error instanceof RecordTooLarge ? this.#limits.remedy : undefined
    return new Fault('UNREADABLE', `${what}: ${messageOf(error)}`, { cause: error, remedy })
  }
}

const noRecords: RecordReader = { next: () => null }
const emptied = (batch: RecordBatch): RecordBatch => ({
  ...batch,
  records: () => [],
  reader: () => noRecords,
})

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
