// The header loop of the seed's notes: the Kafka source names its topic in a header, and the Kafka sink
// obeys it. Without the interceptor the events go back to where they came from, as in Flume; each of the
// ways out ends that.
import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { freePort, skipWithoutPeers, startMillrace, type Kafka } from './peers/peers.ts'
import { someKafka } from './peers/shared.ts'
import { consumeAll, countOf, createTopic, produceAll } from './peers/topics.ts'

describe('the header loop', { skip: skipWithoutPeers }, () => {
  let directory: string
  let kafka: Pick<Kafka, 'bootstrap'>
  const stack = new AsyncDisposableStack()
  before(async () => {
    directory = mkdtempSync(join(tmpdir(), 'millrace-loop-'))
    kafka = stack.use(await someKafka('4.1.0', directory))
  })
  after(async () => {
    await stack.disposeAsync()
    rmSync(directory, { recursive: true, force: true })
  })

  const overwrite = (agent: string) => `
${agent}.sources.s.interceptors = i
${agent}.sources.s.interceptors.i.type = static
${agent}.sources.s.interceptors.i.key = topic
${agent}.sources.s.interceptors.i.preserveExisting = false
${agent}.sources.s.interceptors.i.value = OUT
`

  /** Runs the two agents of one file with `more` lines; the topics' names are IN and OUT in it. */
  async function withChain(id: string, more: string, work: (input: string, output: string) => Promise<void>) {
    const [input, output] = [`in-${id}`, `out-${id}`]
    await createTopic(kafka.bootstrap, input)
    await createTopic(kafka.bootstrap, output)
    const port = await freePort()
    const conf = `
A.sources = s
A.channels = c
A.sinks = k
A.sources.s.type = org.apache.flume.source.kafka.KafkaSource
A.sources.s.kafka.bootstrap.servers = ${kafka.bootstrap}
A.sources.s.kafka.topics = IN
A.sources.s.kafka.consumer.group.id = ${id}
A.sources.s.kafka.consumer.auto.offset.reset = earliest
A.sources.s.batchSize = 100
A.sources.s.channels = c
A.channels.c.type = memory
A.sinks.k.type = avro
A.sinks.k.hostname = 127.0.0.1
A.sinks.k.port = ${port}
A.sinks.k.channel = c
B.sources = s
B.channels = c
B.sinks = k
B.sources.s.type = avro
B.sources.s.bind = 127.0.0.1
B.sources.s.port = ${port}
B.sources.s.channels = c
B.channels.c.type = memory
B.sinks.k.type = org.apache.flume.sink.kafka.KafkaSink
B.sinks.k.kafka.bootstrap.servers = ${kafka.bootstrap}
B.sinks.k.kafka.topic = OUT
B.sinks.k.channel = c
${more}`
      .replaceAll('IN', input)
      .replaceAll('OUT', output)
    await using agents = new AsyncDisposableStack()
    const b = agents.use(await startMillrace(join(directory, id), { agent: 'B', conf }))
    const a = agents.use(await startMillrace(join(directory, id), { agent: 'A', conf }))
    void [a, b]
    await work(input, output)
  }

  const two = [
    { key: null, value: 'one' },
    { key: null, value: 'two' },
  ]

  test('without the interceptor the header overrides the sink and events go round, as in Flume', async () => {
    await withChain('loop', '', async (input, output) => {
      await produceAll(kafka.bootstrap, input, two)
      const round = await consumeAll(kafka.bootstrap, input, 40)
      assert.ok(round.length >= 40, `${round.length} records in ${input}`)
      assert.deepEqual(new Set(round.map(({ value }) => value)), new Set(['one', 'two']))
      assert.equal(await countOf(kafka.bootstrap, output), 0)
    })
  })

  for (const [name, more] of [
    ['allowTopicOverride = false on the sink', 'B.sinks.k.allowTopicOverride = false\n'],
    ['the interceptor on the first agent', overwrite('A')],
    ['the interceptor on the second agent', overwrite('B')],
  ] as const)
    test(`${name} ends it`, async () => {
      await withChain(name.replaceAll(/\W+/g, '-'), more, async (input, output) => {
        await produceAll(kafka.bootstrap, input, two)
        const received = await consumeAll(kafka.bootstrap, output, 2, { extraMs: 1500 })
        assert.deepEqual(
          received.map(({ value }) => value),
          ['one', 'two'],
        )
        assert.equal(await countOf(kafka.bootstrap, input), 2)
      })
    })
})
