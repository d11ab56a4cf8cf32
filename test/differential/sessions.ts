// The sessions that are played with real Kafka and with the embedded broker. Each asks every version that
// both have, right and wrong.
import { consumerAssignment, consumerSubscription } from '../../src/wire/kafka/messages/consumer-protocol.ts'
import { addOffsetsToTxn } from '../../src/wire/kafka/messages/add-offsets-to-txn.ts'
import { addPartitionsToTxn } from '../../src/wire/kafka/messages/add-partitions-to-txn.ts'
import { deleteGroups } from '../../src/wire/kafka/messages/delete-groups.ts'
import { describeConfigs } from '../../src/wire/kafka/messages/describe-configs.ts'
import { describeGroups } from '../../src/wire/kafka/messages/describe-groups.ts'
import { describeProducers } from '../../src/wire/kafka/messages/describe-producers.ts'
import { describeTransactions } from '../../src/wire/kafka/messages/describe-transactions.ts'
import { endTxn } from '../../src/wire/kafka/messages/end-txn.ts'
import { fetch } from '../../src/wire/kafka/messages/fetch.ts'
import { findCoordinator } from '../../src/wire/kafka/messages/find-coordinator.ts'
import { heartbeat } from '../../src/wire/kafka/messages/heartbeat.ts'
import { incrementalAlterConfigs } from '../../src/wire/kafka/messages/incremental-alter-configs.ts'
import { initProducerId } from '../../src/wire/kafka/messages/init-producer-id.ts'
import { joinGroup } from '../../src/wire/kafka/messages/join-group.ts'
import { leaveGroup } from '../../src/wire/kafka/messages/leave-group.ts'
import { listTransactions } from '../../src/wire/kafka/messages/list-transactions.ts'
import { listOffsets } from '../../src/wire/kafka/messages/list-offsets.ts'
import { offsetCommit } from '../../src/wire/kafka/messages/offset-commit.ts'
import { offsetDelete } from '../../src/wire/kafka/messages/offset-delete.ts'
import { offsetFetch } from '../../src/wire/kafka/messages/offset-fetch.ts'
import { produce } from '../../src/wire/kafka/messages/produce.ts'
import { saslHandshake } from '../../src/wire/kafka/messages/sasl-handshake.ts'
import { syncGroup } from '../../src/wire/kafka/messages/sync-group.ts'
import { txnOffsetCommit } from '../../src/wire/kafka/messages/txn-offset-commit.ts'
import type { Play, Session } from './play.ts'
import { fetchFrom, produceTo, records, recordsOf, topics } from './records.ts'

/** Kafka 4.1 reads what is in there, and never answers where it cannot. */
const protocols = [{ name: 'range', metadata: consumerSubscription.encode(0, { topics: ['t'] }) }]
const assignment = consumerAssignment.encode(0, {
  assignedPartitions: [{ topic: 't', partitions: [0] }],
  userData: null,
})

async function join(
  play: Play,
  version: number,
  groupId: string,
  more: { memberId?: string; instance?: string } = {},
) {
  const request = (memberId: string) => ({
    groupId,
    sessionTimeoutMs: 10_000,
    ...(version >= 1 ? { rebalanceTimeoutMs: 10_000 } : {}),
    memberId,
    ...(version >= 5 && more.instance !== undefined ? { groupInstanceId: more.instance } : {}),
    protocolType: 'consumer',
    protocols,
  })
  const first = await play.ask('join', joinGroup, version, request(more.memberId ?? ''))
  // MEMBER_ID_REQUIRED
  if (first.errorCode !== 79) return first
  return await play.ask('join with the id it was given', joinGroup, version, request(first.memberId))
}

