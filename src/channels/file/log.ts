// Log: writes transactions, many at a time. What arrives while a write and its sync run forms the next
// group: one write, one sync, for puts and takes alike. A group takes effect (events become visible,
// takes are gone, promises resolve) only after its sync.
//
// Invariants
// - Groups are written one after another; numbers of events are given out when a group is formed.
// - A sync that failed is never retried. Everything not covered by an earlier sync is refused, and
//   the log goes on in a new segment whose header says where the old one ends: at the last good sync,
//   kept in memory, not at what reads back. A second failure within a minute and it stays failed.
// - A segment that is not at its place any more, because it was removed or renamed from outside, ends the log: what
//   was written to it would be gone with the process.
// - Part of every segment is kept for takes: a full disk must not keep the channel from being emptied.
import { Fault, isDiskFull, messageOf } from '../../errors.ts'
import type { Logger } from '../../observe/log.ts'
import { FilePlace } from '../../storage/file-place.ts'
import type { DiskFile } from '../../system/disk.ts'
import type { System } from '../../system/system.ts'
import type { Stand } from './checkpoint.ts'
import { encodeStop, encodeTake, entryHeaderBytes, placeEntry } from './entry.ts'
import type { NumberRange } from './number-ranges.ts'
import { startAfter, type Segment, type SegmentHeader } from './segment.ts'
import type { Encryption } from './segment-cipher.ts'
import { canBeTaken, type SegmentStore } from './segment-store.ts'

export interface PendingPut {
  readonly entry: Buffer
  readonly count: number
  readonly resolve: () => void
  readonly reject: (fault: Fault) => void
}

interface PendingTake {
  readonly range: NumberRange
  readonly resolve: () => void
  readonly reject: (fault: Fault) => void
}

/** A put that is in the log: its first event's number and the position after it. */
export interface LoggedPut {
  readonly put: PendingPut
  readonly first: number
  readonly segment: Segment
  readonly end: number
}

export interface LogParts {
  readonly system: System
  readonly log: Logger
  readonly channel: string
  readonly store: SegmentStore
  readonly segmentBytes: number
  readonly syncEachGroup: boolean
  readonly syncIntervalMs: number
  /** For new segments. */
  readonly encryption: Encryption | null
  /** The group is durable: called before its promises resolve. */
  onLogged(puts: readonly LoggedPut[], takes: readonly NumberRange[]): void
  /** A new segment is begun. */
  onSegment(segment: Segment): void
  /** What a new segment's header states. */
  goneNow(): { low: number; ranges: readonly NumberRange[] }
  onFailed(fault: Fault): void
}

/** Where the log stands when it begins to write. */
export interface LogStart extends Stand {
  readonly file: DiskFile
  readonly size: number
  /** Whether takes alone may be written in its segment: puts need another one. */
  readonly isForTakes: boolean
}

/** A segment with fewer bytes left takes no more takes. */
export const leastTakeBytes = entryHeaderBytes + 64 * 16

/** Of a directory or file of the channel. */
export const wentAway = 'was removed or renamed while the channel runs'
const putBack = 'Put it back and start the agent again: the channel stays failed until then.'

const groupBytes = 8 * 1024 * 1024
/** Groups below this are copied into one buffer. */
const coalesceBytes = 256 * 1024
/** Turns of the promise queue that a group is waited for: more than lie between an answer and the next request. */
const gatheringTurns = 16
const secondFailureMs = 60_000

export class Log {
  readonly #parts: LogParts
  #segment: Segment
  #file: DiskFile
  #size: number
  /** Position after what was written, and after what a sync has covered. */
  #written: number
  #durable: number
  #nextNumber: number
  /** The last entry that has taken effect, as a checkpoint knows it again. */
  #lastEntry: { at: number; crc: number } | null = null
  #puts: PendingPut[] = []
  #takes: PendingTake[] = []
  #syncDue = false
  #running: Promise<void> | null = null
  #failed: Fault | null = null
  #failedAt = -Infinity
  #isForTakes: boolean
  readonly #place: FilePlace
  #closed = false
  readonly #staging: Buffer

  constructor(parts: LogParts, start: LogStart) {
    this.#parts = parts
    this.#place = new FilePlace(parts.system.clock)
    this.#segment = start.segment
    this.#file = start.file
    this.#size = start.size
    this.#written = this.#durable = start.position
    this.#nextNumber = start.nextNumber
    this.#lastEntry = start.lastEntry
    this.#isForTakes = start.isForTakes
    this.#staging = Buffer.allocUnsafeSlow(Math.min(coalesceBytes, parts.segmentBytes))
    if (!parts.syncEachGroup) this.#syncLater()
  }

