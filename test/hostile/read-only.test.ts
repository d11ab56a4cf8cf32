// A file system that becomes read-only under a channel and under a broker, as the kernel makes it after an error of the disk:
// what cannot be kept is refused and reported, nothing ends by itself, and a stop is quick. Needs root and loop devices.
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { join } from 'node:path'
import { test } from 'node:test'
import { createTopics } from '../../src/wire/kafka/messages/create-topics.ts'
import { fetch as fetchApi } from '../../src/wire/kafka/messages/fetch.ts'
import { produce } from '../../src/wire/kafka/messages/produce.ts'
import { writeRecords } from '../../src/wire/kafka/record-set.ts'
import { WireClient } from '../broker/wire-client.ts'
import { accepted, AttackedAgent } from './attacked-agent.ts'
import { HostileChild } from './child.ts'
import { noVolumes, Volume } from './volume.ts'

test("a file channel's file system that becomes read-only", { skip: noVolumes }, async t => {
  const volume = new Volume(t)
  const agent = await AttackedAgent.start(t, [
    'a1.sources = r1',
    'a1.channels = c1',
    'a1.sinks = k1',
    'a1.sources.r1.type = http',
    'a1.sources.r1.bind = 127.0.0.1',
    'a1.sources.r1.port = 0',
    'a1.sources.r1.channels = c1',
    'a1.channels.c1.type = file',
    `a1.channels.c1.checkpointDir = ${join(volume.path, 'c')}`,
    `a1.channels.c1.dataDirs = ${join(volume.path, 'd')}`,
    // The channel's own reserve is larger than the volume.
    'a1.channels.c1.minimumRequiredSpace = 1048576',
    'a1.channels.c1.keep-alive = 1',
    'a1.sinks.k1.type = avro',
    'a1.sinks.k1.hostname = 127.0.0.1',
    'a1.sinks.k1.port = 1',
    'a1.sinks.k1.channel = c1',
  ])
  const post = async () => {
    const url = `http://127.0.0.1:${agent.port()}/`
    return (await fetch(url, { method: 'POST', body: '[{"body":"a"}]', signal: AbortSignal.timeout(30_000) }))
      .status
  }
  assert.equal(await post(), 200)
  volume.makeReadOnly()
  assert.equal(await post(), 503)
  const { conditions } = await agent.until(snapshot =>
    snapshot.conditions.some(({ problem }) => /EROFS|read-only/i.test(problem)),
  )
  t.diagnostic(conditions.map(({ problem, remedy }) => `${problem} ${remedy}`).join(' | '))
  assert.equal(await post(), 503)
  assert.equal(accepted(await agent.snapshot()), 1)
  await agent.assertBounded()
})

test("a broker's file system that becomes read-only", { skip: noVolumes }, async t => {
  const volume = new Volume(t)
  const args = [join(volume.path, 'logs'), 'log.segment.bytes=1048576']
  const { child, ready } = await HostileChild.start<{ port: number }>(t, 'test/hostile/broker-child.ts', args)
  const client = await WireClient.connect(ready.port)
  t.after(() => client.close())
  const create = (name: string) =>
    client.ask(createTopics, 5, {
      topics: [{ name, numPartitions: 1, replicationFactor: 1, assignments: [], configs: [] }],
    })
  assert.equal((await create('t')).topics[0]!.errorCode, 0)
  const records = writeRecords([{ timestamp: Date.now(), key: null, value: Buffer.from('x') }])
  const send = async () => {
    const { responses } = await client.ask(produce, 3, {
      transactionalId: null,
      acks: -1,
      timeoutMs: 10_000,
      topicData: [{ name: 't', partitionData: [{ index: 0, records: Buffer.from(records) }] }],
    })
    return responses[0]!.partitionResponses[0]!.errorCode
  }
  assert.equal(await send(), 0)
  volume.makeReadOnly()
  assert.equal(await send(), 56)
  assert.equal(await send(), 56)
  assert.notEqual((await create('u')).topics[0]!.errorCode, 0)
  // What was acknowledged can still be read, or is said to be offline; it is never missing.
  const { responses } = await client.ask(fetchApi, 4, {
    replicaId: -1,
    maxWaitMs: 100,
    minBytes: 1,
    maxBytes: 1_000_000,
    topics: [{ topic: 't', partitions: [{ partition: 0, fetchOffset: 0, partitionMaxBytes: 1_000_000 }] }],
  })
  const [answer] = responses[0]!.partitions
  assert.ok(answer!.errorCode === 56 || answer!.records?.length === records.length, JSON.stringify(answer))
  await child.taken()
  const began = performance.now()
  child.process.send('stop')
  await once(child.process, 'exit')
  assert.ok(performance.now() - began < 10_000)
  assert.match(child.output, /EROFS|read-only/i)
})
