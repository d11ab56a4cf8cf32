// Sessions of what administrators and their tools ask of a cluster: who may do what, replicas, features, quotas,
// users, groups of the newer kinds; the wrong questions too.
import { createAcls, deleteAcls, describeAcls } from '../../src/wire/kafka/messages/acls.ts'
import { alterConfigs } from '../../src/wire/kafka/messages/alter-configs.ts'
import { alterReplicaLogDirs } from '../../src/wire/kafka/messages/alter-replica-log-dirs.ts'
import { apiVersions } from '../../src/wire/kafka/messages/api-versions.ts'
import * as tokens from '../../src/wire/kafka/messages/delegation-tokens.ts'
import { describeCluster } from '../../src/wire/kafka/messages/describe-cluster.ts'
import { describeConfigs } from '../../src/wire/kafka/messages/describe-configs.ts'
import { describeGroups } from '../../src/wire/kafka/messages/describe-groups.ts'
import { describeLogDirs } from '../../src/wire/kafka/messages/describe-log-dirs.ts'
import { describeProducers } from '../../src/wire/kafka/messages/describe-producers.ts'
import { describeQuorum } from '../../src/wire/kafka/messages/describe-quorum.ts'
import { describeTopicPartitions } from '../../src/wire/kafka/messages/describe-topic-partitions.ts'
import { electLeaders } from '../../src/wire/kafka/messages/elect-leaders.ts'
import {
  consumerGroupDescribe,
  shareGroupDescribe,
} from '../../src/wire/kafka/messages/group-descriptions.ts'
import {
  consumerGroupHeartbeat,
  shareGroupHeartbeat,
} from '../../src/wire/kafka/messages/group-heartbeats.ts'
import { incrementalAlterConfigs } from '../../src/wire/kafka/messages/incremental-alter-configs.ts'
import { listConfigResources } from '../../src/wire/kafka/messages/list-config-resources.ts'
import { listGroups } from '../../src/wire/kafka/messages/list-groups.ts'
import { listTransactions } from '../../src/wire/kafka/messages/list-transactions.ts'
import { metadata } from '../../src/wire/kafka/messages/metadata.ts'
import {
  alterPartitionReassignments,
  listPartitionReassignments,
} from '../../src/wire/kafka/messages/partition-reassignments.ts'
import { offsetCommit } from '../../src/wire/kafka/messages/offset-commit.ts'
import { saslAuthenticate } from '../../src/wire/kafka/messages/sasl-authenticate.ts'
import { unregisterBroker } from '../../src/wire/kafka/messages/unregister-broker.ts'
import { updateFeatures } from '../../src/wire/kafka/messages/update-features.ts'
import { writeTxnMarkers } from '../../src/wire/kafka/messages/write-txn-markers.ts'
import { quotas, users } from './accounts.ts'
import type { Play, Session } from './play.ts'

/** The only broker of either kind. */
const nodeId = 1

const acls: Session = {
  name: 'acls',
  needs: [describeAcls, createAcls, deleteAcls],
  async run(play) {
    const any = { resourceTypeFilter: 1, resourceNameFilter: null, principalFilter: null, hostFilter: null }
    const filter = { ...any, operation: 1, permissionType: 1 }
    const subject = { principal: 'User:a', host: '*', operation: 3, permissionType: 3 }
    const creation = { resourceType: 2, resourceName: 't', ...subject }
    for (const version of play.versions(describeAcls)) {
      await play.ask('all', describeAcls, version, filter)
      await play.ask('a type nobody knows', describeAcls, version, { ...filter, resourceTypeFilter: 99 })
    }
    for (const version of play.versions(createAcls)) {
      await play.ask('two', createAcls, version, { creations: [creation, creation] })
      await play.ask('none', createAcls, version, { creations: [] })
    }
    for (const version of play.versions(deleteAcls))
      await play.ask('two filters', deleteAcls, version, { filters: [filter, filter] })
  },
}

