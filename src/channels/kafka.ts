// The Kafka channel: events are kept in a topic between sources and sinks.
import { defineChannel } from '../component.ts'
import { flag, int, prefix, text, type OptionsOf } from '../fields.ts'
import {
  examineSecurity,
  readConsumerProperties,
  readProducerProperties,
  sayBelow,
} from '../kafka-client/kafka-client.ts'
import { kafkaChannelCounters } from '../observe/counters.ts'
import { isTopicName, topicNameRule } from '../wire/kafka/topic-name.ts'
import { findPositions, readConnectString } from '../zookeeper/zookeeper.ts'
import { KafkaChannel } from './kafka/kafka-channel.ts'

const options = {
  'kafka.bootstrap.servers': text({
    doc: 'Brokers to begin with, as host:port, separated by commas; the others are learned from them.',
    required: true,
    example: 'localhost:9092',
  }),
  'kafka.topic': text({ doc: 'The topic that keeps the events.', default: 'flume-channel' }),
  'kafka.consumer.group.id': text({
    doc: 'Consumer group of the sinks. Channels of several agents with the same topic and group share its events.',
    default: 'flume',
  }),
  parseAsFlumeEvent: flag({
    doc: "Whether records are events with their headers, in Avro's binary encoding. Otherwise a record is the body alone: headers are not kept, and any record is an event.",
    default: true,
  }),
  'kafka.pollTimeout': int({
    doc: 'Has no effect: a take waits until there is an event.',
    default: 500,
    unit: 'ms',
  }),
  defaultPartitionId: int({
    doc: 'Partition of every event; where absent it depends on the key as with the Java clients.',
    min: 0,
    max: 2_147_483_647,
  }),
  partitionIdHeader: text({
    doc: 'Header that holds the partition; wins over `defaultPartitionId`. An event whose header is no partition of the topic is not put.',
  }),
  zookeeperConnect: text({
    doc: 'Deprecated in Flume: the ZooKeeper for migrateZookeeperOffsets, host:port,… and a path.',
  }),
  migrateZookeeperOffsets: flag({
    doc: 'With `zookeeperConnect`: positions that the group kept in ZooKeeper are taken over where it has none in Kafka.',
    default: true,
  }),
  'kafka.producer': prefix({
    doc: "Properties of Kafka's producer, by their names there. `acks` is all where it is not written.",
    differs: 'Read by a client of our own: properties without meaning here are named in a warning.',
  }),
  'kafka.consumer': prefix({
    doc: "Properties of Kafka's consumer, by their names there. `auto.offset.reset` is earliest where it is not written.",
    differs: 'Read by a client of our own: properties without meaning here are named in a warning.',
  }),
}
type Options = OptionsOf<typeof options>

