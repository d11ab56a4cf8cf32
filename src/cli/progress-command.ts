// `millrace progress`: what flows with exactly-once delivery have written, and forgetting it, so that it may be written again.
import { createTransactionalProducer, type ProducerSettings } from '../kafka-client/kafka-client.ts'
import type { ClientSystem } from '../kafka-client/connection/connection.ts'
import { readProducerProperties } from '../kafka-client/properties.ts'
import { looseConditions } from '../observe/conditions.ts'
import {
  decodeProgress,
  defaultProgressTopic,
  isFlowName,
  splitProgressKey,
  textOf,
  transactionalIdOf,
} from '../origin/progress.ts'
import { createProgressTopic, ProgressTopic } from '../sinks/kafka/exactly-once/progress-topic.ts'
import { countOf, printable } from '../printable.ts'
import { connectionOf, fileOf, findTopic, toolLog, withAdmin } from './kafka-connection.ts'
import { readWords, table, type Given } from './kafka-tool.ts'
import { UsageError } from './usage-error.ts'

const usage = `Usage: millrace progress list  --bootstrap-server HOST:PORT [--flow NAME] [--format json]
       millrace progress reset --bootstrap-server HOST:PORT --flow NAME [--execute]

  list                     what each flow has written of each partition that its events come from
  reset                    forgets what a flow has written: records that are read again are written again. Where
                           the topic is missing it is created. Prints what it would do without --execute

  --flow NAME              of this flow alone: the sink's option flow, or AGENT/SINK
  --topic NAME             the sink's progress.topic; ${defaultProgressTopic} where it is missing
  --replication-factor N   of the topic, where reset creates it; the brokers' default where it is missing
  --format json            one JSON object for each line
  --command-config FILE    properties of the connection: TLS, logins
  --help  --version

Exit codes: 0 done, 1 not.
`

interface Connection {
  readonly settings: ProducerSettings
  readonly system: ClientSystem
  readonly topic: string
}

export async function runProgress(words: readonly string[], program: string): Promise<number> {
  const given = readWords(words, {
    usage,
    flags: 'execute',
    values: 'bootstrap-server command-config flow topic format replication-factor',
    takesOperands: true,
  })
  if (given === null) return 0
  const flow = given.value('flow')
  if (flow !== undefined && !isFlowName(flow)) throw new UsageError(`--flow ${flow} is no name of a flow`)
  const connection = {
    ...connectionOf(given, fileOf(given.value('command-config')), readProducerProperties),
    topic: given.value('topic') ?? defaultProgressTopic,
  }
  const [action, ...others] = given.operands
  if (others.length > 0) throw new UsageError(`"${others[0]}" belongs to no option; --help lists them`)
  if (action === 'list') return list(given, connection, program)
  if (action !== 'reset') throw new UsageError('write list or reset')
  return reset(given, connection, given.required('flow'), program)
}

interface Known {
  readonly key: string
  readonly flow: string
  readonly partition: string
  /** By partition of the topic. */
  readonly texts: ReadonlyMap<number, string>
}

/** Null where there is no such topic. */
async function read(
  { settings, system, topic }: Connection,
  program: string,
  flow?: string,
): Promise<Known[] | null> {
  const isThere = await withAdmin(settings, system, admin =>
    findTopic(admin, topic, { create: false, patienceMs: 0 }),
  )
  if (isThere === null) return null
  const log = toolLog(program)
  const progress = new ProgressTopic({
    flow: '',
    topic,
    partitions: 1,
    replicationFactor: -1,
    settings,
    system,
    log,
    condition: looseConditions(system.clock, log),
  })
  await progress.catchUp(new AbortController().signal)
  const found: Known[] = []
  for (const [key, texts] of progress.texts) {
    const parts = splitProgressKey(key)
    if (parts !== null && (flow ?? parts.flow) === parts.flow) found.push({ key, ...parts, texts })
  }
  return found.toSorted((one, other) => (one.key < other.key ? -1 : 1))
}

async function list(given: Given, connection: Connection, program: string): Promise<number> {
  const format = given.value('format') ?? 'text'
  if (format !== 'text' && format !== 'json') throw new UsageError(`--format ${format}: write text or json`)
  const all = await read(connection, program, given.value('flow'))
  if (all === null) throw new Error(`topic ${connection.topic} does not exist: no flow has written anything`)
  const rows = all.flatMap(({ flow, partition, texts }) =>
    [...texts.values()].map(text => {
      const known = decodeProgress(text)
      const written = known === null ? [] : known.written.ranges.map(textOf)
      return { flow, partition, written, time: known?.note.time ?? '', by: known?.note.by ?? 'not readable' }
    }),
  )
  if (format === 'json') for (const row of rows) process.stdout.write(`${JSON.stringify(row)}\n`)
  else {
    const head = ['FLOW', 'PARTITION', 'WRITTEN (FROM-TO@LEADER EPOCH)', 'TIME', 'BY']
    const cells = rows.map(({ flow, partition, written, time, by }) => [
      flow,
      partition,
      shortOf(written),
      time,
      by,
    ])
    process.stdout.write(table([head, ...cells], [0, 0, 0, 0, 0]))
  }
  return 0
}

/** Of many ranges the last ones. */
const shortOf = (written: readonly string[]): string =>
  written.length > 4 ? `${written.length - 3} ranges, ${written.slice(-3).join(' ')}` : written.join(' ')

async function reset(given: Given, connection: Connection, flow: string, program: string): Promise<number> {
  const { settings, system, topic } = connection
  const known = await read(connection, program, flow)
  const isMeant = given.has('execute')
  const say = (line: string) => process.stdout.write(`${line}\n`)
  if (known === null) {
    const replicationFactor = given.whole('replication-factor', 1) ?? -1
    if (isMeant)
      await withAdmin(settings, system, admin =>
        createProgressTopic(admin, { topic, partitions: 1, replicationFactor }),
      )
    say(
      `topic ${topic} ${isMeant ? 'was' : 'would be'} created: flow ${flow} begins without knowledge of what it has written`,
    )
  }
  if (known?.length === 0) say(`flow ${flow} has written nothing`)
  for (const one of known ?? []) {
    if (isMeant) await forget(one, connection, program)
    say(`${isMeant ? 'forgot' : 'would forget'} what flow ${flow} has written of ${printable(one.partition)}`)
  }
  if (!isMeant)
    say(`nothing was changed; add --execute to do it (${countOf(known?.length ?? 0, 'partition')})`)
  return 0
}

/** A sink that runs is fenced by this, and reads what is left when it begins again. */
async function forget(
  { key, flow, partition, texts }: Known,
  connection: Connection,
  program: string,
): Promise<void> {
  const { settings, system, topic } = connection
  const producer = createTransactionalProducer({
    settings: {
      ...settings,
      transactionalId: transactionalIdOf(flow, partition),
      transactionTimeoutMs: 20_000,
    },
    system,
    log: toolLog(program),
    allowAutoTopicCreation: false,
  })
  try {
    await producer.init()
    producer.begin()
    const record = { topic, key: Buffer.from(key), value: null }
    await producer.send([...texts.keys()].map(place => ({ ...record, partition: place })))
    await producer.commit()
  } finally {
    await producer.close()
  }
}