const replicas: Session = {
  name: 'replicas',
  needs: [electLeaders, listPartitionReassignments],
  async run(play) {
    const topic = await play.topic(4)
    const missing = play.name('missing')
    for (const version of play.versions(electLeaders)) {
      const elect = (step: string, electionType: number, name: string, partitions: number[]) =>
        play.ask(step, electLeaders, version, {
          ...(version >= 1 ? { electionType } : {}),
          topicPartitions: [{ topic: name, partitions }],
        })
      await elect('the preferred leader', 0, topic, [0, 9])
      await elect('of a topic that is not there', 0, missing, [0])
      if (version >= 1) await elect('any leader', 1, topic, [0, 9])
      if (version >= 1) await elect('a type nobody knows', 7, topic, [0])
    }
    for (const version of play.versions(alterPartitionReassignments)) {
      const move = (step: string, name: string, partitions: Record<number, number[] | null>) =>
        play.ask(step, alterPartitionReassignments, version, {
          topics: [
            {
              name,
              partitions: Object.entries(partitions).map(([index, to]) => ({
                partitionIndex: Number(index),
                replicas: to,
              })),
            },
          ],
        })
      await move('to where it is', topic, { 0: [nodeId], 9: [nodeId] })
      await move('to a broker that is not there', topic, { 0: [2], 1: [nodeId, 2], 2: [-1] })
      await move('to no broker, and to one twice', topic, { 0: [], 1: [nodeId, nodeId] })
      await move('no more', topic, { 0: null, 9: null })
      await move('of a topic that is not there', missing, { 0: [nodeId], 1: null })
    }
    for (const version of play.versions(listPartitionReassignments)) {
      await play.ask('all that move', listPartitionReassignments, version, { topics: null })
      await play.ask('of some topics', listPartitionReassignments, version, {
        topics: [
          { name: topic, partitionIndexes: [0, 9] },
          { name: missing, partitionIndexes: [0] },
        ],
      })
    }
    const asked = [{ topic, partitions: [0, 9] }]
    for (const version of play.versions(describeLogDirs))
      await play.ask('of some partitions', describeLogDirs, version, { topics: asked })
    const { results } = await (
      await play.another()
    ).ask(describeLogDirs, play.newest(describeLogDirs), {
      topics: asked,
    })
    for (const version of play.versions(alterReplicaLogDirs)) {
      const move = (step: string, path: string, name = topic) =>
        play.ask(step, alterReplicaLogDirs, version, {
          dirs: [{ path, topics: [{ name, partitions: [0, 9] }] }],
        })
      await move('to where it lies', results[0]!.logDir)
      await move('of a topic that is not there', results[0]!.logDir, missing)
      await move('to a directory that is not there', '/nowhere')
    }
  },
}

const cluster: Session = {
  name: 'cluster',
  needs: [describeCluster, describeQuorum],
  async run(play) {
    for (const version of play.versions(describeCluster))
      for (const [step, includeClusterAuthorizedOperations, endpointType] of [
        ['brokers', false, 1],
        ['brokers, and what one may do', true, 1],
        ...(version >= 1 ? ([['controllers', false, 2]] as const) : []),
        ...(version >= 1 ? ([['what nobody knows', false, 9]] as const) : []),
      ] as const)
        await play.ask(step, describeCluster, version, {
          includeClusterAuthorizedOperations,
          ...(version >= 1 ? { endpointType } : {}),
        })
    for (const version of play.versions(describeQuorum)) {
      const describe = (step: string, topicName: string, ...indexes: number[]) =>
        play.ask(step, describeQuorum, version, {
          topics: [{ topicName, partitions: indexes.map(partitionIndex => ({ partitionIndex })) }],
        })
      await describe('the quorum', '__cluster_metadata', 0)
      await describe('another partition', '__cluster_metadata', 1)
      await describe('two partitions', '__cluster_metadata', 0, 1)
      await describe('another topic', play.name('missing'), 0)
      await play.ask('nothing', describeQuorum, version, { topics: [] })
    }
    for (const version of play.versions(updateFeatures)) {
      const update = (step: string, ...features: string[]) =>
        play.ask(step, updateFeatures, version, {
          featureUpdates: features.map(feature => ({ feature, maxVersionLevel: 1 })),
          ...(version >= 1 ? { validateOnly: true } : {}),
        })
      await update('one that nobody knows', 'odd')
      await update('two that nobody knows', 'odd', 'even')
      await update('none')
    }
    for (const version of play.versions(unregisterBroker))
      await play.ask('a broker that is not there', unregisterBroker, version, { brokerId: 77 })
    for (const version of play.versions(apiVersions)) {
      const ask = (step: string, clientSoftwareName: string) =>
        play.ask(step, apiVersions, version, { clientSoftwareName, clientSoftwareVersion: '1' })
      await ask('what is offered', 'test')
      await ask('a name that is not allowed', 'not allowed')
    }
  },
}

