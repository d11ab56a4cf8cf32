// A file channel on a disk that is nearly full: it refuses puts without flooding the log, says so of itself,
// and takes puts again when a whole segment has room. One that is started there does the same.
import assert from 'node:assert/strict'
import { it } from 'node:test'
import type { Channel } from '../../src/component.ts'
import type { FileChannelSettings } from '../../src/channels/file/file-channel-settings.ts'
import { FileChannel } from '../../src/channels/file/file-channel.ts'
import { Opening } from '../../src/channels/file/opening.ts'
import { fileChannel } from '../../src/channels/file.ts'
import { Fault } from '../../src/errors.ts'
import { lookingDisk } from '../../src/system/looking-disk.ts'
import type { Disk } from '../../src/system/disk.ts'
import { realSystem } from '../../src/system/system.ts'
import { contextFor, type TestContext } from '../context.ts'
import { eventsOf, textsOf } from '../contracts/channel-events.ts'
import { VirtualClock } from '../virtual-clock.ts'
import { SeededRandom } from '../../src/simulation/seeded-random.ts'
import { SimulatedDisk } from '../../src/simulation/simulated-disk.ts'

const never = new AbortController().signal
const segmentBytes = 64 * 1024
const floorBytes = 100_000

class World {
  readonly clock = new VirtualClock()
  readonly door: () => Disk
  readonly settings: FileChannelSettings
  context!: TestContext

  constructor(door: () => Disk, given: Partial<FileChannelSettings> = {}) {
    this.door = door
    this.settings = {
      checkpointDirectory: '/c',
      dataDirectories: ['/d'],
      capacity: 1_000_000,
      transactionCapacity: 1000,
      keepAliveMs: 0,
      segmentBytes,
      floorBytes,
      syncEachGroup: true,
      syncIntervalMs: 1000,
      checkpointIntervalMs: 3_600_000,
      checkpointOnClose: true,
      ...given,
    }
  }

