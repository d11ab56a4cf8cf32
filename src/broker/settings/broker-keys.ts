// The settings of server.properties that the broker obeys: type, default, bounds, what they do. Reading
// them, DescribeConfigs and changing them while it runs all go by this table. Names, bounds and defaults
// are Kafka 4.1's but where the text says otherwise.
//
// Source: ConfigDef of Kafka 4.1.0 and 0.10.2.1; KIP-226 for what may change while the broker runs.
import { defaultMemoryBudgetBytes, leastMemoryBudgetBytes } from '../../system/memory-budget.ts'

export type SettingType = 'boolean' | 'string' | 'int' | 'long' | 'double' | 'list' | 'password'

export interface BrokerKey {
  readonly type: SettingType
  /** As text; null where there is none. */
  readonly default: string | null
  /** Smallest and largest number; where absent, what the type holds, from 0 on. */
  readonly least?: number
  readonly most?: number
  /** The words it may be, or that a list may hold. */
  readonly words?: readonly string[]
  /** What the text must look like, and how that is said. */
  readonly form?: { readonly pattern: RegExp; readonly rule: string }
  /** May be changed while the broker runs. */
  readonly dynamic?: true
  readonly doc: string
}

const intMost = 2_147_483_647
export const longMost = '9223372036854775807'
const at = (default_: number | string | null, doc: string, more: Partial<BrokerKey> = {}): BrokerKey => ({
  type: 'int',
  default: default_ === null ? null : String(default_),
  doc,
  ...more,
})
const long = { type: 'long' } as const
const text = { type: 'string' } as const
const flag = { type: 'boolean' } as const
const dynamic = true
export const compressionWords = ['producer', 'uncompressed', 'gzip', 'snappy', 'lz4', 'zstd'] as const

