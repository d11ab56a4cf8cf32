// The spillable memory channel: the contract with the border between memory and disk at several places, and what is
// its own: where a put goes, order over the border, kills, full disks, reloads.
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, it } from 'node:test'
import { contextFor, optionsFor, type TestContext } from '../../test/context.ts'
import { eventsOf, rejectsWith, textsOf } from '../../test/contracts/channel-events.ts'
import { testChannel } from '../../test/contracts/channel.ts'
import type { Batch, Channel } from '../component.ts'
import { Event } from '../event.ts'
import type { Disk } from '../system/disk.ts'
import { realSystem, type System } from '../system/system.ts'
import { spillableChannel } from './spillable.ts'

const never = new AbortController().signal
const cleanups: (() => Promise<unknown>)[] = []
afterEach(async () => {
  for (const clean of cleanups.splice(0).toReversed()) await clean()
})

interface Made {
  readonly channel: Channel
  readonly context: TestContext
}

function make(path: string, given: Record<string, unknown>, system?: System): Made {
  const context = contextFor('CHANNEL', 'c1', spillableChannel.counters, system && { system })
  return { channel: spillableChannel.create(optionsOf(path, given), context), context }
}

const optionsOf = (path: string, given: Record<string, unknown>): never =>
  optionsFor(spillableChannel, {
    overflowTimeout: 0,
    checkpointDir: join(path, 'checkpoint'),
    dataDirs: [join(path, 'data')],
    minimumRequiredSpace: 0,
    ...given,
  })

async function directory(): Promise<string> {
  const path = await mkdtemp(join(tmpdir(), 'millrace-spillable-'))
  cleanups.push(() => rm(path, { recursive: true, force: true }))
  return path
}

async function open(given: Record<string, unknown>, path?: string, system?: System): Promise<Made> {
  const made = make(path ?? (await directory()), given, system)
  await made.channel.start()
  cleanups.push(() => made.channel.stop())
  return made
}

async function drain(channel: Channel): Promise<string[]> {
  const found: string[] = []
  while (channel.size > 0) {
    const batch = (await channel.take({ events: 7 }, never))!
    found.push(...textsOf(batch))
    await batch.commit()
  }
  return found
}

const numbers = (from: number, end: number): string[] =>
  Array.from({ length: end - from }, (_, index) => String(from + index))

testChannel(
  'spillable memory',
  async () => {
    const path = await mkdtemp(join(tmpdir(), 'millrace-spillable-'))
    return {
      // Half of the events in memory.
      open: ({ capacity, transactionCapacity }) =>
        make(path, {
          memoryCapacity: Math.ceil(capacity / 2),
          overflowCapacity: Math.floor(capacity / 2),
          transactionCapacity,
        }),
      remove: () => rm(path, { recursive: true, force: true }),
    }
  },
  { durable: false },
)

it('keeps events in memory as long as there is room, then on disk until it is empty', async () => {
  const { channel } = await open({ memoryCapacity: 10, overflowCapacity: 100 })
  await channel.put(eventsOf(0, 8))
  assert.equal(channel.volatileSize, 8)
  // Two have room in memory, but a put is kept whole.
  await channel.put(eventsOf(8, 4))
  await channel.put(eventsOf(12, 1))
  assert.equal(channel.volatileSize, 8)
  const first = (await channel.take({ events: 100 }, never))!
  assert.deepEqual(textsOf(first), numbers(0, 8))
  await first.commit()
  // Memory is empty; this one must not overtake those on disk.
  await channel.put(eventsOf(13, 1))
  assert.deepEqual([channel.size, channel.volatileSize], [6, 0])
  assert.deepEqual(await drain(channel), numbers(8, 14))
  await channel.put(eventsOf(14, 10))
  assert.equal(channel.volatileSize, 10)
})

