// Taps: a live sample of the events that pass an edge. While nobody reads, an edge costs one question a batch. A reader
// costs the agent no more than the limits below, however many events pass and however slow the reader is.
import type { Event } from '../event.ts'
import type { ShownEvent, TapSample } from '../observe/event-view.ts'
import type { Clock, Timer } from '../system/clock.ts'
import { shownEvent } from './shown-event.ts'

/** Five samples a second, of 50 events and 240 KiB together. */
const sampleMs = 200
const mostEvents = 10
const mostBytes = 48 * 1024

/** Between a source and a channel, or a channel and a sink. */
export class Edge {
  readonly #clock: Clock
  readonly #readers = new Set<(sample: TapSample) => void>()
  #passed = 0
  #shown: ShownEvent[] = []
  #bytes = 0
  #timer: Timer | null = null

  constructor(clock: Clock) {
    this.#clock = clock
  }

  /** These have passed. */
  passed(events: readonly Event[]): void {
    if (this.#readers.size === 0) return
    this.#passed += events.length
    const count = Math.min(events.length, mostEvents - this.#shown.length)
    for (let index = 0; index < count && this.#bytes < mostBytes; index++) {
      const shown = shownEvent(events[Math.floor((index * events.length) / count)]!)
      this.#shown.push(shown)
      this.#bytes += shown.body.length
      for (const [name, value] of Object.entries(shown.headers)) this.#bytes += name.length + value.length
    }
  }

  /** Samples, until the answer is called. */
  tap(read: (sample: TapSample) => void): () => void {
    const own = (sample: TapSample) => read(sample)
    this.#readers.add(own)
    this.#timer ??= this.#clock.after(sampleMs, () => this.#send(), { background: true })
    return () => {
      if (!this.#readers.delete(own) || this.#readers.size > 0) return
      this.#timer?.cancel()
      this.#timer = null
      this.#clear()
    }
  }

  #send(): void {
    const sample = { at: this.#clock.now(), passed: this.#passed, events: this.#shown }
    this.#clear()
    this.#timer = this.#clock.after(sampleMs, () => this.#send(), { background: true })
    for (const read of this.#readers) read(sample)
  }

  #clear(): void {
    this.#passed = 0
    this.#shown = []
    this.#bytes = 0
  }
}

/** The edges of an agent, by the components at their ends. They outlast a reload. */
export class Edges {
  readonly #clock: Clock
  readonly #edges = new Map<string, Edge>()

  constructor(clock: Clock) {
    this.#clock = clock
  }

  between(from: string, to: string): Edge {
    const key = JSON.stringify([from, to])
    let edge = this.#edges.get(key)
    if (edge === undefined) this.#edges.set(key, (edge = new Edge(this.#clock)))
    return edge
  }
}
