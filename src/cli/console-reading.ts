// Where the console consumer gets its messages from: partitions without a group, or as a member of one. Both
// warn of topics that do not exist, and wait for them.
import { commandLine } from '../system/launcher.ts'
import { messageOf } from '../errors.ts'
import { compileJavaRegex } from '../java/java-regex.ts'
import type { Admin } from '../kafka-client/admin/admin.ts'
import type { TopicDescription } from '../kafka-client/admin/topics.ts'
import type { ClientSystem } from '../kafka-client/connection/connection.ts'
import { nameOf, type ConsumedRecord, type Position } from '../kafka-client/contract.ts'
import { createConsumer } from '../kafka-client/kafka-client.ts'
import { earliest, latest } from '../kafka-client/consumer/offsets.ts'
import { PartitionReader } from '../kafka-client/consumer/partition-reader.ts'
import type { ConsumerSettings } from '../kafka-client/settings.ts'
import { looseConditions } from '../observe/conditions.ts'
import type { Logger } from '../observe/log.ts'
import { findTopic } from './kafka-connection.ts'
import type { Given } from './kafka-tool.ts'
import { UsageError } from './usage-error.ts'

export interface Reading {
  poll(options: { maxRecords: number; signal: AbortSignal }): Promise<ConsumedRecord[]>
  /** They were handed on: a group need not read them again. */
  printed(records: readonly ConsumedRecord[]): void
  close(): Promise<void>
}

export interface ReadingParts {
  readonly given: Given
  readonly admin: Admin
  readonly settings: ConsumerSettings
  readonly system: ClientSystem
  readonly log: Logger
  readonly stop: AbortSignal
  /** How often a group's positions are committed; null: never. */
  readonly commitMs: number | null
}

/** How often topics are looked for: those that are missing, and new ones of a pattern. */
const missingMs = 500
const freshMs = 5_000
/** How long a topic may take that the broker makes because it was asked for. */
const makingMs = 1_500

/** The topics to read, and their pattern where there is one. */
function subscriptionOf(given: Given): { name: string } | { source: string; pattern: RegExp } {
  const source = given.value('include') ?? given.value('whitelist')
  if (source === undefined) return { name: given.required('topic') }
  const compiled = compileJavaRegex(source.replaceAll(',', '|').replaceAll(' ', ''))
  if ('problem' in compiled) throw new UsageError(`--include ${source}: ${compiled.problem}`)
  return { source, pattern: compiled.value }
}

/** The topics that there are; warns, once, where there is none. */
function topicLooker({ given, admin, settings, log }: ReadingParts): () => Promise<TopicDescription[]> {
  const wanted = subscriptionOf(given)
  const where = settings.bootstrapServers.join(',')
  let isMissing = false
  return async () => {
    const create = settings.allowAutoCreateTopics && !isMissing
    const found =
      'name' in wanted
        ? [await findTopic(admin, wanted.name, { create, patienceMs: isMissing ? 0 : makingMs })]
        : (await admin.topics.describe()).filter(
            one => !one.isInternal && wholeOf(wanted.pattern).test(one.name),
          )
    const topics = found.filter(one => one !== null)
    if (topics.length === 0 && !isMissing)
      log.warn(
        'name' in wanted
          ? `topic ${wanted.name} does not exist at ${where}. The command waits for it. To create it: ${commandLine('kafka-topics.sh', '--bootstrap-server', where, '--create', '--topic', wanted.name)}`
          : `no topic at ${where} matches ${wanted.source}. The command waits for one`,
      )
    isMissing = topics.length === 0
    return topics
  }
}

const wholeOf = (pattern: RegExp) => new RegExp(`^(?:${pattern.source})$`, pattern.flags)

