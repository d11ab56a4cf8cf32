// SinkRunner: takes batches from a channel, has a sink deliver them, commits what was delivered and
// rolls back the rest. The ritual of transactions lives here and nowhere else. A sink may have several
// batches under way (its window); they are committed in order, and a failure rolls back that batch and
// those after it, so that the channel gives them again in the same order.
import type { Batch, Channel, Sink } from '../component.ts'
import { Fault, messageOf } from '../errors.ts'
import type { Logger } from '../observe/log.ts'
import type { Clock } from '../system/clock.ts'
import { backoffMs, Outage } from './outage.ts'

/** Most encoded bytes of one take: bounds memory where events are large. */
export const takeBytes = 16 * 1024 * 1024

export interface SinkRunnerParts {
  readonly name: string
  readonly sink: Sink
  readonly channel: Channel
  readonly clock: Clock
  readonly log: Logger
  setHealth(problem: string | null): void
}

interface Flight {
  readonly batch: Batch
  /** Aborted when an earlier flight fails: what has not left yet must not overtake it. */
  readonly giveUp: AbortController
  /** Whether the sink delivered; never rejects. */
  readonly outcome: Promise<{ error?: unknown }>
}

/** Most commits that may be under way behind the deliveries; they share the channel's syncs. */
const commitsUnderWay = 256

export class SinkRunner {
  readonly #parts: SinkRunnerParts
  readonly #outage: Outage
  /** Takes nothing more; what is under way may end. */
  readonly #closing = new AbortController()
  #abandoned = false
  #flights: Flight[] = []
  #commits = 0
  #failed = false
  /** Ends a take that waits; replaced after use. */
  #interrupt = new AbortController()
  #wake: () => void = () => {}
  #running: Promise<void> = Promise.resolve()

  constructor(parts: SinkRunnerParts) {
    this.#parts = parts
    this.#outage = new Outage(parts.clock, parts.log, problem => parts.setHealth(problem))
  }

  start(): void {
    this.#running = this.#run()
  }

  /** Waits `patienceMs` for deliveries under way, then gives them up and rolls them back. */
  async stop(patienceMs: number): Promise<void> {
    this.#closing.abort()
    this.#interrupt.abort()
    const timer = this.#parts.clock.after(patienceMs, () => {
      this.#abandoned = true
      for (const { giveUp } of this.#flights) giveUp.abort()
    })
    await this.#running
    timer.cancel()
    this.#parts.setHealth(null)
  }

  async #run(): Promise<void> {
    const { sink, channel, clock } = this.#parts
    const window = sink.window ?? 1
    const closing = this.#closing.signal
    // Resolves when every flight so far has ended, in order: true while none has failed.
    let inOrder: Promise<boolean> = Promise.resolve(true)
    while (!closing.aborted) {
      if (this.#failed) {
        await inOrder
        await this.#rollBack()
        this.#failed = false
        inOrder = Promise.resolve(true)
        await clock.sleep(backoffMs(Math.max(1, this.#outage.failures)), closing)
        if (!closing.aborted) this.#interrupt = new AbortController()
      } else if (this.#flights.length >= window || this.#commits >= commitsUnderWay) {
        await new Promise<void>(resolve => (this.#wake = resolve))
      } else {
        const batch = await this.#take(channel, sink)
        if (batch === null) continue
        // An earlier flight may have failed while this batch was taken: it waits its turn again.
        if (this.#failed) await batch.rollback()
        else inOrder = this.#land(inOrder, this.#takeOff(batch))
      }
    }
    await inOrder
    await this.#rollBack()
    while (this.#commits > 0) await new Promise<void>(resolve => (this.#wake = resolve))
  }

  async #take(channel: Channel, sink: Sink): Promise<Batch | null> {
    try {
      return await channel.take({ events: sink.batchSize, bytes: takeBytes }, this.#interrupt.signal)
    } catch (error) {
      if (this.#closing.signal.aborted) return null
      this.#outage.failed(`Taking events for sink ${this.#parts.name}`, error)
      await this.#parts.clock.sleep(backoffMs(this.#outage.failures), this.#closing.signal)
      return null
    }
  }

  #takeOff(batch: Batch): Flight {
    const giveUp = new AbortController()
    const outcome = this.#parts.sink.deliver(batch.events, giveUp.signal).then(
      () => ({}),
      (error: unknown) => {
        this.#failed = true
        this.#interrupt.abort()
        for (const later of this.#flights.slice(this.#flights.indexOf(flight) + 1)) later.giveUp.abort()
        return { error: error ?? new Fault('PEER_REFUSED', 'no reason given') }
      },
    )
    const flight: Flight = { batch, giveUp, outcome }
    this.#flights.push(flight)
    return flight
  }

  /** Waits for the flights before this one and for its own end; commits it, or begins the rollback. */
  async #land(before: Promise<boolean>, flight: Flight): Promise<boolean> {
    const { error } = await flight.outcome
    const goOn = await before
    const what = `Delivering events by sink ${this.#parts.name}`
    if (!goOn) return false
    if (error !== undefined) {
      if (!this.#abandoned) this.#outage.failed(what, error)
    } else {
      this.#flights.shift()
      this.#outage.succeeded(what)
      this.#commit(flight.batch)
    }
    this.#wake()
    return error === undefined
  }

  /** Commits start in order and are not waited for: the channel syncs many at once. */
  #commit(batch: Batch): void {
    this.#commits++
    batch
      .commit()
      .catch((error: unknown) =>
        this.#parts.log.error(
          `${batch.events.length} events were delivered but not marked so; they will be delivered again: ${messageOf(error)}`,
        ),
      )
      .finally(() => {
        this.#commits--
        this.#wake()
      })
  }

  /** Rolls back everything under way, the latest first, after all deliveries have ended. */
  async #rollBack(): Promise<void> {
    const flights = this.#flights
    this.#flights = []
    await Promise.all(flights.map(flight => flight.outcome))
    for (const flight of flights.toReversed()) await flight.batch.rollback()
  }
}