  #makeContext(disk: Disk): TestContext {
    const system = { ...realSystem, disk, clock: this.clock }
    return (this.context = contextFor('CHANNEL', 'c1', fileChannel.counters, { system }))
  }

  async open(): Promise<FileChannel> {
    const channel = new FileChannel(this.settings, this.#makeContext(this.door()))
    await channel.start()
    return channel
  }

  /** What the check says. */
  async check(): Promise<readonly string[]> {
    await new Opening(this.settings, this.#makeContext(lookingDisk(this.door()))).rehearse()
    return this.context.log.lines
  }

  async close(channel: Channel): Promise<void> {
    const closed = channel.stop()
    await this.clock.advance(10_000)
    await closed
  }
}

async function refuses(put: Promise<void>): Promise<string> {
  const error = await put.then(
    () => null,
    (reason: unknown) => reason,
  )
  assert.ok(error instanceof Fault && error.code === 'DISK_FULL', String(error))
  return error.message
}

async function drain(channel: Channel, most = Infinity): Promise<string[]> {
  const found: string[] = []
  while (channel.size > 0 && found.length < most) {
    const batch = (await channel.take({ events: 50 }, never))!
    found.push(...textsOf(batch))
    await batch.commit()
  }
  return found
}

const numbers = (from: number, end: number): string[] =>
  Array.from({ length: end - from }, (_, index) => String(from + index))

it('free space within one segment above the minimum: one condition, one line a minute', async () => {
  const disk = new SimulatedDisk(new SeededRandom(1))
  disk.capacityBytes = floorBytes + 4.5 * segmentBytes
  const world = new World(() => disk.open())
  const { clock } = world
  const channel = await world.open()
  const { context } = world
  let put = 0
  let refused = 0
  /** Whether the channel took the events. */
  const tryPut = () =>
    channel.put(eventsOf(put, 10)).then(
      () => (put += 10) > 0,
      (error: unknown) => {
        assert.ok(error instanceof Fault && error.code === 'DISK_FULL', String(error))
        refused++
        return false
      },
    )
  while (await tryPut()) continue
  assert.ok(put > 100)
  const before = context.log.lines.length
  assert.equal(context.health().length, 1)
  assert.match(context.health()[0]!, /^channel c1: .* new segment .* minimumRequiredSpace/)
  for (let tenth = 0; tenth < 6000; tenth++) {
    await tryPut()
    await clock.advance(100)
  }
  assert.equal(refused, 6001)
  const lines = context.log.lines.slice(before)
  assert.ok(lines.length <= 10, `${lines.length} lines:\n${lines.slice(0, 20).join('\n')}`)
  // Emptied segments make room.
  assert.equal((await drain(channel)).length, put)
  await clock.advance(1000)
  assert.deepEqual(context.health(), [])
  await tryPut()
  assert.equal(refused, 6001)
  assert.match(context.log.lines.at(-1)!, /^INFO channel c1 takes puts again: \d+ bytes are free, after \d+/)
  await world.close(channel)
})

for (const ending of ['a stop', 'a kill', 'a power cut'] as const)
  it(`is started on a full disk after ${ending}: takes go on and last, puts wait for room`, async () => {
    // From nothing free over all that startLog tries, and what is beside the log.
    for (let free = 0; free <= 300_000; free += free < 20_000 ? 1000 : 24_000) {
      const at = `${free} bytes free`
      const disk = new SimulatedDisk(new SeededRandom(free + 1))
      const world = new World(() => disk.open(), { floorBytes: 500_000 })
      const first = await world.open()
      for (let from = 0; from < 3000; from += 50) await first.put(eventsOf(from, 50))
      assert.deepEqual(await drain(first, 100), numbers(0, 100))
      if (ending === 'a stop') await world.close(first)
      else if (ending === 'a kill') disk.kill()
      else disk.crash()
      disk.capacityBytes = disk.usedBytes + free

      assert.match(
        (await world.check()).join('\n'),
        /WARN channel c1 will refuse puts|WARN channel c1 refuses puts/,
      )
      let channel = await world.open()
      assert.equal(channel.size, 2900, at)
      await refuses(channel.put(eventsOf(3000, 10)))
      assert.match(world.context.health().join('\n'), /^channel c1/, at)
      assert.deepEqual(await drain(channel, 100), numbers(100, 200), at)
      disk.crash()

      channel = await world.open()
      assert.deepEqual(await drain(channel, 100), numbers(200, 300), at)
      await world.close(channel)
      channel = await world.open()
      await refuses(channel.put(eventsOf(3000, 10)))
      disk.capacityBytes = Infinity
      await world.clock.advance(1100)
      assert.deepEqual(world.context.health(), [], at)
      await channel.put(eventsOf(3000, 10))
      disk.crash({ nothing: true })
      channel = await world.open()
      assert.deepEqual(await drain(channel), numbers(300, 3010), at)
      await world.close(channel)
    }
  })

it('opens new, with nothing on the disk, when there is room', async () => {
  for (let free = 0; free <= 200_000; free += 8000) {
    const disk = new SimulatedDisk(new SeededRandom(1))
    disk.capacityBytes = free
    const world = new World(() => disk.open(), { floorBytes: 500_000 })
    assert.match((await world.check()).join('\n'), /WARN channel c1 (will refuse|refuses) puts: /)
    const channel = await world.open()
    await refuses(channel.put(eventsOf(0, 10)))
    assert.match(world.context.health().join('\n'), /^channel c1/, `${free}`)
    const taken = channel.take({ events: 10 }, never)
    await world.clock.advance(5000)
    await refuses(channel.put(eventsOf(0, 10)))
    disk.capacityBytes = Infinity
    await world.clock.advance(1100)
    assert.deepEqual(world.context.health(), [])
    await channel.put(eventsOf(0, 10))
    assert.deepEqual(textsOf((await taken)!), numbers(0, 10))
    await world.close(channel)
  }
})

it('is stopped while it waits for room to open', async () => {
  const disk = new SimulatedDisk(new SeededRandom(1))
  disk.capacityBytes = 0
  const world = new World(() => disk.open())
  const channel = await world.open()
  const taken = assert.rejects(channel.take({ events: 10 }, never), /is closed/)
  await world.close(channel)
  await taken
  await assert.rejects(channel.put(eventsOf(0, 10)), /is closed/)
  assert.equal(disk.usedBytes, 0)
})

/** One disk for what lies below a path, another for the rest. */
function split(prefix: string, below: Disk, rest: Disk): Disk {
  const door = (path: string) => (path === prefix || path.startsWith(`${prefix}/`) ? below : rest)
  return new Proxy(rest, {
    get: (_, name: keyof Disk) => {
      const call = rest[name]
      if (typeof call !== 'function') return call
      return (path: string, ...more: never[]) =>
        (door(path)[name] as (...all: unknown[]) => unknown)(path, ...more)
    },
  })
}

it('does without room for a checkpoint where there is one, and takes no puts before there ever was one', async () => {
  for (const isNew of [false, true]) {
    const checkpoints = new SimulatedDisk(new SeededRandom(1))
    const data = new SimulatedDisk(new SeededRandom(2))
    await checkpoints.open().makeDirectory('/m')
    const door = () => split('/m', checkpoints.open(), data.open())
    const world = new World(door, { checkpointDirectory: '/m/c' })
    if (!isNew) {
      const first = await world.open()
      await first.put(eventsOf(0, 100))
      await world.close(first)
    }
    checkpoints.capacityBytes = checkpoints.usedBytes
    const said = (await world.check()).join('\n')
    if (isNew) assert.match(said, /WARN channel c1 refuses puts: ENOSPC: .*\/m\/c\/millrace\.checkpoint/)
    else assert.equal(said, '')
    const channel = await world.open()
    assert.deepEqual(await drain(channel), isNew ? [] : numbers(0, 100))
    if (isNew) {
      await refuses(channel.put(eventsOf(100, 10)))
      assert.match(world.context.health().join('\n'), /\/m\/c\/millrace\.checkpoint/)
      await world.clock.advance(2500)
      await refuses(channel.put(eventsOf(100, 10)))
      checkpoints.capacityBytes = Infinity
      await world.clock.advance(1100)
    }
    assert.deepEqual(world.context.health(), [])
    await channel.put(eventsOf(100, 10))
    await world.close(channel)
    const again = await world.open()
    assert.deepEqual(await drain(again), numbers(100, 110))
    await world.close(again)
  }
})

it('a disk without inodes is a full one, however much is free', async () => {
  const disk = new SimulatedDisk(new SeededRandom(1))
  let hasInodes = true
  const door = (): Disk => {
    const whole = disk.open()
    const mayMake = (): void => {
      if (!hasInodes) throw Object.assign(new Error('ENOSPC: no space left on device'), { code: 'ENOSPC' })
    }
    return {
      ...whole,
      open: async (path, mode) => {
        if (mode === 'create') mayMake()
        return await whole.open(path, mode)
      },
    }
  }
  const world = new World(door)
  const first = await world.open()
  // All but full: the next put needs another segment, and no spare is made yet.
  for (let from = 0; from < 200; from += 50) await first.put(eventsOf(from, 50))
  await world.close(first)
  hasInodes = false
  const channel = await world.open()
  assert.match(
    await refuses(channel.put(eventsOf(200, 50))),
    /no room for a segment of 65536 bytes in \/d, although \d+ are free: its inodes or a quota are used up/,
  )
  const lines = world.context.log.lines.length
  for (let second = 0; second < 120; second++) {
    await refuses(channel.put(eventsOf(200, 50)))
    await world.clock.advance(1000)
  }
  assert.ok(world.context.log.lines.length - lines <= 4, world.context.log.lines.join('\n'))
  assert.deepEqual(await drain(channel), numbers(0, 200))
  hasInodes = true
  await world.clock.advance(1100)
  assert.deepEqual(world.context.health(), [])
  await channel.put(eventsOf(200, 50))
  await world.close(channel)
})
