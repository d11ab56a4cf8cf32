// What the broker takes from a server.properties: keys that are obeyed, keys that cannot mean anything on
// a single broker without ZooKeeper, and all others. Kafka's names and defaults, but for the address
// (loopback) and for the sync before every acknowledgement.
import { parseProperties } from '../config/properties.ts'
import type { LogSettings } from './log/partition-log.ts'

export interface BrokerSettings {
  readonly nodeId: number
  readonly host: string
  /** 0 takes a free one. */
  readonly port: number
  /** What clients are told to connect to; where absent, host and port. */
  readonly advertised: { readonly host: string; readonly port: number } | null
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
  port: 9092,
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
  const { settings: given, problems } = parseProperties(text, file)
  const values = new Map<string, { value: string; where: string }>()
  for (const { key, value, place } of given)
    values.set(key, { value: value.trim(), where: `${place.file}:${place.line}: ` })
  for (const [key, value] of Object.entries(overrides)) values.set(key, { value, where: '' })
  const errors: string[] = []
  const warnings = problems.map(
    ({ place, problem }) => `${place === undefined ? '' : `${place.file}:${place.line}: `}${problem}`,
  )
  const used = new Set<string>()
  const textOf = (key: string): string | undefined => {
    used.add(key)
    const value = values.get(key)?.value
    return value === '' ? undefined : value
  }
  const refuse = (key: string, rule: string) =>
    errors.push(`${values.get(key)!.where}${key}=${values.get(key)!.value}: write ${rule}`)
  const numberOf = (key: string): number | undefined => {
    const value = textOf(key)
    if (value === undefined) return undefined
    const number = Number(value)
    const low = least[key] ?? 0
    if (Number.isSafeInteger(number) && number >= low) return number
    refuse(key, `a whole number from ${low} on`)
    return undefined
  }
  const number = (key: keyof typeof defaults): number => numberOf(key) ?? defaults[key]
  const flag = (key: string, fallback: boolean): boolean => {
    const value = textOf(key)?.toLowerCase()
    if (value === undefined || value === 'true' || value === 'false')
      return (value ?? String(fallback)) === 'true'
    refuse(key, 'true or false')
    return fallback
  }
  const choice = <T extends string>(key: string, words: readonly T[]): T => {
    const value = textOf(key) ?? words[0]!
    const found = words.find(word => word.toLowerCase() === value.toLowerCase())
    if (found === undefined) refuse(key, words.join(' or '))
    return found ?? words[0]!
  }
  const time = (name: string, fallbackMs: number): number => {
    const ms = numberOf(`${name}.ms`)
    const minutes = numberOf(`${name}.minutes`)
    const hours = numberOf(`${name}.hours`)
    if (ms !== undefined) return ms
    if (minutes !== undefined) return minutes < 0 ? -1 : minutes * 60_000
    return hours === undefined ? fallbackMs : hours < 0 ? -1 : hours * hourMs
  }
  const address = (key: string): { host: string; port: number } | undefined => {
    const value = textOf(key)
    if (value === undefined) return undefined
    const [first = '', ...rest] = value.split(',')
    const match = /^\s*([A-Za-z_0-9]+):\/\/(?:\[([^\]]*)\]|([^:]*)):(\d+)\s*$/.exec(first)
    if (match === null) {
      refuse(key, 'an address as PLAINTEXT://localhost:9092')
      return undefined
    }
    if (/SSL|SASL/i.test(match[1]!)) refuse(key, 'PLAINTEXT://…: other listeners are not there yet')
    if (rest.length > 0)
      warnings.push(`${values.get(key)!.where}${key}: only the first address is used, ${first.trim()}`)
    return { host: match[2] ?? match[3]!, port: Number(match[4]) }
  }

  const listener = address('listeners')
  const advertisedListener = address('advertised.listeners')
  const hostName = textOf('host.name')
  const port = number('port')
  const advertisedHost = textOf('advertised.host.name')
  const advertisedPort = numberOf('advertised.port')
  const host = listener === undefined ? (hostName ?? '127.0.0.1') : listener.host || '0.0.0.0'
  const bound = { host, port: listener?.port ?? port }
  const advertised =
    advertisedListener ??
    (advertisedHost === undefined && advertisedPort === undefined
      ? null
      : { host: advertisedHost ?? host, port: advertisedPort ?? bound.port })
  const durability = choice('millrace.durability', ['synced', 'relaxed'])
  if (choice('log.cleanup.policy', ['delete', 'compact', 'compact,delete', 'delete,compact']) !== 'delete')
    warnings.push('log.cleanup.policy: compaction is not there yet; nothing is removed but by age and size')
  const nodeId = numberOf('node.id')
  const brokerId = textOf('broker.id') === '-1' ? 0 : number('broker.id')
  const settings: BrokerSettings = {
    nodeId: nodeId ?? brokerId,
    ...bound,
    advertised,
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
    appendTime: choice('log.message.timestamp.type', ['CreateTime', 'LogAppendTime']) === 'LogAppendTime',
    retentionCheckMs: number('log.retention.check.interval.ms'),
    flushIntervalMs: number('log.flush.interval.ms'),
    groupMinSessionMs: number('group.min.session.timeout.ms'),
    groupMaxSessionMs: number('group.max.session.timeout.ms'),
    groupInitialDelayMs: number('group.initial.rebalance.delay.ms'),
    groupMaxSize: number('group.max.size'),
    maxOffsetMetadataBytes: number('offset.metadata.max.bytes'),
  }
  textOf('log.dir')
  if (listener !== undefined && hostName !== undefined)
    warnings.push('host.name and port have no effect beside listeners')
  return { settings, errors, warnings, withoutEffect: [...values.keys()].filter(key => !used.has(key)) }
}