export const kafkaChannel = defineChannel({
  type: 'org.apache.flume.channel.kafka.KafkaChannel',
  aliases: [],
  summary:
    'Keeps events in a topic of Kafka: they survive the agent, and sinks of other agents may take them.',
  description: `With sources and sinks it is a channel like others; with sources alone it writes events to the topic, with sinks alone it reads
the topic. The records are those of Flume's Kafka channel, so that agents of both kinds may share a topic and a group. The header \`key\` is the
record's key, both ways. Flume 1.11 uses no transactions of Kafka here, nor does Millrace.

A put is done when Kafka has acknowledged all of its events. One that fails and can wait is retried with those of its events that are not
known to be written, in order; one that cannot wait is refused, and part of it may be in the topic (as in Flume). Events of one partition keep
their order.

A position is committed only when a sink has delivered every event before it; commits run behind, several deliveries in one. A kill repeats what was delivered since the last
commit, and loses nothing. Partitions that go to another member are finished and committed first, for at most 30 s.

A record that is no event of Flume (\`parseAsFlumeEvent = true\`) is skipped with a warning, and counted as \`records_not_flume_events\`
(Flume loses it too, after an exception and 5 s). A record without a value is an empty body under \`parseAsFlumeEvent = false\`.

The channel has no capacity. Its size is the number of events that were read and are not delivered; what else is in the topic, Kafka
knows. All sinks of the agent share one consumer (Flume: one for each sink).

**Security** is written as for the Java client, below \`kafka.producer.\` and \`kafka.consumer.\`; the page of the Kafka sink has the properties.`,
  counters: kafkaChannelCounters,
  options,
  deprecated: {
    brokerList: { to: 'kafka.bootstrap.servers' },
    topic: { to: 'kafka.topic' },
    groupId: { to: 'kafka.consumer.group.id' },
    readSmallestOffset: {
      to: 'kafka.consumer.auto.offset.reset',
      value: value => (value.trim().toLowerCase() === 'true' ? 'earliest' : 'latest'),
    },
  },
  withoutEffect: {
    pollTimeout: "Flume's guide writes it so, but the key is kafka.pollTimeout",
    timeout: 'Flume does not read it any more',
  },
  check(given, say, surroundings) {
    const topic = given['kafka.topic']
    if (!isTopicName(topic))
      say.error('kafka.topic', `Kafka allows no topic named ${JSON.stringify(topic)}`, topicNameRule)
    if (given.zookeeperConnect !== undefined && readConnectString(given.zookeeperConnect) === null)
      say.error(
        'zookeeperConnect',
        `"${given.zookeeperConnect}" names no ZooKeeper`,
        'write host:port, several separated by commas, and the path of Kafka behind the last where it has one',
      )
    const { consumer, producer } = readProperties(given, surroundings?.systemProperties)
    sayBelow('kafka.consumer', consumer.problems, say)
    sayBelow(
      'kafka.producer',
      producer.problems.filter(({ key }) => key !== 'bootstrap.servers'),
      say,
    )
  },
  async examine(given, say, { system, systemProperties }) {
    const { consumer, producer } = readProperties(given, systemProperties)
    const doors = { ...system, systemProperties }
    for (const [key, { settings }] of [
      ['kafka.consumer', consumer],
      ['kafka.producer', producer],
    ] as const)
      if (settings !== undefined)
        sayBelow(key, await examineSecurity(given[key], settings.security, doors), say)
  },
  create(given, context) {
    const { consumer, producer } = readProperties(given, context.systemProperties)
    if (consumer.settings === undefined || producer.settings === undefined)
      throw new Error('the properties of the consumer or the producer are not valid')
    const { zookeeperConnect, migrateZookeeperOffsets } = given
    const topic = given['kafka.topic']
    return new KafkaChannel(
      {
        topic,
        parseAsFlumeEvent: given.parseAsFlumeEvent,
        defaultPartitionId: given.defaultPartitionId,
        partitionIdHeader: given.partitionIdHeader,
        producer: producer.settings,
        consumer: consumer.settings,
        initialPositions: async signal =>
          zookeeperConnect === undefined || !migrateZookeeperOffsets
            ? new Map()
            : findPositions(
                zookeeperConnect,
                given['kafka.consumer.group.id'],
                topic,
                context.system,
                signal,
              ),
      },
      context,
    )
  },
})

/** The properties of both clients as Flume puts them together; `problems` name keys of the prefixes. */
function readProperties(
  given: Options,
  systemProperties: ReadonlyMap<string, string> = new Map(),
): {
  readonly consumer: ReturnType<typeof readConsumerProperties>
  readonly producer: ReturnType<typeof readProducerProperties>
} {
  const servers = { 'bootstrap.servers': given['kafka.bootstrap.servers'] }
  const group = { 'group.id': given['kafka.consumer.group.id'] }
  return {
    consumer: readConsumerProperties(
      { 'auto.offset.reset': 'earliest', ...given['kafka.consumer'], ...servers, ...group },
      { systemProperties },
    ),
    producer: readProducerProperties(
      { acks: 'all', ...given['kafka.producer'], ...servers },
      { systemProperties },
    ),
  }
}