const groups: Session = {
  name: 'groups',
  needs: [joinGroup, syncGroup, heartbeat, leaveGroup],
  async run(play) {
    for (const version of play.versions(findCoordinator)) {
      const find = (step: string, keyType: number) =>
        play.ask(step, findCoordinator, version, {
          ...(version < 4 ? { key: 'g' } : { coordinatorKeys: ['g', 'h'] }),
          ...(version >= 1 ? { keyType } : {}),
        })
      await find('of a group', 0)
      if (version >= 1) await find('of what is neither a group nor a transaction', 9)
    }
    for (const version of play.versions(joinGroup)) {
      const group = play.name(`join-${version}`)
      const { memberId, generationId } = await join(play, version, group)
      const wrong = { memberId: 'nobody', generationId }
      const at = (api: typeof syncGroup | typeof heartbeat) => Math.min(version, play.newest(api))
      const sync = (step: string, who: { memberId: string; generationId: number }) =>
        play.ask(step, syncGroup, at(syncGroup), {
          groupId: group,
          ...who,
          ...(at(syncGroup) >= 5 ? { protocolType: 'consumer', protocolName: 'range' } : {}),
          assignments: [{ memberId, assignment }],
        })
      const beat = (step: string, who: { memberId: string; generationId: number }) =>
        play.ask(step, heartbeat, at(heartbeat), { groupId: group, ...who })
      await beat('a beat before the assignment', { memberId, generationId })
      await sync('sync of a stranger', wrong)
      await sync('sync of another generation', { memberId, generationId: generationId + 5 })
      await sync('sync', { memberId, generationId })
      await beat('a beat', { memberId, generationId })
      await beat('a beat of a stranger', wrong)
      await beat('a beat of another generation', { memberId, generationId: generationId + 1 })
      for (const described of version === play.newest(joinGroup) ? play.versions(describeGroups) : [])
        await play.ask('a group with a member', describeGroups, described, { groups: [group] })
      if (play.has(deleteGroups))
        await play.ask('with a member', deleteGroups, play.newest(deleteGroups), { groupsNames: [group] })
      const leaving = Math.min(version, play.newest(leaveGroup))
      const leave = (step: string, who: string) =>
        play.ask(step, leaveGroup, leaving, {
          groupId: group,
          ...(leaving >= 3 ? { members: [{ memberId: who }] } : { memberId: who }),
        })
      await leave('leaving of a stranger', 'nobody')
      await leave('leaving', memberId)
      await leave('leaving twice', memberId)
      await beat('a beat after that', { memberId, generationId })
    }
    const odd = (step: string, more: object) =>
      play.ask(step, joinGroup, play.newest(joinGroup), {
        groupId: play.name('odd'),
        sessionTimeoutMs: 10_000,
        memberId: '',
        protocolType: 'consumer',
        protocols,
        ...more,
      })
    await odd('no group id', { groupId: '' })
    await odd('a session that is too short', { sessionTimeoutMs: 1 })
    await odd('a session that is too long', { sessionTimeoutMs: 2_000_000_000 })
    await odd('an id nobody gave', { memberId: 'nobody' })
    await odd('no protocols', { protocols: [] })
    for (const version of play.versions(describeGroups))
      await play.ask('a group that is not there', describeGroups, version, { groups: [play.name('none')] })
    for (const version of play.versions(deleteGroups))
      await play.ask('a group that is not there', deleteGroups, version, { groupsNames: [play.name('none')] })
  },
}

const offsets: Session = {
  name: 'offsets',
  needs: [offsetCommit, offsetFetch],
  async run(play) {
    const topic = await play.topic(2)
    for (const version of play.versions(offsetCommit)) {
      if (version === 0) continue // Kafka keeps these in ZooKeeper
      const commit = (
        step: string,
        given: {
          group?: string
          generation?: number
          member?: string
          index?: number
          name?: string
          metadata?: string | null
        },
      ) =>
        play.ask(step, offsetCommit, version, {
          groupId: given.group ?? play.name('group'),
          generationIdOrMemberEpoch: given.generation ?? -1,
          memberId: given.member ?? '',
          topics: [
            {
              name: given.name ?? topic,
              partitions: [
                {
                  partitionIndex: given.index ?? 0,
                  committedOffset: 10 + version,
                  committedMetadata: given.metadata === undefined ? 'm' : given.metadata,
                },
              ],
            },
          ],
        })
      await commit('a position', {})
      await commit('without text', { metadata: null, index: 1 })
      await commit('text that is too long', { metadata: 'x'.repeat(5000) })
      await commit('of a generation nobody knows', { generation: 3, member: 'nobody' })
      await commit('in a topic that is not there', { name: play.name('missing') })
      await commit('without a group', { group: '' })
    }
    for (const version of play.versions(offsetFetch)) {
      if (version === 0) continue
      const read = (
        step: string,
        group: string,
        wanted: { name: string; partitionIndexes: number[] }[] | null,
      ) =>
        play.ask(
          step,
          offsetFetch,
          version,
          version >= 8
            ? { groups: [{ groupId: group, topics: wanted }] }
            : { groupId: group, topics: wanted },
        )
      await read('a position', play.name('group'), [{ name: topic, partitionIndexes: [0, 1] }])
      await read('where there is none', play.name('none'), [{ name: topic, partitionIndexes: [0, 9] }])
      if (version >= 2) await read('all of them', play.name('group'), null)
    }
    for (const version of play.versions(offsetDelete)) {
      const remove = (step: string, groupId: string, name: string) =>
        play.ask(step, offsetDelete, version, {
          groupId,
          topics: [{ name, partitions: [{ partitionIndex: 0 }] }],
        })
      await remove('of a group that is not there', play.name('none'), topic)
      await remove('a position', play.name('group'), topic)
      await remove('in a topic that is not there', play.name('group'), play.name('missing'))
    }
    for (const version of play.versions(deleteGroups)) {
      const groupId = play.name(`deleted-${version}`)
      await play.ask('a position', offsetCommit, play.newest(offsetCommit), {
        groupId,
        topics: [
          { name: topic, partitions: [{ partitionIndex: 0, committedOffset: 1, committedMetadata: '' }] },
        ],
      })
      await play.ask('a group', deleteGroups, version, { groupsNames: [groupId] })
      await play.ask('the same again', deleteGroups, version, { groupsNames: [groupId] })
    }
  },
}

