// Events that a source makes by itself, as fast as the channels take them: in batches, several of them under way at once, and
// in order. What a channel does not take is made again.
import type { Source, SourceContext } from '../component.ts'
import type { Event } from '../event.ts'
import { int } from '../fields.ts'

/** Events handed over in one round, in as many batches as that takes; a round ends with a turn of the event loop. */
const roundEvents = 1000
/** Most batches under way at once: the channel makes them durable together. */
const roundBatches = 64

/** Flume's keys for how long a source without events sleeps. */
export const sleepFields = {
  backoffSleepIncrement: int({ doc: 'Has no effect: nothing sleeps here.', default: 1000, unit: 'ms' }),
  maxBackoffSleep: int({ doc: 'Has no effect: nothing sleeps here.', default: 5000, unit: 'ms' }),
}

export interface Making {
  readonly batchSize: number
  /** Of all events of one life of the source. */
  readonly total: number
  /** Events a second; Infinity: as fast as they go. */
  readonly perSecond: number
  readonly make: (number: number) => Event
  /** What is counted before and after a put. */
  readonly begun?: () => void
  readonly accepted?: (events: number) => void
}

export class GeneratedEvents implements Source {
  readonly #making: Making
  readonly #context: SourceContext
  readonly #batches: number
  #next = 0
  /** Monotonic ms. */
  #nextAt = 0

  constructor(making: Making, context: SourceContext) {
    this.#making = making
    this.#context = context
    const { batchSize, perSecond } = making
    this.#batches =
      perSecond === Infinity ? Math.min(roundBatches, Math.max(1, Math.ceil(roundEvents / batchSize))) : 1
  }

  async start(): Promise<void> {
    this.#next = 0
  }

  async stop(): Promise<void> {}

  async poll(signal: AbortSignal): Promise<void> {
    const { clock } = this.#context.system
    const { total, batchSize } = this.#making
    if (this.#next >= total) return untilAborted(signal)
    await this.#waitForTurn(Math.min(batchSize, total - this.#next), signal)
    if (signal.aborted) return
    const puts: Promise<void>[] = []
    while (puts.length < this.#batches && this.#next < total) {
      const first = this.#next
      this.#next = Math.min(first + batchSize, total)
      puts.push(this.#put(first, this.#next, signal))
    }
    const failure = (await Promise.allSettled(puts)).find(one => one.status === 'rejected')
    if (failure !== undefined) throw failure.reason
    await new Promise<void>(resolve => clock.soon(resolve))
  }

  async #waitForTurn(events: number, signal: AbortSignal): Promise<void> {
    const { perSecond } = this.#making
    if (perSecond === Infinity) return
    const { clock } = this.#context.system
    const now = clock.monotonic()
    if (this.#nextAt > now) await clock.sleep(this.#nextAt - now, signal)
    this.#nextAt = Math.max(now, this.#nextAt) + (events / perSecond) * 1000
  }

  async #put(first: number, end: number, signal: AbortSignal): Promise<void> {
    const { make, begun, accepted } = this.#making
    const events: Event[] = []
    for (let number = first; number < end; number++) events.push(make(number))
    begun?.()
    try {
      await this.#context.processor.processUntilAccepted(events, signal)
    } catch (error) {
      // Made again from the first that was refused.
      this.#next = Math.min(this.#next, first)
      throw error
    }
    accepted?.(events.length)
  }
}

function untilAborted(signal: AbortSignal): Promise<void> {
  return new Promise(resolve => {
    if (signal.aborted) resolve()
    else signal.addEventListener('abort', () => resolve(), { once: true })
  })
}
