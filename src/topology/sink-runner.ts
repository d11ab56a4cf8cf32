// SinkRunner: takes batches from a channel, has a sink deliver them, commits what was delivered and
// returns the rest. The ritual of transactions lives here and nowhere else. A sink may have several
// batches under way (its window). When one fails, all of them are brought to an end; what is known to be
// delivered is committed, event by event, and only the rest comes again, in its order.
//
// An event that can never be delivered is met alone: what stands before it is delivered first, then it
// is set aside where the sink can do that, or tried again until it passes, while what is behind it waits.
import { backoffMs, runnerBackoff } from '../backoff.ts'
import type { Batch, Channel, Sink } from '../component.ts'
import { Fault, messageOf } from '../errors.ts'
import type { Event } from '../event.ts'
import type { Condition, ConditionMaker } from '../observe/conditions.ts'
import type { Logger } from '../observe/log.ts'
import type { Clock } from '../system/clock.ts'
import type { Random } from '../system/random.ts'
import { Blockade } from './blockade.ts'
import { endBatch, Poison, undeliveredOf } from './poison.ts'

/** Most encoded bytes of one take: bounds memory where events are large. */
export const takeBytes = 16 * 1024 * 1024

export interface SinkRunnerParts {
  readonly name: string
  readonly sink: Sink
  readonly channel: Channel
  readonly clock: Clock
  readonly random: Random
  readonly log: Logger
  readonly condition: ConditionMaker
}

interface Flight {
  readonly batch: Batch
  /** The events of the batch that are handed to the sink: all, or the first of them. */
  readonly sent: readonly Event[]
  /** Aborted when an earlier flight fails: what has not left yet must not overtake it. */
  readonly giveUp: AbortController
  /** Whether the sink delivered; never rejects. */
  readonly outcome: Promise<{ error?: unknown }>
}

/** Most commits that may be under way behind the deliveries; they share the channel's syncs. */
const commitsUnderWay = 256
/** Tries that may follow one another at once because the sink asks for it. */
const mostAtOnce = 30

export class SinkRunner {
  readonly #parts: SinkRunnerParts
  readonly #outage: Condition
  readonly #notTaking: Condition
  readonly #poison: Poison
  /** Takes nothing more; what is under way may end. */
  readonly #closing = new AbortController()
  #abandoned = false
  #flights: Flight[] = []
  #commits = 0
  #failed = false
  #atOnce = 0
  /** Ends a take that waits; replaced after use. */
  #interrupt = new AbortController()
  #wake: () => void = () => {}
  #running: Promise<void> = Promise.resolve()

  constructor(parts: SinkRunnerParts) {
    this.#parts = parts
    const { name, clock, log, condition } = parts
    this.#outage = condition('delivery')
    this.#notTaking = condition('taking')
    this.#poison = new Poison(new Blockade({ name: `Sink ${name}`, clock, log, condition }))
  }

  start(): void {
    this.#running = this.#run()
  }

