// All APIs that are declared, in the order of their keys: what a broker can offer, and what tests go over.
import type { Api } from './api.ts'
import { addOffsetsToTxn } from './messages/add-offsets-to-txn.ts'
import { addPartitionsToTxn } from './messages/add-partitions-to-txn.ts'
import { alterConfigs } from './messages/alter-configs.ts'
import { alterUserScramCredentials } from './messages/alter-user-scram-credentials.ts'
import { apiVersions } from './messages/api-versions.ts'
import { createPartitions } from './messages/create-partitions.ts'
import { createTopics } from './messages/create-topics.ts'
import { deleteGroups } from './messages/delete-groups.ts'
import { deleteRecords } from './messages/delete-records.ts'
import { deleteTopics } from './messages/delete-topics.ts'
import { describeClientQuotas } from './messages/describe-client-quotas.ts'
import { describeCluster } from './messages/describe-cluster.ts'
import { describeConfigs } from './messages/describe-configs.ts'
import { describeGroups } from './messages/describe-groups.ts'
import { describeLogDirs } from './messages/describe-log-dirs.ts'
import { describeProducers } from './messages/describe-producers.ts'
import { describeTransactions } from './messages/describe-transactions.ts'
import { describeUserScramCredentials } from './messages/describe-user-scram-credentials.ts'
import { endTxn } from './messages/end-txn.ts'
import { fetch } from './messages/fetch.ts'
import { findCoordinator } from './messages/find-coordinator.ts'
import { heartbeat } from './messages/heartbeat.ts'
import { incrementalAlterConfigs } from './messages/incremental-alter-configs.ts'
import { initProducerId } from './messages/init-producer-id.ts'
import { joinGroup } from './messages/join-group.ts'
import { leaveGroup } from './messages/leave-group.ts'
import { listGroups } from './messages/list-groups.ts'
import { listOffsets } from './messages/list-offsets.ts'
import { listTransactions } from './messages/list-transactions.ts'
import { metadata } from './messages/metadata.ts'
import { offsetCommit } from './messages/offset-commit.ts'
import { offsetDelete } from './messages/offset-delete.ts'
import { offsetFetch } from './messages/offset-fetch.ts'
import { offsetForLeaderEpoch } from './messages/offset-for-leader-epoch.ts'
import { produce } from './messages/produce.ts'
import { saslAuthenticate } from './messages/sasl-authenticate.ts'
import { saslHandshake } from './messages/sasl-handshake.ts'
import { syncGroup } from './messages/sync-group.ts'
import { txnOffsetCommit } from './messages/txn-offset-commit.ts'
import { writeTxnMarkers } from './messages/write-txn-markers.ts'

export const apis: readonly Api[] = [
  produce,
  fetch,
  listOffsets,
  metadata,
  offsetCommit,
  offsetFetch,
  findCoordinator,
  joinGroup,
  heartbeat,
  leaveGroup,
  syncGroup,
  describeGroups,
  listGroups,
  saslHandshake,
  apiVersions,
  createTopics,
  deleteTopics,
  deleteRecords,
  initProducerId,
  offsetForLeaderEpoch,
  addPartitionsToTxn,
  addOffsetsToTxn,
  endTxn,
  writeTxnMarkers,
  txnOffsetCommit,
  describeConfigs,
  alterConfigs,
  describeLogDirs,
  saslAuthenticate,
  createPartitions,
  deleteGroups,
  incrementalAlterConfigs,
  offsetDelete,
  describeClientQuotas,
  describeUserScramCredentials,
  alterUserScramCredentials,
  describeCluster,
  describeProducers,
  describeTransactions,
  listTransactions,
] as unknown as readonly Api[]
