// Agent A and agent B, each ours or a real Flume, in every combination, on the brokers each Flume knows:
// what arrives must be what arrives when both are Flume, bodies, keys, headers and order.
import assert from 'node:assert/strict'
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import {
  freePort,
  skipWithoutPeers,
  startFlume,
  startMillrace,
  type Kafka,
  type Running,
} from './peers/peers.ts'
import { someKafka } from './peers/shared.ts'
import { waitFor } from './peers/waiting.ts'
import { consumeAll, createTopic, produceAll, type Sent } from './peers/topics.ts'

const count = 5000
// Some without a key, some with keys and bodies beyond ASCII, each with a record header (where the broker has them).
const messages: Sent[] = Array.from({ length: count }, (_, index) => ({
  key: index % 7 === 0 ? null : `key-${index % 100}${index % 100 < 10 ? '-häuser-街' : ''}`,
  value: `body of message ${index}${index % 11 === 0 ? ' ünï 拦截器 🌊' : ''} no ${index}`,
  headers: { origin: `origin ${index}` },
  ...(index % 7 === 0 ? { partition: index % 3 } : {}),
}))

interface Chain {
  readonly id: string
  readonly bootstrap: string
  readonly port: number
  readonly directory: string
}

const agentA = ({ id, bootstrap, port, directory }: Chain) => `
A.sources = s
A.channels = c
A.sinks = k
A.sources.s.type = org.apache.flume.source.kafka.KafkaSource
A.sources.s.batchSize = 500
A.sources.s.kafka.bootstrap.servers = ${bootstrap}
A.sources.s.kafka.topics = input
A.sources.s.kafka.consumer.group.id = ${id}
A.sources.s.kafka.consumer.auto.offset.reset = earliest
A.sources.s.header.from = origin
A.sources.s.interceptors = i
A.sources.s.interceptors.i.type = static
A.sources.s.interceptors.i.key = topic
A.sources.s.interceptors.i.preserveExisting = false
A.sources.s.interceptors.i.value = output-${id}
A.sources.s.channels = c
A.channels.c.type = file
A.channels.c.checkpointDir = ${directory}/a/checkpoint
A.channels.c.dataDirs = ${directory}/a/data
A.sinks.k.type = avro
A.sinks.k.batch-size = 500
A.sinks.k.hostname = 127.0.0.1
A.sinks.k.port = ${port}
A.sinks.k.channel = c
`

const agentB = ({ bootstrap, port, directory }: Chain) => `
B.sources = s
B.channels = c d
B.sinks = k f
B.sources.s.type = avro
B.sources.s.bind = 127.0.0.1
B.sources.s.port = ${port}
B.sources.s.channels = c d
B.channels.c.type = file
B.channels.c.checkpointDir = ${directory}/b/checkpoint
B.channels.c.dataDirs = ${directory}/b/data
B.channels.d.type = memory
B.channels.d.capacity = 20000
B.channels.d.transactionCapacity = 1000
B.sinks.k.type = org.apache.flume.sink.kafka.KafkaSink
B.sinks.k.kafka.bootstrap.servers = ${bootstrap}
B.sinks.k.flumeBatchSize = 500
B.sinks.k.header.from = came-from
B.sinks.k.channel = c
B.sinks.f.type = file_roll
B.sinks.f.sink.directory = ${directory}/events
B.sinks.f.sink.rollInterval = 0
B.sinks.f.sink.serializer = header_and_text
B.sinks.f.channel = d
`

/** An event as file_roll's header_and_text writes it: {k=v, k2=v2} body. */
function readEvents(directory: string): { body: string; headers: Record<string, string> }[] {
  return readdirSync(directory)
    .flatMap(name => readFileSync(join(directory, name), 'utf8').split('\n'))
    .filter(Boolean)
    .map(line => {
      const [, map, body] = /^\{(.*?)\} (.*)$/.exec(line)!
      const pairs = map!.split(', ').map(pair => pair.split('=') as [string, string])
      return {
        body: body!,
        headers: Object.fromEntries(pairs.sort(([one], [other]) => (one < other ? -1 : 1))),
      }
    })
}

/** Equal lists; where they are not, only the first few differences are worth printing. */
function assertSame(actual: readonly string[], expected: readonly string[]): void {
  const [there, due] = [new Set(actual), new Set(expected)]
  assert.deepEqual(
    {
      count: actual.length,
      missing: expected.filter(one => !there.has(one)).slice(0, 5),
      strange: actual.filter(one => !due.has(one)).slice(0, 5),
    },
    { count: expected.length, missing: [], strange: [] },
  )
}

