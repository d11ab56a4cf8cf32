// ElectLeaders, AlterPartitionReassignments and ListPartitionReassignments, where each partition has one replica,
// on this broker: it leads, and nothing ever moves.
import { errorCodes } from '../../wire/kafka/error-codes.ts'
import type { electLeaders } from '../../wire/kafka/messages/elect-leaders.ts'
import type {
  alterPartitionReassignments,
  listPartitionReassignments,
} from '../../wire/kafka/messages/partition-reassignments.ts'
import type { Handler } from '../api-row.ts'
import type { BrokerParts } from '../broker-parts.ts'
import type { ErrorName } from '../error-name.ts'

const failure = (name: ErrorName | null, errorMessage: string | null = null) => ({
  errorCode: name === null ? 0 : errorCodes[name],
  errorMessage,
})

/** Election types: 0 the preferred leader, 1 any that is there. */
const unavailable: Readonly<Record<number, ErrorName>> = {
  0: 'PREFERRED_LEADER_NOT_AVAILABLE',
  1: 'ELIGIBLE_LEADERS_NOT_AVAILABLE',
}

export const answerElectLeaders: Handler<typeof electLeaders> = async (
  { electionType, topicPartitions },
  { broker },
) => {
  const { topics } = broker.topics
  const isUnknown = unavailable[electionType] === undefined
  const elect = (topic: string, index: number) => {
    if (isUnknown) return failure('INVALID_REQUEST', `there is no type ${electionType} of elections`)
    const log = broker.topics.partition(topic, index)
    if (log === undefined)
      return failure('UNKNOWN_TOPIC_OR_PARTITION', `there is no partition ${topic}-${index}`)
    return log.isDamaged
      ? failure(unavailable[electionType]!, `${topic}-${index} is offline`)
      : failure('ELECTION_NOT_NEEDED', `broker ${broker.settings.nodeId} leads ${topic}-${index}`)
  }
  return {
    throttleTimeMs: 0,
    errorCode: isUnknown ? errorCodes.INVALID_REQUEST : 0,
    // Of all partitions only those are named whose leader was to change.
    replicaElectionResults:
      topicPartitions === null
        ? [...topics.keys()].map(topic => ({ topic, partitionResult: [] }))
        : await broker.pace.map(topicPartitions, async ({ topic, partitions }) => ({
            topic,
            partitionResult: await broker.pace.map(partitions, partitionId => ({
              partitionId,
              ...elect(topic, partitionId),
            })),
          })),
  }
}

export const answerAlterPartitionReassignments: Handler<typeof alterPartitionReassignments> = async (
  { topics, allowReplicationFactorChange },
  { broker },
) => ({
  throttleTimeMs: 0,
  allowReplicationFactorChange,
  ...failure(null),
  responses: await broker.pace.map(topics, async ({ name, partitions }) => ({
    name,
    partitions: await broker.pace.map(partitions, ({ partitionIndex, replicas }) => ({
      partitionIndex,
      ...(broker.topics.partition(name, partitionIndex) === undefined
        ? failure('UNKNOWN_TOPIC_OR_PARTITION', `there is no partition ${name}-${partitionIndex}`)
        : reassign(replicas, broker)),
    })),
  })),
})

function reassign(replicas: readonly number[] | null, { settings }: BrokerParts) {
  if (replicas === null) return failure('NO_REASSIGNMENT_IN_PROGRESS')
  return replicas.length === 1 && replicas[0] === settings.nodeId
    ? failure(null)
    : failure('INVALID_REPLICA_ASSIGNMENT', `every partition can only be on broker ${settings.nodeId}, once`)
}

export const answerListPartitionReassignments: Handler<typeof listPartitionReassignments> = () => ({
  throttleTimeMs: 0,
  ...failure(null),
  topics: [],
})
