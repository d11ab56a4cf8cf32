// Exactly-once delivery of a Kafka sink: what its sessions share. Each record is written in one transaction with the
// progress of its origin partition, under a transactional id that only one producer has at a time, so that whoever writes
// next knows what was written, wherever the sink, its agent or its broker ended (docs/decisions/0035-exactly-once.md).
import type { CountedContext, SinkSession } from '../../../component.ts'
import { Fault } from '../../../errors.ts'
import type { Event } from '../../../event.ts'
import {
  createTransactionalProducer,
  TransactionFault,
  type ProducerRecord,
  type ProducerSession,
  type ProducerSettings,
} from '../../../kafka-client/kafka-client.ts'
import type { Condition } from '../../../observe/conditions.ts'
import type { Logger } from '../../../observe/log.ts'
import { sparing } from '../../../observe/sparing-log.ts'
import { originHeader, type Origin } from '../../../origin/origin.ts'
import { encodeProgress, progressKey, transactionalIdOf } from '../../../origin/progress.ts'
import type { Written } from '../../../origin/written.ts'
import { printable, countOf } from '../../../printable.ts'
import { Delivery } from './delivery.ts'
import { OriginWriter, type Item, type WriterParts } from './origin-writer.ts'
import { ProgressTopic } from './progress-topic.ts'
import { ExactlyOnceSession } from './session.ts'

export interface ExactlyOnceParts {
  readonly flow: string
  readonly progress: {
    readonly topic: string
    readonly partitions: number
    readonly replicationFactor: number
    /** What the sink writes to, as `kafka.topic` has it. */
    readonly to: string
  }
  readonly settings: ProducerSettings
  readonly context: CountedContext
}

/**
 * A transaction that is open for longer is aborted by its coordinator; so long, at most, readers of committed records
 * wait after a kill for an agent that does not come back.
 */
const transactionTimeoutMs = 20_000
/** Fenced so often within this time, two agents take the writers from each other. */
const [fencedOften, fencedWithinMs] = [4, 60_000]
/** A set of so many ranges is large: each transaction writes it. */
const manyRanges = 1_000

export class ExactlyOnce {
  readonly #parts: ExactlyOnceParts
  readonly #progress: ProgressTopic
  readonly #log: Logger
  readonly #noOrigin: Condition
  readonly #contended: Condition
  /** When writers were fenced last, monotonic ms. */
  #fenced: number[] = []
  #session: ExactlyOnceSession | null = null

