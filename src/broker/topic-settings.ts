// Settings of a topic: which there are, how they are checked, and what they change. Each falls back to
// a setting of the broker, whose type and bounds it has. Source: Kafka 4.1's TopicConfig.
import type { BrokerSettings } from './broker-settings.ts'
import type { LogSettings } from './log/log-parts.ts'
import { brokerKeys, listOf, ruleBroken, type BrokerKey, type BrokerKeyName } from './settings/broker-keys.ts'
import { oneCopy } from './settings/protections.ts'

/** As given, by Kafka's names. */
export type TopicSettings = Readonly<Record<string, string>>

export interface TopicSetting extends BrokerKey {
  /** The broker's key it falls back to; null where the broker has none. */
  readonly brokerKey: BrokerKeyName | null
}

const like = (brokerKey: BrokerKeyName, more: Partial<BrokerKey> = {}): TopicSetting => ({
  ...brokerKeys[brokerKey],
  ...more,
  brokerKey,
})
const alone = (default_: string, type: BrokerKey['type'], more: Partial<BrokerKey> = {}): TopicSetting => ({
  type,
  default: default_,
  doc: 'Kept and told; it has no effect on this broker.',
  brokerKey: null,
  ...more,
})

const longMost = '9223372036854775807'
/** Replicas that a reassignment slows down. */
const throttled = {
  form: { pattern: /^(\*|(\d+:\d+\s*(,\s*|$))*)$/, rule: 'partitions and brokers as 0:1,1:1, or *' },
}

export const topicSettings: Readonly<Record<string, TopicSetting>> = {
  'cleanup.policy': like('log.cleanup.policy'),
  'compression.gzip.level': like('compression.gzip.level'),
  'compression.lz4.level': alone('9', 'int', { least: 1, most: 17 }),
  'compression.type': like('compression.type'),
  'compression.zstd.level': like('compression.zstd.level'),
  'delete.retention.ms': like('log.cleaner.delete.retention.ms'),
  'file.delete.delay.ms': alone('60000', 'long'),
  'flush.messages': alone(longMost, 'long', { least: 1 }),
  'flush.ms': alone(longMost, 'long'),
  'follower.replication.throttled.replicas': alone('', 'list', throttled),
  'index.interval.bytes': alone('4096', 'int'),
  'leader.replication.throttled.replicas': alone('', 'list', throttled),
  'local.retention.bytes': alone('-2', 'long', { least: -2 }),
  'local.retention.ms': alone('-2', 'long', { least: -2 }),
  'max.compaction.lag.ms': like('log.cleaner.max.compaction.lag.ms'),
  'max.message.bytes': like('message.max.bytes'),
  'message.timestamp.after.max.ms': like('log.message.timestamp.after.max.ms'),
  'message.timestamp.before.max.ms': like('log.message.timestamp.before.max.ms'),
  'message.timestamp.type': like('log.message.timestamp.type'),
  'min.cleanable.dirty.ratio': like('log.cleaner.min.cleanable.ratio'),
  'min.compaction.lag.ms': like('log.cleaner.min.compaction.lag.ms'),
  'min.insync.replicas': alone('1', 'int', { least: 1 }),
  preallocate: alone('false', 'boolean'),
  'remote.log.copy.disable': alone('false', 'boolean'),
  'remote.log.delete.on.disable': alone('false', 'boolean'),
  'remote.storage.enable': alone('false', 'boolean', {
    form: { pattern: /^false$/i, rule: 'false, as there is no storage besides the log directories' },
  }),
  'retention.bytes': like('log.retention.bytes'),
  'retention.ms': like('log.retention.ms'),
  'segment.bytes': like('log.segment.bytes'),
  'segment.index.bytes': alone('10485760', 'int', { least: 4 }),
  'segment.jitter.ms': alone('0', 'long'),
  'segment.ms': like('log.roll.ms'),
  'unclean.leader.election.enable': alone('false', 'boolean'),
}

