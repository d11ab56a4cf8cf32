// What real brokers answer too seldom: none is there, one is too old, one never has a coordinator or a leader.
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { hurriedSystem, metadataOf, ScriptedBroker, type TopicScript } from '../../../test/scripted-broker.ts'
import { silentLogger } from '../../observe/log.ts'
import { alterConfigs } from '../../wire/kafka/messages/alter-configs.ts'
import { createTopics } from '../../wire/kafka/messages/create-topics.ts'
import { deleteTopics } from '../../wire/kafka/messages/delete-topics.ts'
import { describeConfigs } from '../../wire/kafka/messages/describe-configs.ts'
import { findCoordinator } from '../../wire/kafka/messages/find-coordinator.ts'
import { listOffsets } from '../../wire/kafka/messages/list-offsets.ts'
import { metadata } from '../../wire/kafka/messages/metadata.ts'
import { createAdmin } from './admin.ts'

const system = hurriedSystem(20)
const patienceMs = 4_000

function adminOf(bootstrap: string) {
  const settings = { requestTimeoutMs: patienceMs, connectTimeoutMs: 2_000 }
  const admin = createAdmin({ system, log: silentLogger, bootstrapServers: [bootstrap], settings })
  return Object.assign(admin, { [Symbol.dispose]: () => admin.close() })
}

async function brokerWith(topics: Readonly<Record<string, TopicScript>>): Promise<ScriptedBroker> {
  const broker = await new ScriptedBroker().start()
  return broker.on(metadata, metadataOf([broker.address], topics), [0, 2])
}

