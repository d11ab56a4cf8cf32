// An event -> a record of a topic: topic, partition, key, time and headers as Flume's sink chooses them.
import { Fault, messageOf } from '../../errors.ts'
import { compileEscapes, hasEscapes } from '../../java/escapes.ts'
import { type Event, HeaderName } from '../../event.ts'
import type { Logger } from '../../observe/log.ts'
import { decodeKeptRecord, keptRecordHeader, type KeptRecord } from '../../wire/kafka/kept-record.ts'
import type { RecordHeader } from '../../wire/kafka/record.ts'
import { isTopicName, topicNameRule } from '../../wire/kafka/topic-name.ts'

export interface EventMapping {
  /** With escapes; expanded only where the topic header may override it. */
  readonly topic: string
  /** The header that overrides the topic; null where none may. */
  readonly topicHeader: string | null
  readonly partitionIdHeader: string | undefined
  readonly defaultPartitionId: number | undefined
  readonly timestampHeader: string | undefined
  /** Event header -> record header. */
  readonly headers: Readonly<Record<string, string>>
  readonly useFlumeEventFormat: boolean
  /** What the header of a Kafka source with the same setting keeps is restored. */
  readonly isExact: boolean
}

/** Partition and time are undefined where the producer chooses them. */
export interface OutgoingRecord {
  readonly topic: string
  readonly partition: number | undefined
  readonly key: Buffer | null
  readonly value: Buffer | null
  readonly timestamp: number | undefined
  readonly headers: readonly RecordHeader[]
}

/** What every event has, also one that cannot become a record. */
export type RecordContent = Pick<OutgoingRecord, 'key' | 'value' | 'headers'>

/** Where an event is meant to go, as its headers or the configuration say it, right or wrong. */
export interface RecordTarget {
  readonly topic: string
  readonly partition: string | undefined
}

const noHeaders: readonly RecordHeader[] = []
const keyName = new HeaderName('key')
const keptName = new HeaderName(keptRecordHeader)

const expandBy =
  (expand: ReturnType<typeof compileEscapes>) =>
  ({ headers }: Event): string =>
    expand(headers)

const valueIn = (event: Event, name: HeaderName | null): string | undefined =>
  name === null ? undefined : event.header(name)

export class RecordMaker {
  readonly #mapping: EventMapping
  readonly #log: Logger
  readonly #expandTopic: (event: Event) => string
  readonly #mapped: readonly (readonly [HeaderName, string])[]
  /** Of the headers that are asked for; null where the mapping names none. */
  readonly #topicHeader: HeaderName | null
  readonly #partitionHeader: HeaderName | null
  readonly #timeHeader: HeaderName | null
  readonly #said = new Set<string>()
  #lastTopic = ''

  constructor(
    mapping: EventMapping,
    {
      log,
      now,
      host,
    }: { log: Logger; now: () => number; host: Parameters<typeof compileEscapes>[1]['host'] },
  ) {
    this.#mapping = mapping
    this.#log = log
    this.#mapped = Object.entries(mapping.headers).map(([from, to]) => [new HeaderName(from), to])
    const { topic, topicHeader, partitionIdHeader, timestampHeader } = mapping
    this.#topicHeader = topicHeader === null ? null : new HeaderName(topicHeader)
    this.#partitionHeader = partitionIdHeader === undefined ? null : new HeaderName(partitionIdHeader)
    this.#timeHeader = timestampHeader === undefined ? null : new HeaderName(timestampHeader)
    this.#expandTopic =
      mapping.topicHeader !== null && hasEscapes(topic)
        ? expandBy(compileEscapes(topic, { now, ...(host === undefined ? {} : { host }) }))
        : () => topic
  }

  /** Throws UNDELIVERABLE where the event cannot become a record, now or later. */
  make(event: Event): OutgoingRecord {
    const topic = this.#check(this.#topicOf(event))
    const kept = this.#keptOf(event)
    return {
      topic,
      partition: this.#partitionOf(event, topic),
      timestamp: kept?.timestamp ?? this.#timeOf(event),
      ...this.#contentOf(event, kept),
    }
  }

  contentOf(event: Event): RecordContent {
    return this.#contentOf(event, this.#keptOf(event))
  }

