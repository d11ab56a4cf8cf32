// What the administration client changes on real clusters: three brokers of Kafka 4.1, which move and lead partitions, and
// one of 0.10.2.1, which knows little of it and is asked no more than it knows.
import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { createAdmin, type Admin } from '../../src/kafka-client/kafka-client.ts'
import { silentLogger } from '../../src/observe/log.ts'
import { realSystem } from '../../src/system/system.ts'
import { startCluster41, type KafkaCluster } from './peers/clusters.ts'
import { skipWithoutPeers } from './peers/peers.ts'
import { someKafka } from './peers/shared.ts'
import { produceAll } from './peers/topics.ts'
import { waitFor } from './peers/waiting.ts'

const adminOf = (bootstrap: string): Admin =>
  createAdmin({ system: realSystem, bootstrapServers: bootstrap.split(','), log: silentLogger })

const numbered = (count: number) =>
  Array.from({ length: count }, (_, index) => ({ key: null, value: `${index}`, partition: 0 }))

describe('three brokers of Kafka 4.1', { skip: skipWithoutPeers }, () => {
  let directory: string
  let cluster: KafkaCluster
  let admin: Admin

  before(async () => {
    directory = mkdtempSync(join(tmpdir(), 'millrace-admin-'))
    cluster = await startCluster41(directory, { voters: [1] })
    admin = adminOf(cluster.bootstrap)
  })
  after(async () => {
    admin?.close()
    await cluster?.[Symbol.asyncDispose]()
    rmSync(directory, { recursive: true, force: true })
  })

  const created = async (name: string, partitions: number, replicationFactor: number) => {
    await admin.topics.create({ name, partitions, replicationFactor })
    const isThere = async () => {
      const [topic] = await admin.topics.describe([name])
      return topic?.errorCode === 0 && topic.partitions.every(one => one.leader >= 0)
    }
    await waitFor(isThere, `${name} has leaders`)
  }
  const placed = async (name: string) =>
    (await admin.topics.describe([name]))[0]!.partitions.map(({ replicas }) => replicas)

  test('a topic: tried, made, grown, changed, emptied, deleted', async () => {
    const tried = { validateOnly: true }
    const retention = new Map([['retention.ms', '1000000']])
    const topic = { name: 'whole', partitions: 2, replicationFactor: 3, settings: retention }
    assert.equal(await admin.topics.create(topic, tried), 'created')
    await assert.rejects(admin.topics.create({ ...topic, replicationFactor: 4 }, tried), {
      errorName: 'INVALID_REPLICATION_FACTOR',
    })
    await assert.rejects(
      admin.topics.create({ ...topic, settings: new Map([['retention.ms', 'x']]) }, tried),
      {
        errorName: 'INVALID_CONFIG',
      },
    )
    await admin.topics.create(topic)
    await assert.rejects(admin.topics.addPartitions('whole', 1, tried), { errorName: 'INVALID_PARTITIONS' })
    await admin.topics.addPartitions('whole', 3)
    await waitFor(async () => (await placed('whole')).length === 3, 'there are three partitions')
    const settingOf = async (name: string) =>
      (await admin.topics.settings(['whole']))!.get('whole')!.find(one => one.name === name)!
    const before = await settingOf('retention.ms')
    assert.deepEqual([before.value, before.source, before.kind], ['1000000', 'topic', 'long'])
    assert.match(before.doc, /retain/)
    const isr = await settingOf('min.insync.replicas')
    assert.equal(isr.value, '2')
    assert.ok(isr.source === "broker's file" || isr.source === 'all brokers', isr.source)
    await assert.rejects(admin.topics.alterSettings('whole', new Map([['cleanup.policy', 'no']]), tried), {
      errorName: 'INVALID_CONFIG',
    })
    await admin.topics.alterSettings('whole', new Map([['retention.ms', null]]))
    await waitFor(async () => (await settingOf('retention.ms')).isDefault, 'the setting is taken back')
    await produceAll(cluster.bootstrap, 'whole', numbered(20))
    assert.deepEqual(
      [...(await admin.records.deleteBefore([{ topic: 'whole', partition: 0, offset: 5 }]))],
      [['whole-0', 5]],
    )
    await admin.topics.delete('whole')
    await assert.rejects(admin.topics.delete('never'), { errorName: 'UNKNOWN_TOPIC_OR_PARTITION' })
  })

  test('partitions move to other brokers, a move is given up, and the preferred leads again', async () => {
    await created('moving', 2, 1)
    await produceAll(cluster.bootstrap, 'moving', numbered(200))
    const [first] = await placed('moving')
    const other = [1, 2, 3].find(id => id !== first![0])!
    const to = (partition: number, replicas: readonly number[] | null) => ({
      topic: 'moving',
      partition,
      replicas,
    })
    assert.deepEqual([...(await admin.partitions.reassign([to(0, [other])]))], [['moving-0', null]])
    await waitFor(async () => (await admin.partitions.moves())!.length === 0, 'nothing moves any more')
    await waitFor(async () => (await placed('moving'))[0]!.join() === String(other), 'it lies elsewhere')
    const refused = await admin.partitions.reassign([to(0, [9]), to(1, null)])
    assert.match(refused.get('moving-0')!, /INVALID_REPLICA_ASSIGNMENT/)
    assert.match(refused.get('moving-1')!, /NO_REASSIGNMENT_IN_PROGRESS/)
    // A broker that is away takes nothing over, so that the move stays under way.
    const absent = [2, 3].find(id => id !== other)!
    const brokers = async () => (await admin.brokers.describe()).brokers.length
    await cluster.broker(absent).kill()
    await waitFor(async () => (await brokers()) === 2, 'the broker is missed')
    await admin.partitions.reassign([to(0, [other, absent])])
    const [move] = (await admin.partitions.moves())!
    assert.deepEqual([move!.topic, move!.partition, move!.adding], ['moving', 0, [absent]])
    assert.deepEqual([...(await admin.partitions.reassign([to(0, null)]))], [['moving-0', null]])
    assert.deepEqual(await admin.partitions.moves(), [])
    await cluster.broker(absent).start()
    await waitFor(async () => (await brokers()) === 3, 'the broker is back')
    await created('led', 1, 3)
    const [replicas] = await placed('led')
    const leader = async () => (await admin.topics.describe(['led']))[0]!.partitions[0]!.leader
    await waitFor(
      async () => (await admin.topics.describe(['led']))[0]!.partitions[0]!.isr.length === 3,
      'all are in sync',
    )
    // Another order of the same replicas has another preferred leader.
    const turned = [...replicas!.slice(1), replicas![0]!]
    await admin.partitions.reassign([{ topic: 'led', partition: 0, replicas: turned }])
    await waitFor(async () => (await placed('led'))[0]!.join() === turned.join(), 'the order is another')
    assert.equal(await leader(), replicas![0])
    const led = { topic: 'led', partition: 0 }
    assert.deepEqual([...(await admin.partitions.electPreferred([led]))], [['led-0', null]])
    await waitFor(async () => (await leader()) === turned[0], 'the preferred one leads')
    assert.deepEqual([...(await admin.partitions.electPreferred([led]))], [['led-0', null]])
  })

  test('brokers tell their settings and the room on their disks', async () => {
    const directories = await admin.brokers.logDirectories()
    assert.deepEqual([...directories.keys()].sort(), [1, 2, 3])
    await admin.brokers.alterSettings(3, new Map([['log.cleaner.threads', '2']]), { validateOnly: true })
    await assert.rejects(admin.brokers.alterSettings(3, new Map([['log.cleaner.threads', '0']])), {
      errorName: /INVALID/,
    })
    for (const [id, [directory_]] of directories) {
      assert.ok(directory_!.usableBytes! > 0)
      const settings = (await admin.brokers.settings(id))!
      assert.equal(
        settings.find(one => one.name === 'broker.id' || one.name === 'node.id')!.value,
        String(id),
      )
    }
  })
})

