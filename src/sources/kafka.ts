// The Kafka source: records of topics become events, each with where it came from in its headers.
import { defineSource, pathOf, type Source, type SourceContext } from '../component.ts'
import { examineDeadLetters } from '../dead-letter.ts'
import { messageOf } from '../errors.ts'
import { choice, flag, int, list, prefix, regex, text, type OptionsOf } from '../fields.ts'
import {
  createConsumer,
  examineSecurity,
  readConsumerProperties,
  sayBelow,
  type ConsumedRecord,
  type Consumer,
} from '../kafka-client/kafka-client.ts'
import { isTopicName, topicNameRule } from '../wire/kafka/topic-name.ts'
import { originHeader, originPartition, type Origin } from '../origin/origin.ts'
import { keptRecordHeader } from '../wire/kafka/kept-record.ts'
import { kafkaSourceCounters } from '../observe/counters.ts'
import { EventMaker } from './kafka/event-of-record.ts'
import { Intake } from './kafka/intake.ts'
import { LeftOutRecords } from './kafka/left-out-records.ts'
import { findBrokers, findPositions, readConnectString } from '../zookeeper/zookeeper.ts'

const options = {
  'kafka.bootstrap.servers': text({
    doc: 'Brokers to begin with, as host:port, separated by commas; the others are learned from them, by the addresses in their `advertised.listeners`, which must be reachable from here. Required, unless `zookeeperConnect` is written.',
    example: 'localhost:9092',
  }),
  zookeeperConnect: text({
    doc: 'Deprecated in Flume: where `kafka.bootstrap.servers` is absent, the brokers are looked up in this ZooKeeper, host:port,… and a path.',
  }),
  migrateZookeeperOffsets: flag({
    doc: 'With `zookeeperConnect` and one topic: positions that the group kept in ZooKeeper are taken over where it has none in Kafka.',
    default: true,
  }),
  'kafka.topics': list({ doc: 'Topics to read.', separator: ',', example: 'test1, test2' }),
  'kafka.topics.regex': regex({
    doc: 'Reads every topic whose whole name matches, also those made later. Wins over `kafka.topics`.',
    example: '^topic[0-9]$',
  }),
  'kafka.consumer.group.id': text({
    doc: 'Consumer group. Sources with the same group share the partitions between them.',
    default: 'flume',
  }),
  batchSize: int({
    doc: 'Events of one channel transaction. Where more records wait, up to 500 go together, if that is at most a hundredth of the capacity of each channel.',
    default: 1000,
    min: 1,
    unit: 'events',
    differs: 'Flume puts no more than this at once.',
  }),
  batchDurationMillis: int({
    doc: 'A poll that brings nothing for so long counts as empty.',
    default: 1000,
    min: 1,
    unit: 'ms',
    differs:
      'Flume collects until the batch is full or the time is over. Here what has arrived is delivered at once.',
  }),
  useFlumeEventFormat: flag({
    doc: "Takes each value for an event in Avro's binary encoding, with its headers, as the Kafka sink writes it under the same option. Records with other values are skipped.",
    default: false,
  }),
  recordFidelity: choice(['flume', 'exact'], {
    doc: 'exact keeps in the header `millrace.record` what text headers cannot carry of a record, for a Kafka sink with the same option.',
    default: 'flume',
    since: 'ours',
  }),
  originHeader: flag({
    doc: 'Sets the header `millrace.origin` to where the record stands, for a Kafka sink with `deliveryGuarantee = exactly-once`.',
    default: false,
    since: 'ours',
  }),
  setTopicHeader: flag({ doc: 'Sets a header to the topic.', default: true, since: '1.8' }),
  topicHeader: text({ doc: 'Name of that header.', default: 'topic', since: '1.8' }),
  maxRecordBytes: int({
    doc: 'Largest record, unpacked. Batches are unpacked piece by piece, however large they are; a record is held as a whole.',
    default: 67_108_864,
    min: 1024,
    max: 1_073_741_824,
    unit: 'bytes',
    since: 'ours',
  }),
  largeRecords: choice(['block', 'skip'], {
    doc: 'What becomes of a record that is larger: its partition waits and health is red, or it is left out, with a warning and in the count `records_left_out`.',
    default: 'block',
    since: 'ours',
  }),
  'deadLetter.file': text({
    doc: 'File that takes topic, partition and offset of records that are larger, as JSON Lines; they are left out then.',
    example: '/var/lib/millrace/large-records.jsonl',
    since: 'ours',
  }),
  header: prefix({
    doc: '`header.<event header> = <record header>` copies a record header. The last of several with one name wins; a header of the event is overwritten.',
    since: '1.11',
  }),
  'kafka.consumer': prefix({
    doc: "Properties of Kafka's consumer, by their names there, such as `kafka.consumer.auto.offset.reset`.",
    differs: 'Read by a client of our own: properties without meaning here are named in a warning.',
  }),
}
type Options = OptionsOf<typeof options>

