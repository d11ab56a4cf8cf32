// Where a consumer group stands: its positions, the ends of its partitions, and who reads them. Positions are asked for
// before the ends, so that what is read meanwhile makes no lag negative.
import { byName, nameOf, type TopicPartition } from '../contract.ts'
import { latest } from '../consumer/offsets.ts'
import type { Admin } from './admin.ts'
import type { GroupDescription } from './groups.ts'
import type { TopicDescription } from './topics.ts'

export interface GroupPosition extends TopicPartition {
  /** Null where nothing is committed. */
  readonly committed: number | null
  /** Null where the topic is gone or the partition has no leader. */
  readonly end: number | null
  readonly member: GroupDescription['members'][number] | null
}

/** Every partition that the group has a position in or reads, by topic and number. */
export async function groupPositions(admin: Admin, group: GroupDescription): Promise<GroupPosition[]> {
  const committed = await admin.groups.committed(group.id)
  const positions = new Map(committed.map(one => [nameOf(one), one.offset]))
  const owned = group.members.flatMap(member => member.partitions.map(one => ({ member, one })))
  const members = new Map(owned.map(({ member, one }) => [nameOf(one), member]))
  const known: readonly TopicPartition[] = [...committed, ...owned.map(({ one }) => one)]
  const partitions = [...new Map(known.map(one => [nameOf(one), one])).values()].sort(byName)
  // A topic may be gone while its positions are still kept.
  const topics = await admin.topics.describe([...new Set(partitions.map(({ topic }) => topic))])
  const isThere = new Set(ledPartitions(topics).map(nameOf))
  const ends = await admin.offsets.at(
    partitions.filter(one => isThere.has(nameOf(one))),
    latest,
  )
  return partitions.map(({ topic, partition }) => {
    const name = nameOf({ topic, partition })
    return {
      topic,
      partition,
      committed: positions.get(name) ?? null,
      end: ends.get(name) ?? null,
      member: members.get(name) ?? null,
    }
  })
}

/** Those that can be asked for offsets: a partition without a leader keeps who asks waiting. */
export const ledPartitions = (topics: readonly TopicDescription[]): TopicPartition[] =>
  topics.flatMap(({ name, partitions }) =>
    partitions.flatMap(({ index, leader }) => (leader < 0 ? [] : [{ topic: name, partition: index }])),
  )
