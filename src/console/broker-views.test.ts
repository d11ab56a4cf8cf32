import assert from 'node:assert/strict'
import { test } from 'node:test'
import { brokersOf, brokerTopicsOf, EndRates, type ClusterLook } from './broker-views.ts'

const partition = (index: number, leader: number, replicas: number[]) => ({
  index,
  errorCode: 0,
  leader,
  leaderEpoch: 0,
  replicas,
  isr: replicas,
})
const topic = (name: string, partitions: ReturnType<typeof partition>[]) => ({
  id: '',
  name,
  errorCode: 0,
  isInternal: false,
  partitions,
})
const broker = (id: number) => ({ id, host: 'h', port: 9092 + id, rack: null })
const look: ClusterLook = {
  description: { clusterId: 'c', controllerId: 2, brokers: [broker(1), broker(2)] },
  topics: [
    topic('a', [
      partition(0, 1, [1, 2]),
      partition(1, 1, [1, 2]),
      partition(2, 1, [1, 2]),
      partition(3, -1, [2]),
    ]),
    topic('b', [partition(0, 2, [2])]),
  ],
  directories: new Map([
    [
      1,
      [
        {
          path: '/d',
          problem: null,
          totalBytes: null,
          usableBytes: null,
          replicas: new Map([
            ['a-0', 10],
            ['a-1', 20],
          ]),
        },
      ],
    ],
  ]),
  rates: new Map([
    ['a-0', 5],
    ['a-1', 7],
    ['b-0', 0],
  ]),
}

test('each broker: what it leads and keeps, and the records written to what it leads', () => {
  const { brokers } = brokersOf(look)
  assert.deepEqual(
    brokers.map(({ id, leaders, replicas, perSecond, bytes, isController }) => [
      id,
      leaders,
      replicas,
      perSecond,
      bytes,
      isController,
    ]),
    [
      [1, 3, 3, 12, 30, false],
      [2, 1, 5, 0, null, true],
    ],
  )
  const unknown = brokersOf({ ...look, rates: new Map() })
  assert.deepEqual(
    unknown.brokers.map(({ perSecond }) => perSecond),
    [null, null],
  )
})

test('the topics of a broker, by CMAK’s formula of what is skewed', () => {
  const of = (id: number) =>
    brokerTopicsOf(id, look).map(
      ({ name, partitions, held, led, isSkewed, isLeaderSkewed, perSecond, bytes }) => [
        name,
        partitions,
        held,
        led,
        isSkewed,
        isLeaderSkewed,
        perSecond,
        bytes,
      ],
    )
  // Four partitions on two brokers: two leaders each is even, and four replicas.
  assert.deepEqual(of(1), [['a', 4, 3, 3, false, true, 12, 30]])
  assert.deepEqual(of(2), [
    ['a', 4, 4, 0, false, false, 0, null],
    ['b', 1, 1, 1, false, false, 0, null],
  ])
})

test('rates are over five seconds or more; what began again has none, and the first look none at all', () => {
  const rates = new EndRates()
  const add = (at: number, ...ends: [string, number][]) => [...rates.add(new Map(ends), at)]
  assert.deepEqual(add(0, ['a-0', 100], ['b-0', 50]), [])
  assert.deepEqual(add(2000, ['a-0', 200], ['b-0', 10], ['c-0', 7]), [['a-0', 50]])
  assert.deepEqual(add(5000, ['a-0', 200]), [['a-0', 20]])
  assert.deepEqual(add(10_000, ['a-0', 200], ['b-0', 10]), [['a-0', 0]])
})
