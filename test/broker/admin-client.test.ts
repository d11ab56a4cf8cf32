// The administration client over the embedded broker: changes are tried before they are made, and every answer says
// what Kafka's own does.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createAdmin, type Admin } from '../../src/kafka-client/kafka-client.ts'
import { silentLogger } from '../../src/observe/log.ts'
import { realSystem } from '../../src/system/system.ts'
import { withBroker } from './running-broker.ts'

async function withAdmin(run: (admin: Admin, produce: (count: number) => Promise<void>) => Promise<void>) {
  await withBroker(async running => {
    const admin = createAdmin({
      system: realSystem,
      bootstrapServers: [running.bootstrap],
      log: silentLogger,
    })
    const produce = async (count: number) => {
      const producer = running.kafkajs().producer()
      await producer.connect()
      const messages = Array.from({ length: count }, (_, index) => ({ value: `${index}`, partition: 0 }))
      await producer.send({ topic: 't', messages })
      await producer.disconnect()
    }
    try {
      await run(admin, produce)
    } finally {
      admin.close()
    }
  })
}

const settingOf = async (admin: Admin, name: string) =>
  (await admin.topics.settings(['t']))!.get('t')!.find(one => one.name === name)!

test('what is only tried changes nothing, and what would be refused is refused', () =>
  withAdmin(async admin => {
    const tried = { validateOnly: true }
    assert.equal(await admin.topics.create({ name: 't', partitions: 2 }, tried), 'created')
    assert.deepEqual(await admin.topics.describe(['t']).then(found => found.map(one => one.errorCode)), [3])
    for (const [topic, errorName] of [
      [{ name: 't', partitions: 0 }, 'INVALID_PARTITIONS'],
      [{ name: 't', partitions: 1, replicationFactor: 3 }, 'INVALID_REPLICATION_FACTOR'],
      [{ name: 'a/b', partitions: 1 }, 'INVALID_TOPIC'],
      [{ name: 't', partitions: 1, settings: new Map([['retention.ms', 'long']]) }, 'INVALID_CONFIG'],
      [{ name: 't', partitions: 1, settings: new Map([['no.such', '1']]) }, 'INVALID_CONFIG'],
    ] as const)
      await assert.rejects(admin.topics.create(topic, tried), { code: 'KAFKA', errorName })
    await admin.topics.create({ name: 't', partitions: 2 })
    assert.equal(await admin.topics.create({ name: 't', partitions: 2 }, tried), 'exists')
    await admin.topics.addPartitions('t', 5, tried)
    await assert.rejects(admin.topics.addPartitions('t', 2, tried), { errorName: 'INVALID_PARTITIONS' })
    await admin.topics.alterSettings('t', new Map([['retention.ms', '1000']]), tried)
    await assert.rejects(admin.topics.alterSettings('t', new Map([['retention.ms', '-7']]), tried), {
      errorName: 'INVALID_CONFIG',
    })
    const [topic] = await admin.topics.describe(['t'])
    assert.equal(topic!.partitions.length, 2)
    assert.equal((await settingOf(admin, 'retention.ms')).source, 'default')
  }))

test('a setting tells its source and what holds without it', () =>
  withAdmin(async admin => {
    await admin.topics.create({
      name: 't',
      partitions: 1,
      settings: new Map([['max.message.bytes', '1000']]),
    })
    const set = await settingOf(admin, 'max.message.bytes')
    assert.deepEqual(
      [set.value, set.source, set.isDefault, set.inherited, set.kind],
      ['1000', 'topic', false, '1048588', 'int'],
    )
    assert.ok(set.doc.length > 10)
    await admin.topics.alterSettings('t', new Map([['max.message.bytes', null]]))
    const reset = await settingOf(admin, 'max.message.bytes')
    assert.deepEqual([reset.value, reset.source, reset.isDefault], ['1048588', 'default', true])
    await assert.rejects(admin.topics.settings(['u']), { errorName: 'UNKNOWN_TOPIC_OR_PARTITION' })
    const broker = (await admin.brokers.settings(0))!
    assert.equal(broker.find(one => one.name === 'log.dirs')!.source, "broker's file")
    assert.ok(broker.every(one => !one.isSensitive || one.value === null))
    await assert.rejects(admin.brokers.settings(7), { code: 'PEER_UNREACHABLE' })
  }))

test('records go by offset, directories tell their room, and where nothing can move nothing does', () =>
  withAdmin(async (admin, produce) => {
    await admin.topics.create({ name: 't', partitions: 1 })
    await produce(10)
    const at = (offset: number) => admin.records.deleteBefore([{ topic: 't', partition: 0, offset }])
    assert.deepEqual([...(await at(4))], [['t-0', 4]])
    await assert.rejects(at(11), { errorName: 'OFFSET_OUT_OF_RANGE' })
    assert.deepEqual([...(await at(-1))], [['t-0', 10]])
    assert.deepEqual(await admin.offsets.of('t'), [{ partition: 0, first: 10, next: 10 }])
    await assert.rejects(admin.records.deleteBefore([{ topic: 'u', partition: 0, offset: 1 }]), {
      code: 'KAFKA',
      message: /the records of u-0 were not deleted: UNKNOWN_TOPIC_OR_PARTITION/,
    })
    const [directory] = (await admin.brokers.logDirectories()).get(0)!
    assert.ok(directory!.replicas.has('t-0'))
    assert.ok(directory!.totalBytes! >= directory!.usableBytes! && directory!.usableBytes! > 0)
    assert.deepEqual(
      [...(await admin.partitions.electPreferred([{ topic: 't', partition: 0 }]))],
      [['t-0', null]],
    )
    assert.deepEqual(await admin.partitions.moves(), [])
    const moved = await admin.partitions.reassign([{ topic: 't', partition: 0, replicas: [9] }])
    assert.match(moved.get('t-0')!, /INVALID_REPLICA_ASSIGNMENT/)
    const ended = await admin.partitions.reassign([{ topic: 't', partition: 0, replicas: null }])
    assert.match(ended.get('t-0')!, /NO_REASSIGNMENT_IN_PROGRESS/)
  }))

test('a record is written by hand: by key, into a partition, with headers, a tombstone', () =>
  withAdmin(async admin => {
    await admin.topics.create({ name: 't', partitions: 3 })
    const key = Buffer.from('k')
    const first = await admin.records.append({ topic: 't', key, value: Buffer.from('v') })
    assert.deepEqual(await admin.records.append({ topic: 't', key, value: null }), {
      partition: first.partition,
      offset: 1,
    })
    const headers = [{ key: 'h', value: Buffer.from('x') }]
    const partition = (first.partition + 1) % 3
    assert.deepEqual(await admin.records.append({ topic: 't', partition, key: null, value: key, headers }), {
      partition,
      offset: 0,
    })
    await assert.rejects(admin.records.append({ topic: 't', partition: 9, key, value: key }), {
      message: /the record was not written to t-9: UNKNOWN_TOPIC_OR_PARTITION/,
    })
    await assert.rejects(admin.records.append({ topic: 'u', key, value: key }), {
      message: /UNKNOWN_TOPIC_OR_PARTITION/,
    })
    await admin.topics.alterSettings('t', new Map([['cleanup.policy', 'compact']]))
    await assert.rejects(admin.records.append({ topic: 't', key: null, value: key }), { code: 'KAFKA' })
  }))
