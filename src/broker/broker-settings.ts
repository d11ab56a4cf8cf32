// What the broker takes from a server.properties: keys that are obeyed, keys that cannot mean anything on
// a single broker without ZooKeeper, and all others. Kafka's names and defaults, but for the address
// (loopback) and for the sync before every acknowledgement.
import { GivenSettings } from './given-settings.ts'
import { readListeners, type ListenerSettings } from './listener-settings.ts'
import type { LogSettings } from './log/partition-log.ts'

export interface BrokerSettings {
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
  readonly queuedBytes: number
  readonly maxFetchBytes: number
  readonly log: LogSettings
  readonly appendTime: boolean
  readonly retentionCheckMs: number
  /** Relaxed mode: how often what was written is synced. */
  readonly flushIntervalMs: number
  readonly groupMinSessionMs: number
  readonly groupMaxSessionMs: number
  readonly groupInitialDelayMs: number
  readonly groupMaxSize: number
  readonly maxOffsetMetadataBytes: number
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

const defaults = {
  'broker.id': 0,
  'num.partitions': 1,
  'message.max.bytes': 1_048_588,
  'socket.request.max.bytes': 104_857_600,
  'queued.max.request.bytes': 268_435_456,
  'fetch.max.bytes': 57_671_680,
  'log.segment.bytes': 1_073_741_824,
  'log.retention.bytes': -1,
  'log.retention.check.interval.ms': 300_000,
  'log.flush.interval.ms': 1000,
  'producer.id.expiration.ms': 24 * hourMs,
  'group.min.session.timeout.ms': 6000,
  'group.max.session.timeout.ms': 1_800_000,
  'group.initial.rebalance.delay.ms': 0,
  'group.max.size': 2_147_483_647,
  'offset.metadata.max.bytes': 4096,
} as const

/** The smallest value a number may have, where that is not 0. */
const least: Record<string, number> = {
  'num.partitions': 1,
  'log.segment.bytes': 14,
  'log.retention.bytes': -1,
  'log.retention.ms': -1,
  'log.retention.minutes': -1,
  'log.retention.hours': -1,
  'message.max.bytes': 1,
  'socket.request.max.bytes': 1024,
  'log.retention.check.interval.ms': 1,
}

/** Reads the text of a server.properties; `overrides` count more (the launcher's --override key=value). */
export function readBrokerSettings(
  text: string,
  file: string,
  overrides: Readonly<Record<string, string>> = {},
): ReadSettings {
  const given = new GivenSettings(text, file, { overrides, least })
  const { errors, warnings } = given
  const textOf = (key: string) => given.text(key)
  const number = (key: keyof typeof defaults): number => given.number(key) ?? defaults[key]
  const flag = (key: string, fallback: boolean) => given.flag(key, fallback)
  const time = (name: string, fallbackMs: number) => given.time(name, fallbackMs)
  const listeners = readListeners(given)
  if (listeners.some(({ protocol }) => protocol !== 'PLAINTEXT'))
    given.refuse('listeners', 'PLAINTEXT://…: other listeners are not there yet')
  const durability = given.choice('millrace.durability', ['synced', 'relaxed'])
  if (
    given.choice('log.cleanup.policy', ['delete', 'compact', 'compact,delete', 'delete,compact']) !== 'delete'
  )
    warnings.push('log.cleanup.policy: compaction is not there yet; nothing is removed but by age and size')
  const nodeId = given.number('node.id')
  const brokerId = textOf('broker.id') === '-1' ? 0 : number('broker.id')
  const settings: BrokerSettings = {
    nodeId: nodeId ?? brokerId,
    listeners,
    logDirectories: (textOf('log.dirs') ?? textOf('log.dir') ?? '/tmp/kafka-logs')
      .split(',')
      .map(one => one.trim())
      .filter(one => one !== ''),
    partitions: number('num.partitions'),
    autoCreateTopics: flag('auto.create.topics.enable', true),
    deleteTopics: flag('delete.topic.enable', true),
    maxMessageBytes: number('message.max.bytes'),
    maxRequestBytes: number('socket.request.max.bytes'),
    queuedBytes: number('queued.max.request.bytes'),
    maxFetchBytes: number('fetch.max.bytes'),
    log: {
      segmentBytes: number('log.segment.bytes'),
      rollMs: time('log.roll', 168 * hourMs),
      retentionMs: time('log.retention', 168 * hourMs),
      retentionBytes: number('log.retention.bytes'),
      syncEachGroup: durability === 'synced',
      producerExpiryMs: number('producer.id.expiration.ms'),
    },
    appendTime:
      given.choice('log.message.timestamp.type', ['CreateTime', 'LogAppendTime']) === 'LogAppendTime',
    retentionCheckMs: number('log.retention.check.interval.ms'),
    flushIntervalMs: number('log.flush.interval.ms'),
    groupMinSessionMs: number('group.min.session.timeout.ms'),
    groupMaxSessionMs: number('group.max.session.timeout.ms'),
    groupInitialDelayMs: number('group.initial.rebalance.delay.ms'),
    groupMaxSize: number('group.max.size'),
    maxOffsetMetadataBytes: number('offset.metadata.max.bytes'),
  }
  textOf('log.dir')
  return { settings, errors, warnings, withoutEffect: given.unused }
}
