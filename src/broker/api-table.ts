// The one table of what the broker serves: each API, its versions, its handler. ApiVersions answers from
// it, the dispatcher looks into it, docs/reference/kafka-apis.md is written from it. Nothing is offered
// that has no row.
import { apiVersions } from '../wire/kafka/messages/api-versions.ts'
import { createPartitions } from '../wire/kafka/messages/create-partitions.ts'
import { createTopics } from '../wire/kafka/messages/create-topics.ts'
import { deleteGroups } from '../wire/kafka/messages/delete-groups.ts'
import { deleteTopics } from '../wire/kafka/messages/delete-topics.ts'
import { describeCluster } from '../wire/kafka/messages/describe-cluster.ts'
import { describeConfigs } from '../wire/kafka/messages/describe-configs.ts'
import { describeGroups } from '../wire/kafka/messages/describe-groups.ts'
import { fetch } from '../wire/kafka/messages/fetch.ts'
import { findCoordinator } from '../wire/kafka/messages/find-coordinator.ts'
import { heartbeat } from '../wire/kafka/messages/heartbeat.ts'
import { initProducerId } from '../wire/kafka/messages/init-producer-id.ts'
import { joinGroup } from '../wire/kafka/messages/join-group.ts'
import { leaveGroup } from '../wire/kafka/messages/leave-group.ts'
import { listGroups } from '../wire/kafka/messages/list-groups.ts'
import { listOffsets } from '../wire/kafka/messages/list-offsets.ts'
import { metadata } from '../wire/kafka/messages/metadata.ts'
import { offsetCommit } from '../wire/kafka/messages/offset-commit.ts'
import { offsetFetch } from '../wire/kafka/messages/offset-fetch.ts'
import { offsetForLeaderEpoch } from '../wire/kafka/messages/offset-for-leader-epoch.ts'
import { produce } from '../wire/kafka/messages/produce.ts'
import { syncGroup } from '../wire/kafka/messages/sync-group.ts'
import { row, type ApiRow } from './api-row.ts'
import { answerApiVersions } from './handlers/api-versions.ts'
import { answerFetch } from './handlers/fetch.ts'
import {
  answerDeleteGroups,
  answerDescribeGroups,
  answerListGroups,
} from './handlers/group-administration.ts'
import {
  answerFindCoordinator,
  answerHeartbeat,
  answerJoinGroup,
  answerLeaveGroup,
  answerSyncGroup,
} from './handlers/group-membership.ts'
import { answerOffsetCommit, answerOffsetFetch } from './handlers/group-offsets.ts'
import { answerDescribeCluster, answerMetadata } from './handlers/metadata.ts'
import { answerListOffsets, answerOffsetForLeaderEpoch } from './handlers/offset-questions.ts'
import { answerInitProducerId } from './handlers/producer-ids.ts'
import { answerProduce } from './handlers/produce.ts'
import { answerCreatePartitions, answerCreateTopics, answerDeleteTopics } from './handlers/topic-changes.ts'
import { answerDescribeConfigs } from './handlers/topic-settings-answer.ts'

/** In the order of their keys. */
export const apiTable: readonly ApiRow[] = [
  row(
    produce,
    [0, 11],
    answerProduce,
    'acks=1 and acks=all are the same: answered after the sync. Message sets (up to version 2) are converted to record batches. No transactional batches.',
  ),
  row(
    fetch,
    [0, 12],
    answerFetch,
    'Sessions are refused with session 0, as the protocol provides for. Up to version 3 records are converted to message sets. isolation level 1 reads like 0, as there are no transactions.',
  ),
  row(listOffsets, [0, 8], answerListOffsets),
  row(metadata, [0, 13], answerMetadata),
  row(
    offsetCommit,
    [0, 9],
    answerOffsetCommit,
    'Version 0, which Kafka kept in ZooKeeper, is kept like all others.',
  ),
  row(offsetFetch, [0, 8], answerOffsetFetch),
  row(findCoordinator, [0, 4], answerFindCoordinator, 'Groups only.'),
  row(
    joinGroup,
    [0, 9],
    answerJoinGroup,
    'Members are not kept over a restart of the broker; they join again.',
  ),
  row(heartbeat, [0, 4], answerHeartbeat),
  row(leaveGroup, [0, 5], answerLeaveGroup),
  row(syncGroup, [0, 5], answerSyncGroup),
  row(describeGroups, [0, 5], answerDescribeGroups),
  row(listGroups, [0, 5], answerListGroups),
  row(apiVersions, [0, 4], answerApiVersions, 'No features.'),
  row(createTopics, [0, 7], answerCreateTopics, 'One replica, on this broker.'),
  row(deleteTopics, [0, 6], answerDeleteTopics),
  row(
    initProducerId,
    [0, 4],
    answerInitProducerId,
    'Idempotent producers only: a transactional id is refused.',
  ),
  row(offsetForLeaderEpoch, [0, 4], answerOffsetForLeaderEpoch, 'There is one epoch, 0.'),
  row(describeConfigs, [0, 4], answerDescribeConfigs, 'Topics and the broker.'),
  row(createPartitions, [0, 3], answerCreatePartitions),
  row(deleteGroups, [0, 2], answerDeleteGroups),
  row(describeCluster, [0, 1], answerDescribeCluster),
]

/** As ApiVersions tells it. */
export function offeredVersions(): { apiKey: number; minVersion: number; maxVersion: number }[] {
  return apiTable.map(({ api, first, last }) => ({ apiKey: api.key, minVersion: first, maxVersion: last }))
}
