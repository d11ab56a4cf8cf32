// The Kafka sink: events become records; a batch is done when the brokers have acknowledged all of it.
import { defineSink, type CountedContext, type Sink } from '../component.ts'
import { DeliveryFault } from '../delivery-fault.ts'
import { Fault } from '../errors.ts'
import { compileEscapes } from '../escapes.ts'
import type { Event } from '../event.ts'
import { flag, int, prefix, text, type OptionsOf } from '../fields.ts'
import {
  createProducer,
  ProduceFault,
  readProducerProperties,
  type Producer,
  type ProducerRecord,
} from '../kafka-client/kafka-client.ts'
import { kafkaSinkCounters } from '../observe/counters.ts'
import { RecordMaker } from './kafka/record-of-event.ts'

const options = {
  'kafka.bootstrap.servers': text({
    doc: 'Brokers to begin with, as host:port, separated by commas; the others are learned from them.',
    required: true,
    example: 'localhost:9092',
  }),
  'kafka.topic': text({
    doc: 'Topic of events whose headers name none. Escapes (`%{header}`, `%Y` and so on) are expanded, but not with `allowTopicOverride = false`.',
    default: 'default-flume-topic',
  }),
  flumeBatchSize: int({
    doc: 'Most events of one channel transaction.',
    default: 100,
    min: 1,
    unit: 'events',
  }),
  useFlumeEventFormat: flag({
    doc: "Writes each event whole, headers included, in Avro's binary encoding. Otherwise the value is the body.",
    default: false,
  }),
  defaultPartitionId: int({
    doc: 'Partition of every event; where absent it depends on the key as with the Java clients.',
    min: 0,
    max: 2147483647,
  }),
  partitionIdHeader: text({
    doc: 'Header that holds the partition; wins over `defaultPartitionId`. A value that is no partition of the topic blocks the channel.',
  }),
  allowTopicOverride: flag({
    doc: 'Lets a header of the event override the topic.',
    default: true,
    since: '1.8',
  }),
  topicHeader: text({
    doc: 'Name of that header. Its value is taken as it is.',
    default: 'topic',
    since: '1.8',
  }),
  timestampHeader: text({
    doc: "Header that holds the record's time in milliseconds since 1970. The time of sending where it is absent or no such number.",
    since: '1.11',
  }),
  header: prefix({
    doc: '`header.<event header> = <record header>` copies a header of the event to the record. Brokers before 0.11 cannot keep record headers.',
    since: '1.11',
  }),
  'kafka.producer': prefix({
    doc: "Properties of Kafka's producer, by their names there, such as `kafka.producer.compression.type`. `acks` is 1 where it is not written.",
    differs: 'Read by a client of our own: properties without meaning here are named in a warning.',
  }),
}
type Options = OptionsOf<typeof options>

/** Batches under way at once, more where they are small; the producer keeps their order and sends them together. */
const windowOf = (batchSize: number) => Math.min(64, Math.max(4, Math.ceil(2000 / batchSize)))

export const kafkaSink = defineSink({
  type: 'org.apache.flume.sink.kafka.KafkaSink',
  aliases: [],
  summary: 'Writes events to topics; works with brokers from 0.10.2 to 4.x.',
  description: `The topic is that of the header \`topic\` (see \`topicHeader\`), else \`kafka.topic\`. The header \`key\` becomes the
record's key. Several batches are under way at once, in order per partition, each committed when all of its records are
acknowledged. After a failure the batch and those after it are sent again, so that records may appear twice.

With \`acks = 1\` (as in Flume, where nothing is written) a broker that fails can lose records it has acknowledged: write
\`kafka.producer.acks = all\` where that matters. The agent says so once at start.

A record that can never be written (too large, no such partition) blocks the channel as in Flume, and the log names topic,
size and remedy; the rest of its batch is not sent over and over.`,
  options,
  counters: kafkaSinkCounters,
  deprecated: {
    brokerList: { to: 'kafka.bootstrap.servers' },
    topic: { to: 'kafka.topic' },
    batchSize: { to: 'flumeBatchSize' },
    requiredAcks: { to: 'kafka.producer.acks', value: acks => (acks.trim() === '-1' ? 'all' : acks) },
  },
  withoutEffect: {
    'key.serializer.class': 'keys are always text, written as UTF-8',
    'serializer.class': 'values are always bytes',
    'kafka.flumeBatchSize': "Flume's guide writes it so in an example, but the key is flumeBatchSize",
  },
  batchSize: given => given.flumeBatchSize,
  check(given, say) {
    if (given.allowTopicOverride)
      try {
        compileEscapes(given['kafka.topic'], { now: () => 0 })
      } catch (error) {
        say.error('kafka.topic', (error as Error).message, 'write one of those, or %{header}')
      }
    for (const { key, severity, problem, fix } of readProperties(given).problems)
      say[severity](
        key === 'bootstrap.servers' ? 'kafka.bootstrap.servers' : `kafka.producer.${key}`,
        problem,
        fix,
      )
  },
  flow: given => [
    {
      does: 'write-topic',
      servers: given['kafka.bootstrap.servers'],
      topic: given['kafka.topic'],
      topicHeader: given.allowTopicOverride ? given.topicHeader : null,
    },
  ],
  create: (given, context) => new KafkaSink(given, context),
})

