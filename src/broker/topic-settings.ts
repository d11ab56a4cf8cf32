// Settings of a topic: which there are, how they are checked, and what they change. Each falls back to
// a setting of the broker.
import { hourMs } from './broker-settings.ts'
import type { LogSettings } from './log/partition-log.ts'

/** As given, by Kafka's names. */
export type TopicSettings = Readonly<Record<string, string>>

interface TopicSetting {
  /** The broker's key it falls back to. */
  readonly brokerKey: string
  readonly fallback: string
  /** Config type number in DescribeConfigs. */
  readonly type: number
  /** The rule a value must keep, or null where it does. */
  check(value: string): string | null
}

const types = { boolean: 1, string: 2, int: 3, long: 5, list: 7 } as const

const whole = (low: number) => (value: string) =>
  /^-?\d+$/.test(value) && Number(value) >= low ? null : `a whole number from ${low} on`
const oneOf =
  (...words: string[]) =>
  (value: string) =>
    words.includes(value) ? null : words.join(' or ')

export const topicSettings: Readonly<Record<string, TopicSetting>> = {
  'cleanup.policy': {
    brokerKey: 'log.cleanup.policy',
    fallback: 'delete',
    type: types.list,
    check: oneOf('delete', 'compact', 'compact,delete', 'delete,compact'),
  },
  'compression.type': {
    brokerKey: 'compression.type',
    fallback: 'producer',
    type: types.string,
    check: oneOf('producer'),
  },
  'max.message.bytes': {
    brokerKey: 'message.max.bytes',
    fallback: '1048588',
    type: types.int,
    check: whole(1),
  },
  'message.timestamp.type': {
    brokerKey: 'log.message.timestamp.type',
    fallback: 'CreateTime',
    type: types.string,
    check: oneOf('CreateTime', 'LogAppendTime'),
  },
  'min.insync.replicas': {
    brokerKey: 'min.insync.replicas',
    fallback: '1',
    type: types.int,
    check: whole(1),
  },
  'retention.bytes': {
    brokerKey: 'log.retention.bytes',
    fallback: '-1',
    type: types.long,
    check: whole(-1),
  },
  'retention.ms': {
    brokerKey: 'log.retention.ms',
    fallback: String(168 * hourMs),
    type: types.long,
    check: whole(-1),
  },
  'segment.bytes': {
    brokerKey: 'log.segment.bytes',
    fallback: '1073741824',
    type: types.int,
    check: whole(14),
  },
  'segment.ms': {
    brokerKey: 'log.roll.ms',
    fallback: String(168 * hourMs),
    type: types.long,
    check: whole(1),
  },
}

/** What is wrong with settings given for a topic, one sentence; null where nothing is. */
export function problemOfSettings(
  settings: readonly { name: string; value: string | null }[],
): string | null {
  for (const { name, value } of settings) {
    const known = topicSettings[name]
    if (known === undefined) return `${name} is not a setting of a topic here`
    const rule = value === null ? 'a value' : known.check(value)
    if (rule !== null) return `${name}=${value}: write ${rule}`
  }
  return null
}

/** The broker's settings of a log, changed by those of a topic. */
export function logSettingsOf(settings: TopicSettings, broker: LogSettings): LogSettings {
  const number = (key: string, fallback: number) =>
    settings[key] === undefined ? fallback : Number(settings[key])
  return {
    ...broker,
    segmentBytes: number('segment.bytes', broker.segmentBytes),
    rollMs: number('segment.ms', broker.rollMs),
    retentionMs: number('retention.ms', broker.retentionMs),
    retentionBytes: number('retention.bytes', broker.retentionBytes),
  }
}
