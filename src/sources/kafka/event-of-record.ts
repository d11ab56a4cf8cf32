// A record of a topic -> an event: the headers Flume 1.11 sets, and what text headers cannot carry.
import { isUtf8 } from 'node:buffer'
import { messageOf } from '../../errors.ts'
import { Event, HeaderName, SharedHeaders, TooManyHeaders } from '../../event.ts'
import { maxHeaders, skipEvent } from '../../wire/avro/flume-event.ts'
import type { Counters } from '../../observe/counters.ts'
import type { Logger } from '../../observe/log.ts'
import { AvroReader } from '../../wire/avro/binary.ts'
import type { ConsumedRecord } from '../../kafka-client/kafka-client.ts'
import { encodeOrigin, originHeader, type Origin } from '../../origin/origin.ts'
import { encodeKeptRecord, keptRecordHeader, type KeptHeader } from '../../wire/kafka/kept-record.ts'
import type { RecordHeader } from '../../wire/kafka/record.ts'

export interface RecordMapping {
  /** The header that receives the topic; null for none. */
  readonly topicHeader: string | null
  /** Event header -> record header. */
  readonly headers: Readonly<Record<string, string>>
  /** The value is an event in Avro's binary encoding, headers included. */
  readonly useFlumeEventFormat: boolean
  /** A header keeps what text cannot carry, so that a sink can write the record as it was. */
  readonly isExact: boolean
}

interface Parts {
  readonly mapping: RecordMapping
  readonly counters: Counters
  readonly log: Logger
  /** Wall clock, milliseconds since 1970. */
  readonly now: () => number
}

const timeName = new HeaderName('timestamp')
const partitionName = new HeaderName('partition')
const offsetName = new HeaderName('offset')
const keyName = new HeaderName('key')
const constantNames = new Set(['timestamp', 'partition', 'offset', 'key', originHeader, keptRecordHeader])
const noBytes = Buffer.alloc(0)

function setIfAbsent(event: Event, name: HeaderName, value: string): void {
  if (event.header(name) === undefined) event.setHeader(name.text, value)
}

export class EventMaker {
  readonly #parts: Parts
  readonly #mapped: readonly (readonly [string, string])[]
  readonly #mappedKeys: ReadonlySet<string>
  /** Whether a record header becomes the header `timestamp`. */
  readonly #mapsTime: boolean
  readonly #warned = new Set<string>()
  #skipped: string | null = null
  readonly #topicHeader: HeaderName | null
  #shared:
    | (Pick<ConsumedRecord, 'topic' | 'partition' | 'timestamp'> & { readonly made: SharedHeaders })
    | null = null

  constructor(parts: Parts) {
    this.#parts = parts
    this.#mapped = Object.entries(parts.mapping.headers)
    this.#mapsTime = 'timestamp' in parts.mapping.headers
    const { topicHeader } = parts.mapping
    this.#topicHeader = topicHeader === null ? null : new HeaderName(topicHeader)
    this.#mappedKeys = new Set(Object.values(parts.mapping.headers))
  }

  /** The event, or null where the record holds none (useFlumeEventFormat with another value). */
  make(record: ConsumedRecord, origin: Origin | null = null): Event | null {
    if (record.value === null)
      this.#lost('records_null_value', 'has no value (a tombstone); the body of its event is empty', record)
    return this.#parts.mapping.useFlumeEventFormat ? this.#unwrap(record, origin) : this.#wrap(record, origin)
  }

  /** Says, once a batch, that records were skipped. */
  endBatch(): void {
    if (this.#skipped === null) return
    this.#parts.log.error(
      `skipped records whose values are no events in Avro's binary encoding, as useFlumeEventFormat = true ` +
        `wants them (counted as records_not_flume_events); the first at ${this.#skipped}`,
    )
    this.#skipped = null
  }

  #wrap(record: ConsumedRecord, origin: Origin | null): Event {
    const event = Event.withBody(record.value ?? noBytes, this.#sharedOf(record))
    this.#addHeaders(event, record, origin)
    if (this.#parts.mapping.isExact) this.#keep(event, record)
    return event
  }

  /** Records of one batch differ in nothing but their offset, most of them. */
  #sharedOf({ topic, partition, timestamp, headers }: ConsumedRecord): SharedHeaders | null {
    const name = this.#topicHeader
    // What is mapped stands before the topic.
    if (name === null || constantNames.has(name.text) || headers.length > 0 || timestamp === -1) return null
    const last = this.#shared
    if (last?.timestamp === timestamp && last.partition === partition && last.topic === topic)
      return last.made
    const made = new SharedHeaders([
      'timestamp',
      String(timestamp),
      name.text,
      topic,
      'partition',
      String(partition),
    ])
    this.#shared = { topic, partition, timestamp, made }
    return made
  }

