// The Kafka source and sink on real brokers, beside kafkajs as the outsider who writes and reads.
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import type { DefinitionOf, Sink, Source } from '../../src/component.ts'
import { Fault } from '../../src/errors.ts'
import { Event } from '../../src/event.ts'
import { kafkaSinkCounters, kafkaSourceCounters } from '../../src/observe/counters.ts'
import { kafkaSink } from '../../src/sinks/kafka.ts'
import { kafkaSource } from '../../src/sources/kafka.ts'
import { contextFor, optionsFor, type TestContext } from '../context.ts'
import { deliveriesOf } from '../sink-sessions.ts'
import { skipWithoutPeers } from './peers/peers.ts'
import { someKafka } from './peers/shared.ts'
import { consumeAll, createTopic, produceAll, withAdmin } from './peers/topics.ts'

interface Run extends AsyncDisposable {
  readonly context: TestContext
  readonly events: Event[]
  /** Resolves when so many events have come. */
  count(events: number): Promise<void>
}

/** Runs a source as the runner would; events go to a list. */
async function runSource(bootstrap: string, given: Record<string, unknown>): Promise<Run> {
  const context = contextFor('SOURCE', 'r1', kafkaSourceCounters)
  const events: Event[] = []
  const arrivals = new EventTarget()
  const options = optionsFor(kafkaSource, {
    'kafka.bootstrap.servers': bootstrap,
    'kafka.consumer': { 'auto.offset.reset': 'earliest' },
    ...given,
  })
  const source: Source = (kafkaSource as DefinitionOf<'source'>).create(options, {
    ...context,
    processor: {
      process: () => assert.fail('the source waits'),
      async processUntilAccepted(batch) {
        events.push(...batch)
        arrivals.dispatchEvent(new globalThis.Event('events'))
      },
    },
  })
  await source.start()
  const stopping = new AbortController()
  const polling = (async () => {
    while (!stopping.signal.aborted) await source.poll!(stopping.signal)
  })()
  return {
    context,
    events,
    async count(wanted) {
      while (events.length < wanted) await once(arrivals, 'events')
    },
    async [Symbol.asyncDispose]() {
      stopping.abort()
      await polling
      await source.stop()
    },
  }
}

async function runSink(
  bootstrap: string,
  given: Record<string, unknown>,
): Promise<
  AsyncDisposable & { sink: Sink; context: TestContext; deliver(...events: Event[]): Promise<void> }
> {
  const context = contextFor('SINK', 'k1', kafkaSinkCounters)
  const options = optionsFor(kafkaSink, { 'kafka.bootstrap.servers': bootstrap, ...given })
  const sink = (kafkaSink as DefinitionOf<'sink'>).create(options, context)
  await sink.start()
  const deliver = deliveriesOf(sink)
  return {
    sink,
    context,
    deliver: (...events) => deliver(events),
    [Symbol.asyncDispose]: () => sink.stop(),
  }
}

const headersOf = (event: Event) => Object.fromEntries(event.headers)

