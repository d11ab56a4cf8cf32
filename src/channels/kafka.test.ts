import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import fc from '../../test/fast-check.ts'
import { Kafka, logLevel } from 'kafkajs'
import { contextFor, optionsFor, type TestContext } from '../../test/context.ts'
import type { Batch, Channel } from '../component.ts'
import { Event } from '../event.ts'
import { startBroker, type EmbeddedBroker } from '../start-broker.ts'
import { eventsOf, rejectsWith, textsOf } from '../../test/contracts/channel-events.ts'
import { kafkaChannel } from './kafka.ts'

const never = new AbortController().signal

let broker: EmbeddedBroker
before(async () => {
  broker = await startBroker({ topics: { 'three-parts': 3, moving: 4 } })
})
after(() => broker.stop())

let topics = 0
const newTopic = () => `channel-${++topics}`

interface Opened {
  readonly channel: Channel
  readonly context: TestContext
}

async function open(topic: string, more: Record<string, unknown> = {}): Promise<Opened> {
  const context = contextFor('CHANNEL', 'c1', kafkaChannel.counters)
  const channel = kafkaChannel.create(
    optionsFor(kafkaChannel, {
      'kafka.bootstrap.servers': broker.bootstrapServers,
      'kafka.topic': topic,
      // Members of one group would wait for one another.
      'kafka.consumer.group.id': topic,
      ...more,
    }),
    context,
  )
  await channel.start()
  return { channel, context }
}

/** Takes and commits until so many events have come. */
async function drain(channel: Channel, count: number): Promise<Event[]> {
  const events: Event[] = []
  while (events.length < count) {
    const batch = (await channel.take({ events: 100 }, never))!
    events.push(...batch.events)
    await batch.commit()
  }
  return events
}

const bodies = (events: readonly Event[]) => events.map(({ body }) => body.toString())

