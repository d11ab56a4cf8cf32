// One side of an audit: topics of a cluster, with the ends that they had when they were asked for them.
import { readRanges, type Source } from '../../console/messages/scan.ts'
import type { Admin } from '../../kafka-client/admin/admin.ts'
import { nameOf } from '../../kafka-client/contract.ts'
import { earliest, latest } from '../../kafka-client/consumer/offsets.ts'
import type { ConsumerSettings } from '../../kafka-client/settings.ts'
import { findTopic } from '../kafka-connection.ts'
import { UsageError } from '../usage-error.ts'
import type { AuditedPartition, AuditedSide } from './audit.ts'

/** What is looked at; all of it where nothing is given. Times in milliseconds since 1970. */
export interface Window {
  readonly since?: number | undefined
  readonly until?: number | undefined
  /** By partition: from the first to before the second. */
  readonly offsets?: ReadonlyMap<number, readonly [from: number, to: number]>
}

const pollRecords = 10_000
/** A broker may be restarted meanwhile. */
const silenceMs = 60_000

export interface TopicSide extends AuditedSide {
  readonly where: string
  readonly topics: readonly string[]
}

/** Rejects with UsageError where a topic or a partition is not there, and as Admin does. */
export async function openSide(
  topics: readonly string[],
  source: Source & { readonly settings: ConsumerSettings },
  window: Window,
  parts: { readonly signal: AbortSignal; passed(records: number): void },
): Promise<TopicSide> {
  const { admin, settings } = source
  const where = settings.bootstrapServers.join(',')
  const partitions: AuditedPartition[] = []
  const ids = new Map<string, string>()
  const { clusterId } = await admin.brokers.describe().catch(() => ({ clusterId: null }))
  let isCompacted = false
  for (const topic of topics) {
    const found = await findTopic(admin, topic, { create: false, patienceMs: 0 })
    if (found === null) throw new UsageError(`topic ${topic} does not exist at ${where}`)
    ids.set(topic, found.id)
    const all = found.partitions.map(({ index }) => ({ topic, partition: index }))
    for (const partition of window.offsets?.keys() ?? [])
      if (!all.some(one => one.partition === partition))
        throw new UsageError(
          `--offsets ${partition}: topic ${topic} has the partitions 0 to ${all.length - 1}`,
        )
    partitions.push(...(await rangesOf(all, admin, window, settings.readCommitted ? 1 : 0)))
    isCompacted ||= await compacts(admin, topic)
  }
  const indexes = new Map(partitions.map((one, index) => [nameOf(one), index]))
  return {
    where,
    topics,
    partitions,
    isCompacted,
    partitionOf(origin) {
      const [cluster = '', topic = '', id = '', number] = origin.split('/')
      const isSame = (text: string, own: string | null | undefined) =>
        text === '-' || !own || text === encodeURIComponent(own)
      if (!isSame(cluster, clusterId) || !isSame(id, ids.get(topic))) return null
      return indexes.get(`${topic}-${number}`) ?? null
    },
    async *read() {
      for (const topic of topics) {
        const ranges = partitions
          .filter(one => one.topic === topic)
          .map(({ partition, first, next }) => ({ partition, from: first, to: next }))
        const { signal } = parts
        for await (const batch of readRanges({ topic, ranges, signal, pollRecords, silenceMs }, source)) {
          parts.passed(batch.length)
          yield batch.map(record => ({ partition: indexes.get(nameOf(record))!, record }))
        }
      }
    },
  }
}

async function rangesOf(
  all: readonly { topic: string; partition: number }[],
  admin: Admin,
  { since, until, offsets }: Window,
  isolation: 0 | 1,
): Promise<AuditedPartition[]> {
  const wanted = offsets === undefined ? all : all.filter(({ partition }) => offsets.has(partition))
  const at = (time: number) => admin.offsets.at(wanted, time, isolation)
  const [nexts, firsts] = [await at(latest), await at(earliest)]
  const begins = since === undefined ? firsts : await at(since)
  const ends = until === undefined ? nexts : await at(until)
  return wanted.map(one => {
    const name = nameOf(one)
    // -1: none is so young.
    const known = (found: ReadonlyMap<string, number>) =>
      found.get(name)! < 0 ? nexts.get(name)! : found.get(name)!
    const [from, to] = offsets?.get(one.partition) ?? [0, Infinity]
    const first = Math.max(known(firsts), known(begins), from)
    return { ...one, first, next: Math.max(first, Math.min(known(nexts), known(ends), to)) }
  })
}

async function compacts(admin: Admin, topic: string): Promise<boolean> {
  // Whoever may read a topic need not be allowed to read its settings.
  const settings = await admin.topics.settings([topic]).catch(() => null)
  const policy = settings?.get(topic)?.find(({ name }) => name === 'cleanup.policy')
  return policy?.value?.includes('compact') ?? false
}