/** What is wrong with settings given for a topic, one sentence; null where nothing is. */
export function problemOfSettings(
  settings: readonly { name: string; value: string | null }[],
): string | null {
  for (const { name, value } of settings) {
    const known = Object.hasOwn(topicSettings, name) ? topicSettings[name] : undefined
    if (known === undefined) return `Unknown topic config name: ${name}`
    const rule = value === null ? 'a value' : ruleBroken(known, value)
    if (rule !== null) return `${name}=${value}: write ${rule}`
  }
  return null
}

/** What the settings ask for to keep records safe and do not get, one sentence; null where they do. */
export function missingProtection(settings: TopicSettings, { syncEachGroup }: LogSettings): string | null {
  const replicas = settings['min.insync.replicas']
  if (Number(replicas) > 1) return `min.insync.replicas=${replicas}: ${oneCopy}`
  const flush = Object.keys(settings).filter(key => key.startsWith('flush.'))
  return flush.length === 0 || syncEachGroup
    ? null
    : `${flush.join(', ')}: in the relaxed mode records are synced every log.flush.interval.ms, in all topics alike`
}

const isCompacted = (policy: string): boolean => listOf(policy).includes('compact')
const isDeleted = (policy: string): boolean => listOf(policy).includes('delete')

/** The broker's settings of a log, changed by those of a topic. */
export function logSettingsOf(settings: TopicSettings, broker: LogSettings): LogSettings {
  const number = (key: string, fallback: number) =>
    settings[key] === undefined ? fallback : Math.min(Number(settings[key]), Number.MAX_SAFE_INTEGER)
  const policy = settings['cleanup.policy']
  return {
    ...broker,
    segmentBytes: number('segment.bytes', broker.segmentBytes),
    rollMs: number('segment.ms', broker.rollMs),
    retentionMs: number('retention.ms', broker.retentionMs),
    retentionBytes: number('retention.bytes', broker.retentionBytes),
    compacts: policy === undefined ? broker.compacts : isCompacted(policy),
    deletes: policy === undefined ? broker.deletes : isDeleted(policy),
    deleteRetentionMs: number('delete.retention.ms', broker.deleteRetentionMs),
    minDirtyRatio: number('min.cleanable.dirty.ratio', broker.minDirtyRatio),
    minCompactionLagMs: number('min.compaction.lag.ms', broker.minCompactionLagMs),
    maxCompactionLagMs: number('max.compaction.lag.ms', broker.maxCompactionLagMs),
  }
}

/** What records must keep to be taken into a topic, and how they are kept. */
export interface RecordRules {
  readonly maxMessageBytes: number
  readonly appendTime: boolean
  /** How far back and ahead of the broker's clock the time of a record may be. */
  readonly timestampBeforeMaxMs: number
  readonly timestampAfterMaxMs: number
  /** `producer`, `uncompressed` or the name of a codec. */
  readonly compression: string
  readonly gzipLevel: number
  readonly zstdLevel: number
  /** Every record needs a key. */
  readonly needsKeys: boolean
}

export function recordRulesOf(topic: TopicSettings, broker: BrokerSettings): RecordRules {
  const number = (key: string, fallback: number) => (topic[key] === undefined ? fallback : Number(topic[key]))
  const policy = topic['cleanup.policy']
  const byTime = topic['message.timestamp.type']
  return {
    maxMessageBytes: number('max.message.bytes', broker.maxMessageBytes),
    appendTime: byTime === undefined ? broker.appendTime : byTime === 'LogAppendTime',
    timestampBeforeMaxMs: number('message.timestamp.before.max.ms', broker.timestampBeforeMaxMs),
    timestampAfterMaxMs: number('message.timestamp.after.max.ms', broker.timestampAfterMaxMs),
    compression: topic['compression.type'] ?? broker.compression,
    gzipLevel: number('compression.gzip.level', broker.gzipLevel),
    zstdLevel: number('compression.zstd.level', broker.zstdLevel),
    needsKeys: policy === undefined ? broker.log.compacts : isCompacted(policy),
  }
}
