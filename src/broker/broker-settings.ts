// What the broker takes from a server.properties: keys that are obeyed, keys that cannot mean anything on
// a single broker without ZooKeeper, and all others. Kafka's names and defaults, but for the address
// (loopback) and for the sync before every acknowledgement.
import { inOrder, sentenceOf, type Problem } from '../config/problem.ts'
import type { SettingsOf } from '../fields.ts'
import { settingsOf } from '../settings/read-settings.ts'
import { GivenSettings } from './given-settings.ts'
import { readListeners, type ListenerSettings } from './listener-settings.ts'
import { brokerKeys, listOf } from './settings/broker-keys.ts'
import { warnOfMissingProtections } from './settings/protections.ts'
import { topicDefaults, type LogSettings } from './topic-settings.ts'

export interface BrokerSettings extends SettingsOf<typeof brokerKeys> {
  /** What was written, by key: the base of all that follows. */
  readonly given: Readonly<Record<string, string>>
  readonly nodeId: number
  /** One at least. */
  readonly listeners: readonly ListenerSettings[]
  readonly logDirectories: readonly string[]
  readonly memoryBudgetBytes: number
  /** What counts for a topic that is not given it itself. */
  readonly log: LogSettings
  readonly offsetsRetentionMs: number
}

export type TransactionSettings = Pick<
  BrokerSettings,
  | 'transactionMaxTimeoutMs'
  | 'transactionAbortTimedOutTransactionCleanupIntervalMs'
  | 'transactionalIdExpirationMs'
  | 'transactionRemoveExpiredTransactionCleanupIntervalMs'
>

export interface ReadSettings {
  readonly settings: BrokerSettings
  /** In order. With an error among them the broker does not start. */
  readonly problems: readonly Problem[]
  /** A sentence for each of the errors. */
  readonly errors: readonly string[]
  readonly warnings: readonly string[]
  /** Keys that were given and do nothing here. */
  readonly withoutEffect: readonly string[]
}

const minuteMs = 60_000
const hourMs = 60 * minuteMs

/** Reads the text of a server.properties; `overrides` count more (the launcher's --override key=value). */
export function readBrokerSettings(
  text: string,
  file: string,
  overrides: Readonly<Record<string, string>> = {},
): ReadSettings {
  const given = new GivenSettings(text, file, overrides)
  const { values, texts } = given
  const settings = settingsOf(brokerKeys, values)
  const listeners = readListeners(given)
  const difference = values['log.message.timestamp.difference.max.ms']
  const bound = (key: 'log.message.timestamp.before.max.ms' | 'log.message.timestamp.after.max.ms') =>
    given.isWritten(key) || !given.isWritten('log.message.timestamp.difference.max.ms')
      ? values[key]
      : difference
  const read: BrokerSettings = {
    ...settings,
    given: texts,
    nodeId: values['node.id'] ?? Math.max(values['broker.id'], 0),
    listeners,
    logDirectories: logDirectories(given),
    memoryBudgetBytes: Math.min(values['queued.max.request.bytes'], values['millrace.memoryBudget']),
    log: {
      ...topicDefaults(values),
      segmentMs: values['log.roll.ms'] ?? values['log.roll.hours'] * hourMs,
      retentionMs: retentionMs(values),
      messageTimestampBeforeMaxMs: bound('log.message.timestamp.before.max.ms'),
      messageTimestampAfterMaxMs: bound('log.message.timestamp.after.max.ms'),
      syncEachGroup: settings.syncEachGroup,
      producerIdExpirationMs: settings.producerIdExpirationMs,
    },
    offsetsRetentionMs: values['offsets.retention.minutes'] * minuteMs,
  }
  warnOfMissingProtections(given, listeners)
  const problems = inOrder(given.problems)
  const said = (severity: Problem['severity']) =>
    problems.filter(one => one.severity === severity).map(sentenceOf)
  return {
    settings: read,
    problems,
    errors: said('error'),
    warnings: said('warning'),
    withoutEffect: given.unused,
  }
}

/** Below 0: no limit. */
function retentionMs(values: GivenSettings['values']): number {
  const ms = values['log.retention.ms']
  if (ms !== undefined) return ms
  const minutes = values['log.retention.minutes'] ?? values['log.retention.hours'] * 60
  return minutes < 0 ? -1 : minutes * minuteMs
}

function logDirectories(given: GivenSettings): string[] {
  for (const key of ['log.dirs', 'log.dir'] as const)
    if (given.isEmpty(key)) given.refuse(key, 'at least one directory, or leave the key out')
  const single = given.text('log.dir') ?? given.values['log.dir']
  const directories = [...new Set(listOf(given.text('log.dirs') ?? single))]
  if (directories.length === 0 && !given.isEmpty('log.dirs'))
    given.refuse('log.dirs', 'at least one directory')
  return directories
}
