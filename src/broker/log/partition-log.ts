// PartitionLog: the record batches of one partition on disk, in segments.
//
// Invariants
// - Offsets are given out in the order of append; batches are written in that order.
// - The high watermark moves after the sync (in relaxed mode: after the write). Nobody reads beyond it and
//   nothing beyond it has been acknowledged, so no offset that anybody has seen can go back.
// - A failed write or sync is never retried: the partition goes offline and stays so until a start.
//   A write that did not fit on the disk is cut off and refused, and the partition goes on.
// - A new segment is begun only when the one before is synced.
import { join } from 'node:path'
import { Fault, isDiskFull, messageOf } from '../../errors.ts'
import { type Condition, looseConditions } from '../../observe/conditions.ts'
import { FilePlace, isAway } from '../../storage/file-place.ts'
import { GroupWriter } from '../../storage/group-writer.ts'
import { AbortedTransactions } from './aborted-transactions.ts'
import { readBatchHeader, stampOffset } from './batch-header.ts'
import { checkpointName, writeCheckpoint } from './checkpoint.ts'
import { LogMaintenance } from './log-maintenance.ts'
import { ProducerStates } from './producer-states.ts'
import type { LogParts, LogSettings, RecoveredLog } from './log-parts.ts'
import { OffsetOutOfRange } from './log-parts.ts'
import { findOffsetOfTime, readBatches } from './segment-reader.ts'
import { Segment, SegmentReplaced } from './segment.ts'
import { encodeMarker, type TransactionMarker } from './transaction-marker.ts'

interface Pending {
  readonly batch: Buffer
  readonly baseOffset: number
  readonly nextOffset: number
  readonly maxTimestamp: number
  readonly marker: TransactionMarker | null
  /** No batch, but the wish for a new segment where all records of the newest are older than this, ms. */
  readonly rollsOlderThan?: number
}

/** Kafka's leader epoch; one broker leads for ever. */
export const leaderEpoch = 0
const groupBytes = 8 * 1024 * 1024
const checkpointBytes = 16 * 1024 * 1024

export class PartitionLog {
  readonly producers: ProducerStates
  readonly aborted: AbortedTransactions
  readonly #parts: LogParts
  readonly #writer: GroupWriter<Pending>
  /** In the order of their offsets; never empty. */
  readonly #segments: Segment[]
  readonly #listeners = new Set<() => void>()
  #nextOffset: number
  #highWatermark: number
  /** Bytes written to the newest segment, and how many of them a sync covers. */
  #written: number
  #synced: number
  #sinceCheckpoint = 0
  #segmentBegan: number
  #checkpointing: Promise<void> = Promise.resolve()
  #closed = false
  #isDamaged = false
  readonly #maintenance: LogMaintenance
  readonly #place: FilePlace
  /** Stays set when a sync fails: after that nothing is retried. */
  #isSyncing = false
  /** The disk was full at the last write. */
  readonly #full: Condition

