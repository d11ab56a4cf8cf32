// What the administration client changes on real clusters: three brokers of Kafka 4.1, which move and lead partitions, and
// one of 0.10.2.1, which knows little of it and is asked no more than it knows.
import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { randomBytes } from 'node:crypto'
import { after, before, describe, test } from 'node:test'
import { chromium } from 'playwright-core'
import { startConsole } from '../../src/console/console.ts'
import { Reassignments } from '../../src/console/reassignment.ts'
import { KafkaCluster as ConsoleCluster } from '../../src/console/clusters.ts'
import { createAdmin, readAdminProperties, type Admin } from '../../src/kafka-client/kafka-client.ts'
import { silentLogger } from '../../src/observe/log.ts'
import { realSystem } from '../../src/system/system.ts'
import { chromiumPath, skipWithoutChromium } from './peers/chromium.ts'
import { startCluster41, type KafkaCluster } from './peers/clusters.ts'
import { skipWithoutPeers } from './peers/peers.ts'
import { someKafka } from './peers/shared.ts'
import { clientOf, produceAll } from './peers/topics.ts'
import { waitFor } from './peers/waiting.ts'

const adminOf = (bootstrap: string): Admin =>
  createAdmin({ system: realSystem, bootstrapServers: bootstrap.split(','), log: silentLogger })

const settingsOf = (bootstrap: string) =>
  readAdminProperties({ 'bootstrap.servers': bootstrap }, {}).settings!
