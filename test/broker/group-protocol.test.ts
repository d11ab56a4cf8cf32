// Groups, positions and producer ids on the wire, in every version that is offered.
import assert from 'node:assert/strict'
import test from 'node:test'
import { errorCodes } from '../../src/wire/kafka/error-codes.ts'
import { createTopics } from '../../src/wire/kafka/messages/create-topics.ts'
import { deleteGroups } from '../../src/wire/kafka/messages/delete-groups.ts'
import { describeGroups } from '../../src/wire/kafka/messages/describe-groups.ts'
import { findCoordinator } from '../../src/wire/kafka/messages/find-coordinator.ts'
import { heartbeat } from '../../src/wire/kafka/messages/heartbeat.ts'
import { initProducerId } from '../../src/wire/kafka/messages/init-producer-id.ts'
import { joinGroup } from '../../src/wire/kafka/messages/join-group.ts'
import { leaveGroup } from '../../src/wire/kafka/messages/leave-group.ts'
import { listGroups } from '../../src/wire/kafka/messages/list-groups.ts'
import { offsetCommit } from '../../src/wire/kafka/messages/offset-commit.ts'
import { offsetFetch } from '../../src/wire/kafka/messages/offset-fetch.ts'
import { produce } from '../../src/wire/kafka/messages/produce.ts'
import { syncGroup } from '../../src/wire/kafka/messages/sync-group.ts'
import { writeRecords } from '../../src/wire/kafka/record-set.ts'
import { inDirectory, startBroker, withBroker, type RunningBroker } from './running-broker.ts'
import { realSystem } from '../../src/system/system.ts'
import { waitFor } from '../interop/peers/waiting.ts'
import { WireClient } from './wire-client.ts'

const withClient = (
  run: (client: WireClient, running: RunningBroker) => Promise<void>,
  overrides: Readonly<Record<string, string>> = {},
) =>
  withBroker(async running => {
    const client = await WireClient.connect(running.broker.port)
    try {
      await run(client, running)
    } finally {
      client.close()
    }
  }, overrides)

const makeTopic = (client: WireClient, name: string) =>
  client.ask(createTopics, 4, {
    topics: [{ name, numPartitions: 2, replicationFactor: 1, assignments: [], configs: [] }],
  })

test('a member enters, syncs, beats, commits and leaves, in every version of JoinGroup', () =>
  withClient(async client => {
    await makeTopic(client, 't')
    for (let version = 0; version <= 9; version++) {
      const at = (highest: number) => Math.min(version, highest)
      const groupId = `g${version}`
      const join = (memberId: string) =>
        client.ask(joinGroup, version, {
          groupId,
          sessionTimeoutMs: 10_000,
          rebalanceTimeoutMs: version === 0 ? -1 : 10_000,
          memberId,
          protocolType: 'consumer',
          protocols: [{ name: 'range', metadata: Buffer.from('subscription') }],
        })
      let member = await join('')
      if (version >= 4) {
        assert.equal(member.errorCode, errorCodes.MEMBER_ID_REQUIRED)
        member = await join(member.memberId)
      }
      assert.equal(member.errorCode, 0)
      const { memberId, generationId } = member
      assert.equal(member.leader, memberId)
      assert.deepEqual(
        member.members.map(one => String(one.metadata)),
        ['subscription'],
      )
      const synced = await client.ask(syncGroup, at(5), {
        groupId,
        generationId,
        memberId,
        ...(version >= 5 ? { protocolType: 'consumer', protocolName: 'range' } : {}),
        assignments: [{ memberId, assignment: Buffer.from('all of it') }],
      })
      assert.equal(String(synced.assignment), 'all of it')
      const beat = async (generation: number) =>
        (await client.ask(heartbeat, at(4), { groupId, generationId: generation, memberId })).errorCode
      assert.equal(await beat(generationId), 0)
      assert.equal(await beat(generationId + 1), errorCodes.ILLEGAL_GENERATION)
      const described = await client.ask(describeGroups, at(5), { groups: [groupId, 'none'] })
      assert.deepEqual(
        described.groups.map(({ groupState, protocolData, members }) => [
          groupState,
          protocolData,
          members.length,
        ]),
        [
          ['Stable', 'range', 1],
          ['Dead', '', 0],
        ],
      )
      assert.equal(String(described.groups[0]!.members[0]!.memberAssignment), 'all of it')
      const listed = await client.ask(listGroups, at(5), {})
      assert.ok(listed.groups.some(one => one.groupId === groupId && one.protocolType === 'consumer'))
      const remove = async () =>
        (await client.ask(deleteGroups, at(2), { groupsNames: [groupId] })).results[0]!.errorCode
      assert.equal(await remove(), errorCodes.NON_EMPTY_GROUP)
      const left = await client.ask(
        leaveGroup,
        at(5),
        version < 3 ? { groupId, memberId } : { groupId, members: [{ memberId }] },
      )
      assert.equal(left.errorCode, 0)
      assert.equal(await beat(generationId), errorCodes.UNKNOWN_MEMBER_ID)
      // Without positions either it is there until the broker next looks for what has expired.
      assert.equal(await remove(), 0)
      assert.equal(await remove(), errorCodes.GROUP_ID_NOT_FOUND)
    }
  }))

