// The one table of what the broker serves: each API, its versions, its handler. ApiVersions answers from
// it, the dispatcher looks into it, docs/reference/kafka-apis.md is written from it. Nothing is offered
// that has no row.
import { createAcls, deleteAcls, describeAcls } from '../wire/kafka/messages/acls.ts'
import { addOffsetsToTxn } from '../wire/kafka/messages/add-offsets-to-txn.ts'
import { addPartitionsToTxn } from '../wire/kafka/messages/add-partitions-to-txn.ts'
import { alterConfigs } from '../wire/kafka/messages/alter-configs.ts'
import { alterReplicaLogDirs } from '../wire/kafka/messages/alter-replica-log-dirs.ts'
import { alterUserScramCredentials } from '../wire/kafka/messages/alter-user-scram-credentials.ts'
import { apiVersions } from '../wire/kafka/messages/api-versions.ts'
import { alterClientQuotas, describeClientQuotas } from '../wire/kafka/messages/client-quotas.ts'
import { createPartitions } from '../wire/kafka/messages/create-partitions.ts'
import { createTopics } from '../wire/kafka/messages/create-topics.ts'
import {
  createDelegationToken,
  describeDelegationToken,
  expireDelegationToken,
  renewDelegationToken,
} from '../wire/kafka/messages/delegation-tokens.ts'
import { deleteGroups } from '../wire/kafka/messages/delete-groups.ts'
import { deleteRecords } from '../wire/kafka/messages/delete-records.ts'
import { deleteTopics } from '../wire/kafka/messages/delete-topics.ts'
import { describeCluster } from '../wire/kafka/messages/describe-cluster.ts'
import { describeConfigs } from '../wire/kafka/messages/describe-configs.ts'
import { describeGroups } from '../wire/kafka/messages/describe-groups.ts'
import { describeLogDirs } from '../wire/kafka/messages/describe-log-dirs.ts'
import { describeProducers } from '../wire/kafka/messages/describe-producers.ts'
import { describeQuorum } from '../wire/kafka/messages/describe-quorum.ts'
import { describeTopicPartitions } from '../wire/kafka/messages/describe-topic-partitions.ts'
import { describeTransactions } from '../wire/kafka/messages/describe-transactions.ts'
import { describeUserScramCredentials } from '../wire/kafka/messages/describe-user-scram-credentials.ts'
import { electLeaders } from '../wire/kafka/messages/elect-leaders.ts'
import { endTxn } from '../wire/kafka/messages/end-txn.ts'
import { fetch } from '../wire/kafka/messages/fetch.ts'
import { findCoordinator } from '../wire/kafka/messages/find-coordinator.ts'
import { consumerGroupDescribe, shareGroupDescribe } from '../wire/kafka/messages/group-descriptions.ts'
import { consumerGroupHeartbeat, shareGroupHeartbeat } from '../wire/kafka/messages/group-heartbeats.ts'
import { heartbeat } from '../wire/kafka/messages/heartbeat.ts'
import { incrementalAlterConfigs } from '../wire/kafka/messages/incremental-alter-configs.ts'
import { initProducerId } from '../wire/kafka/messages/init-producer-id.ts'
import { joinGroup } from '../wire/kafka/messages/join-group.ts'
import { leaveGroup } from '../wire/kafka/messages/leave-group.ts'
import { listConfigResources } from '../wire/kafka/messages/list-config-resources.ts'
import { listGroups } from '../wire/kafka/messages/list-groups.ts'
import { listOffsets } from '../wire/kafka/messages/list-offsets.ts'
import { listTransactions } from '../wire/kafka/messages/list-transactions.ts'
import { metadata } from '../wire/kafka/messages/metadata.ts'
import { offsetCommit } from '../wire/kafka/messages/offset-commit.ts'
import { offsetDelete } from '../wire/kafka/messages/offset-delete.ts'
import { offsetFetch } from '../wire/kafka/messages/offset-fetch.ts'
import { offsetForLeaderEpoch } from '../wire/kafka/messages/offset-for-leader-epoch.ts'
import {
  alterPartitionReassignments,
  listPartitionReassignments,
} from '../wire/kafka/messages/partition-reassignments.ts'
import { produce } from '../wire/kafka/messages/produce.ts'
import { saslAuthenticate } from '../wire/kafka/messages/sasl-authenticate.ts'
import { saslHandshake } from '../wire/kafka/messages/sasl-handshake.ts'
import { syncGroup } from '../wire/kafka/messages/sync-group.ts'
import { txnOffsetCommit } from '../wire/kafka/messages/txn-offset-commit.ts'
import { unregisterBroker } from '../wire/kafka/messages/unregister-broker.ts'
import { updateFeatures } from '../wire/kafka/messages/update-features.ts'
import { writeTxnMarkers } from '../wire/kafka/messages/write-txn-markers.ts'
import { row, type ApiRow } from './api-row.ts'
import { answerCreateAcls, answerDeleteAcls, answerDescribeAcls } from './handlers/acls.ts'
import { answerAlterConfigs, answerIncrementalAlterConfigs } from './handlers/alter-configs.ts'
import { answerApiVersions } from './handlers/api-versions.ts'
import {
  answerDescribeCluster,
  answerDescribeQuorum,
  answerUnregisterBroker,
  answerUpdateFeatures,
} from './handlers/cluster.ts'
import {
  answerCreateDelegationToken,
  answerDescribeDelegationToken,
  answerRenewDelegationToken,
} from './handlers/delegation-tokens.ts'
import { answerDeleteRecords } from './handlers/delete-records.ts'
import { answerDescribeConfigs, answerListConfigResources } from './handlers/describe-configs.ts'
import { answerFetch } from './handlers/fetch.ts'
import {
  answerDeleteGroups,
  answerDescribeGroups,
  answerListGroups,
  answerOffsetDelete,
} from './handlers/group-administration.ts'
import {
  answerFindCoordinator,
  answerHeartbeat,
  answerJoinGroup,
  answerLeaveGroup,
  answerSyncGroup,
} from './handlers/group-membership.ts'
import { answerOffsetCommit, answerOffsetFetch, answerTxnOffsetCommit } from './handlers/group-offsets.ts'
import { answerAlterReplicaLogDirs, answerDescribeLogDirs } from './handlers/log-directories.ts'
import {
  answerAlterUserScramCredentials,
  answerDescribeUserScramCredentials,
  answerSaslAuthenticate,
  answerSaslHandshake,
} from './handlers/logins.ts'
import { answerDescribeTopicPartitions, answerMetadata } from './handlers/metadata.ts'
import { answerGroupDescribe, answerGroupHeartbeat } from './handlers/newer-groups.ts'
import { answerListOffsets, answerOffsetForLeaderEpoch } from './handlers/offset-questions.ts'
import { answerAlterClientQuotas, answerDescribeClientQuotas } from './handlers/quotas.ts'
import {
  answerAlterPartitionReassignments,
  answerElectLeaders,
  answerListPartitionReassignments,
} from './handlers/replicas.ts'
import { answerInitProducerId } from './handlers/producer-ids.ts'
import { answerProduce } from './handlers/produce.ts'
import {
  answerDescribeProducers,
  answerDescribeTransactions,
  answerListTransactions,
} from './handlers/transaction-descriptions.ts'
import {
  answerAddOffsetsToTxn,
  answerAddPartitionsToTxn,
  answerEndTxn,
  answerWriteTxnMarkers,
} from './handlers/transactions.ts'
import { answerCreatePartitions, answerCreateTopics, answerDeleteTopics } from './handlers/topic-changes.ts'

