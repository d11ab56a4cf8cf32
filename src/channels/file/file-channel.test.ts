// The file channel on real files: restarts, torn and damaged logs, full disks, locks, backlogs.
import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { cp, mkdir, mkdtemp, readdir, readFile, rm, truncate, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, it } from 'node:test'
import { contextFor, optionsFor, type TestContext } from '../../../test/context.ts'
import { eventsOf, rejectsWith, textsOf } from '../../../test/contracts/channel-events.ts'
import type { Channel } from '../../component.ts'
import { Event } from '../../event.ts'
import type { Disk } from '../../system/disk.ts'
import { realSystem } from '../../system/system.ts'
import { fileChannel } from '../file.ts'

const never = new AbortController().signal
const cleanups: (() => Promise<unknown>)[] = []
afterEach(async () => {
  for (const clean of cleanups.splice(0).toReversed()) await clean()
})

async function directory(): Promise<string> {
  const path = await mkdtemp(join(tmpdir(), 'millrace-file-'))
  cleanups.push(() => rm(path, { recursive: true }))
  return path
}

function make(path: string, given: Record<string, unknown> = {}): { channel: Channel; context: TestContext } {
  const context = contextFor('CHANNEL', 'c1', fileChannel.counters)
  const options = optionsFor(fileChannel, {
    checkpointDir: join(path, 'checkpoint'),
    dataDirs: [join(path, 'data')],
    minimumRequiredSpace: 0,
    ...given,
  })
  return { channel: fileChannel.create(options, context), context }
}

async function open(
  path: string,
  given: Record<string, unknown> = {},
): Promise<{ channel: Channel; context: TestContext }> {
  const made = make(path, given)
  await made.channel.start()
  cleanups.push(() => made.channel.stop())
  return made
}

async function drain(channel: Channel): Promise<string[]> {
  const found: string[] = []
  while (channel.size > 0) {
    const batch = (await channel.take({ events: 1000 }, never))!
    found.push(...textsOf(batch))
    await batch.commit()
  }
  return found
}

const numbers = (from: number, end: number): string[] =>
  Array.from({ length: end - from }, (_, index) => String(from + index))

/** A copy of a directory of a channel that still runs: what a kill would leave. */
async function copyOf(path: string): Promise<string> {
  const copy = await directory()
  await cp(path, copy, { recursive: true, filter: source => !source.endsWith('.lock') })
  return copy
}

async function newestSegment(path: string): Promise<string> {
  const ids = (await readdir(join(path, 'data'))).flatMap(
    name => /^millrace-(\d+)\.wal$/.exec(name)?.[1] ?? [],
  )
  return join(path, 'data', `millrace-${Math.max(...ids.map(Number))}.wal`)
}

it('gives after a restart what was not taken, in order, also after restarts in a row', async () => {
  const path = await directory()
  let { channel } = make(path, { maxFileSize: 1 })
  await channel.start()
  for (let at = 0; at < 2000; at += 20) await channel.put(eventsOf(at, 20))
  const batch = await channel.take({ events: 30 }, never)
  await batch!.commit()
  await channel.take({ events: 30 }, never)
  for (let restart = 0; restart < 3; restart++) {
    await channel.stop()
    ;({ channel } = make(path, { maxFileSize: 1 }))
    await channel.start()
    assert.equal(channel.size, 1970)
  }
  assert.deepEqual(await drain(channel), numbers(30, 2000))
  await channel.stop()
})

it('remembers what several takers committed out of order', async () => {
  const path = await directory()
  const { channel } = make(path)
  await channel.start()
  await channel.put(eventsOf(0, 100))
  const open = []
  for (let index = 0; index < 10; index++) open.push((await channel.take({ events: 10 }, never))!)
  for (const index of [1, 3, 4, 8]) await open[index]!.commit()
  const killed = await open_(await copyOf(path))
  assert.equal(killed.size, 60)
  const left = [0, 2, 5, 6, 7, 9].flatMap(index => numbers(index * 10, index * 10 + 10))
  assert.deepEqual(await drain(killed), left)
  await channel.stop()
})

