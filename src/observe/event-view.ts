// What is shown of events outside of the flow: a live sample of those that pass an edge (tap), and the oldest of a
// channel (peek). docs/guides/snapshot.md describes the JSON, docs/decisions/0030-tap-and-peek.md says who may see it.

/** One event as it is shown; what may be a secret is hidden, and what is long is cut. */
export interface ShownEvent {
  readonly headers: Readonly<Record<string, string>>
  /** Text; hexadecimal where the bytes are no UTF-8. */
  readonly body: string
  readonly isText: boolean
  /** Of the whole body. */
  readonly bytes: number
  /** Whether `headers` or `body` is only the beginning. */
  readonly isCut: boolean
}

/** Events of an edge, sampled. */
export interface TapSample {
  readonly at: number
  /** Events that have passed since the sample before, of which `events` are some. */
  readonly passed: number
  readonly events: readonly ShownEvent[]
}

/** Events of a channel that were read without being taken. */
export interface Peek {
  readonly at: number
  /** Events in the channel. */
  readonly size: number
  /** Whether a sink has this event at the moment and tries to deliver it. */
  readonly events: readonly (ShownEvent & { readonly isTaken: boolean })[]
}

/** The events of an agent, for those who may see them. */
export interface EventView {
  /** Components with an edge between them, as /metrics names them: SOURCE.r1, CHANNEL.c1. */
  readonly edges: readonly (readonly [from: string, to: string])[]
  /** `read` is called with samples until the answer is called; null where there is no such edge. */
  tap(from: string, to: string, read: (sample: TapSample) => void): (() => void) | null
  /** The oldest events of a channel, none of which is taken by this; null where no such channel is open. */
  peek(channel: string, events: number): Promise<Peek | null>
}