export const brokerKeys = {
  'broker.id': at(0, 'The number of this node.', { least: -1 }),
  'node.id': at(null, 'The same by its newer name; it counts more than broker.id.'),
  'host.name': at(null, 'The address to listen on. 127.0.0.1 where neither this nor listeners is set.', text),
  port: at(9092, 'The port to listen on; 0 takes a free one.', { most: 65_535 }),
  listeners: at(
    null,
    'Where to listen, as PLAINTEXT://host:port. Counts more than host.name and port.',
    text,
  ),
  'advertised.listeners': at(null, 'What clients are told to connect to. Where it listens, if absent.', text),
  'advertised.host.name': at(null, 'The host that clients are told to connect to.', text),
  'advertised.port': at(null, 'The port that clients are told to connect to.', { most: 65_535 }),
  'log.dirs': at(null, 'The directories for topics, separated by commas.', text),
  'log.dir': at('/tmp/kafka-logs', 'The directory for topics where log.dirs is absent.', text),
  'num.partitions': at(1, 'Partitions of a topic that is created without a number.', { least: 1 }),
  'auto.create.topics.enable': at('true', 'Whether asking for a topic creates it.', flag),
  'delete.topic.enable': at('true', 'Whether topics can be deleted.', flag),
  'message.max.bytes': at(1_048_588, 'Largest record batch, bytes.', { dynamic }),
  'compression.type': at('producer', 'How batches are packed when they are kept; producer: as they came.', {
    ...text,
    words: compressionWords,
    dynamic,
  }),
  'compression.gzip.level': at(-1, 'Level of gzip, 1 to 9; -1 leaves it to gzip.', {
    least: -1,
    most: 9,
    dynamic,
    form: { pattern: /^(-1|[1-9])$/, rule: 'a whole number from 1 to 9, or -1' },
  }),
  'compression.zstd.level': at(3, 'Level of zstd.', { least: -131_072, most: 22, dynamic }),
  'socket.request.max.bytes': at(104_857_600, 'Largest request, bytes.', { least: 1024 }),
  'queued.max.request.bytes': at(-1, 'Lowers millrace.memoryBudget where it is less; -1 does not.', {
    ...long,
    least: -1,
  }),
  'fetch.max.bytes': at(57_671_680, 'Most bytes that one Fetch answers with.', { least: 1024 }),
  'max.connections': at(intMost, 'Connections that may stand at once; more wait until one is closed.', {
    dynamic,
  }),
  'max.connections.per.ip': at(intMost, 'Connections from one address; more are closed.', { dynamic }),
  'max.connections.per.ip.overrides': at(
    '',
    'Other limits for single addresses, as 127.0.0.1:200,10.0.0.1:5.',
    {
      ...text,
      dynamic,
      form: {
        pattern: /^(\s*[^,\s]+:\d{1,9}\s*(,|$))*$/,
        rule: 'addresses and numbers as 127.0.0.1:200, separated by commas',
      },
    },
  ),
  'connections.max.idle.ms': at(600_000, 'A connection on which nothing came for so long is closed, ms.', {
    ...long,
    least: -1,
  }),
  'connections.max.reauth.ms': at(
    0,
    'How long a login is good for, ms; a client that does not log in again then is closed. 0: for ever.',
    long,
  ),
  'connection.failed.authentication.delay.ms': at(100, 'How long the refusal of a login takes, ms.'),
  'listener.security.protocol.map': at(
    null,
    'Which protocol each listener speaks, as INTERNAL:SASL_SSL; their names are those of protocols where it is absent.',
    text,
  ),
  'controller.listener.names': at(null, 'Listeners that are not opened: there is no controller here.', text),
  'sasl.enabled.mechanisms': at(
    null,
    'Logins that listeners with SASL offer: PLAIN, SCRAM-SHA-256, SCRAM-SHA-512.',
    text,
  ),
  'ssl.keystore.location': at(null, "The broker's key and certificate: JKS, PKCS12 or PEM.", text),
  'ssl.keystore.password': at(null, 'Of that store.', { type: 'password' }),
  'ssl.keystore.type': at(null, 'JKS, PKCS12 or PEM; it is seen from the file where absent.', text),
  'ssl.keystore.key': at(null, 'The key as PEM, in place of a store.', { type: 'password' }),
  'ssl.keystore.certificate.chain': at(null, 'Its certificate, and those that signed it, as PEM.', text),
  'ssl.key.password': at(null, 'Of the key, where it is not that of the store.', { type: 'password' }),
  'ssl.truststore.location': at(null, 'Whose certificates of clients are trusted: JKS, PKCS12 or PEM.', text),
  'ssl.truststore.password': at(null, 'Of that store.', { type: 'password' }),
  'ssl.truststore.type': at(null, 'JKS, PKCS12 or PEM; it is seen from the file where absent.', text),
  'ssl.truststore.certificates': at(null, 'The same as PEM, in place of a store.', text),
  'ssl.client.auth': at('none', 'Whether clients show a certificate: none, requested or required.', text),
  'ssl.enabled.protocols': at(null, 'Versions of TLS; TLSv1.2 and TLSv1.3 where absent.', text),
  'ssl.protocol': at(null, 'Checked, and of no other effect: ssl.enabled.protocols counts.', text),
  'ssl.cipher.suites': at(null, "Cipher suites, by Java's names; the usual ones where absent.", text),
  'socket.listen.backlog.size': at(1024, 'Connections that the system holds until they are accepted.', {
    least: 1,
  }),
  'log.segment.bytes': at(1_073_741_824, 'A segment that would grow beyond it is full, bytes.', {
    least: 14,
    dynamic,
  }),
  'log.roll.ms': at(null, 'A segment is full after so long, ms.', { ...long, least: 1, dynamic }),
  'log.roll.hours': at(168, 'The same in hours, where log.roll.ms is absent.', { least: 1 }),
  'log.retention.ms': at(null, 'Segments older than this are removed, ms; -1 keeps them.', {
    ...long,
    least: -1,
    dynamic,
  }),
  'log.retention.minutes': at(null, 'The same in minutes, where log.retention.ms is absent.', { least: -1 }),
  'log.retention.hours': at(168, 'The same in hours, where neither of the other two is set.', { least: -1 }),
  'log.retention.bytes': at(
    -1,
    'A partition larger than this loses its oldest segments, bytes; -1: no limit.',
    {
      ...long,
      least: -1,
      dynamic,
    },
  ),
  'log.retention.check.interval.ms': at(300_000, 'How often old segments are looked for, ms.', {
    ...long,
    least: 1,
  }),
  'log.cleanup.policy': at('delete', 'What becomes of old records: delete, compact, or both.', {
    type: 'list',
    words: ['delete', 'compact'],
    dynamic,
  }),
  'log.cleaner.enable': at('true', 'Whether topics with cleanup.policy=compact are compacted.', flag),
  'log.cleaner.backoff.ms': at(15_000, 'How often logs to compact are looked for, ms.', { ...long, dynamic }),
  'log.cleaner.dedupe.buffer.size': at(
    134_217_728,
    'Memory for the keys of one pass of compaction, bytes; a log with more keys takes several.',
    { ...long, least: 1024, dynamic },
  ),
  'log.cleaner.delete.retention.ms': at(86_400_000, 'How long a deletion stays in a compacted log, ms.', {
    ...long,
    dynamic,
  }),
  'log.cleaner.min.cleanable.ratio': at(
    0.5,
    'The share of a log that must be new since the last compaction for the next one.',
    { type: 'double', most: 1, dynamic },
  ),
  'log.cleaner.min.compaction.lag.ms': at(0, 'A record stays for at least so long, ms.', {
    ...long,
    dynamic,
  }),
  'log.cleaner.max.compaction.lag.ms': at(
    longMost,
    'A log with records older than this is compacted whatever its share of new ones, ms.',
    { ...long, least: 1, dynamic },
  ),
  'log.message.timestamp.type': at('CreateTime', "Whether records keep their time or get the broker's.", {
    ...text,
    words: ['CreateTime', 'LogAppendTime'],
    dynamic,
  }),
  'log.message.timestamp.before.max.ms': at(
    longMost,
    'Records whose time is further back than this are refused, ms.',
    { ...long, dynamic },
  ),
  'log.message.timestamp.after.max.ms': at(
    3_600_000,
    'Records whose time is further ahead than this are refused, ms.',
    { ...long, dynamic },
  ),
  'log.message.timestamp.difference.max.ms': at(
    longMost,
    'The bound in both directions by its name before Kafka 3.6; the two newer ones count more.',
    long,
  ),
  'log.flush.interval.ms': at(1000, 'In the relaxed mode: how often what was written is synced, ms.', {
    ...long,
    least: 1,
  }),
  'producer.id.expiration.ms': at(86_400_000, 'Producers that wrote nothing for so long are forgotten, ms.', {
    least: 1,
    dynamic,
  }),
  'transaction.max.timeout.ms': at(900_000, 'Longest time-out a transactional producer may ask for, ms.', {
    least: 1,
  }),
  'transaction.abort.timed.out.transaction.cleanup.interval.ms': at(
    10_000,
    'How often transactions are looked for that are open for longer than their time-out, ms.',
    { least: 1 },
  ),
  'transactional.id.expiration.ms': at(
    604_800_000,
    'Transactional ids without a transaction for so long are forgotten, ms.',
    { least: 1 },
  ),
  'transaction.remove.expired.transaction.cleanup.interval.ms': at(
    3_600_000,
    'How often such ids are looked for, ms.',
    { least: 1 },
  ),
  'group.min.session.timeout.ms': at(6000, 'Shortest session a member of a group may ask for, ms.'),
  'group.max.session.timeout.ms': at(1_800_000, 'Longest session a member of a group may ask for, ms.'),
  'group.initial.rebalance.delay.ms': at(
    0,
    'How long a new group waits for more members, ms. 3000 in Kafka.',
  ),
  'group.max.size': at(intMost, 'Most members of a group.', { least: 1 }),
  'offsets.topic.segment.bytes': at(
    10_485_760,
    'Segments of the topic __consumer_offsets, bytes: a start reads about so much. 100 MiB in Kafka.',
    { least: 14 },
  ),
  'offsets.retention.minutes': at(
    10_080,
    'How long positions of a group stay when nobody is in it any more, minutes.',
    { least: 1 },
  ),
  'offsets.retention.check.interval.ms': at(600_000, 'How often such positions are looked for, ms.', {
    ...long,
    least: 1,
  }),
  'offset.metadata.max.bytes': at(4096, 'Longest text beside a committed position, bytes.'),
  'millrace.durability': at(
    'synced',
    'relaxed acknowledges before the sync: a power failure loses records.',
    {
      ...text,
      words: ['synced', 'relaxed'],
    },
  ),
  'millrace.memoryBudget': at(
    defaultMemoryBudgetBytes,
    'Bytes that requests of all connections, and what they are unpacked to, may take together. Above it reading waits.',
    { ...long, least: leastMemoryBudgetBytes },
  ),
} satisfies Record<string, BrokerKey>