const delegation: Session = {
  name: 'delegation-tokens',
  needs: Object.values(tokens),
  async run(play) {
    const hmac = Buffer.from('x')
    for (const version of play.versions(tokens.createDelegationToken))
      await play.ask('create', tokens.createDelegationToken, version, {
        ...(version >= 3 ? { ownerPrincipalType: null, ownerPrincipalName: null } : {}),
        renewers: [],
        maxLifetimeMs: 1000,
      })
    for (const version of play.versions(tokens.renewDelegationToken))
      await play.ask('renew', tokens.renewDelegationToken, version, { hmac, renewPeriodMs: 1000 })
    for (const version of play.versions(tokens.expireDelegationToken))
      await play.ask('expire', tokens.expireDelegationToken, version, { hmac, expiryTimePeriodMs: 1000 })
    for (const version of play.versions(tokens.describeDelegationToken))
      await play.ask('all', tokens.describeDelegationToken, version, { owners: null })
  },
}

const newerGroups: Session = {
  name: 'newer-groups',
  needs: [consumerGroupHeartbeat, shareGroupHeartbeat],
  async run(play) {
    const groupId = play.name('group')
    const member = {
      groupId,
      memberId: 'AAAAAAAAAAAAAAAAAAAAAA',
      memberEpoch: 0,
      subscribedTopicNames: ['t'],
    }
    for (const version of play.versions(consumerGroupHeartbeat)) {
      await play.ask('join', consumerGroupHeartbeat, version, {
        ...member,
        rebalanceTimeoutMs: 1000,
        topicPartitions: [],
      })
      await play.ask('leave', consumerGroupHeartbeat, version, { ...member, memberEpoch: -1 })
    }
    for (const version of play.versions(shareGroupHeartbeat))
      await play.ask('join', shareGroupHeartbeat, version, member)
    const groups = { groupIds: [groupId, play.name('other')], includeAuthorizedOperations: true }
    for (const version of play.versions(consumerGroupDescribe))
      await play.ask('two groups', consumerGroupDescribe, version, groups)
    for (const version of play.versions(shareGroupDescribe))
      await play.ask('two groups', shareGroupDescribe, version, groups)
  },
}

