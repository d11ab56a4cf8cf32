// Many clients read at once, some of them slowly: every one gets the bytes it asked for, although the
// buffers they were read into are used again.
import assert from 'node:assert/strict'
import { createHash, randomBytes } from 'node:crypto'
import { connect } from 'node:net'
import test from 'node:test'
import { createTopics } from '../../src/wire/kafka/messages/create-topics.ts'
import { fetch } from '../../src/wire/kafka/messages/fetch.ts'
import { produce } from '../../src/wire/kafka/messages/produce.ts'
import { writeRecords } from '../../src/wire/kafka/record-set.ts'
import { withBroker } from './running-broker.ts'
import { WireClient } from './wire-client.ts'
import { readRecords } from '../at-once.ts'

const batches = 24
const valueBytes = 180_000

const digestOf = (bytes: Buffer): string => createHash('sha1').update(bytes).digest('hex')

const question = (fetchOffset: number) => ({
  maxWaitMs: 0,
  minBytes: 1,
  topics: [{ topic: 't', partitions: [{ partition: 0, fetchOffset, partitionMaxBytes: 1_000_000 }] }],
  forgottenTopicsData: [],
})

/** Asks for the offsets, more than the sockets can hold, without reading a byte of an answer; `readOn` gives all of them then. */
async function slowReader(port: number, offsets: readonly number[]) {
  const socket = connect({ host: '127.0.0.1', port })
  await new Promise(resolve => socket.once('connect', resolve))
  socket.pause()
  for (const [index, offset] of offsets.entries())
    socket.write(
      fetch.encodeRequest({ version: 11, correlationId: index, clientId: 'slow', body: question(offset) }),
    )
  return async (): Promise<Buffer[]> => {
    const answers: Buffer[] = []
    let held = Buffer.alloc(0)
    for await (const chunk of socket) {
      held = Buffer.concat([held, chunk as Buffer])
      while (held.length >= 4 && held.length >= 4 + held.readInt32BE(0)) {
        const end = 4 + held.readInt32BE(0)
        answers.push(held.subarray(4, end))
        held = held.subarray(end)
      }
      if (answers.length === offsets.length) break
    }
    return answers
  }
}

test('clients that read at once, fast and slowly, get the bytes that were written', () =>
  withBroker(async ({ broker }) => {
    const client = await WireClient.connect(broker.port)
    await client.ask(createTopics, 5, {
      topics: [{ name: 't', numPartitions: 1, replicationFactor: 1, assignments: [], configs: [] }],
      timeoutMs: 1000,
    })
    const digests: string[] = []
    for (let index = 0; index < batches; index++) {
      const value = randomBytes(valueBytes)
      digests.push(digestOf(value))
      const records = writeRecords([{ key: null, value, timestamp: 1 }])
      const { responses } = await client.ask(produce, 7, {
        acks: -1,
        timeoutMs: 1000,
        topicData: [{ name: 't', partitionData: [{ index: 0, records }] }],
      })
      assert.equal(responses[0]!.partitionResponses[0]!.errorCode, 0)
    }
    const check = (records: Buffer, offset: number): number => {
      const read = readRecords(records, offset)
      assert.ok(read.records.length > 0)
      for (const record of read.records) assert.equal(digestOf(record.value!), digests[record.offset])
      return read.nextOffset
    }
    const offsets = Array.from({ length: 40 }, (_, index) => (index * 7) % (batches - 4))
    const slow = await Promise.all([slowReader(broker.port, offsets), slowReader(broker.port, offsets)])
    const readThrough = async (passes: number): Promise<void> => {
      const reader = await WireClient.connect(broker.port)
      for (let pass = 0; pass < passes; pass++)
        for (let next = 0; next < batches;) {
          const { responses } = await reader.ask(fetch, 11, question(next))
          next = check(responses[0]!.partitions[0]!.records!, next)
        }
      reader.close()
    }
    await Promise.all([readThrough(4), readThrough(4), readThrough(4)])
    for (const readOn of slow) {
      const answers = await readOn()
      assert.equal(answers.length, offsets.length)
      for (const [index, bytes] of answers.entries()) {
        const { correlationId, body } = fetch.decodeResponse(11, bytes)
        assert.equal(correlationId, index)
        check(body.responses[0]!.partitions[0]!.records!, offsets[index]!)
      }
    }
    client.close()
  }))