type Make = 'Millrace' | 'Flume'

describe('A and B, ours or Flume', { skip: skipWithoutPeers }, () => {
  let directory: string
  const stack = new AsyncDisposableStack()
  const brokers = new Map<string, Pick<Kafka, 'bootstrap'>>()

  before(async () => {
    directory = mkdtempSync(join(tmpdir(), 'millrace-matrix-'))
    for (const version of ['0.10.2.1', '4.1.0'] as const)
      brokers.set(version, stack.use(await someKafka(version, directory)))
    for (const { bootstrap } of brokers.values()) {
      await createTopic(bootstrap, 'input', 3)
      await produceAll(bootstrap, 'input', messages)
    }
  })
  after(async () => {
    await stack.disposeAsync()
    rmSync(directory, { recursive: true, force: true })
  })

  async function run(flume: '1.8.0' | '1.11.0', broker: string, a: Make, b: Make) {
    const id = `${flume}-${broker}-${a}-${b}`.replaceAll('.', '_')
    const { bootstrap } = brokers.get(broker)!
    const chain: Chain = { id, bootstrap, port: await freePort(), directory: join(directory, id) }
    mkdirSync(join(chain.directory, 'events'), { recursive: true })
    await createTopic(bootstrap, `output-${id}`, 3)
    const start = (make: Make, agent: string, conf: string): Promise<Running> =>
      make === 'Flume'
        ? startFlume(flume, chain.directory, { agent, conf })
        : startMillrace(chain.directory, { agent, conf })
    await using agents = new AsyncDisposableStack()
    agents.use(await start(b, 'B', agentB(chain)))
    agents.use(await start(a, 'A', agentA(chain)))
    const received = await consumeAll(bootstrap, `output-${id}`, count, { limitMs: 60_000, extraMs: 500 })
    const events = join(chain.directory, 'events')
    await waitFor(() => readEvents(events).length >= count, `${count} events in ${events}`)
    return { id, received, events: readEvents(events) }
  }

  for (const [flume, broker] of [
    ['1.8.0', '0.10.2.1'],
    ['1.11.0', '0.10.2.1'],
    ['1.11.0', '4.1.0'],
  ] as const)
    test(`Flume ${flume} on Kafka ${broker}`, async t => {
      // 1.8 has no offset header, and takes the clock for the timestamp.
      // Each chain has a topic of its own, which the interceptor writes into the header.
      const comparedTo = (id: string) => (event: { headers: Record<string, string>; body: string }) => {
        const { timestamp, offset, topic, from, ...rest } = event.headers
        assert.equal(topic, `output-${id}`)
        return JSON.stringify([event.body, flume === '1.8.0' ? rest : { timestamp, offset, from, ...rest }])
      }
      const baseline = await run(flume, broker, 'Flume', 'Flume')
      const expected = baseline.events.map(comparedTo(baseline.id)).sort()
      assert.equal(expected.length, count)
      const bodiesSent = messages.map(one => String(one.value)).sort()
      const hasHeaders = flume === '1.11.0' && broker === '4.1.0'
      if (hasHeaders) assert.match(expected[0]!, /"from":"origin \d+"/)
      for (const [a, b] of [
        ['Millrace', 'Flume'],
        ['Flume', 'Millrace'],
        ['Millrace', 'Millrace'],
      ] as const)
        await t.test(`A ${a}, B ${b}`, async () => {
          const { id, received, events } = await run(flume, broker, a, b)
          assertSame(received.map(one => String(one.value)).sort(), bodiesSent)
          assertSame(events.map(comparedTo(id)).sort(), expected)
          if (hasHeaders)
            for (const { value, headers } of received)
              assert.equal(headers['came-from'], `origin ${/\d+$/.exec(value!)![0]}`)
          const keyOf = new Map(messages.map(({ key, value }) => [value, key]))
          const partitionOf = new Map(baseline.received.map(({ key, partition }) => [key, partition]))
          const last = new Map<string, number>()
          for (const { key, value, partition } of received) {
            assert.equal(key, keyOf.get(value))
            if (key === null) continue
            assert.equal(partition, partitionOf.get(key), `the partition of ${key}`)
            const number = Number(/\d+$/.exec(value!)![0])
            assert.ok(
              number > (last.get(key) ?? -1),
              `message ${number} of ${key} comes after ${last.get(key)}`,
            )
            last.set(key, number)
          }
        })
    })
})
