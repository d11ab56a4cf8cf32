// What members of a consumer group tell each other inside JoinGroup and SyncGroup: bytes to the broker,
// the same for all clients. Source: Kafka's protocol guide, "Group Membership API", embedded protocol
// "consumer" (consumer-protocol.ts), and the user data of the Java client's sticky assignor:
//
//   sticky data   previous assignment: array of (text, partitions: array of int32) | generation int32
//
// Version 0 of subscription and assignment is written, which every client understands, and read: what newer ones have
// beside is of no use to the assignors here, and some clients leave it out.
import { Fault, messageOf } from '../../errors.ts'
import { ByteReader } from '../../wire/kafka/byte-reader.ts'
import { ByteWriter } from '../../wire/kafka/byte-writer.ts'
import { array, int32, list, string } from '../../wire/kafka/fields.ts'
import { compileMessage } from '../../wire/kafka/message-codec.ts'
import type { ResponseOf } from '../../wire/kafka/api.ts'
import { consumerAssignment, consumerSubscription } from '../../wire/kafka/messages/consumer-protocol.ts'
import type { joinGroup } from '../../wire/kafka/messages/join-group.ts'
import { byTopic, nameOf, type TopicPartition } from '../contract.ts'

const topicPartitions = { topic: string(), partitions: array(int32()) }
const stickyCodec = compileMessage({ topics: list(topicPartitions), generation: int32() }, 0, false)
/** As the Java client before 2.3 wrote it. */
const oldStickyCodec = compileMessage({ topics: list(topicPartitions) }, 0, false)

interface ByTopic {
  readonly topic: string
  readonly partitions: number[]
}

export interface Subscription {
  readonly topics: readonly string[]
  readonly userData: Buffer | null
}

const groupByTopic = (partitions: readonly TopicPartition[]): ByTopic[] =>
  byTopic(partitions).map(([topic, those]) => ({
    topic,
    partitions: those.map(({ partition }) => partition).sort((a, b) => a - b),
  }))

const ungroup = (topics: readonly ByTopic[]): TopicPartition[] =>
  topics.flatMap(({ topic, partitions }) => partitions.map(partition => ({ topic, partition })))

export const encodeSubscription = ({ topics, userData }: Subscription): Buffer =>
  consumerSubscription.encode(0, { topics: [...topics], userData })

const strangerRemedy = 'See which other program uses this group, or use another group.id.'

/** Throws Fault PROTOCOL. */
export function decodeSubscription(from: Buffer): Subscription {
  try {
    return consumerSubscription.decode(from, 0).body
  } catch (error) {
    throw new Fault(
      'PROTOCOL',
      `a member of the group sent a subscription that cannot be read: ${messageOf(error)}`,
      { cause: error, remedy: strangerRemedy },
    )
  }
}

export const encodeAssignment = (partitions: readonly TopicPartition[]): Buffer =>
  consumerAssignment.encode(0, { assignedPartitions: groupByTopic(partitions) })

/** Throws Fault PROTOCOL. Empty bytes are an empty assignment. */
export function decodeAssignment(from: Buffer): TopicPartition[] {
  if (from.length === 0) return []
  try {
    return ungroup(consumerAssignment.decode(from, 0).body.assignedPartitions)
  } catch (error) {
    throw new Fault(
      'PROTOCOL',
      `the leader of the group sent an assignment that cannot be read: ${messageOf(error)}`,
      { cause: error, remedy: strangerRemedy },
    )
  }
}

export function encodeStickyData(partitions: readonly TopicPartition[], generation: number): Buffer {
  const writer = new ByteWriter('sticky data')
  stickyCodec.write(writer, { topics: groupByTopic(partitions), generation })
  return writer.written
}

/** What a member says it had; nothing where that cannot be read. Generation -1: not known. */
export function decodeStickyData(from: Buffer | null): { partitions: TopicPartition[]; generation: number } {
  if (from === null || from.length === 0) return { partitions: [], generation: -1 }
  for (const codec of [stickyCodec, oldStickyCodec])
    try {
      const { topics, generation = -1 } = codec.read(new ByteReader(from, 'sticky data')) as {
        topics: ByTopic[]
        generation?: number
      }
      return { partitions: ungroup(topics), generation }
    } catch {
      // The older form, or nothing that is understood: what a member had is only a wish.
    }
  return { partitions: [], generation: -1 }
}

/**
 * What a broker answers to the join of a member ('' where it has no id yet). One that took itself for another, or the
 * leader for a follower, would be assigned nothing for as long as the group lasts. Throws Fault PROTOCOL.
 */
export function checkJoined(
  asMember: string,
  { memberId, leader, members }: ResponseOf<typeof joinGroup>,
): void {
  const ids = new Set(members.map(one => one.memberId))
  const isSame = memberId !== '' && (asMember === '' || memberId === asMember)
  const isLeader = leader === memberId
  if (isSame && leader !== '' && ids.size === members.length && ids.has(memberId) === isLeader)
    if (isLeader || members.length === 0) return
  throw new Fault('PROTOCOL', 'the coordinator answers the join with members that contradict each other')
}

/**
 * What a member is assigned: partitions of topics that it asked for; and where it is the leader what it has given to
 * itself (`own`; null: not known). Throws Fault PROTOCOL.
 */
export function checkAssigned(
  mine: readonly TopicPartition[],
  topics: readonly string[],
  own: { readonly assignment: Buffer } | null | undefined,
): void {
  const asked = new Set(topics)
  const foreign = mine.find(one => !asked.has(one.topic) || one.partition < 0)
  if (foreign !== undefined)
    throw new Fault('PROTOCOL', `the group assigns ${nameOf(foreign)}, which was not asked for`)
  if (own === null) return
  const names = (partitions: readonly TopicPartition[]) => partitions.map(nameOf).sort().join(' ')
  if (names(own === undefined ? [] : decodeAssignment(own.assignment)) !== names(mine))
    throw new Fault('PROTOCOL', 'the coordinator does not assign what this member shared out as the leader')
}
