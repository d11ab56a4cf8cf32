// The memory channel: the contract, and what is its own.
import assert from 'node:assert/strict'
import { it } from 'node:test'
import { contextFor, optionsFor } from '../../test/context.ts'
import { eventsOf, rejectsWith, textsOf } from '../../test/contracts/channel-events.ts'
import { testChannel } from '../../test/contracts/channel.ts'
import type { Channel } from '../component.ts'
import { Event } from '../event.ts'
import { memoryChannel } from './memory.ts'

const never = new AbortController().signal

async function open(given: Record<string, unknown>): Promise<Channel> {
  const context = contextFor('CHANNEL', 'c1', memoryChannel.counters)
  const channel = memoryChannel.create(optionsFor(memoryChannel, given), context)
  await channel.start()
  return channel
}

testChannel(
  'memory',
  async () => ({
    open(limits) {
      const context = contextFor('CHANNEL', 'c1', memoryChannel.counters)
      return { channel: memoryChannel.create(optionsFor(memoryChannel, { ...limits }), context), context }
    },
    remove: async () => {},
  }),
  { durable: false },
)

it('is refused when a transaction holds more than the channel', () => {
  const said: string[] = []
  const say = { error: (key: string) => void said.push(key), warning: () => {} }
  memoryChannel.check!(optionsFor(memoryChannel, { capacity: 10, transactionCapacity: 11 }), say)
  assert.deepEqual(said, ['transactionCapacity'])
})

it('holds no more bytes of bodies than byteCapacity less its buffer, in units of 100', async () => {
  const channel = await open({ byteCapacity: 1250, byteCapacityBufferPercentage: 20 })
  const of = (bytes: number) => Event.of({}, Buffer.alloc(bytes))
  await channel.put([of(101), of(0), of(700)]) // 2 + 1 + 7 of 10
  await rejectsWith('CHANNEL_FULL', channel.put([of(1)], { patienceMs: 0 }), /byteCapacity/)
  // Also where it has waited, and the remedy is for what is short.
  const waiting = channel.put([of(1)], { patienceMs: 20 })
  assert.match(channel.full!.why, /byteCapacity/)
  await assert.rejects(waiting, { message: /byteCapacity/, remedy: /raise byteCapacity/ })
  await assert.rejects(channel.put([of(1001)]), {
    code: 'TRANSACTION_TOO_LARGE',
    message: /byteCapacity/,
    remedy: 'Raise byteCapacity of the channel.',
  })
  await assert.rejects(channel.put([of(600), of(600)]), {
    remedy: /Raise byteCapacity .*lower the batch size/,
  })
  const batch = await channel.take({ events: 1 }, never)
  await rejectsWith('CHANNEL_FULL', channel.put([of(1)], { patienceMs: 0 }))
  await batch!.commit()
  await channel.put([of(200)], { patienceMs: 0 })
  assert.equal(channel.size, 3)
})

it('has no limit of bytes where byteCapacity is 0', async () => {
  const channel = await open({ byteCapacity: 0 })
  await channel.put([Event.of({}, Buffer.alloc(10_000_000))], { patienceMs: 0 })
  assert.equal(channel.size, 1)
})

it('takes changed options while running and keeps its events', async () => {
  const channel = await open({ capacity: 2, transactionCapacity: 2 })
  await channel.put(eventsOf(0, 2))
  const waiting = channel.put(eventsOf(2, 2), { patienceMs: Infinity })
  assert.equal(channel.reconfigure!(optionsFor(memoryChannel, { capacity: 4, transactionCapacity: 4 })), true)
  await waiting
  assert.deepEqual(textsOf(await channel.take({ events: 9 }, never)), ['0', '1', '2', '3'])
})