  /** Waits `patienceMs` for deliveries under way, then gives them up; what they did not deliver stays. */
  async stop(patienceMs: number): Promise<void> {
    this.#closing.abort()
    this.#interrupt.abort()
    const timer = this.#parts.clock.after(patienceMs, () => {
      this.#abandoned = true
      for (const { giveUp } of this.#flights) giveUp.abort()
    })
    await this.#running
    timer.cancel()
  }

  async #run(): Promise<void> {
    const { sink, clock } = this.#parts
    const closing = this.#closing.signal
    // Resolves when every flight so far has ended, in order: true while none has failed.
    let inOrder: Promise<boolean> = Promise.resolve(true)
    while (!closing.aborted) {
      // Around an event that can never be delivered, one step after the other.
      const window = this.#poison.isKnown ? 1 : (sink.window ?? 1)
      if (this.#failed) {
        await inOrder
        const restMs = await this.#settle()
        this.#failed = false
        inOrder = Promise.resolve(true)
        if (restMs > 0) await clock.sleep(restMs, closing)
        // A sink holds back what it is given in the turn of a failure, for the sake of order.
        else await new Promise<void>(resolve => clock.soon(resolve))
        if (!closing.aborted) this.#interrupt = new AbortController()
      } else if (this.#flights.length >= window || this.#commits >= commitsUnderWay) {
        await new Promise<void>(resolve => (this.#wake = resolve))
      } else {
        const batch = await this.#take()
        if (batch === null) continue
        // An earlier flight may have failed while this batch was taken: it waits its turn again.
        if (this.#failed) await batch.rollback()
        else inOrder = this.#land(inOrder, this.#takeOff(batch))
      }
    }
    await inOrder
    await this.#settle()
    while (this.#commits > 0) await new Promise<void>(resolve => (this.#wake = resolve))
  }

  async #take(): Promise<Batch | null> {
    const { name, sink, channel, clock } = this.#parts
    try {
      const batch = await channel.take({ events: sink.batchSize, bytes: takeBytes }, this.#interrupt.signal)
      this.#notTaking.clear(`Taking events for sink ${name} succeeds again`)
      return batch
    } catch (error) {
      if (this.#closing.signal.aborted) return null
      this.#notTaking.fail(`Taking events for sink ${name}`, error)
      const restMs = backoffMs(this.#notTaking.tries, runnerBackoff, this.#parts.random)
      await clock.sleep(restMs, this.#closing.signal)
      return null
    }
  }

  #takeOff(batch: Batch): Flight {
    const giveUp = new AbortController()
    const sent = this.#poison.choose(batch.events)
    const outcome = this.#hand(sent, giveUp.signal).then(
      () => ({}),
      (error: unknown) => {
        this.#failed = true
        this.#interrupt.abort()
        for (const later of this.#flights.slice(this.#flights.indexOf(flight) + 1)) later.giveUp.abort()
        return { error: error ?? new Fault('PEER_REFUSED', 'no reason given') }
      },
    )
    const flight: Flight = { batch, sent, giveUp, outcome }
    this.#flights.push(flight)
    return flight
  }

  /** Has the sink deliver the events, or set aside the one that can never be delivered. */
  #hand(events: readonly Event[], signal: AbortSignal): Promise<void> {
    const { sink } = this.#parts
    if (sink.divert === undefined || this.#poison.reasonToDivert(events) === null)
      return sink.deliver(events, signal)
    return this.#poison.divert(sink.divert, events[0]!, signal)
  }

  /** Waits for the flights before this one and for its own end; commits it where all were delivered. */
  async #land(before: Promise<boolean>, flight: Flight): Promise<boolean> {
    const { error } = await flight.outcome
    const goOn = await before
    if (!goOn) return false
    if (error === undefined) {
      this.#flights.shift()
      this.#atOnce = 0
      this.#outage.clear(`${this.#doing} succeeds again`)
      this.#poison.passed(flight.sent)
      this.#end(flight.batch, flight.batch.events.slice(flight.sent.length))
    }
    this.#wake()
    return error === undefined
  }

  /**
   * Ends everything under way after a failure, when all deliveries have ended. Gives the milliseconds to
   * rest before the next try.
   */
  async #settle(): Promise<number> {
    const flights = this.#flights
    this.#flights = []
    const errors = (await Promise.all(flights.map(flight => flight.outcome))).map(({ error }) => error)
    const first = errors.findIndex(error => error !== undefined)
    const isPoison = errors.map((error, index) => this.#poison.notice(error, flights[index]!.sent))
    // The latest goes back first. Those behind the failed one may have been delivered all the same.
    for (let index = flights.length - 1; index >= 0; index--) {
      const { batch, sent } = flights[index]!
      const undelivered = errors[index] === undefined ? [] : undeliveredOf(errors[index], sent)
      this.#end(batch, [...undelivered, ...batch.events.slice(sent.length)])
    }
    if (first === -1 || this.#abandoned) return 0
    return this.#judge(errors[first], flights[first]!.sent, isPoison[first]!)
  }

  /** Says what failed; gives the milliseconds to rest. */
  #judge(error: unknown, sent: readonly Event[], isPoison: boolean): number {
    if (error instanceof Fault && error.retry === 'at-once' && this.#atOnce++ < mostAtOnce) return 0
    if (!isPoison) {
      this.#outage.fail(this.#doing, error)
      return backoffMs(this.#outage.tries, runnerBackoff, this.#parts.random)
    }
    // The peer answers: it is no outage.
    this.#outage.clear(`${this.#doing} succeeds again`)
    return this.#poison.judge(error, sent, this.#parts.sink.divert !== undefined)
  }

  get #doing(): string {
    return `Delivering events by sink ${this.#parts.name}`
  }

  /** What is not left is gone. Commits start in order and are not waited for: the channel syncs many at once. */
  #end(batch: Batch, left: readonly Event[]): void {
    const count = batch.events.length - left.length
    this.#poison.returned(left.length)
    this.#commits++
    endBatch(batch, left)
      .catch((error: unknown) => {
        this.#parts.log.error(
          `${count} events were delivered but not marked so; they will be delivered again: ${messageOf(error)}`,
        )
      })
      .finally(() => {
        this.#commits--
        this.#wake()
      })
  }
}