describe('Kafka 0.10.2.1', { skip: skipWithoutPeers }, () => {
  const stack = new AsyncDisposableStack()
  let admin: Admin

  before(async () => {
    const directory = mkdtempSync(join(tmpdir(), 'millrace-admin-'))
    stack.defer(() => rmSync(directory, { recursive: true, force: true }))
    const kafka = stack.use(await someKafka('0.10.2.1', directory))
    admin = adminOf(kafka.bootstrap)
    stack.defer(() => admin.close())
  })
  after(() => stack.disposeAsync())

  test('makes and deletes topics, commits, and says what came later', async () => {
    const name = `old-${Date.now()}`
    const topic = { name, partitions: 2 }
    await assert.rejects(admin.topics.create({ ...topic, replicationFactor: 9 }, { validateOnly: true }), {
      errorName: 'INVALID_REPLICATION_FACTOR',
    })
    assert.equal(await admin.topics.create(topic, { validateOnly: true }), 'created')
    assert.equal(await admin.topics.create(topic), 'created')
    await admin.groups.commit(`${name}-g`, [{ topic: name, partition: 0, offset: 0 }])
    assert.deepEqual(await admin.groups.committed(`${name}-g`), [{ topic: name, partition: 0, offset: 0 }])
    assert.equal(await admin.topics.settings([name]), null)
    assert.equal(await admin.partitions.moves(), null)
    for (const [call, since] of [
      [() => admin.topics.addPartitions(name, 3), 'CreatePartitions, which came with Kafka 1.0'],
      [
        () => admin.topics.alterSettings(name, new Map([['retention.ms', '1']])),
        'AlterConfigs, which came with Kafka 0.11',
      ],
      [() => admin.groups.delete(`${name}-g`), 'DeleteGroups, which came with Kafka 1.1'],
      [
        () => admin.groups.deletePositions(`${name}-g`, [{ topic: name, partition: 0 }]),
        'OffsetDelete, which came with Kafka 2.4',
      ],
      [
        () => admin.partitions.electPreferred([{ topic: name, partition: 0 }]),
        'ElectLeaders, which came with Kafka 2.2',
      ],
      [
        () => admin.partitions.reassign([{ topic: name, partition: 0, replicas: [0] }]),
        'AlterPartitionReassignments, which came with Kafka 2.4',
      ],
      [
        () => admin.records.deleteBefore([{ topic: name, partition: 0, offset: 0 }]),
        'DeleteRecords, which came with Kafka 0.11',
      ],
    ] as const)
      await assert.rejects(call, error => {
        assert.match((error as Error).message, new RegExp(`does not know ${since.replaceAll('.', '\\.')}`))
        return true
      })
    await admin.topics.delete(name)
  })
})
