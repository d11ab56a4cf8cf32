// The Kafka sink: events become records; a batch is done when the brokers have acknowledged all of it.
import { defineSink, type CountedContext, type SessionSink, type SinkSession, pathOf } from '../component.ts'
import { DeadLetterFile, examineDeadLetters } from '../dead-letter.ts'
import { DeliveryFault } from '../delivery-fault.ts'
import { Fault } from '../errors.ts'
import { hostOf } from '../java/escapes.ts'
import { TooManyHeaders, type Event } from '../event.ts'
import {
  createProducer,
  examineSecurity,
  ProduceFault,
  sayBelow,
  type Producer,
  type ProducerSession,
  type ProducerRecord,
  type ProducerSettings,
} from '../kafka-client/kafka-client.ts'
import { kafkaSinkCounters } from '../observe/counters.ts'
import { originOf, type Origin } from '../origin/origin.ts'
import { DeadLetterTopic, maxRequestSize } from './kafka/dead-letter-topic.ts'
import { ExactlyOnce } from './kafka/exactly-once/exactly-once.ts'
import {
  acksOf,
  checkOptions,
  isExactlyOnce,
  options,
  readProperties,
  type Options,
} from './kafka/options.ts'
import { RecordMaker } from './kafka/record-of-event.ts'

/** Events of a take where more than a batch waits, and takes under way at once: the producer keeps their order. */
const gatheredEvents = 500
const takesUnderWay = 4

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
is retried every 30 s at most, so that a remedy at the broker needs no restart. With \`deadLetter.topic\` or
\`deadLetter.file\` it is kept there, durably and with its reason, counted as \`events_diverted\`, and the rest goes on.

With \`recordFidelity = exact\` the header \`millrace.record\` of a Kafka source with the same option is restored, and the time of the
header \`timestamp\` is kept ([form and rules](../formats/kept-record.md)). \`partitionIdHeader = partition\` keeps the partition as
well. What an interceptor has changed on the way (the body, \`key\`, mapped headers) is written as changed; of a body or a key that
takes the place of what was kept the log has one line.

With \`deliveryGuarantee = exactly-once\` each record that a Kafka source with \`originHeader = true\` has read is written once,
in the order of its partition, for readers with \`isolation.level=read_committed\`, whichever agents and brokers end at whichever moment.
Records are written in transactions, together with the progress of the partition that they come from (topic
\`millrace-progress\`); events that were written before are let go and counted (\`events_already_written\`). Brokers from 2.5 on,
\`acks = all\`, which is the default then. Topics are not created by writing to them. The transactional ids begin with
\`millrace.\`, for ACLs (Write and Describe on them, Read and Write on the progress topic). A replay that is meant needs another
\`flow\`, or \`millrace progress reset\`. Events without the header are written at least once, counted
(\`events_without_origin\`), and health is red. What is promised, and what each part of a chain makes of it:
[exactly once](../guides/exactly-once.md).

**Security** is written as for the Java client: \`kafka.producer.security.protocol\` (\`PLAINTEXT\`, \`SSL\`, \`SASL_PLAINTEXT\`,
\`SASL_SSL\`), \`ssl.truststore.*\` and \`ssl.keystore.*\` (JKS, PKCS12 or PEM, as a file or as text), \`ssl.key.password\`,
\`ssl.enabled.protocols\`, \`ssl.cipher.suites\`, \`ssl.endpoint.identification.algorithm\` or Flume's
\`ssl.disableTLSHostnameVerification\`, \`sasl.mechanism\` (\`PLAIN\`, \`SCRAM-SHA-256\`, \`SCRAM-SHA-512\`, \`OAUTHBEARER\`) and
\`sasl.jaas.config\`. Stores that are not written come from \`-Djavax.net.ssl.*\`, then \`FLUME_SSL_*\`; these never switch TLS
on. Kerberos is not spoken. A login or a certificate that is refused is not the end: one line names host, port, reason and
remedy, health is red, and it is retried until it passes. [Coming from Flume](../guides/coming-from-flume.md) has an
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
  check: checkOptions,
  flow: given => [
    {
      does: 'write-topic',
      servers: given['kafka.bootstrap.servers'],
      topic: given['kafka.topic'],
      topicHeader: given.allowTopicOverride ? given.topicHeader : null,
      flumeFormat: given.useFlumeEventFormat,
      recordHeaders: given.header,
      isExact: given.recordFidelity === 'exact',
      acks: isExactlyOnce(given) ? -1 : acksOf(given['kafka.producer']['acks']),
      ...(isExactlyOnce(given) ? { onceIn: given.flow ?? null } : {}),
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

class KafkaSink implements SessionSink {
  readonly batchSize: number
  readonly window = takesUnderWay
  readonly gathered = gatheredEvents
  readonly #options: Options
  readonly #context: CountedContext
  readonly #maker: RecordMaker
  readonly divert: SessionSink['divert']
  readonly #letters: DeadLetterFile | null
  #letterTopic: DeadLetterTopic | null = null
  #producer: Producer | null = null
  #exactlyOnce: ExactlyOnce | null = null

  constructor(given: Options, context: CountedContext) {
    const { log, system } = context
    this.batchSize = given.flumeBatchSize
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
    if (isExactlyOnce(this.#options)) this.#exactlyOnce = this.#makeExactlyOnce(settings)
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
    if (this.#exactlyOnce === null)
      return {
        deliver: events => this.#counted(events, () => this.#deliver(events, sends, signal)),
      }
    const session = this.#exactlyOnce.open(signal, {
      recordOf: event => this.#maker.make(event) as ProducerRecord,
      openPlain: () => sends,
    })
    return {
      deliver: events => this.#counted(events, () => session.deliver(events)),
      close: async () => session.close?.(),
    }
  }

  #makeExactlyOnce(settings: ProducerSettings): ExactlyOnce {
    const { flow, 'progress.topic': topic, ...given } = this.#options
    const { agent, name } = this.#context
    return new ExactlyOnce({
      flow: flow ?? `${agent}/${name}`.replaceAll(/[^\w./-]/g, '_'),
      progress: {
        topic,
        partitions: given['progress.partitions'],
        replicationFactor: given['progress.replicationFactor'],
        to: given['kafka.topic'],
      },
      settings,
      context: this.#context,
    })
  }

  async #counted(events: readonly Event[], deliver: () => Promise<void>): Promise<void> {
    const { counters, system } = this.#context
    const begin = system.clock.monotonic()
    counters.add('EventDrainAttemptCount', events.length)
    if (events.length < this.batchSize) counters.add('BatchUnderflowCount')
    try {
      await deliver()
    } catch (error) {
      counters.add('RollbackCount')
      if (error instanceof DeliveryFault)
        counters.add('EventDrainSuccessCount', events.length - error.undelivered.length)
      throw error
    }
    counters.add('KafkaEventSendTimer', Math.round(system.clock.monotonic() - begin))
    counters.add('EventDrainSuccessCount', events.length)
  }

  async #deliver(events: readonly Event[], sends: ProducerSession, signal: AbortSignal): Promise<void> {
    const records = this.#convert(events, sends)
    await sends.send(records, signal).catch((error: unknown) => {
      throw asDeliveryFault(error, events, records)
    })
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
      if (this.#options['deadLetter.topic'] === undefined) await this.#divertToFile(event, reason, signal)
      else await this.#divertToTopic(event, reason, signal)
    } catch (error) {
      const isRefused = error instanceof Fault && error.code === 'UNDELIVERABLE'
      if (!isRefused || this.#letters === null) throw error
      await this.#divertToFile(event, reason, signal)
    }
    counters.addOwn('events_diverted')
  }

  async #divertToFile(event: Event, reason: Fault, signal: AbortSignal): Promise<void> {
    await this.#letters!.keep([event], reason)
    const origin = this.#originOf(event)
    if (origin !== null) await this.#exactlyOnce!.close(event, origin, null, maxRequestSize, signal)
  }

  /** Null where nothing is known of what was written, or the headers cannot be looked at. */
  #originOf(event: Event): Origin | null {
    try {
      return this.#exactlyOnce === null ? null : originOf(event)
    } catch (error) {
      if (error instanceof TooManyHeaders) return null
      throw error
    }
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
    const meant = { content: this.#maker.contentOf(event), target: this.#maker.targetOf(event) }
    const origin = this.#originOf(event)
    if (origin === null) return this.#letterTopic.keep(event, meant, reason, signal)
    const letter = this.#letterTopic.letterOf(event, meant, reason)
    return this.#exactlyOnce!.close(event, origin, letter, maxRequestSize, signal)
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
