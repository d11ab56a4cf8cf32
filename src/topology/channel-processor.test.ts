import assert from 'node:assert/strict'
import { test } from 'node:test'
import { looseConditions } from '../observe/conditions.ts'
import { contextFor, KeptLog, optionsFor } from '../../test/context.ts'
import { memoryChannel } from '../channels/memory.ts'
import type { Channel, Interceptor, PutOptions } from '../component.ts'
import { Fault } from '../errors.ts'
import { Event } from '../event.ts'
import { realClock } from '../system/clock.ts'
import { realRandom } from '../system/random.ts'
import { SourceChannelProcessor } from './channel-processor.ts'

const never = new AbortController().signal

async function openChannel(name: string, capacity = 1000): Promise<Channel> {
  const context = contextFor('CHANNEL', name, memoryChannel.counters)
  const channel = memoryChannel.create(
    optionsFor(memoryChannel, { capacity, transactionCapacity: capacity, 'keep-alive': 0 }),
    context,
  )
  await channel.start()
  return channel
}

async function drain(channel: Channel): Promise<string[]> {
  const out: string[] = []
  while (channel.size > 0) {
    const batch = await channel.take({ events: 100 }, never)
    out.push(...batch!.events.map(event => event.body.toString()))
    await batch!.commit()
  }
  return out
}

/** Appends to every body, so that a second run would show. */
const marks: Interceptor = {
  intercept(event) {
    event.body = Buffer.concat([event.body, Buffer.from('+')])
    return event
  },
}

function processorOf(channels: Record<string, Channel>, select: { required: string[]; optional?: string[] }) {
  const log = new KeptLog()
  const processor = new SourceChannelProcessor({
    interceptors: [marks],
    selector: { select: () => ({ required: select.required, optional: select.optional ?? [] }) },
    channels: new Map(Object.entries(channels)),
    clock: realClock,
    random: realRandom,
    log,
    condition: looseConditions(realClock, log),
  })
  return { processor, log }
}

/** The channel, but puts fail as the list says: one entry a call, null passes it on. */
function failing(channel: Channel, faults: (Fault | null)[]): Channel {
  return Object.assign(Object.create(channel) as Channel, {
    put(events: readonly Event[], options?: PutOptions) {
      const fault = faults.shift() ?? null
      return fault === null ? channel.put(events, options) : Promise.reject(fault)
    },
  })
}

test('interceptors run once, however often the put is repeated', async () => {
  const channel = await openChannel('c1')
  const faults = Array.from({ length: 4 }, () => new Fault('CHANNEL_FAILED', 'for the test'))
  const { processor } = processorOf({ c1: failing(channel, faults) }, { required: ['c1'] })
  await processor.processUntilAccepted([Event.of({}, 'a')], never)
  assert.deepEqual(await drain(channel), ['a+'])
})

test('puts under way keep their order when some fail and are repeated', async () => {
  const channel = await openChannel('c1')
  const fault = () => new Fault('CHANNEL_FAILED', 'for the test')
  const { processor } = processorOf(
    { c1: failing(channel, [null, fault(), fault(), fault()]) },
    { required: ['c1'] },
  )
  await Promise.all(
    ['a', 'b', 'c', 'd', 'e'].map(body => processor.processUntilAccepted([Event.of({}, body)], never)),
  )
  const order = await drain(channel)
  assert.equal(order[0], 'a+')
  assert.ok(
    order.indexOf('b+') < order.indexOf('c+') && order.indexOf('c+') < order.indexOf('d+'),
    order.join(),
  )
  assert.equal(order.length, 5)
})

test('a channel that has the events does not get them again while another is repeated', async () => {
  const good = await openChannel('good')
  const bad = await openChannel('bad')
  const { processor } = processorOf(
    { good, bad: failing(bad, [new Fault('CHANNEL_FAILED', 'for the test')]) },
    { required: ['good', 'bad'] },
  )
  await processor.processUntilAccepted([Event.of({}, 'a')], never)
  assert.deepEqual(await drain(good), ['a+'])
  assert.deepEqual(await drain(bad), ['a+'])
})

