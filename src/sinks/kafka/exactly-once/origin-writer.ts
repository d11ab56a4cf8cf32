// The writer of one origin partition. It takes over the partition's transactional id, which fences the writer before and
// ends its transaction, then reads what was written, then writes:
//
//   waiting events -> transaction (records, progress) -> committed -> delivered
//
// One transaction is under way; the next one has what waits by then. Events that were written before are let go.
import type { Event } from '../../../event.ts'
import { Fault } from '../../../errors.ts'
import {
  ProduceFault,
  TransactionFault,
  type ProducerRecord,
  type TransactionalProducer,
} from '../../../kafka-client/kafka-client.ts'
import type { Origin } from '../../../origin/origin.ts'
import { Written } from '../../../origin/written.ts'
import type { Clock } from '../../../system/clock.ts'
import type { Delivery } from './delivery.ts'

export interface Item {
  readonly event: Event
  readonly origin: Origin
  /** Null where only the event's range is closed: the event is kept elsewhere. */
  readonly record: ProducerRecord | null
  readonly delivery: Delivery
}

export interface WriterParts {
  readonly producer: TransactionalProducer
  readonly clock: Clock
  readonly signal: AbortSignal
  /** Called before the transactional id is used. */
  prepare(): Promise<void>
  /** What was written of the partition, by all that is committed when it is called. */
  read(): Promise<Written>
  /** The record that takes the progress of the transaction. */
  progressOf(written: Written): ProducerRecord
  onLetGo(items: readonly Item[], isFirst: boolean): void
  onCommitted(): void
  /**
   * The items are not written, for this reason; `bad` is the one that can never be. Gives those that are to be written
   * all the same.
   */
  onFailed(items: readonly Item[], error: unknown, bad: Item | null): readonly Item[]
}

/** Most of one transaction: it has to be over within the time that the coordinator gives it. */
const mostItems = 10_000
const mostBytes = 8 * 1024 * 1024

export class OriginWriter {
  readonly #parts: WriterParts
  #waiting: Item[] = []
  #written: Written | null = null
  #hasLetGo = false
  #running: Promise<void> | null = null
  /** Monotonic ms of the last work. */
  lastUsed = 0

  constructor(parts: WriterParts) {
    this.#parts = parts
  }

  get isIdle(): boolean {
    return this.#running === null
  }

  push(item: Item): void {
    this.#waiting.push(item)
    this.#running ??= this.#run()
  }

  /** Those of the waiting items that `isMeant` names are not written. */
  takeBack(isMeant: (item: Item) => boolean): Item[] {
    const { true: back = [], false: left = [] } = Object.groupBy(this.#waiting, one => `${isMeant(one)}`)
    this.#waiting = left
    return back
  }

  async close(): Promise<void> {
    await this.#parts.producer.close()
    await this.#running
  }

  async #run(): Promise<void> {
    const { clock } = this.#parts
    // What is handed over in the same turn goes together.
    await new Promise<void>(resolve => clock.soon(resolve))
    while (this.#waiting.length > 0) {
      const items = this.#next()
      try {
        this.#written ??= await this.#begin()
        await this.#write(items, this.#written)
      } catch (error) {
        await this.#fail(items, error)
      }
    }
    this.lastUsed = clock.monotonic()
    this.#running = null
  }

  #next(): Item[] {
    let count = 0
    for (let bytes = 0; count < this.#waiting.length && count < mostItems && bytes < mostBytes; count++)
      bytes += this.#waiting[count]!.event.size
    return this.#waiting.splice(0, count)
  }

  /** In this order: what the writer before commits until it is fenced is read. */
  async #begin(): Promise<Written> {
    const { producer, signal, prepare, read } = this.#parts
    await prepare()
    await producer.init(signal)
    if (!producer.recognizesFenced)
      throw new Fault(
        'KAFKA_FATAL',
        'the brokers are older than Kafka 2.5, which deliveryGuarantee = exactly-once needs. Update them, or write deliveryGuarantee = at-least-once',
      )
    return read()
  }

  async #write(items: readonly Item[], before: Written): Promise<void> {
    const { producer, signal, progressOf, onLetGo, onCommitted } = this.#parts
    const written = new Written(before.ranges)
    const records: ProducerRecord[] = []
    const known: Item[] = []
    let hasNew = false
    for (const item of items) {
      if (written.holds(item.origin)) known.push(item)
      else {
        hasNew = true
        if (item.record !== null) records.push(item.record)
      }
      written.add(item.origin)
    }
    if (hasNew) {
      producer.begin()
      await producer.send([...records, progressOf(written)], signal)
      await producer.commit(signal)
      onCommitted()
    }
    this.#written = written
    if (known.length > 0) onLetGo(known, !this.#hasLetGo)
    this.#hasLetGo ||= known.length > 0
    for (const { delivery } of items) delivery.written()
  }

  async #fail(items: readonly Item[], error: unknown): Promise<void> {
    const { producer, signal, onFailed } = this.#parts
    const { record = null } = error instanceof ProduceFault && error.code === 'UNDELIVERABLE' ? error : {}
    const bad = (record !== null && items.find(item => item.record === record)) || null
    // Readers of committed records are not kept waiting. Of a producer that was fenced only the coordinator knows it.
    const ended = await producer.abort(signal).then(
      () => null,
      (reason: unknown) => reason ?? error,
    )
    const isOver = bad === null || ended !== null
    if (isOver) this.#written = null
    const isFenced = ended instanceof TransactionFault && ended.kind === 'fenced'
    this.#waiting.unshift(...onFailed(items, isFenced ? ended : error, isOver ? null : bad))
  }
}
