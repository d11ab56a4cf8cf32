// Memory channel: events in a ring, first in, first out; gone when the process ends.
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
import { countOf } from '../printable.ts'
import type { Event } from '../event.ts'
import { int, type OptionsOf } from '../fields.ts'
import { channelCounters } from '../observe/counters.ts'
import { ArrivalTimes } from './arrival-times.ts'
import { GoneNumbers } from './file/number-ranges.ts'
import { HandedOut } from './handed-out.ts'
import { PutGate, tooManyEvents, type Room } from './put-gate.ts'
import type { Run } from './returned-events.ts'
import { TakeLine } from './take-line.ts'

/** Of channels that keep events in memory. */
export const byteOptions = {
  byteCapacity: int({
    doc: 'Most bytes of event bodies, counted in units of 100 bytes, at least one an event. 0 or less: no limit.',
    unit: 'bytes',
    default: 268_435_456,
    badValueMeansDefault: true,
    differs: 'Flume takes 80 % of the Java heap; there is none here, so the default is 256 MiB.',
  }),
  byteCapacityBufferPercentage: int({
    doc: 'Part of byteCapacity kept free for headers.',
    unit: 'percent',
    default: 20,
    min: 0,
    max: 99,
    badValueMeansDefault: true,
  }),
}

const options = {
  capacity: int({
    doc: 'Most events in the channel, those of open transactions included.',
    unit: 'events',
    default: 100,
    min: 1,
    badValueMeansDefault: true,
  }),
  transactionCapacity: int({
    doc: 'Most events of one put or take.',
    unit: 'events',
    default: 100,
    min: 1,
    badValueMeansDefault: true,
  }),
  'keep-alive': int({
    doc: 'How long a put waits for room.',
    unit: 's',
    default: 3,
    min: 0,
    badValueMeansDefault: true,
    differs: 'A take always waits until there is an event: nothing polls.',
  }),
  ...byteOptions,
}
type Options = OptionsOf<typeof options>

/** Bytes of one unit of byteCapacity, as in Flume. */
const slotBytes = 100

/** How many units of `unitBytes` the bodies take, at least one an event. */
export function slotsOf(events: readonly Event[], unitBytes = slotBytes): number {
  let slots = 0
  for (const event of events) slots += Math.max(1, Math.ceil(event.body.length / unitBytes))
  return slots
}

/** Of byteCapacity, without the part that is kept free for headers: how many units there are. */
export function allSlots(
  given: Pick<Options, 'byteCapacity' | 'byteCapacityBufferPercentage'>,
  unitBytes = slotBytes,
): number {
  const bytes = given.byteCapacity * (1 - given.byteCapacityBufferPercentage / 100)
  return bytes <= 0 ? Infinity : Math.max(1, Math.floor(bytes / unitBytes))
}

const totalOf = (given: Options): Room => ({ events: given.capacity, slots: allSlots(given) })

export class MemoryChannel implements Channel {
  #options: Options
  readonly #context: CountedContext
  readonly #gate: PutGate
  readonly #takers = new TakeLine()
  readonly #handedOut = new HandedOut()
  /** Events nobody has taken yet: numbers #head up to #tail, at their number modulo the ring's size. */
  #ring: (Event | undefined)[] = Array.from({ length: 64 })
  #head = 0
  #tail = 0
  #size = 0
  readonly #gone = new GoneNumbers()
  readonly #arrivals: ArrivalTimes
  #closed = true

  constructor(given: Options, context: CountedContext) {
    this.#options = given
    this.#context = context
    this.#gate = new PutGate(context.name, context.system.clock, totalOf(given))
    this.#arrivals = new ArrivalTimes(context.system.clock)
  }

  get capacity(): number {
    return this.#options.capacity
  }

  get transactionCapacity(): number {
    return this.#options.transactionCapacity
  }

  get size(): number {
    return this.#size
  }

  get volatileSize(): number {
    return this.#size
  }

  get oldestEventAgeMs(): number | null {
    return this.#size === 0 ? null : this.#arrivals.ageOf(this.#gone.low)
  }

  async start(): Promise<void> {
    this.#closed = false
    this.#context.counters.set('ChannelCapacity', this.capacity)
  }

  async stop(): Promise<void> {
    this.#closed = true
    this.#gate.refuseAll(() => this.#closedFault())
    this.#takers.failAll(() => this.#closedFault())
  }

  reconfigure(given: Options): boolean {
    this.#options = given
    this.#gate.resize(totalOf(given))
    this.#context.counters.set('ChannelCapacity', given.capacity)
    return true
  }

  get full(): FullChannel | null {
    return this.#gate.full
  }