/** In the order of their keys. */
export const apiTable: readonly ApiRow[] = [
  row(
    produce,
    [0, 11],
    answerProduce,
    'acks=1 and acks=all are the same: answered after the sync, whatever min.insync.replicas asks for: with more than 1 there, which is warned of, a Kafka of one broker would answer acks=all with NOT_ENOUGH_REPLICAS. Message sets (up to version 2) are converted to record batches.',
  ),
  row(
    fetch,
    [0, 12],
    answerFetch,
    'Sessions are refused with session 0, as the protocol provides for. Up to version 3 records are converted to message sets.',
  ),
  row(listOffsets, [0, 10], answerListOffsets),
  row(metadata, [0, 13], answerMetadata),
  row(
    offsetCommit,
    [0, 9],
    answerOffsetCommit,
    'Version 0, which Kafka kept in ZooKeeper, is kept like all others. A position beyond 2^53 is refused.',
  ),
  row(offsetFetch, [0, 9], answerOffsetFetch),
  row(findCoordinator, [0, 6], answerFindCoordinator, 'Groups and transactions.'),
  row(
    joinGroup,
    [0, 9],
    answerJoinGroup,
    'Members are not kept over a restart of the broker; they join again.',
  ),
  row(heartbeat, [0, 4], answerHeartbeat),
  row(leaveGroup, [0, 5], answerLeaveGroup),
  row(syncGroup, [0, 5], answerSyncGroup),
  row(describeGroups, [0, 6], answerDescribeGroups),
  row(listGroups, [0, 5], answerListGroups),
  row(saslHandshake, [0, 1], answerSaslHandshake),
  row(
    apiVersions,
    [0, 4],
    answerApiVersions(() => offeredVersions()),
    'No features.',
  ),
  row(createTopics, [0, 7], answerCreateTopics, 'One replica, on this broker.'),
  row(deleteTopics, [0, 6], answerDeleteTopics),
  row(deleteRecords, [0, 2], answerDeleteRecords),
  row(initProducerId, [0, 5], answerInitProducerId),
  row(offsetForLeaderEpoch, [0, 4], answerOffsetForLeaderEpoch, 'There is one epoch, 0.'),
  row(addPartitionsToTxn, [0, 3], answerAddPartitionsToTxn),
  row(addOffsetsToTxn, [0, 4], answerAddOffsetsToTxn),
  row(endTxn, [0, 4], answerEndTxn, 'Answered when the markers are in all partitions, not before.'),
  row(writeTxnMarkers, [1, 1], answerWriteTxnMarkers),
  row(txnOffsetCommit, [0, 4], answerTxnOffsetCommit),
  row(describeAcls, [0, 3], answerDescribeAcls, 'There is no authorizer.'),
  row(createAcls, [0, 3], answerCreateAcls, 'There is no authorizer.'),
  row(deleteAcls, [0, 3], answerDeleteAcls, 'There is no authorizer.'),
  row(describeConfigs, [0, 4], answerDescribeConfigs, 'Topics and the broker.'),
  row(alterConfigs, [0, 2], answerAlterConfigs, 'Topics and the broker.'),
  row(
    alterReplicaLogDirs,
    [0, 2],
    answerAlterReplicaLogDirs,
    'A replica stays where it is: another directory of this broker is UNSUPPORTED_VERSION.',
  ),
  row(describeLogDirs, [0, 4], answerDescribeLogDirs),
  row(saslAuthenticate, [0, 2], answerSaslAuthenticate),
  row(createPartitions, [0, 3], answerCreatePartitions),
  row(createDelegationToken, [0, 3], answerCreateDelegationToken, 'There are none.'),
  row(renewDelegationToken, [0, 2], answerRenewDelegationToken, 'There are none.'),
  row(expireDelegationToken, [0, 2], answerRenewDelegationToken, 'There are none.'),
  row(describeDelegationToken, [0, 3], answerDescribeDelegationToken, 'There are none.'),
  row(deleteGroups, [0, 2], answerDeleteGroups),
  row(electLeaders, [0, 2], answerElectLeaders, 'Every partition has its leader.'),
  row(incrementalAlterConfigs, [0, 1], answerIncrementalAlterConfigs, 'Topics and the broker.'),
  row(alterPartitionReassignments, [0, 1], answerAlterPartitionReassignments, 'There is one broker.'),
  row(listPartitionReassignments, [0, 0], answerListPartitionReassignments, 'Nothing moves.'),
  row(offsetDelete, [0, 0], answerOffsetDelete),
  row(describeClientQuotas, [0, 1], answerDescribeClientQuotas, 'There are none.'),
  row(alterClientQuotas, [0, 1], answerAlterClientQuotas, 'Quotas are removed, and not set.'),
  row(describeUserScramCredentials, [0, 0], answerDescribeUserScramCredentials),
  row(alterUserScramCredentials, [0, 0], answerAlterUserScramCredentials),
  row(
    describeQuorum,
    [0, 2],
    answerDescribeQuorum,
    'This broker alone; its journal of topics is the metadata.',
  ),
  row(updateFeatures, [0, 2], answerUpdateFeatures, 'There are no features.'),
  row(describeCluster, [0, 2], answerDescribeCluster),
  row(describeProducers, [0, 0], answerDescribeProducers),
  row(unregisterBroker, [0, 0], answerUnregisterBroker, 'The only broker stays.'),
  row(describeTransactions, [0, 0], answerDescribeTransactions),
  row(listTransactions, [0, 2], answerListTransactions),
  row(consumerGroupHeartbeat, [0, 1], answerGroupHeartbeat, 'UNSUPPORTED_VERSION: groups are classic.'),
  row(consumerGroupDescribe, [0, 1], answerGroupDescribe, 'UNSUPPORTED_VERSION: groups are classic.'),
  row(listConfigResources, [0, 1], answerListConfigResources),
  row(describeTopicPartitions, [0, 0], answerDescribeTopicPartitions),
  row(shareGroupHeartbeat, [1, 1], answerGroupHeartbeat, 'UNSUPPORTED_VERSION: groups are classic.'),
  row(shareGroupDescribe, [1, 1], answerGroupDescribe, 'UNSUPPORTED_VERSION: groups are classic.'),
]

/** As ApiVersions tells it. */
export function offeredVersions(): { apiKey: number; minVersion: number; maxVersion: number }[] {
  return apiTable.map(({ api, first, last }) => ({ apiKey: api.key, minVersion: first, maxVersion: last }))
}
