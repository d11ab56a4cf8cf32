// `kafka-console-producer.sh` and `millrace produce`: sends each line of standard input as a message, with the
// options of Kafka's own tool. A line ends as Java's readLine has it: \n, \r or \r\n; its bytes are sent as they
// are.
import { commandLine } from '../system/launcher.ts'
import {
  createProducer,
  ProduceFault,
  readProducerProperties,
  type Producer,
  type ProducerRecord,
} from '../kafka-client/kafka-client.ts'
import type { Written } from '../settings/read-settings.ts'
import { connectionOf, fileOf, findTopic, formOf, pairsOf, toolLog, withAdmin } from './kafka-connection.ts'
import { noZooKeeper, onEnd, readWords, refuseClasses, type Given } from './kafka-tool.ts'
import { linesOf } from './lines.ts'
import { UsageError } from './usage-error.ts'

const usage = `Usage: kafka-console-producer.sh --bootstrap-server HOST:PORT --topic NAME [options]

  --property KEY=VALUE...        how lines are read: parse.key, key.separator (tab), parse.headers,
                                 headers.delimiter (tab), headers.separator (,), headers.key.separator (:),
                                 null.marker, ignore.error; in the order headers, key, value
  --reader-config FILE           such properties in a file
  --sync                         one line at a time
  --request-required-acks N      0, 1 or all (default)
  --compression-codec [CODEC]    gzip (where no codec is written), snappy, lz4, zstd, none (default)
  --producer-property KEY=VALUE...  --producer.config FILE
                                 properties of the connection and the producer: TLS, logins, time-outs
  --max-block-ms MS  --request-timeout-ms MS  --retry-backoff-ms MS  --metadata-expiry-ms MS
  --help  --version

The same: millrace produce. Exit codes: 0 every line was written, 1 not.
`

/** Options that stand for a property of the producer. */
const shorthands: Readonly<Record<string, string>> = {
  'request-required-acks': 'acks',
  'compression-codec': 'compression.type',
  'max-block-ms': 'max.block.ms',
  'request-timeout-ms': 'request.timeout.ms',
  'retry-backoff-ms': 'retry.backoff.ms',
  'metadata-expiry-ms': 'metadata.max.age.ms',
}

export async function runProduce(words: readonly string[], program: string): Promise<number> {
  const given = readWords(words, {
    usage,
    flags: 'sync',
    values: `bootstrap-server broker-list topic producer.config command-config reader-config line-reader
      key-serializer value-serializer ${Object.keys(shorthands)
        .filter(name => name !== 'compression-codec')
        .join(' ')}`,
    lists: 'property reader-property producer-property command-property',
    optional: 'compression-codec',
    ignored: `batch-size= timeout= max-memory-bytes= max-partition-memory-bytes= message-send-max-retries=
      socket-buffer-size= queue-size= queue-enqueuetimeout-ms= metadata-fetch-timeout-ms= new-producer`,
    refused: {
      zookeeper: noZooKeeper,
      'old-producer': 'there is one producer here, for every Kafka from 0.10.2 on; leave it out',
    },
  })
  if (given === null) return 0
  const topic = given.required('topic')
  refuseClasses(given, ['line-reader', 'key-serializer', 'value-serializer'])
  const toRecord = lineReader(topic, given)
  const properties = new Map<string, Written>([
    ...fileOf(given.value('producer.config') ?? given.value('command-config')),
    ...pairsOf(given, 'producer-property', 'command-property'),
  ])
  for (const [option, property] of Object.entries(shorthands))
    if (given.has(option)) properties.set(property, { value: given.value(option) ?? 'gzip' })
  const { settings, system } = connectionOf(given, properties, readProducerProperties, usual)
  const found = await withAdmin(settings, system, admin =>
    findTopic(admin, topic, { create: true, patienceMs: settings.maxBlockMs }),
  )
  const where = settings.bootstrapServers.join(',')
  if (found === null)
    throw new Error(
      `topic ${topic} does not exist at ${where}, and the broker does not create it (auto.create.topics.enable): ${commandLine('kafka-topics.sh', '--bootstrap-server', where, '--create', '--topic', topic)}`,
    )
  const producer = createProducer({
    system,
    settings,
    log: toolLog(program),
    onHeadersDropped: () =>
      void process.stderr.write(`${where} is older than Kafka 0.11: headers are left out\n`),
  })
  try {
    return await sendLines(producer, toRecord, given.has('sync'))
  } finally {
    await producer.close()
  }
}

/** Somebody sits there. */
const usual = {
  'client.id': 'console-producer',
  acks: 'all',
  'max.block.ms': '5000',
  'delivery.timeout.ms': '30000',
}