test('positions are kept and told in every version; what must not be stored is refused one by one', () =>
  withClient(async client => {
    await makeTopic(client, 't')
    const commit = async (
      version: number,
      committedOffset: number,
      more: { metadata?: string; generation?: number; groupId?: string } = {},
    ) => {
      const partition = (partitionIndex: number) => ({
        partitionIndex,
        committedOffset,
        committedMetadata: more.metadata ?? `at ${committedOffset}`,
      })
      const { topics } = await client.ask(offsetCommit, version, {
        groupId: more.groupId ?? 'g',
        ...(more.generation === undefined
          ? {}
          : { generationIdOrMemberEpoch: more.generation, memberId: 'm' }),
        topics: [
          { name: 't', partitions: [partition(1)] },
          { name: 'none', partitions: [partition(0)] },
        ],
      })
      return topics.map(({ partitions }) => partitions[0]!.errorCode)
    }
    const unknown = errorCodes.UNKNOWN_TOPIC_OR_PARTITION
    for (let version = 0; version <= 9; version++)
      assert.deepEqual(await commit(version, version), [0, unknown])
    assert.deepEqual(await commit(9, 5, { metadata: 'x'.repeat(5000) }), [
      errorCodes.OFFSET_METADATA_TOO_LARGE,
      unknown,
    ])
    // As real Kafka tells a group that is there from one that is not.
    const strange = errorCodes.UNKNOWN_MEMBER_ID
    assert.deepEqual(await commit(5, 5, { generation: 3 }), [strange, strange])
    const illegal = errorCodes.ILLEGAL_GENERATION
    assert.deepEqual(await commit(5, 5, { generation: 3, groupId: 'new' }), [illegal, illegal])
    for (let version = 0; version <= 8; version++) {
      const wanted = [{ name: 't', partitionIndexes: [0, 1] }]
      const answer = await client.ask(
        offsetFetch,
        version,
        version >= 8 ? { groups: [{ groupId: 'g', topics: wanted }] } : { groupId: 'g', topics: wanted },
      )
      const topics = version >= 8 ? answer.groups[0]!.topics : answer.topics
      assert.deepEqual(
        topics[0]!.partitions.map(({ committedOffset, metadata, errorCode }) => [
          committedOffset,
          metadata,
          errorCode,
        ]),
        [
          [-1, '', 0],
          [9, 'at 9', 0],
        ],
      )
    }
    const all = await client.ask(offsetFetch, 7, { groupId: 'g', topics: null })
    assert.deepEqual(
      all.topics.map(({ partitions }) => partitions.map(one => one.partitionIndex)),
      [[1]],
    )
    const { groups } = await client.ask(listGroups, 4, { statesFilter: ['Empty'] })
    assert.deepEqual(
      groups.map(one => one.groupId),
      ['g'],
    )
  }))

test('FindCoordinator in every version names this broker for groups and transactions, and refuses what it does not coordinate', () =>
  withClient(async (client, running) => {
    for (let version = 0; version <= 4; version++) {
      const ask = (keyType: number) =>
        client.ask(findCoordinator, version, {
          ...(version < 4 ? { key: 'g' } : { coordinatorKeys: ['g'] }),
          ...(version === 0 ? {} : { keyType }),
        })
      for (const keyType of version === 0 ? [0] : [0, 1]) {
        const answer = await ask(keyType)
        const one = version < 4 ? answer : answer.coordinators[0]!
        assert.deepEqual([one.errorCode, one.host, one.port], [0, '127.0.0.1', running.broker.port])
      }
      if (version === 0) continue
      const refused = await ask(2)
      assert.equal((version < 4 ? refused : refused.coordinators[0]!).errorCode, errorCodes.INVALID_REQUEST)
    }
  }))

test('positions go when nobody was in the group for as long as they are kept', () =>
  inDirectory(async directory => {
    let now = Date.now()
    const system = { ...realSystem, clock: { ...realSystem.clock, now: () => now } }
    const running = await startBroker(directory, { 'offsets.retention.check.interval.ms': '5' }, system)
    const client = await WireClient.connect(running.broker.port)
    await makeTopic(client, 't')
    const commit = async (groupId: string) => {
      const partitions = [{ partitionIndex: 0, committedOffset: 3, committedMetadata: '' }]
      await client.ask(offsetCommit, 7, { groupId, topics: [{ name: 't', partitions }] })
    }
    await commit('old')
    now += 6 * 86_400_000
    await commit('young')
    assert.equal(running.broker.offsets('old').length, 1, 'a week is the time')
    now += 2 * 86_400_000
    await waitFor(() => running.broker.offsets('old').length === 0, 'the old ones are gone')
    assert.equal(running.broker.offsets('young').length, 1)
    client.close()
    await running.stop()
  }))