it('gives what came back to memory before what is on disk', async () => {
  const { channel } = await open({ memoryCapacity: 4, overflowCapacity: 100 })
  await channel.put(eventsOf(0, 4))
  await channel.put(eventsOf(4, 4))
  const open_: Batch[] = []
  for (let index = 0; index < 4; index++) open_.push((await channel.take({ events: 2 }, never))!)
  // A taker that waits for the disk is served from memory when something comes back there.
  const waiting = channel.take({ events: 2 }, never)
  await open_[3]!.rollback()
  assert.deepEqual(textsOf(await waiting), numbers(6, 8))
  for (const index of [2, 0, 1]) await open_[index]!.rollback()
  assert.deepEqual(textsOf(await channel.take({ events: 9 }, never)), numbers(0, 4))
  assert.deepEqual(textsOf(await channel.take({ events: 9 }, never)), numbers(4, 6))
})

it('lets a put wait for overflowTimeout, and those behind it go to the disk with it, in order', async () => {
  const { channel } = await open({ memoryCapacity: 4, overflowCapacity: 100, overflowTimeout: 0.05 })
  await channel.put(eventsOf(0, 3))
  const puts = [channel.put(eventsOf(3, 2)), channel.put(eventsOf(5, 1)), channel.put(eventsOf(6, 1))]
  assert.equal(channel.size, 3)
  await Promise.all(puts)
  assert.deepEqual([channel.size, channel.volatileSize], [7, 3])
  assert.deepEqual(await drain(channel), numbers(0, 7))
})

it('goes back to memory while sinks still hold the last of the overflow', async () => {
  const { channel } = await open({ memoryCapacity: 4, overflowCapacity: 100, overflowTimeout: 3600 })
  await channel.put(eventsOf(0, 5)) // never fits memory
  assert.equal(channel.volatileSize, 0)
  const last = (await channel.take({ events: 9 }, never))!
  const waiting = channel.put(eventsOf(5, 1))
  await last.commit()
  await waiting
  assert.equal(channel.volatileSize, 1)
  // Where the sink gives them back, the put goes to the disk behind them.
  await channel.put(eventsOf(6, 5))
  assert.deepEqual(await drain(channel), numbers(5, 11))
  await channel.put(eventsOf(11, 5))
  const again = (await channel.take({ events: 9 }, never))!
  const behind = channel.put(eventsOf(16, 1))
  await again.rollback()
  await behind
  assert.equal(channel.volatileSize, 0)
  assert.deepEqual(await drain(channel), numbers(11, 17))
})

it('holds no more bytes of bodies in memory than byteCapacity, in units of avgEventSize', async () => {
  const bytes = { byteCapacity: 1250, byteCapacityBufferPercentage: 20, avgEventSize: 100 }
  const { channel } = await open({ memoryCapacity: 100, overflowCapacity: 100, ...bytes })
  const of = (length: number) => Event.of({}, Buffer.alloc(length))
  await channel.put([of(101), of(0), of(700)]) // 2 + 1 + 7 of 10
  assert.equal(channel.volatileSize, 3)
  await channel.put([of(1)])
  assert.deepEqual([channel.size, channel.volatileSize], [4, 3])
})

it('is a memory channel without overflowCapacity, and a file channel without memoryCapacity', async () => {
  const memory = (await open({ memoryCapacity: 4, overflowCapacity: 0 })).channel
  await memory.put(eventsOf(0, 4))
  await rejectsWith('CHANNEL_FULL', memory.put(eventsOf(4, 1), { patienceMs: 0 }), /4 of 4/)
  const path = await directory()
  const { channel } = await open({ memoryCapacity: 0, overflowCapacity: 4 }, path)
  await channel.put(eventsOf(0, 4))
  assert.equal(channel.volatileSize, 0)
  await rejectsWith('CHANNEL_FULL', channel.put(eventsOf(4, 1), { patienceMs: 0 }), /4 of 4/)
  await channel.stop()
  assert.deepEqual(await drain((await open({ memoryCapacity: 0, overflowCapacity: 4 }, path)).channel), [
    '0',
    '1',
    '2',
    '3',
  ])
  const said: string[] = []
  const say = { error: (key: string) => void said.push(key), warning: () => {} }
  spillableChannel.check!(optionsOf(path, { memoryCapacity: 0, overflowCapacity: 0 }), say)
  assert.deepEqual(said, ['memoryCapacity'])
})