export const kafkaSource = defineSource({
  type: 'org.apache.flume.source.kafka.KafkaSource',
  aliases: [],
  summary: 'Reads topics as a member of a consumer group; works with brokers from 0.10.2 to 4.x.',
  description: `Headers set on each event: \`timestamp\` (the record's time in milliseconds; the time of receipt where the record has
none), \`topic\` (see \`topicHeader\`), \`partition\`, \`offset\`, and \`key\` where the record has one. With
\`useFlumeEventFormat\` headers that the event brings are kept, but for \`key\` and mapped ones.

A position is committed to the group only after the channel has the events before it: a kill repeats events and loses
none. When partitions move to another member, what was read of them is finished and committed first (Flume repeats it).
Commits run behind; several batches are under way at once. A position that \`auto.offset.reset\` chooses is committed
before the first record is read; partitions and topics found later are read from their beginning. Positions that do
not change are committed again at least hourly.

Records that retention removed before they were read are named in a warning and counted (\`records_gone\`), as are records
that were read and that Kafka has lost since (\`records_cut_off\`). A topic that was deleted and created again is read from
its start, with a warning and in the count \`partitions_recreated\` (brokers from 2.8 on, which tell ids of topics).

A channel that is full for longer than \`max.poll.interval.ms\` does not cost the membership: heartbeats go on (a Flume
agent is thrown out of the group then, and repeats its batch). That time bounds only how long a rebalance waits for this
member. With \`group.instance.id\` (brokers from 2.3 on) a restart within \`session.timeout.ms\` moves no partitions; of two
agents with the same id, the older one stops reading, logs this, and its health is red. Members may be of different kinds, real Flume agents
among them, as long as they offer an assignor in common (\`range\`, by default).

What keeps records away turns health red and has one line at the start, one a minute and one at the end, with Kafka's name of the
error: a topic that does not exist or may not be read, a group that may not be used or has no coordinator, a partition without a
leader, positions that cannot be found or committed, records that are damaged, a pattern that matches nothing. It is
retried until it passes; the other topics and partitions are read meanwhile.

A record larger than \`maxRecordBytes\` blocks its partition, or is left out (see \`largeRecords\`). With \`deadLetter.file\` it
is left out when its place stands there durably; the record itself remains in Kafka. Of a record with more than
10,000 headers the first 10,000 are looked at, with a warning (\`records_left_out\`).

What text headers cannot carry is counted, and warned about once: keys that are not UTF-8 (\`records_binary_key\`), mapped
record headers that are not (\`records_binary_header\`), record headers that are not mapped
(\`records_unmapped_headers\`). Null values become empty bodies (\`records_null_value\`). Under \`useFlumeEventFormat\`
values that are no events are skipped (\`records_not_flume_events\`).

With \`recordFidelity = exact\` a record arrives as it left, if the Kafka sink at the end has the same option: a key that is not
UTF-8, the value null, all record headers in their order with repeated names, bytes and null, a time that the header \`timestamp\`
does not have. These are kept in one header, \`millrace.record\`, which only events have that need it
([its form](../formats/kept-record.md)). Agents between the two, Flume's as well, pass it on.

With \`originHeader = true\` each event names the record that it was made of, and what lies between it and the event
before in its channel, in the header \`millrace.origin\` ([its form](../formats/origin.md)). A Kafka sink with
\`deliveryGuarantee = exactly-once\` writes each record once by it, however many agents are between the two and whichever of them are
killed. A header of that name that a record brings (\`useFlumeEventFormat\`) is overwritten.

The header \`topic\` overrides the topic of a Kafka sink further on, so that events return to where they came from. Set
\`setTopicHeader = false\` here or \`allowTopicOverride = false\` there, unless that is what you want.

**Security** is written as for the Java client: \`kafka.consumer.security.protocol\` (\`PLAINTEXT\`, \`SSL\`, \`SASL_PLAINTEXT\`,
\`SASL_SSL\`), \`ssl.truststore.*\` and \`ssl.keystore.*\` (JKS, PKCS12 or PEM, as a file or as text), \`ssl.key.password\`,
\`ssl.enabled.protocols\`, \`ssl.cipher.suites\`, \`ssl.endpoint.identification.algorithm\` or Flume's
\`ssl.disableTLSHostnameVerification\`, \`sasl.mechanism\` (\`PLAIN\`, \`SCRAM-SHA-256\`, \`SCRAM-SHA-512\`, \`OAUTHBEARER\`) and
\`sasl.jaas.config\`. Stores that are not written come from \`-Djavax.net.ssl.*\`, then \`FLUME_SSL_*\`; these never switch TLS
on. Kerberos is not spoken. A login or a certificate that is refused is not the end: one line names host, port, reason and
remedy, health is red, and it is retried until it passes. [Coming from Flume](../guides/coming-from-flume.md) has an
example.`,
  options,
  counters: kafkaSourceCounters,
  deprecated: {
    topic: { to: 'kafka.topics' },
    groupId: { to: 'kafka.consumer.group.id' },
  },
  batchSize: given => given.batchSize,
  check(given, say, surroundings) {
    if (given['kafka.bootstrap.servers'] === undefined && given.zookeeperConnect === undefined)
      say.error('kafka.bootstrap.servers', 'is required and not written', 'add it, e.g. localhost:9092')
    if (given.recordFidelity === 'exact' && given.useFlumeEventFormat)
      say.error('recordFidelity', refusedTogether, 'remove one of the two')
    if (given.recordFidelity === 'exact' && keptRecordHeader in given.header)
      say.error(
        'header',
        `the header ${keptRecordHeader} is reserved by recordFidelity = exact`,
        'name another header',
      )
    if (given.originHeader && originHeader in given.header)
      say.error(
        'header',
        `the header ${originHeader} is reserved by originHeader = true`,
        'name another header',
      )
    if (given.zookeeperConnect !== undefined)
      say.warning(
        'zookeeperConnect',
        'is deprecated',
        'write kafka.bootstrap.servers instead; the old name still works',
      )
    if (given.zookeeperConnect !== undefined && readConnectString(given.zookeeperConnect) === null)
      say.error(
        'zookeeperConnect',
        `"${given.zookeeperConnect}" names no ZooKeeper`,
        'write host:port, several separated by commas, and the path of Kafka behind the last where it has one',
      )
    if (given['kafka.topics.regex'] === undefined && (given['kafka.topics'] ?? []).length === 0)
      say.error('kafka.topics', 'no topic is given', 'write kafka.topics or kafka.topics.regex')
    if (given['kafka.topics.regex'] === undefined)
      for (const topic of given['kafka.topics'] ?? [])
        if (!isTopicName(topic))
          say.error(
            'kafka.topics',
            `Kafka allows no topic named ${JSON.stringify(topic)}`,
            `${topicNameRule}; for all topics that match a pattern write kafka.topics.regex`,
          )
    const { problems } = readProperties(given, serversOf(given), surroundings?.systemProperties)
    sayBelow('kafka.consumer', problems, say)
  },
  flow: given => [
    {
      does: 'read-topics',
      servers: given['kafka.bootstrap.servers'] ?? '',
      topics: given['kafka.topics.regex'] === undefined ? (given['kafka.topics'] ?? []) : [],
      ...(given['kafka.topics.regex'] === undefined ? {} : { pattern: given['kafka.topics.regex'] }),
      topicHeader: given.setTopicHeader ? given.topicHeader : null,
      group: given['kafka.consumer.group.id'],
      flumeFormat: given.useFlumeEventFormat,
      hasOrigins: given.originHeader,
      recordHeaders: given.header,
    },
  ],
  claims(given, { home }) {
    const path = given['deadLetter.file']
    return path === undefined ? [] : [`file ${pathOf(path, home)}`]
  },
  async examine(given, say, outside) {
    const { system, systemProperties } = outside
    const { settings } = readProperties(given, serversOf(given), systemProperties)
    const doors = { ...system, systemProperties }
    const properties = given['kafka.consumer']
    if (settings !== undefined)
      sayBelow('kafka.consumer', await examineSecurity(properties, settings.security, doors), say)
    await examineDeadLetters(given['deadLetter.file'], say, outside)
  },
  create: (given, context) => new KafkaSource(given, context),
})

