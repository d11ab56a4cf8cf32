// Settings of a topic: which there are, how they are checked, and what they change. Each falls back to
// a setting of the broker, whose type and bounds it has. Source: Kafka 4.1's TopicConfig.
import type { Field, OptionsOf, SettingsOf } from '../fields.ts'
import { bool, int32, int64, shaped } from '../settings/kafka-fields.ts'
import { nameOf, problemWith } from '../settings/read-settings.ts'
import { apart, brokerKeys, forever, listOf, type BrokerKeyName } from './settings/broker-keys.ts'
import { oneInSync } from './settings/protections.ts'

/** As given, by Kafka's names. */
export type TopicSettings = Readonly<Record<string, string>>

export type TopicSetting = Field<unknown> & {
  /** The broker's key it falls back to; absent where the broker has none. */
  readonly brokerKey?: BrokerKeyName
}

const like = <K extends BrokerKeyName>(brokerKey: K) => ({ ...brokerKeys[brokerKey], brokerKey })
const idle = 'Kept and told; it has no effect on this broker.'
const apartFrom1 = { ...apart, min: 1 } as const
const apartFromMinus2 = { ...apart, min: -2 } as const
/** Replicas that a reassignment slows down. */
const replicas = {
  kind: 'list',
  pattern: /^(\*|(\d+:\d+\s*(,\s*|$))*)$/,
  rule: 'partitions and brokers as 0:1,1:1, or *',
  read: listOf,
} as const

const noStorage = {
  kind: 'flag',
  pattern: /^false$/i,
  rule: 'false, as there is no storage besides the log directories',
  read: () => false,
} as const

const fields = {
  'cleanup.policy': like('log.cleanup.policy'),
  'compression.gzip.level': like('compression.gzip.level'),
  'compression.lz4.level': int32(9, idle, { ...apartFrom1, max: 17 }),
  'compression.type': like('compression.type'),
  'compression.zstd.level': like('compression.zstd.level'),
  'delete.retention.ms': like('log.cleaner.delete.retention.ms'),
  'file.delete.delay.ms': int64(60_000, idle, apart),
  'flush.messages': int64(forever, idle, apartFrom1),
  'flush.ms': int64(forever, idle, apart),
  'follower.replication.throttled.replicas': shaped(replicas, [], idle, apart),
  'index.interval.bytes': int32(4096, idle, apart),
  'leader.replication.throttled.replicas': shaped(replicas, [], idle, apart),
  'local.retention.bytes': int64(-2, idle, apartFromMinus2),
  'local.retention.ms': int64(-2, idle, apartFromMinus2),
  'max.compaction.lag.ms': like('log.cleaner.max.compaction.lag.ms'),
  'max.message.bytes': like('message.max.bytes'),
  'message.timestamp.after.max.ms': like('log.message.timestamp.after.max.ms'),
  'message.timestamp.before.max.ms': like('log.message.timestamp.before.max.ms'),
  'message.timestamp.type': like('log.message.timestamp.type'),
  'min.cleanable.dirty.ratio': like('log.cleaner.min.cleanable.ratio'),
  'min.compaction.lag.ms': like('log.cleaner.min.compaction.lag.ms'),
  'min.insync.replicas': int32(1, idle, apartFrom1),
  preallocate: bool(false, idle, apart),
  'remote.log.copy.disable': bool(false, idle, apart),
  'remote.log.delete.on.disable': bool(false, idle, apart),
  'remote.storage.enable': shaped(noStorage, false, idle, apart),
  'retention.bytes': like('log.retention.bytes'),
  'retention.ms': like('log.retention.ms'),
  'segment.bytes': like('log.segment.bytes'),
  'segment.index.bytes': int32(10_485_760, idle, { ...apart, min: 4 }),
  'segment.jitter.ms': int64(0, idle, apart),
  'segment.ms': like('log.roll.ms'),
  'unclean.leader.election.enable': bool(false, idle, apart),
}
export const topicSettings: Readonly<Record<string, TopicSetting>> = fields

/** How the records of a topic are taken, kept and removed. */
export interface LogSettings extends SettingsOf<typeof fields> {
  /** A segment is full after this long, ms. */
  readonly segmentMs: number
  /** Below 0: no limit. */
  readonly retentionMs: number
  /** Whether an append waits for the sync. */
  readonly syncEachGroup: boolean
  /** Producers that have written nothing for so long are forgotten. */
  readonly producerIdExpirationMs: number
}

/** The values of the broker's keys, as those of topics. */
export const topicDefaults = (values: OptionsOf<typeof brokerKeys>): SettingsOf<typeof fields> =>
  Object.fromEntries(
    Object.entries(topicSettings).flatMap(([key, field]) =>
      field.brokerKey === undefined ? [] : [[nameOf(key, field), values[field.brokerKey]] as const],
    ),
  ) as SettingsOf<typeof fields>

/** The broker's settings of a log, changed by those of a topic. */
export function logSettingsOf(settings: TopicSettings, broker: LogSettings): LogSettings {
  const own = Object.entries(settings).flatMap(([key, text]) => {
    const field = topicSettings[key]
    return field?.brokerKey === undefined ? [] : [[nameOf(key, field), field.parse(text).value] as const]
  })
  return { ...broker, ...Object.fromEntries(own) }
}

/** What is wrong with settings given for a topic, one sentence; null where nothing is. */
export function problemOfSettings(
  settings: readonly { name: string; value: string | null }[],
): string | null {
  for (const { name, value } of settings) {
    const known = Object.hasOwn(topicSettings, name) ? topicSettings[name] : undefined
    if (known === undefined) return `Unknown topic config name: ${name}`
    const problem = value === null ? `${name} comes without a value` : problemWith(name, known, value)
    if (problem !== null) return problem
  }
  return null
}

/** What the settings ask for to keep records safe and do not get, one sentence; null where they do. */
export function missingProtection(settings: TopicSettings, { syncEachGroup }: LogSettings): string | null {
  const replicas = settings['min.insync.replicas']
  if (Number(replicas) > 1) return `min.insync.replicas=${replicas}: ${oneInSync}`
  const flush = Object.keys(settings).filter(key => key.startsWith('flush.'))
  return flush.length === 0 || syncEachGroup
    ? null
    : `${flush.join(', ')}: in the relaxed mode records are synced every log.flush.interval.ms, in all topics alike`
}
