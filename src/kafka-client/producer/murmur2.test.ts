import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from '../../../test/fast-check.ts'
import kafkajs from 'kafkajs'
import { murmur2, partitionOfKey } from './murmur2.ts'

test('murmur2 gives what the Java client gives', () => {
  // Published with Kafka's own tests of Utils.murmur2.
  const known: [string, number][] = [
    ['21', -973932308],
    ['foobar', -790332482],
    ['a-little-bit-long-string', -985981536],
    ['a-little-bit-longer-string', -1486304829],
    ['lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8', -58897971],
    ['abc', 479470107],
  ]
  for (const [text, hash] of known) assert.equal(murmur2(Buffer.from(text)), hash, text)
})

test("keys go to the partitions that kafkajs' Java-compatible partitioner chooses", () => {
  const choose = kafkajs.Partitioners.JavaCompatiblePartitioner()
  fc.assert(
    fc.property(
      fc.uint8Array({ minLength: 0, maxLength: 60 }),
      fc.integer({ min: 1, max: 50 }),
      (bytes, count) => {
        const key = Buffer.from(bytes)
        const partitionMetadata = Array.from({ length: count }, (_, partitionId) => ({
          partitionId,
          leader: 0,
          partitionErrorCode: 0,
          replicas: [],
          isr: [],
        }))
        assert.equal(
          partitionOfKey(key, count),
          choose({ topic: 't', message: { key, value: null }, partitionMetadata }),
        )
      },
    ),
  )
})
