// The files of the HDFS sink: one open file a bucket (directory and prefix), rolled by count, size, age and idleness, at
// most so many at a time. A file has its final name when it is closed.
//
//   while it is written   <directory>/<inUsePrefix><prefix>.<counter><suffix><inUseSuffix>
//   afterwards            <directory>/<prefix>.<counter><suffix>
//
// The counter begins at the time of a bucket's beginning (ms since 1970) and counts on with each of its files.
import { Fault, messageOf } from '../../errors.ts'
import type { Event } from '../../event.ts'
import type { Condition } from '../../observe/conditions.ts'
import type { Counters } from '../../observe/counters.ts'
import type { Logger } from '../../observe/log.ts'
import type { Clock, Timer } from '../../system/clock.ts'
import type { FileStore, StoreFile } from './file-store.ts'

/** How events become the bytes of one file. */
export interface FileFormat {
  /** The first bytes, with the events after them. */
  begin(events: readonly Event[]): Promise<Buffer>
  more(events: readonly Event[]): Promise<Buffer>
}

export interface BucketOptions {
  readonly store: FileStore
  readonly newFormat: () => FileFormat
  readonly suffix: string
  readonly inUsePrefix: string
  readonly inUseSuffix: string
  /** 0: never, for each of these. */
  readonly rollIntervalMs: number
  readonly rollBytes: number
  readonly rollEvents: number
  readonly idleMs: number
  readonly maxOpenFiles: number
  /** How often a file is renamed in vain before it keeps its name; Infinity: never given up. */
  readonly closeTries: number
  readonly closeRetryMs: number
  readonly clock: Clock
  readonly counters: Counters
  readonly log: Logger
  /** Files that cannot be given their names. */
  readonly unnamed: Condition
  /** A file is due to be closed: `closeDue` is to be called soon. */
  readonly onDue: () => void
}

interface Bucket {
  readonly directory: string
  readonly prefix: string
  counter: number
  open: OpenFile | null
}

interface OpenFile {
  readonly file: StoreFile
  readonly format: FileFormat
  readonly path: string
  readonly finalPath: string
  rollTimer: Timer | null
  idleTimer: Timer | null
  events: number
  bodyBytes: number
  /** The bucket ends with it, and another one begins its counter anew. */
  isDue: boolean
}

interface Unnamed {
  /** To be settled first; null where that is not needed. */
  unsettled: StoreFile | null
  readonly path: string
  readonly finalPath: string
  tries: number
  /** Monotonic ms. */
  dueAt: number
}

export class BucketFiles {
  readonly #options: BucketOptions
  /** By directory and prefix, the longest unused first. */
  readonly #buckets = new Map<string, Bucket>()
  readonly #unnamed = new Set<Unnamed>()
  #retry: Timer | null = null

  constructor(options: BucketOptions) {
    this.#options = options
  }

