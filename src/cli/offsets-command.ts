// `kafka-get-offsets.sh` and `millrace offsets`: the offsets of partitions at their ends or at a time, as Kafka's
// GetOffsetShell prints them: topic:partition:offset.
import { commandLine } from '../system/launcher.ts'
import { nameOf } from '../kafka-client/contract.ts'
import { administer } from './kafka-connection.ts'
import { noZooKeeper, readWords, topicFilter, type Given } from './kafka-tool.ts'
import { UsageError } from './usage-error.ts'

const usage = `Usage: kafka-get-offsets.sh --bootstrap-server HOST:PORT [options]

  --topic NAMES                  a name or a Java regular expression; all topics where it is missing
  --partitions 0,1               these alone
  --topic-partitions T:0,U:1-3   by topic: one, from (inclusive) to (exclusive), 3-, -3, or all
  --time TIME                    latest (-1, default), earliest (-2), max-timestamp (-3), earliest-local (-4),
                                 latest-tiered (-5), or milliseconds since 1970: the first record from then on
  --exclude-internal-topics
  --command-config FILE          properties of the connection: TLS, logins
  --help  --version

Prints TOPIC:PARTITION:OFFSET. The same: millrace offsets. Exit codes: 0 done, 1 not.
`

const times: Readonly<Record<string, number>> = {
  latest: -1,
  earliest: -2,
  'max-timestamp': -3,
  'earliest-local': -4,
  'latest-tiered': -5,
}

export async function runOffsets(words: readonly string[]): Promise<number> {
  const given = readWords(words, {
    usage,
    flags: 'exclude-internal-topics',
    values: 'bootstrap-server broker-list command-config topic topic-partitions partitions time',
    ignored: 'max-wait-ms= offsets=',
    refused: { zookeeper: noZooKeeper },
  })
  if (given === null) return 0
  const time = timeOf(given.value('time') ?? 'latest')
  const filter = partitionFilter(given)
  return administer(given, async admin => {
    const topics = await admin.topics.describe()
    const fits = filter(topics.map(({ name }) => name))
    const partitions = topics
      .filter(({ isInternal }) => !isInternal || !given.has('exclude-internal-topics'))
      .flatMap(topic => topic.partitions.map(({ index }) => ({ topic: topic.name, partition: index })))
      .filter(({ topic, partition }) => fits(topic, partition))
    if (partitions.length === 0)
      throw new Error(
        `no partition fits; ${commandLine('kafka-topics.sh', '--describe')} prints those that there are`,
      )
    const offsets = await admin.offsets.at(partitions, time)
    for (const one of partitions) {
      const offset = offsets.get(nameOf(one))!
      if (offset >= 0) process.stdout.write(`${one.topic}:${one.partition}:${offset}\n`)
    }
    return 0
  })
}

function timeOf(text: string): number {
  const time = times[text.toLowerCase()] ?? (/^-?\d+$/.test(text) ? Number(text) : NaN)
  if (time >= -5) return time
  throw new UsageError(`--time ${text}: write ${Object.keys(times).join(', ')}, or milliseconds since 1970`)
}

type Filter = (topic: string, partition: number) => boolean

/** What the words say, to be asked once it is known which topics there are. Throws UsageError. */
function partitionFilter(given: Given): (names: readonly string[]) => Filter {
  const rules = given.value('topic-partitions')
  const topic = given.value('topic')
  const numbers = given.value('partitions')
  if (rules === undefined) {
    if (numbers !== undefined && !/^\s*\d+(\s*,\s*\d+)*\s*$/.test(numbers))
      throw new UsageError(`--partitions ${numbers}: write numbers separated by commas`)
    const wanted = numbers === undefined ? null : new Set(numbers.split(',').map(Number))
    return names => {
      const isTopic = topic === undefined ? () => true : topicFilter(topic, names)
      return (name, partition) => isTopic(name) && (wanted?.has(partition) ?? true)
    }
  }
  if (topic !== undefined || numbers !== undefined)
    throw new UsageError('--topic-partitions excludes the other two: leave --topic and --partitions out')
  const parts = rules.split(',').map(rule => {
    const [matched, name = '', range = '-'] = /^([^:]*)(?::(\d+|\d*-\d*)?)?$/.exec(rule) ?? []
    if (matched === undefined)
      throw new UsageError(`--topic-partitions ${rule}: write TOPIC:NUMBER or TOPIC:FROM-TO`)
    const [from = '', to] = range.split('-')
    const end = to === undefined ? Number(from) + 1 : to === '' ? Infinity : Number(to)
    return { name, first: Number(from), end }
  })
  return names => {
    const all = parts.map(({ name, ...range }) => ({
      ...range,
      isTopic: name === '' ? () => true : topicFilter(name, names),
    }))
    return (name, partition) =>
      all.some(({ isTopic, first, end }) => isTopic(name) && partition >= first && partition < end)
  }
}
