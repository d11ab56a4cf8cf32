// Records that text cannot carry, on both sides of a chain of agents: written into one topic, and read from any.
import assert from 'node:assert/strict'
import fc from './fast-check.ts'
import { createProducer, type ConsumedRecord, type ProducerRecord } from '../src/kafka-client/kafka-client.ts'
import { PartitionReader } from '../src/kafka-client/consumer/partition-reader.ts'
import { consumerDefaults, producerDefaults } from '../src/kafka-client/settings.ts'
import { looseConditions } from '../src/observe/conditions.ts'
import { silentLogger } from '../src/observe/log.ts'
import { realSystem } from '../src/system/system.ts'
import { hangMs } from './interop/peers/waiting.ts'

export const partitions = 3

export const anyBytes = fc.oneof(
  fc.uint8Array({ maxLength: 12 }).map(one => Buffer.from(one)),
  fc.string({ unit: 'binary', maxLength: 8 }).map(one => Buffer.from(one)),
)
export const anyContent = fc.record({
  key: fc.option(anyBytes, { freq: 4 }),
  value: fc.option(anyBytes, { freq: 4 }),
  headers: fc.array(
    fc.record({
      key: fc.oneof(fc.constantFrom('a', 'b', '', 'key'), fc.string({ unit: 'grapheme', maxLength: 5 })),
      value: fc.option(anyBytes, { freq: 4 }),
    }),
    { maxLength: 6 },
  ),
})

/** So many records of a seed, in turn for each partition, none without a time of its own. */
export const oddRecords = (topic: string, count: number, seed: number): ProducerRecord[] =>
  fc.sample(anyContent, { numRuns: count, seed }).map((content, index) => ({
    ...content,
    topic,
    partition: index % partitions,
    timestamp: 1_700_000_000_000 + index * 1001,
  }))

export async function writeAll(bootstrap: string, records: readonly ProducerRecord[]): Promise<void> {
  const settings = { ...producerDefaults, acks: -1 as const, bootstrapServers: [bootstrap] }
  const producer = createProducer({ settings, system: realSystem, log: silentLogger })
  try {
    await producer.send(records)
  } finally {
    await producer.close()
  }
}

/** The first records of the topic, by partition; rejects where they do not come. */
export async function readAll(bootstrap: string, topic: string, count: number): Promise<ConsumedRecord[]> {
  const settings = { ...consumerDefaults, bootstrapServers: [bootstrap] }
  const condition = looseConditions(realSystem.clock, silentLogger)
  const reader = new PartitionReader({ system: realSystem, log: silentLogger, condition, settings })
  reader.add(Array.from({ length: partitions }, (_, partition) => ({ topic, partition, offset: 0 })))
  const signal = AbortSignal.timeout(hangMs)
  const found: ConsumedRecord[] = []
  try {
    while (found.length < count && !signal.aborted)
      found.push(...(await reader.poll({ maxRecords: 500, signal })))
  } finally {
    await reader.close()
  }
  assert.equal(found.length, count, `records of ${topic}`)
  return found.toSorted((one, other) => one.partition - other.partition || one.offset - other.offset)
}

/** Everything that must be the same on both sides. */
export const contentOf = ({
  partition,
  key,
  value,
  headers,
  timestamp,
}: Omit<ConsumedRecord, 'topic' | 'offset'>) => ({
  partition,
  key,
  value,
  headers: headers.map(one => ({ key: one.key, value: one.value })),
  timestamp,
})