async function open_(path: string, given: Record<string, unknown> = {}): Promise<Channel> {
  return (await open(path, given)).channel
}

it('keeps every whole transaction before the cut, wherever the log is torn', async () => {
  const path = await directory()
  const { channel } = await open(path, { maxFileSize: 1 })
  const file = await newestSegment(path)
  /** After each put: its end in the file, known because what follows is still zero. */
  for (let at = 0; at < 60; at += 3) await channel.put(eventsOf(at, 3))
  const bytes = await readFile(file)
  const ends: number[] = []
  for (let at = 2 * bytes.readUInt32LE(12); bytes.toString('latin1', at, at + 4) === 'MRE1';) {
    at += 56 + bytes.readUInt32LE(at + 12)
    ends.push(at)
  }
  assert.equal(ends.length, 20)
  const copy = await copyOf(path)
  const torn = await newestSegment(copy)
  const last = ends.at(-1)!
  // Every cut: test/simulation/file-channel-damage.test.ts.
  for (let cut = last; cut > last - 600; cut -= 23) {
    const garbage = [0, 0xff, 'older entries' as const][cut % 3]!
    const image = Buffer.from(bytes)
    if (garbage === 'older entries') image.set(bytes.subarray(8196, 8196 + image.length - cut), cut)
    else image.fill(garbage, cut)
    for (const name of ['data', 'checkpoint']) await rm(join(copy, name), { recursive: true })
    await mkdir(join(copy, 'data'))
    await writeFile(torn, image)
    const whole = ends.filter(end => end <= cut).length
    const opened = make(copy, { maxFileSize: 1 })
    await opened.channel.start()
    // Padding that is cut off and zero anyway is no loss.
    const size = opened.channel.size
    assert.ok(size === whole * 3 || (garbage === 0 && size === (whole + 1) * 3), `cut at ${cut}: ${size}`)
    assert.deepEqual(await drain(opened.channel), numbers(0, size))
    await opened.channel.stop()
  }
})

it('accepts a log that ends before its preallocated size', async () => {
  const path = await directory()
  const { channel } = await open(path)
  await channel.put(eventsOf(0, 5))
  const copy = await copyOf(path)
  const file = await newestSegment(copy)
  await truncate(file, 2 * (await readFile(file)).readUInt32LE(12) + 8)
  assert.equal((await open_(copy)).size, 0)
})

it('notices every flipped bit, says which events are lost, and delivers the others', async () => {
  const path = await directory()
  const { channel } = make(path, { maxFileSize: 1 })
  await channel.start()
  for (let at = 0; at < 30; at += 3) await channel.put(eventsOf(at, 3))
  await channel.stop()
  const file = await newestSegment(path)
  const bytes = await readFile(file)
  const start = 2 * bytes.readUInt32LE(12)
  const first = 56 + bytes.readUInt32LE(start + 12)
  for (let bit = 0; bit < first * 8; bit += 83) {
    const image = Buffer.from(bytes)
    image[start + (bit >> 3)]! ^= 1 << (bit & 7)
    const copy = await directory()
    await mkdir(join(copy, 'data'))
    await writeFile(join(copy, 'data', 'millrace-1.wal'), image)
    const { channel: damaged, context } = await open(copy, { maxFileSize: 1 })
    const stop = new AbortController()
    const found: string[] = []
    while (found.length < 27) {
      const batch = (await damaged.take({ events: 50 }, stop.signal))!
      found.push(...textsOf(batch))
      await batch.commit()
    }
    assert.deepEqual(found, numbers(3, 30), `bit ${bit}`)
    assert.match(context.log.lines.join('\n'), /3 events \(numbers 0 to 2\) are lost/)
    await damaged.stop()
    assert.ok((await readdir(join(copy, 'data'))).some(name => name === 'millrace-1.wal.damaged'))
  }
})