  #contentOf(event: Event, kept: KeptRecord | null): RecordContent {
    return {
      key: this.#keyOf(event.header(keyName), kept),
      value: this.#mapping.useFlumeEventFormat ? event.encoded : this.#valueOf(event.body, kept),
      headers:
        kept?.headers !== undefined
          ? this.#keptHeaders(kept.headers, event)
          : this.#mapped.length === 0
            ? noHeaders
            : this.#headersOf(event),
    }
  }

  #keptOf(event: Event): KeptRecord | null {
    const text = this.#mapping.isExact ? event.header(keptName) : undefined
    if (text === undefined) return null
    const kept = decodeKeptRecord(text)
    if (kept === null)
      this.#sayOnce(
        `the header "${keptRecordHeader}" of an event is not one that a Kafka source has written; the event is written without it`,
      )
    return kept
  }

  #keyOf(header: string | undefined, kept: KeptRecord | null): Buffer | null {
    if (kept?.key === null) return null
    if (kept?.key !== undefined) {
      // As the source has written it beside the bytes.
      if (header === kept.key.toString()) return kept.key
      this.#sayOnce(
        'the header "key" of an event was changed on its way; the record gets the new key, and not the one that was kept',
      )
    }
    return header === undefined ? null : Buffer.from(header)
  }

  #valueOf(body: Buffer, kept: KeptRecord | null): Buffer | null {
    if (kept?.hasNoValue !== true) return body
    if (body.length === 0) return null
    this.#sayOnce(
      'the body of an event whose record had no value was changed on its way; the record gets the new body',
    )
    return body
  }

  /** Headers of the event win where they have changed. */
  #keptHeaders(kept: NonNullable<KeptRecord['headers']>, event: Event): readonly RecordHeader[] {
    const made: RecordHeader[] = []
    for (const one of kept) {
      const text = 'eventHeader' in one ? event.headers.get(one.eventHeader) : undefined
      if (!('eventHeader' in one)) made.push({ key: one.name, value: one.value })
      else if (text !== undefined) made.push({ key: one.name, value: Buffer.from(text) })
    }
    for (const { key, value } of this.#headersOf(event)) {
      const at = made.findLastIndex(one => one.key === key)
      if (at < 0) made.push({ key, value })
      else if (made[at]!.value?.toString() !== value!.toString()) made[at] = { key, value }
    }
    return made
  }

  /** In the log, so that a flow of such events does not fill it. */
  #sayOnce(what: string): void {
    if (this.#said.has(what)) return
    this.#said.add(what)
    this.#log.warn(`${what} (reported once)`)
  }

  targetOf(event: Event): RecordTarget {
    const { topic, defaultPartitionId } = this.#mapping
    const partition = valueIn(event, this.#partitionHeader)
    return {
      topic: valueIn(event, this.#topicHeader) ?? this.#expanded(event) ?? topic,
      partition: partition ?? defaultPartitionId?.toString(),
    }
  }

  #expanded(event: Event): string | undefined {
    try {
      return this.#expandTopic(event)
    } catch {
      return undefined
    }
  }

  #topicOf(event: Event): string {
    const override = valueIn(event, this.#topicHeader)
    if (override !== undefined) {
      if (override === '')
        throw new Fault(
          'UNDELIVERABLE',
          `the header "${this.#mapping.topicHeader}" of an event names an empty topic. Remove the header or set allowTopicOverride = false`,
        )
      return override
    }
    try {
      return this.#expandTopic(event)
    } catch (error) {
      throw new Fault('UNDELIVERABLE', `kafka.topic cannot be expanded: ${messageOf(error)}`, {
        cause: error,
      })
    }
  }

  /** Asking a broker for a topic that cannot be would only make it complain, and some answer nothing for the others. */
  #check(topic: string): string {
    if (topic === this.#lastTopic) return topic
    if (!isTopicName(topic))
      throw new Fault(
        'UNDELIVERABLE',
        `${JSON.stringify(topic.slice(0, 300))} is not a name that a topic can have: ${topicNameRule}. Correct what sets it (${this.#mapping.topicHeader === null ? 'kafka.topic' : `the header "${this.#mapping.topicHeader}", or kafka.topic`})`,
      )
    this.#lastTopic = topic
    return topic
  }

  #partitionOf(event: Event, topic: string): number | undefined {
    const { partitionIdHeader, defaultPartitionId } = this.#mapping
    const given = valueIn(event, this.#partitionHeader)
    if (given === undefined) return defaultPartitionId
    const partition = Number(given)
    if (!/^\+?\d+$/.test(given) || partition > 2147483647)
      throw new Fault(
        'UNDELIVERABLE',
        `the header "${partitionIdHeader}" of an event for topic ${topic} is no partition number: ${JSON.stringify(given.slice(0, 100))}. ` +
          'Correct what sets it, or remove partitionIdHeader',
      )
    return partition
  }

  #timeOf(event: Event): number | undefined {
    const { timestampHeader } = this.#mapping
    const given = valueIn(event, this.#timeHeader)
    if (given === undefined) return undefined
    const time = Number(given)
    if (/^\+?\d+$/.test(given) && Number.isSafeInteger(time)) return time
    this.#sayOnce(
      `the header "${timestampHeader}" of an event is no time in milliseconds since 1970; the record gets the time of sending`,
    )
    return undefined
  }

  #headersOf(event: Event): readonly RecordHeader[] {
    const made: RecordHeader[] = []
    for (const [eventHeader, recordHeader] of this.#mapped) {
      const value = event.header(eventHeader)
      if (value !== undefined) made.push({ key: recordHeader, value: Buffer.from(value) })
    }
    return made
  }
}