describe('administration', () => {
  it('names the broker that cannot be reached, whatever is asked', async () => {
    using admin = adminOf('127.0.0.1:1')
    const calls = [
      () => admin.topics.describe(),
      () => admin.topics.create({ name: 't', partitions: 1 }),
      () => admin.topics.delete('t'),
      () => admin.topics.settings(['t']),
      () => admin.groups.list(),
      () => admin.groups.describe('g'),
      () => admin.groups.committed('g'),
      () => admin.offsets.of('t'),
      () => admin.offsets.at([{ topic: 't', partition: 0 }], 0),
    ]
    for (const call of calls)
      await assert.rejects(call, { code: 'PEER_UNREACHABLE', message: /127\.0\.0\.1:1/ }, String(call))
  })

  it('waits a bounded time for a coordinator, and says why there was none', async () => {
    await using broker = await brokerWith({})
    const away = { errorCode: 15, nodeId: -1, host: '', port: -1 }
    broker.on(findCoordinator, () => away, [0, 0])
    using admin = adminOf(broker.bootstrap)
    const begun = system.clock.monotonic()
    await assert.rejects(admin.groups.describe('g'), {
      code: 'PEER_TIMEOUT',
      message: /coordinator of group "g" has not agreed within 4000 ms: COORDINATOR_NOT_AVAILABLE/,
    })
    const tookMs = system.clock.monotonic() - begun
    assert.ok(tookMs >= patienceMs, `${tookMs} ms`)
  })

  it('waits a bounded time for a leader, and not at all where asking again is of no use', async () => {
    await using broker = await brokerWith({ leaderless: { leaders: [-1] }, secret: { leaders: [0] } })
    const answer = { name: 'secret', partitions: [{ partitionIndex: 0, errorCode: 29 }] }
    broker.on(listOffsets, () => ({ topics: [answer] }), [1, 1])
    using admin = adminOf(broker.bootstrap)
    await assert.rejects(admin.offsets.of('leaderless'), {
      code: 'PEER_TIMEOUT',
      message: /offsets of leaderless-0: LEADER_NOT_AVAILABLE/,
    })
    await assert.rejects(admin.offsets.of('secret'), {
      code: 'KAFKA',
      message: /offsets of secret-0: TOPIC_AUTHORIZATION_FAILED/,
    })
    assert.equal(broker.asked.filter(one => one.name === 'ListOffsets').length, 2)
    await assert.rejects(admin.offsets.at([{ topic: 'secret', partition: 0 }], -3), {
      code: 'KAFKA',
      message: /127\.0\.0\.1:\d+ does not know the time -3, which came with Kafka 3\.0/,
    })
  })

  it('says which Kafka knows what an old broker does not', async () => {
    await using broker = await brokerWith({ t: { leaders: [0] } })
    broker.on(findCoordinator, () => ({ errorCode: 0, nodeId: 0, ...broker.address }), [0, 0])
    using admin = adminOf(broker.bootstrap)
    const tooOld: [call: () => Promise<unknown>, said: RegExp][] = [
      [() => admin.topics.addPartitions('t', 2), /CreatePartitions, which came with Kafka 1\.0/],
      [
        () => admin.topics.alterSettings('t', new Map([['a', 'b']])),
        /AlterConfigs, which came with Kafka 0\.11/,
      ],
      [() => admin.groups.delete('g'), /DeleteGroups, which came with Kafka 1\.1/],
      [
        () => admin.groups.deletePositions('g', [{ topic: 't', partition: 0 }]),
        /OffsetDelete, which came with Kafka 2\.4/,
      ],
      [
        () => admin.partitions.electPreferred([{ topic: 't', partition: 0 }]),
        /ElectLeaders, which came with Kafka 2\.2/,
      ],
      [
        () => admin.partitions.reassign([{ topic: 't', partition: 0, replicas: [0] }]),
        /AlterPartitionReassignments, which came with Kafka 2\.4/,
      ],
      [
        () => admin.records.deleteBefore([{ topic: 't', partition: 0, offset: 1 }]),
        /DeleteRecords, which came with Kafka 0\.11/,
      ],
    ]
    for (const [call, message] of tooOld) await assert.rejects(call, { code: 'KAFKA_FATAL', message })
    assert.equal(await admin.topics.settings(['t']), null)
    assert.equal(await admin.brokers.settings(0), null)
    assert.equal(await admin.partitions.moves(), null)
    assert.equal((await admin.brokers.logDirectories()).size, 0)
    // Asked by its name, such a broker would make a topic.
    assert.deepEqual(await admin.topics.describe(['u']), [])
    assert.deepEqual(
      (await admin.topics.describe(['t', 'u'])).map(one => one.name),
      ['t'],
    )
    assert.deepEqual(
      (await admin.topics.describe(['u'], { create: true })).map(one => one.errorCode),
      [3],
    )
  })

  it('keeps the other settings of a topic where a change replaces all of them', async () => {
    await using broker = await brokerWith({ t: { leaders: [0] } })
    const config = (name: string, value: string, source: number) => ({
      name,
      value,
      readOnly: false,
      configSource: source,
      isSensitive: false,
    })
    const kept = [config('a', '1', 1), config('b', '2', 1), config('c', '3', 5), config('d', '4', 4)]
    broker.on(
      describeConfigs,
      () => ({
        throttleTimeMs: 0,
        results: [{ errorCode: 0, errorMessage: null, resourceType: 2, resourceName: 't', configs: kept }],
      }),
      [1, 1],
    )
    broker.on(alterConfigs, () => ({ throttleTimeMs: 0, responses: [] }), [0, 0])
    using admin = adminOf(broker.bootstrap)
    const changes = new Map([
      ['b', null],
      ['c', '9'],
    ])
    await admin.topics.alterSettings('t', changes, { validateOnly: true })
    const asked = broker.asked.filter(one => one.name === 'AlterConfigs') as {
      body: { validateOnly: boolean; resources: { configs: { name: string; value: string }[] }[] }
    }[]
    assert.equal(asked[0]!.body.validateOnly, true)
    assert.deepEqual(
      asked[0]!.body.resources[0]!.configs.map(({ name, value }) => [name, value]),
      [
        ['a', '1'],
        ['c', '9'],
      ],
    )
  })

  it('asks again where the controller has moved', async () => {
    await using broker = await brokerWith({ t: { leaders: [0] } })
    let asked = 0
    const answer = () => ({ responses: [{ name: 't', errorCode: asked++ === 0 ? 41 : 0 }] })
    broker.on(deleteTopics, answer, [1, 1])
    using admin = adminOf(broker.bootstrap)
    await admin.topics.delete('t')
    assert.equal(asked, 2)
  })

  it('asks for one partition and one replica where a broker has no defaults to ask for', async () => {
    await using broker = await brokerWith({})
    broker.on(createTopics, () => ({ topics: [{ name: 't', errorCode: 0, configs: [] }] }), [0, 1])
    using admin = adminOf(broker.bootstrap)
    assert.equal(await admin.topics.create({ name: 't', partitions: -1, replicationFactor: -1 }), 'created')
    const asked = broker.asked.filter(one => one.name === 'CreateTopics') as {
      body: { topics: { numPartitions: number; replicationFactor: number }[] }
    }[]
    assert.deepEqual(
      asked.map(({ body }) => [body.topics[0]!.numPartitions, body.topics[0]!.replicationFactor]),
      [[1, 1]],
    )
  })
})
