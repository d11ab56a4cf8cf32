import assert from 'node:assert/strict'
import { it } from 'node:test'
import { silentLogger } from '../../observe/log.ts'
import type { BrokerConnection } from '../connection/connection.ts'
import { PartitionQueue } from './partition-queue.ts'
import { PartitionSequence } from './partition-sequence.ts'
import { IdempotentIdentities } from './producer-identity.ts'

it('numbers go from 2^31 - 1 on to 0', () => {
  const sequence = new PartitionSequence()
  sequence.start(5, 0)
  sequence.advance(2 ** 31 - 3)
  assert.equal(sequence.identity.baseSequence, 2 ** 31 - 3)
  sequence.advance(5)
  assert.equal(sequence.identity.baseSequence, 2)
})

it('the last epoch of an id is followed by the first of another, for those who begin again alone', async () => {
  let given = 40
  const connection = {
    where: 'a:1',
    versionOf: () => 4,
    request: () => Promise.resolve({ errorCode: 0, producerId: given++, producerEpoch: 0 }),
  } as unknown as BrokerConnection
  const identities = new IdempotentIdentities(silentLogger, true)
  const [queue, other] = [0, 1].map(partition => new PartitionQueue('t', partition, () => {})) as [
    PartitionQueue,
    PartitionQueue,
  ]
  await identities.prepare([queue, other], connection)
  identities.stamp(other)
  queue.sequence.start(40, 32_766)
  queue.sequence.breakOff()
  const seen: (readonly [number, number])[] = []
  for (let turn = 0; turn < 3; turn++) {
    await identities.prepare([queue], connection)
    const { producerId, producerEpoch } = identities.stamp(queue)!
    seen.push([producerId, producerEpoch])
    queue.sequence.breakOff()
  }
  assert.deepEqual(seen, [
    [40, 32_767],
    [41, 0],
    [41, 1],
  ])
  assert.deepEqual([identities.stamp(other)!.producerId, given], [40, 42])
})
