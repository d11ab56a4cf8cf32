// What sources that listen for UDP datagrams share. Nobody can hold a sender of datagrams back: what a channel does not take
// at once waits here, up to a bound, and more is discarded, counted and reported.
import { whereOf, withoutBrackets, type Address } from '../address.ts'
import type { Source, SourceContext } from '../component.ts'
import { Fault } from '../errors.ts'
import type { Event } from '../event.ts'
import type { Condition } from '../observe/conditions.ts'
import type { Logger } from '../observe/log.ts'
import { sparing } from '../observe/sparing-log.ts'
import { countOf } from '../printable.ts'
import { itemBytes, type MemoryShare } from '../system/memory-budget.ts'
import type { Listener } from '../system/network.ts'
import { Pace } from '../system/pace.ts'

/** What was received by the stop may take so long to be put. */
const stopMs = 1700
/** Datagrams that wait are bounded by this and by the memory budget, bytes. */
const mostWaitingBytes = 16 * 1024 * 1024
/** Most events of one put. */
const eventsAtOnce = 500
/** What an event takes beside its bytes, in items of the memory budget: its headers. */
const itemsOfEvent = 6

/** For the pages of these sources. */
export const waitingDatagrams = `Datagrams that the channels do not take at once wait in memory, up to 16 MiB (Flume waits for the channel's
keep-alive, and discards one). More are discarded, counted as \`datagrams_discarded\`, and health is red meanwhile. What the system
discards before it is read (\`netstat -su\`, receive buffer errors) nobody can count here. What was received when the source stops is put for at most 1.7 s.

Datagrams have up to 64 KiB; Flume 1.11 cuts them at 2,048 bytes.`

interface Datagram {
  readonly bytes: Buffer
  readonly from: Address
}

/** `port` in `claims`. UDP has ports of its own. */
export const claimOfUdpPort = ({ host, port }: Address): string[] =>
  port === 0 ? [] : [`UDP port ${whereOf({ host: withoutBrackets(host), port })}`]

/** How a datagram becomes an event; null where it is none. */
export type DatagramReader = (datagram: Datagram) => Promise<Event | null> | Event | null

export class DatagramSource implements Source {
  readonly #what: string
  readonly #at: Address
  readonly #read: DatagramReader
  readonly #context: SourceContext
  readonly #log: Logger
  readonly #pace: Pace
  readonly #discarding: Condition
  #listener: Listener | null = null
  #share: MemoryShare
  #waiting: Datagram[] = []
  #pumping: Promise<void> | null = null
  #lost = 0
  #patience = new AbortController()

  /** `what` is what it is called in messages: syslog UDP source. */
  constructor(what: string, at: Address, context: SourceContext, read: DatagramReader) {
    const { log, system, condition } = context
    this.#what = what
    this.#at = at
    this.#read = read
    this.#context = context
    this.#log = sparing(log, system.clock)
    this.#pace = new Pace(system.clock)
    this.#discarding = condition('datagrams', { level: 'warn' })
    this.#share = system.memory.share()
  }

  async start(): Promise<void> {
    const { log, system } = this.#context
    this.#patience = new AbortController()
    this.#share = system.memory.share()
    this.#listener = await system.network.receive(this.#at, (bytes, from) => this.#take({ bytes, from }))
    log.info(`${this.#what} listens on ${whereOf(this.#listener)}`)
  }

  /** What was received is put first, within `stopMs`. */
  async stop(): Promise<void> {
    const { clock } = this.#context.system
    await this.#listener?.close()
    this.#listener = null
    const timer = clock.after(stopMs, () => this.#patience.abort())
    await this.#pumping
    timer.cancel()
    this.#share.close()
  }

  #take(datagram: Datagram): void {
    const needed = datagram.bytes.length + itemsOfEvent * itemBytes
    const hasRoom = this.#share.heldBytes + needed <= mostWaitingBytes
    if (!hasRoom || !this.#share.tryTake(datagram.bytes.length, itemsOfEvent)) return this.#discard()
    this.#waiting.push(datagram)
    this.#pumping ??= this.#pump().finally(() => (this.#pumping = null))
  }

  #discard(): void {
    const { counters, name } = this.#context
    counters.addOwn('datagrams_discarded')
    this.#discarding.raise(
      `${this.#what} ${name} discards datagrams: they arrive faster than its channels take them`,
      { remedy: 'See that the sinks keep up, and raise the capacity of the channels for bursts.' },
    )
  }

  /** Puts all that waits, one part after another; what arrives meanwhile is in the next parts. */
  async #pump(): Promise<void> {
    while (this.#waiting.length > 0) {
      const all = this.#waiting
      this.#waiting = []
      for (let at = 0; at < all.length; at += eventsAtOnce) {
        const some = all.slice(at, at + eventsAtOnce)
        await this.#put(some)
        for (const { bytes } of some) this.#share.add(-bytes.length, -itemsOfEvent)
      }
    }
    this.#discarding.clear(`${this.#what} ${this.#context.name} discards no more datagrams`)
    if (this.#lost === 0) return
    this.#context.log.warn(
      `${countOf(this.#lost, 'datagram')} of the ${this.#what} were not put within ${stopMs} ms and are lost`,
    )
    this.#lost = 0
  }

  async #put(datagrams: readonly Datagram[]): Promise<void> {
    const { processor } = this.#context
    const making: ReturnType<DatagramReader>[] = []
    for (const one of datagrams) {
      making.push(this.#read(one))
      if (this.#pace.isOver) await this.#pace.turn()
    }
    const events = (await Promise.all(making)).filter(event => event !== null)
    this.#count('EventReceivedCount', events.length)
    if (events.length < datagrams.length) this.#count('EventReadFail', datagrams.length - events.length)
    try {
      if (events.length > 0) await processor.processUntilAccepted(events, this.#patience.signal)
      this.#count('EventAcceptedCount', events.length)
    } catch (error) {
      if (error instanceof Fault && error.code === 'STOPPED') this.#lost += events.length
      else {
        this.#count('GenericProcessingFail')
        this.#log.error(`${countOf(events.length, 'datagram')} could not be processed and are lost`, error)
      }
    }
  }

  /** Flume has no counters for some of these sources. */
  #count(attribute: string, delta = 1): void {
    const { counters } = this.#context
    if (counters.get(attribute) !== undefined) counters.add(attribute, delta)
  }
}
