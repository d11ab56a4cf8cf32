// Partitions: who leads them, and on which brokers they lie.
import { errorCodes, kafkaError } from '../../wire/kafka/error-codes.ts'
import { electLeaders } from '../../wire/kafka/messages/elect-leaders.ts'
import {
  alterPartitionReassignments,
  listPartitionReassignments,
} from '../../wire/kafka/messages/partition-reassignments.ts'
import { wordsOf } from '../connection/refusal.ts'
import { byName, byTopic, nameOf, type TopicPartition } from '../contract.ts'
import { askController, changeMs, refuse, type AdminParts } from './question.ts'

export interface Placement extends TopicPartition {
  /** Ids of brokers, the preferred leader first. */
  readonly replicas: readonly number[]
}

/** A partition that moves: `replicas` are those before and those to come. */
export interface Move extends Placement {
  readonly adding: readonly number[]
  readonly removing: readonly number[]
}

/** Why one partition was not changed; null where it was. */
export type Outcomes = Map<string, string | null>

export class PartitionAdmin {
  readonly #parts: AdminParts

  constructor(parts: AdminParts) {
    this.#parts = parts
  }

  /**
   * Makes the first of each partition's replicas its leader (Kafka 2.2 and later). Where it is that already, the
   * outcome is null.
   */
  async electPreferred(partitions: readonly TopicPartition[]): Promise<Outcomes> {
    const answer = await askController(this.#parts, {
      api: electLeaders,
      since: '2.2',
      body: () => ({
        electionType: 0,
        topicPartitions: byTopic(partitions).map(([topic, list]) => ({
          topic,
          partitions: list.map(one => one.partition),
        })),
        timeoutMs: changeMs,
      }),
      codesOf: given => [
        given.errorCode,
        ...given.replicaElectionResults.flatMap(one => one.partitionResult.map(({ errorCode }) => errorCode)),
      ],
    })
    refuse(answer.errorCode, 'no leader was elected')
    return outcomesOf(
      answer.replicaElectionResults.flatMap(({ topic, partitionResult }) =>
        partitionResult.map(({ partitionId, errorCode, errorMessage }) => ({
          topic,
          partition: partitionId,
          code: errorCode === errorCodes.ELECTION_NOT_NEEDED ? 0 : errorCode,
          message: errorMessage,
        })),
      ),
    )
  }

  /** Begins to move partitions to the replicas given, or gives up a move where these are null (Kafka 2.4 and later). */
  async reassign(
    moves: readonly (TopicPartition & { readonly replicas: readonly number[] | null })[],
  ): Promise<Outcomes> {
    const answer = await askController(this.#parts, {
      api: alterPartitionReassignments,
      since: '2.4',
      body: () => ({
        timeoutMs: changeMs,
        topics: byTopic(moves).map(([name, list]) => ({
          name,
          partitions: list.map(({ partition, replicas }) => ({ partitionIndex: partition, replicas })),
        })),
      }),
      codesOf: given => [given.errorCode],
    })
    refuse(answer.errorCode, 'no partition was moved', answer.errorMessage)
    return outcomesOf(
      answer.responses.flatMap(({ name, partitions }) =>
        partitions.map(({ partitionIndex, errorCode, errorMessage }) => ({
          topic: name,
          partition: partitionIndex,
          code: errorCode,
          message: errorMessage,
        })),
      ),
    )
  }

  /** The moves that are under way, by name (Kafka 2.4 and later); null where brokers do not tell them. */
  async moves(): Promise<Move[] | null> {
    const connection = await this.#parts.cluster.connectController()
    if (connection.versionOf(listPartitionReassignments) === -1) return null
    const answer = await connection.request(listPartitionReassignments, { timeoutMs: changeMs, topics: null })
    refuse(answer.errorCode, 'the moves of partitions', answer.errorMessage)
    return answer.topics
      .flatMap(({ name, partitions }) =>
        partitions.map(({ partitionIndex, replicas, addingReplicas, removingReplicas }) => ({
          topic: name,
          partition: partitionIndex,
          replicas,
          adding: addingReplicas,
          removing: removingReplicas,
        })),
      )
      .sort(byName)
  }
}

const outcomesOf = (
  results: readonly (TopicPartition & { code: number; message: string | null })[],
): Outcomes =>
  new Map(
    results.map(({ code, message, ...one }) => [
      nameOf(one),
      code === 0 ? null : message ? `${kafkaError(code).name}: ${message}` : wordsOf(code),
    ]),
  )
