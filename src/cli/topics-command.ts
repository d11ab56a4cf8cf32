// `kafka-topics.sh` and `millrace topics`: makes, lists, describes, changes and deletes topics, with the options
// and the output of Kafka's own tool.
import type { Admin } from '../kafka-client/admin/admin.ts'
import type { Setting } from '../kafka-client/admin/settings.ts'
import type { TopicDescription } from '../kafka-client/admin/topics.ts'
import { kafkaError } from '../wire/kafka/error-codes.ts'
import { administer, pairsOf } from './kafka-connection.ts'
import { noZooKeeper, readWords, topicFilter, type Given } from './kafka-tool.ts'
import { UsageError } from './usage-error.ts'

const usage = `Usage: kafka-topics.sh --bootstrap-server HOST:PORT ACTION [options]

  --create --topic NAME [--partitions N] [--replication-factor N] [--config KEY=VALUE]... [--if-not-exists]
  --list [--topic NAMES] [--exclude-internal]
  --describe [--topic NAMES] [--exclude-internal] [--if-exists] [--topics-with-overrides]
           [--under-replicated-partitions | --unavailable-partitions | --under-min-isr-partitions |
           --at-min-isr-partitions]
  --alter --topic NAMES [--partitions N] [--config KEY=VALUE]... [--delete-config KEY]... [--if-exists]
  --delete --topic NAMES [--if-exists]

  --command-config FILE   properties of the connection: TLS, logins
  --help  --version

NAMES is a name, several separated by commas, or a Java regular expression. The same: millrace topics.
Exit codes: 0 done, 1 not.
`

export async function runTopics(words: readonly string[]): Promise<number> {
  const given = readWords(words, {
    usage,
    flags: `create list describe alter delete if-exists if-not-exists exclude-internal topics-with-overrides
      under-replicated-partitions unavailable-partitions under-min-isr-partitions at-min-isr-partitions`,
    values: 'bootstrap-server broker-list command-config topic partitions replication-factor',
    lists: 'config delete-config',
    ignored: 'force disable-rack-aware partition-size-limit-per-response=',
    refused: {
      zookeeper: noZooKeeper,
      'topic-id': 'topics go by --topic here',
      'replica-assignment':
        'brokers place replicas by themselves: write --replication-factor, and move them with kafka-reassign-partitions.sh of Kafka',
    },
  })
  if (given === null) return 0
  const action = given.action('create', 'list', 'describe', 'alter', 'delete')
  // What is wrong with the words shows before anybody is asked.
  const change = changeOf(given, action)
  return administer(given, async admin => {
    switch (action) {
      case 'create':
        return create(admin, given, change)
      case 'list':
        for (const { name } of await topicsOf(admin, given)) print(name)
        return 0
      case 'describe':
        return describe(admin, given, await topicsOf(admin, given))
      case 'alter':
        for (const { name } of await topicsOf(admin, given)) await alter(admin, name, change)
        return 0
      case 'delete':
        for (const { name } of await topicsOf(admin, given)) await admin.topics.delete(name)
        return 0
    }
  })
}

interface Change {
  readonly partitions: number | undefined
  readonly replicationFactor: number | undefined
  /** Null takes one back. */
  readonly settings: ReadonlyMap<string, string | null>
}

function changeOf(given: Given, action: string): Change {
  if (action !== 'list' && action !== 'describe') given.required('topic')
  const astray = given.list('config').find(pair => !pair.includes('='))
  if (astray !== undefined) throw new UsageError(`--config ${astray}: write KEY=VALUE`)
  const settings = new Map<string, string | null>()
  for (const [key, { value }] of pairsOf(given, 'config')) settings.set(key, value)
  for (const key of given.list('delete-config')) settings.set(key, null)
  const partitions = given.whole('partitions', 1)
  const replicationFactor = given.whole('replication-factor', 1)
  if (action === 'create' && given.has('delete-config'))
    throw new UsageError('--delete-config belongs to --alter')
  if (action !== 'create' && replicationFactor !== undefined)
    throw new UsageError(
      '--replication-factor belongs to --create: replicas are moved by kafka-reassign-partitions.sh of Kafka',
    )
  if (action === 'alter' && partitions === undefined && settings.size === 0)
    throw new UsageError('nothing to alter: add --partitions, --config or --delete-config')
  return { partitions, replicationFactor, settings }
}