describe('Kafka channel', { concurrency: true }, () => {
  test("events go through the topic with their headers; the key is the record's", async () => {
    const topic = newTopic()
    const { channel, context } = await open(topic)
    await channel.put([Event.of({ key: 'k', é: '€' }, 'one'), Event.of({}, '')])
    await channel.put(eventsOf(0, 3))
    const events = await drain(channel, 5)
    assert.deepEqual(bodies(events), ['one', '', '0', '1', '2'])
    assert.deepEqual(Object.fromEntries(events[0]!.headers), { key: 'k', é: '€' })
    const { counters } = context
    assert.equal(counters.get('EventPutSuccessCount'), 5)
    assert.equal(counters.get('EventTakeSuccessCount'), 5)
    await channel.stop()
    await channel.stop()
    // What was committed does not come again, and a channel without takers reads nothing.
    const again = await open(topic)
    await again.channel.put(eventsOf(7, 1))
    assert.deepEqual(bodies(await drain(again.channel, 1)), ['7'])
    await again.channel.stop()
  })

  test('with parseAsFlumeEvent = false a record is a body, and any record is an event', async () => {
    const topic = newTopic()
    const raw = await open(topic, { parseAsFlumeEvent: false })
    await raw.channel.put([Event.of({ key: 'k', lost: 'x' }, 'plain text')])
    const [event] = await drain(raw.channel, 1)
    assert.deepEqual(Object.fromEntries(event!.headers), { key: 'k' })
    assert.equal(event!.body.toString(), 'plain text')
    await raw.channel.put([Event.of({}, 'no event of Flume')])
    await raw.channel.stop()
    const { channel, context } = await open(topic)
    await channel.put(eventsOf(5, 1))
    assert.deepEqual(bodies(await drain(channel, 1)), ['5'])
    assert.equal(context.counters.own.get('records_not_flume_events'), 1)
    assert.match(context.log.lines.join('\n'), /channel-\d+-0 offset 1 is no event of Flume and is skipped/)
    await channel.stop()
  })

  test('what is not committed comes again to the next channel, and positions stop before it', async () => {
    const topic = newTopic()
    const { channel } = await open(topic)
    await channel.put(eventsOf(0, 10))
    const first = (await channel.take({ events: 3 }, never))!
    const second = (await channel.take({ events: 3 }, never))!
    await second.commit()
    assert.deepEqual(textsOf(first), ['0', '1', '2'])
    await first.commitExcept(first.events.slice(1))
    await channel.stop()
    const again = await open(topic)
    assert.deepEqual(textsOf(await again.channel.take({ events: 100 }, never)), [
      '1',
      '2',
      '3',
      '4',
      '5',
      '6',
      '7',
      '8',
      '9',
    ])
    await again.channel.stop()
  })

  test('batches that are rolled back return to the head, in order, to any taker', async () => {
    const { channel } = await open(newTopic())
    await channel.put(eventsOf(0, 12))
    const batches: Batch[] = []
    for (let count = 0; count < 3; count++) batches.push((await channel.take({ events: 4 }, never))!)
    const waiting = channel.take({ events: 20 }, never)
    await batches[2]!.rollback()
    assert.deepEqual(textsOf(await waiting), ['8', '9', '10', '11'])
    await batches[0]!.rollback()
    await batches[1]!.rollback()
    assert.deepEqual(textsOf(await channel.take({ events: 20 }, never)).slice(0, 8), [
      '0',
      '1',
      '2',
      '3',
      '4',
      '5',
      '6',
      '7',
    ])
    await assert.rejects(batches[0]!.commit())
    const peeked = await channel.peek!({ events: 3 })
    assert.deepEqual(
      peeked.map(({ isTaken }) => isTaken),
      [true, true, true],
    )
    assert.equal(channel.size, 12)
    await channel.stop()
  })

  test('the header of a partition wins over the default; one that is no number refuses the put', async () => {
    const { channel } = await open('three-parts', { defaultPartitionId: 2, partitionIdHeader: 'p' })
    await channel.put([Event.of({ p: '1' }, 'a'), Event.of({}, 'b')])
    await rejectsWith(
      'CHANNEL_FAILED',
      channel.put([Event.of({ p: 'x' }, 'c')]),
      /"p" of an event is no partition number/,
    )
    const admin = new Kafka({ brokers: [broker.bootstrapServers], logLevel: logLevel.NOTHING }).admin()
    await admin.connect()
    const ends = await admin.fetchTopicOffsets('three-parts')
    await admin.disconnect()
    assert.deepEqual(
      ends.sort((one, other) => one.partition - other.partition).map(({ high }) => high),
      ['0', '1', '1'],
    )
    await channel.stop()
  })

  test('a put that may wait outlives a broker that is away, once and in order; one that may not is refused', async () => {
    const directory = mkdtempSync(join(tmpdir(), 'millrace-kafka-channel-'))
    const own = await startBroker({ directory, topics: { t: 1 } })
    const { port, bootstrapServers } = own
    const { channel, context } = await open('t', { 'kafka.bootstrap.servers': bootstrapServers })
    await channel.put(eventsOf(0, 2))
    await own.stop()
    const waiting = [
      channel.put(eventsOf(2, 3), { patienceMs: Infinity }),
      channel.put(eventsOf(5, 2), { patienceMs: Infinity }),
    ]
    await rejectsWith(
      'CHANNEL_FULL',
      channel.put(eventsOf(9, 1), { patienceMs: 0 }),
      /did not acknowledge 1 event/,
    )
    assert.match(channel.full!.why, /has not acknowledged the 5 events/)
    const stop = new AbortController()
    const stopped = rejectsWith(
      'STOPPED',
      channel.put(eventsOf(9, 1), { patienceMs: Infinity, signal: stop.signal }),
    )
    stop.abort()
    await stopped
    await using again = await startBroker({ directory, port })
    void again
    await Promise.all(waiting)
    assert.equal(channel.full, null)
    assert.deepEqual(bodies(await drain(channel, 7)).slice(0, 7), ['0', '1', '2', '3', '4', '5', '6'])
    assert.deepEqual(context.health(), [])
    await channel.stop()
    rmSync(directory, { recursive: true })
  })

  test('is a list that forgets nothing: puts, takes, commits, rollbacks and restarts at random', async () => {
    const step = fc.oneof(
      {
        weight: 3,
        arbitrary: fc.record({ do: fc.constant('put' as const), count: fc.integer({ min: 1, max: 6 }) }),
      },
      {
        weight: 4,
        arbitrary: fc.record({ do: fc.constant('take' as const), count: fc.integer({ min: 1, max: 8 }) }),
      },
      {
        weight: 3,
        arbitrary: fc.record({ do: fc.constant('commit' as const), which: fc.nat(5), left: fc.nat(63) }),
      },
      { weight: 2, arbitrary: fc.record({ do: fc.constant('rollback' as const), which: fc.nat(5) }) },
      { weight: 1, arbitrary: fc.record({ do: fc.constant('restart' as const) }) },
    )
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 30 }), async steps => {
        const topic = newTopic()
        let { channel } = await open(topic)
        let next = 0
        const gone = new Set<number>()
        /** In the channel, and not in an open batch. */
        let waiting: number[] = []
        let batches: { batch: Batch; numbers: number[] }[] = []
        for (const one of steps)
          if (one.do === 'put') {
            await channel.put(eventsOf(next, one.count))
            for (let count = 0; count < one.count; count++) waiting.push(next++)
          } else if (one.do === 'take') {
            if (waiting.length === 0) continue
            const batch = (await channel.take({ events: one.count }, never))!
            const numbers = textsOf(batch).map(Number)
            assert.ok(numbers.length >= 1 && numbers.length <= one.count)
            assert.deepEqual(numbers, waiting.splice(0, numbers.length))
            batches.push({ batch, numbers })
          } else if (one.do === 'restart') {
            await channel.stop()
            ;({ channel } = await open(topic))
            batches = []
            let first = 0
            while (gone.has(first)) first++
            waiting = Array.from({ length: next - first }, (_, index) => first + index)
            for (const number of waiting) gone.delete(number)
          } else {
            const [ended] = batches.splice(one.which % Math.max(1, batches.length), 1)
            if (ended === undefined) continue
            const isLeft = (index: number) => one.do === 'rollback' || (one.left >> index) % 2 === 1
            const left = ended.numbers.filter((_, index) => isLeft(index))
            if (one.do === 'rollback') await ended.batch.rollback()
            else await ended.batch.commitExcept(ended.batch.events.filter((_, index) => isLeft(index)))
            for (const number of ended.numbers) if (!left.includes(number)) gone.add(number)
            waiting = [...left, ...waiting].sort((a, b) => a - b)
          }
        await channel.stop()
      }),
      { numRuns: process.env['MILLRACE_DEEP'] === undefined ? 8 : 200 },
    )
  })

  test('partitions move between channels of a group: all events come, and none twice', async () => {
    const one = await open('moving')
    for (let at = 0; at < 4000; at += 100) await one.channel.put(eventsOf(at, 100))
    const seen: string[] = []
    const all = Promise.withResolvers<void>()
    const takers: Promise<void>[] = []
    const stop = new AbortController()
    const take = async ({ channel }: Opened): Promise<void> => {
      for (;;) {
        const batch = await channel.take({ events: 10 }, stop.signal)
        if (batch === null) return
        seen.push(...textsOf(batch))
        await batch.commit()
        if (seen.length >= 4000) all.resolve()
        // The other one has its turn.
        await new Promise(resolve => setImmediate(resolve))
      }
    }
    const held = (await one.channel.take({ events: 10 }, never))!
    assert.ok(one.channel.size > 10, 'more was read ahead')
    const two = await open('moving')
    takers.push(take(two))
    // The partitions are about to go: what was read ahead is dropped, and what a taker has is waited for.
    while (one.channel.size > 10) await new Promise(resolve => setImmediate(resolve))
    seen.push(...textsOf(held))
    await held.commit()
    await two.context.log.line(/moving-\d.* read here/)
    takers.push(take(one))
    await all.promise
    stop.abort()
    await Promise.all(takers)
    assert.equal(new Set(seen).size, 4000)
    assert.equal(seen.length, 4000)
    await Promise.all([one.channel.stop(), two.channel.stop()])
  })

  test('a taker waits until there is an event, and leaves when its signal is aborted', async () => {
    const { channel } = await open(newTopic())
    const stop = new AbortController()
    const waiting = channel.take({ events: 1 }, stop.signal)
    stop.abort()
    assert.equal(await waiting, null)
    const next = channel.take({ events: 1 }, never)
    await channel.put(eventsOf(0, 2))
    assert.deepEqual(textsOf(await next), ['0'])
    const last = channel.take({ events: 5 }, never)
    assert.deepEqual(textsOf(await last), ['1'])
    const closed = rejectsWith('CHANNEL_CLOSED', channel.take({ events: 1 }, never))
    await channel.stop()
    await closed
    await rejectsWith('CHANNEL_CLOSED', channel.put(eventsOf(0, 1)))
  })
})
