// The properties of the Java clients (2.7 to 3.9) by name: those that are obeyed, with what they are called here, and
// the reason why each of the others is not. Names, bounds and defaults are the Java clients' but where it says otherwise.
import { addressesIn, parseAddress } from '../address.ts'
import { field, type Common, type Fields, type Made, type Vocabulary } from '../fields.ts'
import { bool, int32, int64, name, oneOf, string } from '../settings/kafka-fields.ts'
import { compressions } from '../wire/kafka/compression.ts'
import { securityFields } from './security/security-properties.ts'

const resets = ['latest', 'earliest', 'none'] as const
const isolations = { read_uncommitted: false, read_committed: true } as const
const replicas = { all: -1, '-1': -1, '0': 0, '1': 1 } as const
export type AssignorName = 'range' | 'roundrobin' | 'sticky'

const fixServers = 'write host:port, several separated by commas, such as localhost:9092'
const servers = <const C extends Common<readonly string[]>>(about: C): Made<readonly string[], C> =>
  field<readonly string[], C>('list', 'host:port, separated by commas', about, raw => {
    const value = addressesIn(raw)
    const odd = value.find(one => parseAddress(one) === null)
    if (odd !== undefined) return { problem: `"${odd}" is not host:port`, fix: fixServers }
    return value.length === 0 ? { problem: 'no broker is given', fix: fixServers } : { value }
  })

const assignorOf = (word: string): AssignorName | undefined =>
  (['range', 'roundrobin', 'sticky'] as const).find(one =>
    [one, `org.apache.kafka.clients.consumer.${one}assignor`].includes(word.toLowerCase()),
  )
const assignors = <const C extends Common<readonly AssignorName[]> & { default: {} }>(about: C) =>
  field<readonly AssignorName[], C>('list', 'range, roundrobin, sticky, or their classes', about, raw => {
    const words = addressesIn(raw)
    const found = words.flatMap(word => assignorOf(word) ?? [])
    const value = found.length === 0 ? about.default : [...new Set(found)]
    const odd = words.find(word => assignorOf(word) === undefined)
    if (odd === undefined) return { value }
    return /cooperativestickyassignor$/i.test(odd)
      ? {
          value,
          problem: 'the cooperative assignor is not spoken here',
          fix: 'write the StickyAssignor or RangeAssignor; the whole group must agree',
        }
      : {
          value,
          problem: `"${odd}" names a Java class that is not there`,
          fix: 'write the RangeAssignor, RoundRobinAssignor or StickyAssignor',
        }
  })

const from1 = { min: 1 } as const
const adminFields = {
  'bootstrap.servers': servers({ required: true, doc: 'Brokers to begin with; the others are learned.' }),
  'client.id': string('millrace', 'What brokers call the client.'),
  'request.timeout.ms': int32(30_000, 'How long a broker may take to answer before it is left.', from1),
  'socket.connection.setup.timeout.ms': int32(10_000, 'How long connecting may take.', from1),
  'reconnect.backoff.ms': int64(50, 'Wait before reconnecting to a broker; it grows to the maximum.'),
  'reconnect.backoff.max.ms': int64(1_000, 'That maximum.'),
  'retry.backoff.ms': int64(100, 'Wait before a request is sent again that was refused for now; it grows.'),
  'retry.backoff.max.ms': int64(1_000, 'What it grows to.'),
  'metadata.max.age.ms': int64(300_000, 'Metadata older than this is fetched again.', from1),
  'connections.max.idle.ms': int64(540_000, 'Connections idle for so long are closed.', { unlimited: true }),
  ...securityFields,
}