  constructor(parts: LogParts, recovered: RecoveredLog) {
    this.#parts = parts
    this.#full = looseConditions(parts.system.clock, parts.log)('full')
    this.#segments = [...recovered.segments]
    this.producers = recovered.producers
    this.aborted = recovered.aborted
    this.#nextOffset = this.#highWatermark = recovered.nextOffset
    this.#written = this.#synced = this.#tail.end
    this.#segmentBegan = parts.system.clock.monotonic()
    this.#place = new FilePlace(parts.system.clock)
    this.#maintenance = new LogMaintenance({
      ...recovered,
      log: this,
      segments: this.#segments,
      parts,
      isOver: () => this.offline || this.#closed,
    })
    this.#writer = new GroupWriter<Pending>({
      write: group => this.#write(group),
      bytesOf: ({ batch }) => batch.length,
      groupBytes,
      onFailed: error => {
        if (this.#isDamaged) return
        parts.log.error(
          `partition ${parts.name} is offline until the broker is started again: cannot write ${this.#tail.path}: ${messageOf(error)}. What was not durable is refused`,
        )
        this.#wakeAll()
      },
      recover: error => this.#recover(error),
    })
  }

  get #tail(): Segment {
    return this.#segments.at(-1)!
  }

  /** First offset that may be read. */
  get startOffset(): number {
    return this.#maintenance.startOffset
  }

  /** The offset the next record gets. */
  get nextOffset(): number {
    return this.#nextOffset
  }

  /** One above the last offset that may be read. */
  get highWatermark(): number {
    return this.#highWatermark
  }

  /** One above the last offset that no open transaction may still change. */
  get lastStableOffset(): number {
    return Math.min(this.#highWatermark, this.producers.firstUnstable)
  }

  /** `topic-partition`. */
  get name(): string {
    return this.#parts.name
  }

  /** Whether clients may delete its records: not where the newest of each key are kept, and those alone. */
  get deletesRecords(): boolean {
    return this.#parts.settings.cleanupPolicy.includes('delete')
  }

  get directory(): string {
    return this.#parts.directory
  }

  /** It could not be opened: nothing of it can be read, and nothing is known of it. */
  get isDamaged(): boolean {
    return this.#isDamaged
  }

  /** A partition that cannot be opened: it refuses everything, and its files are left as they are. */
  static damaged(parts: LogParts, why: Error): PartitionLog {
    const log = new PartitionLog(parts, {
      segments: [new Segment(parts.system.disk, parts.directory, 0)],
      startOffset: 0,
      nextOffset: 0,
      producers: new ProducerStates(),
      aborted: new AbortedTransactions(),
      cleanedTo: 0,
    })
    log.#isDamaged = true
    log.#writer.poison(why)
    return log
  }

  get offline(): boolean {
    return this.failure !== null
  }

  /** Why it is offline. */
  get failure(): Error | null {
    return this.#writer.failed
  }

  /** Refuses everything from now on, until a start; who calls it reports it. */
  takeOffline(why: Error): void {
    this.#writer.close(why)
    this.#wakeAll()
  }

  /** Whether the newest segment is not at its place any more: records in it would be gone with the process. */
  async isAway(): Promise<boolean> {
    if (this.#isDamaged || this.#closed) return false
    const tail = this.#tail
    return (await isAway(tail.file, tail.path)) && tail === this.#tail
  }

  get sizeBytes(): number {
    return this.#segments.reduce((sum, segment) => sum + segment.end, 0)
  }

  /** Where segments begin, from the oldest on. */
  get segmentStarts(): number[] {
    return this.#segments.map(segment => segment.baseOffset)
  }

  set settings(settings: LogSettings) {
    this.#parts.settings = settings
  }

  /**
   * Gives the batch its offsets, in place, and writes it. `durable` resolves as the settings promise;
   * rejects when the partition is offline. The batch belongs to the log until then.
   */
  append(batch: Buffer): { baseOffset: number; durable: Promise<void> } {
    return this.#append(batch, null)
  }

  /** Ends a transaction of this partition. Resolves when that is durable, rejects as appending does. */
  endTransaction(marker: TransactionMarker): Promise<void> {
    return this.#append(encodeMarker(marker, this.#parts.system.clock.now()), marker).durable
  }

  #append(batch: Buffer, marker: TransactionMarker | null): { baseOffset: number; durable: Promise<void> } {
    const baseOffset = this.#nextOffset
    stampOffset(batch, baseOffset, leaderEpoch)
    const header = readBatchHeader(batch, 0)
    this.#nextOffset = header.lastOffset + 1
    if (marker === null) this.producers.note(header, this.#parts.system.clock.now())
    const durable = this.#writer.add({
      batch,
      baseOffset,
      nextOffset: this.#nextOffset,
      maxTimestamp: header.maxTimestamp,
      marker,
    })
    return { baseOffset, durable }
  }

  /** Resolves when all below `offset` is as durable as promised. */
  async durableTo(offset: number): Promise<void> {
    while (this.#highWatermark < offset) {
      if (this.#writer.failed !== null) throw this.#writer.failed
      if (this.#nextOffset < offset) throw new Fault('DISK_FULL', `${this.#parts.name} has taken it back`)
      await new Promise<void>(resolve => {
        const stop = this.onAdvance(() => {
          stop()
          resolve()
        })
      })
    }
  }

  /** Calls `listen` whenever the high watermark has moved or the log went offline; gives what ends that. */
  onAdvance(listen: () => void): () => void {
    this.#listeners.add(listen)
    return () => void this.#listeners.delete(listen)
  }

  /**
   * Whole batches from the one that holds `from` on, at most `maxBytes`, but at least one batch where
   * `atLeastOne`; none that begins at `below` or beyond. Throws OffsetOutOfRange.
   */
  async read(
    from: number,
    maxBytes: number,
    atLeastOne: boolean,
    below = this.#highWatermark,
  ): Promise<Buffer> {
    if (from < this.startOffset || from > this.#highWatermark)
      throw new OffsetOutOfRange(
        `offset ${from} is not within ${this.startOffset} and ${this.#highWatermark} of ${this.#parts.name}`,
      )
    return await this.#onSegments(() => readBatches(this.#segments, from, { maxBytes, atLeastOne, below }))
  }

  /** Reads again where segments were compacted meanwhile. */
  async #onSegments<T>(read: () => Promise<T>): Promise<T> {
    for (;;)
      try {
        return await read()
      } catch (error) {
        if (!(error instanceof SegmentReplaced)) throw error
      }
  }

  /** The first record at or after the time, ms; null where there is none. */
  offsetOfTime(timestamp: number): Promise<{ offset: number; timestamp: number } | null> {
    return this.#onSegments(() => findOffsetOfTime([...this.#segments], timestamp, this.startOffset))
  }

  /** The largest timestamp and where it stands; null in an empty log. */
  async latestTime(): Promise<{ offset: number; timestamp: number } | null> {
    const largest = Math.max(...this.#segments.map(segment => segment.maxTimestamp))
    return largest < 0 ? null : await this.offsetOfTime(largest)
  }

  /** Begins a new segment where all records of the newest are older, ms since 1970: retention can have it then. */
  async rollOlderThan(oldest: number): Promise<void> {
    const tail = this.#tail
    if (tail.end === 0 || (await this.#maintenance.newestTime(tail)) >= oldest) return
    const at = { baseOffset: this.#nextOffset, nextOffset: this.#nextOffset, maxTimestamp: -Infinity }
    await this.#writer.add({ ...at, batch: Buffer.alloc(0), marker: null, rollsOlderThan: oldest })
  }

  /** Removes segments that are too old or too many; gives how many. */
  retain(): Promise<number> {
    return this.#maintenance.retain()
  }

  /**
   * Moves the start of the log up to `offset`: what lies before can be read no more. Resolves with the
   * start when that is durable. Rejects with OffsetOutOfRange.
   */
  deleteRecordsBefore(offset: number): Promise<number> {
    return this.#maintenance.deleteRecordsBefore(offset)
  }

  /** Keeps of each key the newest record, where the log is that kind and enough of it is new; gives the bytes saved. */
  compact(keyBytes: number): Promise<number> {
    return this.#maintenance.compact(keyBytes)
  }

  /** Writes what was appended out and closes. */
  async close(): Promise<void> {
    if (this.#closed) return
    await this.#writer.idle()
    this.#closed = true
    await this.#maintenance.idle()
    if (!this.offline) {
      if (this.#written > this.#synced) await this.#sync()
      await this.checkpoint()
    }
    this.#writer.close(new Fault('STOPPED', `the log of ${this.#parts.name} is closed`))
    this.#wakeAll()
    await this.#tail.close()
  }

  /** Closes without a trace in the checkpoint: the directory is about to be removed. */
  async abandon(): Promise<void> {
    this.#closed = true
    this.#writer.close(new Fault('STOPPED', `${this.#parts.name} is deleted`))
    await this.#writer.idle()
    await this.#maintenance.idle()
    await this.#checkpointing.catch(() => {})
    this.#wakeAll()
    await this.#tail.close()
  }

  /** Syncs what relaxed mode has written without. */
  async flush(): Promise<void> {
    if (this.offline || this.#closed || this.#written === this.#synced) return
    await this.#sync().catch((error: unknown) =>
      this.#writer.poison(error instanceof Error ? error : new Error(String(error))),
    )
  }

  /** Makes the next start short. */
  checkpoint(): Promise<void> {
    // One after the other: they replace the same file. That one failed is no reason not to try the next.
    this.#checkpointing = this.#checkpointing
      .catch(() => {})
      .then(async () => {
        const { system, directory } = this.#parts
        this.#sinceCheckpoint = 0
        const tail = this.#tail
        const full = this.#segments.slice(0, -1)
        const checkpoint = {
          version: 1,
          startOffset: this.startOffset,
          full: full
            .filter(one => !this.#maintenance.unsure.has(one.baseOffset))
            .map(one => [one.baseOffset, one.end, finite(one.maxTimestamp)] as const),
          tail: {
            base: tail.baseOffset,
            position: tail.end,
            nextOffset: this.#highWatermark,
            maxTimestamp: finite(tail.maxTimestamp),
          },
          producers: this.producers.store(this.#highWatermark),
          aborted: this.aborted.store(),
          cleanedTo: this.#maintenance.cleanedTo,
        } as const
        // A start takes all of it for durable, and misses what is not there.
        if (!this.#parts.settings.syncEachGroup) await this.flush()
        if (this.#writer.failed !== null) throw this.#writer.failed
        await tail.storeIndex()
        await writeCheckpoint(system.disk, join(directory, checkpointName), checkpoint)
      })
    return this.#checkpointing
  }

  async #write(group: readonly Pending[]): Promise<void> {
    const { segmentBytes, segmentMs } = this.#parts.settings
    for (let from = 0; from < group.length;) {
      const first = group[from]!
      if (first.rollsOlderThan !== undefined) {
        const isOld = this.#written > 0 && this.#tail.maxTimestamp < first.rollsOlderThan
        if (isOld) await this.#roll(first.baseOffset)
        from++
        continue
      }
      const aged = this.#parts.system.clock.monotonic() - this.#segmentBegan > segmentMs
      if (this.#written > 0 && (aged || this.#written + first.batch.length > segmentBytes))
        await this.#roll(first.baseOffset)
      const index = await this.#tail.index()
      const buffers: Buffer[] = []
      let position = this.#written
      let to = from
      let max = this.#tail.maxTimestamp
      for (; to < group.length; to++) {
        const { batch, baseOffset, maxTimestamp, rollsOlderThan } = group[to]!
        if (rollsOlderThan !== undefined) break
        if (to > from && position + batch.length > segmentBytes) break
        index.note({ offset: baseOffset, position, maxTimestampBefore: max })
        max = Math.max(max, maxTimestamp)
        buffers.push(batch)
        position += batch.length
      }
      await this.#put(buffers, position)
      this.#tail.end = position
      this.#tail.maxTimestamp = max
      this.#highWatermark = group[to - 1]!.nextOffset
      for (const { marker, baseOffset } of group.slice(from, to))
        if (marker !== null) this.#ended(marker, baseOffset)
      from = to
    }
    this.#full.clear(`partition ${this.#parts.name} takes records again`)
    this.#wakeAll()
    if (this.#sinceCheckpoint > checkpointBytes) void this.#tryCheckpoint()
  }

  /** Writes up to `position`, durable where that is promised. */
  async #put(buffers: readonly Buffer[], position: number): Promise<void> {
    const { file, path } = this.#tail
    const { syncEachGroup } = this.#parts.settings
    // A write that syncs itself does so for its own bytes alone. Where it does not fit it is cut off again.
    const atOnce = syncEachGroup && this.#synced === this.#written && file.writeDurably !== undefined
    if (atOnce) await file.writeDurably!(buffers, this.#written)
    else await file.writeAll(buffers, this.#written)
    this.#sinceCheckpoint += position - this.#written
    this.#written = position
    if (atOnce) this.#synced = position
    else if (syncEachGroup) await this.#sync()
    if (await this.#place.isAway(file, path))
      throw new Fault(
        'STATE_MISSING',
        `${path} was removed or renamed while the broker runs; stop the broker, put it back, and start it again`,
      )
  }

  #ended(marker: TransactionMarker, lastOffset: number): void {
    const firstOffset = this.producers.endTransaction(marker, this.#parts.system.clock.now())
    if (!marker.committed && firstOffset >= 0)
      this.aborted.add({ producerId: marker.producerId, firstOffset, lastOffset })
  }

  /** A start without it only takes longer. */
  async #tryCheckpoint(): Promise<void> {
    await this.checkpoint().catch((error: unknown) =>
      this.#parts.log.warn(`cannot write the checkpoint of ${this.#parts.name}: ${messageOf(error)}`),
    )
  }

  /** Only from a full disk: what did not fit is cut off again, and the producers may try once there is room. */
  async #recover(error: unknown): Promise<(() => void) | null> {
    if (!isDiskFull(error) || this.#isSyncing || this.#closed) return null
    await this.#tail.file.truncate(this.#written)
    this.#full.raise(
      `partition ${this.#parts.name}: the disk is full, and records are refused until there is room in ${this.#parts.directory}: ${messageOf(error)}`,
    )
    return () => {
      this.#nextOffset = this.#highWatermark
      this.producers.takeBack(this.#highWatermark)
      this.#wakeAll()
    }
  }

  async #sync(): Promise<void> {
    this.#isSyncing = true
    const written = this.#written
    await this.#tail.file.sync()
    this.#synced = written
    this.#isSyncing = false
  }

  async #roll(baseOffset: number): Promise<void> {
    const { system, directory } = this.#parts
    if (this.#written > this.#synced) await this.#sync()
    const old = this.#tail
    ;(await old.index()).note(
      { offset: baseOffset, position: old.end, maxTimestampBefore: old.maxTimestamp },
      true,
    )
    await old.storeIndex()
    const fresh = new Segment(system.disk, directory, baseOffset)
    await fresh.create()
    await system.disk.syncDirectory(directory)
    this.#segments.push(fresh)
    this.#written = this.#synced = 0
    this.#segmentBegan = system.clock.monotonic()
    await this.#tryCheckpoint()
    void old.close() // when its last reader is done; writing need not wait for that
  }

  #wakeAll(): void {
    for (const listen of this.#listeners) listen()
  }
}

const finite = (value: number): number | null => (Number.isFinite(value) ? value : null)