async function sendLines(
  producer: Producer,
  toRecord: (line: string, number: number) => ProducerRecord,
  isSync: boolean,
): Promise<number> {
  const prompts = process.stdin.isTTY && process.stdout.isTTY
  const signalled = onEnd(() => process.stdin.destroy())
  const numbers = new WeakMap<ProducerRecord, number>()
  let number = 0
  let isGood = true
  let sending = Promise.resolve()
  const send = async (records: readonly ProducerRecord[]) => {
    for (let left = records; left.length > 0;)
      try {
        await producer.send(left)
        return
      } catch (error) {
        // The others of the call are not written either, for the sake of the order.
        if (!(error instanceof ProduceFault) || error.record === null) throw error
        const { record, undelivered } = error
        process.stderr.write(`line ${numbers.get(record)} was not written: ${error.message}\n`)
        isGood = false
        left = undelivered.filter(one => one !== record)
      }
  }
  const take = async (lines: readonly Buffer[]) => {
    const records: ProducerRecord[] = []
    try {
      for (const line of lines) {
        const record = toRecord(line.toString('latin1'), ++number)
        numbers.set(record, number)
        if (isSync) await send([record])
        else records.push(record)
      }
    } finally {
      // What stands before a line that cannot be read is sent. One call is under way while the next is read.
      await sending
      sending = send(records)
      sending.catch(() => {})
    }
  }
  if (prompts) process.stdout.write('>')
  try {
    for await (const lines of linesOf(process.stdin)) {
      await take(lines)
      if (!prompts) continue
      await sending
      process.stdout.write('>')
    }
  } catch (error) {
    if (signalled() === 0) {
      await sending
      throw error
    }
  }
  await sending
  return signalled() || (isGood ? 0 : 1)
}

/** Makes records of lines, one character a byte, as the properties of Kafka's LineMessageReader say. Throws UsageError. */
function lineReader(topic: string, given: Given): (line: string, number: number) => ProducerRecord {
  const defaults = {
    'parse.key': 'false',
    'parse.headers': 'false',
    'ignore.error': 'false',
    'key.separator': '\t',
    'headers.delimiter': '\t',
    'headers.separator': ',',
    'headers.key.separator': ':',
    'null.marker': '',
  }
  const form = formOf(given, { file: 'reader-config', pairs: ['property', 'reader-property'], defaults })
  const isOn = (key: string) => form(key).trim().toLowerCase() === 'true'
  const separator = (key: string) => {
    if (form(key) !== '') return bytesAsText(form(key))
    throw new UsageError(`--property ${key}= is empty: write what stands between the two`)
  }
  const [hasKey, hasHeaders, ignores] = ['parse.key', 'parse.headers', 'ignore.error'].map(isOn)
  const keyEnd = separator('key.separator')
  const headersEnd = separator('headers.delimiter')
  const headerEnd = separator('headers.separator')
  const headerKeyEnd = separator('headers.key.separator')
  const marker = bytesAsText(form('null.marker'))
  const bytesOf = (text: string) => (marker !== '' && text === marker ? null : Buffer.from(text, 'latin1'))

  return (line, number) => {
    const broken = (what: string) => new Error(`line ${number}: ${what} in it`)
    let rest = line
    /** The text up to `end`; null where there is none, which a property may excuse. */
    const field = (isThere: boolean | undefined, end: string, what: string): string | null => {
      if (isThere !== true) return null
      const at = rest.indexOf(end)
      if (at < 0 && ignores !== true) throw broken(`no ${what} ${JSON.stringify(end)}`)
      if (at < 0) return null
      const text = rest.slice(0, at)
      rest = rest.slice(at + end.length)
      return text
    }
    const headersText = field(hasHeaders, headersEnd, 'end of headers (headers.delimiter)') ?? ''
    const key = field(hasKey, keyEnd, 'end of the key (key.separator)')
    const pairs = headersText === '' || headersText === marker ? [] : headersText.split(headerEnd)
    const headers = pairs.map(pair => {
      const end = pair.indexOf(headerKeyEnd)
      if (end < 0 && ignores !== true)
        throw broken(`header without ${JSON.stringify(headerKeyEnd)} (headers.key.separator)`)
      const name = Buffer.from(end < 0 ? pair : pair.slice(0, end), 'latin1').toString()
      return { key: name, value: end < 0 ? null : bytesOf(pair.slice(end + headerKeyEnd.length)) }
    })
    return { topic, key: key === null ? null : bytesOf(key), value: bytesOf(rest), headers }
  }
}

/** One character a byte, as lines are read. */
const bytesAsText = (text: string) => Buffer.from(text).toString('latin1')