test('no producer id is given out twice, whatever way the broker ended', () =>
  inDirectory(async directory => {
    const ids: number[] = []
    for (let start = 0; start < 3; start++) {
      const running = await startBroker(directory)
      const client = await WireClient.connect(running.broker.port)
      for (let index = 0; index < 3; index++) {
        const answer = await client.ask(initProducerId, 4, { transactionalId: null, transactionTimeoutMs: 1 })
        ids.push(answer.producerId)
      }
      client.close()
      await running.stop()
    }
    assert.equal(new Set(ids).size, 9)
  }))

test('sequences of a producer are checked', () =>
  withClient(async client => {
    await makeTopic(client, 't')
    const ids = new Set<number>()
    for (let version = 0; version <= 4; version++) {
      const answer = await client.ask(initProducerId, version, {
        transactionalId: null,
        transactionTimeoutMs: 1,
      })
      assert.equal(answer.errorCode, 0)
      ids.add(answer.producerId)
    }
    assert.equal(ids.size, 5)
    const refused = await client.ask(initProducerId, 4, { transactionalId: '', transactionTimeoutMs: 1 })
    assert.equal(refused.errorCode, errorCodes.INVALID_REQUEST)
    const send = async (baseSequence: number, producerEpoch = 0, count = 2) => {
      const records = writeRecords(
        Array.from({ length: count }, () => ({ timestamp: 1, key: null, value: Buffer.from('v') })),
        { identity: { producerId: [...ids][0]!, producerEpoch, baseSequence } },
      )
      const { responses } = await client.ask(produce, 8, {
        acks: -1,
        timeoutMs: 1000,
        topicData: [{ name: 't', partitionData: [{ index: 0, records }] }],
      })
      const { errorCode, baseOffset } = responses[0]!.partitionResponses[0]!
      return errorCode === 0 ? baseOffset : errorCode * -1
    }
    assert.equal(await send(0), 0)
    assert.equal(await send(2), 2)
    assert.equal(await send(2), 2, 'the same again is answered with its first offset')
    assert.equal(await send(0), 0)
    assert.equal(await send(6), -errorCodes.OUT_OF_ORDER_SEQUENCE_NUMBER)
    assert.equal(await send(4), 4)
    assert.equal(await send(0, 1), 6)
    assert.equal(await send(6, 0), -errorCodes.INVALID_PRODUCER_EPOCH)
    assert.equal(await send(5, 2), -errorCodes.OUT_OF_ORDER_SEQUENCE_NUMBER)
  }))

test('time of the broker, limits of a topic: settings of a topic come before those of the broker', () =>
  withClient(async (client, running) => {
    await client.ask(createTopics, 4, {
      topics: [
        {
          name: 'own',
          numPartitions: 1,
          replicationFactor: 1,
          assignments: [],
          configs: [
            { name: 'message.timestamp.type', value: 'LogAppendTime' },
            { name: 'max.message.bytes', value: '200' },
          ],
        },
      ],
    })
    const before = Date.now()
    const send = async (value: string) => {
      const { responses } = await client.ask(produce, 8, {
        acks: -1,
        timeoutMs: 1000,
        topicData: [
          {
            name: 'own',
            partitionData: [
              { index: 0, records: writeRecords([{ timestamp: 5, key: null, value: Buffer.from(value) }]) },
            ],
          },
        ],
      })
      return responses[0]!.partitionResponses[0]!
    }
    const answer = await send('a')
    assert.ok(answer.logAppendTimeMs >= before)
    assert.equal((await send('b'.repeat(300))).errorCode, errorCodes.MESSAGE_TOO_LARGE)
    const found = await running.broker.topics.partition('own', 0)!.offsetOfTime(before)
    assert.deepEqual(found, { offset: 0, timestamp: answer.logAppendTimeMs })
  }))

test('a position beyond 2^53 is refused and not kept as another one', () =>
  withClient(async client => {
    await makeTopic(client, 't')
    const [groupId, offset] = ['g', 0x12345678]
    const partitions = [{ partitionIndex: 0, committedOffset: offset, committedMetadata: '' }]
    const body = { groupId, topics: [{ name: 't', partitions }] }
    const request = offsetCommit.encodeRequest({ version: 2, correlationId: 1, clientId: null, body })
    request.writeBigInt64BE(2n ** 60n, request.indexOf('12345678', 'hex') - 4)
    const answer = offsetCommit.decodeResponse(2, await client.raw(request)).body
    assert.equal(answer.topics[0]!.partitions[0]!.errorCode, errorCodes.INVALID_COMMIT_OFFSET_SIZE)
    const { topics } = await client.ask(offsetFetch, 7, {
      groupId,
      topics: [{ name: 't', partitionIndexes: [0] }],
    })
    assert.equal(topics[0]!.partitions[0]!.committedOffset, -1)
  }))
