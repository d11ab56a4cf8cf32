// What makes a log smaller: retention, deletion by clients, compaction. One at a time; the checkpoint says
// what is gone before any file is.
import { isDiskFull } from '../../errors.ts'
import type { AbortedTransactions } from './aborted-transactions.ts'
import { planCompaction } from './compaction-plan.ts'
import { Pace } from '../../system/pace.ts'
import { compactSegments, type Replacement } from './compaction.ts'
import { OffsetOutOfRange, type LogParts } from './log-parts.ts'
import type { ProducerStates } from './producer-states.ts'
import { Segment } from './segment.ts'

/** What maintenance asks of the log itself. */
interface MaintainedLog {
  readonly producers: ProducerStates
  readonly sizeBytes: number
  readonly highWatermark: number
  readonly lastStableOffset: number
  rollOlderThan(oldest: number): Promise<void>
  checkpoint(): Promise<void>
}

export interface MaintenanceParts {
  readonly log: MaintainedLog
  /** Those of the log itself, which changes them too. */
  readonly segments: Segment[]
  readonly parts: LogParts
  readonly aborted: AbortedTransactions
  readonly startOffset: number
  readonly cleanedTo: number
  /** The log is offline or closed: nothing is changed any more. */
  isOver(): boolean
}

export class LogMaintenance {
  /** First offset that may be read. */
  startOffset: number
  /** All below is compacted. */
  cleanedTo: number
  /** Base offsets of segments that the checkpoint does not vouch for. */
  readonly unsure = new Set<number>()
  readonly #own: MaintenanceParts
  #changing: Promise<unknown> = Promise.resolve()

  constructor(own: MaintenanceParts) {
    this.#own = own
    this.startOffset = own.startOffset
    this.cleanedTo = own.cleanedTo
  }

  /** Time of the newest record, ms. Where none has a time, as of producers before 0.10: when the file was written to. */
  async newestTime({ maxTimestamp, path }: Segment): Promise<number> {
    if (maxTimestamp >= 0) return maxTimestamp
    return (await this.#own.parts.system.disk.stat?.(path))?.modifiedMs ?? Infinity
  }

  /** Resolves when nothing is being changed. */
  async idle(): Promise<void> {
    await this.#changing
  }

  retain(): Promise<number> {
    return this.#alone(() => this.#retain())
  }

  deleteRecordsBefore(offset: number): Promise<number> {
    return this.#alone(() => this.#deleteRecordsBefore(offset))
  }

  compact(keyBytes: number): Promise<number> {
    return this.#alone(() => this.#compact(keyBytes))
  }

  #alone<T>(change: () => Promise<T>): Promise<T> {
    const done = this.#changing.then(change)
    this.#changing = done.catch(() => {})
    return done
  }

  async #retain(): Promise<number> {
    const { clock } = this.#own.parts.system
    const { retentionMs, retentionBytes, producerIdExpirationMs, cleanupPolicy } = this.#own.parts.settings
    if (this.#own.isOver()) return 0
    this.#own.log.producers.expire(clock.now() - producerIdExpirationMs)
    if (!cleanupPolicy.includes('delete')) return 0
    const oldest = retentionMs < 0 ? -Infinity : clock.now() - retentionMs
    await this.#own.log.rollOlderThan(oldest)
    let size = this.#own.log.sizeBytes
    let count = 0
    for (const segment of this.#own.segments.slice(0, -1)) {
      const tooOld = (await this.newestTime(segment)) < oldest
      const tooMany = retentionBytes >= 0 && size - segment.end >= retentionBytes
      if (!tooOld && !tooMany) break
      size -= segment.end
      count++
    }
    if (count > 0) await this.#removeOldest(count)
    return count
  }