  /** Kept by the store, in as many files as the limits ask for. `done` has each event that is, also where it rejects. */
  async write(
    directory: string,
    prefix: string,
    events: readonly Event[],
    done: (events: readonly Event[]) => void,
  ): Promise<void> {
    const bucket = this.#bucketOf(directory, prefix)
    for (let from = 0; from < events.length;) {
      if (bucket.open !== null && (bucket.open.isDue || this.#isFull(bucket.open))) await this.#close(bucket)
      const part = this.#fitting(bucket.open, events, from)
      if (bucket.open === null) bucket.open = await this.#begin(bucket, part)
      else await this.#append(bucket, bucket.open, part)
      done(part)
      from += part.length
    }
  }

  /** Those whose time is over. */
  async closeDue(): Promise<void> {
    for (const [key, bucket] of this.#buckets)
      if (bucket.open?.isDue === true) {
        await this.#close(bucket)
        this.#buckets.delete(key)
      }
    const now = this.#options.clock.monotonic()
    for (const one of this.#unnamed) if (one.dueAt <= now) await this.#name(one)
  }

  /** All of them. */
  async closeAll(): Promise<void> {
    for (const bucket of this.#buckets.values()) await this.#close(bucket)
    this.#buckets.clear()
    for (const one of this.#unnamed) await this.#name(one)
    this.#retry?.cancel()
  }

  #bucketOf(directory: string, prefix: string): Bucket {
    const key = `${directory}/${prefix}`
    const found = this.#buckets.get(key)
    const bucket = found ?? { directory, prefix, counter: this.#options.clock.now(), open: null }
    this.#buckets.delete(key)
    this.#buckets.set(key, bucket)
    return bucket
  }

  #isFull({ events, bodyBytes }: Pick<OpenFile, 'events' | 'bodyBytes'>): boolean {
    const { rollEvents, rollBytes } = this.#options
    return (rollEvents > 0 && events >= rollEvents) || (rollBytes > 0 && bodyBytes >= rollBytes)
  }

  /** What goes into the file before it is full: one event at least. */
  #fitting(open: OpenFile | null, events: readonly Event[], from: number): readonly Event[] {
    const counted = { events: open?.events ?? 0, bodyBytes: open?.bodyBytes ?? 0 }
    let to = from
    do {
      counted.events++
      counted.bodyBytes += events[to]!.body.length
      to++
    } while (to < events.length && !this.#isFull(counted))
    return events.slice(from, to)
  }

  async #begin(bucket: Bucket, events: readonly Event[]): Promise<OpenFile> {
    const { store, newFormat, suffix, inUsePrefix, inUseSuffix, rollIntervalMs, counters } = this.#options
    await this.#makeRoom()
    const format = newFormat()
    const bytes = await format.begin(events)
    for (;;) {
      const name = `${bucket.prefix}.${++bucket.counter}${suffix}`
      const path = `${bucket.directory}/${inUsePrefix}${name}${inUseSuffix}`
      let file: StoreFile | null
      try {
        file = await store.create(path, bytes)
      } catch (error) {
        counters.add('ConnectionFailedCount')
        throw error
      }
      if (file === null) continue
      counters.add('ConnectionCreatedCount')
      const open: OpenFile = {
        file,
        format,
        path,
        finalPath: `${bucket.directory}/${name}`,
        rollTimer: null,
        idleTimer: null,
        events: 0,
        bodyBytes: 0,
        isDue: false,
      }
      open.rollTimer = this.#dueAfter(rollIntervalMs, open)
      this.#wrote(open, events)
      return open
    }
  }

  async #append(bucket: Bucket, open: OpenFile, events: readonly Event[]): Promise<void> {
    try {
      await open.file.append(await open.format.more(events))
    } catch (error) {
      // Nobody knows what the file holds beyond this point: go on in another.
      await this.#close(bucket, open.file)
      throw error
    }
    this.#wrote(open, events)
  }

  #wrote(open: OpenFile, events: readonly Event[]): void {
    open.events += events.length
    for (const { body } of events) open.bodyBytes += body.length
    open.idleTimer?.cancel()
    open.idleTimer = this.#dueAfter(this.#options.idleMs, open)
  }

  /** Null where the time is 0: never. */
  #dueAfter(ms: number, open: OpenFile): Timer | null {
    const due = () => {
      open.isDue = true
      this.#options.onDue()
    }
    return ms === 0 ? null : this.#options.clock.after(ms, due, { background: true })
  }

  /** Closes the files that were not written to for the longest time, as long as there are too many. */
  async #makeRoom(): Promise<void> {
    const { maxOpenFiles } = this.#options
    const open = [...this.#buckets].filter(([, bucket]) => bucket.open !== null)
    for (const [key, bucket] of open.slice(0, Math.max(0, open.length - maxOpenFiles + 1))) {
      await this.#close(bucket)
      this.#buckets.delete(key)
    }
  }

  async #close(bucket: Bucket, unsettled: StoreFile | null = null): Promise<void> {
    const { open } = bucket
    if (open === null) return
    bucket.open = null
    open.rollTimer?.cancel()
    open.idleTimer?.cancel()
    await open.file.close()
    this.#options.counters.add('ConnectionClosedCount')
    const { path, finalPath } = open
    if (path !== finalPath || unsettled !== null)
      await this.#name({ unsettled, path, finalPath, tries: 0, dueAt: 0 })
  }

  /** Names the file; where that fails it is retried later. */
  async #name(one: Unnamed): Promise<void> {
    const { store, closeTries, closeRetryMs, clock, log, unnamed, onDue } = this.#options
    const what = `${store.nameOf(one.path)} is complete but cannot be renamed to ${one.finalPath}`
    try {
      await one.unsettled?.settle?.()
      one.unsettled = null
      const renamed = one.path === one.finalPath ? 'done' : await store.rename(one.path, one.finalPath)
      if (renamed === 'taken') throw new Fault('DISK', 'another file has that name')
      if (renamed === 'gone' && one.tries === 0)
        log.warn(`${store.nameOf(one.path)} is gone before it was renamed`)
      this.#unnamed.delete(one)
    } catch (error) {
      one.tries++
      one.dueAt = clock.monotonic() + closeRetryMs
      this.#unnamed.add(one)
      if (one.tries >= closeTries) {
        this.#unnamed.delete(one)
        log.error(`${what}: ${messageOf(error)}. It keeps its name; rename it by hand.`)
      } else {
        const reason = `${what}: ${messageOf(error)}; it is retried every ${closeRetryMs / 1000} s`
        unnamed.raise(reason, error instanceof Fault ? { remedy: error.remedy } : {})
        this.#retry?.cancel()
        this.#retry = clock.after(closeRetryMs, onDue, { background: true })
      }
    }
    if (this.#unnamed.size === 0) unnamed.clear('closed files have their names')
  }
}