  constructor(parts: ExactlyOnceParts) {
    const { flow, progress, settings, context } = parts
    const { system, systemProperties, log, condition } = context
    this.#parts = parts
    this.#log = sparing(log, system.clock)
    this.#noOrigin = condition('origins', { level: 'warn' })
    this.#contended = condition('writers', { level: 'warn' })
    this.#progress = new ProgressTopic({
      flow,
      ...progress,
      settings,
      system: { ...system, systemProperties },
      log,
      condition,
    })
  }

  /** `openPlain`: for events without an origin. */
  open(
    signal: AbortSignal,
    given: { recordOf(event: Event): ProducerRecord; openPlain(): ProducerSession },
  ): SinkSession {
    this.#session = new ExactlyOnceSession({
      ...given,
      clock: this.#parts.context.system.clock,
      signal,
      makeWriter: (partition, until, onFailed) => this.#makeWriter(partition, until, onFailed),
      onPlain: count => this.#notePlain(count),
    })
    return this.#session
  }

  /**
   * Closes the range of an event that was set aside, with the record that keeps it, or with none where it is kept elsewhere.
   * The record may be larger than those of the sink.
   */
  async close(
    event: Event,
    origin: Origin,
    record: ProducerRecord | null,
    maxRequestSize: number,
    signal: AbortSignal,
  ): Promise<void> {
    await this.#session?.release(origin.partition)
    const delivery = new Delivery(0, [event])
    const lose: WriterParts['onFailed'] = (items, error, bad) => {
      for (const item of items) delivery.failed(item.event, error, bad?.event ?? null)
      return []
    }
    const writer = this.#makeWriter(origin.partition, signal, lose, maxRequestSize)
    const abort = () => void writer.close()
    signal.addEventListener('abort', abort, { once: true })
    try {
      writer.push({ event, origin, record, delivery })
      await delivery.done
    } finally {
      signal.removeEventListener('abort', abort)
      await writer.close()
    }
  }

  #makeWriter(
    partition: string,
    signal: AbortSignal,
    onFailed: WriterParts['onFailed'],
    maxRequestSize?: number,
  ): OriginWriter {
    const { flow, settings, context } = this.#parts
    const { system, systemProperties, log, condition, agent, name } = context
    const { topic } = this.#parts.progress
    const key = Buffer.from(progressKey(flow, partition))
    const producer = createTransactionalProducer({
      settings: {
        ...settings,
        ...(maxRequestSize === undefined ? {} : { maxRequestSize }),
        transactionalId: transactionalIdOf(flow, partition),
        transactionTimeoutMs,
      },
      system: { ...system, systemProperties },
      log,
      condition,
      // A progress topic that was deleted must not come back without its settings.
      allowAutoTopicCreation: false,
    })
    return new OriginWriter({
      producer,
      clock: system.clock,
      signal,
      prepare: () => this.#progress.prepare(signal),
      read: () => this.#progress.written(partition, signal),
      progressOf: written => {
        this.#noteRanges(partition, written)
        const note = {
          time: new Date(system.clock.now()).toISOString(),
          by: `${agent}/${name}`,
          to: this.#parts.progress.to,
        }
        return { topic, key, value: Buffer.from(encodeProgress(written, note)) }
      },
      onLetGo: (items, isFirst) => this.#noteLetGo(partition, items, isFirst),
      onCommitted: () => this.#noteCommitted(),
      onFailed: (items, error, bad) => onFailed(items, this.#explained(partition, error), bad),
    })
  }

  #explained(partition: string, error: unknown): unknown {
    if (!(error instanceof TransactionFault) || error.kind !== 'fenced') return error
    const { flow, context } = this.#parts
    const now = context.system.clock.monotonic()
    context.counters.addOwn('writers_fenced')
    this.#fenced = [...this.#fenced.filter(at => now - at < fencedWithinMs), now]
    if (this.#fenced.length >= fencedOften)
      this.#contended.raise(
        `writers of flow ${flow} were taken over ${this.#fenced.length} times within a minute: another agent delivers events of the same origin partitions, and each takes the writers from the other, which is correct and slow`,
        {
          remedy:
            'Let one agent deliver at a time (processor.type = failover in the agent before), or give each reading agent its own.',
        },
      )
    return new Fault(
      'KAFKA',
      `another producer has taken over flow ${flow} from ${partition}, or a transaction took longer than ${transactionTimeoutMs / 1000} s; the sink takes it over again, and lets go what was written`,
      { cause: error },
    )
  }

  #noteCommitted(): void {
    const now = this.#parts.context.system.clock.monotonic()
    if (now - (this.#fenced.at(-1) ?? -Infinity) >= fencedWithinMs)
      this.#contended.clear('writers are not taken over any more')
  }

  #noteLetGo(partition: string, items: readonly Item[], isFirst: boolean): void {
    const { flow, context } = this.#parts
    context.counters.addOwn('events_already_written', items.length)
    if (!isFirst) return
    const [first, last] = [items[0]!, items.at(-1)!]
    context.log.info(
      `${countOf(items.length, 'event')} of ${printable(partition)} (offsets ${first.origin.to} to ${last.origin.to}) were let go, because flow ${flow} had written them; further ones are counted (events_already_written). If a replay was meant, give the sink another flow, or use "millrace progress reset"`,
    )
  }

  #notePlain(count: number): void {
    if (count === 0) return this.#noOrigin.clear('all events name the record they come from')
    this.#parts.context.counters.addOwn('events_without_origin', count)
    this.#noOrigin.raise(
      `events without the header ${originHeader} arrive; they are written at least once (deliveryGuarantee = exactly-once needs the header)`,
      {
        remedy:
          'Set originHeader = true on the Kafka source that reads them, and keep the header on the way.',
      },
    )
  }

  #noteRanges(partition: string, { ranges }: Written): void {
    if (ranges.length < manyRanges) return
    this.#log.warn(
      `what flow ${this.#parts.flow} has written of ${printable(partition)} are ${ranges.length} ranges with gaps between, which each transaction writes: events are dropped, or shared out, in an agent behind the one that reads the topic. Do that in the agent that reads it`,
    )
  }
}