const lists: Session = {
  name: 'lists',
  needs: [describeTopicPartitions, listConfigResources],
  async run(play) {
    // In the order of their names.
    const [first, second] = [await play.topic(3), await play.topic(2)]
    const missing = play.name('missing')
    for (const version of play.versions(describeTopicPartitions)) {
      const describe = (
        step: string,
        names: string[],
        responsePartitionLimit = 2000,
        at?: readonly [topicName: string, partitionIndex: number],
      ) =>
        play.ask(step, describeTopicPartitions, version, {
          topics: names.map(name => ({ name })),
          responsePartitionLimit,
          cursor: at === undefined ? null : { topicName: at[0], partitionIndex: at[1] },
        })
      const both = [second, first]
      await describe('two topics, one twice', [...both, second])
      await describe('topics that are not there', [missing, 'not allowed', second])
      for (const limit of [-1, 0, 2, 3, 4, 5]) await describe(`at most ${limit}`, both, limit)
      await describe('from a partition on', both, 2, [first, 2])
      await describe('from a topic on', both, 2000, [second, 0])
      await describe('from a partition that is not there', both, 2000, [first, 77])
      await describe('from a topic that is not asked for', [second], 2000, [first, 0])
      await describe('from a topic that is not there', [second, missing], 2000, [missing, 0])
      await describe('from a partition below 0', both, 2000, [first, -1])
    }
    for (const version of play.versions(listConfigResources)) {
      if (version === 0) await play.ask('metrics of clients', listConfigResources, version, {})
      else
        for (const resourceTypes of [[4], [8], [16, 32], [99], [4, 99]])
          await play.ask(`types ${resourceTypes.join()}`, listConfigResources, version, { resourceTypes })
    }
    for (const version of play.versions(metadata).filter(one => one >= 8))
      await play.ask('what one may do', metadata, version, {
        topics: [{ name: first }, { name: missing }],
        allowAutoTopicCreation: false,
        includeTopicAuthorizedOperations: true,
        ...(version <= 10 ? { includeClusterAuthorizedOperations: true } : {}),
      })
    for (const version of play.versions(describeGroups))
      await play.ask('what one may do', describeGroups, version, {
        groups: [play.name('none')],
        ...(version >= 3 ? { includeAuthorizedOperations: true } : {}),
      })
    const groupId = play.name('group')
    const partitions = [{ partitionIndex: 0, committedOffset: 1, committedMetadata: '' }]
    await play.ask('a position', offsetCommit, play.newest(offsetCommit), {
      groupId,
      topics: [{ name: first, partitions }],
    })
    for (const version of play.versions(listGroups)) {
      const all = await (await play.another()).ask(listGroups, version, {})
      const groups = all.groups.filter(group => group.groupId === groupId)
      play.keepAnswer('its own among all', listGroups as never, version, { ...all, groups })
    }
    for (const version of play.versions(listGroups).filter(one => one >= 4))
      await play.ask('in no state that there is', listGroups, version, { statesFilter: ['Odd'] })
    for (const version of play.versions(listTransactions)) {
      const list = (
        step: string,
        body: { stateFilters?: string[]; transactionalIdPattern?: string | null },
      ) => play.ask(step, listTransactions, version, { stateFilters: [], producerIdFilters: [], ...body })
      await list('in no state that there is', { stateFilters: ['Odd', 'Ongoing'] })
      if (version >= 2) await list('by a pattern that is none', { transactionalIdPattern: '(' })
      if (version >= 2) await list('by a pattern of none', { transactionalIdPattern: play.name('none') })
    }
    for (const version of play.versions(describeProducers))
      await play.ask('of what is not there', describeProducers, version, {
        topics: [
          { name: first, partitionIndexes: [0, 9] },
          { name: missing, partitionIndexes: [0] },
        ],
      })
    for (const version of play.versions(writeTxnMarkers))
      await play.ask('of a topic that is not there', writeTxnMarkers, version, {
        markers: [
          {
            producerId: 1_000_000,
            producerEpoch: 0,
            transactionResult: false,
            topics: [{ name: missing, partitionIndexes: [0] }],
            coordinatorEpoch: 0,
          },
        ],
      })
  },
}

