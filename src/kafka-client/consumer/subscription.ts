// Which topics a consumer reads: a fixed list, or all whose whole name matches a pattern. Remembers what
// there was when the subscription began, to tell partitions found later.
import type { Cluster, TopicProblem } from '../connection/cluster.ts'
import type { PartitionCounts } from './assignors.ts'
import type { TopicPartition } from '../contract.ts'

export class Subscription {
  readonly #names: readonly string[]
  readonly #pattern: RegExp | null
  /** The pattern as it was given. */
  readonly #written: string
  /** What there was when the subscription began; null before the first answer. */
  #first: Map<string, { readonly count: number; readonly id: string }> | null = null

  constructor(topics: readonly string[] | RegExp) {
    this.#written = topics instanceof RegExp ? topics.source : ''
    this.#names = topics instanceof RegExp ? [] : [...new Set(topics)].sort()
    this.#pattern =
      topics instanceof RegExp
        ? new RegExp(`^(?:${topics.source})$`, topics.flags.replace(/[gy]/g, ''))
        : null
  }

  watchIn(cluster: Cluster): void {
    if (this.#pattern !== null) cluster.watchAll()
    else cluster.watch(this.#names)
  }

  /** Sorted. Named topics are there also while they do not exist. */
  topicsIn(cluster: Cluster): readonly string[] {
    if (this.#pattern === null) return this.#names
    const found: string[] = []
    for (const { name, isInternal, partitions } of cluster.topics())
      if (!isInternal && partitions.length > 0 && this.#pattern.test(name)) found.push(name)
    return found.sort()
  }

  /** Which of the topics cannot be read, and why; null where all can. */
  problemIn(cluster: Cluster): TopicProblem | null {
    const problems = this.#names.flatMap(name => {
      const problem = cluster.problemOf(name)
      return problem === null
        ? []
        : [{ ...problem, why: `topic ${JSON.stringify(name)} cannot be read: ${problem.why}` }]
    })
    if (problems.length > 0)
      return {
        why: problems.map(one => one.why).join('; '),
        isFinal: problems.some(one => one.isFinal),
      }
    if (this.#pattern === null || this.topicsIn(cluster).length > 0) return null
    return {
      why: `no topic that this user may see matches the pattern ${this.#written}, so nothing is read`,
      isFinal: false,
    }
  }

  /** To be called after every refresh; the first one counts. */
  note(cluster: Cluster): void {
    if (this.#first !== null) return
    this.#first = new Map()
    for (const { name, partitions, id } of cluster.topics())
      this.#first.set(name, { count: partitions.length, id })
  }

  /** Whether the partition came into being while the subscription ran, be it with a topic that was created again. */
  isNew({ topic, partition }: TopicPartition, topicId: string): boolean {
    if (this.#first === null) return false
    const { count, id } = this.#first.get(topic) ?? { count: 0, id: '' }
    return partition >= count || (id !== '' && topicId !== '' && id !== topicId)
  }
}

/** Partition counts of topics that exist. */
export function countsIn(cluster: Cluster, topics: Iterable<string>): PartitionCounts {
  const counts = new Map<string, number>()
  for (const topic of topics) {
    const count = cluster.topic(topic)?.partitions.length ?? 0
    if (count > 0) counts.set(topic, count)
  }
  return counts
}
