// LoadedEvents: the events at the head of the channel that are in memory, as the payloads of put entries
// (entry.ts): a few objects a transaction, none an event, until somebody takes them.
import type { TakeLimit } from '../../component.ts'
import { Event } from '../../event.ts'
import type { Run } from '../returned-events.ts'
import type { GoneNumbers } from './number-ranges.ts'

interface Chunk {
  readonly first: number
  readonly count: number
  readonly payload: Buffer
  /** How many events were taken, and where the next one's bytes begin. */
  used: number
  offset: number
}

/** What a chunk costs beside its bytes, roughly. */
const chunkBytes = 256

export class LoadedEvents {
  #chunks: Chunk[] = []
  /** Chunks before this one are used up. */
  #at = 0
  #bytes = 0

  /** Memory taken, roughly. */
  get bytes(): number {
    return this.#bytes
  }

  get isEmpty(): boolean {
    return this.#at === this.#chunks.length
  }

  add(first: number, count: number, payload: Buffer): void {
    this.#chunks.push({ first, count, payload, used: 0, offset: count * 4 })
    this.#bytes += payload.length + chunkBytes
  }

  /** The next events that are not gone, without a gap in their numbers; null when there are none. */
  take(limit: TakeLimit, gone: GoneNumbers): { first: number; events: Event[] } | null {
    const events: Event[] = []
    let first = -1
    let bytes = 0
    // Holes are rare: ask for the next one, not for each event.
    let hole = -1
    while (this.#at < this.#chunks.length) {
      const chunk = this.#chunks[this.#at]!
      while (chunk.used < chunk.count) {
        const number = chunk.first + chunk.used
        if (number >= hole) {
          if (gone.nextInside(number) !== number) {
            if (events.length > 0) return { first, events }
            this.#skip(chunk)
            continue
          }
          hole = gone.nextGone(number)
        }
        const length = chunk.payload.readUInt32LE(chunk.used * 4)
        if (events.length === 0) first = number
        else if (events.length >= limit.events || number !== first + events.length) return { first, events }
        else if (limit.bytes !== undefined && bytes + length > limit.bytes) return { first, events }
        bytes += length
        events.push(Event.fromEncoded(chunk.payload.subarray(chunk.offset, chunk.offset + length)))
        this.#skip(chunk)
      }
      this.#drop(chunk)
    }
    return events.length === 0 ? null : { first, events }
  }

  /** The same without taking them, as runs. */
  peek(limit: TakeLimit, gone: GoneNumbers): Run[] {
    const runs: { first: number; events: Event[] }[] = []
    let count = 0
    for (let index = this.#at; index < this.#chunks.length; index++) {
      const { first, count: all, payload, used, offset } = this.#chunks[index]!
      for (let [at, begin] = [used, offset]; at < all; at++) {
        const end = begin + payload.readUInt32LE(at * 4)
        const number = first + at
        if (gone.nextInside(number) === number) {
          const event = Event.fromEncoded(payload.subarray(begin, end))
          const last = runs.at(-1)
          if (last !== undefined && last.first + last.events.length === number) last.events.push(event)
          else runs.push({ first: number, events: [event] })
          if (++count >= limit.events) return runs
        }
        begin = end
      }
    }
    return runs
  }

  #skip(chunk: Chunk): void {
    chunk.offset += chunk.payload.readUInt32LE(chunk.used * 4)
    chunk.used++
  }

  #drop(chunk: Chunk): void {
    this.#bytes -= chunk.payload.length + chunkBytes
    this.#chunks[this.#at++] = undefined as never
    if (this.#at < 1024 && this.#at < this.#chunks.length) return
    this.#chunks = this.#chunks.slice(this.#at)
    this.#at = 0
  }
}
