// Backlog: gives the channel's events from its head: those in memory first, the others read back from the
// segments in order. Events just put stay in memory while nothing older is still on the disk and the
// budget allows; then the rest waits on the disk, and memory does not grow with it.
import type { TakeLimit } from '../../component.ts'
import type { Disk, DiskFile } from '../../system/disk.ts'
import { EntryReader, readBytes, type Damage } from './entry-reader.ts'
import { entryKinds } from './entry.ts'
import { LoadedEvents } from './loaded-events.ts'
import type { LoggedPut } from './log.ts'
import type { Run } from '../returned-events.ts'
import type { GoneNumbers, NumberRange } from './number-ranges.ts'
import type { Segment } from './segment.ts'

/** Bytes of events kept in memory, besides those of open batches. */
export const memoryBytes = 64 * 1024 * 1024
/** Below this the next events are read in advance. */
const readAheadBytes = 2 * readBytes

export interface BacklogParts {
  readonly disk: Disk
  readonly gone: GoneNumbers
  /** Every segment there is, oldest first; the last is being written. */
  readonly segments: readonly Segment[]
  /** Position in the last segment up to which entries have taken effect. */
  visibleEnd(): number
  /** Events were read and can be taken, or damage made some impossible to have. */
  onLoaded(): void
  /** Bytes that are no entry. */
  onDamage(segment: Segment, damage: Damage): void
  /** What stood there: these events, or none. */
  onLost(range: NumberRange | null, segment: Segment, damage: Damage): void
  onFailed(error: unknown): void
}

export class Backlog {
  readonly #parts: BacklogParts
  readonly #loaded = new LoadedEvents()
  /** What is read next: the segment, the position in it, and the number of the next event there. */
  #segment: Segment
  #position: number
  #next: number
  #file: DiskFile | null = null
  #reader: EntryReader | null = null
  #readerEnd = 0
  /** Damage in front of what is read next; what stood there shows at the next put. */
  #damage: Damage | null = null
  /** Number after the last event that can be taken. */
  #tail: number
  #loading: Promise<void> | null = null
  #closed = false

  constructor(parts: BacklogParts, tail: number) {
    this.#parts = parts
    this.#segment = parts.segments[0]!
    for (const segment of parts.segments) if (segment.first <= parts.gone.low) this.#segment = segment
    this.#position = this.#segment.start
    this.#next = this.#segment.first
    this.#tail = tail
  }

  /** The segment that is read, which must not go away. */
  get reading(): Segment | null {
    return this.#loading === null ? null : this.#segment
  }

  /** The next events at once, or null: then they are being read, or there are none. */
  take(limit: TakeLimit): [Run] | null {
    const run = this.#loaded.take(limit, this.#parts.gone)
    if (this.#loaded.bytes < readAheadBytes && this.#next < this.#tail) this.#load()
    return run === null ? null : [run]
  }

  /** Resolves when there are events in memory, where there are any. */
  async ready(): Promise<void> {
    if (this.#loaded.isEmpty && this.#next < this.#tail) this.#load()
    await this.#loading
  }

  /** Those in memory, without taking them. */
  peek(limit: TakeLimit): Run[] {
    return this.#loaded.peek(limit, this.#parts.gone)
  }

  add({ put, first, segment, end }: LoggedPut, payload: Buffer): void {
    if (this.#next === first && this.#loading === null && this.#loaded.bytes < memoryBytes) {
      this.#loaded.add(first, put.count, payload)
      this.#next = first + put.count
      if (this.#segment !== segment) this.#go(segment)
      this.#position = end
      this.#reader = null
    }
    this.#tail = first + put.count
  }

  /** The segment goes away: reading goes on in the one after it. */
  leave(segment: Segment, following: Segment): void {
    if (this.#segment !== segment) return
    this.#go(following)
    this.#next = Math.max(this.#next, following.first)
  }

  async close(): Promise<void> {
    this.#closed = true
    await this.#loading
    await this.#file?.close()
    this.#file = null
  }

  /** Goes on at the start of a segment. */
  #go(segment: Segment): void {
    this.#segment = segment
    this.#position = segment.start
    this.#reader = null
    void this.#file?.close().catch(() => {})
    this.#file = null
  }

  #load(): void {
    if (this.#loading !== null || this.#closed) return
    this.#loading = this.#read().then(
      () => {
        this.#loading = null
        if (!this.#closed) this.#parts.onLoaded()
      },
      (error: unknown) => {
        this.#loading = null
        this.#parts.onFailed(error)
      },
    )
  }

  /** Reads until there is something to take and a read's worth of it, or the end is reached. */
  async #read(): Promise<void> {
    const { segments, gone } = this.#parts
    let bytes = 0
    while (!this.#closed && this.#next < this.#tail && bytes < readBytes) {
      const active = this.#segment === segments.at(-1)
      const end = active ? this.#parts.visibleEnd() : this.#segment.end
      if (this.#position >= end) {
        // All that can be taken stands before the end: what was not found there is lost.
        if (active) return this.#settle(this.#tail, { from: end, to: end })
        const following = segments[segments.indexOf(this.#segment) + 1]!
        this.#settle(following.first, { from: end, to: end })
        this.#go(following)
        continue
      }
      this.#file ??= await this.#parts.disk.open(this.#segment.path, 'read')
      if (this.#reader === null || this.#readerEnd !== end) {
        this.#reader = new EntryReader(this.#file, this.#segment, this.#position, end)
        this.#readerEnd = end
      }
      const found = await this.#reader.next()
      const before = this.#position
      this.#position = this.#reader.position
      if (found === null) continue
      if ('damage' in found) {
        this.#damage = { from: this.#damage?.from ?? found.damage.from, to: found.damage.to }
        this.#parts.onDamage(this.#segment, found.damage)
        continue
      }
      const { header, payload } = found
      if (header.kind !== entryKinds.put) continue
      this.#settle(header.first, { from: before, to: found.position })
      const after = header.first + header.count
      if (gone.nextInside(header.first) < after) {
        this.#loaded.add(header.first, header.count, payload)
        bytes += payload.length
      }
      this.#next = Math.max(this.#next, after)
    }
  }

  /** The next event there is has number `first`: those before it stood where the damage is. */
  #settle(first: number, here: Damage): void {
    const damage = this.#damage
    this.#damage = null
    // Where nothing is damaged and none of them is inside, their loss was accepted.
    const isMissing = this.#parts.gone.nextInside(this.#next) < first
    if (isMissing) this.#parts.onLost({ first: this.#next, end: first }, this.#segment, damage ?? here)
    else if (damage !== null) this.#parts.onLost(null, this.#segment, damage)
    this.#next = Math.max(this.#next, first)
  }
}