const idempotence: Session = {
  name: 'idempotence',
  needs: [initProducerId],
  async run(play) {
    const topic = await play.topic()
    for (const version of play.versions(initProducerId))
      await play.ask('an id', initProducerId, version, { transactionalId: null, transactionTimeoutMs: 1000 })
    const { producerId } = await play.ask('the id', initProducerId, play.newest(initProducerId), {
      transactionalId: null,
      transactionTimeoutMs: 1000,
    })
    const send = (step: string, baseSequence: number, producerEpoch = 0, values = ['v', 'w']) =>
      play.ask(
        step,
        produce,
        play.newest(produce),
        produceTo(topic, recordsOf(values, { identity: { producerId, producerEpoch, baseSequence } })),
      )
    await send('the first', 0)
    await send('the next', 2)
    await send('the next again', 2)
    await send('the first again', 0)
    await send('a gap', 9)
    await send('the next after a gap', 4)
    await send('a new epoch, not from its begin', 3, 1)
    await send('a new epoch', 0, 1)
    await send('the epoch before', 6, 0)
    await play.ask('all that is there', fetch, play.newest(fetch), fetchFrom(topic, 0))
    if (play.has(describeProducers))
      await play.ask('a producer', describeProducers, 0, {
        topics: [{ name: topic, partitionIndexes: [0, 9] }],
      })
  },
}

const transactions: Session = {
  name: 'transactions',
  needs: [initProducerId, addPartitionsToTxn, endTxn],
  async run(play) {
    const topic = await play.topic()
    const id = play.name('id')
    const init = (step: string, version: number, more: object = {}) =>
      play.ask(step, initProducerId, version, { transactionalId: id, transactionTimeoutMs: 60_000, ...more })
    // Kafka makes its topic of transactions when it is asked where they are.
    await play.ask('the coordinator', findCoordinator, 3, { key: id, keyType: 1 })
    await init('an empty id', play.newest(initProducerId), { transactionalId: '' })
    await init('a time-out that is too long', play.newest(initProducerId), {
      transactionTimeoutMs: 2_000_000_000,
    })
    const group = play.name('group')
    let sequence = 0
    for (const version of play.versions(endTxn)) {
      const { producerId, producerEpoch } = await init(
        'begin',
        Math.min(version, play.newest(initProducerId)),
      )
      sequence = 0
      const owner = { transactionalId: id, producerId, producerEpoch }
      const adding = Math.min(version, play.newest(addPartitionsToTxn))
      const add = (step: string, who: typeof owner, name = topic) =>
        play.ask(step, addPartitionsToTxn, adding, {
          v3AndBelowTransactionalId: who.transactionalId,
          v3AndBelowProducerId: who.producerId,
          v3AndBelowProducerEpoch: who.producerEpoch,
          v3AndBelowTopics: [{ name, partitions: [0] }],
        })
      // An empty one has never begun, which counts as long ago; nothing else is that old.
      const list = async (step: string, isOpen = false) => {
        for (const listed of play.versions(listTransactions))
          for (const durationFilter of listed === 0 ? [-1] : isOpen ? [-1, 600_000] : [-1, 0, 600_000])
            await play.ask(`${step}, ${durationFilter} ms`, listTransactions, listed, {
              stateFilters: [],
              producerIdFilters: [producerId],
              ...(listed === 0 ? {} : { durationFilter }),
            })
      }
      await list('one that is new or ended')
      const end = (step: string, who: typeof owner, committed: boolean) =>
        play.ask(step, endTxn, version, { ...who, committed })
      const send = (step: string, who: typeof owner) => {
        const identity = { ...who, baseSequence: sequence, isTransactional: true }
        return play.ask(
          step,
          produce,
          Math.min(11, play.newest(produce)),
          produceTo(topic, recordsOf(['t'], { identity }), { id }),
        )
      }
      await end('an end where nothing is open', owner, true)
      await send('records of a partition that was not added', owner)
      await add('an owner nobody knows', { ...owner, transactionalId: play.name('none') })
      await add('an epoch to come', { ...owner, producerEpoch: producerEpoch + 1 })
      await add('a topic that is not there', owner, play.name('missing'))
      await add('a partition', owner)
      await add('the same again', owner)
      await send('records', owner)
      sequence++
      await play.ask('a group', addOffsetsToTxn, Math.min(version, play.newest(addOffsetsToTxn)), {
        ...owner,
        groupId: group,
      })
      const committing = Math.min(version, play.newest(txnOffsetCommit))
      await play.ask('a position', txnOffsetCommit, committing, {
        ...owner,
        groupId: group,
        topics: [
          {
            name: topic,
            partitions: [{ partitionIndex: 0, committedOffset: 5 + version, committedMetadata: '' }],
          },
        ],
      })
      await play.ask(
        'the open transaction',
        fetch,
        play.newest(fetch),
        fetchFrom(topic, 0, { isolationLevel: 1 }),
      )
      await play.ask('the end of what is stable', listOffsets, play.newest(listOffsets), {
        isolationLevel: 1,
        topics: [{ name: topic, partitions: [{ partitionIndex: 0, timestamp: -1 }] }],
      })
      if (version === play.newest(endTxn) && play.has(describeTransactions))
        await play.ask('an open one', describeTransactions, 0, { transactionalIds: [id, play.name('none')] })
      await list('one that is open', true)
      const committed = version % 2 === 0
      await end('the end', owner, committed)
      await end('the same end again', owner, committed)
      await end('the other end', owner, !committed)
      await play.untilStable(topic)
      await play.ask('what was ended', fetch, play.newest(fetch), fetchFrom(topic, 0, { isolationLevel: 1 }))
      await play.ask('the position', offsetFetch, Math.min(7, play.newest(offsetFetch)), {
        groupId: group,
        topics: [{ name: topic, partitionIndexes: [0] }],
        requireStable: true,
      })
      await list('one that was ended')
      await end('of an epoch before', { ...owner, producerEpoch: producerEpoch - 1 }, true)
    }
  },
}