/** Rejects with UsageError where --partition names one that is not there. */
export async function readPartitions(parts: ReadingParts): Promise<Reading> {
  const { given, admin, settings, system, log } = parts
  const ending = new AbortController()
  const stop = AbortSignal.any([parts.stop, ending.signal])
  const condition = looseConditions(system.clock, log)
  const reader = new PartitionReader({ system, log, condition, settings })
  const look = topicLooker(parts)
  const one = given.whole('partition', 0)
  const known = new Set<string>()
  let isFirst = true
  const learn = async () => {
    const topics = await look()
    for (const { name, partitions } of topics)
      if (one !== undefined && !partitions.some(({ index }) => index === one))
        throw new UsageError(
          `--partition ${one}: topic ${name} has the partitions 0 to ${partitions.length - 1}`,
        )
    const fresh = topics
      .flatMap(({ name, partitions }) => partitions.map(({ index }) => ({ topic: name, partition: index })))
      .filter(
        ({ topic, partition }) =>
          (one ?? partition) === partition && !known.has(nameOf({ topic, partition })),
      )
    const isolation = settings.readCommitted ? 1 : 0
    const [firsts, nexts] = [
      await admin.offsets.at(fresh, earliest),
      await admin.offsets.at(fresh, latest, isolation),
    ]
    const positions = fresh.map(partition => {
      const [first, next] = [firsts.get(nameOf(partition))!, nexts.get(nameOf(partition))!]
      // What came into being while we look is read whole.
      const fromStart = !isFirst || settings.autoOffsetReset === 'earliest'
      const asked = given.value('offset')?.toLowerCase() ?? (fromStart ? 'earliest' : 'latest')
      const offset = asked === 'earliest' ? first : asked === 'latest' ? next : Number(asked)
      if (offset < first || offset > next)
        log.warn(`${nameOf(partition)} holds offsets from ${first} to ${next}, and not ${offset}`)
      return { ...partition, offset: Math.min(Math.max(offset, first), next) }
    })
    for (const position of positions) known.add(nameOf(position))
    reader.add(positions)
    isFirst = false
  }
  const watch = async () => {
    while (!stop.aborted) {
      await system.clock.sleep(known.size === 0 ? missingMs : freshMs, stop)
      // What keeps messages away, the reader says.
      if (!stop.aborted) await learn().catch(() => {})
    }
  }
  try {
    await learn()
  } catch (error) {
    reader.close()
    throw error
  }
  const watching = watch()
  return {
    poll: options => reader.poll(options),
    printed: () => {},
    async close() {
      ending.abort()
      reader.close()
      await watching
    },
  }
}

export async function readAsGroup(parts: ReadingParts): Promise<Reading> {
  const { given, settings, system, log, commitMs } = parts
  await topicLooker(parts)()
  const wanted = subscriptionOf(given)
  const ending = new AbortController()
  const stop = AbortSignal.any([parts.stop, ending.signal])
  const done = new Map<string, Position>()
  const consumer = createConsumer({
    system,
    log,
    settings,
    topics: 'name' in wanted ? [wanted.name] : wanted.pattern,
    onRevoked: () => commit(),
    onLost: () => done.clear(),
    onRecreated: one => void done.delete(nameOf(one)),
  })
  const commit = async () => {
    const mine = new Set(consumer.assignment.map(nameOf))
    const positions = [...done.values()].filter(one => mine.has(nameOf(one)))
    done.clear()
    if (positions.length > 0)
      await consumer
        .commit(positions)
        .catch((error: unknown) => log.warn(`nothing was committed: ${messageOf(error)}`))
  }
  consumer.start()
  const commitEvery = async (ms: number) => {
    while (!stop.aborted) {
      await system.clock.sleep(ms, stop)
      if (!stop.aborted) await commit()
    }
  }
  const committing = commitMs === null ? Promise.resolve() : commitEvery(commitMs)
  return {
    poll: options => consumer.poll(options),
    printed(records) {
      if (commitMs === null) return
      for (const { topic, partition, offset } of records)
        done.set(nameOf({ topic, partition }), { topic, partition, offset: offset + 1 })
    },
    async close() {
      ending.abort()
      await committing
      await commit()
      await consumer.close()
    },
  }
}
