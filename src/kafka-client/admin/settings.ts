// Settings of topics and brokers: their values, where each comes from, and changing them. Before Kafka 0.11 brokers tell
// and change none: those of topics are kept in ZooKeeper, those of brokers in their files. Before 2.3 a change
// replaces all settings of a topic or broker (AlterConfigs), so that those that stay are read first and sent again.
import { alterConfigs } from '../../wire/kafka/messages/alter-configs.ts'
import { describeConfigs } from '../../wire/kafka/messages/describe-configs.ts'
import { incrementalAlterConfigs } from '../../wire/kafka/messages/incremental-alter-configs.ts'
import type { BrokerConnection } from '../connection/connection.ts'
import { question, refuse } from './question.ts'

/** Resource types of the protocol. */
const types = { topic: 2, broker: 4 } as const

export interface Resource {
  readonly type: keyof typeof types
  /** Of a topic, or the id of a broker. */
  readonly name: string
}

/** Numbers of the protocol (KIP-226), as words: who has written the value. */
const sources = {
  1: 'topic',
  2: 'broker',
  3: 'all brokers',
  4: "broker's file",
  5: 'default',
} as const
export type SettingSource = (typeof sources)[keyof typeof sources]

const kinds = ['', 'boolean', 'string', 'int', 'short', 'long', 'double', 'list', 'class', 'password']

export interface Setting {
  readonly name: string
  /** null where it is secret, or there is none. */
  readonly value: string | null
  readonly source: SettingSource
  /** Nobody has written it, neither for the topic nor for the brokers. */
  readonly isDefault: boolean
  readonly isReadOnly: boolean
  readonly isSensitive: boolean
  /**
   * What holds once the topic's (or this broker's) own value is taken back; undefined where the broker does not
   * tell (before 1.1, and of settings in several units such as retention.ms).
   */
  readonly inherited: string | null | undefined
  /** boolean, int, list and so on; '' where the broker does not tell (before 2.6), as for `doc`. */
  readonly kind: string
  readonly doc: string
}

/** Where a resource's own values come from: what is taken back by resetting it. */
const ownSource = { topic: 1, broker: 2 } as const

/** By name; null where brokers do not tell them (before 0.11). All resources are of the type of the first. */
export async function describeSettings(
  connection: BrokerConnection,
  resources: readonly Resource[],
): Promise<Map<string, Setting[]> | null> {
  const version = connection.versionOf(describeConfigs)
  if (version === -1) return null
  const answer = await connection.request(describeConfigs, {
    resources: resources.map(({ type, name }) => ({
      resourceType: types[type],
      resourceName: name,
      configurationKeys: null,
    })),
    includeSynonyms: version >= 1,
    includeDocumentation: version >= 3,
  })
  const own = ownSource[resources[0]?.type ?? 'topic']
  const found = new Map<string, Setting[]>()
  for (const { resourceName, errorCode, errorMessage, configs } of answer.results) {
    refuse(errorCode, `the settings of ${resources[0]!.type} ${resourceName}`, errorMessage)
    found.set(
      resourceName,
      configs.map(({ name, value, isDefault, configSource, synonyms, configType, documentation, ...one }) => {
        // Version 0 has no sources: what is no default there is the resource's own.
        const source = version >= 1 ? configSource : isDefault ? 5 : own
        const rest = synonyms.find(synonym => synonym.source !== own)
        return {
          name,
          value,
          source: sources[source as keyof typeof sources] ?? 'default',
          isDefault: source === 5,
          isReadOnly: one.readOnly,
          isSensitive: one.isSensitive,
          inherited: source === own ? rest?.value : value,
          kind: kinds[configType] ?? '',
          doc: documentation ?? '',
        }
      }),
    )
  }
  return found
}

/** `validateOnly`: nothing is changed; what would be refused rejects. */
export interface ChangeOptions {
  readonly validateOnly?: boolean
}

/** Null takes a value back. */
export async function alterSettings(
  connection: BrokerConnection,
  resource: Resource,
  changes: ReadonlyMap<string, string | null>,
  { validateOnly = false }: ChangeOptions = {},
): Promise<void> {
  const [resourceType, resourceName] = [types[resource.type], resource.name]
  const what = `the settings of ${resource.type} ${resource.name} are as they were`
  const judge = ({ responses }: { responses: { errorCode: number; errorMessage: string | null }[] }) => {
    for (const { errorCode, errorMessage } of responses) refuse(errorCode, what, errorMessage)
  }
  if (connection.versionOf(incrementalAlterConfigs) !== -1) {
    const configs = [...changes].map(([name, value]) => ({
      name,
      configOperation: value === null ? 1 : 0,
      value,
    }))
    const body = { resources: [{ resourceType, resourceName, configs }], validateOnly }
    return judge(await connection.request(incrementalAlterConfigs, body))
  }
  const before = (await describeSettings(connection, [resource]))?.get(resourceName) ?? []
  const all = new Map(
    before.filter(one => one.source === resource.type).map(({ name, value }) => [name, value] as const),
  )
  for (const [name, value] of changes)
    if (value === null) all.delete(name)
    else all.set(name, value)
  const configs = [...all].map(([name, value]) => ({ name, value }))
  const body = () => ({ resources: [{ resourceType, resourceName, configs }], validateOnly })
  judge(await question(connection, alterConfigs, body, '0.11'))
}
