// Edges, which events pass: each is counted in the ledger, and can be tapped. A tap is a live sample of the events. A reader
// costs the agent no more than the limits below, however many events pass and however slow the reader is.
import type { Event } from '../event.ts'
import type { LedgerStep } from '../observe/snapshot.ts'
import type { ShownEvent, TapSample } from '../observe/event-view.ts'
import type { Clock, Timer } from '../system/clock.ts'
import { Passage, SourceLedger, talliedSteps, type Tallies } from './ledger.ts'
import { shownEvent } from './shown-event.ts'

/** Five samples a second, of 50 events and 240 KiB together. */
const sampleMs = 200
const mostEvents = 10
const mostBytes = 48 * 1024

/** Between a source and a channel, or a channel and a sink. */
export class Edge {
  readonly #clock: Clock
  /** The channel's side of it, which other edges share. */
  readonly #passage: Passage
  readonly #tallies: Tallies = new Map()
  readonly #setAside: Tallies = new Map()
  readonly #readers = new Set<(sample: TapSample) => void>()
  #passed = 0
  #shown: ShownEvent[] = []
  #bytes = 0
  #timer: Timer | null = null

  constructor(clock: Clock, passage = new Passage()) {
    this.#clock = clock
    this.#passage = passage
  }

  /** These have passed. */
  passed(events: readonly Event[]): void {
    this.#passage.pass(events, this.#tallies)
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

  /** Of a channel: the sink at the other end has put it into its dead letters. */
  setAside(event: Event): void {
    this.#passage.pass([event], this.#setAside)
  }

  *steps(component: string): Generator<LedgerStep> {
    yield* talliedSteps(this.#tallies, { component, step: 'delivered' })
    yield* talliedSteps(this.#setAside, { component, step: 'set aside' })
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
  readonly #edges = new Map<string, { readonly from: string; readonly to: string; readonly edge: Edge }>()
  /** By the channel: into it, and out of it. */
  readonly #passages = { put: new Map<string, Passage>(), delivered: new Map<string, Passage>() }
  readonly #sources = new Map<string, SourceLedger>()

  constructor(clock: Clock) {
    this.#clock = clock
  }

  between(from: string, to: string): Edge {
    const key = JSON.stringify([from, to])
    let known = this.#edges.get(key)
    if (known === undefined) {
      const passage = to.startsWith('CHANNEL.')
        ? memberOf(this.#passages.put, to, () => new Passage())
        : memberOf(this.#passages.delivered, from, () => new Passage())
      this.#edges.set(key, (known = { from, to, edge: new Edge(this.#clock, passage) }))
    }
    return known.edge
  }

  ofSource(component: string): SourceLedger {
    return memberOf(this.#sources, component, () => new SourceLedger())
  }

  /** In the order in which events pass. `underWay` are events that sinks have at the moment. */
  *ledger(underWay: Iterable<readonly [component: string, events: readonly Event[]]>): Generator<LedgerStep> {
    for (const [component, source] of this.#sources) yield* source.steps(component)
    for (const step of ['put', 'delivered'] as const)
      for (const [component, passage] of this.#passages[step]) yield* passage.steps({ component, step })
    for (const [component, events] of underWay) {
      const tallies: Tallies = new Map()
      new Passage().pass(events, tallies)
      yield* talliedSteps(tallies, { component, step: 'under way' })
    }
    for (const { to, edge } of this.#edges.values()) if (!to.startsWith('CHANNEL.')) yield* edge.steps(to)
  }
}

function memberOf<V>(all: Map<string, V>, name: string, make: () => V): V {
  let one = all.get(name)
  if (one === undefined) all.set(name, (one = make()))
  return one
}
