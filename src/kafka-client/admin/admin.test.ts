// What real brokers answer too seldom: none is there, one is too old, one never has a coordinator or a leader.
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { hurriedSystem, metadataOf, ScriptedBroker, type TopicScript } from '../../../test/scripted-broker.ts'
import { silentLogger } from '../../observe/log.ts'
import { createTopics } from '../../wire/kafka/messages/create-topics.ts'
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
    assert.ok(tookMs >= patienceMs && tookMs < 3 * patienceMs, `${tookMs} ms`)
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
        /IncrementalAlterConfigs, which came with Kafka 2\.3/,
      ],
      [() => admin.groups.delete('g'), /DeleteGroups, which came with Kafka 1\.1/],
      [
        () => admin.groups.deletePositions('g', [{ topic: 't', partition: 0 }]),
        /OffsetDelete, which came with Kafka 2\.4/,
      ],
    ]
    for (const [call, message] of tooOld) await assert.rejects(call, { code: 'KAFKA_FATAL', message })
    assert.equal(await admin.topics.settings(['t']), null)
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
