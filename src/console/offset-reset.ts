// Where a group would read on after a reset: worked out as kafka-consumer-groups.sh does, shown before it is committed,
// and committed as it was shown or not at all.
import { whereOf } from '../address.ts'
import { groupPositions } from '../kafka-client/admin/group-positions.ts'
import type { GroupDescription } from '../kafka-client/admin/groups.ts'
import { earliest, latest } from '../kafka-client/consumer/offsets.ts'
import { byName, nameOf, type TopicPartition } from '../kafka-client/contract.ts'
import type { Admin } from '../kafka-client/kafka-client.ts'

export type Target =
  | { readonly to: 'earliest' | 'latest' }
  | { readonly to: 'offset'; readonly offset: number }
  /** ms since 1970: the first record that is as young. */
  | { readonly to: 'time'; readonly time: number }
  /** From where the group stands; negative: back. */
  | { readonly to: 'shift'; readonly by: number }

export interface PlannedPosition extends TopicPartition {
  /** Null where nothing is committed. */
  readonly from: number | null
  /** Null where it stays as it is; `note` says why. */
  readonly to: number | null
  readonly first: number | null
  readonly end: number | null
  /** What is not as it was asked for; '' where all is. */
  readonly note: string
}

/** Of a topic: all partitions where null. */
export interface Scope {
  readonly topic: string
  readonly partitions: readonly number[] | null
}

/** `test3`, or `test3:0,2,5-9`, several with a semicolon between; undefined where it is not written so. */
export function readScope(text: string): Scope[] | undefined {
  const found: Scope[] = []
  for (const part of text.split(';')) {
    const match = /^([\w.-]{1,249})(?::(\d{1,6}(?:-\d{1,6})?(?:,\d{1,6}(?:-\d{1,6})?)*))?$/.exec(part)
    if (match === null) return undefined
    const [, topic, ranges] = match
    const partitions = ranges?.split(',').flatMap(range => {
      const [first, last = first] = range.split('-').map(Number)
      return Array.from({ length: Math.max(0, last! - first! + 1) }, (_, index) => first! + index)
    })
    found.push({ topic: topic!, partitions: partitions ?? null })
  }
  return found
}

/** What was asked for, within what the partition holds. */
export function positionIn(
  target: Target,
  { from, first, end }: { from: number | null; first: number; end: number },
  /** The first offset of the time, -1: none is so young. */
  atTime: number | undefined,
): { to: number | null; note: string } {
  const within = (wanted: number) =>
    wanted < first
      ? { to: first, note: 'limited to the first record' }
      : wanted > end
        ? { to: end, note: 'limited to the end' }
        : { to: wanted, note: '' }
  switch (target.to) {
    case 'earliest':
      return { to: first, note: '' }
    case 'latest':
      return { to: end, note: '' }
    case 'offset':
      return within(target.offset)
    case 'time':
      return atTime === undefined || atTime < 0
        ? { to: end, note: 'no record is so young: the end' }
        : within(atTime)
    case 'shift':
      return from === null
        ? { to: null, note: 'stays: the group has no position here to shift' }
        : within(from + target.by)
  }
}

/** Rejects with what Admin rejects with. `scope` null: what the group has positions in, or reads. */
export async function planReset(
  admin: Admin,
  group: GroupDescription,
  target: Target,
  scope: readonly Scope[] | null,
): Promise<PlannedPosition[]> {
  const known = await groupPositions(admin, group)
  const committed = new Map(known.map(one => [nameOf(one), one.committed]))
  const names = scope?.map(one => one.topic) ?? [...new Set(known.map(one => one.topic))]
  const topics = await admin.topics.describe(names)
  const wanted = topics
    .flatMap(({ name, partitions }) =>
      partitions.map(({ index, leader }) => ({ topic: name, partition: index, leader })),
    )
    .filter(({ topic, partition }) =>
      scope === null
        ? committed.has(nameOf({ topic, partition }))
        : scope.some(
            one => one.topic === topic && (one.partitions === null || one.partitions.includes(partition)),
          ),
    )
    .sort(byName)
  const led = wanted.filter(({ leader }) => leader >= 0)
  const [firsts, ends, times] = await Promise.all([
    admin.offsets.at(led, earliest),
    admin.offsets.at(led, latest),
    target.to === 'time' ? admin.offsets.at(led, target.time) : null,
  ])
  return wanted.map(({ topic, partition }) => {
    const name = nameOf({ topic, partition })
    const from = committed.get(name) ?? null
    const [first, end] = [firsts.get(name), ends.get(name)]
    if (first === undefined || end === undefined) return nowhere({ topic, partition, from })
    return {
      topic,
      partition,
      from,
      first,
      end,
      ...positionIn(target, { from, first, end }, times?.get(name)),
    }
  })
}

const nowhere = (one: TopicPartition & { from: number | null }): PlannedPosition => ({
  ...one,
  to: null,
  first: null,
  end: null,
  note: 'stays: the partition has no leader',
})

/** Why the group's positions cannot be changed: who is in it. Null where nobody is. */
export function whoIsIn({ id, state, members, coordinator }: GroupDescription): string | null {
  if (members.length === 0 && (state === 'Empty' || state === 'Dead')) return null
  const shown = members.slice(0, 3).map(one => `${one.clientId} at ${one.host.replace(/^\//, '')}`)
  const more = members.length - shown.length
  const who = `${shown.join(', ')}${more > 0 ? ` and ${more} more` : ''}`
  return members.length === 0
    ? `group ${id} is rebalancing at ${whereOf(coordinator)}`
    : `${who} ${members.length === 1 ? 'is' : 'are'} in group ${id}`
}
