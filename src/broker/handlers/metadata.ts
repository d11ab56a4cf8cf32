// Metadata and DescribeTopicPartitions: the one broker there is, its topics and their partitions.
import { errorCodes } from '../../wire/kafka/error-codes.ts'
import { zeroUuid } from '../../wire/kafka/fields.ts'
import type { ResponseInputOf } from '../../wire/kafka/api.ts'
import type { describeTopicPartitions } from '../../wire/kafka/messages/describe-topic-partitions.ts'
import { offsetsTopicName } from '../../wire/kafka/messages/offsets-topic.ts'
import type { metadata } from '../../wire/kafka/messages/metadata.ts'
import type { Call, Handler } from '../api-row.ts'
import { authorizedOperations } from '../authorized-operations.ts'
import { leaderEpoch } from '../log/partition-log.ts'
import type { Topic } from '../topic-catalog.ts'
import { isTopicName } from '../../wire/kafka/topic-name.ts'

type TopicAnswer = ResponseInputOf<typeof metadata>['topics'][number]

export const answerMetadata: Handler<typeof metadata> = async (request, call) => {
  const { topics, allowAutoTopicCreation } = request
  const { broker, version } = call
  const { settings, advertised } = broker
  const wantsAll = topics === null || (version === 0 && topics.length === 0)
  const mayCreate = allowAutoTopicCreation && settings.autoCreateTopicsEnable
  const answers: TopicAnswer[] = wantsAll
    ? await broker.pace.map([...broker.topics.topics.values()], topic => describe(topic, settings.nodeId))
    : await broker.pace.map(eachOnce(topics), ({ name, topicId }) => find(name, topicId, mayCreate, call))
  const { topic: topicAuthorizedOperations, cluster } = authorizedOperations
  return {
    brokers: [{ nodeId: settings.nodeId, ...advertised, rack: null }],
    clusterId: broker.state.clusterId,
    controllerId: settings.nodeId,
    topics: request.includeTopicAuthorizedOperations
      ? answers.map(answer => ({ ...answer, topicAuthorizedOperations }))
      : answers,
    ...(request.includeClusterAuthorizedOperations ? { clusterAuthorizedOperations: cluster } : {}),
  }
}

const missing = (name: string | null, errorCode: number, topicId = zeroUuid) => ({
  errorCode,
  name,
  topicId,
  isInternal: false,
  partitions: [],
})

/** As in Kafka, however often a topic is named. */
function eachOnce<T extends { readonly name: string | null; readonly topicId: string }>(
  topics: readonly T[],
): T[] {
  const seen = new Map<string, T>()
  for (const topic of topics) {
    const key = topic.name === null ? `id ${topic.topicId}` : `name ${topic.name}`
    if (!seen.has(key)) seen.set(key, topic)
  }
  return [...seen.values()]
}

async function find(
  name: string | null,
  id: string,
  mayCreate: boolean,
  { broker }: Call,
): Promise<TopicAnswer> {
  const { nodeId, numPartitions: partitions } = broker.settings
  if (name === null) {
    const topic = broker.topics.topics.ofId(id)
    return topic === undefined ? missing(name, errorCodes.UNKNOWN_TOPIC_ID, id) : describe(topic, nodeId)
  }
  const topic = broker.topics.topics.get(name)
  if (topic !== undefined) return describe(topic, nodeId)
  if (!isTopicName(name) || broker.topics.topics.collidingWith(name) !== undefined)
    return missing(name, errorCodes.INVALID_TOPIC_EXCEPTION)
  if (!mayCreate) return missing(name, errorCodes.UNKNOWN_TOPIC_OR_PARTITION)
  try {
    return describe(await broker.topics.create(name, partitions), nodeId)
  } catch (error) {
    broker.log.error(`cannot create topic ${name}`, error)
    return missing(name, errorCodes.KAFKA_STORAGE_ERROR)
  }
}

function describe(topic: Topic, nodeId: number) {
  return {
    errorCode: 0,
    name: topic.name,
    topicId: topic.id,
    isInternal: topic.name === offsetsTopicName,
    partitions: topic.partitions.map(({ isDamaged }, partitionIndex) => ({
      errorCode: isDamaged ? errorCodes.LEADER_NOT_AVAILABLE : 0,
      partitionIndex,
      leaderId: isDamaged ? -1 : nodeId,
      leaderEpoch,
      replicaNodes: [nodeId],
      isrNodes: [nodeId],
      offlineReplicas: isDamaged ? [nodeId] : [],
    })),
  }
}

/** Most partitions in one answer: the default of Kafka's max.request.partition.size.limit. */
const maxPartitions = 2000

export const answerDescribeTopicPartitions: Handler<typeof describeTopicPartitions> = (
  { topics, responsePartitionLimit, cursor },
  { broker },
) => {
  const known = broker.topics.topics
  const asked = topics.length === 0 ? [...known.keys()] : topics.map(({ name }) => name)
  const from = cursor?.topicName ?? ''
  const names = [...new Set(asked)].filter(name => name >= from).toSorted()
  if (cursor !== null && (cursor.partitionIndex < 0 || (topics.length > 0 && !names.includes(from))))
    return {
      throttleTimeMs: 0,
      topics: topics.map(({ name }) => missing(name, errorCodes.INVALID_REQUEST)),
    }
  const answers: ResponseInputOf<typeof describeTopicPartitions>['topics'][number][] = []
  const answer = (nextCursor: typeof cursor) => ({ throttleTimeMs: 0, topics: answers, nextCursor })
  let left = Math.max(1, Math.min(responsePartitionLimit, maxPartitions))
  for (const name of names) {
    if (left === 0) return answer({ topicName: name, partitionIndex: 0 })
    const topic = known.get(name)
    const wrong = isTopicName(name)
      ? errorCodes.UNKNOWN_TOPIC_OR_PARTITION
      : errorCodes.INVALID_TOPIC_EXCEPTION
    const found = topic === undefined ? missing(name, wrong) : describe(topic, broker.settings.nodeId)
    const first = name === from ? cursor!.partitionIndex : 0
    const partitions = found.partitions
      .slice(first, first + left)
      .map(one => ({ ...one, eligibleLeaderReplicas: [], lastKnownElr: [] }))
    answers.push({ ...found, partitions, topicAuthorizedOperations: authorizedOperations.topic })
    left -= partitions.length
    const next = first + partitions.length
    if (next < found.partitions.length) return answer({ topicName: name, partitionIndex: next })
  }
  return answer(null)
}