const refusedTogether = 'exact takes a value as it is, and useFlumeEventFormat = true takes it apart'

/** The consumer's properties as Flume puts them together; `problems` name keys of the prefix. */
function readProperties(
  given: Options,
  servers: string,
  systemProperties: ReadonlyMap<string, string> = new Map(),
): ReturnType<typeof readConsumerProperties> {
  return readConsumerProperties(
    {
      ...given['kafka.consumer'],
      'bootstrap.servers': servers,
      'group.id': given['kafka.consumer.group.id'],
    },
    { systemProperties },
  )
}

/** Without servers only the other properties are judged; ZooKeeper is asked when the source starts. */
const serversOf = (given: Options): string => given['kafka.bootstrap.servers'] ?? 'unknown:9092'

class KafkaSource implements Source {
  readonly #options: Options
  readonly #context: SourceContext
  #consumer: Consumer | null = null
  #intake: Intake | null = null
  readonly #letters: LeftOutRecords | null

  constructor(given: Options, context: SourceContext) {
    this.#options = given
    this.#context = context
    const file = given['deadLetter.file']
    this.#letters = file === undefined ? null : new LeftOutRecords(file, context)
  }

  async start(signal?: AbortSignal): Promise<void> {
    const given = this.#options
    const { log, system, systemProperties, processor, counters, condition } = this.#context
    const { zookeeperConnect } = given
    const topics = given['kafka.topics.regex'] ?? given['kafka.topics'] ?? []
    const servers =
      given['kafka.bootstrap.servers'] ?? (await findBrokers(zookeeperConnect!, system, undefined, signal))
    const { settings } = readProperties(given, servers, systemProperties)
    if (settings === undefined) throw new Error('the consumer properties are not valid')
    const { clock } = system
    const maker = new EventMaker({
      mapping: {
        topicHeader: given.setTopicHeader ? given.topicHeader : null,
        headers: given.header,
        useFlumeEventFormat: given.useFlumeEventFormat,
        isExact: given.recordFidelity === 'exact',
      },
      counters,
      log,
      now: () => clock.now(),
    })
    const consumer = createConsumer({
      settings,
      recordLimits: {
        maxRecordBytes: given.maxRecordBytes,
        passesOverLarge: given.largeRecords === 'skip' || this.#letters !== null,
        remedy:
          'Raise maxRecordBytes of the source; or leave such records out, with largeRecords = skip or, noted in a file, with deadLetter.file.',
      },
      recordOrigins: given.originHeader,
      topics,
      initialPositions: await this.#positionsInZooKeeper(topics, signal),
      system: { ...system, systemProperties },
      log,
      condition,
      onRevoked: partitions => intake.giveUp(partitions),
      onLost: partitions => intake.forget(partitions),
      onGone: ({ from, to }) => counters.addOwn('records_gone', to - from + 1),
      onCut: ({ from, to }) => counters.addOwn('records_cut_off', to - from + 1),
      onRecreated: partition => {
        intake.forget([partition])
        counters.addOwn('partitions_recreated')
      },
      onLeftOut: (position, what, isWhole) => {
        counters.addOwn('records_left_out')
        if (isWhole) this.#letters?.add(position, what)
      },
    })
    const intake = new Intake(
      {
        batchSize: given.batchSize,
        emptyPollMs: given.batchDurationMillis,
        processor,
        counters,
        clock,
        memory: system.memory,
        log,
        ...(given.originHeader ? { originOf: record => originOf(record, consumer.clusterId) } : {}),
        makeEvent: (record, origin) => maker.make(record, origin),
        endBatch: () => maker.endBatch(),
      },
      {
        poll: async options => {
          try {
            const records = await consumer.poll(options)
            return this.#letters === null || (await this.#letters.kept()) ? records : []
          } catch (error) {
            // A condition already, which lasts until records come again.
            log.debug(`records cannot be fetched: ${messageOf(error)}`)
            return []
          }
        },
        commit: positions => consumer.commit(positions),
      },
    )
    this.#consumer = consumer
    this.#intake = intake
    consumer.start()
  }

  /** As Flume does: for one topic named as such, unless it is switched off. */
  async #positionsInZooKeeper(
    topics: readonly string[] | RegExp,
    signal?: AbortSignal,
  ): Promise<ReadonlyMap<string, number>> {
    const { zookeeperConnect, migrateZookeeperOffsets, 'kafka.consumer.group.id': group } = this.#options
    if (
      zookeeperConnect === undefined ||
      !migrateZookeeperOffsets ||
      topics instanceof RegExp ||
      topics.length !== 1
    )
      return new Map()
    return findPositions(zookeeperConnect, group, topics[0]!, this.#context.system, signal)
  }

  async poll(signal: AbortSignal): Promise<void> {
    await this.#intake!.poll(signal)
  }

  async stop(): Promise<void> {
    this.#letters?.close()
    await this.#intake?.close()
    this.#intake = null
    const consumer = this.#consumer
    this.#consumer = null
    await consumer?.close()
  }
}

function originOf({ topic, partition, offset, origin }: ConsumedRecord, clusterId: string): Origin {
  const { topicId, leaderEpoch, from } = origin!
  return {
    partition: originPartition({ clusterId, topic, topicId, partition }),
    leaderEpoch,
    from,
    to: offset,
  }
}
