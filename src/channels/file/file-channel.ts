// FileChannel: puts and takes over the log. A put resolves, and its events can be taken, when a sync has
// covered them; a commit resolves when a sync has covered the note that they are gone.
//
// Invariants
// - Events are numbered in the order of their puts; gone numbers only grow.
// - What a batch holds is neither gone nor in the backlog; a rollback returns it at its place.
// - A segment is removed when all its events are gone and all segments before it are removed: the notes
//   of takes in it speak only of events in it and in those before.
import type { Batch, Channel, CountedContext, PeekedEvent, PutOptions, TakeLimit } from '../../component.ts'
import { Fault, isDiskFull, messageOf } from '../../errors.ts'
import { countOf } from '../../printable.ts'
import type { Event } from '../../event.ts'
import { type Condition, looseConditions } from '../../observe/conditions.ts'
import { Counters, fileChannelCounters } from '../../observe/counters.ts'
import { silentLogger } from '../../observe/log.ts'
import { Backlog } from './backlog.ts'
import type { Damage } from './entry-reader.ts'
import { Checkpointer, type Checkpoint, type Stand } from './checkpoint.ts'
import { planMarks } from './directory-mark.ts'
import { encodePut, entryHeaderBytes, putEntryBytes } from './entry.ts'
import { FreeSpace } from './free-space.ts'
import type { Takeover } from './flume/takeover.ts'
import type { Inventory } from './inventory.ts'
import { Log, type LoggedPut } from './log.ts'
import { startLog } from './log-start.ts'
import type { GoneNumbers, NumberRange } from './number-ranges.ts'
import type { FileChannelSettings } from './file-channel-settings.ts'
import { Opening } from './opening.ts'
import { ArrivalTimes } from '../arrival-times.ts'
import { HandedOut } from '../handed-out.ts'
import { PutGate, tooManyEvents } from '../put-gate.ts'
import type { Run } from '../returned-events.ts'
import type { Segment } from './segment.ts'
import type { Encryption } from './segment-cipher.ts'
import { SegmentWatch } from './segment-watch.ts'
import type { SegmentStore } from './segment-store.ts'
import { TakeLine } from '../take-line.ts'

/** Most encoded bytes of one put: more could not be read back in one piece. */
const mostPutBytes = 1024 * 1024 * 1024

interface Open {
  readonly store: SegmentStore
  readonly log: Log
  readonly backlog: Backlog
  readonly gone: GoneNumbers
  readonly segments: Segment[]
  readonly checkpointer: Checkpointer
  readonly watch: SegmentWatch
  /**
   * Writes marks and checkpoint, once: nothing is put before, or a start would not notice what is missing. False where it
   * must be retried. Rejects with whatever the disk says.
   */
  readonly establish: (stand: Stand | null) => Promise<boolean>
}

export class FileChannel implements Channel {
  readonly capacity: number
  readonly transactionCapacity: number
  /** What the start could not write on a full disk: it is retried. */
  lacking: Fault | null = null
  readonly #settings: FileChannelSettings
  readonly #context: CountedContext
  readonly #gate: PutGate
  readonly #takers = new TakeLine()
  readonly #handedOut = new HandedOut()
  /** Of events put since the channel was opened. */
  readonly #arrivals: ArrivalTimes
  #size = 0
  #open: Open | null = null
  /** Null while the channel is stopped. It is there and `#open` is not while a full disk keeps the log from opening. */
  #space: FreeSpace | null = null
  #stopping = false
  /** Nothing can be written any more. */
  readonly #failed: Condition
  /** Reading the log back failed; the next take retries. */
  readonly #unreadable: Condition
  readonly #opening: Opening

