// `kafka-console-consumer.sh` and `millrace consume`: prints messages as they come, with the options and the form
// of Kafka's own tool. Without --group there is no group: nothing is committed, and nothing stays behind.
import type { Admin } from '../kafka-client/admin/admin.ts'
import type { ConsumedRecord } from '../kafka-client/contract.ts'
import { readConsumerProperties } from '../kafka-client/kafka-client.ts'
import { readAsGroup, readPartitions } from './console-reading.ts'
import type { Written } from '../settings/read-settings.ts'
import { connectionOf, fileOf, formOf, pairsOf, toolLog, withAdmin } from './kafka-connection.ts'
import { noZooKeeper, onEnd, readWords, refuseClasses, type Given } from './kafka-tool.ts'
import { writeOut } from './output.ts'
import { UsageError } from './usage-error.ts'

const usage = `Usage: kafka-console-consumer.sh --bootstrap-server HOST:PORT --topic NAME [options]

  --include REGEX                several topics, by a Java regular expression, in place of --topic
  --from-beginning               from the earliest message on; without it from now on
  --partition N [--offset N]     this partition alone, from an offset, earliest or latest
  --max-messages N               end after so many
  --timeout-ms MS                end when none has come for so long
  --group GROUP                  read as a member of the group, and commit what was printed
  --isolation-level LEVEL        read_committed, or read_uncommitted (default)
  --property KEY=VALUE...        what is printed: print.timestamp, print.partition, print.offset, print.headers,
                                 print.key, print.value, key.separator (tab), line.separator,
                                 headers.separator (,), null.literal
  --formatter-config FILE        such properties in a file
  --consumer-property KEY=VALUE...  --consumer.config FILE
                                 properties of the connection and the consumer: TLS, logins, time-outs
  --help  --version

The same: millrace consume. Exit codes: 0, 1 where it could not go on, 130 after Ctrl-C.
`

export async function runConsume(words: readonly string[], program: string): Promise<number> {
  const given = readWords(words, {
    usage,
    flags: 'from-beginning',
    values: `bootstrap-server broker-list topic include whitelist partition offset max-messages timeout-ms group
      isolation-level formatter key-deserializer value-deserializer formatter-config consumer.config
      command-config`,
    lists: 'property formatter-property consumer-property command-property',
    ignored: `new-consumer skip-message-on-error enable-systest-events csv-reporter-enabled metrics-dir=`,
    refused: {
      zookeeper: noZooKeeper,
      blacklist: 'write --include with a Java regular expression of the topics to read',
      'delete-consumer-offsets': 'kafka-consumer-groups.sh --delete --group GROUP forgets positions',
    },
  })
  if (given === null) return 0
  const most = given.whole('max-messages', -1) ?? -1
  const timeoutMs = given.whole('timeout-ms', -1) ?? -1
  const print = formatter(given)
  refuseClasses(given, ['formatter', 'key-deserializer', 'value-deserializer'])
  const client = propertiesOf(given)
  const isMember = client.has('group.id') && !given.has('partition')
  if (!isMember) client.set('group.id', { value: 'console-consumer' })
  const interval = Number(client.get('auto.commit.interval.ms')?.value ?? '5000')
  const commitMs = client.get('enable.auto.commit')?.value === 'false' || !(interval > 0) ? null : interval
  client.delete('auto.commit.interval.ms')
  const { settings, system } = connectionOf(given, client, readConsumerProperties, {
    'client.id': 'console-consumer',
  })
  const stop = new AbortController()
  const signalled = onEnd(() => stop.abort())
  const log = toolLog(program)
  return withAdmin(settings, system, async admin => {
    const parts = { given, admin, settings, system, log, stop: stop.signal, commitMs }
    const reading = isMember ? await readAsGroup(parts) : await readPartitions(parts)
    let count = 0
    try {
      while (!stop.signal.aborted && count !== most) {
        const idle = timeoutMs < 0 ? [] : [AbortSignal.timeout(timeoutMs)]
        const signal = AbortSignal.any([stop.signal, ...idle])
        const maxRecords = most < 0 ? 500 : Math.min(500, most - count)
        const records = await reading.poll({ maxRecords, signal })
        if (records.length === 0) break
        // Whoever reads our output may have enough: that is no failure, and the group is left as at any end.
        if (!(await isTaken(await print(records, admin)))) break
        count += records.length
        reading.printed(records)
      }
    } finally {
      await reading.close()
      process.stderr.write(`Processed a total of ${count} messages\n`)
    }
    return signalled()
  })
}