for (const kind of ['0.10.2.1', '4.1.0'] as const)
  describe(`Kafka ${kind}`, { skip: skipWithoutPeers }, () => {
    const peers = new AsyncDisposableStack()
    const hasRecordHeaders = kind !== '0.10.2.1'
    let bootstrap: string
    let topics = 0
    const newTopic = async (partitions = 1) => {
      const topic = `components-${++topics}`
      await createTopic(bootstrap, topic, partitions)
      return topic
    }
    before(async () => {
      const directory = await mkdtemp(join(tmpdir(), 'kafka-components-'))
      peers.defer(() => rm(directory, { recursive: true, force: true }))
      bootstrap = peers.use(await someKafka(kind, directory)).bootstrap
    })
    after(() => peers.disposeAsync())

    it('reads records with where they came from', async () => {
      const topic = await newTopic()
      await produceAll(bootstrap, topic, [
        { key: 'k1', value: 'one', headers: { trace: 'x' } },
        { key: null, value: 'two' },
        { key: 'k3', value: null },
      ])
      await using run = await runSource(bootstrap, {
        'kafka.topics': [topic],
        'kafka.consumer.group.id': topic,
        header: { traced: 'trace' },
      })
      await run.count(3)
      assert.deepEqual(
        run.events.map(event => event.body.toString()),
        ['one', 'two', ''],
      )
      const [first, second] = run.events.map(headersOf) as [Record<string, string>, Record<string, string>]
      const { timestamp, ...rest } = first
      assert.ok(Math.abs(Number(timestamp) - Date.now()) < 60_000)
      const traced = hasRecordHeaders ? { traced: 'x' } : {}
      assert.deepEqual(rest, { topic, partition: '0', offset: '0', key: 'k1', ...traced })
      assert.equal('key' in second, false)
      assert.equal(run.context.counters.own.get('records_null_value'), 1)
    })

    it('goes on where it stopped, with nothing twice and nothing left out', async () => {
      const topic = await newTopic(3)
      const values = (from: number, count: number) =>
        Array.from({ length: count }, (_, index) => `m${String(from + index).padStart(5, '0')}`)
      const given = { 'kafka.topics': [topic], 'kafka.consumer.group.id': topic, batchSize: 100 }
      const seen: string[] = []
      for (const from of [0, 2000]) {
        await produceAll(
          bootstrap,
          topic,
          values(from, 2000).map((value, index) => ({ key: null, value, partition: index % 3 })),
        )
        await using run = await runSource(bootstrap, given)
        await run.count(2000)
        seen.push(...run.events.map(event => event.body.toString()))
        assert.ok(run.events.length === 2000)
      }
      assert.deepEqual(seen.toSorted(), values(0, 4000))
      const committed = await withAdmin(bootstrap, admin =>
        admin.fetchOffsets({ groupId: topic, topics: [topic] }),
      )
      const sum = committed[0]!.partitions.reduce((total, { offset }) => total + Number(offset), 0)
      assert.equal(sum, 4000)
    })

    it('shares partitions with a second source, and repeats nothing when they move', async () => {
      const topic = await newTopic(4)
      const given = { 'kafka.topics': [topic], 'kafka.consumer.group.id': topic, batchSize: 50 }
      const produce = (from: number) =>
        produceAll(
          bootstrap,
          topic,
          Array.from({ length: 1000 }, (_, index) => ({
            key: null,
            value: String(from + index),
            partition: index % 4,
          })),
        )
      const seen: string[] = []
      {
        await using first = await runSource(bootstrap, given)
        await produce(0)
        await first.count(1000)
        {
          await using second = await runSource(bootstrap, given)
          await second.context.log.line(new RegExp(`${topic}-\\d`))
          await produce(1000)
          while (first.events.length + second.events.length < 2000)
            await Promise.race([first.count(first.events.length + 1), second.count(second.events.length + 1)])
          assert.ok(second.events.length > 0)
          seen.push(...second.events.map(event => event.body.toString()))
        }
        await produce(2000)
        await first.count(3000 - seen.length)
        seen.push(...first.events.map(event => event.body.toString()))
      }
      assert.deepEqual(
        seen.map(Number).toSorted((a, b) => a - b),
        Array.from({ length: 3000 }, (_, index) => index),
      )
    })

    it('reads topics by pattern', async () => {
      const [one, two] = [await newTopic(), await newTopic()]
      await produceAll(bootstrap, one, [{ key: null, value: 'a' }])
      await produceAll(bootstrap, two, [{ key: null, value: 'b' }])
      await using run = await runSource(bootstrap, {
        'kafka.topics.regex': new RegExp(`${one}|${two}`),
        'kafka.consumer.group.id': one,
      })
      await run.count(2)
      assert.deepEqual(run.events.map(event => headersOf(event)['topic']).toSorted(), [one, two].toSorted())
    })

    it('writes events by their headers', async () => {
      const [plain, other] = [await newTopic(2), await newTopic()]
      await using run = await runSink(bootstrap, {
        'kafka.topic': plain,
        partitionIdHeader: 'p',
        header: { trace: 'x-trace' },
      })
      await run.deliver(
        Event.of({ p: '1', key: 'k', trace: 'abc' }, 'to partition 1'),
        Event.of({ topic: other }, 'overridden'),
      )
      const [record] = await consumeAll(bootstrap, plain, 1)
      const headers = hasRecordHeaders ? { 'x-trace': 'abc' } : {}
      assert.deepEqual(record, { partition: 1, offset: 0, key: 'k', value: 'to partition 1', headers })
      assert.equal((await consumeAll(bootstrap, other, 1))[0]!.value, 'overridden')
      assert.equal(run.context.counters.get('EventDrainSuccessCount'), 2)
      assert.equal(run.context.counters.get('EventDrainAttemptCount'), 2)
    })

    it('keeps the order of batches under way at once', async () => {
      const topic = await newTopic()
      await using run = await runSink(bootstrap, { 'kafka.topic': topic })
      const batches = Array.from({ length: 50 }, (_, batch) =>
        Array.from({ length: 40 }, (_, index) => Event.of({}, `${batch * 40 + index}`)),
      )
      await Promise.all(batches.map(batch => run.deliver(...batch)))
      const read = await consumeAll(bootstrap, topic, 2000)
      assert.deepEqual(
        read.map(record => Number(record.value)),
        Array.from({ length: 2000 }, (_, index) => index),
      )
    })

    it('blocks on a record that is too large, and says which and what to do', async () => {
      const topic = await newTopic()
      await using run = await runSink(bootstrap, { 'kafka.topic': topic })
      const large = Event.of({}, Buffer.alloc(2_000_000))
      await assert.rejects(run.deliver(Event.of({}, 'fine'), large), (error: unknown) => {
        assert.ok(error instanceof Fault)
        assert.equal(error.code, 'UNDELIVERABLE')
        assert.match(error.message, new RegExp(topic))
        assert.match(error.message, /20000\d\d/)
        return true
      })
      assert.equal(run.context.counters.get('RollbackCount'), 1)
    })

    it('hands events over whole with useFlumeEventFormat', async () => {
      const topic = await newTopic()
      await using sink = await runSink(bootstrap, { 'kafka.topic': topic, useFlumeEventFormat: true })
      await sink.deliver(Event.of({ own: 'header', topic }, 'body'))
      await using source = await runSource(bootstrap, {
        'kafka.topics': [topic],
        'kafka.consumer.group.id': topic,
        useFlumeEventFormat: true,
      })
      await source.count(1)
      assert.equal(source.events[0]!.body.toString(), 'body')
      assert.equal(headersOf(source.events[0]!)['own'], 'header')
    })
  })