  put(events: readonly Event[], { patienceMs, signal }: PutOptions = {}): Promise<void> {
    if (this.#closed) return Promise.reject(this.#closedFault())
    if (events.length === 0) return Promise.resolve()
    const need = { events: events.length, slots: slotsOf(events) }
    const total = totalOf(this.#options)
    const { counters } = this.#context
    counters.add('EventPutAttemptCount', events.length)
    const most = Math.min(this.transactionCapacity, total.events)
    const tooMany = tooManyEvents(this.#context.name, need.events, most)
    if (tooMany !== null) return Promise.reject(tooMany)
    if (need.slots > total.slots)
      return Promise.reject(
        new Fault(
          'TRANSACTION_TOO_LARGE',
          `${countOf(need.events, 'event')} in one put of ${need.slots * slotBytes} bytes, but channel ${this.#context.name} holds ${total.slots * slotBytes} in all (byteCapacity)`,
          {
            remedy: `Raise byteCapacity of the channel${need.events > 1 ? ', or lower the batch size of the source or sender' : ''}.`,
          },
        ),
      )
    return new Promise((resolve, reject) => {
      const enter = (): void => {
        this.#append(events)
        counters.add('EventPutSuccessCount', events.length)
        resolve()
        this.#takers.serve(limit => this.#next(limit))
      }
      this.#gate.ask(
        need,
        { patienceMs: patienceMs ?? this.#options['keep-alive'] * 1000, ...(signal && { signal }) },
        enter,
        reject,
      )
    })
  }

  async take(limit: TakeLimit, signal: AbortSignal): Promise<Batch | null> {
    if (this.#closed) throw this.#closedFault()
    const batch = signal.aborted || this.#takers.length > 0 ? null : this.#next(limit)
    if (batch !== null) return batch
    const waited = await this.#takers.wait(limit, signal)
    if (waited === null) this.#context.counters.add('EventTakeAttemptCount')
    return waited
  }

  async peek(limit: TakeLimit): Promise<readonly PeekedEvent[]> {
    const events: Event[] = []
    for (let at = this.#head; at < Math.min(this.#tail, this.#head + limit.events); at++)
      events.push(this.#ring[at & (this.#ring.length - 1)]!)
    return this.#handedOut.peek(limit, [{ first: this.#head, events }])
  }

  #next(limit: TakeLimit): Batch | null {
    const most = { ...limit, events: Math.min(limit.events, this.transactionCapacity) }
    const runs = this.#handedOut.again(most) ?? this.#fresh(most)
    if (runs === null) return null
    const batch = this.#handedOut.open(runs, {
      remove: async run => this.#remove(run),
      onReturned: () => this.#takers.serve(one => this.#next(one)),
    })
    this.#context.counters.add('EventTakeAttemptCount', batch.events.length)
    return batch
  }

  #fresh(limit: TakeLimit): Run[] | null {
    if (this.#head === this.#tail) return null
    const first = this.#head
    const end = Math.min(this.#tail, first + limit.events)
    const mask = this.#ring.length - 1
    const events: Event[] = []
    let bytes = 0
    for (; this.#head < end; this.#head++) {
      const event = this.#ring[this.#head & mask]!
      if (limit.bytes !== undefined) {
        bytes += event.size
        if (bytes > limit.bytes && events.length > 0) break
      }
      events.push(event)
      this.#ring[this.#head & mask] = undefined
    }
    return [{ first, events }]
  }

  #remove({ first, events }: Run): void {
    const { counters } = this.#context
    this.#gone.add({ first, end: first + events.length })
    this.#size -= events.length
    counters.add('EventTakeSuccessCount', events.length)
    counters.set('ChannelSize', this.#size)
    this.#gate.release({ events: events.length, slots: slotsOf(events) })
  }

  #append(events: readonly Event[]): void {
    while (this.#tail - this.#head + events.length > this.#ring.length) this.#grow()
    this.#arrivals.arrived(this.#tail, this.#gone.low)
    const mask = this.#ring.length - 1
    for (const event of events) this.#ring[this.#tail++ & mask] = event
    this.#size += events.length
    this.#context.counters.set('ChannelSize', this.#size)
  }

  #grow(): void {
    const bigger: (Event | undefined)[] = Array.from({ length: this.#ring.length * 2 })
    for (let at = this.#head; at < this.#tail; at++)
      bigger[at & (bigger.length - 1)] = this.#ring[at & (this.#ring.length - 1)]
    this.#ring = bigger
  }

  #closedFault(): Fault {
    return new Fault('CHANNEL_CLOSED', `channel ${this.#context.name} is closed`)
  }
}

export const memoryChannel = defineChannel({
  type: 'memory',
  aliases: ['org.apache.flume.channel.MemoryChannel'],
  summary: 'Keeps events in memory: fast, and lost when the process ends.',
  description:
    'Events leave in the order of their puts. A take returns as soon as there is one event. On a graceful stop the sinks get up to 2 s to empty the channel; what is left is lost, with a warning that counts it. A reload may change every option; the events stay.',
  options,
  counters: channelCounters,
  transactionCapacity: given => given.transactionCapacity,
  keepsInMemory: () => true,
  check(given, say) {
    if (given.transactionCapacity > given.capacity)
      say.error(
        'transactionCapacity',
        `is ${given.transactionCapacity} and larger than the capacity of ${given.capacity}`,
        `lower it to ${given.capacity} at most, or raise capacity`,
      )
  },
  create: (given, context) => new MemoryChannel(given, context),
})
