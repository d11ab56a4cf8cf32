// The options of the Kafka sink, what is wrong with them together, and the producer's properties among them.
import type { Say, Surroundings } from '../../component.ts'
import { choice, flag, int, prefix, text, type OptionsOf } from '../../fields.ts'
import { compileEscapes } from '../../java/escapes.ts'
import { readProducerProperties, sayBelow } from '../../kafka-client/kafka-client.ts'
import { defaultProgressTopic, isFlowName } from '../../origin/progress.ts'
import { isTopicName, topicNameRule } from '../../wire/kafka/topic-name.ts'

export const options = {
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
    doc: 'Events of one channel transaction. Where more wait, up to 500 go together.',
    default: 100,
    min: 1,
    unit: 'events',
    differs: 'Flume takes no more than this at once.',
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
  deliveryGuarantee: choice(['at-least-once', 'exactly-once'], {
    doc: 'exactly-once writes each record of a Kafka source with `originHeader = true` once, for readers with `isolation.level=read_committed`; see below.',
    default: 'at-least-once',
    since: 'ours',
  }),
  flow: text({
    doc: 'Name under which exactly-once delivery keeps what was written. Sinks that take over from each other share it. Agent and sink (`agent/sink`) where absent.',
    since: 'ours',
  }),
  'progress.topic': text({
    doc: 'Topic that keeps it, compacted; created where it is missing.',
    default: defaultProgressTopic,
    since: 'ours',
  }),
  'progress.partitions': int({
    doc: 'Partitions of that topic, where it is created.',
    default: 1,
    min: 1,
    max: 10_000,
    since: 'ours',
  }),
  'progress.replicationFactor': int({
    doc: "Replicas of that topic, where it is created; -1 for the brokers' default.",
    default: -1,
    min: -1,
    max: 32_767,
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
export type Options = OptionsOf<typeof options>

export function checkOptions(given: Options, say: Say, surroundings?: Surroundings): void {
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
  const known = given.allowTopicOverride ? topic.replaceAll(/%\{[^}]*\}|%\[[^\]]*\]|%[a-zA-Z]/g, 'x') : topic
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
  checkExactlyOnce(given, say)
  sayBelow('kafka.producer', readProperties(given, surroundings?.systemProperties).problems, say)
}

/** Flume's default is 1, whatever Kafka's is. */
export const acksOf = (written = '1'): number => (written.trim() === 'all' ? -1 : Number(written))

export const isExactlyOnce = ({ deliveryGuarantee }: Options): boolean => deliveryGuarantee === 'exactly-once'

function checkExactlyOnce(given: Options, say: Say): void {
  const { flow, 'progress.topic': progress, 'kafka.producer': properties } = given
  if (!isExactlyOnce(given)) {
    if (flow !== undefined)
      say.warning('flow', 'has no effect with deliveryGuarantee = at-least-once', 'remove it')
    return
  }
  const acks = properties['acks']
  if (acks !== undefined && acksOf(acks) !== -1)
    say.error(
      'kafka.producer.acks',
      `is ${acks}, and deliveryGuarantee = exactly-once needs all`,
      'write all, or remove it',
    )
  if (properties['enable.idempotence']?.trim().toLowerCase() === 'false')
    say.error(
      'kafka.producer.enable.idempotence',
      'is false, and deliveryGuarantee = exactly-once needs it',
      'write true, or remove it',
    )
  if (flow !== undefined && !isFlowName(flow))
    say.error(
      'flow',
      `${JSON.stringify(flow)} is no name of a flow`,
      'write letters, digits, and the characters . _ / -, at most 200',
    )
  if (!isTopicName(progress)) say.error('progress.topic', notAllowed(progress), topicNameRule)
  if (progress === given['kafka.topic'] || progress === given['deadLetter.topic'])
    say.error('progress.topic', 'events are written to it, too', 'give another topic')
}

const notAllowed = (topic: string) => `Kafka allows no topic named ${JSON.stringify(topic)}`

/** The producer's properties as Flume puts them together; `problems` name keys of the prefix. */
export function readProperties(
  given: Options,
  systemProperties: ReadonlyMap<string, string> = new Map(),
): ReturnType<typeof readProducerProperties> {
  return readProducerProperties(
    {
      ...(isExactlyOnce(given) ? { acks: 'all' } : {}),
      ...given['kafka.producer'],
      'bootstrap.servers': given['kafka.bootstrap.servers'],
    },
    { systemProperties },
  )
}
