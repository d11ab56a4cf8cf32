// SIGTERM to agents in the middle of traffic, on a real broker: they end within 10 s with code 0, and what
// was under way is neither lost nor out of order when they start again.
import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, test, type TestContext } from 'node:test'
import { freePort, skipWithoutPeers, startMillrace, type Kafka, type Running } from './peers/peers.ts'
import { SeededRandom } from '../../src/simulation/seeded-random.ts'
import { KillChain } from './kill-chain.ts'
import { assertComplete, readArrivals } from '../chain/ledger.ts'
import { startLoad } from '../chain/load.ts'
import { someKafka } from './peers/shared.ts'
import { consumeAll, countOf, createTopic, produceAll } from './peers/topics.ts'

const isDeep = process.env['MILLRACE_DEEP'] === '1'

/** Each message is as long as the seed's usual ones; its number comes first. */
const messageOf = (number: number) => ({ key: null, value: `${number} `.padEnd(200, '.') })
const numberOf = (value: string | null) => Number.parseInt(value ?? '', 10)

interface Chain {
  readonly name: string
  readonly port: number
  readonly directory: string
}

const agentA = ({ name, port, directory }: Chain, bootstrap: string) => `
A.sources = s
A.channels = c
A.sinks = k
A.sources.s.type = org.apache.flume.source.kafka.KafkaSource
A.sources.s.kafka.bootstrap.servers = ${bootstrap}
A.sources.s.kafka.topics = ${name}-in
A.sources.s.kafka.consumer.group.id = ${name}
A.sources.s.kafka.consumer.auto.offset.reset = earliest
A.sources.s.setTopicHeader = false
A.sources.s.batchSize = 100
A.sources.s.channels = c
A.channels.c.type = file
A.channels.c.checkpointDir = ${directory}/${name}/a/checkpoint
A.channels.c.dataDirs = ${directory}/${name}/a/data
A.sinks.k.type = avro
A.sinks.k.hostname = 127.0.0.1
A.sinks.k.port = ${port}
A.sinks.k.channel = c
`

const agentB = ({ name, port, directory }: Chain, bootstrap: string) => `
B.sources = s
B.channels = c
B.sinks = k
B.sources.s.type = avro
B.sources.s.bind = 127.0.0.1
B.sources.s.port = ${port}
B.sources.s.channels = c
B.channels.c.type = file
B.channels.c.checkpointDir = ${directory}/${name}/b/checkpoint
B.channels.c.dataDirs = ${directory}/${name}/b/data
B.sinks.k.type = org.apache.flume.sink.kafka.KafkaSink
B.sinks.k.kafka.bootstrap.servers = ${bootstrap}
B.sinks.k.kafka.topic = ${name}-out
B.sinks.k.flumeBatchSize = 100
B.sinks.k.channel = c
`

