// Spillable memory channel: a memory channel, and a file channel (the overflow) for what memory has no room for.
//
// Invariants
// - Everything in memory was put before everything in the overflow: while the overflow holds events, puts go there. So
//   takes serve memory first, also what came back to it.
// - Puts find their place in the order in which they were called: one that waits for room in memory holds back those
//   after it, and all of them go to the overflow together.
import { isDeepStrictEqual } from 'node:util'
import {
  defineChannel,
  type Batch,
  type Channel,
  type CountedContext,
  type FullChannel,
  type PeekedEvent,
  type PutOptions,
  type TakeLimit,
} from '../component.ts'
import { Fault } from '../errors.ts'
import type { Event } from '../event.ts'
import { int, type OptionsOf } from '../fields.ts'
import { fileChannelCounters } from '../observe/counters.ts'
import { countOf } from '../printable.ts'
import { fileChannel, fileOptions, settingsOf } from './file.ts'
import { Checkpoint } from './file/checkpoint.ts'
import { FileChannel } from './file/file-channel.ts'
import { Opening } from './file/opening.ts'
import { allSlots, byteOptions, MemoryChannel, slotsOf } from './memory.ts'
import { PutGate, tooManyEvents, type Room } from './put-gate.ts'
import { TakeLine } from './take-line.ts'

const { capacity: _capacity, 'keep-alive': _keepAlive, ...ofOverflow } = fileOptions

const options = {
  memoryCapacity: int({
    doc: 'Most events in memory; 0: all are kept on disk.',
    unit: 'events',
    default: 10_000,
    min: 0,
    badValueMeansDefault: true,
  }),
  overflowCapacity: int({
    doc: 'Most events on disk beside those that memoryCapacity allows; 0: none.',
    unit: 'events',
    default: 100_000_000,
    min: 0,
    badValueMeansDefault: true,
    differs:
      'Takes no space on the disk in advance (Flume: 8 bytes an event). Room in memory that is not used may be used on disk.',
  }),
  overflowTimeout: int({
    doc: 'How long a put waits for room in memory before it goes to the disk, and for room in the channel.',
    unit: 's',
    default: 3,
    min: 0,
    badValueMeansDefault: true,
    differs: 'A take waits until there is an event.',
  }),
  ...byteOptions,
  byteCapacity: {
    ...byteOptions.byteCapacity,
    doc: 'Most bytes of event bodies in memory, counted in units of avgEventSize, at least one an event. 0 or less: no limit.',
  },
  avgEventSize: int({
    doc: 'Bytes of one unit of byteCapacity.',
    unit: 'bytes',
    default: 500,
    min: 1,
    badValueMeansDefault: true,
  }),
  ...ofOverflow,
}
type Options = OptionsOf<typeof options>

/** A change of any other option needs another channel. */
const ofMemory: readonly (keyof Options)[] = [
  'memoryCapacity',
  'overflowCapacity',
  'overflowTimeout',
  'byteCapacity',
  'byteCapacityBufferPercentage',
]

const noRoom: Room = { events: 0, slots: 0 }

export class SpillableChannel implements Channel {
  #given: Options
  readonly #context: CountedContext
  readonly #memory: MemoryChannel
  readonly #overflow: FileChannel
  /** Of all events. */
  readonly #total: PutGate
  /** In memory; there is none while the overflow is in use. */
  readonly #room: PutGate
  readonly #takers = new TakeLine()
  /** Events of puts that have room in the channel and are in neither part yet. */
  #entering = 0
  /** The overflow holds events, or may, or is to take some. */
  #isSpilling = false
  /** Puts into the overflow that are under way. */
  #spills = 0
  /** Events of the overflow in open batches. */
  #handedOut = 0
  /** There may be events for takers. */
  #isWoken = false
  #isServing = false
  /** Ends the wait for events of the overflow. */
  #stopWaiting: AbortController | null = null
  #closed = true

  constructor(given: Options, context: CountedContext) {
    const { name, system } = context
    this.#given = given
    this.#context = context
    const unlimited = { capacity: Number.MAX_SAFE_INTEGER, byteCapacity: 0, byteCapacityBufferPercentage: 0 }
    const { transactionCapacity } = given
    this.#memory = new MemoryChannel({ ...unlimited, transactionCapacity, 'keep-alive': 0 }, context)
    this.#overflow = new FileChannel(overflowOf(given, context), context)
    this.#total = new PutGate(name, system.clock, { events: this.capacity, slots: Infinity })
    this.#room = new PutGate(name, system.clock, this.#memoryRoom)
  }

