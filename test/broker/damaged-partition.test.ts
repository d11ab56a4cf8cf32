// A partition whose files were changed from outside: it stays offline, it is told where, and everything else
// is served.
import assert from 'node:assert/strict'
import { readdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import test from 'node:test'
import { errorCodes } from '../../src/wire/kafka/error-codes.ts'
import { createTopics } from '../../src/wire/kafka/messages/create-topics.ts'
import { fetch } from '../../src/wire/kafka/messages/fetch.ts'
import { listOffsets } from '../../src/wire/kafka/messages/list-offsets.ts'
import { metadata } from '../../src/wire/kafka/messages/metadata.ts'
import { produce } from '../../src/wire/kafka/messages/produce.ts'
import { writeRecords } from '../../src/wire/kafka/record-set.ts'
import { inDirectory, startBroker } from './running-broker.ts'
import { WireClient } from './wire-client.ts'

test('a damaged partition stays offline, and the others are served', () =>
  inDirectory(async directory => {
    const overrides = { 'log.segment.bytes': '200' }
    let running = await startBroker(directory, overrides)
    let client = await WireClient.connect(running.broker.port)
    const topic = { name: 't', numPartitions: 2, replicationFactor: 1, assignments: [], configs: [] }
    await client.ask(createTopics, 4, { topics: [topic] })
    const send = async (index: number) => {
      const records = writeRecords([{ timestamp: 1000, key: null, value: Buffer.alloc(100) }])
      const { responses } = await client.ask(produce, 8, {
        acks: -1,
        timeoutMs: 1000,
        topicData: [{ name: 't', partitionData: [{ index, records }] }],
      })
      return responses[0]!.partitionResponses[0]!.errorCode
    }
    for (let count = 0; count < 6; count++) for (const index of [0, 1]) assert.equal(await send(index), 0)
    client.close()
    await running.stop()
    const place = join(directory, 'logs', 't-0')
    const [segment] = (await readdir(place)).filter(name => name.endsWith('.log')).sort()
    const damaged = join(place, segment!)
    const bytes = await readFile(damaged)
    bytes[80]! ^= 1
    await writeFile(damaged, bytes)
    // Without it the start has to look at everything.
    await writeFile(join(place, 'checkpoint'), 'gone')

    running = await startBroker(directory, overrides)
    client = await WireClient.connect(running.broker.port)
    assert.match(
      running.lines.join('\n'),
      /ERROR partition t-0 stays offline until the broker is started again: \S+\.log is damaged at byte 0: /,
    )
    const { topics } = await client.ask(metadata, 5, { topics: [{ name: 't' }] })
    assert.deepEqual(
      topics[0]!.partitions.map(one => [one.errorCode, one.leaderId, one.offlineReplicas]),
      [
        [errorCodes.LEADER_NOT_AVAILABLE, -1, [0]],
        [0, 0, []],
      ],
    )
    assert.equal(await send(0), errorCodes.KAFKA_STORAGE_ERROR)
    assert.equal(await send(1), 0)
    const asked = [0, 1].map(partition => ({ partition, fetchOffset: 0, partitionMaxBytes: 1000 }))
    const { responses } = await client.ask(fetch, 11, {
      maxWaitMs: 0,
      minBytes: 1,
      topics: [{ topic: 't', partitions: asked }],
      forgottenTopicsData: [],
    })
    assert.deepEqual(
      responses[0]!.partitions.map(({ errorCode }) => errorCode),
      [errorCodes.KAFKA_STORAGE_ERROR, 0],
    )
    const ends = await client.ask(listOffsets, 5, {
      topics: [{ name: 't', partitions: [0, 1].map(partitionIndex => ({ partitionIndex, timestamp: -1 })) }],
    })
    assert.deepEqual(
      ends.topics[0]!.partitions.map(({ errorCode, offset }) => [errorCode, offset]),
      [
        [errorCodes.KAFKA_STORAGE_ERROR, -1],
        [0, 7],
      ],
    )
    client.close()
    await running.stop()
    bytes[80]! ^= 1
    assert.ok((await readFile(damaged)).length === bytes.length, 'nothing was cut off')
    await writeFile(damaged, bytes)
    running = await startBroker(directory, overrides)
    assert.equal(running.broker.topics.partition('t', 0)!.highWatermark, 6, 'put right, it is all there')
    await running.stop()
  }))