describe('SIGTERM under load', { skip: skipWithoutPeers, timeout: isDeep ? 1_800_000 : 300_000 }, () => {
  let directory: string
  let kafka: Pick<Kafka, 'bootstrap'> & AsyncDisposable

  before(async () => {
    directory = mkdtempSync(join(tmpdir(), 'millrace-stop-'))
    kafka = await someKafka('4.1.0', directory)
  })
  after(async () => {
    await kafka?.[Symbol.asyncDispose]()
    rmSync(directory, { recursive: true, force: true })
  })

  async function chain(name: string) {
    const made: Chain = { name, port: await freePort(), directory }
    await createTopic(kafka.bootstrap, `${name}-in`)
    await createTopic(kafka.bootstrap, `${name}-out`)
    const home = join(directory, name)
    return {
      startA: () => startMillrace(home, { agent: 'A', conf: agentA(made, kafka.bootstrap) }),
      startB: () => startMillrace(home, { agent: 'B', conf: agentB(made, kafka.bootstrap) }),
    }
  }

  /** Writes without end; what it returns stops it and gives how many there are. */
  function load(topic: string): () => Promise<number> {
    let sent = 0
    const over = new AbortController()
    const writing = (async () => {
      while (!over.signal.aborted) {
        const first = sent
        await produceAll(
          kafka.bootstrap,
          topic,
          Array.from({ length: 1000 }, (_, index) => messageOf(first + index)),
        )
        sent += 1000
      }
    })()
    return async () => {
      over.abort()
      await writing
      return sent
    }
  }

  async function end(agent: Running, t: TestContext): Promise<void> {
    const begun = performance.now()
    const how = await agent.stop()
    const ms = Math.round(performance.now() - begun)
    t.diagnostic(`${agent.name} ended with ${how} after ${ms} ms`)
    assert.equal(how, 0, agent.output.split('\n').slice(-20).join('\n'))
    assert.ok(ms < 10_000, `${agent.name} took ${ms} ms`)
    assert.match(agent.output, /Agent \S+ stopped/)
  }

  /** The one topic holds what the other does, in its order, once: nothing is lost and nothing comes twice. */
  async function check(name: string, sent: number, t: TestContext, ...ended: Running[]): Promise<void> {
    const read = async (topic: string, count: number) =>
      (await consumeAll(kafka.bootstrap, topic, count, { limitMs: 90_000, extraMs: 500 })).map(one =>
        numberOf(one.value),
      )
    // The writing client may itself have sent some twice.
    const put = await read(`${name}-in`, await countOf(kafka.bootstrap, `${name}-in`))
    const arrived = await read(`${name}-out`, put.length)
    const received = arrived.length === put.length ? arrived : [...new Set(arrived)]
    const repeats = arrived.length - put.length
    t.diagnostic(`${sent} sent, ${put.length} in ${name}-in, ${arrived.length} in ${name}-out`)
    const shown = ended.map(one => `${one.name}:\n${one.output.split('\n').slice(-60).join('\n')}`)
    assert.equal(repeats, 0, `${repeats} repeats\n${shown.join('\n')}`)
    assert.equal(new Set(put).size, sent)
    const at = put.findIndex((number, index) => received[index] !== number)
    const around = (numbers: readonly number[]) => numbers.slice(Math.max(0, at - 2), at + 3).join(' ')
    const logs = ended.map(one => `${one.name}:\n${one.output.split('\n').slice(-15).join('\n')}`)
    assert.equal(at, -1, `at ${at}: ${around(received)} in place of ${around(put)}\n${logs.join('\n')}`)
    assert.equal(received.length, put.length)
  }

  test('the agent that reads Kafka', async t => {
    const { startA, startB } = await chain('reader')
    await using b = await startB()
    const a = await startA()
    await using _ = a
    const finish = load('reader-in')
    await consumeAll(kafka.bootstrap, 'reader-out', 2000)
    await end(a, t)
    await using again = await startA()
    const sent = await finish()
    // What it had in its channel it still has, and it reads on behind the last it took.
    await check('reader', sent, t, a, b)
    await end(again, t)
    await end(b, t)
  })

  test('the agent that writes Kafka', async t => {
    const { startA, startB } = await chain('writer')
    const b = await startB()
    await using _ = b
    await using a = await startA()
    const finish = load('writer-in')
    await consumeAll(kafka.bootstrap, 'writer-out', 2000)
    await end(b, t)
    await using again = await startB()
    const sent = await finish()
    await check('writer', sent, t, a, b)
    await end(a, t)
    await end(again, t)
  })

  test('the agent whose peer is away', async t => {
    const { startA, startB } = await chain('alone')
    const a = await startA()
    await using _ = a
    const sent = 3000
    await produceAll(
      kafka.bootstrap,
      'alone-in',
      Array.from({ length: sent }, (_unused, index) => messageOf(index)),
    )
    await end(a, t)
    await using b = await startB()
    await using again = await startA()
    await check('alone', sent, t, a, b)
    await end(again, t)
    await end(b, t)
  })

  test('either agent, and both, again and again under load', async t => {
    const random = new SeededRandom(1)
    const proportions = { source: 100, sink: 100, kafkaSink: 100 }
    const { bootstrap } = kafka
    await using chain = await KillChain.start({
      name: 'again',
      bootstrap,
      directory,
      partitions: 3,
      random,
      proportions,
    })
    const load = startLoad(bootstrap, { topic: chain.from, partitions: 3, perSecond: 4000 })
    try {
      for (let round = 0; round < (isDeep ? 30 : 1); round++) {
        await chain.restart('B')
        await chain.restart('A')
        await chain.restart('A', 'B')
      }
    } finally {
      await load.stop()
    }
    const arrival = await readArrivals(bootstrap, chain.to, load.sent, { limitMs: 120_000 })
    const when = arrival.repeatTimes.slice(0, 3).map(time => new Date(time).toISOString())
    assertComplete(arrival, { mostRepeats: 0, logs: [...when, chain.lastLines] })
    t.diagnostic(`${arrival.events} events, none twice`)
    await chain.stop()
  })
})