  #unwrap(record: ConsumedRecord, origin: Origin | null): Event | null {
    try {
      const bytes = record.value ?? Buffer.alloc(0)
      const end = skipEvent(new AvroReader(bytes))
      const event = Event.fromEncoded(end === bytes.length ? bytes : bytes.subarray(0, end))
      this.#addHeaders(event, record, origin)
      return event
    } catch (error) {
      const isFull = error instanceof TooManyHeaders
      return this.#skip(
        record,
        isFull ? `with those of the source it has more than ${maxHeaders} headers` : messageOf(error),
      )
    }
  }

  #skip({ topic, partition, offset }: ConsumedRecord, why: string): null {
    this.#parts.counters.addOwn('records_not_flume_events')
    this.#skipped ??= `${topic}-${partition} offset ${offset}: ${why}`
    return null
  }

  /** Each only where it is absent, but for the key, the mapped ones and the origin, which overwrite. */
  #addHeaders(event: Event, record: ConsumedRecord, origin: Origin | null): void {
    if (!event.isShared) {
      // Message format 0 has no times, and brokers give -1 for records converted from it.
      const time = record.timestamp === -1 ? this.#parts.now() : record.timestamp
      setIfAbsent(event, timeName, String(time))
      if (record.headers.length > 0) this.#mapHeaders(event, record)
      if (this.#topicHeader !== null) setIfAbsent(event, this.#topicHeader, record.topic)
      setIfAbsent(event, partitionName, String(record.partition))
    }
    setIfAbsent(event, offsetName, String(record.offset))
    // What the event closes in each channel is not known before the interceptors (coverage.ts).
    if (origin !== null) event.setHeader(originHeader, encodeOrigin({ ...origin, from: origin.to }))
    if (record.key === null) return
    if (!isUtf8(record.key))
      this.#lost(
        'records_binary_key',
        'has a key that is not UTF-8; the header "key" cannot carry it unchanged',
        record,
      )
    event.setHeader('key', record.key.toString())
  }

  /** Adds what the event's headers, as they are now, and its body do not say. Most records have nothing of the kind. */
  #keep(event: Event, record: ConsumedRecord): void {
    const { key, value, timestamp, isAppendTime } = record
    const isKeyKept = key === null ? event.header(keyName) !== undefined : !isUtf8(key)
    // Of a time before 1970 sinks take nothing from a header.
    const isTimeKept = timestamp < 0 || (this.#mapsTime && event.header(timeName) !== String(timestamp))
    const isPlain = value !== null && record.headers.length === 0 && isAppendTime !== true
    if (isPlain && !isKeyKept && !isTimeKept) return
    event.setHeader(
      keptRecordHeader,
      encodeKeptRecord({
        ...(isKeyKept ? { key } : {}),
        ...(value === null ? { hasNoValue: true } : {}),
        ...(record.headers.length === 0 ? {} : { headers: this.#keptHeaders(event.headers, record.headers) }),
        ...(isTimeKept ? { timestamp } : {}),
        ...(isAppendTime === true ? { isAppendTime } : {}),
      }),
    )
  }

  /** Of a mapped one, which the event has already, the event's header is named. */
  #keptHeaders(headers: ReadonlyMap<string, string>, list: readonly RecordHeader[]): KeptHeader[] {
    const kept: KeptHeader[] = []
    const seen = new Set<string>()
    for (const { key: name, value } of list.toReversed()) {
      // The last of several with one name is the one that is mapped.
      const isMapped = this.#mappedKeys.has(name) && !seen.has(name) && value !== null && isUtf8(value)
      seen.add(name)
      const text = isMapped ? value.toString() : ''
      const [eventHeader] =
        (isMapped && this.#mapped.find(([header, from]) => from === name && headers.get(header) === text)) ||
        []
      kept.push(eventHeader === undefined ? { name, value } : { name, eventHeader })
    }
    return kept.toReversed()
  }

  #mapHeaders(event: Event, record: ConsumedRecord): void {
    for (const [eventHeader, recordHeader] of this.#mapped) {
      const value = lastOf(record.headers, recordHeader)?.value
      if (value === undefined || value === null) continue
      if (!isUtf8(value))
        this.#lost('records_binary_header', `has a header "${recordHeader}" that is not UTF-8`, record)
      event.setHeader(eventHeader, value.toString())
    }
    const dropped = record.headers.find(({ key }) => !this.#mappedKeys.has(key))
    if (dropped !== undefined)
      this.#lost(
        'records_unmapped_headers',
        `has record headers that are dropped ("${dropped.key}" for one); header.<event header> = <record header> keeps one`,
        record,
      )
  }

  /** Counts each, warns of the first; nothing is lost where it is kept. */
  #lost(counter: string, what: string, { topic, partition, offset }: ConsumedRecord): void {
    if (this.#parts.mapping.isExact) return
    this.#parts.counters.addOwn(counter)
    if (this.#warned.has(counter)) return
    this.#warned.add(counter)
    this.#parts.log.warn(
      `the record at ${topic}-${partition} offset ${offset} ${what}; further ones are counted (${counter})`,
    )
  }
}

function lastOf(headers: readonly RecordHeader[], key: string): RecordHeader | undefined {
  for (let index = headers.length - 1; index >= 0; index--)
    if (headers[index]!.key === key) return headers[index]
  return undefined
}