export type BrokerKeyName = keyof typeof brokerKeys

export const keyOf = (name: string): BrokerKey | undefined =>
  Object.hasOwn(brokerKeys, name) ? brokerKeys[name as BrokerKeyName] : undefined

/** The rule that the value breaks, as what to write instead; null where it breaks none. */
export function ruleBroken({ type, least, most, words, form }: BrokerKey, value: string): string | null {
  if (form !== undefined && !form.pattern.test(value)) return form.rule
  switch (type) {
    case 'int':
    case 'long': {
      const low = least ?? 0
      const high = most ?? (type === 'int' ? intMost : undefined)
      const rule = `a whole number from ${low} ${high === undefined ? 'on' : `to ${high}`}`
      if (!/^[+-]?\d{1,30}$/.test(value)) return rule
      const number = BigInt(value.replace('+', ''))
      return number < BigInt(low) || number > BigInt(high ?? longMost) ? rule : null
    }
    case 'double': {
      const [low, high] = [least ?? 0, most ?? Infinity]
      const number = Number(value)
      return value !== '' && number >= low && number <= high
        ? null
        : `a number from ${low} ${high === Infinity ? 'on' : `to ${high}`}`
    }
    case 'boolean':
      return /^(true|false)$/i.test(value) ? null : 'true or false'
    case 'list':
      return words === undefined || listOf(value).every(one => words.includes(one))
        ? null
        : `a list of ${words.join(', ')}`
    default:
      return words === undefined || words.includes(value) ? null : words.join(' or ')
  }
}

export const listOf = (value: string): string[] =>
  value
    .split(',')
    .map(one => one.trim())
    .filter(one => one !== '')
