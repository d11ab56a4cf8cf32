// SinkGroupRunner: one loop for the sinks of a group. The group's processor says which sink to try for
// the next batch; what one sink fails to deliver of it goes to the next of its order at once. An event
// that none of them can ever deliver is met as by SinkRunner, and is no failure of a sink.
import { backoffMs, runnerBackoff } from '../backoff.ts'
import type { Batch, Channel, Sink, SinkProcessor } from '../component.ts'
import { Fault, messageOf } from '../errors.ts'
import type { Condition, ConditionMaker } from '../observe/conditions.ts'
import type { Logger } from '../observe/log.ts'
import type { Clock } from '../system/clock.ts'
import type { Random } from '../system/random.ts'
import type { Event } from '../event.ts'
import { Blockade } from './blockade.ts'
import { endBatch, Poison, undeliveredOf } from './poison.ts'
import { takeBytes } from './sink-runner.ts'

/** Tries that may follow one another at once because the sink asks for it. */
const mostAtOnce = 30

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
  readonly random: Random
  readonly log: Logger
  readonly condition: ConditionMaker
}

export class SinkGroupRunner {
  readonly #parts: SinkGroupRunnerParts
  readonly #members: ReadonlyMap<string, GroupMember>
  readonly #outage: Condition
  readonly #poison: Poison
  readonly #closing = new AbortController()
  readonly #abandoning = new AbortController()
  #running: Promise<void> = Promise.resolve()

  constructor(parts: SinkGroupRunnerParts) {
    this.#parts = parts
    this.#members = new Map(parts.members.map(member => [member.name, member]))
    const { name, clock, log, condition } = parts
    this.#outage = condition('delivery')
    this.#poison = new Poison(new Blockade({ name: `Sink group ${name}`, clock, log, condition }))
  }

  start(): void {
    this.#running = this.#run()
  }

  /** Waits `patienceMs` for a delivery under way, then gives it up; what it did not deliver stays. */
  async stop(patienceMs: number): Promise<void> {
    this.#closing.abort()
    const timer = this.#parts.clock.after(patienceMs, () => this.#abandoning.abort())
    await this.#running
    timer.cancel()
  }

  async #run(): Promise<void> {
    const { clock } = this.#parts
    const closing = this.#closing.signal
    while (!closing.aborted)
      try {
        const restMs = await this.#pass()
        if (restMs > 0) await clock.sleep(restMs, closing)
        // A sink holds back what it is given in the turn of a failure, for the sake of order.
        else if (this.#poison.isKnown) await new Promise<void>(resolve => clock.soon(resolve))
      } catch (error) {
        if (closing.aborted) break
        this.#outage.fail(this.#doing, error)
        await clock.sleep(backoffMs(this.#outage.tries, runnerBackoff, this.#parts.random), closing)
      }
  }

  get #doing(): string {
    return `Delivering events by sink group ${this.#parts.name}`
  }

  /**
   * Takes one batch and delivers it by the first sinks that can; rejects when none could. Gives the
   * milliseconds to rest.
   */
  async #pass(): Promise<number> {
    const taken = await this.#takeAny()
    if (taken === null) return 0
    const { channel, batch } = taken
    const sent = this.#poison.choose(batch.events)
    const behind = batch.events.slice(sent.length)
    const { left, error } = await this.#hand(sent, channel)
    const isPoison = left.length > 0 && this.#poison.notice(error, sent)
    this.#poison.returned(left.length + behind.length)
    await endBatch(batch, [...left, ...behind])
    if (left.length > 0 && !isPoison) throw error
    this.#outage.clear(`${this.#doing} succeeds again`)
    if (isPoison) return this.#poison.judge(error, sent, this.#diverting(channel) !== undefined)
    this.#poison.passed(sent)
    return 0
  }

  /** Sets the one event aside that can never be delivered, or tries the sinks in their order. */
  async #hand(
    sent: readonly Event[],
    channel: Channel,
  ): Promise<{ left: readonly Event[]; error?: unknown }> {
    const divert = this.#diverting(channel)
    if (divert === undefined || this.#poison.reasonToDivert(sent) === null)
      return this.#deliver(sent, channel)
    try {
      await this.#poison.divert(divert, sent[0]!, this.#abandoning.signal)
      return { left: [] }
    } catch (error) {
      return { left: sent, error }
    }
  }

  #diverting(channel: Channel): Sink['divert'] {
    return this.#parts.members.find(one => one.channel === channel && one.sink.divert !== undefined)?.sink
      .divert
  }

  /** What one sink does not deliver goes to the next; `left` is what none has. */
  async #deliver(
    sent: readonly Event[],
    channel: Channel,
  ): Promise<{ left: readonly Event[]; error?: unknown }> {
    const { processor, clock, log, name } = this.#parts
    let left = sent
    let lastError: unknown = new Fault('PEER_REFUSED', `every sink of group ${name} rests after failures`)
    /** What a sink said that was given an event it can never deliver: its failure only where another can. */
    const poisoned: { by: string; error: unknown }[] = []
    for (const candidate of processor.order(clock.monotonic())) {
      const member = this.#members.get(candidate)
      if (member === undefined || member.channel !== channel) continue
      let error: unknown = null
      for (let tries = 0; tries < mostAtOnce; tries++) {
        error = await member.sink.deliver(left, this.#abandoning.signal).then(
          () => null,
          (reason: unknown) => reason ?? new Fault('PEER_REFUSED', 'no reason given'),
        )
        if (error === null) break
        const isPoison = this.#poison.isOf(error, left)
        left = undeliveredOf(error, left)
        if (isPoison) poisoned.push({ by: candidate, error })
        if (left.length === 0 || !(error instanceof Fault) || error.retry !== 'at-once') break
        await new Promise<void>(resolve => clock.soon(resolve))
      }
      if (error !== null) {
        if (poisoned.at(-1)?.error !== error) {
          lastError = error
          processor.failed(candidate, clock.monotonic())
          log.warn(`sink ${candidate} of group ${name} failed: ${messageOf(error)}`)
        }
        if (left.length === 0 || this.#abandoning.signal.aborted) break
        continue
      }
      for (const { by, error: refusal } of poisoned) {
        processor.failed(by, clock.monotonic())
        log.warn(`sink ${by} of group ${name} cannot deliver what ${candidate} can: ${messageOf(refusal)}`)
      }
      processor.delivered(candidate, clock.monotonic())
      return { left: [] }
    }
    return { left, error: poisoned.at(-1)?.error ?? lastError }
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
