// TailSource: looks at the files of its groups, reads what was added, hands it over and keeps the positions.
//
// A look lists the directories and takes note of each file's size and name. A pass reads each file up to the size of
// the look before it; several puts are under way at once, and a position advances over those that were taken, in
// order. While a pass lasts long, or a channel takes nothing, looks go on: files are noticed, and held open, before
// they are renamed or removed.
import type { Source, SourceContext } from '../../component.ts'
import { Fault, messageOf } from '../../errors.ts'
import { Event } from '../../event.ts'
import type { Condition } from '../../observe/conditions.ts'
import { sparing } from '../../observe/sparing-log.ts'
import { countOf } from '../../printable.ts'
import { Pace } from '../../system/pace.ts'
import { FileSet } from './file-set.ts'
import type { FileGroup } from './file-group.ts'
import { LineScanner } from './lines.ts'
import { filesBeside, readPositions, writePositions } from './position-file.ts'
import { PutsUnderWay } from './puts-under-way.ts'
import { markBefore, type TailedFile } from './tailed-file.ts'

/** Bytes of one read; more where a line needs them. */
const chunkBytes = 1024 * 1024
/** So many bytes were handed over since the positions were written: they are written again. */
const mostUnwrittenBytes = 8 * 1024 * 1024
/** A pass looks again after so long, or so many times as long as a look takes. */
const lookMs = 1000
/** Between passes: at least so long, doubling while nothing is found, and so many times as long as a look takes. */
const leastRestMs = 100
const idleRestMs = 400
const restPerLook = 19
/** Lines between two looks at the pace. */
const linesInRow = 500

export interface TailSettings {
  readonly groups: readonly FileGroup[]
  readonly positionFile: string
  readonly batchSize: number
  readonly maxBatchCount: number
  readonly skipToEnd: boolean
  readonly idleMs: number
  readonly writePositionsMs: number
  /** Headers of the line's offset and of the file's path; null where there is none. */
  readonly offsetHeader: string | null
  readonly fileHeader: string | null
  readonly cachesListings: boolean
  readonly maxLineBytes: number
  readonly mostRestMs: number
}

export class TailSource implements Source {
  readonly #settings: TailSettings
  readonly #context: SourceContext
  readonly #pace: Pace
  readonly #unreadable: Condition
  readonly #notWritten: Condition
  readonly #sparing: SourceContext['log']
  #files: FileSet | null = null
  #puts: PutsUnderWay
  /** When a look was last begun and how long it took; when positions were last written; monotonic ms. */
  #lookedAt = -Infinity
  #lookTookMs = 0
  #wroteAt = -Infinity
  #restMs = leastRestMs
  #unwrittenBytes = 0

  constructor(settings: TailSettings, context: SourceContext) {
    this.#settings = settings
    this.#context = context
    this.#pace = new Pace(context.system.clock)
    this.#unreadable = context.condition('unreadable')
    this.#notWritten = context.condition('positions')
    this.#sparing = sparing(context.log, context.system.clock)
    this.#puts = new PutsUnderWay()
  }

