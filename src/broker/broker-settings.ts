// What the broker takes from a server.properties: keys that are obeyed, keys that cannot mean anything on
// a single broker without ZooKeeper, and all others. Kafka's names and defaults, but for the address
// (loopback) and for the sync before every acknowledgement.
import { GivenSettings } from './given-settings.ts'
import { readListeners, type ListenerSettings } from './listener-settings.ts'
import type { LogSettings } from './log/log-parts.ts'
import type { SecurityTimes } from './security/security.ts'
import { brokerKeys, listOf } from './settings/broker-keys.ts'
import { warnOfMissingProtections } from './settings/protections.ts'

export interface TransactionSettings {
  /** Longest time-out a producer may ask for, ms. */
  readonly transactionMaxTimeoutMs: number
  /** How often transactions are looked for that are open for too long, ms. */
  readonly transactionAbortCheckMs: number
  /** Ids without a transaction for so long are forgotten, ms. */
  readonly transactionalIdExpiryMs: number
  /** How often those are looked for, ms. */
  readonly transactionalIdCheckMs: number
}

export interface BrokerSettings extends TransactionSettings, SecurityTimes {
  /** What was written, by key: the base of all that follows. */
  readonly given: Readonly<Record<string, string>>
  readonly nodeId: number
  /** One at least. */
  readonly listeners: readonly ListenerSettings[]
  readonly logDirectories: readonly string[]
  readonly partitions: number
  readonly autoCreateTopics: boolean
  readonly deleteTopics: boolean
  readonly maxMessageBytes: number
  readonly maxRequestBytes: number
  /** Bytes of requests that may be held for all connections together. */
  readonly memoryBudgetBytes: number
  readonly maxFetchBytes: number
  readonly maxConnections: number
  readonly maxConnectionsPerIp: number
  /** Other limits for single addresses. */
  readonly maxConnectionsOf: Readonly<Record<string, number>>
  /** A connection on which nothing comes for so long is closed; Infinity keeps it. */
  readonly maxIdleMs: number
  /** `producer`, `uncompressed` or the name of a codec. */
  readonly compression: string
  readonly gzipLevel: number
  readonly zstdLevel: number
  /** How far back and ahead the time of a record may be. */
  readonly timestampBeforeMaxMs: number
  readonly timestampAfterMaxMs: number
  readonly log: LogSettings
  readonly cleanerEnabled: boolean
  readonly cleanerBackoffMs: number
  /** Memory for the keys of one pass of compaction, bytes. */
  readonly cleanerKeyBytes: number
  readonly appendTime: boolean
  readonly retentionCheckMs: number
  /** Relaxed mode: how often what was written is synced. */
  readonly flushIntervalMs: number
  readonly groupMinSessionMs: number
  readonly groupMaxSessionMs: number
  readonly groupInitialDelayMs: number
  readonly groupMaxSize: number
  readonly maxOffsetMetadataBytes: number
  readonly offsetsTopicSegmentBytes: number
  readonly offsetsRetentionMs: number
  readonly offsetsRetentionCheckMs: number
}

export interface ReadSettings {
  readonly settings: BrokerSettings
  /** One sentence each; the broker does not start. */
  readonly errors: readonly string[]
  readonly warnings: readonly string[]
  /** Keys that were given and do nothing here. */
  readonly withoutEffect: readonly string[]
}

export const hourMs = 3_600_000

