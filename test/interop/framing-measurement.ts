// Asks real Kafka what it makes of packed records: its broker for the answer to a Produce request, its consumer
// for the records it reads of them, whoever has stored them.
import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { errorCodes } from '../../src/wire/kafka/error-codes.ts'
import { createTopics } from '../../src/wire/kafka/messages/create-topics.ts'
import { fetch } from '../../src/wire/kafka/messages/fetch.ts'
import { listOffsets } from '../../src/wire/kafka/messages/list-offsets.ts'
import { metadata } from '../../src/wire/kafka/messages/metadata.ts'
import { produce } from '../../src/wire/kafka/messages/produce.ts'
import { kafkaError } from '../../src/wire/kafka/error-codes.ts'
import { WireClient } from '../broker/wire-client.ts'
import { metadataOf, ScriptedBroker } from '../scripted-broker.ts'
import { java, type Kafka } from './peers/peers.ts'
import { waitFor } from './peers/waiting.ts'
import type { FramingCase } from '../framing/cases.ts'

/** What a consumer makes of an entry. */
export interface Reading {
  /** How many records it hands out before an error, if there is one. */
  readonly count: number
  /** CRC-32 of their values, one after another. */
  readonly sum: number
  /** Empty where there is none. */
  readonly error: string
}

/** The name of the error that the broker answers a Produce request with, a case each. */
export async function answersOf(kafka: Kafka, cases: readonly FramingCase[]): Promise<string[]> {
  const client = await WireClient.connect(Number(kafka.bootstrap.split(':')[1]))
  try {
    const name = `framing-${randomUUID()}`
    const isOld = kafka.version === '0.10.2.1'
    const { topics } = await client.ask(createTopics, isOld ? 1 : 5, {
      topics: [{ name, numPartitions: cases.length, replicationFactor: 1, assignments: [], configs: [] }],
      timeoutMs: 60_000,
      validateOnly: false,
    })
    assert.equal(kafkaError(topics[0]!.errorCode).name, 'NONE')
    await waitFor(async () => {
      const { topics } = await client.ask(metadata, isOld ? 1 : 8, { topics: [{ name }] })
      const partitions = topics[0]?.partitions ?? []
      return partitions.length === cases.length && partitions.every(one => one.errorCode === 0)
    }, 'every partition has its leader')
    const answers: string[] = []
    for (const [index, { magic, records }] of cases.entries()) {
      const version = [1, 2, 8][magic]!
      let code: number = errorCodes.NOT_LEADER_OR_FOLLOWER
      // A leader is in the metadata a moment before it knows that itself.
      await waitFor(async () => {
        const { responses } = await client.ask(produce, version, {
          acks: -1,
          timeoutMs: 10_000,
          topicData: [{ name, partitionData: [{ index, records }] }],
        })
        code = responses[0]!.partitionResponses[0]!.errorCode
        return code !== errorCodes.NOT_LEADER_OR_FOLLOWER && code !== errorCodes.UNKNOWN_TOPIC_OR_PARTITION
      }, 'the leader takes records')
      answers.push(kafkaError(code).name)
    }
    return answers
  } finally {
    client.close()
  }
}

/** What the consumer of a Kafka release reads, a case each; a broker of ours has stored them as they are. */
export async function readingsOf(
  version: '4.1.0' | '0.10.2.1',
  directory: string,
  cases: readonly FramingCase[],
): Promise<Reading[]> {
  await using broker = await new ScriptedBroker().start()
  const topics = { framing: { leaders: cases.map(() => 0) } }
  broker.on(metadata, metadataOf([broker.address], topics), [0, 8])
  broker.on(
    listOffsets,
    ({ topics: asked }) => ({
      topics: asked.map(({ name, partitions }) => ({
        name,
        partitions: partitions.map(({ partitionIndex }) => ({ partitionIndex, errorCode: 0, offset: 0 })),
      })),
    }),
    [0, 3],
  )
  broker.on(
    fetch,
    ({ topics: asked }) => ({
      sessionId: 0,
      responses: asked.map(({ topic, partitions }) => ({
        topic,
        partitions: partitions.map(({ partition, fetchOffset }) => ({
          partitionIndex: partition,
          errorCode: 0,
          highWatermark: 3,
          abortedTransactions: null,
          preferredReadReplica: -1,
          records: fetchOffset < 3 ? cases[partition]!.records : Buffer.alloc(0),
        })),
      })),
    }),
    [0, 6],
  )
  const running = await java(`kafka-${version}`, directory, `reader-${version}`, {
    main: [
      new URL('partition-reader.java', import.meta.url).pathname,
      broker.bootstrap,
      'framing',
      String(cases.length),
      '3',
    ],
    ready: /^0\t/m,
  })
  await running.line(/^done/, 120_000)
  await running.stop()
  return [...running.output.matchAll(/^\d+\t(\d+)\t(\d+)\t(.*)$/gm)].map(([, count, sum, error]) => ({
    count: Number(count),
    sum: Number(sum),
    error: error!,
  }))
}
