// Who reads what: the leader of a group shares the partitions between the members. Range and round-robin
// give exactly what the Java client's assignors of these names give; sticky keeps as much as it can of
// what members had, and balances as Java's does, though it may choose other partitions to move.
// Source: the descriptions in the Java client's documentation of partition.assignment.strategy, KIP-54.
import { decodeStickyData } from './group-protocol.ts'
import type { TopicPartition } from '../contract.ts'
import type { AssignorName } from '../settings.ts'

export interface Member {
  readonly memberId: string
  readonly groupInstanceId: string | null
  readonly topics: readonly string[]
  readonly userData: Buffer | null
}

/** Number of partitions by topic; topics that do not exist are missing. */
export type PartitionCounts = ReadonlyMap<string, number>
/** By member id. */
export type Assignment = Map<string, TopicPartition[]>
type Assign = (members: readonly Member[], counts: PartitionCounts) => Assignment

const compareText = (one: string, other: string) => (one < other ? -1 : one > other ? 1 : 0)

/** Static members by their instance id, before the others, which go by member id. */
function inOrder(members: readonly Member[]): Member[] {
  return [...members].sort((one, other) => {
    const [first, second] = [one.groupInstanceId, other.groupInstanceId]
    if (first !== null && second !== null) return compareText(first, second)
    if (first !== null || second !== null) return first !== null ? -1 : 1
    return compareText(one.memberId, other.memberId)
  })
}

const empty = (members: readonly Member[]): Assignment =>
  new Map(members.map(({ memberId }) => [memberId, []]))

function topicsOf(members: readonly Member[], counts: PartitionCounts): string[] {
  return [...new Set(members.flatMap(member => member.topics))]
    .filter(topic => counts.has(topic))
    .sort(compareText)
}

/** Each topic by itself: runs of neighbouring partitions, the first members having one more. */
const assignRange: Assign = (members, counts) => {
  const assignment = empty(members)
  for (const topic of topicsOf(members, counts)) {
    const takers = inOrder(members.filter(member => member.topics.includes(topic)))
    const count = counts.get(topic)!
    const each = Math.floor(count / takers.length)
    const extra = count % takers.length
    takers.forEach(({ memberId }, index) => {
      const start = each * index + Math.min(index, extra)
      const size = each + (index < extra ? 1 : 0)
      for (let partition = start; partition < start + size; partition++)
        assignment.get(memberId)!.push({ topic, partition })
    })
  }
  return assignment
}

/** All partitions in turn over all members; a member without the topic is passed over. */
const assignRoundRobin: Assign = (members, counts) => {
  const assignment = empty(members)
  const ring = inOrder(members)
  let at = 0
  for (const topic of topicsOf(members, counts))
    for (let partition = 0; partition < counts.get(topic)!; partition++) {
      while (!ring[at % ring.length]!.topics.includes(topic)) at++
      assignment.get(ring[at % ring.length]!.memberId)!.push({ topic, partition })
      at++
    }
  return assignment
}

/** What members had and may keep: the claim of the newest generation wins, the rest is free. */
function claims(
  members: readonly Member[],
  counts: PartitionCounts,
): Map<string, { owner: string; generation: number }> {
  const owners = new Map<string, { owner: string; generation: number }>()
  for (const member of inOrder(members)) {
    const { partitions, generation } = decodeStickyData(member.userData)
    for (const { topic, partition } of partitions) {
      if (!member.topics.includes(topic) || partition >= (counts.get(topic) ?? 0)) continue
      const key = `${partition} ${topic}`
      const known = owners.get(key)
      if (known === undefined || known.generation < generation)
        owners.set(key, { owner: member.memberId, generation })
    }
  }
  return owners
}

const assignSticky: Assign = (members, counts) => {
  const assignment = empty(members)
  const owners = claims(members, counts)
  const ring = inOrder(members)
  const sizeOf = (member: Member) => assignment.get(member.memberId)!.length
  const free: TopicPartition[] = []
  for (const topic of topicsOf(members, counts))
    for (let partition = 0; partition < counts.get(topic)!; partition++) {
      const owner = owners.get(`${partition} ${topic}`)?.owner
      if (owner === undefined) free.push({ topic, partition })
      else assignment.get(owner)!.push({ topic, partition })
    }
  const leastOf = (topic: string) => {
    let least: Member | undefined
    for (const member of ring)
      if (member.topics.includes(topic) && (least === undefined || sizeOf(member) < sizeOf(least)))
        least = member
    return least!
  }
  // Topics that few members take first: the others can still be given to anybody.
  const takers = new Map(
    topicsOf(members, counts).map(topic => [topic, members.filter(one => one.topics.includes(topic)).length]),
  )
  free.sort((one, other) => takers.get(one.topic)! - takers.get(other.topic)!)
  for (const one of free) assignment.get(leastOf(one.topic).memberId)!.push(one)
  balance(ring, assignment, leastOf)
  return assignment
}

/** Moves partitions from members that have two more than one that could take them, until none has. */
function balance(ring: readonly Member[], assignment: Assignment, leastOf: (topic: string) => Member): void {
  for (let moved = true; moved;) {
    moved = false
    const bySize = [...ring].sort(
      (a, b) => assignment.get(b.memberId)!.length - assignment.get(a.memberId)!.length,
    )
    for (const member of bySize) {
      const own = assignment.get(member.memberId)!
      for (let index = own.length - 1; index >= 0; index--) {
        const one = own[index]!
        const least = assignment.get(leastOf(one.topic).memberId)!
        if (own.length - least.length < 2) continue
        own.splice(index, 1)
        least.push(one)
        moved = true
      }
    }
  }
}

export const assignors: Readonly<Record<AssignorName, Assign>> = {
  range: assignRange,
  roundrobin: assignRoundRobin,
  sticky: assignSticky,
}