/** Reads the text of a server.properties; `overrides` count more (the launcher's --override key=value). */
export function readBrokerSettings(
  text: string,
  file: string,
  overrides: Readonly<Record<string, string>> = {},
): ReadSettings {
  const given = new GivenSettings(text, file, overrides)
  const { errors, warnings } = given
  const listeners = readListeners(given)
  const nodeId = given.number('node.id')
  const brokerId = given.numberOr('broker.id')
  const before = given.number('log.message.timestamp.before.max.ms')
  const after = given.number('log.message.timestamp.after.max.ms')
  const difference = given.number('log.message.timestamp.difference.max.ms')
  const policy = listOf(given.word('log.cleanup.policy'))
  const settings: BrokerSettings = {
    given: given.values,
    nodeId: nodeId ?? Math.max(brokerId, 0),
    listeners,
    logDirectories: logDirectories(given),
    partitions: given.numberOr('num.partitions'),
    autoCreateTopics: given.flag('auto.create.topics.enable'),
    deleteTopics: given.flag('delete.topic.enable'),
    maxMessageBytes: given.numberOr('message.max.bytes'),
    maxRequestBytes: given.numberOr('socket.request.max.bytes'),
    memoryBudgetBytes: Math.min(
      unlimited(given.numberOr('queued.max.request.bytes')),
      given.numberOr('millrace.memoryBudget'),
    ),
    maxFetchBytes: given.numberOr('fetch.max.bytes'),
    maxConnections: given.numberOr('max.connections'),
    maxConnectionsPerIp: given.numberOr('max.connections.per.ip'),
    maxConnectionsOf: connectionsOf(given),
    maxIdleMs: unlimited(given.numberOr('connections.max.idle.ms')),
    compression: given.word('compression.type'),
    gzipLevel: given.numberOr('compression.gzip.level'),
    zstdLevel: given.numberOr('compression.zstd.level'),
    timestampBeforeMaxMs: before ?? difference ?? Number.MAX_SAFE_INTEGER,
    timestampAfterMaxMs: after ?? difference ?? hourMs,
    log: {
      segmentBytes: given.numberOr('log.segment.bytes'),
      rollMs: given.time('log.roll'),
      retentionMs: given.time('log.retention'),
      retentionBytes: given.numberOr('log.retention.bytes'),
      deletes: policy.includes('delete'),
      compacts: policy.includes('compact'),
      deleteRetentionMs: given.numberOr('log.cleaner.delete.retention.ms'),
      minDirtyRatio: given.numberOr('log.cleaner.min.cleanable.ratio'),
      minCompactionLagMs: given.numberOr('log.cleaner.min.compaction.lag.ms'),
      maxCompactionLagMs: given.numberOr('log.cleaner.max.compaction.lag.ms'),
      syncEachGroup: given.word('millrace.durability') === 'synced',
      producerExpiryMs: given.numberOr('producer.id.expiration.ms'),
    },
    cleanerEnabled: given.flag('log.cleaner.enable'),
    cleanerBackoffMs: given.numberOr('log.cleaner.backoff.ms'),
    cleanerKeyBytes: given.numberOr('log.cleaner.dedupe.buffer.size'),
    appendTime: given.word('log.message.timestamp.type') === 'LogAppendTime',
    retentionCheckMs: given.numberOr('log.retention.check.interval.ms'),
    flushIntervalMs: given.numberOr('log.flush.interval.ms'),
    maxReauthMs: given.numberOr('connections.max.reauth.ms'),
    failedLoginDelayMs: given.numberOr('connection.failed.authentication.delay.ms'),
    transactionMaxTimeoutMs: given.numberOr('transaction.max.timeout.ms'),
    transactionAbortCheckMs: given.numberOr('transaction.abort.timed.out.transaction.cleanup.interval.ms'),
    transactionalIdExpiryMs: given.numberOr('transactional.id.expiration.ms'),
    transactionalIdCheckMs: given.numberOr('transaction.remove.expired.transaction.cleanup.interval.ms'),
    groupMinSessionMs: given.numberOr('group.min.session.timeout.ms'),
    groupMaxSessionMs: given.numberOr('group.max.session.timeout.ms'),
    groupInitialDelayMs: given.numberOr('group.initial.rebalance.delay.ms'),
    groupMaxSize: given.numberOr('group.max.size'),
    offsetsTopicSegmentBytes: given.numberOr('offsets.topic.segment.bytes'),
    offsetsRetentionMs: given.numberOr('offsets.retention.minutes') * 60_000,
    offsetsRetentionCheckMs: given.numberOr('offsets.retention.check.interval.ms'),
    maxOffsetMetadataBytes: given.numberOr('offset.metadata.max.bytes'),
  }
  warnOfMissingProtections(given, listeners)
  return {
    settings,
    errors: errors.toSorted((one, other) => lineIn(one, file) - lineIn(other, file)),
    warnings: [...warnings, ...given.lookups, ...given.unknown],
    withoutEffect: given.unused,
  }
}

/** The line that a sentence names; 0 where it names none. */
const lineIn = (sentence: string, file: string): number =>
  sentence.startsWith(`${file}:`) ? Number.parseInt(sentence.slice(file.length + 1), 10) || 0 : 0

/** -1, and all below 0, lifts a limit. */
const unlimited = (value: number): number => (value < 0 ? Infinity : value)

function logDirectories(given: GivenSettings): string[] {
  for (const key of ['log.dirs', 'log.dir'] as const)
    if (given.isEmpty(key)) given.refuse(key, 'at least one directory, or leave the key out')
  const single = given.text('log.dir') ?? brokerKeys['log.dir'].default!
  const directories = [...new Set(listOf(given.text('log.dirs') ?? single))]
  if (directories.length === 0 && !given.isEmpty('log.dirs'))
    given.refuse('log.dirs', 'at least one directory')
  return directories
}

/** `address:number` pairs, as in max.connections.per.ip.overrides. */
function connectionsOf(given: GivenSettings): Record<string, number> {
  const key = 'max.connections.per.ip.overrides'
  const found: Record<string, number> = {}
  for (const pair of listOf(given.text(key) ?? '')) {
    const match = /^(.+):(\d{1,9})$/.exec(pair)
    if (match === null) given.refuse(key, 'addresses and numbers as 127.0.0.1:200, separated by commas')
    else found[match[1]!] = Number(match[2])
  }
  return found
}