const consumerFields = {
  ...adminFields,
  'group.id': name('The group; its members share the partitions.'),
  'group.instance.id': name('Known again by it after a restart: no partition moves.'),
  'partition.assignment.strategy': assignors({
    as: 'assignors',
    default: ['range'],
    doc: 'How the group shares partitions; all members must have one in common.',
  }),
  'auto.offset.reset': oneOf(
    resets,
    'latest',
    'Where to begin without a position, or with one that is gone.',
  ),
  'session.timeout.ms': int32(10_000, 'Without a heartbeat for so long a member is put out.', from1),
  'heartbeat.interval.ms': int32(3_000, 'How often a heartbeat is sent.', from1),
  'max.poll.interval.ms': int32(300_000, 'How long a member may take to give partitions back.', from1),
  'max.poll.records': int32(500, 'Most records of one poll.', from1),
  'fetch.min.bytes': int32(1, 'What a broker waits for before it answers.'),
  'fetch.max.bytes': int32(52_428_800, 'Most of one answer.', from1),
  'fetch.max.wait.ms': int32(500, 'How long a broker waits for fetch.min.bytes.'),
  'max.partition.fetch.bytes': int32(
    1_048_576,
    'Most of one partition; a larger record still passes.',
    from1,
  ),
  'isolation.level': oneOf(isolations, false, 'Whether open and aborted transactions are left out.', {
    as: 'readCommitted',
  }),
  'check.crcs': bool(true, 'Whether the checksum of batches is compared.'),
  'allow.auto.create.topics': bool(true, 'Whether asking for a topic may create it.'),
  'group.protocol': oneOf(['classic'], 'classic', 'How the group agrees.', {
    because: 'the classic group protocol is spoken, which all brokers know',
  }),
}

const producerFields = {
  ...adminFields,
  acks: oneOf(
    replicas,
    1,
    'Who must have a record before the broker answers: nobody, the leader, all in sync.',
  ),
  'enable.idempotence': bool(true, 'Whether brokers from 0.11 on drop what comes twice; with acks = all.'),
  'compression.type': oneOf(compressions, 'none', 'How batches are packed.'),
  'compression.gzip.level': int32(null, 'Level of gzip.', { min: -1, max: 9 }),
  'compression.zstd.level': int32(null, 'Level of zstd.', { min: -131_072, max: 22 }),
  'max.request.size': int32(1_048_576, 'Most of one request, and so of one record, bytes.', from1),
  'batch.size': int32(16_384, 'After so many bytes without keys another partition is taken.'),
  'delivery.timeout.ms': int32(Infinity, 'How long a send is retried; without limit where absent.'),
  'max.block.ms': int64(10_000, 'How long a topic may be unknown to brokers that answer; 60 s in Java.'),
}

/** The words of a text, each with the same reason. */
const each = (reason: string, keys: string): Readonly<Record<string, string>> =>
  Object.fromEntries(
    keys
      .trim()
      .split(/\s+/)
      .map(key => [key, reason]),
  )

const shared = {
  ...each('it names Java classes', 'interceptor.classes metric.reporters security.providers'),
  ...each(
    'metrics are those of the agent',
    'metrics.num.samples metrics.recording.level metrics.sample.window.ms auto.include.jmx.reporter enable.metrics.push',
  ),
  ...each("the operating system's sizes are used", 'send.buffer.bytes receive.buffer.bytes'),
  'socket.connection.setup.timeout.max.ms': 'each attempt has socket.connection.setup.timeout.ms',
  'client.dns.lookup': "the system's order of addresses is used",
  ...each(
    'the bootstrap servers are always tried as well',
    'metadata.recovery.strategy metadata.recovery.rebootstrap.trigger.ms',
  ),
  ...each(
    'it names a part of Java; sasl.mechanism and sasl.jaas.config say how to log in',
    `sasl.client.callback.handler.class sasl.login.callback.handler.class sasl.login.class
     sasl.oauthbearer.jwt.retriever.class sasl.oauthbearer.jwt.validator.class ssl.provider
     ssl.engine.factory.class ssl.keymanager.algorithm ssl.trustmanager.algorithm ssl.secure.random.implementation`,
  ),
  ...each(
    'GSSAPI (Kerberos) is not spoken',
    `sasl.kerberos.service.name sasl.kerberos.kinit.cmd sasl.kerberos.min.time.before.relogin
     sasl.kerberos.ticket.renew.jitter sasl.kerberos.ticket.renew.window.factor`,
  ),
  ...each(
    'a new token is asked for when a fifth of the life of the old one is left',
    `sasl.login.refresh.buffer.seconds sasl.login.refresh.min.period.seconds
     sasl.login.refresh.window.factor sasl.login.refresh.window.jitter`,
  ),
  ...each(
    'reconnect.backoff.ms and reconnect.backoff.max.ms count for it',
    'sasl.login.retry.backoff.ms sasl.login.retry.backoff.max.ms',
  ),
  ...each(
    'tokens are checked by the broker',
    `sasl.oauthbearer.jwks.endpoint.url sasl.oauthbearer.jwks.endpoint.refresh.ms
     sasl.oauthbearer.jwks.endpoint.retry.backoff.ms sasl.oauthbearer.jwks.endpoint.retry.backoff.max.ms
     sasl.oauthbearer.scope.claim.name sasl.oauthbearer.sub.claim.name sasl.oauthbearer.expected.audience
     sasl.oauthbearer.expected.issuer sasl.oauthbearer.clock.skew.seconds`,
  ),
  ...each(
    'tokens are asked for with clientId and clientSecret, not with an assertion',
    `sasl.oauthbearer.assertion.algorithm sasl.oauthbearer.assertion.claim.aud
     sasl.oauthbearer.assertion.claim.exp.seconds sasl.oauthbearer.assertion.claim.iss
     sasl.oauthbearer.assertion.claim.jti.include sasl.oauthbearer.assertion.claim.nbf.seconds
     sasl.oauthbearer.assertion.claim.sub sasl.oauthbearer.assertion.file
     sasl.oauthbearer.assertion.private.key.file sasl.oauthbearer.assertion.private.key.passphrase
     sasl.oauthbearer.assertion.template.file`,
  ),
}

