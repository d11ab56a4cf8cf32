// A console that runs for a year: topics and groups come and go, and nothing is kept of those that are gone.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { queryObjects } from 'node:v8'
import type { FlowNode } from '../../src/console/api.ts'
import { KafkaCluster } from '../../src/console/clusters.ts'
import { History } from '../../src/console/history.ts'
import { LagHistory, LagLine } from '../../src/console/lag-history.ts'
import { Coordinator } from '../../src/kafka-client/connection/coordinator.ts'
import { readAdminProperties } from '../../src/kafka-client/kafka-client.ts'
import { Rate } from '../../src/observe/rate.ts'
import { realSystem } from '../../src/system/system.ts'
import { describeGroups } from '../../src/wire/kafka/messages/describe-groups.ts'
import { findCoordinator } from '../../src/wire/kafka/messages/find-coordinator.ts'
import { listGroups } from '../../src/wire/kafka/messages/list-groups.ts'
import { listOffsets } from '../../src/wire/kafka/messages/list-offsets.ts'
import { metadata } from '../../src/wire/kafka/messages/metadata.ts'
import { offsetFetch } from '../../src/wire/kafka/messages/offset-fetch.ts'
import { metadataOf, ScriptedBroker } from '../scripted-broker.ts'

const rounds = process.env['MILLRACE_DEEP'] === '1' ? 1000 : 200

test(`topics and groups that are created and deleted ${rounds} times leave nothing behind`, async () => {
  await using broker = await new ScriptedBroker().start()
  let [topic, group] = ['', '']
  const partition = { partitionIndex: 0, errorCode: 0, offset: 9, committedOffset: 4, metadata: '' }
  const topics = () => [{ name: topic, partitions: [partition] }]
  broker
    .on(metadata, asked => metadataOf([broker.address], { [topic]: { leaders: [0] } })(asked), [0, 2])
    .on(listGroups, () => ({ errorCode: 0, groups: [{ groupId: group, protocolType: 'consumer' }] }))
    .on(findCoordinator, () => ({ errorCode: 0, nodeId: 0, ...broker.address }), [0, 3])
    .on(describeGroups, ({ groups }) => ({
      groups: groups.map(groupId => ({
        errorCode: 0,
        groupId,
        groupState: 'Empty',
        protocolType: 'consumer',
        protocolData: '',
        members: [],
      })),
    }))
    .on(offsetFetch, ({ groups }, version) =>
      version < 8
        ? { errorCode: 0, topics: topics() }
        : { groups: groups.map(({ groupId }) => ({ groupId, errorCode: 0, topics: topics() })) },
    )
    .on(listOffsets, () => ({ topics: topics() }), [1, 1])
  const { settings } = readAdminProperties({ 'bootstrap.servers': broker.bootstrap }, {})
  const cluster = new KafkaCluster(
    { name: 'lab', settings: settings! },
    { ...realSystem, systemProperties: new Map() },
  )
  using _closed = { [Symbol.dispose]: () => cluster.close() }
  const counts = () => [LagLine, Rate, Coordinator].map(one => queryObjects(one, { format: 'count' }))
  const before = counts()
  for (let round = 0; round < rounds; round++) {
    ;[topic, group] = [`topic-${round}`, `group-${round}`]
    cluster.forget()
    const [rows, groups, one] = await Promise.all([
      cluster.topics(),
      cluster.groups(),
      cluster.group(group),
      cluster.admin.offsets.of(topic),
    ])
    assert.deepEqual([rows.topics[0]!.name, groups.groups[0]!.lag, one!.row.id], [topic, 5, group])
  }
  await cluster.admin.brokers.logDirectories()
  const asked = broker.asked.findLast(one => one.name === 'Metadata')!.body as { topics: unknown[] }
  assert.deepEqual(asked.topics, [])
  const [lines, rates, coordinators] = counts().map((count, index) => count - before[index]!)
  assert.ok(lines! <= 2 && rates! <= 2, `${lines} lines of lags, ${rates} rates`)
  assert.ok(coordinators! <= 100, `${coordinators} coordinators`)
})

test('the lag of an hour is kept in steps of ten seconds, and the hour before it is not', () => {
  const history = new LagHistory()
  const second = 1000
  for (let at = 0; at <= 7200; at += 10) history.add('g', at, at * second, false)
  const { stepSeconds, lag } = history.of('g', 7200 * second)
  assert.equal(stepSeconds, 10)
  assert.deepEqual([lag.length, lag[0], lag.at(-1)], [360, 3610, 7200])
  // Looks that are half a minute apart make one line; two minutes without one are a gap.
  history.add('g', 1, 7230 * second, false)
  history.add('g', 2, 7350 * second, false)
  assert.deepEqual(history.of('g', 7350 * second).lag.slice(-16, -10), [7200, 7200, 7200, 1, null, null])
  history.keep(new Set())
  assert.deepEqual(history.of('g', 7350 * second).lag, [])
})

test('of very many groups those are kept whose pages were looked at', () => {
  const history = new LagHistory()
  for (let index = 0; index < 5000; index++) history.add(`g${index}`, 1, 0, false)
  history.add('late', 1, 0, false)
  assert.deepEqual(history.of('late', 0).lag, [])
  history.add('looked', 1, 0, true)
  assert.deepEqual([history.of('looked', 0).lag, history.of('g0', 0).lag], [[1], []])
})

test('a lag that grows or shrinks steadily is a trend, and one that is read at the moment is none', () => {
  const history = new LagHistory()
  assert.equal(history.add('g', 100, 0, false).lagPerSecond, null)
  assert.equal(history.add('g', 105, 5000, false).lagPerSecond, 0)
  assert.equal(history.add('g', 300, 10_000, false).lagPerSecond, 20)
  assert.deepEqual(history.add('g', 50, 20_000, false), { lagPerSecond: -2.5, drainsInSeconds: 20 })
  assert.equal(history.add('g', null, 30_000, false).lagPerSecond, null)
})

test('a component keeps an hour in seconds and a day in minutes; a minute of which nothing is known is a gap', () => {
  const history = new History()
  const node = { id: 'a/CHANNEL.c1', agent: 'a', state: 'running', fill: { size: 0 } } as FlowNode
  // 25 hours; the size is the second, and nothing is known of the last minute but one.
  for (let second = 0; second < 90_000; second++) {
    const isKnown = second < 89_880 || second >= 89_940
    history.add([{ ...node, inPerSecond: isKnown ? 2 : null, fill: { ...node.fill!, size: second } }])
  }
  const hour = history.of(node.id, 'hour')
  assert.deepEqual([hour.stepSeconds, hour.history.size.length], [10, 360])
  assert.deepEqual([hour.history.size[0], hour.history.size.at(-1)], [86_404.5, 89_994.5])
  assert.deepEqual(hour.history.inPerSecond.slice(-13), [
    2,
    null,
    null,
    null,
    null,
    null,
    null,
    2,
    2,
    2,
    2,
    2,
    2,
  ])
  const day = history.of(node.id, 'day')
  assert.deepEqual([day.stepSeconds, day.history.size.length], [60, 1440])
  assert.deepEqual([day.history.size[0], day.history.size.at(-1)], [3629.5, 89_969.5])
  assert.deepEqual(day.history.inPerSecond.slice(-3), [2, null, 2])
  history.add([])
  assert.deepEqual(history.of(node.id, 'day').history.size, [])
})
