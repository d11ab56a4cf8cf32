// How evenly a topic lies on its brokers, in the whole percentages that CMAK (kafka-manager) shows. With B brokers in
// the cluster, Bt of them holding the topic, P partitions and R replicas of each:
//   spread = 100 Bt / B; a broker is skewed with more than ceil(P R / Bt) replicas, leader-skewed with more than
//   ceil(P / Bt) leaders; preferred counts the partitions that are led by their first replica.
// CMAK counts replicas in sync, so that a broker that is down vanishes from its figures. We count those assigned, and
// give CMAK's beside.
import type { Percentages } from './api.ts'

export interface PlacedPartition {
  readonly leader: number
  readonly replicas: readonly number[]
  readonly isr: readonly number[]
}

/** How many partitions each broker holds and leads, and what it holds and leads at most where none is skewed. */
export function sharesOf(partitions: readonly PlacedPartition[], by: 'replicas' | 'isr') {
  const held = new Map<number, number>()
  const led = new Map<number, number>()
  for (const partition of partitions) {
    for (const broker of partition[by]) held.set(broker, (held.get(broker) ?? 0) + 1)
    if (partition.leader >= 0) led.set(partition.leader, (led.get(partition.leader) ?? 0) + 1)
  }
  const replication = Math.max(0, ...partitions.map(({ replicas }) => replicas.length))
  const fair = Math.ceil((partitions.length / held.size) * replication)
  const fairLead = Math.ceil(partitions.length / held.size)
  return { held, led, fair, fairLead }
}

/** `by`: the replicas that count as held. 0 brokers or partitions give 0. */
export function percentagesOf(
  partitions: readonly PlacedPartition[],
  brokers: number,
  by: 'replicas' | 'isr',
): Percentages {
  const { held, led, fair, fairLead } = sharesOf(partitions, by)
  const above = (counts: Iterable<number>, most: number) => [...counts].filter(count => count > most).length
  return {
    spread: percent(held.size, brokers),
    skew: percent(above(held.values(), fair), held.size),
    leaderSkew: percent(above(led.values(), fairLead), held.size),
    preferred: percent(
      partitions.filter(({ leader, replicas }) => leader === replicas[0]).length,
      partitions.length,
    ),
    underReplicated: percent(
      partitions.filter(({ isr, replicas }) => isr.length < replicas.length).length,
      partitions.length,
    ),
  }
}

const percent = (part: number, whole: number): number => (whole === 0 ? 0 : Math.floor((100 * part) / whole))
