// Which offsets an event closes, by channel. Interceptors drop events and selectors share them out, so that what lies
// between two events of one partition differs from channel to channel: the sink at the end of a channel must know that
// nothing more comes between, or the set of what it has written would never close.
//
// A source says which offsets each of its calls hands over. As long as these follow each other, an event closes what lies
// behind the last one that went into the same channel. Otherwise the source reads from elsewhere, or repeats a call, and
// nothing before that is closed: an offset that might yet come, from here or from another agent, must never be. Events of
// several channels may meet again in one sink, so that they name the channel in which they close something.
import type { Handovers } from '../component.ts'
import type { Event } from '../event.ts'
import { encodeOrigin, originChannel, originHeader, originOf } from './origin.ts'

interface Reading {
  readonly begin: number
  /** The offset behind all that was handed over. */
  next: number
  /** By channel: the offset behind the last event that went into it. */
  readonly closed: Map<string, number>
}

export class Coverage {
  readonly #readings = new Map<string, Reading>()
  readonly #namesChannels: boolean

  /** `channels` of the source. */
  constructor(channels: number) {
    this.#namesChannels = channels > 1
  }

  /** The offsets of the call whose events are covered next, whether there is an event of each or not. */
  handOver(all: Handovers): void {
    for (const { partition, from, to } of all) {
      const reading = this.#readings.get(partition)
      if (reading?.next === from) reading.next = to + 1
      else this.#readings.set(partition, { begin: from, next: to + 1, closed: new Map() })
    }
  }

  /**
   * The event as it goes into the channel, in the order of the source: itself where its header is right as it is, else a
   * copy, since other channels have the same event.
   */
  cover(channel: string, event: Event): Event {
    const origin = originOf(event)
    const reading = origin === null ? undefined : this.#readings.get(origin.partition)
    if (origin === null || reading === undefined) return event
    const closed = reading.closed.get(channel) ?? reading.begin
    if (origin.to >= closed) reading.closed.set(channel, origin.to + 1)
    const from = Math.min(closed, origin.to)
    if (from === origin.from && !this.#namesChannels) return event
    const partition = this.#namesChannels ? originChannel(origin.partition, channel) : origin.partition
    const covered = event.clone()
    covered.setHeader(originHeader, encodeOrigin({ ...origin, partition, from }))
    return covered
  }
}
