// The settings of `millrace console`: options of the command, and the file of --config beside them.
import { sentenceOf } from '../config/problem.ts'
import type { ZooKeeperOptions } from '../console/cluster-list.ts'
import type { ClusterOptions } from '../console/clusters.ts'
import {
  consoleVocabulary,
  optionOf,
  readConsoleSettings,
  type ConsoleSettings,
} from '../console/settings.ts'
import { readAdminProperties } from '../kafka-client/kafka-client.ts'
import { clause, type Say, type Written } from '../settings/read-settings.ts'
import { connectionOf, fileOf, type Connected } from './kafka-connection.ts'
import { Given } from './kafka-tool.ts'
import { UsageError } from './usage-error.ts'

const keys = Object.entries(consoleVocabulary.options)
  .filter(([, { kind }]) => kind !== 'prefix')
  .map(([key, { kind }]) => ({ key, name: optionOf(key).slice(2), isFlag: kind === 'flag' }))
const isKey = (word: string) => keys.some(one => one.key === word)
const namesOf = (isFlag: boolean) =>
  keys
    .filter(one => one.isFlag === isFlag)
    .map(({ name }) => name)
    .join(' ')

/** The options that there are for settings, for readWords. */
export const settingOptions = { flags: namesOf(true), values: namesOf(false) }

export interface ReadConsole {
  readonly settings: ConsoleSettings
  readonly clusters: readonly ClusterOptions[]
  readonly zookeeper: ZooKeeperOptions | null
  /** How Kafka is connected to, where it is. */
  readonly system: Partial<Connected<unknown>['system']>
}

/** `hasLogin`: there is one without a users file. Throws UsageError with a sentence for each thing that is wrong. */
export function readConsole(words: Given, hasLogin = false): ReadConsole {
  const written = new Map<string, Written>(fileOf(words.value('config')))
  for (const { key, name, isFlag } of keys)
    if (words.has(name)) written.set(key, { value: isFlag ? 'true' : words.value(name)! })
  const problems: string[] = []
  const error: Say['error'] = (key, said, fix) => {
    const place = written.get(key)?.place
    const isOption = written.has(key) && place === undefined
    // Whoever writes options reads of options.
    const named = (text: string) =>
      isOption ? text.replaceAll(/\b(\w+\.)+\w+\b/g, word => (isKey(word) ? optionOf(word) : word)) : text
    const problem = clause(isOption ? optionOf(key) : key, named(said))
    problems.push(sentenceOf({ severity: 'error', place, problem, fix: named(fix) }))
  }
  const settings = readConsoleSettings(written, { error, warning: error }, hasLogin)
  if (settings === undefined) throw new UsageError(problems.join('\n'))
  const all = [...commandCluster(words), ...namedClusters(written)]
  const { zookeeper: connect } = settings
  // Where brokers are looked up, their addresses come from there.
  const old =
    connect === undefined
      ? null
      : connectedBy(words, new Map([['bootstrap.servers', { value: 'localhost:9092' }]]))
  return {
    settings,
    clusters: all.map(({ name, connected }) => ({ name, settings: connected.settings })),
    zookeeper:
      connect === undefined || old === null
        ? null
        : {
            connect,
            name: all.length > 0 ? 'zookeeper' : nameIn(words),
            storedBelow: settings['stored.clusters'].replace(/\/$/, ''),
            settings: old.settings,
          },
    system: (all[0]?.connected ?? old)?.system ?? {},
  }
}

const nameIn = (words: Given) => words.value('cluster') ?? 'kafka'

/** As --command-config and --bootstrap-server say. */
const connectedBy = (words: Given, usual = new Map<string, Written>()) =>
  connectionOf(words, new Map([...usual, ...fileOf(words.value('command-config'))]), readAdminProperties)

/** The one of --bootstrap-server. */
function commandCluster(words: Given) {
  const properties = fileOf(words.value('command-config'))
  const isThere =
    words.has('bootstrap-server') || words.has('broker-list') || properties.has('bootstrap.servers')
  if (!isThere) return []
  return [{ name: nameIn(words), connected: connectedBy(words) }]
}

/** Those of the file, in the order of their first lines. */
function namedClusters(written: ReadonlyMap<string, Written>) {
  const byName = new Map<string, Map<string, Written>>()
  for (const [key, value] of written) {
    const [, name, property] = /^clusters\.([^.]+)\.(.+)$/.exec(key) ?? []
    if (name === undefined || property === undefined) continue
    const properties = byName.get(name) ?? new Map<string, Written>()
    byName.set(name, properties.set(property, value))
  }
  return [...byName].map(([name, properties]) => {
    if (!properties.has('bootstrap.servers')) {
      const [{ place } = {}] = properties.values()
      const problem = `cluster ${name} has no clusters.${name}.bootstrap.servers`
      throw new UsageError(
        sentenceOf({ severity: 'error', place, problem, fix: 'write the addresses of its brokers' }),
      )
    }
    return { name, connected: connectionOf(new Given(new Map()), properties, readAdminProperties) }
  })
}
