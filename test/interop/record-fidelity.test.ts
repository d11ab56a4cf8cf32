// recordFidelity = exact with a real Flume 1.11 between our two agents, on Kafka 4.1: Kafka, agent A, Avro with
// compression, Flume with a file channel, Avro, agent B, Kafka.
import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { createAdmin } from '../../src/kafka-client/kafka-client.ts'
import { silentLogger } from '../../src/observe/log.ts'
import { realSystem } from '../../src/system/system.ts'
import { contentOf, oddRecords, partitions, readAll, writeAll } from '../exact-chain.ts'
import { freePort, skipWithoutPeers, startFlume, startMillrace } from './peers/peers.ts'
import { someKafka } from './peers/shared.ts'

const count = 300

test('a Flume between two agents passes on what it cannot carry', { skip: skipWithoutPeers }, async () => {
  const directory = mkdtempSync(join(tmpdir(), 'fidelity-flume-'))
  await using stack = new AsyncDisposableStack()
  stack.defer(() => rmSync(directory, { recursive: true, force: true }))
  const { bootstrap } = stack.use(await someKafka('4.1.0', directory))
  const [input, output] = ['exact-in', 'exact-out']
  const admin = createAdmin({ system: realSystem, bootstrapServers: [bootstrap], log: silentLogger })
  stack.defer(() => admin.close())
  for (const name of [input, output]) await admin.topics.create({ name, partitions })
  const sent = oddRecords(input, count, 7)
  await writeAll(bootstrap, sent)
  const before = (await readAll(bootstrap, input, count)).map(contentOf)
  assert.deepEqual(
    before,
    sent
      .map(({ partition = 0, key, value, headers = [], timestamp = -1 }) =>
        contentOf({ partition, key, value, headers, timestamp }),
      )
      .toSorted((one, other) => one.partition - other.partition),
  )
  const [toFlume, toB] = [await freePort(), await freePort()]
  stack.use(
    await startMillrace(directory, {
      agent: 'B',
      conf: `
B.sources = s
B.channels = c
B.sinks = k
B.sources.s.type = avro
B.sources.s.bind = 127.0.0.1
B.sources.s.port = ${toB}
B.sources.s.channels = c
B.channels.c.type = memory
B.sinks.k.type = org.apache.flume.sink.kafka.KafkaSink
B.sinks.k.channel = c
B.sinks.k.kafka.bootstrap.servers = ${bootstrap}
B.sinks.k.kafka.topic = ${output}
B.sinks.k.allowTopicOverride = false
B.sinks.k.recordFidelity = exact
B.sinks.k.partitionIdHeader = partition
`,
    }),
  )
  stack.use(
    await startFlume('1.11.0', directory, {
      agent: 'F',
      conf: `
F.sources = s
F.channels = c
F.sinks = k
F.sources.s.type = avro
F.sources.s.bind = 127.0.0.1
F.sources.s.port = ${toFlume}
F.sources.s.compression-type = deflate
F.sources.s.channels = c
F.channels.c.type = file
F.channels.c.checkpointDir = ${directory}/f/checkpoint
F.channels.c.dataDirs = ${directory}/f/data
F.sinks.k.type = avro
F.sinks.k.hostname = 127.0.0.1
F.sinks.k.port = ${toB}
F.sinks.k.channel = c
`,
    }),
  )
  stack.use(
    await startMillrace(directory, {
      agent: 'A',
      conf: `
A.sources = s
A.channels = c
A.sinks = k
A.sources.s.type = org.apache.flume.source.kafka.KafkaSource
A.sources.s.kafka.bootstrap.servers = ${bootstrap}
A.sources.s.kafka.topics = ${input}
A.sources.s.kafka.consumer.group.id = exact
A.sources.s.kafka.consumer.auto.offset.reset = earliest
A.sources.s.batchSize = 100
A.sources.s.recordFidelity = exact
A.sources.s.channels = c
A.channels.c.type = memory
A.sinks.k.type = avro
A.sinks.k.hostname = 127.0.0.1
A.sinks.k.port = ${toFlume}
A.sinks.k.compression-type = deflate
A.sinks.k.channel = c
`,
    }),
  )
  assert.deepEqual((await readAll(bootstrap, output, count)).map(contentOf), before)
})