const clientSystem = { ...realSystem, systemProperties: new Map<string, string>() }

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

  test('topics move together at a limited rate, which is lifted by hand and when the moves are over', async () => {
    const names = ['bulk-a', 'bulk-b']
    const value = randomBytes(900_000).toString('latin1').slice(0, 500_000)
    for (const name of names) {
      await created(name, 1, 1)
      for (let record = 0; record < 4; record++)
        await admin.records.append({ topic: name, partition: 0, key: null, value: Buffer.from(value) })
    }
    const reassignments = new Reassignments(admin, realSystem.clock)
    using _closed = { [Symbol.dispose]: () => reassignments.close() }
    const plan = await reassignments.plan(names, { replicas: 3 })
    assert.deepEqual(
      plan.map(({ topic, problem, partitions }) => [topic, problem, partitions[0]!.after.length]),
      names.map(name => [name, null, 3]),
    )
    const moves = plan.flatMap(({ topic, partitions }) => partitions.map(one => ({ topic, ...one })))
    const outcomes = await reassignments.begin(moves, 20_000)
    assert.deepEqual([...outcomes.values()], [null, null])
    await waitFor(async () => (await reassignments.underWay()).bytesPerSecond === 20_000, 'the limit shows')
    const moving = async () => (await reassignments.underWay()).moves!.map(({ topic }) => topic)
    assert.deepEqual(await moving(), names)
    assert.deepEqual([...(await reassignments.stop(['bulk-a']))], [['bulk-a-0', null]])
    assert.deepEqual(await moving(), ['bulk-b'])
    // Another console, which knows nothing of what this one has limited.
    const other = new Reassignments(admin, realSystem.clock)
    const lifted = await other.liftAll()
    assert.ok(
      [...lifted.values()].every(problem => problem === null),
      JSON.stringify([...lifted]),
    )
    await waitFor(async () => (await moving()).length === 0, 'the rest moves without a limit')
    const isLimited = async () => {
      const { bytesPerSecond } = await reassignments.underWay()
      const settings = [...(await admin.topics.settings(names))!.values()].flat()
      const left = settings.filter(one => one.name.includes('throttled') && one.source === 'topic')
      return bytesPerSecond !== null || left.length > 0
    }
    await waitFor(async () => !(await isLimited()), 'nothing is limited')
    const again = (await reassignments.plan(['bulk-a'], { replicas: 2 }))[0]!.partitions[0]!
    await reassignments.begin([{ topic: 'bulk-a', ...again }], 1_000_000_000)
    await waitFor(async () => (await placed('bulk-a'))[0]!.length === 2, 'it has moved')
    await waitFor(async () => !(await isLimited()), 'the limit is lifted when the moves are over')
  })

  test(
    'topics move by the page, at a limited rate; it shows them, stops them and takes the limit away',
    {
      skip: skipWithoutChromium,
    },
    async () => {
      const names = ['paged-a', 'paged-b']
      const value = randomBytes(500_000)
      for (const name of names) {
        await created(name, 1, 1)
        const record = { topic: name, partition: 0, key: null, value }
        // Each broker learns of a topic in its own time.
        const isWritten = () =>
          admin.records.append(record).then(
            () => true,
            () => false,
          )
        for (let written = 0; written < 4; written++) await waitFor(isWritten, 'a record is written')
      }
      await using served = await startConsole({
        agents: { given: [], announced: false },
        clusters: [{ name: 'lab', settings: settingsOf(cluster.bootstrap) }],
        settings: { port: 0 },
        system: clientSystem,
      })
      const browser = await chromium.launch({ executablePath: chromiumPath, args: ['--no-sandbox'] })
      try {
        const page = await browser.newPage()
        page.setDefaultTimeout(60_000)
        await page.goto(`${served.url}topics?do=move&find=paged&replicas=3&limit=0.02`)
        await page.getByLabel('All 2').check()
        await page.getByRole('button', { name: 'Plan for 2 topics' }).click()
        await page.getByText('2 of 2').waitFor()
        await page.getByRole('button', { name: 'Move 2 partitions' }).click()
        await page.getByText('2 partitions of 2 topics began to move.').waitFor()
        for (const name of names) await page.getByRole('rowheader', { name: `${name}-0` }).waitFor()
        await page.getByText('20.5 KiB/s per broker').waitFor()
        await page.getByRole('link', { name: 'Stop the moves' }).click()
        await page.getByRole('button', { name: 'Stop the moves' }).click()
        await page.getByText('2 partitions of 2 topics stay where they were.').waitFor()
        assert.deepEqual(await admin.partitions.moves(), [])
        for (const name of names) assert.equal((await placed(name))[0]!.length, 1)
        // The console takes the limit away by itself, unless somebody is faster.
        await page.goto(`${served.url}brokers?do=lift`)
        const button = page.getByRole('button', { name: 'Remove the limit' })
        const none = page.getByText('No broker has a limit.')
        await button.or(none).waitFor()
        if (await button.isVisible()) await button.click()
        await waitFor(async () => {
          const settings = [...(await admin.topics.settings(names))!.values()].flat()
          return !settings.some(one => one.name.includes('throttled') && one.source === 'topic')
        }, 'nothing is limited')
      } finally {
        await browser.close()
      }
    },
  )

  test('C7: the percentages of topics are those that are counted from what another client is told', async () => {
    const client = clientOf(cluster.bootstrap).admin()
    await client.connect()
    const ids = [1, 2, 3]
    const random = (most: number) => Math.floor(realSystem.random.next() * most)
    const topics = Array.from({ length: 12 }, (_, at) => ({
      topic: `placed-${at}`,
      replicaAssignment: Array.from({ length: 1 + random(6) }, (_partition, partition) => ({
        partition,
        replicas: ids.toSorted(() => realSystem.random.next() - 0.5).slice(0, 1 + (at % 3)),
      })),
    }))
    await client.createTopics({ topics, waitForLeaders: true })
    const console_ = new ConsoleCluster(
      { name: 'lab', settings: settingsOf(cluster.bootstrap) },
      clientSystem,
    )
    using _closed = { [Symbol.dispose]: () => console_.close() }
    const names = topics.map(({ topic }) => topic)
    const told = async () => {
      const { topics: found } = await client.fetchTopicMetadata({ topics: names })
      return new Map(found.map(({ name, partitions }) => [name, partitions]))
    }
    const isSettled = async () =>
      [...(await told()).values()]
        .flat()
        .every(one => one.isr.length === one.replicas.length && one.leader >= 0)
    await waitFor(isSettled, 'all replicas are in sync')
    const whole = (part: number, all: number) => Math.floor((100 * part) / all)
    const rows = new Map((await console_.topics()).topics.map(row => [row.name, row]))
    for (const [name, partitions] of await told()) {
      const on = (holds: (one: (typeof partitions)[number], id: number) => boolean) =>
        ids.map(id => partitions.filter(one => holds(one, id)).length)
      const replicas = on((one, id) => one.isr.includes(id))
      const holders = replicas.filter(count => count > 0).length
      const most = Math.ceil((partitions.length / holders) * partitions[0]!.replicas.length)
      const leaders = on((one, id) => one.leader === id)
      const expected = {
        spread: whole(holders, 3),
        skew: whole(replicas.filter(count => count > most).length, holders),
        leaderSkew: whole(
          leaders.filter(count => count > Math.ceil(partitions.length / holders)).length,
          holders,
        ),
        preferred: whole(partitions.filter(one => one.leader === one.replicas[0]).length, partitions.length),
        underReplicated: 0,
      }
      assert.deepEqual(rows.get(name)!.cmak, expected, `${name} ${JSON.stringify(partitions)}`)
    }
    await client.deleteTopics({ topics: names })
    await client.disconnect()
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

  test('pages with one broker that stands still have all that the others tell', async () => {
    await created('partly', 3, 1)
    await admin.groups.commit('partly-read', [{ topic: 'partly', partition: 0, offset: 0 }])
    const console_ = new ConsoleCluster(
      { name: 'lab', settings: settingsOf(cluster.bootstrap) },
      clientSystem,
    )
    using _closed = { [Symbol.dispose]: () => console_.close() }
    assert.deepEqual((await console_.groups()).problems, [])
    const broker = cluster.broker(3)
    broker.pause()
    try {
      console_.forget()
      const [{ topics }, { brokers }, { problems, groups }] = await Promise.all([
        console_.topics(),
        console_.brokers(),
        console_.groups(),
      ])
      assert.ok(topics.some(({ name }) => name === 'partly'))
      assert.ok(brokers.some(({ id, bytes }) => id === 1 && bytes !== null))
      // Its groups are missing, with why; or the others know already that it is away, and look after them.
      assert.ok(problems.length > 0 || groups.every(({ problem }) => problem === null))
    } finally {
      broker.resume()
    }
    await waitFor(async () => {
      console_.forget()
      return (await console_.groups()).problems.length === 0
    }, 'all brokers answer again')
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
