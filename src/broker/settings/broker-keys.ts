// The settings of server.properties that the broker obeys: type, default, bounds, what they do. Reading
// them, DescribeConfigs and changing them while it runs all go by this table. Names, bounds and defaults
// are Kafka 4.1's but where the text says otherwise.
//
// Source: ConfigDef of Kafka 4.1.0 and 0.10.2.1; KIP-226 for what may change while the broker runs.
import type { Field } from '../../fields.ts'
import { storeFields } from '../../security/store-properties.ts'
import {
  bool,
  double,
  int32,
  int64,
  intMost,
  oneOf,
  shaped,
  string,
  verbatim,
  words,
} from '../../settings/kafka-fields.ts'
import { defaultMemoryBudgetBytes, leastMemoryBudgetBytes } from '../../system/memory-budget.ts'

import { kafkaKeys, passedOn } from './kafka-keys.ts'

/** Long.MAX_VALUE in Kafka's files. */
export const forever = Number.MAX_SAFE_INTEGER
/** Read together with others. */
export const apart = { as: '' } as const
const from1 = { min: 1 } as const
const apartFrom1 = { ...apart, ...from1 } as const
const apartUnlimited = { ...apart, min: -1 } as const
/** May be changed while the broker runs. */
const live = { dynamic: true } as const
const liveFrom1 = { ...live, ...from1 } as const
const liveUnlimited = { ...live, min: -1 } as const
const word = { ...live, exact: true } as const
const policies = { ...live, among: ['delete', 'compact'] } as const
const compressionWords = ['producer', 'uncompressed', 'gzip', 'snappy', 'lz4', 'zstd'] as const
const gzipLevel = {
  kind: 'int',
  pattern: /^(-1|[1-9])$/,
  rule: 'a whole number from 1 to 9, or -1',
  read: Number,
} as const
const overrides = {
  kind: 'text',
  pattern: /^(\s*[^,\s]+:\d{1,9}\s*(,|$))*$/,
  rule: 'addresses and numbers as 127.0.0.1:200, separated by commas',
  read: (text: string): Readonly<Record<string, number>> =>
    Object.fromEntries(
      listOf(text).map(pair => [
        pair.slice(0, pair.lastIndexOf(':')),
        Number(pair.slice(pair.lastIndexOf(':') + 1)),
      ]),
    ),
} as const