const settings: Session = {
  name: 'settings',
  needs: [describeConfigs],
  async run(play) {
    const topic = await play.topic(1, { 'retention.ms': '5000' })
    const keys = [
      'cleanup.policy',
      'retention.ms',
      'max.message.bytes',
      'segment.bytes',
      'compression.type',
      'min.insync.replicas',
    ]
    for (const version of play.versions(describeConfigs)) {
      const ask = (
        step: string,
        resourceType: number,
        resourceName: string,
        configurationKeys: string[] | null,
      ) =>
        play.ask(step, describeConfigs, version, {
          resources: [{ resourceType, resourceName, configurationKeys }],
          ...(version >= 1 ? { includeSynonyms: true } : {}),
        })
      await ask('of a topic', 2, topic, keys)
      await ask('of a topic that is not there', 2, play.name('missing'), null)
      await ask('of a key nobody knows', 2, topic, ['odd'])
    }
    for (const version of play.versions(incrementalAlterConfigs)) {
      const change = (
        step: string,
        name: string,
        configOperation: number,
        value: string | null,
        resourceName = topic,
      ) =>
        play.ask(step, incrementalAlterConfigs, version, {
          resources: [{ resourceType: 2, resourceName, configs: [{ name, configOperation, value }] }],
          validateOnly: false,
        })
      await change('a value', 'retention.ms', 0, '6000')
      await change('more of a list', 'cleanup.policy', 2, 'compact')
      await change('less of a list', 'cleanup.policy', 3, 'delete')
      await change('no value any more', 'retention.ms', 1, null)
      await change('a value that cannot be', 'retention.ms', 0, 'x')
      await change('a key nobody knows', 'odd', 0, '1')
      await change('more of what is no list', 'retention.ms', 2, '1')
      await change('an operation nobody knows', 'retention.ms', 9, '1')
      await change('of a topic that is not there', 'retention.ms', 0, '1', play.name('missing'))
    }
  },
}

const logins: Session = {
  name: 'logins',
  needs: [saslHandshake],
  async run(play) {
    for (const version of play.versions(saslHandshake))
      await play.ask('on a port without', saslHandshake, version, { mechanism: 'PLAIN' })
  },
}

export const sessions: readonly Session[] = [
  topics,
  records,
  groups,
  offsets,
  idempotence,
  transactions,
  settings,
  logins,
]