const otherSettings: Session = {
  name: 'other-settings',
  needs: [describeConfigs, incrementalAlterConfigs, alterConfigs],
  async run(play) {
    const topic = await play.topic()
    const types = { topic: 2, broker: 4, brokerLogger: 8, clientMetrics: 16, group: 32, odd: 99 }
    const node = String(nodeId)
    for (const version of play.versions(describeConfigs)) {
      const describe = (step: string, resourceType: number, resourceName: string) =>
        play.ask(step, describeConfigs, version, {
          resources: [{ resourceType, resourceName, configurationKeys: ['odd'] }],
        })
      await describe('of a topic whose name is not allowed', types.topic, 'not allowed')
      await describe('of this broker', types.broker, node)
      await describe('of another broker', types.broker, '77')
      await describe('of a broker that is no number', types.broker, 'odd')
      await describe('of loggers', types.brokerLogger, node)
      await describe('of loggers of no broker', types.brokerLogger, '')
      await describe('of metrics', types.clientMetrics, 'm')
      await describe('of metrics without a name', types.clientMetrics, '')
      await describe('of a group', types.group, 'g')
      await describe('of a group without a name', types.group, '')
      await describe('of what nobody knows', types.odd, 'x')
    }
    const operations = { set: 0, delete: 1, append: 2 }
    for (const version of play.versions(incrementalAlterConfigs)) {
      const change = (
        step: string,
        resourceType: number,
        resourceName: string,
        name: string,
        operation: number,
        value: string | null,
      ) =>
        play.ask(step, incrementalAlterConfigs, version, {
          resources: [{ resourceType, resourceName, configs: [{ name, configOperation: operation, value }] }],
          validateOnly: true,
        })
      await changes(play, version, topic)
      await change('a key nobody knows is deleted', types.topic, topic, 'odd', operations.delete, null)
      await change('a key without a name is deleted', types.topic, topic, '', operations.delete, null)
      await change('deleted, with a value', types.topic, topic, 'odd', operations.delete, 'x')
      await change('more of a key nobody knows', types.topic, topic, 'odd', operations.append, 'x')
      await change('a key nobody knows is deleted', types.broker, node, 'odd', operations.delete, null)
      await change('a key nobody knows is deleted for all', types.broker, '', 'odd', operations.delete, null)
      await change('a key that stays is deleted', types.broker, node, 'broker.id', operations.delete, null)
      await change('a key that stays is set', types.broker, node, 'broker.id', operations.set, '3')
      await change('a key of another broker', types.broker, '77', 'odd', operations.delete, null)
      await change('a key nobody knows is set', types.broker, node, 'odd', operations.set, '1')
      await change(
        'a key of metrics is deleted',
        types.clientMetrics,
        'm',
        'interval.ms',
        operations.delete,
        null,
      )
      await change(
        'a key of a group is deleted',
        types.group,
        'g',
        'consumer.session.timeout.ms',
        operations.delete,
        null,
      )
      await change('a key of a group without a name', types.group, '', 'odd', operations.delete, null)
      await change('a key nobody knows of a group', types.group, 'g', 'odd', operations.set, '1')
      await change('a key of what nobody knows', types.odd, 'x', 'odd', operations.delete, null)
      for (const [name, value] of [
        ['compression.lz4.level', '9'],
        ['compression.lz4.level', '99'],
        ['remote.storage.enable', 'false'],
        ['remote.storage.enable', 'true'],
        ['remote.log.copy.disable', 'false'],
        ['local.retention.ms', '100'],
        ['local.retention.bytes', '-3'],
        ['leader.replication.throttled.replicas', '*'],
        ['leader.replication.throttled.replicas', 'x'],
        ['follower.replication.throttled.replicas', '0:1,1:1'],
        ['message.format.version', '3.0'],
      ] as const)
        await change(`${name}=${value}`, types.topic, topic, name, operations.set, value)
    }
    for (const version of play.versions(alterConfigs)) {
      const replace = (
        step: string,
        resourceName: string,
        configs: Readonly<Record<string, string | null>>,
      ) =>
        play.ask(step, alterConfigs, version, {
          resources: [
            {
              resourceType: types.topic,
              resourceName,
              configs: Object.entries(configs).map(([name, value]) => ({ name, value })),
            },
          ],
          validateOnly: true,
        })
      await replace('all settings', topic, { 'retention.ms': '1000' })
      await replace('no settings', topic, {})
      await replace('a key nobody knows', topic, { odd: '1' })
      await replace('a value that cannot be', topic, { 'retention.ms': 'x' })
      await replace('of a topic that is not there', play.name('missing'), { 'retention.ms': '1' })
    }
  },
}

/** What a client that mirrors settings sends: defaults deleted, known to the broker or not, and the rest set. */
async function changes(play: Play, version: number, topic: string): Promise<void> {
  await play.ask('a mirror of another topic', incrementalAlterConfigs, version, {
    resources: [
      {
        resourceType: 2,
        resourceName: topic,
        configs: [
          { name: 'odd', configOperation: 1, value: null },
          { name: 'segment.ms', configOperation: 1, value: null },
          { name: 'retention.ms', configOperation: 0, value: String(1000 + version) },
        ],
      },
    ],
    validateOnly: false,
  })
  await play.ask('the mirror', describeConfigs, play.newest(describeConfigs), {
    resources: [{ resourceType: 2, resourceName: topic, configurationKeys: ['retention.ms'] }],
  })
}

const bareLogin: Session = {
  name: 'bare-login',
  needs: [saslAuthenticate],
  async run(play) {
    for (const version of play.versions(saslAuthenticate))
      await play.ask('on a port without', saslAuthenticate, version, { authBytes: Buffer.from('x') })
  },
}

export const administration: readonly Session[] = [
  acls,
  replicas,
  cluster,
  delegation,
  newerGroups,
  lists,
  quotas,
  users,
  otherSettings,
  bareLogin,
]
