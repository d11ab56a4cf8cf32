// The Kafka sink: events become records; a batch is done when the brokers have acknowledged all of it.
import { defineSink, type CountedContext, type SessionSink, type SinkSession, pathOf } from '../component.ts'
import { DeadLetterFile, examineDeadLetters } from '../dead-letter.ts'
import { DeliveryFault } from '../delivery-fault.ts'
import { Fault } from '../errors.ts'
import { compileEscapes, hostOf } from '../java/escapes.ts'
import type { Event } from '../event.ts'
import { choice, flag, int, prefix, text, type OptionsOf } from '../fields.ts'
import {
  createProducer,
  examineSecurity,
  ProduceFault,
  readProducerProperties,
  sayBelow,
  type Producer,
  type ProducerSession,
  type ProducerRecord,
} from '../kafka-client/kafka-client.ts'
import { kafkaSinkCounters } from '../observe/counters.ts'
import { DeadLetterTopic } from './kafka/dead-letter-topic.ts'
import { isTopicName, topicNameRule } from '../wire/kafka/topic-name.ts'
import { RecordMaker } from './kafka/record-of-event.ts'

const options = {
  'kafka.bootstrap.servers': text({
    doc: 'Brokers to begin with, as host:port, separated by commas; the others are learned from them, by the addresses in their `advertised.listeners`, which must be reachable from here.',
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
  recordFidelity: choice(['flume', 'exact'], {
    doc: 'exact writes a record as the Kafka source with the same option has read it: key, value, record headers and time. `timestampHeader` is `timestamp` unless written.',
    default: 'flume',
    since: 'ours',
  }),
  header: prefix({
    doc: '`header.<event header> = <record header>` copies a header of the event to the record. Brokers before 0.11 cannot keep record headers.',
    since: '1.11',
  }),
  'deadLetter.topic': text({
    doc: 'Topic that takes events which can never be delivered; see below. Where absent, and deadLetter.file too, such an event blocks the channel.',
    since: 'ours',
  }),
  'deadLetter.file': text({
    doc: 'File that takes events which can never be delivered, as JSON Lines; with deadLetter.topic, those which that topic refuses too.',
    example: '/var/lib/millrace/dead-letters.jsonl',
    since: 'ours',
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
acknowledged. After a failure only what is not known to be written is sent again.

With \`acks = 1\` (as in Flume, where nothing is written) a broker that fails can lose records it has acknowledged: write
\`kafka.producer.acks = all\` where that matters. The agent warns of this once at its start. With \`acks = all\` brokers from 0.11 on also
know a batch again that comes twice (\`enable.idempotence\`, which is true unless written): a lost answer doubles nothing.

A record that can never be written as it is (too large for \`max.request.size\` or the topic's \`max.message.bytes\`, a topic
name that cannot be, a topic that brokers have denied for \`max.block.ms\` = 10 s, a partition that does not exist, no key
for a compacted topic, a time the topic refuses) holds back only itself and what is behind it. The default blocks: health is
red, one line names the event by its headers \`topic\`, \`partition\` and \`offset\`, its size, the reason and the remedy, and it
is tried again every 30 s at most, so that a remedy at the broker needs no restart. With \`deadLetter.topic\` or
\`deadLetter.file\` it is kept there, durably and with its reason, counted as \`events_diverted\`, and the rest goes on.

With \`recordFidelity = exact\` the header \`millrace.record\` of a Kafka source with the same option is restored, and the time of the
header \`timestamp\` is kept ([form and rules](../formats/kept-record.md)). \`partitionIdHeader = partition\` keeps the partition as
well. What an interceptor has changed on the way (the body, \`key\`, mapped headers) is written as changed; of a body or a key that
takes the place of what was kept the log has one line.

**Security** is written as for the Java client: \`kafka.producer.security.protocol\` (\`PLAINTEXT\`, \`SSL\`, \`SASL_PLAINTEXT\`,
\`SASL_SSL\`), \`ssl.truststore.*\` and \`ssl.keystore.*\` (JKS, PKCS12 or PEM, as a file or as text), \`ssl.key.password\`,
\`ssl.enabled.protocols\`, \`ssl.cipher.suites\`, \`ssl.endpoint.identification.algorithm\` or Flume's
\`ssl.disableTLSHostnameVerification\`, \`sasl.mechanism\` (\`PLAIN\`, \`SCRAM-SHA-256\`, \`SCRAM-SHA-512\`, \`OAUTHBEARER\`) and
\`sasl.jaas.config\`. Stores that are not written come from \`-Djavax.net.ssl.*\`, then \`FLUME_SSL_*\`; these never switch TLS
on. Kerberos is not spoken. A login or a certificate that is refused is not the end: one line names host, port, reason and
remedy, health is red, and it is tried again until it passes. [Coming from Flume](../guides/coming-from-flume.md) has an
example.
What fails for other reasons (brokers away, no leader, rights) is never set aside. The formats, and how to send such events
again: docs/formats/dead-letters.md.`,
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
  check(given, say, surroundings) {
    if (given.allowTopicOverride)
      try {
        compileEscapes(given['kafka.topic'], { now: () => 0 })
      } catch (error) {
        say.error('kafka.topic', (error as Error).message, 'write one of those, or %{header}')
      }
    if (given.recordFidelity === 'exact' && given.useFlumeEventFormat)
      say.error(
        'recordFidelity',
        'exact writes the value of a record as it was, and useFlumeEventFormat = true writes a whole event in its place',
        'remove one of the two',
      )
    const letters = given['deadLetter.topic']
    const topic = given['kafka.topic']
    // What an escape gives is not known before there is an event.
    const known = given.allowTopicOverride
      ? topic.replaceAll(/%\{[^}]*\}|%\[[^\]]*\]|%[a-zA-Z]/g, 'x')
      : topic
    if (!given.allowTopicOverride && topic.includes('%'))
      say.error(
        'kafka.topic',
        `escapes are not expanded while allowTopicOverride = false, and Kafka allows no topic named ${JSON.stringify(topic)}`,
        'write a topic without escapes, or allowTopicOverride = true',
      )
    else if (!isTopicName(known)) say.error('kafka.topic', notAllowed(topic), topicNameRule)
    if (letters !== undefined && !isTopicName(letters))
      say.error('deadLetter.topic', notAllowed(letters), topicNameRule)
    if (letters !== undefined && letters === given['kafka.topic'])
      say.error('deadLetter.topic', 'it is the topic of kafka.topic', 'give another topic')
    sayBelow('kafka.producer', readProperties(given, surroundings?.systemProperties).problems, say)
  },
  flow: given => [
    {
      does: 'write-topic',
      servers: given['kafka.bootstrap.servers'],
      topic: given['kafka.topic'],
      topicHeader: given.allowTopicOverride ? given.topicHeader : null,
      flumeFormat: given.useFlumeEventFormat,
      recordHeaders: given.header,
      isExact: given.recordFidelity === 'exact',
      acks: acksOf(given['kafka.producer']['acks']),
    },
    ...(given['deadLetter.topic'] === undefined
      ? []
      : [
          {
            does: 'write-topic' as const,
            servers: given['kafka.bootstrap.servers'],
            topic: given['deadLetter.topic'],
            topicHeader: null,
            isDeadLetter: true,
          },
        ]),
  ],
  claims(given, { home }) {
    const path = given['deadLetter.file']
    return path === undefined ? [] : [`file ${pathOf(path, home)}`]
  },
  async examine(given, say, outside) {
    const { system, systemProperties } = outside
    const { settings } = readProperties(given, systemProperties)
    const doors = { ...system, systemProperties }
    const properties = given['kafka.producer']
    if (settings !== undefined)
      sayBelow('kafka.producer', await examineSecurity(properties, settings.security, doors), say)
    await examineDeadLetters(given['deadLetter.file'], say, outside)
  },
  create: (given, context) => new KafkaSink(given, context),
})

/** Flume's default is 1, whatever Kafka's is. */
const acksOf = (written = '1'): number => (written.trim() === 'all' ? -1 : Number(written))

const notAllowed = (topic: string) => `Kafka allows no topic named ${JSON.stringify(topic)}`

/** The producer's properties as Flume puts them together; `problems` name keys of the prefix. */
function readProperties(
  given: Options,
  systemProperties: ReadonlyMap<string, string> = new Map(),
): ReturnType<typeof readProducerProperties> {
  return readProducerProperties(
    {
      ...given['kafka.producer'],
      'bootstrap.servers': given['kafka.bootstrap.servers'],
    },
    { systemProperties },
  )
}

class KafkaSink implements SessionSink {
  readonly batchSize: number
  readonly window: number
  readonly #options: Options
  readonly #context: CountedContext
  readonly #maker: RecordMaker
  readonly divert: SessionSink['divert']
  readonly #letters: DeadLetterFile | null
  #letterTopic: DeadLetterTopic | null = null
  #producer: Producer | null = null

  constructor(given: Options, context: CountedContext) {
    const { log, system } = context
    this.batchSize = given.flumeBatchSize
    this.window = windowOf(given.flumeBatchSize)
    this.#options = given
    this.#context = context
    const path = given['deadLetter.file']
    const { agent, name: component } = context
    const { disk, clock } = system
    this.#letters =
      path === undefined
        ? null
        : new DeadLetterFile({ path: pathOf(path, context.home), agent, component, disk, clock })
    this.divert =
      path === undefined && given['deadLetter.topic'] === undefined
        ? undefined
        : (event, reason, signal) => this.#divert(event, reason, signal)
    this.#maker = new RecordMaker(
      {
        topic: given['kafka.topic'],
        topicHeader: given.allowTopicOverride ? given.topicHeader : null,
        partitionIdHeader: given.partitionIdHeader,
        defaultPartitionId: given.defaultPartitionId,
        timestampHeader:
          given.timestampHeader ?? (given.recordFidelity === 'exact' ? 'timestamp' : undefined),
        headers: given.header,
        useFlumeEventFormat: given.useFlumeEventFormat,
        isExact: given.recordFidelity === 'exact',
      },
      {
        log,
        now: () => system.clock.now(),
        host: hostOf(system.network),
      },
    )
  }

  async start(): Promise<void> {
    const { log, condition, system, systemProperties, counters } = this.#context
    const { settings } = readProperties(this.#options, systemProperties)
    if (settings === undefined) throw new Error('the producer properties are not valid')
    if (settings.acks === 1)
      log.info(
        'acks = 1: a broker that fails can lose records it has acknowledged; kafka.producer.acks = all avoids that',
      )
    if (settings.acks === 0)
      log.warn('acks = 0: records are taken for delivered when they are sent; any failure loses them')
    this.#producer = createProducer({
      settings,
      system: { ...system, systemProperties },
      log,
      condition,
      onHeadersDropped: () => {
        counters.addOwn('brokers_without_record_headers')
        log.warn(
          'the brokers keep an old message format without record headers; header.* has no effect on them',
        )
      },
    })
  }

  open(signal: AbortSignal): SinkSession {
    const producer = this.#producer!
    const sends = producer.open()
    // Nobody waits for an answer any longer. What is under way on a connection that has gone silent would else
    // come back when another sink, after a reload, has delivered what is behind it.
    signal.addEventListener('abort', () => void producer.close(), { once: true })
    return { deliver: events => this.#deliver(events, sends, signal) }
  }

  async #deliver(events: readonly Event[], sends: ProducerSession, signal: AbortSignal): Promise<void> {
    const { counters, system } = this.#context
    const begin = system.clock.monotonic()
    counters.add('EventDrainAttemptCount', events.length)
    if (events.length < this.batchSize) counters.add('BatchUnderflowCount')
    try {
      const records = this.#convert(events, sends)
      await sends.send(records, signal).catch((error: unknown) => {
        throw asDeliveryFault(error, events, records)
      })
    } catch (error) {
      counters.add('RollbackCount')
      if (error instanceof DeliveryFault)
        counters.add('EventDrainSuccessCount', events.length - error.undelivered.length)
      throw error
    }
    counters.add('KafkaEventSendTimer', Math.round(system.clock.monotonic() - begin))
    counters.add('EventDrainSuccessCount', events.length)
  }

  #convert(events: readonly Event[], sends: ProducerSession): ProducerRecord[] {
    const records: ProducerRecord[] = []
    for (const event of events)
      try {
        records.push(this.#maker.make(event) as ProducerRecord)
      } catch (error) {
        if (!(error instanceof Fault)) throw error
        sends.refuse(error)
        throw new DeliveryFault(error.code, error.message, {
          undelivered: events,
          event,
          cause: error.cause,
          remedy: error.remedy,
        })
      }
    return records
  }

  async #divert(event: Event, reason: Fault, signal: AbortSignal): Promise<void> {
    const { counters } = this.#context
    try {
      if (this.#options['deadLetter.topic'] === undefined) await this.#letters!.keep([event], reason)
      else await this.#divertToTopic(event, reason, signal)
    } catch (error) {
      const isRefused = error instanceof Fault && error.code === 'UNDELIVERABLE'
      if (!isRefused || this.#letters === null) throw error
      await this.#letters.keep([event], reason)
    }
    counters.addOwn('events_diverted')
  }

  #divertToTopic(event: Event, reason: Fault, signal: AbortSignal): Promise<void> {
    const { agent, name, log, condition, system, systemProperties } = this.#context
    this.#letterTopic ??= new DeadLetterTopic({
      topic: this.#options['deadLetter.topic']!,
      settings: readProperties(this.#options, systemProperties).settings!,
      system: { ...system, systemProperties },
      log,
      condition,
      agent,
      component: name,
    })
    const content = this.#maker.contentOf(event)
    return this.#letterTopic.keep(event, { content, target: this.#maker.targetOf(event) }, reason, signal)
  }

  async stop(): Promise<void> {
    const producer = this.#producer
    this.#producer = null
    await Promise.all([producer?.close(), this.#letterTopic?.close()])
    this.#letterTopic = null
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
    remedy: error.remedy,
  })
}
