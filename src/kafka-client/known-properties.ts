// The properties of the Java clients (2.7 to 3.9) by name, and what becomes of each: a setting, or the
// reason why it has no effect here. Defaults are the Java clients'; where ours differ settings.ts says so.
import { compressions } from '../wire/kafka/compression.ts'
import type { SecurityKind } from './security/security-properties.ts'

/** How the value is read, and which setting it becomes. */
export type Rule =
  | {
      readonly to: string
      readonly kind: 'int'
      readonly min: number
      readonly max?: number
      readonly minusOne?: number
    }
  | { readonly to: string; readonly kind: 'flag' | 'text' | 'servers' }
  | { readonly to: string; readonly kind: 'choice'; readonly values: Readonly<Record<string, unknown>> }
  | { readonly to: string; readonly kind: 'assignors' }
  | { readonly noEffect: string }
  /** Only this value is possible; any other is an error. */
  | { readonly only: readonly string[]; readonly why: string }
  /** Not possible here: an error, since leaving it out would be worse. */
  | { readonly refused: string }
  /** Read together by security-properties.ts. */
  | { readonly security: SecurityKind | 'protocol' }

export type Rules = Readonly<Record<string, Rule>>

const int = (to: string, min = 0, max?: number): Rule => ({
  to,
  kind: 'int',
  min,
  ...(max === undefined ? {} : { max }),
})
const noEffect = (reason: string): Rule => ({ noEffect: reason })
const names = (text: string, rule: Rule): Rules =>
  Object.fromEntries(text.split(/\s+/).map(name => [name, rule]))
const maxInt = 2_147_483_647

const shared: Rules = {
  'bootstrap.servers': { to: 'bootstrapServers', kind: 'servers' },
  'client.id': { to: 'clientId', kind: 'text' },
  'request.timeout.ms': int('requestTimeoutMs', 1, maxInt),
  'socket.connection.setup.timeout.ms': int('connectTimeoutMs', 1, maxInt),
  'reconnect.backoff.ms': int('reconnectBackoffMs'),
  'reconnect.backoff.max.ms': int('reconnectBackoffMaxMs'),
  'retry.backoff.ms': int('retryBackoffMs'),
  'retry.backoff.max.ms': int('retryBackoffMaxMs'),
  'metadata.max.age.ms': int('metadataMaxAgeMs', 1),
  'connections.max.idle.ms': { to: 'connectionsMaxIdleMs', kind: 'int', min: 0, minusOne: Infinity },
  'security.protocol': { security: 'protocol' },
  ...names(
    'key.serializer value.serializer key.deserializer value.deserializer',
    noEffect('keys and values are bytes here'),
  ),
  ...names('interceptor.classes metric.reporters', noEffect('it names Java classes')),
  ...names(
    'metrics.num.samples metrics.recording.level metrics.sample.window.ms auto.include.jmx.reporter enable.metrics.push',
    noEffect('metrics are those of the agent'),
  ),
  ...names('send.buffer.bytes receive.buffer.bytes', noEffect("the operating system's sizes are used")),
  'socket.connection.setup.timeout.max.ms': noEffect('each attempt has socket.connection.setup.timeout.ms'),
  'client.dns.lookup': noEffect("the system's order of addresses is used"),
  'metadata.recovery.strategy': noEffect('the bootstrap servers are always tried as well'),
  'metadata.recovery.rebootstrap.trigger.ms': noEffect('the bootstrap servers are always tried as well'),
  'security.providers': noEffect('it names Java classes'),
  ...names(
    `sasl.jaas.config sasl.mechanism sasl.oauthbearer.token.endpoint.url sasl.oauthbearer.scope
     sasl.oauthbearer.client.credentials.client.id sasl.oauthbearer.client.credentials.client.secret
     sasl.oauthbearer.header.urlencode sasl.login.connect.timeout.ms sasl.login.read.timeout.ms`,
    { security: 'sasl' },
  ),
  ...names(
    `ssl.protocol ssl.cipher.suites ssl.enabled.protocols ssl.endpoint.identification.algorithm
     ssl.disableTLSHostnameVerification ssl.key.password ssl.keystore.certificate.chain ssl.keystore.key
     ssl.keystore.location ssl.keystore.password ssl.keystore.type ssl.truststore.certificates
     ssl.truststore.location ssl.truststore.password ssl.truststore.type`,
    { security: 'ssl' },
  ),
  ...names(
    `sasl.client.callback.handler.class sasl.login.callback.handler.class sasl.login.class
     sasl.oauthbearer.jwt.retriever.class sasl.oauthbearer.jwt.validator.class ssl.provider
     ssl.engine.factory.class ssl.keymanager.algorithm ssl.trustmanager.algorithm
     ssl.secure.random.implementation`,
    noEffect('it names a part of Java; sasl.mechanism and sasl.jaas.config say how to log in'),
  ),
  ...names(
    `sasl.kerberos.service.name sasl.kerberos.kinit.cmd sasl.kerberos.min.time.before.relogin
     sasl.kerberos.ticket.renew.jitter sasl.kerberos.ticket.renew.window.factor`,
    noEffect('GSSAPI (Kerberos) is not spoken'),
  ),
  ...names(
    `sasl.login.refresh.buffer.seconds sasl.login.refresh.min.period.seconds
     sasl.login.refresh.window.factor sasl.login.refresh.window.jitter`,
    noEffect('a new token is asked for when a fifth of the life of the old one is left'),
  ),
  ...names(
    'sasl.login.retry.backoff.ms sasl.login.retry.backoff.max.ms',
    noEffect('reconnect.backoff.ms and reconnect.backoff.max.ms count for it'),
  ),
  ...names(
    `sasl.oauthbearer.jwks.endpoint.url sasl.oauthbearer.jwks.endpoint.refresh.ms
     sasl.oauthbearer.jwks.endpoint.retry.backoff.ms sasl.oauthbearer.jwks.endpoint.retry.backoff.max.ms
     sasl.oauthbearer.scope.claim.name sasl.oauthbearer.sub.claim.name sasl.oauthbearer.expected.audience
     sasl.oauthbearer.expected.issuer sasl.oauthbearer.clock.skew.seconds`,
    noEffect('tokens are checked by the broker'),
  ),
  ...names(
    `sasl.oauthbearer.assertion.algorithm sasl.oauthbearer.assertion.claim.aud
     sasl.oauthbearer.assertion.claim.exp.seconds sasl.oauthbearer.assertion.claim.iss
     sasl.oauthbearer.assertion.claim.jti.include sasl.oauthbearer.assertion.claim.nbf.seconds
     sasl.oauthbearer.assertion.claim.sub sasl.oauthbearer.assertion.file
     sasl.oauthbearer.assertion.private.key.file sasl.oauthbearer.assertion.private.key.passphrase
     sasl.oauthbearer.assertion.template.file`,
    noEffect('tokens are asked for with clientId and clientSecret, not with an assertion'),
  ),
}