  async #deleteRecordsBefore(offset: number): Promise<number> {
    if (offset < 0 || offset > this.#own.log.highWatermark)
      throw new OffsetOutOfRange(`${this.#own.parts.name} has no record before offset ${offset} to delete`)
    if (offset <= this.startOffset) return this.startOffset
    let count = 0
    while (count < this.#own.segments.length - 1 && this.#own.segments[count + 1]!.baseOffset <= offset)
      count++
    await this.#removeOldest(count, offset)
    return this.startOffset
  }

  /** The start is where it was when the checkpoint that says otherwise cannot be written: it never goes back. */
  async #removeOldest(count: number, offset = 0): Promise<void> {
    const { log, segments } = this.#own
    const before = this.startOffset
    const gone = segments.splice(0, count)
    this.startOffset = Math.max(before, offset, segments[0]!.baseOffset)
    try {
      await log.checkpoint()
    } catch (error) {
      if (count > 0 && isDiskFull(error)) return this.#makeRoom(gone, before, offset)
      segments.unshift(...gone)
      this.startOffset = before
      throw error
    }
    await this.#remove(gone)
  }

  /**
   * On a disk without room for a checkpoint the files go first, the oldest first and each durably, for a start takes
   * the oldest file there is for the begin of the log.
   */
  async #makeRoom(gone: readonly Segment[], before: number, offset: number): Promise<void> {
    this.startOffset = Math.max(before, this.#own.segments[0]!.baseOffset)
    for (const segment of gone) await this.#remove([segment])
    await this.#removeOldest(0, offset)
  }

  async #remove(gone: readonly Segment[]): Promise<void> {
    this.#own.aborted.forgetBefore(this.startOffset)
    if (gone.length === 0) return
    for (const segment of gone) await segment.remove()
    await this.#own.parts.system.disk.syncDirectory(this.#own.parts.directory)
  }

  async #compact(keyBytes: number): Promise<number> {
    const { system, settings, directory } = this.#own.parts
    if (!settings.cleanupPolicy.includes('compact') || this.#own.isOver()) return 0
    const now = system.clock.now()
    const plan = planCompaction(this.#own.segments, {
      settings,
      now,
      cleanedTo: this.cleanedTo,
      below: this.#own.log.lastStableOffset,
    })
    if (plan === null) return 0
    const { replacements, cleanedTo } = await compactSegments({
      disk: system.disk,
      pace: new Pace(system.clock),
      directory,
      ...plan,
      cleanedTo: this.cleanedTo,
      aborted: this.#own.aborted,
      isLastOfProducer: ({ producerId, lastOffset }) =>
        this.#own.log.producers.lastOffset(producerId) === lastOffset,
      segmentBytes: settings.segmentBytes,
      keyBytes,
      deletionsBefore: now - settings.deleteRetentionMs,
    })
    if (this.#own.isOver()) return 0
    const before = this.#own.log.sizeBytes
    // From here to the last line a start would read these segments, whatever it finds of them.
    for (const { old } of replacements) for (const segment of old) this.unsure.add(segment.baseOffset)
    await this.#own.log.checkpoint()
    for (const replacement of replacements) await this.#replace(replacement)
    this.unsure.clear()
    this.cleanedTo = cleanedTo
    await this.#own.log.checkpoint()
    return before - this.#own.log.sizeBytes
  }

  /** One file takes the place of several segments; the first of them gives it its name. */
  async #replace({ old, path, sizeBytes, maxTimestamp }: Replacement): Promise<void> {
    const { disk } = this.#own.parts.system
    const [first, ...others] = old
    const fresh = new Segment(disk, this.#own.parts.directory, first!.baseOffset)
    fresh.end = sizeBytes
    fresh.maxTimestamp = maxTimestamp
    for (const segment of old) segment.isReplaced = true
    // An index that tells of the old file must not be found beside the new one.
    if (await disk.exists(fresh.indexPath)) await disk.remove(fresh.indexPath)
    await disk.rename(path, fresh.path).catch((error: unknown) => {
      for (const segment of old) segment.isReplaced = false
      throw error
    })
    await disk.syncDirectory(this.#own.parts.directory)
    this.#own.segments.splice(this.#own.segments.indexOf(first!), old.length, fresh)
    for (const segment of others) await segment.remove()
  }
}