test('process refuses at the first required channel that is full; those after it get nothing', async () => {
  const first = await openChannel('first', 1)
  const second = await openChannel('second')
  const { processor } = processorOf({ first, second }, { required: ['first', 'second'] })
  await processor.process([Event.of({}, 'a')])
  await assert.rejects(
    processor.process([Event.of({}, 'b')]),
    (error: unknown) => error instanceof Fault && error.code === 'CHANNEL_FULL',
  )
  assert.deepEqual(await drain(second), ['a+'])
})

test('an optional channel that is full costs a warning, not the put', async () => {
  const needed = await openChannel('needed')
  const spare = await openChannel('spare', 1)
  const { processor, log } = processorOf({ needed, spare }, { required: ['needed'], optional: ['spare'] })
  await processor.process([Event.of({}, 'a')])
  for (const body of 'bcdefgh') await processor.process([Event.of({}, body)])
  assert.deepEqual(await drain(needed), ['a+', 'b+', 'c+', 'd+', 'e+', 'f+', 'g+', 'h+'])
  assert.equal(log.lines.length, 1, log.lines.join('\n'))
  assert.deepEqual(await drain(spare), ['a+'])
  assert.match(log.lines.join('\n'), /WARN optional channel spare did not take 1 event:/)
})

test('what can never succeed is not repeated', async () => {
  const channel = failing(await openChannel('c1'), [new Fault('CORRUPT', 'no')])
  const { processor } = processorOf({ c1: channel }, { required: ['c1'] })
  await assert.rejects(
    processor.processUntilAccepted([Event.of({}, 'a')], never),
    (error: unknown) => error instanceof Fault && error.code === 'CORRUPT',
  )
})

test('more than a transaction holds goes in parts, in order, once each; later puts wait behind it', async () => {
  const channel = await openChannel('c1', 100)
  channel.reconfigure!(optionsFor(memoryChannel, { capacity: 100, transactionCapacity: 3 }))
  const { processor, log } = processorOf({ c1: channel }, { required: ['c1'] })
  const put = (...bodies: string[]) =>
    processor.processUntilAccepted(
      bodies.map(body => Event.of({}, body)),
      never,
    )
  const many = Array.from({ length: 20 }, (_, number) => String(number))
  const first = put(...many)
  await new Promise<void>(resolve => realClock.soon(resolve))
  await Promise.all([first, put('x'), put('y', 'z')])
  assert.deepEqual(
    await drain(channel),
    [...many, 'x', 'y', 'z'].map(body => `${body}+`),
  )
  assert.deepEqual(log.lines, [])
})

test('an event that no transaction holds waits and is named, until the channel has other options', async () => {
  const channel = await openChannel('c1', 100)
  const bytes = (byteCapacity: number) =>
    channel.reconfigure!(
      optionsFor(memoryChannel, { capacity: 100, byteCapacity, byteCapacityBufferPercentage: 0 }),
    )
  bytes(1000)
  const { processor, log } = processorOf({ c1: channel }, { required: ['c1'] })
  const large = Event.of({ topic: 't', partition: '1', offset: '7' }, Buffer.alloc(2000, 'x'))
  const events = [Event.of({}, 'a'), large, Event.of({}, 'b')]
  const put = processor.processUntilAccepted(events, never)
  // As sources do, not in the same turn.
  await new Promise<void>(resolve => realClock.soon(resolve))
  const behind = processor.processUntilAccepted([Event.of({}, 'c')], never)
  const line = await log.line(/ERROR/)
  assert.match(
    line,
    /Putting events .* the event with the headers topic=t, partition=1, offset=7 and a body of 2001 bytes: .*byteCapacity/,
  )
  assert.equal(channel.size, 1, 'what stands before it is in')
  bytes(10_000)
  await Promise.all([put, behind])
  assert.deepEqual(
    (await drain(channel)).map(body => body.slice(0, 2)),
    ['a+', 'xx', 'b+', 'c+'],
  )
})

test('a put that waits for room ends with STOPPED when the signal is aborted, and nothing was put', async () => {
  const channel = await openChannel('c1', 1)
  const { processor } = processorOf({ c1: channel }, { required: ['c1'] })
  await processor.process([Event.of({}, 'a')])
  const stopping = new AbortController()
  const put = processor.processUntilAccepted([Event.of({}, 'b')], stopping.signal)
  stopping.abort()
  await assert.rejects(put, (error: unknown) => error instanceof Fault && error.code === 'STOPPED')
  assert.deepEqual(await drain(channel), ['a+'])
})