/** Written for Java, and so without harm here that nobody needs to hear of it. */
export const silent =
  'key.serializer value.serializer key.deserializer value.deserializer enable.auto.commit'.split(' ')

const committed = 'positions are committed when the channel has the events'
const idleOfConsumers = {
  ...shared,
  'auto.commit.interval.ms': committed,
  'exclude.internal.topics': 'internal topics are never part of a pattern',
  'default.api.timeout.ms': 'what may succeed later is retried without end',
  'client.rack': 'records are read from the leaders',
  'group.remote.assignor': 'it belongs to the group protocol "consumer"',
  'internal.leave.group.on.close': 'dynamic members leave the group, static ones do not',
}
const idleOfProducers = {
  ...shared,
  'compression.lz4.level': 'lz4 has one level here',
  'linger.ms': 'what waits while a request is under way goes together with the next',
  'buffer.memory': 'the batches of the sink bound what is in memory',
  retries: 'what may succeed later is retried, until delivery.timeout.ms where that is written',
  'max.in.flight.requests.per.connection': 'one request a partition is under way, which keeps the order',
  'partitioner.class': "the Java client's default partitioning is always used",
  'partitioner.ignore.keys': 'keys always choose the partition',
  'partitioner.adaptive.partitioning.enable': 'records without key go to one partition, then another',
  'partitioner.availability.timeout.ms': 'partitions without a leader are not chosen for records without key',
  'metadata.max.idle.ms': 'topics once written to are kept in mind',
  'transaction.timeout.ms': 'transactions are short, and end after 20 s at the latest',
}
const idleOfAdmins = {
  ...shared,
  ...each('request.timeout.ms bounds how long is asked again', 'default.api.timeout.ms retries'),
}
const refusedOfProducers = {
  'transactional.id':
    'a sink with deliveryGuarantee = exactly-once has one of its own for each partition that its events come from',
}

/** What the keys of one client are told in a file of the others, which often serves all. */
const belonging = (whose: string, ...keys: readonly object[]) =>
  each(`it belongs to Kafka's ${whose}`, keys.flatMap(one => Object.keys(one)).join(' '))
const ofConsumers = belonging('consumers', consumerFields, idleOfConsumers)
const ofProducers = belonging('producers', producerFields, idleOfProducers, refusedOfProducers)

/** `own` counts more than what the others know. */
function vocabulary<F extends Fields>(
  options: F,
  { others, own }: { readonly others: object; readonly own: Readonly<Record<string, string>> },
): Vocabulary<F> {
  const idle = Object.entries<string>({ ...others, ...own })
  return { options, withoutEffect: Object.fromEntries(idle.filter(([key]) => !Object.hasOwn(options, key))) }
}

/** Of Java's AdminClient. */
export const adminProperties = vocabulary(adminFields, {
  others: { ...ofProducers, ...ofConsumers },
  own: idleOfAdmins,
})
export const consumerProperties = vocabulary(consumerFields, { others: ofProducers, own: idleOfConsumers })
export const producerProperties = {
  ...vocabulary(producerFields, { others: ofConsumers, own: idleOfProducers }),
  refused: refusedOfProducers,
}