  async start(): Promise<void> {
    const { system, log, condition } = this.#context
    const { groups, positionFile, skipToEnd, cachesListings } = this.#settings
    const known = await readPositions(system.disk, positionFile)
    const damagedCopy = known?.damagedCopy ?? null
    if (known !== null && damagedCopy !== null)
      log.warn(
        `position file ${positionFile} is damaged: ${known.entries.length} of its entries can be used. Files without one are read from their beginning, and their lines may come twice. The damaged file is kept as ${damagedCopy}.`,
      )
    this.#files = new FileSet(groups, known, {
      system,
      log,
      isCached: cachesListings,
      own: new Set(filesBeside(positionFile)),
      missing: condition('directory'),
    })
    this.#puts = new PutsUnderWay()
    this.#wroteAt = system.clock.monotonic()
    this.#unwrittenBytes = 0
    await this.#look(skipToEnd && damagedCopy === null)
    // Otherwise a kill would skip what comes until then.
    if (skipToEnd) await writePositions(system.disk, positionFile, this.#files.positions())
    log.info(
      `taildir source follows ${countOf(this.#files.size, 'file')} in ${groups.map(group => group.directory).join(', ')}`,
    )
  }

  async stop(): Promise<void> {
    const files = this.#files
    this.#files = null
    if (files === null) return
    if (this.#unwrittenBytes > 0 || files.isChanged) await this.#write(files)
    await files.close()
  }

  async poll(signal: AbortSignal): Promise<void> {
    const { clock } = this.#context.system
    const files = this.#files!
    await this.#look(false)
    const due = files.due(this.#settings.idleMs)
    const hasMore = await this.#pass(files, due, signal)
    await this.#writeWhenDue(files)
    this.#restMs = due.length > 0 ? leastRestMs : Math.min(2 * this.#restMs, idleRestMs)
    if (hasMore || signal.aborted) return
    const restMs = Math.max(this.#restMs, restPerLook * this.#lookTookMs)
    await clock.sleep(Math.min(restMs, this.#settings.mostRestMs), signal)
    await this.#writeWhenDue(files)
  }

  async #look(skipsToEnd: boolean): Promise<void> {
    const { clock } = this.#context.system
    this.#lookedAt = clock.monotonic()
    await this.#files!.look(skipsToEnd)
    this.#lookTookMs = clock.monotonic() - this.#lookedAt
  }

  /** Whether there is more to read at once. */
  async #pass(files: FileSet, due: readonly TailedFile[], signal: AbortSignal): Promise<boolean> {
    const { clock } = this.#context.system
    let hasMore = false
    try {
      for (const file of due) {
        if (signal.aborted || this.#puts.failure !== null) break
        hasMore = (await this.#follow(files, file, signal)) || hasMore
      }
    } finally {
      await this.#settle(files, 0, signal)
    }
    if (this.#puts.failure !== null) {
      const { failure } = this.#puts
      this.#puts.rewind()
      this.#puts = new PutsUnderWay()
      throw failure
    }
    await files.closeIdle(clock.monotonic() - this.#settings.idleMs)
    this.#report(files)
    return hasMore
  }

  /** Reads one file; what keeps it from being read is its own problem. */
  async #follow(files: FileSet, file: TailedFile, signal: AbortSignal): Promise<boolean> {
    try {
      if (!(await files.open(file))) return false
      const hasMore = await this.#read(files, file, signal)
      file.problem = null
      return hasMore
    } catch (error) {
      if (error instanceof Fault) throw error
      if (file.problem === null) this.#context.counters.add('EventReadFail')
      file.problem = messageOf(error)
      return false
    }
  }

  async #read(files: FileSet, file: TailedFile, signal: AbortSignal): Promise<boolean> {
    const { log, system } = this.#context
    const { maxBatchCount, maxLineBytes, idleMs } = this.#settings
    const end = file.size
    const flushes = file.changedAt + idleMs <= system.clock.monotonic()
    if (end < file.next) {
      log.info(`${file.path} was truncated to ${end} bytes: it is read from its beginning`)
      files.restart(file)
    }
    const waits = !flushes && file.searchedTo > file.next && end - file.next <= maxLineBytes + 1
    if (waits && !file.isSuspect && !(await file.findsEnd(end, chunkBytes))) return false
    let most = chunkBytes
    for (let batches = 0; ;) {
      const bytes = await file.read(most, end)
      if (bytes === null) {
        log.info(`${file.path} was written over: it is read from its beginning`)
        await this.#settle(files, 0, signal)
        files.restart(file)
        continue
      }
      if (bytes.length === 0) return false
      // Fewer than were asked for: it was truncated meanwhile, and the next look will tell.
      const reached = file.next + bytes.length
      const isLast = reached >= end || bytes.length < most
      const handed = await this.#handOver(
        files,
        file,
        bytes,
        { flushes: flushes && reached >= end, most: maxBatchCount - batches },
        signal,
      )
      file.advance(bytes, handed.bytes)
      batches += handed.batches
      if (signal.aborted || this.#puts.failure !== null) return false
      if (batches >= maxBatchCount) return file.next < end
      if (handed.bytes === 0 && !isLast) most = Math.min(2 * most, maxLineBytes + 2)
      else if (isLast) {
        file.searchedTo = reached
        return false
      } else most = chunkBytes
    }
  }

  /** Hands over the lines in `bytes`, which begin at `next` of the file; gives how far they go. */
  async #handOver(
    files: FileSet,
    file: TailedFile,
    bytes: Buffer,
    { flushes, most }: { flushes: boolean; most: number },
    signal: AbortSignal,
  ): Promise<{ bytes: number; batches: number }> {
    const { batchSize, maxLineBytes } = this.#settings
    const scanner = new LineScanner(bytes, maxLineBytes)
    let events: Event[] = []
    let batches = 0
    let at = 0
    const flushed = flushes ? { end: bytes.length, next: bytes.length } : null
    while (at < bytes.length && batches < most) {
      const line = scanner.lineAt(at) ?? flushed
      if (line === null) break
      events.push(this.#eventOf(file, file.next + at, bytes.subarray(at, line.end)))
      if (line.next === line.end && line !== flushed) this.#cut(file, file.next + at)
      at = line.next
      if (events.length % linesInRow === 0 && this.#pace.isOver) await this.#pace.turn()
      if (events.length < batchSize) continue
      await this.#put(files, file, events, { end: file.next + at, mark: markBefore(bytes, at) }, signal)
      events = []
      batches++
      if (this.#puts.failure !== null || signal.aborted) break
      if (this.#pace.isOver) await this.#pace.turn()
    }
    if (events.length > 0) {
      await this.#put(files, file, events, { end: file.next + at, mark: markBefore(bytes, at) }, signal)
      batches++
    }
    return { bytes: at, batches }
  }

  #eventOf(file: TailedFile, offset: number, body: Buffer): Event {
    const { offsetHeader, fileHeader } = this.#settings
    const headers = new Map<string, string>()
    if (offsetHeader !== null) headers.set(offsetHeader, String(offset))
    for (const [name, value] of file.group.headers) headers.set(name, value)
    if (fileHeader !== null) headers.set(fileHeader, file.path)
    return Event.of(headers, body)
  }

  #cut(file: TailedFile, offset: number): void {
    this.#context.counters.addOwn('lines_cut')
    this.#sparing.warn(
      `the line at byte ${offset} of ${file.path} is longer than maxLineBytes = ${this.#settings.maxLineBytes} and is handed over in parts. Raise maxLineBytes to keep such lines whole.`,
    )
  }

  async #put(
    files: FileSet,
    file: TailedFile,
    events: Event[],
    { end, mark }: { end: number; mark: Buffer },
    signal: AbortSignal,
  ): Promise<void> {
    const { counters, processor } = this.#context
    await this.#settle(files, PutsUnderWay.most - 1, signal)
    if (this.#puts.failure !== null) return
    counters.add('AppendBatchReceivedCount')
    counters.add('EventReceivedCount', events.length)
    this.#puts.add(file, end, mark, processor.processUntilAccepted(events, signal), () => {
      counters.add('AppendBatchAcceptedCount')
      counters.add('EventAcceptedCount', events.length)
    })
  }

  /** Waits until at most so many puts are under way; looks and writes positions meanwhile. */
  async #settle(files: FileSet, most: number, signal: AbortSignal): Promise<void> {
    const { clock } = this.#context.system
    for (;;) {
      if (this.#puts.failure !== null) await this.#puts.allSettled()
      this.#unwrittenBytes += this.#puts.advance()
      if (this.#puts.failure !== null) return
      if (this.#puts.count === 0 || (this.#puts.count <= most && this.#puts.hasRoom)) break
      const tick = Promise.withResolvers<void>()
      const timer = clock.after(lookMs, tick.resolve)
      await Promise.race([this.#puts.first, tick.promise])
      timer.cancel()
      const pauseMs = Math.max(lookMs, restPerLook * this.#lookTookMs)
      if (!signal.aborted && clock.monotonic() - this.#lookedAt > pauseMs) await this.#look(false)
      await this.#writeWhenDue(files)
    }
    await this.#writeWhenDue(files)
  }

  async #writeWhenDue(files: FileSet): Promise<void> {
    if (this.#unwrittenBytes === 0 && !files.isChanged) return
    const sinceMs = this.#context.system.clock.monotonic() - this.#wroteAt
    if (sinceMs >= this.#settings.writePositionsMs || this.#unwrittenBytes >= mostUnwrittenBytes)
      await this.#write(files)
  }

  async #write(files: FileSet): Promise<void> {
    const { clock, disk } = this.#context.system
    const { positionFile } = this.#settings
    this.#wroteAt = clock.monotonic()
    this.#unwrittenBytes = 0
    files.isChanged = false
    try {
      await writePositions(disk, positionFile, files.positions())
      this.#notWritten.clear(`Position file ${positionFile} can be written again`)
    } catch (error) {
      files.isChanged = true
      if (!this.#notWritten.isRaised) this.#context.counters.add('GenericProcessingFail')
      this.#notWritten.raise(
        `position file ${positionFile} cannot be written: ${messageOf(error)}. The source goes on reading, and lines come again if the agent ends before that succeeds`,
        { remedy: 'Make room on its disk, and let the user of the agent write in its directory.' },
      )
    }
  }

  #report(files: FileSet): void {
    const [first, ...more] = files.unreadable()
    if (first === undefined) return this.#unreadable.clear('All files can be read')
    const others = more.length === 0 ? '' : `, nor can ${countOf(more.length, 'other file')}`
    this.#unreadable.raise(
      `${first.path} cannot be read${others}: ${first.problem}. Millrace retries with each look and reads the other files meanwhile`,
      { remedy: 'Let the user of the agent read it, or correct the expression of its group.' },
    )
  }
}
