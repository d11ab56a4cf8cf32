// The connection of our forms of Kafka's tools: the properties of Java's clients from files and options, the
// cluster's administration, and topics that may be on their way.
import { sentenceOf } from '../config/problem.ts'
import { text } from '../fields.ts'
import { messageOf } from '../errors.ts'
import { createAdmin, type Admin } from '../kafka-client/admin/admin.ts'
import type { TopicDescription } from '../kafka-client/admin/topics.ts'
import type { ClientSystem } from '../kafka-client/connection/connection.ts'
import { readAdminProperties, type Places, type Read } from '../kafka-client/properties.ts'
import type { ConnectionSettings } from '../kafka-client/settings.ts'
import { silentLogger, type Logger } from '../observe/log.ts'
import { printable } from '../printable.ts'
import { clause, readSettings, withoutEffect, type Say, type Written } from '../settings/read-settings.ts'
import { realSystem } from '../system/system.ts'
import { errorCodes, kafkaError } from '../wire/kafka/error-codes.ts'
import { gatherJavaOptions, wordsOf } from './java-options.ts'
import type { Given } from './kafka-tool.ts'
import { readPropertiesFile } from './properties-file.ts'
import { UsageError } from './usage-error.ts'

/**
 * Properties of the reading and printing of messages: those that there are with their values, from a file and from
 * key=value pairs on the command line, which count more.
 */
export function formOf(
  given: Given,
  {
    file,
    pairs,
    defaults,
  }: { file: string; pairs: readonly string[]; defaults: Readonly<Record<string, string>> },
): (key: string) => string {
  const written = new Map<string, Written>([...fileOf(given.value(file)), ...pairsOf(given, ...pairs)])
  const fields = Object.entries(defaults).map(([key, value]) => [key, text({ doc: key, default: value })])
  const warning: Say['warning'] = (key, problem, fix) => {
    const place = written.get(key)?.place
    const said = clause(place === undefined ? `--${pairs[0]} ${key}` : key, problem)
    process.stderr.write(`warning: ${sentenceOf({ severity: 'warning', place, problem: said, fix })}
`)
  }
  const { values } = readSettings({ options: Object.fromEntries(fields) }, written, {
    whose: `Kafka's ${file.replace('-config', '')}`,
    page: `Kafka's documentation`,
    say: { error: warning, warning },
  })
  return key => values[key] as string
}

/** key=value pairs of an option that is written several times; a lone key has an empty value, as in Kafka. */
export function pairsOf(given: Given, ...names: readonly string[]): Map<string, Written> {
  const pairs = names.flatMap(name => given.list(name)).map(pair => pair.split('=') as [string, ...string[]])
  return new Map(pairs.map(([key, ...value]) => [key.trim(), { value: value.join('=') }]))
}

/** The settings of a properties file, by key; empty where none is named. Throws UsageError. */
export function fileOf(path: string | undefined): Map<string, Written> {
  return new Map((path === undefined ? [] : readPropertiesFile(path)).map(one => [one.key, one]))
}

/** Waits are shorter than in agents: somebody sits there. */
export const impatience = { 'request.timeout.ms': '15000', 'socket.connection.setup.timeout.ms': '5000' }

export interface Connected<S> {
  readonly settings: S
  readonly system: ClientSystem
}

/** The settings of Java's properties and of --bootstrap-server, with its older names. Throws UsageError. */
export function connectionOf<S>(
  given: Given,
  client: ReadonlyMap<string, Written>,
  read: (properties: Readonly<Record<string, string>>, places: Places) => Read<S>,
  usual: Readonly<Record<string, string>> = {},
): Connected<S> {
  const servers =
    given.value('bootstrap-server') ?? given.value('broker-list') ?? client.get('bootstrap.servers')?.value
  if (servers === undefined)
    throw new UsageError(
      '--bootstrap-server is missing: write the address of a broker, such as localhost:9092',
    )
  const { properties: systemProperties } = gatherJavaOptions(wordsOf(process.env['KAFKA_OPTS']), {
    properties: new Map(),
    jvm: [],
  })
  const written = [...client].map(([key, { value }]) => [key, value] as const)
  const all = { ...Object.fromEntries(written), 'bootstrap.servers': servers }
  const { settings, problems } = read(all, { systemProperties, usual: { ...impatience, ...usual } })
  const sentence = ({ key, severity, problem, fix }: (typeof problems)[number]) => {
    const isServers = key === 'bootstrap.servers'
    const place = isServers ? undefined : client.get(key)?.place
    return sentenceOf({
      severity,
      place,
      problem: clause(isServers ? '--bootstrap-server' : key, problem),
      fix,
    })
  }
  const errors = problems.filter(one => one.severity === 'error')
  if (settings === undefined) throw new UsageError(errors.map(sentence).join('\n'))
  // One file often serves all clients, and what only makes Java's quicker is nobody's trouble here.
  for (const one of problems)
    if (!one.problem.startsWith(withoutEffect)) process.stderr.write(`warning: ${sentence(one)}\n`)
  return { settings, system: { ...realSystem, systemProperties } }
}

/** Asks as --bootstrap-server and --command-config say; closes what was opened. */
export async function administer(
  given: Given,
  work: (admin: Admin) => Promise<number>,
  properties: ReadonlyMap<string, Written> = fileOf(given.value('command-config')),
): Promise<number> {
  const { settings, system } = connectionOf(given, properties, readAdminProperties)
  return withAdmin(settings, system, work)
}

export async function withAdmin<T>(
  settings: ConnectionSettings,
  system: ClientSystem,
  work: (admin: Admin) => Promise<T>,
): Promise<T> {
  const { bootstrapServers } = settings
  const admin = createAdmin({ system, log: silentLogger, bootstrapServers, settings })
  try {
    return await work(admin)
  } finally {
    admin.close()
  }
}

/** What the client warns of, for who sits there. */
export function toolLog(program: string): Logger {
  const say = (message: string, cause?: unknown) =>
    void process.stderr.write(
      `${program}: ${printable(`${message}${cause === undefined ? '' : `: ${messageOf(cause)}`}`)}\n`,
    )
  const log: Logger = { ...silentLogger, error: say, warn: say, child: () => log }
  return log
}

/**
 * The topic, once it can be used; null where there still is none after `patienceMs`. Brokers that create topics
 * by themselves take a moment for it. Rejects where asking again would not help.
 */
export async function findTopic(
  admin: Admin,
  name: string,
  { create, patienceMs }: { create: boolean; patienceMs: number },
): Promise<TopicDescription | null> {
  const { clock } = realSystem
  const deadline = clock.monotonic() + patienceMs
  for (;;) {
    const [topic] = await admin.topics.describe([name], { create })
    const code = topic?.errorCode ?? errorCodes.UNKNOWN_TOPIC_OR_PARTITION
    if (topic !== undefined && code === 0 && topic.partitions.every(one => one.leader >= 0)) return topic
    const error = kafkaError(code)
    if (code !== 0 && !error.isRetriable) throw new Error(`topic ${name}: ${error.name}: ${error.meaning}`)
    if (clock.monotonic() >= deadline) return code === 0 ? topic! : null
    await clock.sleep(100)
  }
}
