// SinkGroupRunner: one loop for the sinks of a group. The group's processor says which sink to try for
// the next batch; a batch that one sink fails to deliver goes to the next of its order at once.
import type { Batch, Channel, Sink, SinkProcessor } from '../component.ts'
import { Fault, messageOf } from '../errors.ts'
import type { Logger } from '../observe/log.ts'
import type { Clock } from '../system/clock.ts'
import { backoffMs, Outage } from './outage.ts'
import { takeBytes } from './sink-runner.ts'

export interface GroupMember {
  readonly name: string
  readonly sink: Sink
  readonly channel: Channel
}

export interface SinkGroupRunnerParts {
  readonly name: string
  readonly members: readonly GroupMember[]
  readonly processor: SinkProcessor
  readonly clock: Clock
  readonly log: Logger
  setHealth(problem: string | null): void
}

export class SinkGroupRunner {
  readonly #parts: SinkGroupRunnerParts
  readonly #members: ReadonlyMap<string, GroupMember>
  readonly #outage: Outage
  readonly #closing = new AbortController()
  readonly #abandoning = new AbortController()
  #running: Promise<void> = Promise.resolve()

  constructor(parts: SinkGroupRunnerParts) {
    this.#parts = parts
    this.#members = new Map(parts.members.map(member => [member.name, member]))
    this.#outage = new Outage(parts.clock, parts.log, problem => parts.setHealth(problem))
  }

  start(): void {
    this.#running = this.#run()
  }

  /** Waits `patienceMs` for a delivery under way, then gives it up and rolls it back. */
  async stop(patienceMs: number): Promise<void> {
    this.#closing.abort()
    const timer = this.#parts.clock.after(patienceMs, () => this.#abandoning.abort())
    await this.#running
    timer.cancel()
    this.#parts.setHealth(null)
  }

  async #run(): Promise<void> {
    const { clock, name } = this.#parts
    const closing = this.#closing.signal
    while (!closing.aborted)
      try {
        await this.#pass()
      } catch (error) {
        if (closing.aborted) break
        this.#outage.failed(`Delivering events by sink group ${name}`, error)
        await clock.sleep(backoffMs(this.#outage.failures), closing)
      }
  }

  /** Takes one batch and delivers it by the first sink that can; rejects when none could. */
  async #pass(): Promise<void> {
    const { processor, clock, log, name } = this.#parts
    const taken = await this.#takeAny()
    if (taken === null) return
    const { channel, batch } = taken
    const order = processor.order(clock.monotonic())
    let lastError: unknown = new Fault('PEER_REFUSED', `every sink of group ${name} rests after failures`)
    for (const candidate of order) {
      const member = this.#members.get(candidate)
      if (member === undefined || member.channel !== channel) continue
      try {
        await member.sink.deliver(batch.events, this.#abandoning.signal)
      } catch (error) {
        lastError = error
        processor.failed(candidate, clock.monotonic())
        log.warn(`sink ${candidate} of group ${name} failed: ${messageOf(error)}`)
        if (this.#abandoning.signal.aborted) break
        continue
      }
      processor.delivered(candidate, clock.monotonic())
      this.#outage.succeeded(`Delivering events by sink group ${name}`)
      await batch.commit()
      return
    }
    await batch.rollback()
    throw lastError
  }

  /** A batch of the first channel that has one; the group's sinks may read different channels. */
  async #takeAny(): Promise<{ channel: Channel; batch: Batch } | null> {
    const { members, processor, clock } = this.#parts
    const order = processor.order(clock.monotonic())
    const ranked = [...order.map(name => this.#members.get(name)!), ...members]
    const byChannel = new Map<Channel, Sink>()
    for (const { channel, sink } of ranked) if (!byChannel.has(channel)) byChannel.set(channel, sink)
    const settled = new AbortController()
    const stop = () => settled.abort()
    this.#closing.signal.addEventListener('abort', stop, { once: true })
    if (this.#closing.signal.aborted) stop()
    try {
      let first: { channel: Channel; batch: Batch } | null = null
      const takes = [...byChannel].map(async ([channel, sink]) => {
        const batch = await channel.take({ events: sink.batchSize, bytes: takeBytes }, settled.signal)
        if (batch === null) return
        if (first !== null) return batch.rollback()
        first = { channel, batch }
        settled.abort()
      })
      const failure = (await Promise.allSettled(takes)).find(one => one.status === 'rejected')
      if (first === null && failure !== undefined) throw failure.reason
      return first
    } finally {
      this.#closing.signal.removeEventListener('abort', stop)
    }
  }
}