  get capacity(): number {
    return this.#given.memoryCapacity + this.#given.overflowCapacity
  }

  get transactionCapacity(): number {
    return Math.min(this.#given.transactionCapacity, this.capacity)
  }

  get size(): number {
    return this.#memory.size + this.#overflow.size
  }

  get volatileSize(): number {
    return this.#memory.size
  }

  get diskBytes(): number | null {
    return this.#overflow.diskBytes
  }

  get oldestEventAgeMs(): number | null {
    return this.#memory.oldestEventAgeMs ?? this.#overflow.oldestEventAgeMs
  }

  get full(): FullChannel | null {
    return this.#total.full
  }

  get #memoryRoom(): Room {
    return { events: this.#given.memoryCapacity, slots: allSlots(this.#given, this.#given.avgEventSize) }
  }

  async start(): Promise<void> {
    const { checkpointDirectory, checkpointOnClose } = overflowOf(this.#given, this.#context)
    const before = await new Checkpoint(this.#context.system.disk, checkpointDirectory).read()
    await this.#overflow.start()
    await this.#memory.start()
    if (before !== null && before.isStopped !== true && checkpointOnClose)
      this.#context.log.warn(
        `channel ${this.#context.name} was not stopped before: the events that it held in memory then, at most ${this.#given.memoryCapacity}, are lost. Those of the overflow are there (${countOf(this.#overflow.size, 'event')})`,
      )
    this.#closed = false
    // On a full disk nobody knows yet what the overflow holds.
    if (this.#overflow.size > 0 || !this.#isOverflowOpen) this.#spillWaiting()
    this.#context.counters.set('ChannelCapacity', this.capacity)
    this.#settle()
  }

  async stop(): Promise<void> {
    this.#closed = true
    for (const gate of [this.#total, this.#room]) gate.refuseAll(() => this.#closedFault())
    this.#takers.failAll(() => this.#closedFault())
    await this.#overflow.stop()
    await this.#memory.stop()
  }

  reconfigure(given: Options): boolean {
    const other = ({ ...options }: Record<string, unknown>) => {
      for (const key of ofMemory) delete options[key]
      return options
    }
    if (!isDeepStrictEqual(other(given), other(this.#given))) return false
    this.#given = given
    // The room first: puts that the resized channel lets in go there.
    if (!this.#isSpilling) this.#room.resize(this.#memoryRoom)
    this.#total.resize({ events: this.capacity, slots: Infinity })
    this.#context.counters.set('ChannelCapacity', this.capacity)
    return true
  }

  put(
    events: readonly Event[],
    { patienceMs = this.#given.overflowTimeout * 1000, signal }: PutOptions = {},
  ): Promise<void> {
    if (this.#closed) return Promise.reject(this.#closedFault())
    if (events.length === 0) return Promise.resolve()
    const { name, counters, system } = this.#context
    const tooMany = tooManyEvents(name, events.length, this.transactionCapacity)
    if (tooMany !== null) return Promise.reject(tooMany)
    const end = system.clock.monotonic() + patienceMs
    return new Promise((resolve, reject) => {
      const enter = (): void => {
        this.#entering += events.length
        const leftMs = Math.max(0, end - system.clock.monotonic())
        this.#place(events, { patienceMs: leftMs, ...(signal && { signal }) }, resolve, fault => {
          this.#entering -= events.length
          reject(fault)
          this.#settle()
        })
      }
      const refuse = (fault: Fault): void => {
        counters.add('EventPutAttemptCount', events.length)
        reject(fault)
      }
      const room = { events: events.length, slots: 0 }
      this.#total.ask(room, { patienceMs, ...(signal && { signal }) }, enter, refuse)
    })
  }

  /** Into memory where there is room in time, else into the overflow. */
  #place(
    events: readonly Event[],
    { patienceMs = 0, signal }: PutOptions,
    resolve: () => void,
    reject: (fault: Fault) => void,
  ): void {
    const { memoryCapacity, overflowCapacity, overflowTimeout, avgEventSize } = this.#given
    const need = { events: events.length, slots: slotsOf(events, avgEventSize) }
    // What is left of the overflow is with sinks: memory can be used again soon.
    const isDrained = this.#spills === 0 && this.#handedOut === this.#overflow.size && this.#isOverflowOpen
    const isHopeless =
      need.events > memoryCapacity || need.slots > this.#memoryRoom.slots || (this.#isSpilling && !isDrained)
    const waitMs = isHopeless ? 0 : Math.min(overflowTimeout * 1000, patienceMs)
    let hasWaited = false
    const remember = (): void => {
      // It takes effect at once.
      this.#memory.put(events).then(resolve, reject)
      this.#entering -= events.length
      this.#settle()
      this.#wake()
    }
    const spill = (): void => {
      this.#spills++
      this.#overflow
        .put(events)
        .finally(() => this.#spills--)
        .then(() => {
          this.#entering -= events.length
          this.#settle()
          resolve()
        }, reject)
    }
    const refuse = (fault: Fault): void => {
      if (fault.code !== 'CHANNEL_FULL' || overflowCapacity === 0) return reject(fault)
      // Those that wait were called before this one, but where it has waited at their head.
      if (hasWaited) spill()
      this.#spillWaiting()
      if (!hasWaited) spill()
    }
    this.#room.ask(need, { patienceMs: waitMs, ...(signal && { signal }) }, remember, refuse)
    hasWaited = true
  }

  /** Puts go to the overflow from now on: those that wait for room in memory, and those that come. */
  #spillWaiting(): void {
    if (!this.#isSpilling) this.#room.resize(noRoom)
    this.#isSpilling = true
    this.#room.refuseAll(() => new Fault('CHANNEL_FULL', 'there is no room in memory'))
    this.#wake()
  }

  get #isOverflowOpen(): boolean {
    return this.#overflow.diskBytes !== null
  }

  /** Brings the room and the counters up to what the parts hold. */
  #settle(): void {
    if (this.#isSpilling && this.#spills === 0 && this.#overflow.size === 0 && this.#isOverflowOpen) {
      this.#isSpilling = false
      this.#room.resize(this.#memoryRoom)
    }
    const used = this.size + this.#entering
    if (used !== this.#total.usedEvents)
      this.#total.release({ events: this.#total.usedEvents - used, slots: 0 })
    this.#context.counters.set('ChannelSize', this.size)
  }

  async take(limit: TakeLimit, signal: AbortSignal): Promise<Batch | null> {
    if (this.#closed) throw this.#closedFault()
    const taken = this.#takers.wait(limit, signal)
    this.#wake()
    return await taken
  }

  async peek(limit: TakeLimit): Promise<readonly PeekedEvent[]> {
    const first = await this.#memory.peek(limit)
    const bytes = (limit.bytes ?? Infinity) - first.reduce((sum, { event }) => sum + event.size, 0)
    const events = limit.events - first.length
    if (events <= 0 || bytes <= 0) return first
    const others = await this.#overflow.peek({ events, bytes })
    return first.length > 0 && others.length > 0 && others[0]!.event.size > bytes
      ? first
      : [...first, ...others]
  }

  /** Serves the takers, one after the other. */
  #wake(): void {
    this.#isWoken = true
    this.#stopWaiting?.abort()
    if (!this.#isServing) void this.#serve()
  }

  async #serve(): Promise<void> {
    this.#isServing = true
    try {
      while (this.#isWoken) {
        this.#isWoken = false
        for (let limit = this.#takers.first; limit !== undefined; limit = this.#takers.first) {
          const batch = await this.#next(limit)
          if (batch === null) break
          let given: Batch | null = this.#takers.first === limit ? batch : null
          if (given === null) await batch.rollback()
          this.#takers.serve(() => {
            const one = given
            given = null
            return one
          })
        }
      }
    } catch (error) {
      if (!(error instanceof Fault)) throw error
      this.#takers.failAll(() => error)
    } finally {
      this.#isServing = false
    }
  }

  async #next(limit: TakeLimit): Promise<Batch | null> {
    if (this.#memory.size > 0) {
      const now = new AbortController()
      const taking = this.#memory.take(limit, now.signal)
      now.abort()
      const batch = await taking
      if (batch !== null) return this.#opened(batch, this.#memory)
    }
    if (!this.#isSpilling || this.#isWoken) return null
    this.#stopWaiting = new AbortController()
    try {
      const batch = await this.#overflow.take(limit, this.#stopWaiting.signal)
      return batch === null ? null : this.#opened(batch, this.#overflow)
    } finally {
      this.#stopWaiting = null
    }
  }

  #opened(batch: Batch, part: MemoryChannel | FileChannel): Batch {
    const { events } = batch
    if (part === this.#overflow) this.#handedOut += events.length
    let isOpen = true
    const end = async (left: readonly Event[], how: () => Promise<void>): Promise<void> => {
      const isFirst = isOpen
      isOpen = false
      const ending = how()
      if (left.length > 0) this.#wake()
      try {
        await ending
      } catch (error) {
        // Anything else ended nothing.
        isOpen = isFirst && !(error instanceof Fault)
        if (isFirst && !isOpen) this.#ended(part, events, events)
        throw error
      }
      if (isFirst) this.#ended(part, events, left)
    }
    return {
      events,
      commit: () => end([], () => batch.commit()),
      rollback: () => end(events, () => batch.rollback()),
      commitExcept: left => end(left, () => batch.commitExcept(left)),
    }
  }

  #ended(part: MemoryChannel | FileChannel, events: readonly Event[], left: readonly Event[]): void {
    const { avgEventSize } = this.#given
    if (part === this.#overflow) {
      this.#handedOut -= events.length
      if (left.length > 0) this.#spillWaiting()
    } else
      this.#room.release({
        events: events.length - left.length,
        slots: slotsOf(events, avgEventSize) - slotsOf(left, avgEventSize),
      })
    this.#settle()
    if (left.length > 0) this.#wake()
  }

  #closedFault(): Fault {
    return new Fault('CHANNEL_CLOSED', `channel ${this.#context.name} is closed`)
  }
}

export const spillableChannel = defineChannel({
  type: 'spillablememory',
  aliases: ['org.apache.flume.channel.SpillableMemoryChannel'],
  summary: 'Keeps events in memory, and on disk those that memory has no room for.',
  description: `The disk part, the overflow, is a file channel with its options and its guarantees. **A kill loses the events in memory**, at most
\`memoryCapacity\`; those in the overflow survive. A start after a kill warns of it. On a graceful stop the sinks get up to 2 s to empty the memory; a
warning counts what is left of it and lost.

Events leave in the order of their puts. A put that finds no room in memory waits for \`overflowTimeout\` and then goes to the overflow. Puts go there at once until
the overflow is empty, so that memory never holds events behind it. Once sinks hold all that is left of the overflow, puts wait for
them, at most for \`overflowTimeout\`, and then go to memory again.

A reload may change the options of the memory part and \`overflowCapacity\`, and keeps the events. A change of another option makes another channel:
what is in memory then is lost as at a stop.

The overflow of a stopped or killed Flume is taken over as that of a file channel is.`,
  options,
  withoutEffect: {
    ...fileChannel.withoutEffect,
    capacity: 'memoryCapacity and overflowCapacity bound the channel, as in Flume',
    'keep-alive': 'a put waits for overflowTimeout, as in Flume',
    overflowDeactivationThreshold: 'puts go to memory again when the overflow is empty',
  },
  counters: fileChannelCounters,
  transactionCapacity: ({ transactionCapacity, memoryCapacity, overflowCapacity }) =>
    Math.min(transactionCapacity, memoryCapacity + overflowCapacity),
  keepsInMemory: ({ memoryCapacity }) => memoryCapacity > 0,
  check(given, say, surroundings) {
    if (given.memoryCapacity + given.overflowCapacity === 0)
      say.error('memoryCapacity', 'is 0, and so is overflowCapacity: no event fits', 'raise one of them')
    fileChannel.check?.({ ...given, capacity: Infinity }, say, surroundings)
  },
  claims: (given, surroundings) => fileChannel.claims!(given, surroundings),
  examine: (given, say, outside) => fileChannel.examine!(given, say, outside),
  create: (given, context) => new SpillableChannel(given, context),
  rehearse: (given, context) => new Opening(overflowOf(given, context), context).rehearse(),
})

/** The channel itself bounds its events; the overflow never has to wait for room. */
const overflowOf = (given: Options, context: CountedContext) =>
  settingsOf({ ...given, capacity: Number.MAX_SAFE_INTEGER, 'keep-alive': 0 }, context)
