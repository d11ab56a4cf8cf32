// Starts the embedded Kafka broker inside a program: for tests, and for programs that bring their Kafka along.
import { join } from 'node:path'
import { whereOf } from './address.ts'
import type { Broker } from './broker/broker.ts'
import { mostLogged, problemLines, sentenceOf, type Problem } from './config/problem.ts'
import { silentLogger, type Logger } from './observe/log.ts'
import { makeTemporaryDirectory, removeTree } from './system/own-directory.ts'
import { realSystem } from './system/system.ts'
import { StartFailure } from './topology/agent.ts'
import { isTopicName, topicNameRule } from './wire/kafka/topic-name.ts'

/** What `startBroker` takes; all of it may be absent. */
export interface BrokerOptions {
  /** Port on 127.0.0.1; absent or 0: a free one. `listeners` in `settings` comes first. */
  readonly port?: number
  /** Where it keeps its logs; they stay. Absent: a temporary directory, removed by `stop`. */
  readonly directory?: string
  /** Topics to create where they are missing, each with its number of partitions. */
  readonly topics?: Readonly<Record<string, number>>
  /** Further keys of server.properties (docs/reference/broker-settings.md). */
  readonly settings?: Readonly<Record<string, string>>
  readonly log?: Logger
}

/** A running broker, disposed by `stop` or `await using`. */
export interface EmbeddedBroker extends AsyncDisposable {
  /** host:port of its first listener, for `bootstrap.servers`. */
  readonly bootstrapServers: string
  readonly port: number
  /** Closes its connections and files. Resolves when the port is free and a temporary directory is removed. */
  stop(): Promise<void>
}

/**
 * A running broker: `await using broker = await startBroker({ topics: { orders: 3 } })`. Rejects with StartFailure,
 * which holds every problem of the settings, or with a Fault: ADDRESS_IN_USE, DIRECTORY_IN_USE, DISK and those of
 * Broker.start. Nothing stays open, and no temporary directory, where it rejects.
 */
export async function startBroker(options: BrokerOptions = {}): Promise<EmbeddedBroker> {
  const { port = 0, topics = {}, log = silentLogger } = options
  // A program that runs agents alone does not load it.
  const [{ Broker }, { readBrokerSettings }] = await Promise.all([
    import('./broker/broker.ts'),
    import('./broker/broker-settings.ts'),
  ])
  const temporary = options.directory === undefined ? await makeTemporaryDirectory('millrace-broker') : null
  const remove = async () => {
    if (temporary !== null) await removeTree(temporary)
  }
  let broker: Broker | null = null
  try {
    const { settings, problems } = readBrokerSettings('', 'settings', {
      'host.name': '127.0.0.1',
      port: String(port),
      'log.dirs': options.directory ?? join(temporary!, 'logs'),
      ...options.settings,
    })
    const errors = [...problems.filter(({ severity }) => severity === 'error'), ...topicProblems(topics)]
    if (errors.length > 0) throw new StartFailure(errors)
    for (const { line } of problemLines(problems, sentenceOf, mostLogged)) log.warn(line)
    broker = new Broker({ system: realSystem, log, settings })
    await broker.start()
    for (const [name, partitions] of Object.entries(topics))
      if (!broker.topics.topics.has(name)) await broker.topics.create(name, partitions)
    const { host } = settings.listeners[0]!
    const running = broker
    let stopped: Promise<void> | null = null
    const stop = () => (stopped ??= running.stop().then(remove))
    return {
      bootstrapServers: whereOf({ host, port: running.port }),
      port: running.port,
      stop,
      [Symbol.asyncDispose]: stop,
    }
  } catch (error) {
    await broker?.stop()
    await remove()
    throw error
  }
}

const topicProblems = (topics: Readonly<Record<string, number>>): Problem[] =>
  Object.entries(topics).flatMap(([name, partitions]) => {
    const problem = (said: string, fix: string): Problem[] => [
      { severity: 'error', problem: `topics: ${JSON.stringify(name)}: ${said}`, fix },
    ]
    if (!isTopicName(name)) return problem('Kafka allows no topic of this name', topicNameRule)
    if (!Number.isSafeInteger(partitions) || partitions < 1 || partitions > 10_000)
      return problem(`${partitions} partitions are not possible`, 'give a whole number from 1 to 10000')
    return []
  })