function propertiesOf(given: Given): Map<string, Written> {
  if (given.has('include') || given.has('whitelist')) given.exclusive('topic', 'include', 'whitelist')
  else given.required('topic')
  given.exclusive('from-beginning', 'offset')
  given.exclusive('group', 'partition')
  if (given.has('offset') && !given.has('partition')) throw new UsageError('--offset needs --partition')
  const offset = given.value('offset') ?? 'latest'
  if (!/^(earliest|latest|\d+)$/i.test(offset))
    throw new UsageError(`--offset ${offset}: write earliest, latest or a number`)
  const client = new Map<string, Written>([
    ...fileOf(given.value('consumer.config') ?? given.value('command-config')),
    ...pairsOf(given, 'consumer-property', 'command-property'),
  ])
  const group = given.value('group')
  const other = client.get('group.id')?.value
  if (group !== undefined && other !== undefined && other !== group)
    throw new UsageError(`--group says ${group}, and group.id in the properties says ${other}: leave one out`)
  const reset = client.get('auto.offset.reset')?.value
  if (given.has('from-beginning') && reset !== undefined && reset !== 'earliest')
    throw new UsageError(`--from-beginning and auto.offset.reset=${reset} exclude each other`)
  if (group !== undefined) client.set('group.id', { value: group })
  if (given.has('from-beginning')) client.set('auto.offset.reset', { value: 'earliest' })
  if (given.has('isolation-level')) client.set('isolation.level', { value: given.value('isolation-level')! })
  return client
}

/** False where the reader of our output is gone. */
const isTaken = (bytes: Buffer) =>
  writeOut(bytes).then(
    () => true,
    (error: Error) => {
      if ((error.cause as NodeJS.ErrnoException | undefined)?.code === 'EPIPE') return false
      throw error
    },
  )

type Print = (records: readonly ConsumedRecord[], admin: Admin) => Promise<Buffer>

/** Kafka's DefaultMessageFormatter: keys and values are the bytes that came. */
function formatter(given: Given): Print {
  const defaults = {
    'print.timestamp': 'false',
    'print.partition': 'false',
    'print.offset': 'false',
    'print.headers': 'false',
    'print.key': 'false',
    'print.value': 'true',
    'key.separator': '\t',
    'line.separator': '\n',
    'headers.separator': ',',
    'null.literal': 'null',
  }
  const form = formOf(given, {
    file: 'formatter-config',
    pairs: ['property', 'formatter-property'],
    defaults,
  })
  const isOn = (what: string) => form(`print.${what}`).trim().toLowerCase() === 'true'
  const [between, lineEnd, nothing] = ['key.separator', 'line.separator', 'null.literal'].map(key =>
    Buffer.from(form(key)),
  ) as [Buffer, Buffer, Buffer]
  const appendTimes = new Map<string, boolean>()
  const headersOf = ({ headers }: ConsumedRecord): Buffer[] => {
    if (headers.length === 0) return [Buffer.from('NO_HEADERS')]
    return headers.flatMap(({ key, value }, index) => [
      Buffer.from(`${index === 0 ? '' : form('headers.separator')}${key}:`),
      value ?? nothing,
    ])
  }
  const timeOf = ({ timestamp, topic }: ConsumedRecord) =>
    timestamp < 0
      ? 'NO_TIMESTAMP'
      : `${appendTimes.get(topic) === true ? 'LogAppendTime' : 'CreateTime'}:${timestamp}`
  const fields: readonly (readonly [what: string, of: (record: ConsumedRecord) => readonly Buffer[]])[] = [
    ['timestamp', record => [Buffer.from(timeOf(record))]],
    ['partition', record => [Buffer.from(`Partition:${record.partition}`)]],
    ['offset', record => [Buffer.from(`Offset:${record.offset}`)]],
    ['headers', headersOf],
    ['key', ({ key }) => [key ?? nothing]],
    ['value', ({ value }) => [value ?? nothing]],
  ]
  const wanted = fields.filter(([what]) => isOn(what)).map(([, bytesOf]) => bytesOf)
  return async (records, admin) => {
    // Records do not say whose time they have; their topic does.
    if (isOn('timestamp'))
      for (const topic of new Set(records.map(one => one.topic)))
        if (!appendTimes.has(topic)) appendTimes.set(topic, await hasAppendTime(admin, topic))
    const out: Buffer[] = []
    for (const record of records) {
      for (const [index, bytesOf] of wanted.entries()) {
        if (index > 0) out.push(between)
        out.push(...bytesOf(record))
      }
      out.push(lineEnd)
    }
    return Buffer.concat(out)
  }
}

async function hasAppendTime(admin: Admin, topic: string): Promise<boolean> {
  const settings = await admin.topics.settings([topic]).catch(() => null)
  const type = settings?.get(topic)?.find(({ name }) => name === 'message.timestamp.type')
  return type?.value === 'LogAppendTime'
}
