// How much memory the broker takes under load. Its process is measured, by the kernel: the most it ever had.
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import test from 'node:test'
import { fileURLToPath } from 'node:url'
import { createTopics } from '../../src/wire/kafka/messages/create-topics.ts'
import { fetch } from '../../src/wire/kafka/messages/fetch.ts'
import { produce } from '../../src/wire/kafka/messages/produce.ts'
import { writeRecords } from '../../src/wire/kafka/record-set.ts'
import { startBrokerProcess } from './broker-process.ts'
import { inDirectory } from './running-broker.ts'
import { WireClient } from './wire-client.ts'

const file = fileURLToPath(new URL('files/server.properties', import.meta.url))
const batches = 4000
const mib = 1024 * 1024

const mostMiB = (pid: number): number =>
  Number(/VmHWM:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))![1]) / 1024

/** 64 MiB in and out. Bytes are passed on, not gathered: measured are 85 to 98 MiB, once 122, idle 70. */
test('passes bytes on without gathering them', { skip: process.platform !== 'linux' }, () =>
  inDirectory(async directory => {
    const broker = await startBrokerProcess(file, {
      'log.dirs': directory,
      'millrace.durability': 'relaxed',
    })
    try {
      const client = await WireClient.connect(broker.port)
      await client.ask(createTopics, 5, {
        topics: [{ name: 't', numPartitions: 1, replicationFactor: 1, assignments: [], configs: [] }],
        timeoutMs: 1000,
      })
      const value = Buffer.alloc(1024, 'x')
      const record = { key: null, value, headers: [], timestamp: 1 }
      const records = writeRecords(Array.from({ length: 16 }, () => record))
      const one = { index: 0, records }
      for (let sent = 0; sent < batches; sent += 5)
        await Promise.all(
          Array.from({ length: 5 }, () =>
            client.ask(produce, 7, {
              acks: -1,
              timeoutMs: 1000,
              topicData: [{ name: 't', partitionData: [one] }],
            }),
          ),
        )
      let position = 0
      let bytes = 0
      while (position < batches * 16) {
        const { responses } = await client.ask(fetch, 11, {
          maxWaitMs: 0,
          minBytes: 1,
          topics: [
            {
              topic: 't',
              partitions: [{ partition: 0, fetchOffset: position, partitionMaxBytes: mib }],
            },
          ],
          forgottenTopicsData: [],
        })
        const { length } = responses[0]!.partitions[0]!.records!
        assert.ok(length > 0 && length % records.length === 0, `${length} bytes at ${position}`)
        position += (length / records.length) * 16
        bytes += length
      }
      assert.equal(bytes, batches * records.length)
      const most = mostMiB(broker.pid)

      assert.ok(most < 145, `${most.toFixed(0)} MiB`)
      client.close()
    } finally {
      await broker.end('SIGKILL')
    }
  }),
)