  get segment(): Segment {
    return this.#segment
  }

  get file(): DiskFile {
    return this.#file
  }

  /** Position in the newest segment up to which entries have taken effect. */
  get visibleEnd(): number {
    return this.#parts.syncEachGroup ? this.#durable : this.#written
  }

  get nextNumber(): number {
    return this.#nextNumber
  }

  /** Up to where what has taken effect is durable; null while some of it is not. */
  get stand(): Stand | null {
    if (!this.#parts.syncEachGroup && this.#written > this.#durable) return null
    const { segment, nextNumber } = this
    return { segment, position: this.#durable, lastEntry: this.#lastEntry, nextNumber }
  }

  get failed(): Fault | null {
    return this.#failed
  }

  put(put: PendingPut): void {
    if (this.#failed !== null || this.#closed) return put.reject(this.#failed ?? this.#closedFault())
    this.#puts.push(put)
    this.#wake()
  }

  take(range: NumberRange, resolve: () => void, reject: (fault: Fault) => void): void {
    if (this.#failed !== null || this.#closed) return reject(this.#failed ?? this.#closedFault())
    this.#takes.push({ range, resolve, reject })
    this.#wake()
  }

  /** Refuses everything from now on. `problem` says what is wrong with the files: it was removed. */
  fail(problem: string): void {
    if (this.#failed !== null || this.#closed) return
    this.#failed = new Fault('CHANNEL_FAILED', `channel ${this.#parts.channel}: ${problem}`, {
      remedy: putBack,
      needsRestart: true,
    })
    for (const put of this.#puts.splice(0)) put.reject(this.#failed)
    for (const take of this.#takes.splice(0)) take.reject(this.#failed)
    this.#parts.onFailed(this.#failed)
  }

  /** Ends what was begun and what still comes meanwhile, marks the log as stopped cleanly, and closes. */
  async close(): Promise<void> {
    try {
      for (let marked = false; !marked || this.#puts.length > 0 || this.#takes.length > 0;) {
        this.#wake()
        await this.#running
        if (this.#failed === null) await this.#mark()
        marked = true
      }
    } catch (error) {
      this.#parts.log.error(`closing the log of channel ${this.#parts.channel} failed: ${messageOf(error)}`)
    }
    this.#closed = true
    this.#refuse(this.#failed ?? this.#closedFault())
    await this.#file.close().catch(() => {})
  }

  /** A segment that ends with the mark is durable to its end: whatever is invalid in it is damage. */
  async #mark(): Promise<void> {
    if (this.#written > this.#durable) await this.#file.sync()
    this.#durable = this.#written
    if (this.#written + entryHeaderBytes > this.#size) return
    const entry = this.#placed(encodeStop(), this.#written, this.#nextNumber)
    await this.#file.write(entry, this.#written)
    await this.#file.sync()
    this.#lastEntry = { at: this.#written, crc: entry.readUInt32LE(4) }
    this.#written += entry.length
    this.#durable = this.#written
  }

  #wake(): void {
    if (this.#running !== null) return
    this.#running = Promise.resolve().then(() => this.#run())
  }

  async #run(): Promise<void> {
    while (this.#puts.length > 0 || this.#takes.length > 0 || this.#syncDue) {
      // What the last group's end sets going, a sink's next take and commit too, joins this group.
      for (let turn = 0; turn < gatheringTurns; turn++) await Promise.resolve()
      try {
        await this.#writeGroup()
      } catch (error) {
        await this.#recover(error)
      }
    }
    // In the same step as the look at the queues: nothing that comes after it is overlooked.
    this.#running = null
  }

  #underWay: { puts: LoggedPut[]; takes: PendingTake[] } = { puts: [], takes: [] }

  async #writeGroup(): Promise<void> {
    const { syncEachGroup } = this.#parts
    if (!(await this.#makeRoom())) return
    const group = (this.#underWay = { puts: [] as LoggedPut[], takes: [] as PendingTake[] })
    const entries: Buffer[] = []
    let end = this.#written
    if (this.#takes.length > 0) {
      const fits = Math.floor((this.#size - end - entryHeaderBytes) / 16)
      group.takes = this.#takes.splice(0, fits)
      const entry = this.#placed(encodeTake(joined(group.takes)), end, this.#nextNumber)
      entries.push(entry)
      end += entry.length
    }
    let number = this.#nextNumber
    let used = 0
    const putEnd = this.#size - this.#reserve
    for (const put of this.#puts) {
      const bytes = this.#bytesOf(put)
      if (end + bytes > putEnd || (used > 0 && end - this.#written + bytes > groupBytes)) break
      entries.push(this.#placed(put.entry, end, number))
      end += bytes
      group.puts.push({ put, first: number, segment: this.#segment, end })
      number += put.count
      used++
    }
    if (used === this.#puts.length) this.#puts = []
    else this.#puts.splice(0, used)
    const looking = this.#place.isAway(this.#file, this.#segment.path)
    const buffers = entries.length > 0 ? this.#packed(entries, end - this.#written) : null
    const isSynced = syncEachGroup || this.#syncDue
    if (buffers !== null && syncEachGroup) await this.#writeDurably(buffers)
    else if (buffers !== null) await this.#file.writeAll(buffers, this.#written)
    if (isSynced && !syncEachGroup) await this.#file.sync()
    if (looking !== null && (await looking)) this.#failAway()
    if (this.#failed !== null) return this.#refuse(this.#failed)
    // From here to onLogged nothing waits: a checkpoint must not see one without the other.
    this.#written = end
    if (isSynced) {
      this.#durable = end
      this.#syncDue = false
    }
    this.#nextNumber = number
    const last = entries.at(-1)
    if (last !== undefined) this.#lastEntry = { at: end - last.length, crc: last.readUInt32LE(4) }
    this.#underWay = { puts: [], takes: [] }
    this.#parts.onLogged(
      group.puts,
      group.takes.map(take => take.range),
    )
    for (const { put } of group.puts) put.resolve()
    for (const take of group.takes) take.resolve()
    if (end > this.#size / 2) this.#parts.store.prepare(this.#segment.id + 1)
  }

  /** The segment is not where it must be when the log is opened again. */
  #failAway(): void {
    this.fail(`${this.#segment.path} ${wentAway}`)
  }

  /** In one buffer where they are small: one write is cheaper than a list of small ones. */
  #packed(entries: readonly Buffer[], bytes: number): readonly Buffer[] {
    if (entries.length === 1 || bytes > this.#staging.length) return entries
    let at = 0
    for (const entry of entries) {
      this.#staging.set(entry, at)
      at += entry.length
    }
    return [this.#staging.subarray(0, bytes)]
  }

  async #writeDurably(buffers: readonly Buffer[]): Promise<void> {
    if (this.#file.writeDurably !== undefined) return await this.#file.writeDurably(buffers, this.#written)
    await this.#file.writeAll(buffers, this.#written)
    await this.#file.sync()
  }

  /** Bytes at the end of the segment that only takes may use. */
  get #reserve(): number {
    return this.#isForTakes ? this.#size : Math.min(256 * 1024, this.#size / 8)
  }

  /** Goes over to a new segment where the next entry does not fit; false when nothing is left to write. */
  async #makeRoom(): Promise<boolean> {
    const put = this.#puts[0]
    const left = this.#size - this.#written
    const takesFit = this.#takes.length === 0 || left >= leastTakeBytes
    const takeBytes = this.#takes.length === 0 ? 0 : entryHeaderBytes + this.#takes.length * 16
    const putBytes = put === undefined ? 0 : this.#bytesOf(put)
    const putFits = put === undefined || left - this.#reserve >= putBytes + takeBytes
    if (takesFit && putFits) return true
    if (await this.#place.isAway(this.#file, this.#segment.path, true)) this.#failAway()
    if (this.#failed !== null) return false
    try {
      await this.#roll(putBytes, { fresh: false, needed: !takesFit })
      return true
    } catch (error) {
      if (!isDiskFull(error)) throw error
      const fault = new Fault('DISK_FULL', `channel ${this.#parts.channel}: ${messageOf(error)}`, {
        cause: error,
        remedy: takesFit
          ? canBeTaken
          : 'Free space on the file system named: until then what is delivered cannot be noted, and is delivered again.',
      })
      for (const one of this.#puts.splice(0)) one.reject(fault)
      if (!takesFit) for (const one of this.#takes.splice(0)) one.reject(fault)
      return this.#takes.length > 0 || this.#syncDue
    }
  }

  async #roll(entryBytes: number, how: { fresh: boolean; needed: boolean }): Promise<void> {
    const { store, system, segmentBytes } = this.#parts
    // Without a sync each group the old segment may hold what no sync has covered.
    if (this.#written > this.#durable && !how.fresh) {
      await this.#file.sync()
      this.#durable = this.#written
    }
    const old = this.#segment
    const { low, ranges } = this.#parts.goneNow()
    const { channelId } = old
    const id = old.id + 1
    const encrypted = this.#parts.encryption?.begin({ id, channelId }) ?? null
    const header: SegmentHeader = {
      id,
      channelId,
      createdAt: system.clock.now(),
      first: this.#nextNumber,
      previousEnd: this.visibleEnd,
      low,
      salt: system.random.bytes(4).readUInt32LE(0),
      gone: ranges,
      encryption: encrypted?.description ?? null,
    }
    const size = Math.max(segmentBytes, sizeFor(entryBytes, startAfter(ranges.length, header.encryption)))
    const made = await store.create(header, size, [], how)
    made.segment.cipher = encrypted?.cipher ?? null
    old.end = header.previousEnd
    await this.#file.close().catch(() => {})
    this.#segment = made.segment
    this.#file = made.file
    this.#size = made.size
    this.#isForTakes = false
    this.#written = this.#durable = made.segment.start
    this.#lastEntry = null
    this.#parts.onSegment(made.segment)
  }

  /** Refuses all that is not covered by a good sync, then goes on in a new segment, once. */
  async #recover(error: unknown): Promise<void> {
    if (this.#failed !== null) return this.#refuse(this.#failed)
    const { log, channel, system } = this.#parts
    const where = `${this.#segment.path} at ${this.#durable}`
    const fault = new Fault(
      'CHANNEL_FAILED',
      `channel ${channel} could not write its log (${where}): ${messageOf(error)}`,
      { cause: error },
    )
    const now = system.clock.monotonic()
    const again = now - this.#failedAt < secondFailureMs
    this.#failedAt = now
    if (!again)
      try {
        await this.#roll(0, { fresh: true, needed: true })
        // Only now: the old segment is cut durably, and what is refused cannot come back after a crash.
        // What came meanwhile goes too, so that it does not overtake what was refused.
        this.#refuse(fault)
        log.error(
          `${fault.message}. What was not yet durable was refused; the log goes on in ${this.#segment.path}`,
        )
        return
      } catch (second) {
        log.error(`opening a new segment for channel ${channel} failed as well: ${messageOf(second)}`)
      }
    this.#failed = new Fault(fault.code, fault.message, {
      cause: error,
      remedy: 'The channel stays failed until the agent is started again; see to the disk first.',
      needsRestart: true,
    })
    this.#refuse(this.#failed)
    this.#parts.onFailed(this.#failed)
  }

  #refuse(fault: Fault): void {
    const { puts, takes } = this.#underWay
    this.#underWay = { puts: [], takes: [] }
    for (const { put } of puts) put.reject(fault)
    for (const take of takes) take.reject(fault)
    for (const put of this.#puts.splice(0)) put.reject(fault)
    for (const take of this.#takes.splice(0)) take.reject(fault)
    this.#syncDue = false
  }

  #placed(entry: Buffer, position: number, first: number): Buffer {
    const { id: segmentId, salt, cipher } = this.#segment
    return placeEntry(entry, { segmentId, salt, position, durable: this.#durable, first }, cipher)
  }

  /** What the put takes in the log: in all segments the same, since each begins with the keys of this start. */
  #bytesOf({ entry }: PendingPut): number {
    return entry.length + (this.#segment.cipher?.overhead ?? 0)
  }

  #syncLater(): void {
    this.#parts.system.clock.after(
      this.#parts.syncIntervalMs,
      () => {
        if (this.#closed || this.#failed !== null) return
        if (this.#written > this.#durable) {
          this.#syncDue = true
          this.#wake()
        }
        this.#syncLater()
      },
      { background: true },
    )
  }

  #closedFault(): Fault {
    return new Fault('CHANNEL_CLOSED', `channel ${this.#parts.channel} is closed`)
  }
}

/** Bytes a segment needs to hold an entry of this size from `start` on. */
export function sizeFor(entryBytes: number, start: number): number {
  return Math.ceil(((start + entryBytes + 8192) * 8) / 7 / 4096) * 4096
}

/** The runs of the takes, those that touch joined. */
function joined(takes: readonly PendingTake[]): NumberRange[] {
  const ranges: NumberRange[] = []
  for (const { range } of takes) {
    const last = ranges.at(-1)
    if (last !== undefined && last.end === range.first)
      ranges[ranges.length - 1] = { first: last.first, end: range.end }
    else ranges.push(range)
  }
  return ranges
}
