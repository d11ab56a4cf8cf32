// Metadata and DescribeCluster: the one broker there is, its topics and their partitions.
import { errorCodes } from '../../wire/kafka/error-codes.ts'
import { zeroUuid } from '../../wire/kafka/fields.ts'
import type { ResponseInputOf } from '../../wire/kafka/api.ts'
import type { describeCluster } from '../../wire/kafka/messages/describe-cluster.ts'
import { offsetsTopicName } from '../../wire/kafka/messages/offsets-topic.ts'
import type { metadata } from '../../wire/kafka/messages/metadata.ts'
import type { Call, Handler } from '../api-row.ts'
import { leaderEpoch } from '../log/partition-log.ts'
import type { Topic } from '../topic-catalog.ts'
import { collidingTopic, isTopicName } from '../../wire/kafka/topic-name.ts'

type TopicAnswer = ResponseInputOf<typeof metadata>['topics'][number]

const noOperations = -2147483648

export const answerMetadata: Handler<typeof metadata> = async ({ topics, allowAutoTopicCreation }, call) => {
  const { broker, version } = call
  const { settings, advertised } = broker
  const wantsAll = topics === null || (version === 0 && topics.length === 0)
  const answers: TopicAnswer[] = []
  if (wantsAll)
    for (const topic of broker.topics.topics.values()) answers.push(describe(topic, settings.nodeId))
  else
    for (const { name, topicId } of topics)
      answers.push(await find(name, topicId, allowAutoTopicCreation && settings.autoCreateTopics, call))
  return {
    brokers: [{ nodeId: settings.nodeId, ...advertised, rack: null }],
    clusterId: broker.topics.clusterId,
    controllerId: settings.nodeId,
    topics: answers,
  }
}

async function find(
  name: string | null,
  id: string,
  mayCreate: boolean,
  { broker }: Call,
): Promise<TopicAnswer> {
  const { nodeId, partitions } = broker.settings
  const missing = (errorCode: number, topicId = zeroUuid) => ({
    errorCode,
    name,
    topicId,
    isInternal: false,
    partitions: [],
  })
  if (name === null) {
    const topic = broker.topics.topicOfId(id)
    return topic === undefined ? missing(errorCodes.UNKNOWN_TOPIC_ID, id) : describe(topic, nodeId)
  }
  const topic = broker.topics.topics.get(name)
  if (topic !== undefined) return describe(topic, nodeId)
  if (!isTopicName(name) || collidingTopic(name, broker.topics.topics.keys()) !== undefined)
    return missing(errorCodes.INVALID_TOPIC_EXCEPTION)
  if (!mayCreate) return missing(errorCodes.UNKNOWN_TOPIC_OR_PARTITION)
  try {
    return describe(await broker.topics.create(name, partitions), nodeId)
  } catch (error) {
    broker.log.error(`cannot create topic ${name}`, error)
    return missing(errorCodes.KAFKA_STORAGE_ERROR)
  }
}

function describe(topic: Topic, nodeId: number): TopicAnswer {
  return {
    errorCode: 0,
    name: topic.name,
    topicId: topic.id,
    isInternal: topic.name === offsetsTopicName,
    topicAuthorizedOperations: noOperations,
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

export const answerDescribeCluster: Handler<typeof describeCluster> = ({ endpointType }, { broker }) => {
  const { settings, advertised, topics } = broker
  const wrong = endpointType !== 1
  return {
    throttleTimeMs: 0,
    errorCode: wrong ? errorCodes.UNSUPPORTED_ENDPOINT_TYPE : 0,
    errorMessage: wrong ? 'only brokers can be described here' : null,
    endpointType,
    clusterId: topics.clusterId,
    controllerId: settings.nodeId,
    brokers: wrong ? [] : [{ brokerId: settings.nodeId, ...advertised, rack: null }],
  }
}
