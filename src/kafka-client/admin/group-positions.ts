// Where a consumer group stands: its positions, the ends of its partitions, and who reads them. Positions are asked for
// before the ends, so that what is read meanwhile makes no lag negative.
import { byName, nameOf, type TopicPartition } from '../contract.ts'
import { latest } from '../consumer/offsets.ts'
import type { Admin } from './admin.ts'
import type { GroupLook } from './group-look.ts'
import type { GroupDescription } from './groups.ts'
import type { TopicDescription } from './topics.ts'

export interface GroupPosition extends TopicPartition {
  /** Null where nothing is committed. */
  readonly committed: number | null
  /** Null where the topic is gone or the partition has no leader. */
  readonly end: number | null
  readonly member: GroupDescription['members'][number] | null
}

/** A leader that does not tell the ends of its partitions within this time leaves them unknown. */
const endsMs = 10_000

/** Every partition that the group has a position in or reads, by topic and number. */
export async function groupPositions(admin: Admin, group: GroupDescription): Promise<GroupPosition[]> {
  const committed = await admin.groups.committed(group.id)
  return (await positionsOf(admin, [{ ...group, committed }]))[0]!
}

/** Of several groups, whose ends are asked for together: as groupPositions, in the order of the groups. */
export async function positionsOf(
  admin: Admin,
  groups: readonly Pick<GroupLook, 'members' | 'committed'>[],
): Promise<GroupPosition[][]> {
  const listed = groups.map(({ members, committed }) => {
    const owned = members.flatMap(member => member.partitions.map(one => ({ member, one })))
    const known: readonly TopicPartition[] = [...committed, ...owned.map(({ one }) => one)]
    return {
      positions: new Map(committed.map(one => [nameOf(one), one.offset])),
      owners: new Map(owned.map(({ member, one }) => [nameOf(one), member])),
      partitions: [...new Map(known.map(one => [nameOf(one), one])).values()].sort(byName),
    }
  })
  const all = new Map(listed.flatMap(({ partitions }) => partitions.map(one => [nameOf(one), one])))
  // A topic may be gone while its positions are still kept.
  const topics = await admin.topics.describe([...new Set([...all.values()].map(({ topic }) => topic))])
  const ends = await admin.offsets.known(topics, [...all.values()], latest, endsMs)
  return listed.map(({ positions, owners, partitions }) =>
    partitions.map(({ topic, partition }) => {
      const name = nameOf({ topic, partition })
      return {
        topic,
        partition,
        committed: positions.get(name) ?? null,
        end: ends.get(name) ?? null,
        member: owners.get(name) ?? null,
      }
    }),
  )
}

/** Those that can be asked for offsets: a partition without a leader keeps who asks waiting. */
export const ledPartitions = (topics: readonly TopicDescription[]): TopicPartition[] =>
  topics.flatMap(({ name, partitions }) =>
    partitions.flatMap(({ index, leader }) => (leader < 0 ? [] : [{ topic: name, partition: index }])),
  )
