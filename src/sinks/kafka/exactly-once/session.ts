// A session of a sink that writes each record once: shares the events of a delivery out over the writers of their origin
// partitions. Events without an origin are written by a producer of their own, at least once.
//
// The first failure ends the session, as every sink's: what is behind it, and not in a transaction yet, is not written.
import type { SinkSession } from '../../../component.ts'
import type { Event } from '../../../event.ts'
import { Fault } from '../../../errors.ts'
import {
  ProduceFault,
  type ProducerRecord,
  type ProducerSession,
} from '../../../kafka-client/kafka-client.ts'
import { originOf } from '../../../origin/origin.ts'
import type { Clock, Timer } from '../../../system/clock.ts'
import { Delivery } from './delivery.ts'
import { OriginWriter, type Item, type WriterParts } from './origin-writer.ts'

export interface SessionParts {
  readonly clock: Clock
  /** Gives everything up. */
  readonly signal: AbortSignal
  /** Throws UNDELIVERABLE where the event cannot become a record. */
  recordOf(event: Event): ProducerRecord
  makeWriter(partition: string, signal: AbortSignal, onFailed: WriterParts['onFailed']): OriginWriter
  /** For events without an origin. */
  openPlain(): ProducerSession
  /** Of each delivery: how many of its events have no origin. */
  onPlain(count: number): void
}

/** A writer that has had nothing to do for so long is closed: its connections, and its id at the brokers, are let go. */
const idleMs = 60_000
/** From so many on, those that have nothing to do at the moment are closed for others. */
const mostWriters = 256

export class ExactlyOnceSession implements SinkSession {
  readonly #parts: SessionParts
  readonly #writers = new Map<string, OriginWriter>()
  #idle: Timer
  readonly #onAbort = (): void => void this.close()
  #plain: ProducerSession | null = null
  #deliveries = 0
  /** From this delivery on nothing more is begun. */
  #failedAt = Infinity
  #fault: unknown = null
  /** The event that can become no record, of the delivery that has ended the session. */
  #culprit: Event | null = null

  constructor(parts: SessionParts) {
    this.#parts = parts
    this.#idle = this.#watchIdle()
    parts.signal.addEventListener('abort', this.#onAbort, { once: true })
  }

  deliver(events: readonly Event[]): Promise<void> {
    const delivery = new Delivery(this.#deliveries++, events)
    const records = this.#failedAt < delivery.index ? null : this.#recordsOf(events, delivery)
    if (records !== null) this.#handOut(events, records, delivery)
    else
      for (const event of events) delivery.failed(event, this.#fault, event === this.#culprit ? event : null)
    return delivery.done
  }

  /** Null where one cannot become a record: nothing of the delivery is written then. */
  #recordsOf(events: readonly Event[], { index }: Delivery): ProducerRecord[] | null {
    const records: ProducerRecord[] = []
    for (const event of events)
      try {
        records.push(this.#parts.recordOf(event))
      } catch (error) {
        if (!(error instanceof Fault)) throw error
        this.#culprit = event
        this.#refuse(index, error)
        return null
      }
    return records
  }

  #handOut(events: readonly Event[], records: readonly ProducerRecord[], delivery: Delivery): void {
    const plain: { event: Event; record: ProducerRecord }[] = []
    for (const [at, event] of events.entries()) {
      const record = records[at]!
      const origin = originOf(event)
      if (origin === null) plain.push({ event, record })
      else this.#writerOf(origin.partition).push({ event, origin, record, delivery })
    }
    this.#parts.onPlain(plain.length)
    if (plain.length > 0) void this.#writePlain(plain, delivery)
  }

  async #writePlain(
    plain: readonly { readonly event: Event; readonly record: ProducerRecord }[],
    delivery: Delivery,
  ): Promise<void> {
    this.#plain ??= this.#parts.openPlain()
    try {
      await this.#plain.send(
        plain.map(one => one.record),
        this.#parts.signal,
      )
      for (let left = plain.length; left > 0; left--) delivery.written()
    } catch (error) {
      this.#refuse(delivery.index, error)
      const { undelivered, record } =
        error instanceof ProduceFault ? error : { undelivered: null, record: null }
      for (const { event, record: own } of plain)
        if (undelivered?.includes(own) === false) delivery.written()
        else delivery.failed(event, error, own === record ? event : null)
    }
  }

  #writerOf(partition: string): OriginWriter {
    let writer = this.#writers.get(partition)
    if (writer === undefined) {
      if (this.#writers.size >= mostWriters) this.#releaseIdle(0)
      writer = this.#parts.makeWriter(partition, this.#parts.signal, (...failed) => this.#failed(...failed))
      this.#writers.set(partition, writer)
    }
    return writer
  }

  #failed(items: readonly Item[], error: unknown, bad: Item | null): readonly Item[] {
    const { index } = (bad ?? items[0]!).delivery
    this.#refuse(index, error)
    const [again, lost] = [
      items.filter(one => one.delivery.index < index),
      items.filter(one => one.delivery.index >= index),
    ]
    for (const { event, delivery } of lost) delivery.failed(event, error, event === bad?.event ? event : null)
    return again
  }

  /** The delivery has failed: what the session has from there on, and is in no transaction, is not written. */
  #refuse(index: number, error: unknown): void {
    if (index >= this.#failedAt) return
    this.#failedAt = index
    this.#fault = error
    this.#plain?.refuse(new Fault('KAFKA', 'held back, because an earlier delivery failed'))
    for (const writer of this.#writers.values())
      for (const { event, delivery } of writer.takeBack(one => one.delivery.index >= index))
        delivery.failed(event, error)
  }

  /** Another producer takes the partition over: its next event begins with it again. */
  async release(partition: string): Promise<void> {
    const writer = this.#writers.get(partition)
    this.#writers.delete(partition)
    await writer?.close()
  }

  #watchIdle(): Timer {
    const { clock } = this.#parts
    const look = (): void => {
      this.#releaseIdle(idleMs)
      this.#idle = this.#watchIdle()
    }
    return clock.after(idleMs, look, { background: true })
  }

  #releaseIdle(forMs: number): void {
    const now = this.#parts.clock.monotonic()
    for (const [partition, writer] of this.#writers)
      if (writer.isIdle && now - writer.lastUsed >= forMs) void this.release(partition)
  }

  async close(): Promise<void> {
    this.#parts.signal.removeEventListener('abort', this.#onAbort)
    this.#idle.cancel()
    this.#plain?.end('the session is over')
    await Promise.all([...this.#writers.keys()].map(partition => this.release(partition)))
  }
}