  constructor(settings: FileChannelSettings, context: CountedContext, isForTakeover = false) {
    this.#opening = new Opening(settings, context, isForTakeover)
    this.#settings = settings
    this.#context = context
    this.#failed = context.condition('failed')
    this.#unreadable = context.condition('unreadable')
    this.#arrivals = new ArrivalTimes(context.system.clock)
    this.capacity = settings.capacity
    this.transactionCapacity = settings.transactionCapacity
    this.#gate = new PutGate(context.name, context.system.clock, {
      events: settings.capacity,
      slots: Infinity,
    })
  }

  get size(): number {
    return this.#size
  }

  get diskBytes(): number | null {
    return this.#open === null ? null : this.#open.store.bytesWith(this.#open.segments)
  }

  get oldestEventAgeMs(): number | null {
    return this.#open === null || this.#size === 0 ? null : this.#arrivals.ageOf(this.#open.gone.low)
  }

  /** On a full disk it refuses puts until there is room; where there is nothing to note takes in, they wait as well. */
  async start(): Promise<void> {
    this.#stopping = false
    const space = new FreeSpace(this.#context, this.#settings.floorBytes, {
      freeBytes: () => this.#opening.freeBytes(),
      makeUp: () => this.#makeUp(),
    })
    const lacking = (this.lacking = await this.#tryToOpen())
    this.#space = space
    if (lacking === null) await space.refresh()
    else space.tell(lacking)
  }

  /** Writes what could not be written for want of room. */
  async #makeUp(): Promise<Fault | null> {
    const open = this.#open
    try {
      if (open === null) return await this.#tryToOpen()
      if (open.log.failed !== null) return null
      if (!(await open.establish(open.log.stand))) return this.#space!.problem
      await open.store.makeRoom(open.log.segment.id + 1)
    } catch (error) {
      if (open === null || isDiskFull(error)) return this.#opening.faultOf(error)
    }
    // Whatever else was wrong, writing will tell.
    return null
  }

  /** Gives what there is no room for: the log, which is retried then, or what stands beside it. */
  async #tryToOpen(): Promise<Fault | null> {
    const { counters, system, log, name } = this.#context
    const begun = system.clock.monotonic()
    const opening = this.#opening
    let store = opening.makeStore()
    let lacking: Fault | null = null
    try {
      await store.open()
      const encryption = await opening.makeEncryption()
      const takeover = await opening.lookForFlume(await store.list())
      if (takeover !== null) {
        await store.close()
        await this.#takeOver(takeover)
        store = opening.makeStore()
        await store.open()
      }
      const checkpoint = opening.makeCheckpoint()
      const inventory = await opening.takeInventory(store, checkpoint)
      const { found } = inventory
      const plain = found.segments.find(one => one.encryption === null && one.first < found.nextNumber)
      if (encryption !== null && plain !== undefined && found.gone.low < found.nextNumber)
        log.warn(
          `channel ${name} is to be encrypted, and ${plain.path} is not: the events in it can be read there until they are delivered`,
        )
      ;({ open: this.#open, lacking } = await this.#begin(store, inventory, checkpoint, encryption))
      for (const segment of found.segments) if (segment.damaged) store.quarantine(segment)
      for (const segment of found.emptied) store.retire(segment)
    } catch (error) {
      await store.abandon()
      if (isDiskFull(error)) return opening.faultOf(error)
      throw opening.faultOf(error)
    }
    counters.set('Open', true)
    counters.set('Closed', 0)
    counters.set('Unhealthy', 0)
    counters.set('ChannelCapacity', this.capacity)
    counters.set('ChannelSize', this.#size)
    log.info(
      `channel ${name} opened with ${countOf(this.#size, 'event')} after ${Math.round(system.clock.monotonic() - begun)} ms`,
    )
    this.#serve()
    return lacking
  }

  /** By a channel of its own, so that nothing of it is counted as a put of a source or kept in memory. */
  async #takeOver(takeover: Takeover): Promise<void> {
    const { log, counters } = this.#context
    const channel = new FileChannel(
      { ...this.#settings, syncEachGroup: true },
      {
        ...this.#context,
        counters: new Counters(counters.kind, counters.name, fileChannelCounters),
        log: { ...silentLogger, warn: line => log.warn(line), error: line => log.error(line) },
        condition: looseConditions(this.#context.system.clock, silentLogger),
      },
      true,
    )
    await channel.start()
    try {
      await takeover.run(events => channel.put(events, { patienceMs: 0 }))
    } finally {
      await channel.stop()
    }
  }

  /** Makes the new segment, with the rewritten tail in it, and all that works on it. */
  async #begin(
    store: SegmentStore,
    { found, directories, givenUp }: Inventory,
    checkpoint: Checkpoint,
    encryption: Encryption | null,
  ): Promise<{ open: Open; lacking: Fault | null }> {
    const { system, log, name } = this.#context
    const { segmentBytes } = this.#settings
    const { gone, nextNumber } = found
    const started = await startLog(system, store, found, { segmentBytes, encryption })
    const segments = [...found.segments.filter(one => one !== started.segment), started.segment]
    const abandon = async (error: unknown): Promise<never> => {
      await checkpoint.close()
      await started.file.close().catch(() => {})
      throw error
    }
    const { channelId } = started.segment
    const marks = planMarks(system, channelId, directories, givenUp)
    const checkpointer = new Checkpointer({
      checkpoint,
      clock: system.clock,
      intervalMs: this.#settings.checkpointIntervalMs,
      gone,
      segments,
      directories: marks.directories,
      givenUp,
      log: this.#context.log,
      stand: () => (writer.failed === null ? writer.stand : null),
      condition: this.#context.condition('checkpoint', { level: 'warn', isRed: false }),
      onFailed: () => this.#context.counters.add('CheckpointWriteErrorCount'),
    })
    let isEstablished = false
    const establish = async (stand: Stand | null): Promise<boolean> => {
      if (isEstablished || stand === null) return isEstablished
      await marks.write()
      await checkpointer.start(stand)
      return (isEstablished = true)
    }
    const lacking = await establish(started).then(
      () => null,
      (error: unknown) => (isDiskFull(error) ? this.#opening.faultOf(error) : abandon(error)),
    )
    this.#size = found.nextNumber - gone.low - gone.countAbove
    this.#gate.occupy({ events: this.#size, slots: 0 })
    const logParts = {
      system,
      log,
      channel: name,
      store,
      segmentBytes,
      encryption,
      syncEachGroup: this.#settings.syncEachGroup,
      syncIntervalMs: this.#settings.syncIntervalMs,
      onLogged: (puts: readonly LoggedPut[], takes: readonly NumberRange[]) => this.#logged(puts, takes),
      onSegment: (segment: Segment) => {
        segments.push(segment)
        void checkpointer.write()
      },
      goneNow: () => ({ low: gone.low, ranges: gone.ranges }),
      onFailed: ({ message, remedy }: Fault) => this.#fail(this.#failed, message, remedy),
    }
    const writer = new Log(logParts, started)
    const backlog = new Backlog(
      {
        disk: system.disk,
        gone,
        segments,
        visibleEnd: () => writer.visibleEnd,
        onLoaded: () => {
          if (this.#unreadable.isRaised) this.#readable(writer)
          this.#serve()
        },
        onDamage: (segment, { from, to }) => {
          log.error(`segment ${segment.path} is damaged at bytes ${from} to ${to}`)
          store.quarantine(segment)
        },
        onLost: (range, segment, damage) => this.#lose(range, segment, damage),
        onFailed: error => {
          this.#fail(this.#unreadable, `channel ${name}: reading the log back failed: ${messageOf(error)}`)
        },
      },
      nextNumber,
    )
    const watch = new SegmentWatch({
      disk: system.disk,
      clock: system.clock,
      segments,
      directories: directories.map(({ path }) => path),
      isMarked: () => isEstablished,
      isReplaced: directory => store.isReplaced(directory),
      onAway: problem => writer.fail(problem),
      checkpoint,
      onCheckpointAway: () => void checkpointer.write({ always: true }),
    })
    const open = { store, log: writer, backlog, gone, segments, checkpointer, watch, establish }
    return { open, lacking }
  }

  async stop(): Promise<void> {
    this.#stopping = true
    this.#gate.refuseAll(() => this.#closedFault())
    this.#takers.failAll(() => this.#closedFault())
    // It may be opening at this moment.
    await this.#space?.close()
    this.#space = null
    const open = this.#open
    if (open === null) return
    open.watch.close()
    await open.log.close()
    await open.backlog.close()
    if (this.#settings.checkpointOnClose && open.log.failed === null)
      await open.checkpointer.write({ isStopped: true })
    await open.checkpointer.close()
    this.#open = null
    await open.store.close()
    this.#context.counters.set('Open', false)
    this.#context.counters.set('Closed', 1)
  }

  put(events: readonly Event[], { patienceMs, signal }: PutOptions = {}): Promise<void> {
    const open = this.#open
    const space = this.#space
    const { counters, name } = this.#context
    if (space === null || this.#stopping) return Promise.reject(this.#closedFault())
    if (events.length === 0) return Promise.resolve()
    counters.add('EventPutAttemptCount', events.length)
    const tooMany = tooManyEvents(name, events.length, Math.min(this.transactionCapacity, this.capacity))
    if (tooMany !== null) return Promise.reject(tooMany)
    const failure = open?.log.failed ?? space.problem
    if (failure !== null || open === null) {
      counters.add('EventPutErrorCount')
      return Promise.reject(failure ?? this.#closedFault())
    }
    const bytes = putEntryBytes(events)
    if (bytes > mostPutBytes)
      return Promise.reject(
        new Fault(
          'TRANSACTION_TOO_LARGE',
          `one put of ${bytes} bytes; channel ${name} takes ${mostPutBytes} at once`,
          { remedy: 'Lower the batch size of the source or sender, or the size of its events.' },
        ),
      )
    return new Promise((resolve, reject) => {
      const room = { events: events.length, slots: 0 }
      const enter = (): void =>
        open.log.put({
          entry: encodePut(events, bytes),
          count: events.length,
          resolve,
          reject: fault => {
            counters.add('EventPutErrorCount')
            if (fault.code === 'DISK_FULL') space.tell(fault)
            reject(fault)
            // What waits for room came later: it must not be kept before what was refused comes again.
            this.#gate.refuseAll(() => fault)
            this.#gate.release(room)
          },
        })
      const patience = patienceMs ?? this.#settings.keepAliveMs
      this.#gate.ask(room, { patienceMs: patience, ...(signal && { signal }) }, enter, reject)
    })
  }

  async take(limit: TakeLimit, signal: AbortSignal): Promise<Batch | null> {
    const open = this.#open
    if (this.#space === null || this.#stopping) throw this.#closedFault()
    const failure = open?.log.failed ?? null
    if (failure !== null) throw failure
    if (open !== null && !signal.aborted && this.#takers.length === 0) {
      const batch = this.#next(open, limit)
      if (batch !== null) return batch
    }
    const waited = await this.#takers.wait(limit, signal)
    if (waited === null) this.#context.counters.add('EventTakeAttemptCount')
    return waited
  }

  async peek(limit: TakeLimit): Promise<readonly PeekedEvent[]> {
    await this.#open?.backlog.ready()
    return this.#handedOut.peek(limit, this.#open?.backlog.peek(limit) ?? [])
  }

  #serve(): void {
    const open = this.#open
    if (open === null || this.#stopping) return
    this.#takers.serve(limit => this.#next(open, limit))
    this.#retire()
  }

  #next(open: Open, limit: TakeLimit): Batch | null {
    const most = { ...limit, events: Math.min(limit.events, this.transactionCapacity) }
    const runs = this.#handedOut.again(most) ?? open.backlog.take(most)
    if (runs === null) return null
    const batch = this.#handedOut.open(runs, {
      remove: run => this.#remove(open, run),
      onReturned: () => this.#serve(),
    })
    this.#context.counters.add('EventTakeAttemptCount', batch.events.length)
    return batch
  }

  #remove(open: Open, { first, events }: Run): Promise<void> {
    return new Promise((resolve, reject) =>
      open.log.take({ first, end: first + events.length }, resolve, fault => {
        this.#context.counters.add('EventTakeErrorCount')
        reject(fault)
      }),
    )
  }

  /** A group is durable. */
  #logged(puts: readonly LoggedPut[], takes: readonly NumberRange[]): void {
    const { backlog, gone } = this.#open!
    const { counters } = this.#context
    let putEvents = 0
    for (const logged of puts) {
      putEvents += logged.put.count
      this.#arrivals.arrived(logged.first, gone.low)
      backlog.add(logged, logged.put.entry.subarray(entryHeaderBytes))
    }
    let takenEvents = 0
    for (const range of takes) {
      gone.add(range)
      takenEvents += range.end - range.first
    }
    this.#size += putEvents - takenEvents
    if (putEvents > 0) counters.add('EventPutSuccessCount', putEvents)
    if (takenEvents > 0) counters.add('EventTakeSuccessCount', takenEvents)
    counters.set('ChannelSize', this.#size)
    if (putEvents > 0) this.#space?.look()
    // Also after a sync alone.
    this.#retire()
    if (takenEvents > 0) this.#gate.release({ events: takenEvents, slots: 0 })
    if (putEvents > 0) this.#serve()
  }

  /**
   * Removes segments from the front as long as all their events are gone, durably: with a note of them that a power
   * cut may take back, a segment that stays could stand before one that went.
   */
  #retire(): void {
    const open = this.#open
    if (open === null || open.log.stand === null) return
    const { segments, gone, store, backlog } = open
    while (segments.length > 1 && segments[1]!.first <= gone.low && backlog.reading !== segments[0]) {
      backlog.leave(segments[0]!, segments[1]!)
      store.retire(segments.shift()!)
    }
  }

  #lose(range: NumberRange | null, { path }: Segment, { from, to }: Damage): void {
    const { gone, log } = this.#open!
    const end = range?.end ?? 0
    let lost = 0
    for (let at = gone.nextInside(range?.first ?? 0); at < end;) {
      const until = Math.min(end, gone.nextGone(at))
      lost += until - at
      log.take(
        { first: at, end: until },
        () => {},
        () => {},
      )
      at = gone.nextInside(until)
    }
    if (range === null || lost === 0)
      return this.#context.log.warn(
        `no event that is inside stood in bytes ${from} to ${to} of ${path}; where notes of taken events did, those events come again`,
      )
    this.#context.counters.addOwn('events_lost_to_damage', lost)
    this.#context.counters.add('EventTakeErrorCount')
    this.#context.log.error(
      `${lost} events (numbers ${range.first} to ${range.end - 1}) are lost: they stood in the damaged part of ${path}, bytes ${from} to ${to}; a copy of the file is kept`,
    )
  }

  #fail(condition: Condition, problem: string, remedy = 'The next take retries it.'): void {
    this.#context.counters.set('Unhealthy', 1)
    condition.raise(problem, { remedy })
    const fault = () => this.#open?.log.failed ?? new Fault('CHANNEL_FAILED', problem)
    this.#gate.refuseAll(fault)
    this.#takers.failAll(fault)
  }

  /** What could not be read a moment ago was read. */
  #readable(log: Log): void {
    this.#unreadable.clear(`channel ${this.#context.name} reads its log again`)
    if (log.failed === null) this.#context.counters.set('Unhealthy', 0)
  }

  #closedFault(): Fault {
    return new Fault('CHANNEL_CLOSED', `channel ${this.#context.name} is closed`)
  }
}
