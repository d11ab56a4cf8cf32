import assert from 'node:assert/strict'
import { it } from 'node:test'
import { FormatError } from './format-error.ts'
import { consumerAssignment, consumerSubscription } from './messages/consumer-protocol.ts'

it('writes the version in front', () => {
  assert.equal(
    consumerSubscription.encode(0, { topics: ['t'] }).toString('hex'),
    '000000000001000174ffffffff',
  )
})

it('goes there and back in every version', () => {
  const body = {
    topics: ['a', 'b'],
    userData: Buffer.from('x'),
    ownedPartitions: [{ topic: 'a', partitions: [0, 2] }],
    generationId: 4,
    rackId: 'r',
  }
  assert.deepEqual(consumerSubscription.decode(consumerSubscription.encode(3, body)), { version: 3, body })
  const first = consumerSubscription.decode(consumerSubscription.encode(1, body)).body
  assert.deepEqual(first, { ...body, generationId: -1, rackId: null })
  const assigned = { assignedPartitions: [{ topic: 'a', partitions: [1] }], userData: null }
  for (const version of [0, 1, 2, 3])
    assert.deepEqual(consumerAssignment.decode(consumerAssignment.encode(version, assigned)), {
      version,
      body: assigned,
    })
})

it('reads a version newer than it knows as the newest it does', () => {
  const newer = Buffer.concat([consumerSubscription.encode(3, { topics: ['t'] }), Buffer.from('more')])
  newer.writeInt16BE(9, 0)
  assert.deepEqual(consumerSubscription.decode(newer).body.topics, ['t'])
})

it('names what is broken', () => {
  assert.throws(
    () => consumerAssignment.decode(Buffer.from('000000000001', 'hex')),
    (error: Error) => error instanceof FormatError && error.message.includes('consumer assignment v0'),
  )
  assert.throws(() => consumerAssignment.decode(Buffer.from('ffff', 'hex')), /version -1/)
})