/** Of Java's AdminClient. */
export const adminRules: Rules = {
  ...shared,
  ...names('default.api.timeout.ms retries', noEffect('request.timeout.ms bounds how long is asked again')),
}

export const consumerRules: Rules = {
  ...shared,
  'group.id': { to: 'groupId', kind: 'text' },
  'group.instance.id': { to: 'groupInstanceId', kind: 'text' },
  'partition.assignment.strategy': { to: 'assignors', kind: 'assignors' },
  'auto.offset.reset': {
    to: 'autoOffsetReset',
    kind: 'choice',
    values: { latest: 'latest', earliest: 'earliest', none: 'none' },
  },
  'session.timeout.ms': int('sessionTimeoutMs', 1, maxInt),
  'heartbeat.interval.ms': int('heartbeatIntervalMs', 1, maxInt),
  'max.poll.interval.ms': int('maxPollIntervalMs', 1, maxInt),
  'max.poll.records': int('maxPollRecords', 1, maxInt),
  'fetch.min.bytes': int('fetchMinBytes', 0, maxInt),
  'fetch.max.bytes': int('fetchMaxBytes', 1, maxInt),
  'fetch.max.wait.ms': int('fetchMaxWaitMs', 0, maxInt),
  'max.partition.fetch.bytes': int('maxPartitionFetchBytes', 1, maxInt),
  'isolation.level': {
    to: 'readCommitted',
    kind: 'choice',
    values: { read_uncommitted: false, read_committed: true },
  },
  'check.crcs': { to: 'checkCrcs', kind: 'flag' },
  'allow.auto.create.topics': { to: 'allowAutoCreateTopics', kind: 'flag' },
  'enable.auto.commit': noEffect('positions are committed when the channel has the events'),
  'auto.commit.interval.ms': noEffect('positions are committed when the channel has the events'),
  'exclude.internal.topics': noEffect('internal topics are never part of a pattern'),
  'default.api.timeout.ms': noEffect('what may succeed later is tried again without end'),
  'client.rack': noEffect('records are read from the leaders'),
  'group.protocol': {
    only: ['classic'],
    why: 'the classic group protocol is spoken, which all brokers know',
  },
  'group.remote.assignor': noEffect('it belongs to the group protocol "consumer"'),
  'internal.leave.group.on.close': noEffect('dynamic members leave the group, static ones do not'),
}

export const producerRules: Rules = {
  ...shared,
  acks: { to: 'acks', kind: 'choice', values: { all: -1, '-1': -1, '0': 0, '1': 1 } },
  'compression.type': {
    to: 'compression',
    kind: 'choice',
    values: Object.fromEntries(compressions.map(name => [name, name])),
  },
  'compression.gzip.level': int('gzipLevel', -1, 9),
  'compression.zstd.level': { to: 'zstdLevel', kind: 'int', min: -131_072, max: 22 },
  'compression.lz4.level': noEffect('lz4 has one level here'),
  'max.request.size': int('maxRequestBytes', 1, maxInt),
  'batch.size': int('stickyBytes', 0, maxInt),
  'delivery.timeout.ms': int('deliveryTimeoutMs', 0, maxInt),
  'max.block.ms': int('maxBlockMs'),
  'linger.ms': noEffect('what waits while a request is under way goes together with the next'),
  'buffer.memory': noEffect('the batches of the sink bound what is in memory'),
  retries: noEffect('what may succeed later is tried again, until delivery.timeout.ms where that is written'),
  'max.in.flight.requests.per.connection': noEffect(
    'one request a partition is under way, which keeps the order',
  ),
  'enable.idempotence': { to: 'idempotence', kind: 'flag' },
  'partitioner.class': noEffect("the Java client's default partitioning is always used"),
  'partitioner.ignore.keys': noEffect('keys always choose the partition'),
  'partitioner.adaptive.partitioning.enable': noEffect(
    'records without key go to one partition, then another',
  ),
  'partitioner.availability.timeout.ms': noEffect(
    'partitions without a leader are not chosen for records without key',
  ),
  'metadata.max.idle.ms': noEffect('topics once written to are kept in mind'),
  'transactional.id': {
    refused:
      'exactly-once delivery is for a later version: a sink writes at least once, and with acks = all a lost answer doubles nothing',
  },
  'transaction.timeout.ms': noEffect('it belongs to transactional.id'),
}
