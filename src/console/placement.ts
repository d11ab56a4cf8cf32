// On which brokers the replicas of a topic would lie: spread as kafka-manager and Kafka's own tools spread them, round
// robin, without regard to racks. The same topic and brokers give the same plan.

/**
 * Replicas by partition, the preferred leader first. Partition 0 begins at the broker that the topic's name falls on; the
 * followers' distance from their leader grows with every round, so that no two brokers share all of their replicas.
 */
export function placementOf(
  topic: string,
  partitions: number,
  replicas: number,
  brokers: readonly number[],
): number[][] {
  const ids = brokers.toSorted((one, other) => one - other)
  const count = ids.length
  const start = [...topic].reduce((sum, letter) => (sum * 31 + letter.codePointAt(0)!) % 65_521, 0) % count
  return Array.from({ length: partitions }, (_, partition) => {
    const round = Math.floor(partition / count)
    const leader = (start + partition) % count
    return Array.from({ length: replicas }, (_replica, index) =>
      index === 0 ? ids[leader]! : ids[(leader + 1 + ((round + index - 1) % (count - 1))) % count]!,
    )
  })
}