test('calls are put together where the only channel has room for all of them, and otherwise none of them is put', async () => {
  const channel = await openChannel('c1', 3)
  const other = await openChannel('c2')
  const of = (...bodies: string[]) => bodies.map(body => Event.of({}, body))
  const { processor } = processorOf({ c1: channel }, { required: ['c1'] })
  assert.equal(await processor.processTogether(of('a', 'b')), true)
  assert.equal(await processor.processTogether(of('c', 'd')), false)
  assert.deepEqual(await drain(channel), ['a+', 'b+'])
  const put = () => Promise.reject(new Fault('CHANNEL_FAILED', 'for the test'))
  const broken = { capacity: 9, transactionCapacity: 9, size: 0, put } as unknown as Channel
  const { processor: refused } = processorOf({ c1: broken }, { required: ['c1'] })
  assert.equal(await refused.processTogether(of('a')), false)
  const both = processorOf({ c1: channel, c2: other }, { required: ['c1', 'c2'] })
  assert.equal(await both.processor.processTogether(of('a')), false)
  assert.deepEqual([channel.size, other.size], [0, 0])
})

test('calls among which is an event that no interceptor can read are not put together', async () => {
  const channel = await openChannel('c1')
  const { processor } = processorOf({ c1: channel }, { required: ['c1'] })
  const unreadable = Event.fromEncoded(Buffer.from('01', 'hex'))
  assert.equal(await processor.processTogether([Event.of({}, 'a'), unreadable]), false)
  await assert.rejects(processor.process([unreadable]))
  assert.equal(channel.size, 0)
})

test('the optional channel of a lone required one is offered what is put together', async () => {
  const channel = await openChannel('c1')
  const { processor } = processorOf({ c1: channel }, { required: [], optional: ['c1'] })
  assert.equal(await processor.processTogether([Event.of({}, 'a'), Event.of({}, 'b')]), true)
  assert.deepEqual(await drain(channel), ['a+', 'b+'])
})

test('as many events are gathered as a hundredth of the smallest channel, and as a transaction holds', async () => {
  const of = (channels: Record<string, Channel>) => processorOf(channels, { required: [] }).processor.gathered
  assert.equal(of({ c1: await openChannel('c1', 1000), c2: await openChannel('c2', 100_000) }), 10)
  const context = contextFor('CHANNEL', 'c3', memoryChannel.counters)
  assert.equal(
    of({
      c3: memoryChannel.create(
        optionsFor(memoryChannel, { capacity: 100_000, transactionCapacity: 7 }),
        context,
      ),
    }),
    7,
  )
})

test('large events go through interceptors a megabyte in a turn', async () => {
  const channel = await openChannel('c1')
  const { processor } = processorOf({ c1: channel }, { required: ['c1'] })
  let turns = 0
  const count = () => {
    turns++
    if (!isDone) realClock.soon(count)
  }
  let isDone = false
  realClock.soon(count)
  const events = Array.from({ length: 8 }, () => Event.of({}, Buffer.alloc(600_000)))
  await processor.process(events)
  isDone = true
  assert.ok(turns >= 7, `${turns} turns`)
  assert.equal(channel.size, 8)
})

test('an interceptor that gives no event fails the batch with a sentence', async () => {
  const channel = await openChannel('c1')
  const log = new KeptLog()
  for (const [gives, what] of [
    [undefined, 'undefined'],
    [Promise.resolve(null), 'a promise'],
  ] as const) {
    const processor = new SourceChannelProcessor({
      interceptors: [{ intercept: () => gives as unknown as null }],
      selector: { select: () => ({ required: ['c1'], optional: [] }) },
      channels: new Map([['c1', channel]]),
      clock: realClock,
      random: realRandom,
      log,
      condition: looseConditions(realClock, log),
    })
    const expected = new RegExp(`an interceptor gave ${what} where an event or null belongs`)
    await assert.rejects(processor.process([Event.of({})]), expected)
    await assert.rejects(processor.processUntilAccepted([Event.of({})], never), expected)
  }
  assert.equal(channel.size, 0)
})