/** The producer's properties as Flume puts them together; `problems` name keys of the prefix. */
function readProperties(given: Options): ReturnType<typeof readProducerProperties> {
  return readProducerProperties({
    acks: '1',
    ...given['kafka.producer'],
    'bootstrap.servers': given['kafka.bootstrap.servers'],
  })
}

class KafkaSink implements Sink {
  readonly batchSize: number
  readonly window: number
  readonly #options: Options
  readonly #context: CountedContext
  readonly #maker: RecordMaker
  #producer: Producer | null = null
  /** Why an event could not become a record, while the runner is just being told. */
  #recent: Fault | null = null

  constructor(given: Options, context: CountedContext) {
    const { log, system } = context
    this.batchSize = given.flumeBatchSize
    this.window = windowOf(given.flumeBatchSize)
    this.#options = given
    this.#context = context
    this.#maker = new RecordMaker(
      {
        topic: given['kafka.topic'],
        topicHeader: given.allowTopicOverride ? given.topicHeader : null,
        partitionIdHeader: given.partitionIdHeader,
        defaultPartitionId: given.defaultPartitionId,
        timestampHeader: given.timestampHeader,
        headers: given.header,
        useFlumeEventFormat: given.useFlumeEventFormat,
      },
      {
        log,
        now: () => system.clock.now(),
        host: {
          name: system.network.hostName(),
          address: system.network.addresses()[0] ?? '127.0.0.1',
          fullName: system.network.hostName(),
        },
      },
    )
  }

  async start(): Promise<void> {
    const { log, system, counters } = this.#context
    const { settings } = readProperties(this.#options)
    if (settings === undefined) throw new Error('the producer properties are not valid')
    if (settings.acks === 1)
      log.info(
        'acks = 1: a broker that fails can lose records it has acknowledged; kafka.producer.acks = all avoids that',
      )
    if (settings.acks === 0)
      log.warn('acks = 0: records are taken for delivered when they are sent; any failure loses them')
    this.#producer = createProducer({
      settings,
      system,
      log,
      onHeadersDropped: () => {
        counters.addOwn('brokers_without_record_headers')
        log.warn(
          'the brokers keep an old message format without record headers; header.* has no effect on them',
        )
      },
    })
  }

  async deliver(events: readonly Event[], signal: AbortSignal): Promise<void> {
    const { counters, system } = this.#context
    const { clock } = system
    const begin = clock.monotonic()
    counters.add('EventDrainAttemptCount', events.length)
    if (events.length < this.batchSize) counters.add('BatchUnderflowCount')
    try {
      if (this.#recent !== null) throw heldBack(this.#recent, events)
      const records = this.#convert(events)
      await this.#producer!.send(records, signal).catch((error: unknown) => {
        throw asDeliveryFault(error, events, records)
      })
    } catch (error) {
      counters.add('RollbackCount')
      throw error
    }
    counters.add('KafkaEventSendTimer', Math.round(clock.monotonic() - begin))
    counters.add('EventDrainSuccessCount', events.length)
  }

  #convert(events: readonly Event[]): ProducerRecord[] {
    const records: ProducerRecord[] = []
    for (const event of events)
      try {
        records.push(this.#maker.make(event) as ProducerRecord)
      } catch (error) {
        if (!(error instanceof Fault)) throw error
        // The runner learns of it a little later: what it hands over until then must not be written before.
        this.#recent = error
        this.#context.system.clock.soon(() => (this.#recent = null))
        throw new DeliveryFault(error.code, error.message, { undelivered: events, event, cause: error.cause })
      }
    return records
  }

  async stop(): Promise<void> {
    const producer = this.#producer
    this.#producer = null
    await producer?.close()
  }
}

/** The producer's fault in terms of events; `records` are those of `events`, one each. */
function asDeliveryFault(
  error: unknown,
  events: readonly Event[],
  records: readonly ProducerRecord[],
): unknown {
  if (!(error instanceof ProduceFault)) return error
  const lost = new Set(error.undelivered)
  const bad = error.record === null ? -1 : records.indexOf(error.record)
  return new DeliveryFault(error.code, error.message, {
    undelivered: events.filter((_, index) => lost.has(records[index]!)),
    event: events[bad] ?? null,
    cause: error.cause,
  })
}

const heldBack = (fault: Fault, events: readonly Event[]): DeliveryFault =>
  new DeliveryFault('KAFKA', `held back, because an earlier batch failed: ${fault.message}`, {
    undelivered: events,
    cause: fault,
  })