it('refuses to start where a segment is missing or both copies of its header damaged, and touches nothing', async () => {
  const path = await directory()
  const { channel } = make(path, { maxFileSize: 1 })
  await channel.start()
  for (let at = 0; at < 9000; at += 100) await channel.put(eventsOf(at, 100))
  await channel.stop()
  const names = (await readdir(join(path, 'data'))).sort()
  assert.ok(names.includes('millrace-3.wal'))
  const gap = await copyOf(path)
  await rm(join(gap, 'data', 'millrace-2.wal'))
  await rejectsWith('STATE_MISSING', make(gap).channel.start(), /millrace-2\.wal is not in .* any more/)
  const damaged = await copyOf(path)
  const file = await newestSegment(damaged)
  const bytes = await readFile(file)
  bytes[50]! ^= 1
  bytes[bytes.readUInt32LE(12) + 50]! ^= 1
  await writeFile(file, bytes)
  await rejectsWith('CORRUPT', make(damaged).channel.start(), /header's checksum .* channel repair/)
  assert.deepEqual((await readdir(join(damaged, 'data'))).sort(), names)
})

it('reads the second copy of a segment header where the first is damaged, and says so', async () => {
  const path = await directory()
  const { channel } = make(path)
  await channel.start()
  await channel.put(eventsOf(0, 10))
  await channel.stop()
  const file = await newestSegment(path)
  const bytes = await readFile(file)
  for (const at of [0, 5, 9, 13, 20, 60, 74]) {
    const image = Buffer.from(bytes)
    image[at]! ^= 0x40
    const copy = await copyOf(path)
    await writeFile(await newestSegment(copy), image)
    const { channel: opened, context } = await open(copy)
    assert.match(context.log.lines.join('\n'), /header of segment .*millrace-1.wal is damaged .* second copy/)
    assert.deepEqual(await drain(opened), numbers(0, 10), `byte ${at}`)
  }
})

it('spreads segments over several data directories', async () => {
  const path = await directory()
  const given = { maxFileSize: 1, dataDirs: [join(path, 'a'), join(path, 'b')] }
  const { channel } = make(path, given)
  await channel.start()
  for (let at = 0; at < 9000; at += 100) await channel.put(eventsOf(at, 100))
  await channel.stop()
  for (const name of ['a', 'b']) assert.ok((await readdir(join(path, name))).length > 1)
  const again = await open_(path, given)
  assert.deepEqual(await drain(again), numbers(0, 9000))
})

it('keeps a second channel out of its directories, naming the holder', async () => {
  const path = await directory()
  await open(path)
  const second = make(path, { dataDirs: [join(path, 'other')] })
  await rejectsWith(
    'DIRECTORY_IN_USE',
    second.channel.start(),
    /checkpoint is in use by pid \d+, agent a1, channel c1/,
  )
  const third = make(path, { checkpointDir: join(path, 'other') })
  await rejectsWith('DIRECTORY_IN_USE', third.channel.start(), /data is in use by pid \d+/)
})

it('says which directory cannot be used', async () => {
  const path = await directory()
  await writeFile(join(path, 'data'), 'a file')
  await rejectsWith('DISK', make(path).channel.start(), /data/)
})

it('carries events of 20 MiB, back from the disk as well', async () => {
  const path = await directory()
  const bodies = [Buffer.alloc(20 * 1024 * 1024, 'a'), Buffer.from('b'), Buffer.alloc(20 * 1024 * 1024, 'c')]
  const { channel } = make(path)
  await channel.start()
  await channel.put(bodies.map(body => Event.of({}, body)))
  for (const body of bodies) await channel.put([Event.of({}, body)])
  await channel.stop()
  const again = await open_(path)
  for (let index = 0; index < 6;) {
    const batch = (await again.take({ events: 10, bytes: 16 * 1024 * 1024 }, never))!
    for (const event of batch.events) assert.ok(event.body.equals(bodies[index++ % 3]!))
    await batch.commit()
  }
  assert.equal(again.size, 0)
})

it('deletes emptied segments', async () => {
  const path = await directory()
  const { channel } = await open(path, { maxFileSize: 1 })
  for (let at = 0; at < 20_000; at += 100) {
    await channel.put(eventsOf(at, 100))
    await (await channel.take({ events: 100 }, never))!.commit()
  }
  assert.ok((await readdir(join(path, 'data'))).length <= 5)
})

it('refuses puts while too little space is free, lets takes go on, and recovers by itself', async t => {
  if (process.getuid?.() !== 0) return t.skip('mounting a small file system needs root')
  const path = await directory()
  execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=6m', 'tmpfs', path])
  cleanups.push(async () => void execFileSync('umount', ['-l', path]))
  const { channel, context } = await open(path, {
    maxFileSize: 1024 * 1024,
    minimumRequiredSpace: 1024 * 1024,
  })
  const body = Buffer.alloc(10_000)
  let put = 0
  await assert.rejects(
    (async () => {
      for (;;) {
        await channel.put([Event.of({ n: String(put) }, body)])
        put++
      }
    })(),
    (error: Error & { code?: string }) =>
      error.code === 'DISK_FULL' && /minimumRequiredSpace/.test(error.message),
  )
  assert.ok(put > 100)
  assert.match(context.health()[0]!, /^channel c1: .* minimumRequiredSpace/)
  const batch = (await channel.take({ events: 10 }, never))!
  await batch.rollback()
  for (let taken = 0; taken < put;) {
    const batch = (await channel.take({ events: 7 }, never))!
    for (const event of batch.events) assert.equal(event.headers.get('n'), String(taken++))
    await batch.commit()
  }
  assert.equal(channel.size, 0)
  await context.log.line(/takes puts again/)
  await channel.put([Event.of({}, body)])
  assert.deepEqual(context.health(), [])
  await channel.stop()
})

it('lets no put that waits for room overtake those that a failing disk refuses', async () => {
  let isDue = false
  const failed = Promise.withResolvers<void>()
  const begun = Promise.withResolvers<void>()
  const disk: Disk = {
    ...realSystem.disk,
    async open(path, mode) {
      const file = Object.assign(await realSystem.disk.open(path, mode), { writeDurably: undefined })
      const sync = file.sync.bind(file)
      file.sync = () => {
        if (!isDue) return sync()
        isDue = false
        begun.resolve()
        return failed.promise
      }
      return file
    },
  }
  const context = contextFor('CHANNEL', 'c1', fileChannel.counters, { system: { ...realSystem, disk } })
  const path = await directory()
  const options = optionsFor(fileChannel, {
    checkpointDir: join(path, 'checkpoint'),
    dataDirs: [join(path, 'data')],
    minimumRequiredSpace: 0,
    capacity: 10,
    transactionCapacity: 10,
  })
  const channel = fileChannel.create(options, context)
  await channel.start()
  cleanups.push(() => channel.stop())
  await channel.put(eventsOf(0, 8))
  isDue = true
  const first = channel.put(eventsOf(8, 1), { patienceMs: Infinity })
  await begun.promise
  const second = channel.put(eventsOf(9, 1), { patienceMs: Infinity })
  const waiting = channel.put(eventsOf(10, 2), { patienceMs: Infinity })
  failed.reject(new Error('EIO: i/o error'))
  for (const put of [first, second, waiting]) await rejectsWith('CHANNEL_FAILED', put)
  // Whoever put them does so again, in order.
  await channel.put(eventsOf(8, 2))
  assert.deepEqual(await drain(channel), numbers(0, 10))
})

// Bodies of 700 bytes: the events would take more than the memory that is allowed.
const many = process.env['MILLRACE_DEEP'] === undefined ? 250_000 : 1_000_000

it(`holds ${many} events without holding them in memory`, async () => {
  const path = await directory()
  const { channel } = make(path, { capacity: many })
  await channel.start()
  const body = Buffer.alloc(700, 'x')
  const events = (at: number) => Array.from({ length: 1000 }, (_, n) => Event.of({ n: String(at + n) }, body))
  for (let at = 0; at < many; at += 10_000)
    await Promise.all(Array.from({ length: 10 }, (_, part) => channel.put(events(at + part * 1000))))
  await rejectsWith('CHANNEL_FULL', channel.put(events(0).slice(0, 1), { patienceMs: 0 }))
  await channel.stop()
  const again = await open_(path, { capacity: many })
  const before = process.memoryUsage().rss
  let next = 0
  let most = 0
  while (again.size > 0) {
    const batch = (await again.take({ events: 1000 }, never))!
    for (const event of batch.events)
      if (event.headers.get('n') !== String(next++)) assert.fail(`${next} expected`)
    await batch.commit()
    most = Math.max(most, process.memoryUsage().rss)
  }
  assert.equal(next, many)
  assert.ok(most - before < 150e6, `${most - before} bytes more`)
})

it('says so when the log cannot be read back, and is well again when it can', async () => {
  const path = await directory()
  const { channel } = await open(path)
  await channel.put(eventsOf(0, 10))
  const copy = await copyOf(path)
  let isBroken = true
  const disk: Disk = {
    ...realSystem.disk,
    async open(name, mode) {
      const file = await realSystem.disk.open(name, mode)
      if (mode !== 'read' || !isReading) return file
      const read = (target: Buffer, position: number): Promise<number> =>
        isBroken ? Promise.reject(new Error('EIO: simulated')) : file.read(target, position)
      return {
        path: file.path,
        size: () => file.size(),
        close: () => file.close(),
        read,
      } as unknown as typeof file
    },
  }
  let isReading = false
  const system = { ...realSystem, disk }
  const context = contextFor('CHANNEL', 'c1', fileChannel.counters, { system })
  const options = optionsFor(fileChannel, {
    checkpointDir: join(copy, 'checkpoint'),
    dataDirs: [join(copy, 'data')],
    minimumRequiredSpace: 0,
  })
  const again = fileChannel.create(options, context)
  await again.start()
  cleanups.push(() => again.stop())
  isReading = true
  await rejectsWith('CHANNEL_FAILED', again.take({ events: 5 }, never), /reading the log back failed: EIO/)
  assert.equal(context.counters.get('Unhealthy'), 1)
  isBroken = false
  assert.deepEqual(await drain(again), numbers(0, 10))
  assert.equal(context.counters.get('Unhealthy'), 0)
  assert.deepEqual(context.health(), [])
})

it('free space that goes and comes back does not clear that the log cannot be read', async () => {
  const path = await directory()
  const { channel } = await open(path)
  await channel.put(eventsOf(0, 10))
  const copy = await copyOf(path)
  let isReading = false
  let free = 1e12
  const disk: Disk = {
    ...realSystem.disk,
    freeBytes: async () => free,
    async open(name, mode) {
      const file = await realSystem.disk.open(name, mode)
      if (mode !== 'read' || !isReading) return file
      const read = () => Promise.reject(new Error('EIO: simulated'))
      return {
        path: file.path,
        size: () => file.size(),
        close: () => file.close(),
        read,
      } as unknown as typeof file
    },
  }
  const context = contextFor('CHANNEL', 'c1', fileChannel.counters, { system: { ...realSystem, disk } })
  const options = optionsFor(fileChannel, {
    checkpointDir: join(copy, 'checkpoint'),
    dataDirs: [join(copy, 'data')],
    minimumRequiredSpace: 1_000_000_000,
  })
  free = 0
  const again = fileChannel.create(options, context)
  await again.start()
  cleanups.push(() => again.stop())
  isReading = true
  await rejectsWith('CHANNEL_FAILED', again.take({ events: 5 }, never), /reading the log back failed/)
  assert.equal(context.health().length, 2, context.health().join('\n'))
  free = 1e12
  await context.log.line(/takes puts again/)
  assert.match(context.health().join('\n'), /^channel c1: reading the log back failed: EIO: simulated$/)
})

it('gives up what cannot be read of the segment that is being written, and goes on', async () => {
  const path = await directory()
  const { channel } = await open(path)
  await channel.put(eventsOf(0, 10))
  const copy = await copyOf(path)
  const { channel: again, context } = await open(copy)
  const file = await newestSegment(copy)
  const bytes = await readFile(file)
  bytes[2 * bytes.readUInt32LE(12) + 120]! ^= 1
  await writeFile(file, bytes)
  const stop = new AbortController()
  void context.log.line(/10 events \(numbers 0 to 9\) are lost/).then(() => stop.abort())
  assert.equal(await again.take({ events: 5 }, stop.signal), null)
  await again.put(eventsOf(10, 5))
  assert.deepEqual(await drain(again), numbers(10, 15))
})