async function create(admin: Admin, given: Given, change: Change): Promise<number> {
  const name = given.required('topic')
  if (name.includes('.') || name.includes('_'))
    process.stderr.write(
      'WARNING: names of metrics do not tell "." from "_": keep to one of them in the names of topics.\n',
    )
  const made = await admin.topics.create({
    name,
    partitions: change.partitions ?? -1,
    replicationFactor: change.replicationFactor ?? -1,
    settings: change.settings as ReadonlyMap<string, string>,
  })
  if (made === 'created') print(`Created topic ${name}.`)
  else if (!given.has('if-not-exists'))
    throw new Error(`topic ${name} already exists; --if-not-exists makes that no error`)
  return 0
}

async function alter(admin: Admin, name: string, { partitions, settings }: Change): Promise<void> {
  if (settings.size > 0) {
    await admin.topics.alterSettings(name, settings)
    print(`Updated config for topic ${name}.`)
  }
  if (partitions !== undefined) await admin.topics.addPartitions(name, partitions)
}

/** The topics that --topic means; all where it is missing. */
async function topicsOf(admin: Admin, given: Given): Promise<TopicDescription[]> {
  const all = (await admin.topics.describe()).filter(
    ({ isInternal }) => !isInternal || !given.has('exclude-internal'),
  )
  const wanted = given.value('topic')
  if (wanted === undefined) return all
  const fits = topicFilter(
    wanted,
    all.map(({ name }) => name),
  )
  const found = all.filter(({ name }) => fits(name))
  if (found.length === 0 && !given.has('if-exists') && !given.has('list'))
    throw new Error(`topic ${wanted} does not exist; --list prints those that do`)
  return found
}

async function describe(admin: Admin, given: Given, topics: readonly TopicDescription[]): Promise<number> {
  const fit = partitionFilter(given)
  const settings = await admin.topics.settings(topics.map(({ name }) => name))
  if (settings === null && (given.has('topics-with-overrides') || fit?.needsSettings === true))
    throw new Error('the brokers do not tell the settings of topics: these came with Kafka 0.11')
  if (settings === null)
    process.stderr.write('the brokers do not tell the settings of topics (Kafka 0.11 and later do)\n')
  for (const topic of topics) {
    const known = settings?.get(topic.name) ?? []
    const own = known.filter(one => !one.isDefault).map(({ name, value }) => `${name}=${value}`)
    if (given.has('topics-with-overrides') && own.length === 0) continue
    if (topic.errorCode !== 0) throw new Error(`topic ${topic.name}: ${kafkaError(topic.errorCode).meaning}`)
    const id = topic.id === '' ? '' : `\tTopicId: ${topic.id}`
    const counts = `PartitionCount: ${topic.partitions.length}\tReplicationFactor: ${topic.partitions[0]?.replicas.length ?? 0}`
    if (fit === null) print(`Topic: ${topic.name}${id}\t${counts}\tConfigs: ${own.join(',')}`)
    if (given.has('topics-with-overrides')) continue
    for (const one of topic.partitions)
      if (fit === null || fit.fits(one, leastIsr(known)))
        print(
          `\tTopic: ${topic.name}\tPartition: ${one.index}\tLeader: ${one.leader < 0 ? 'none' : one.leader}\tReplicas: ${one.replicas.join(',')}\tIsr: ${one.isr.join(',')}`,
        )
  }
  return 0
}

type Partition = TopicDescription['partitions'][number]

const leastIsr = (settings: readonly Setting[]) =>
  Number(settings.find(({ name }) => name === 'min.insync.replicas')?.value ?? 1)

function partitionFilter(
  given: Given,
): { fits: (partition: Partition, leastIsr: number) => boolean; needsSettings: boolean } | null {
  const filters: Record<string, (partition: Partition, leastIsr: number) => boolean> = {
    'under-replicated-partitions': ({ isr, replicas }) => isr.length < replicas.length,
    'unavailable-partitions': ({ leader }) => leader < 0,
    'under-min-isr-partitions': ({ isr }, least) => isr.length < least,
    'at-min-isr-partitions': ({ isr }, least) => isr.length === least,
  }
  given.exclusive('topics-with-overrides', ...Object.keys(filters))
  const name = Object.keys(filters).find(one => given.has(one))
  return name === undefined ? null : { fits: filters[name]!, needsSettings: name.includes('min-isr') }
}

function print(line: string): void {
  process.stdout.write(`${line}\n`)
}
