// DescribeCluster, DescribeQuorum, UpdateFeatures and UnregisterBroker: the cluster of one node, which decides
// by itself, has no features to raise, and cannot be without this broker.
import { errorCodes } from '../../wire/kafka/error-codes.ts'
import type { describeCluster } from '../../wire/kafka/messages/describe-cluster.ts'
import type { describeQuorum } from '../../wire/kafka/messages/describe-quorum.ts'
import type { unregisterBroker } from '../../wire/kafka/messages/unregister-broker.ts'
import type { updateFeatures } from '../../wire/kafka/messages/update-features.ts'
import type { Handler } from '../api-row.ts'
import { authorizedOperations } from '../authorized-operations.ts'

const endpointTypes = { brokers: 1, controllers: 2 } as const

export const answerDescribeCluster: Handler<typeof describeCluster> = (
  { endpointType, includeClusterAuthorizedOperations },
  { broker },
) => {
  const { settings, advertised, state } = broker
  if (endpointType !== endpointTypes.brokers)
    return {
      throttleTimeMs: 0,
      errorCode:
        endpointType === endpointTypes.controllers
          ? errorCodes.MISMATCHED_ENDPOINT_TYPE
          : errorCodes.UNSUPPORTED_ENDPOINT_TYPE,
      errorMessage: 'only brokers can be described here',
      clusterId: '',
      brokers: [],
    }
  return {
    throttleTimeMs: 0,
    errorCode: 0,
    clusterId: state.clusterId,
    controllerId: settings.nodeId,
    brokers: [{ brokerId: settings.nodeId, ...advertised }],
    ...(includeClusterAuthorizedOperations
      ? { clusterAuthorizedOperations: authorizedOperations.cluster }
      : {}),
  }
}

const metadataTopic = '__cluster_metadata'

/** The topic in which a Kafka without ZooKeeper keeps its metadata stands for the journal of topics. */
export const answerDescribeQuorum: Handler<typeof describeQuorum> = async ({ topics }, { broker }) => {
  const { settings, advertised, system } = broker
  const [only] = topics
  const isQuorum =
    topics.length === 1 &&
    only!.topicName === metadataTopic &&
    only!.partitions.length === 1 &&
    only!.partitions[0]!.partitionIndex === 0
  const now = system.clock.now()
  const end = broker.topics.topics.size
  const described = isQuorum
    ? {
        errorCode: 0,
        errorMessage: '',
        leaderId: settings.nodeId,
        leaderEpoch: 1,
        highWatermark: end,
        currentVoters: [
          {
            replicaId: settings.nodeId,
            logEndOffset: end,
            lastFetchTimestamp: now,
            lastCaughtUpTimestamp: now,
          },
        ],
        observers: [],
      }
    : {
        errorCode: errorCodes.UNKNOWN_TOPIC_OR_PARTITION,
        errorMessage: `only partition 0 of ${metadataTopic} has a quorum`,
        leaderId: 0,
        leaderEpoch: 0,
        highWatermark: 0,
        currentVoters: [],
        observers: [],
      }
  return {
    errorCode: 0,
    errorMessage: '',
    topics: await broker.pace.map(topics, async ({ topicName, partitions }) => ({
      topicName,
      partitions: await broker.pace.map(partitions, ({ partitionIndex }) => ({
        partitionIndex,
        ...described,
      })),
    })),
    nodes: isQuorum ? [{ nodeId: settings.nodeId, listeners: [{ name: 'CONTROLLER', ...advertised }] }] : [],
  }
}

export const answerUpdateFeatures: Handler<typeof updateFeatures> = ({ featureUpdates }) => ({
  throttleTimeMs: 0,
  errorCode: featureUpdates.length === 0 ? 0 : errorCodes.INVALID_UPDATE_VERSION,
  errorMessage:
    featureUpdates.length === 0
      ? null
      : `this broker has no features, and so not ${featureUpdates
          .slice(0, 10)
          .map(({ feature }) => feature)
          .join(', ')
          .slice(0, 1000)}`,
})

export const answerUnregisterBroker: Handler<typeof unregisterBroker> = ({ brokerId }, { broker }) => {
  const isOwn = brokerId === broker.settings.nodeId
  return {
    throttleTimeMs: 0,
    errorCode: isOwn ? errorCodes.INVALID_REQUEST : errorCodes.BROKER_ID_NOT_REGISTERED,
    errorMessage: isOwn
      ? `broker ${brokerId} is the only one, and it is running: stop it instead`
      : `there is no broker ${brokerId}, only ${broker.settings.nodeId}`,
  }
}