export const brokerKeys = {
  'broker.id': int32(0, 'The number of this node.', apartUnlimited),
  'node.id': int32(null, 'The same by its newer name; it counts more than broker.id.', apart),
  'host.name': verbatim('The address to listen on. 127.0.0.1 where neither this nor listeners is set.'),
  port: int32(9092, 'The port to listen on; 0 takes a free one.', { ...apart, max: 65_535 }),
  listeners: verbatim('Where to listen, as PLAINTEXT://host:port. Counts more than host.name and port.'),
  'advertised.listeners': verbatim(
    'The addresses that clients connect to. Default: the addresses of the listeners.',
  ),
  'advertised.host.name': verbatim('The host that clients connect to.'),
  'advertised.port': int32(null, 'The port that clients connect to.', { ...apart, max: 65_535 }),
  'log.dirs': verbatim('The directories for topics, separated by commas.'),
  'log.dir': string('/tmp/kafka-logs', 'The directory for topics where log.dirs is absent.', apart),
  'num.partitions': int32(1, 'Partitions of a topic that is created without a number.', from1),
  'auto.create.topics.enable': bool(true, 'Whether asking for a topic creates it.'),
  'delete.topic.enable': bool(true, 'Whether topics can be deleted.'),
  'message.max.bytes': int32(1_048_588, 'Largest record batch.', live),
  'compression.type': oneOf(compressionWords, 'producer', 'How batches are kept; producer: as sent.', word),
  'compression.gzip.level': shaped(gzipLevel, -1, 'Level of gzip, 1 to 9; -1 leaves it to gzip.', live),
  'compression.zstd.level': int32(3, 'Level of zstd.', { min: -131_072, max: 22, ...live }),
  'socket.request.max.bytes': int32(104_857_600, 'Largest request.', { min: 1024 }),
  'queued.max.request.bytes': int64(Infinity, 'Lowers millrace.memoryBudget where it is less; -1 does not.', {
    ...apart,
    unlimited: true,
  }),
  'fetch.max.bytes': int32(57_671_680, 'Most bytes that one Fetch answers with.', { min: 1024 }),
  'max.connections': int32(intMost, 'Connections that may stand at once; more wait.', live),
  'max.connections.per.ip': int32(intMost, 'Connections from one address; more are closed.', live),
  'max.connections.per.ip.overrides': shaped(overrides, {}, 'Other limits for single addresses.', live),
  'connections.max.idle.ms': int64(600_000, 'A connection on which nothing came for so long is closed.', {
    unlimited: true,
  }),
  'connections.max.reauth.ms': int64(
    0,
    'How long a login is good for; a client that does not log in again then is closed. 0: for ever.',
  ),
  'connection.failed.authentication.delay.ms': int32(100, 'How long the refusal of a login takes.'),
  'listener.security.protocol.map': verbatim(
    'Which protocol each listener speaks, as INTERNAL:SASL_SSL; their names are those of protocols where it is absent.',
  ),
  'controller.listener.names': verbatim('Listeners that are not opened: there is no controller here.'),
  'sasl.enabled.mechanisms': verbatim(
    'Logins that listeners with SASL offer: PLAIN, SCRAM-SHA-256, SCRAM-SHA-512.',
  ),
  ...storeFields,
  'ssl.client.auth': string('none', 'Whether clients show a certificate: none, requested, required.', apart),
  'socket.listen.backlog.size': int32(
    1024,
    'Connections that the system holds until they are accepted.',
    apartFrom1,
  ),
  'log.segment.bytes': int32(1_073_741_824, 'A segment that would grow beyond it is full.', {
    min: 14,
    ...live,
  }),
  'log.roll.ms': int64(null, 'A segment is full after so long.', liveFrom1),
  'log.roll.hours': int32(168, 'The same in hours, where log.roll.ms is absent.', apartFrom1),
  'log.retention.ms': int64(null, 'Segments older than this are removed; -1 keeps them.', liveUnlimited),
  'log.retention.minutes': int32(
    null,
    'The same in minutes, where log.retention.ms is absent.',
    apartUnlimited,
  ),
  'log.retention.hours': int32(
    168,
    'The same in hours, where neither of the other two is set.',
    apartUnlimited,
  ),
  'log.retention.bytes': int64(
    -1,
    'A partition larger than this loses its oldest segments; -1: no limit.',
    liveUnlimited,
  ),
  'log.retention.check.interval.ms': int64(300_000, 'How often old segments are looked for.', from1),
  'log.cleanup.policy': words(['delete'], 'What becomes of old records: delete, compact, or both.', policies),
  'log.cleaner.enable': bool(true, 'Whether topics with cleanup.policy=compact are compacted.'),
  'log.cleaner.backoff.ms': int64(15_000, 'How often logs to compact are looked for.', live),
  'log.cleaner.dedupe.buffer.size': int64(
    134_217_728,
    'Memory for the keys of one pass of compaction; a log with more keys takes several.',
    { min: 1024, ...live },
  ),
  'log.cleaner.delete.retention.ms': int64(86_400_000, 'How long a deletion stays in a compacted log.', live),
  'log.cleaner.min.cleanable.ratio': double(
    0.5,
    'The share of a log that must be new since the last compaction for the next one.',
    { max: 1, ...live },
  ),
  'log.cleaner.min.compaction.lag.ms': int64(0, 'A record stays for at least so long.', live),
  'log.cleaner.max.compaction.lag.ms': int64(
    forever,
    'A log with records older than this is compacted whatever its share of new ones.',
    liveFrom1,
  ),
  'log.message.timestamp.type': oneOf(
    ['CreateTime', 'LogAppendTime'],
    'CreateTime',
    "Whether records keep their time or get the broker's.",
    word,
  ),
  'log.message.timestamp.before.max.ms': int64(
    forever,
    'Records with a time further back are refused.',
    live,
  ),
  'log.message.timestamp.after.max.ms': int64(
    3_600_000,
    'Records with a time further ahead are refused.',
    live,
  ),
  'log.message.timestamp.difference.max.ms': int64(
    forever,
    'The bound in both directions by its name before Kafka 3.6; the two newer ones count more.',
    apart,
  ),
  'log.flush.interval.ms': int64(1000, 'In the relaxed mode: how often what was written is synced.', from1),
  'producer.id.expiration.ms': int32(86_400_000, 'Producers idle for so long are forgotten.', liveFrom1),
  'transaction.max.timeout.ms': int32(
    900_000,
    'Longest time-out a transactional producer may ask for.',
    from1,
  ),
  'transaction.abort.timed.out.transaction.cleanup.interval.ms': int32(
    10_000,
    'How often transactions beyond their time-out are looked for.',
    from1,
  ),
  'transactional.id.expiration.ms': int32(
    604_800_000,
    'Transactional ids idle for so long are forgotten.',
    from1,
  ),
  'transaction.remove.expired.transaction.cleanup.interval.ms': int32(
    3_600_000,
    'How often such ids are looked for.',
    from1,
  ),
  'group.min.session.timeout.ms': int32(6000, 'Shortest session a member of a group may ask for.'),
  'group.max.session.timeout.ms': int32(1_800_000, 'Longest session a member of a group may ask for.'),
  'group.initial.rebalance.delay.ms': int32(0, 'How long a new group waits for members; 3000 in Kafka.'),
  'group.max.size': int32(intMost, 'Most members of a group.', from1),
  'offsets.topic.segment.bytes': int32(
    10_485_760,
    'Segments of the topic __consumer_offsets: a start reads about so much. 100 MiB in Kafka.',
    { min: 14 },
  ),
  'offsets.retention.minutes': int32(
    10_080,
    'How long positions of a group stay when nobody is in it any more.',
    apartFrom1,
  ),
  'offsets.retention.check.interval.ms': int64(600_000, 'How often such positions are looked for.', from1),
  'offset.metadata.max.bytes': int32(4096, 'Longest text beside a committed position.'),
  'millrace.durability': oneOf(
    { synced: true, relaxed: false },
    true,
    'relaxed acknowledges before the sync: a power failure loses records.',
    { as: 'syncEachGroup', exact: true },
  ),
  'millrace.memoryBudget': int64(
    defaultMemoryBudgetBytes,
    'Bytes that requests of all connections, and what they are unpacked to, may take together. Above it reading waits.',
    { ...apart, min: leastMemoryBudgetBytes },
  ),
}

export type BrokerKeyName = keyof typeof brokerKeys

export const keyOf = (name: string): Field<unknown> | undefined =>
  Object.hasOwn(brokerKeys, name) ? brokerKeys[name as BrokerKeyName] : undefined

export const brokerVocabulary = {
  options: brokerKeys,
  withoutEffect: Object.fromEntries(
    kafkaKeys.map(key => [key, 'it means nothing on a single broker without ZooKeeper']),
  ),
}

/** Whether Kafka knows the key, obeyed here or not. */
export const isKafkaKey = (key: string): boolean =>
  [brokerKeys, brokerVocabulary.withoutEffect].some(keys => Object.hasOwn(keys, key)) ||
  passedOn.some(prefix => key.startsWith(prefix))

export const listOf = (value: string): string[] =>
  value
    .split(',')
    .map(one => one.trim())
    .filter(one => one !== '')
