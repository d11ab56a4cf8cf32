// What the console shows of brokers: what each leads and keeps, how many records are written to what it leads, and how
// evenly the topics lie on it.
import { replicaBytes, type ClusterDescription, type LogDirectory } from '../kafka-client/admin/brokers.ts'
import type { TopicDescription } from '../kafka-client/admin/topics.ts'
import { nameOf } from '../kafka-client/contract.ts'
import type { BrokerTopics, Brokers } from './api.ts'
import { sharesOf } from './percentages.ts'

/** What was asked of a cluster at one time. */
export interface ClusterLook {
  readonly description: ClusterDescription
  readonly topics: readonly TopicDescription[]
  /** By broker; missing where it does not tell them. */
  readonly directories: ReadonlyMap<number, readonly LogDirectory[]>
  /** Records a second that were written to a partition, by its name; missing where that is not known. */
  readonly rates: ReadonlyMap<string, number>
}

/** Null where none is known. */
export function totalOf(values: readonly (number | null)[]): number | null {
  const known = values.filter(value => value !== null)
  return known.length === 0 ? null : known.reduce((total, value) => total + value, 0)
}

export function brokersOf({
  description,
  topics,
  directories,
  rates,
}: ClusterLook): Omit<Brokers, 'takenAt'> {
  const leaders = new Map<number, number>()
  const replicas = new Map<number, number>()
  const written = new Map<number, number>()
  const add = (to: Map<number, number>, id: number, count: number) => to.set(id, (to.get(id) ?? 0) + count)
  for (const { name, partitions } of topics)
    for (const { index, leader, replicas: held } of partitions) {
      add(leaders, leader, 1)
      for (const id of held) add(replicas, id, 1)
      const rate = rates.get(nameOf({ topic: name, partition: index }))
      if (rate !== undefined) add(written, leader, rate)
    }
  return {
    clusterId: description.clusterId,
    brokers: description.brokers.map(broker => ({
      ...broker,
      isController: broker.id === description.controllerId,
      leaders: leaders.get(broker.id) ?? 0,
      replicas: replicas.get(broker.id) ?? 0,
      perSecond: written.get(broker.id) ?? (rates.size === 0 ? null : 0),
      bytes: totalOf((directories.get(broker.id) ?? []).flatMap(one => [0, ...one.replicas.values()])),
      directories:
        directories.get(broker.id)?.map(({ replicas: kept, ...one }) => ({
          ...one,
          replicas: kept.size,
          bytes: totalOf([0, ...kept.values()])!,
        })) ?? null,
    })),
  }
}

/** Of one broker, the topics that have a replica on it. */
export function brokerTopicsOf(
  id: number,
  { topics, directories, rates }: ClusterLook,
): BrokerTopics['topics'] {
  const own = directories.get(id)
  return topics.flatMap(({ name, isInternal, partitions }) => {
    const held = partitions.filter(({ replicas }) => replicas.includes(id))
    if (held.length === 0) return []
    const led = held.filter(({ leader }) => leader === id)
    const shares = sharesOf(partitions, 'replicas')
    const key = ({ index }: { index: number }) => nameOf({ topic: name, partition: index })
    return {
      name,
      isInternal,
      partitions: partitions.length,
      held: held.length,
      led: led.length,
      isSkewed: held.length > shares.fair,
      isLeaderSkewed: led.length > shares.fairLead,
      perSecond: led.length === 0 ? 0 : totalOf(led.map(one => rates.get(key(one)) ?? null)),
      bytes: totalOf(held.map(one => replicaBytes(own, key(one)) ?? null)),
    }
  })
}

const windowMs = 5000

/** Rates from the ends of partitions at several looks. */
export class EndRates {
  #looks: { readonly at: number; readonly ends: ReadonlyMap<string, number> }[] = []

  /** By partition name, records a second over the last 5 s or more; `at`: monotonic ms. Empty at the first look. */
  add(ends: ReadonlyMap<string, number>, at: number): Map<string, number> {
    this.#looks.push({ at, ends })
    while (this.#looks.length > 2 && this.#looks[1]!.at <= at - windowMs) this.#looks.shift()
    const [first] = this.#looks
    const rates = new Map<string, number>()
    if (first!.at >= at) return rates
    for (const [name, end] of ends) {
      const before = first!.ends.get(name)
      // A topic that was replaced by another of its name begins again.
      if (before !== undefined && end >= before) rates.set(name, ((end - before) * 1000) / (at - first!.at))
    }
    return rates
  }
}
