import assert from 'node:assert/strict'
import { test } from 'node:test'
import { consumerAssignment, consumerSubscription } from '../../wire/kafka/messages/consumer-protocol.ts'
import {
  decodeAssignment,
  decodeSubscription,
  encodeAssignment,
  encodeSubscription,
} from './group-protocol.ts'

test('subscriptions and assignments are written in version 0', () => {
  assert.equal(
    encodeSubscription({ topics: ['t'], userData: null }).toString('hex'),
    '000000000001000174ffffffff',
  )
  const partitions = [
    { topic: 't', partition: 1 },
    { topic: 't', partition: 0 },
  ]
  assert.equal(
    encodeAssignment(partitions).toString('hex'),
    '000000000001000174000000020000000000000001ffffffff',
  )
})

test('newer ones are read, also where a client leaves out what its version has beside', () => {
  const given = { topics: ['t'], userData: Buffer.from('x') }
  const { topics, userData } = decodeSubscription(consumerSubscription.encode(3, given))
  assert.deepEqual({ topics, userData }, given)
  const bare = encodeSubscription(given)
  bare.writeInt16BE(1, 0)
  assert.deepEqual(decodeSubscription(bare).topics, ['t'])
  const assigned = consumerAssignment.encode(3, { assignedPartitions: [{ topic: 't', partitions: [2] }] })
  assert.deepEqual(decodeAssignment(assigned), [{ topic: 't', partition: 2 }])
  assert.deepEqual(decodeAssignment(Buffer.alloc(0)), [])
})

test('what cannot be read is told with a remedy', () => {
  for (const bytes of [Buffer.alloc(1), Buffer.from('ffff', 'hex'), Buffer.from('000000000001', 'hex')]) {
    assert.throws(() => decodeSubscription(bytes), { code: 'PROTOCOL', remedy: /group\.id/ })
    assert.throws(() => decodeAssignment(bytes), { code: 'PROTOCOL', remedy: /group\.id/ })
  }
})
