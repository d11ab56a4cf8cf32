// Takes a source's events through its interceptors and its selector into its channels: required
// channels must take them, optional ones may.
import type { Channel, ChannelProcessor, Handovers, Interceptor, Selector } from '../component.ts'
import { Event } from '../event.ts'
import { messageOf } from '../errors.ts'
import { countOf } from '../printable.ts'
import type { ConditionMaker } from '../observe/conditions.ts'
import type { Logger } from '../observe/log.ts'
import { sparing } from '../observe/sparing-log.ts'
import { Coverage } from '../origin/coverage.ts'
import type { Clock } from '../system/clock.ts'
import type { Random } from '../system/random.ts'
import { ChannelLane } from './channel-lane.ts'
import { Standstill } from './standstill.ts'
import type { SourceLedger } from './ledger.ts'
import type { Edge } from './taps.ts'

export interface ProcessorParts {
  readonly interceptors: readonly Interceptor[]
  readonly selector: Selector
  readonly channels: ReadonlyMap<string, Channel>
  /** To the channels; those that can be tapped. */
  readonly edges?: ReadonlyMap<string, Edge>
  readonly ledger?: SourceLedger
  readonly clock: Clock
  readonly random: Random
  readonly log: Logger
  readonly condition: ConditionMaker
}

/** So much goes through the interceptors in one turn of the event loop, where the order to other events does not matter. */
const mostInTurn = { events: 5000, bytes: 1024 * 1024 }

/** The events of one call, by channel. */
interface Shares {
  readonly required: Map<string, Event[]>
  readonly optional: Map<string, Event[]>
}

export class SourceChannelProcessor implements ChannelProcessor {
  readonly #parts: ProcessorParts
  readonly #lanes: ReadonlyMap<string, ChannelLane>
  /** Optional channels may refuse each put. */
  readonly #log: Logger
  /** Of a source whose events have origins. */
  #coverage: Coverage | null = null

  constructor(parts: ProcessorParts) {
    this.#parts = parts
    this.#log = sparing(parts.log, parts.clock)
    const { clock, random, condition } = parts
    this.#lanes = new Map(
      [...parts.channels].map(([name, channel]) => {
        const standstill = new Standstill({ name, channel, clock, condition })
        return [name, new ChannelLane(name, channel, { clock, random, condition, standstill })]
      }),
    )
  }

  /** A hundredth of a channel: a larger put would wait where smaller ones go on. */
  get gathered(): number {
    const channels = [...this.#parts.channels.values()]
    return Math.min(...channels.map(one => Math.min(one.transactionCapacity, Math.floor(one.capacity / 100))))
  }

  async process(events: readonly Event[]): Promise<void> {
    const shares = await this.#sharesOf(events)
    for (const [name, share] of shares.required) {
      await this.#parts.channels.get(name)!.put(share)
      this.#parts.edges?.get(name)?.passed(share)
    }
    await this.#offer(shares.optional)
  }

  async processTogether(events: readonly Event[]): Promise<boolean> {
    const [[name, channel], ...others] = [...this.#parts.channels] as [[string, Channel], ...unknown[]]
    const mostEvents = Math.min(channel.transactionCapacity, channel.capacity - channel.size)
    if (others.length > 0 || events.length > mostEvents) return false
    let shares: Shares
    let share: readonly Event[]
    try {
      shares = await this.#sharesOf(events)
      share = shares.required.get(name) ?? []
      await channel.put(share, { patienceMs: 0 })
    } catch {
      // Whoever calls for each alone learns why.
      return false
    }
    this.#parts.edges?.get(name)?.passed(share)
    await this.#offer(shares.optional)
    return true
  }

  async processUntilAccepted(
    events: readonly Event[],
    signal: AbortSignal,
    handovers?: Handovers,
  ): Promise<void> {
    const shares: Shares = { required: new Map(), optional: new Map() }
    if (handovers !== undefined) {
      ;(this.#coverage ??= new Coverage(this.#parts.channels.size)).handOver(handovers)
      this.#parts.ledger?.read(handovers)
    }
    this.#shareOut(this.#intercept(events), shares)
    if (shares.required.size === 1) {
      const [[name, share]] = shares.required as unknown as [[string, readonly Event[]]]
      await this.#lanes.get(name)!.put(share, signal)
      this.#parts.edges?.get(name)?.passed(share)
    } else
      await Promise.all(
        [...shares.required].map(async ([name, share]) => {
          await this.#lanes.get(name)!.put(share, signal)
          this.#parts.edges?.get(name)?.passed(share)
        }),
      )
    await this.#offer(shares.optional)
  }

  /** Through interceptors and selector, some of them in each turn. */
  async #sharesOf(events: readonly Event[]): Promise<Shares> {
    const shares: Shares = { required: new Map(), optional: new Map() }
    for (let at = 0; at < events.length;) {
      if (at > 0) await new Promise<void>(resolve => this.#parts.clock.soon(resolve))
      const end = this.#turnEnd(events, at)
      this.#shareOut(this.#intercept(events.slice(at, end)), shares)
      at = end
    }
    return shares
  }

  /** Where a turn ends that begins with the event at `start`. */
  #turnEnd(events: readonly Event[], start: number): number {
    const most = Math.min(events.length, start + mostInTurn.events)
    if (this.#parts.interceptors.length === 0) return most
    let bytes = events[start]!.size
    for (let at = start + 1; at < most; at++) if ((bytes += events[at]!.size) > mostInTurn.bytes) return at
    return most
  }

  #intercept(events: readonly Event[]): readonly Event[] {
    let kept = events
    const dropped: Event[] = []
    for (const interceptor of this.#parts.interceptors) {
      const next: Event[] = []
      for (const event of kept) {
        const result = interceptor.intercept(event)
        if (result instanceof Event) next.push(result)
        else if (result === null) dropped.push(event)
        else throw new TypeError(noEvent(result))
      }
      kept = next
    }
    if (dropped.length > 0) this.#parts.ledger?.dropped(dropped)
    return kept
  }

  #shareOut(events: readonly Event[], { required, optional }: Shares): void {
    for (const event of events) {
      const selection = this.#parts.selector.select(event)
      if (selection.required.length + selection.optional.length === 0) this.#parts.ledger?.dropped([event])
      for (const name of selection.required) this.#add(required, name, event)
      for (const name of selection.optional) this.#add(optional, name, event)
    }
  }

  /** Optional channels take what they can take at once; what they refuse is logged and forgotten. */
  async #offer(shares: ReadonlyMap<string, readonly Event[]>): Promise<void> {
    for (const [name, share] of shares)
      try {
        await this.#parts.channels.get(name)!.put(share, { patienceMs: 0 })
        this.#parts.edges?.get(name)?.passed(share)
      } catch (error) {
        this.#log.warn(
          `optional channel ${name} did not take ${countOf(share.length, 'event')}: ${messageOf(error)}`,
        )
      }
  }

  #add(shares: Map<string, Event[]>, name: string, event: Event): void {
    const own = this.#coverage === null ? event : this.#coverage.cover(name, event)
    const share = shares.get(name)
    if (share === undefined) shares.set(name, [own])
    else share.push(own)
  }
}

/** For programs in JavaScript, which nobody else checks. */
const noEvent = (result: unknown): string =>
  `an interceptor gave ${result instanceof Promise ? 'a promise' : typeof result} where an event or null belongs; correct its module`