it('counts its events once, wherever they are', async () => {
  const { channel, context } = await open({ memoryCapacity: 4, overflowCapacity: 6 })
  const { counters } = context
  await channel.put(eventsOf(0, 4))
  await channel.put(eventsOf(4, 4))
  await rejectsWith('CHANNEL_FULL', channel.put(eventsOf(8, 3), { patienceMs: 0 }))
  const of = (...names: string[]) => names.map(name => counters.get(name))
  assert.deepEqual(
    of('ChannelSize', 'ChannelCapacity', 'EventPutAttemptCount', 'EventPutSuccessCount'),
    [8, 10, 11, 8],
  )
  await drain(channel)
  assert.deepEqual(of('ChannelSize', 'EventTakeSuccessCount'), [0, 8])
})

it('takes a changed size while running and keeps its events; other options need another channel', async () => {
  const path = await directory()
  const { channel } = await open({ memoryCapacity: 4, overflowCapacity: 0 }, path)
  await channel.put(eventsOf(0, 4))
  const waiting = channel.put(eventsOf(4, 2), { patienceMs: Infinity })
  assert.equal(channel.reconfigure!(optionsOf(path, { memoryCapacity: 6, overflowCapacity: 0 })), true)
  await waiting
  assert.equal(channel.reconfigure!(optionsOf(path, { memoryCapacity: 6, checkpointInterval: 9000 })), false)
  assert.deepEqual(await drain(channel), numbers(0, 6))
})

it('refuses on a full disk what has no room in memory, and keeps the order when there is room again', async () => {
  let isFull = false
  const disk: Disk = {
    ...realSystem.disk,
    freeBytes: path => (isFull ? Promise.resolve(0) : realSystem.disk.freeBytes(path)),
  }
  const path = await directory()
  const system = { ...realSystem, disk }
  await (await open({ memoryCapacity: 0, overflowCapacity: 100 }, path, system)).channel.put(eventsOf(0, 3))
  await cleanups.pop()!()
  isFull = true
  const { channel } = await open({ memoryCapacity: 4, overflowCapacity: 100 }, path, system)
  // Behind those that are on disk.
  await rejectsWith('DISK_FULL', channel.put(eventsOf(3, 1)))
  assert.deepEqual(await drain(channel), numbers(0, 3))
  await channel.put(eventsOf(3, 4))
  await rejectsWith('DISK_FULL', channel.put(eventsOf(7, 1)))
  assert.equal(channel.size, 4)
  assert.deepEqual(await drain(channel), numbers(3, 7))
  await channel.put(eventsOf(7, 1))
  assert.equal(channel.volatileSize, 1)
})

it('after kill -9 the overflow is there and the memory is not, and a warning says so', async t => {
  const path = await directory()
  const script = new URL('../../test/contracts/spillable-kill-writer.ts', import.meta.url).pathname
  const child = spawn(process.execPath, [script, path], { stdio: ['ignore', 'pipe', 'inherit'] })
  t.after(() => child.kill('SIGKILL'))
  const exited = once(child, 'exit')
  assert.match(String(await Promise.race([once(child.stdout, 'data'), exited])), /ready/)
  child.kill('SIGKILL')
  await exited
  const given = { memoryCapacity: 50, overflowCapacity: 1000 }
  const { channel, context } = await open(given, path)
  assert.deepEqual(await drain(channel), numbers(50, 200))
  const warnings = () => context.log.lines.filter(line => /in memory/.test(line))
  assert.match(
    warnings().join(),
    /^WARN channel c1 was not stopped before: .* in memory .*at most 50, are lost\. .*\(150 events\)$/,
  )
  await channel.stop()
  const stopped = await open(given, path)
  assert.deepEqual(
    stopped.context.log.lines.filter(line => /in memory/.test(line)),
    [],
  )
})
