// Torn and damaged logs: every cut through the last 16 KiB, every flipped bit of a log of 128 KiB (64 KiB and 1 MiB under
// MILLRACE_DEEP), flips through the whole channel, and a checkpoint that is cut, flipped, old or gone.
import assert from 'node:assert/strict'
import { crc32 } from 'node:zlib'
import { Checkpoint, type ChannelState } from '../../src/channels/file/checkpoint.ts'
import { entryHeaderBytes, readEntryHeader } from '../../src/channels/file/entry.ts'
import type { FileChannelSettings } from '../../src/channels/file/file-channel-settings.ts'
import { FileChannel } from '../../src/channels/file/file-channel.ts'
import { recover } from '../../src/channels/file/recovery.ts'
import { readSegmentHeader, startAfter } from '../../src/channels/file/segment.ts'
import { fileChannel } from '../../src/channels/file.ts'
import type { Event } from '../../src/event.ts'
import type { Disk } from '../../src/system/disk.ts'
import { realSystem } from '../../src/system/system.ts'
import { contextFor, KeptLog, type TestContext } from '../context.ts'
import { eventOf } from '../contracts/channel-events.ts'
import { SeededRandom } from '../../src/simulation/seeded-random.ts'
import { SimulatedDisk } from '../../src/simulation/simulated-disk.ts'
import { testsIn } from './in-threads.ts'

const it = testsIn(import.meta.url)

const isDeep = process.env['MILLRACE_DEEP'] !== undefined
const never = new AbortController().signal
const kibibyte = 1024
const [tornKib, flippedKib] = isDeep ? [64, 1024] : [16, 128]
const directory = '/d'
const path = '/d/millrace-1.wal'

const settings: FileChannelSettings = {
  checkpointDirectory: '/c',
  dataDirectories: [directory],
  capacity: 1_000_000,
  transactionCapacity: 1000,
  keepAliveMs: 0,
  segmentBytes: 64 * 1024,
  floorBytes: 0,
  syncEachGroup: true,
  syncIntervalMs: 1000,
  checkpointIntervalMs: 3_600_000,
  checkpointOnClose: true,
}

function channelOn(
  disk: SimulatedDisk,
  given: Partial<FileChannelSettings> = {},
): { channel: FileChannel; context: TestContext } {
  const system = { ...realSystem, disk: disk.open() }
  const context = contextFor('CHANNEL', 'c1', fileChannel.counters, { system })
  return { channel: new FileChannel({ ...settings, ...given }, context), context }
}

interface Entry {
  readonly at: number
  readonly end: number
  /** Number of its first event, and of the one after its last. */
  readonly first: number
  readonly next: number
}

const withoutKeys = () => Promise.reject(new Error('nothing is encrypted here'))

interface Image {
  readonly bytes: Buffer
  readonly salt: number
  readonly entries: readonly Entry[]
  readonly end: number
}

/** A first segment, as a killed channel leaves it, with puts of 1 to 5 events up to `size` bytes. */
async function imageOf(size: number, seed: number): Promise<Image> {
  const random = new SeededRandom(seed)
  const disk = new SimulatedDisk(random)
  const { channel } = channelOn(disk, { segmentBytes: Math.ceil((size * 1.3) / 4096) * 4096 })
  await channel.start()
  const entries: Entry[] = []
  let at = startAfter(0)
  for (let first = 0; at < size;) {
    const events: Event[] = []
    for (let count = 1 + random.below(5); count > 0; count--)
      events.push(eventOf(`${first + events.length} ${'x'.repeat(random.below(150))}`))
    await channel.put(events)
    const bytes = events.reduce((sum, event) => sum + 4 + event.size, entryHeaderBytes)
    const end = at + Math.ceil(bytes / 8) * 8
    entries.push({ at, end, first, next: first + events.length })
    first += events.length
    at = end
  }
  disk.kill()
  const file = await disk.open().open(path, 'read')
  const found = await readSegmentHeader(file)
  assert.ok('header' in found)
  const bytes = Buffer.alloc(await file.size())
  await file.read(bytes, 0)
  return { bytes, salt: found.header.salt, entries, end: at }
}

/** A disk with these files, everything on it durable. */
async function diskWith(files: Record<string, Buffer>): Promise<SimulatedDisk> {
  const disk = new SimulatedDisk(new SeededRandom(1))
  const door = disk.open()
  await door.makeDirectory('/d')
  await door.makeDirectory('/c')
  for (const [name, bytes] of Object.entries(files)) {
    const file = await door.open(name, 'create')
    await file.write(bytes, 0)
    await file.sync()
  }
  for (const one of ['/c', '/d']) await door.syncDirectory(one)
  disk.kill()
  return disk
}

/** What a checkpoint written after `last` says. */
function stateAfter({ bytes, salt }: Image, last: Entry): ChannelState {
  return {
    channelId: bytes.toString('hex', 24, 40),
    segment: 1,
    position: last.end,
    mark: { at: last.at, crc: bytes.readUInt32LE(last.at + 4) },
    nextNumber: last.next,
    low: 0,
    gone: [],
    segments: [{ id: 1, salt, first: 0, start: startAfter(0), end: null }],
  }
}

it(`has exactly the transactions before the cut, for every byte of the last ${tornKib} KiB and whatever follows`, async t => {
  const image = await imageOf(1024 * kibibyte, 1)
  const before = image.entries.findLast(entry => entry.end <= image.end - tornKib * kibibyte)!
  const from = before.end
  const noise = new SeededRandom(2).bytes(4096)
  const fills: readonly ((target: Buffer) => void)[] = [
    target => void target.fill(0),
    target => void target.fill(0xff),
    target => void target.fill(noise),
    // What a recycled file holds: whole entries of another time, here of this one at another place.
    target => void image.bytes.copy(target, 0, image.entries[0]!.at),
  ]
  const torn = Buffer.from(image.bytes.subarray(0, image.end + 512))
  const file = {
    size: async () => torn.length,
    read: async (target: Buffer, at: number) => torn.copy(target, 0, at),
    close: async () => {},
  }
  const disk = { open: async () => file } as unknown as Disk
  for (let cut = from, whole = image.entries.indexOf(before) + 1; cut <= image.end; cut++) {
    while (whole < image.entries.length && image.entries[whole]!.end <= cut) whole++
    // From a checkpoint a few transactions before: what the scan finds does not depend on where it begins.
    const state = stateAfter(image, image.entries[whole - (cut % 500 === 0 ? 250 : 4)] ?? before)
    image.bytes.copy(torn, from, from, image.end)
    fills[cut % fills.length]!(torn.subarray(cut, image.end))
    const found = await recover(disk, new KeptLog(), [{ id: 1, directory, path }], state, withoutKeys)
    const next = image.entries[whole - 1]!.next
    // Zeros cut off from the padding at an entry's end, and put back, are no loss.
    const padded = image.entries[whole]
    const isSame =
      padded !== undefined && torn.compare(image.bytes, padded.at, padded.end, padded.at, padded.end) === 0
    assert.equal(found.nextNumber, isSame ? padded.next : next, `cut at ${cut}`)
    assert.equal(found.segments[0]!.damaged, false)
  }
  t.diagnostic(`${image.end - from + 1} cuts through ${image.entries.length} transactions`)
})

it('opens a torn log as a whole channel: every transaction before the cut is delivered, none behind it', async () => {
  const image = await imageOf(128 * 1024, 3)
  const step = isDeep ? 1 : 241
  for (let cut = image.end; cut > image.end - 64 * 1024; cut -= step) {
    const bytes = Buffer.from(image.bytes)
    bytes.fill(cut % 2 === 0 ? 0xff : 0x4d, cut)
    const whole = image.entries.findLast(entry => entry.end <= cut)!
    const { channel, context } = channelOn(await diskWith({ [path]: bytes }))
    await channel.start()
    assert.deepEqual(await numbersIn(channel), range(0, whole.next), `cut at ${cut}`)
    assert.ok(!context.log.lines.some(line => /damaged|lost/.test(line)))
    await channel.stop()
  }
})

it(`finds every flipped bit of a log of ${flippedKib} KiB`, async t => {
  const { bytes, salt, entries, end } = await imageOf(flippedKib * kibibyte, 4)
  const image = Buffer.from(bytes)
  const isValid = ({ at, end: entryEnd }: Entry): boolean => {
    const header = readEntryHeader(image, at, { id: 1, salt }, at)
    if (header === null || at + entryHeaderBytes + header.payloadBytes !== entryEnd) return false
    return crc32(image.subarray(at + entryHeaderBytes, entryEnd)) === header.payloadCrc
  }
  let flips = 0
  for (const entry of entries) {
    assert.ok(isValid(entry))
    for (let at = entry.at; at < entry.end; at++)
      for (let bit = 1; bit < 256; bit <<= 1) {
        image[at]! ^= bit
        if (isValid(entry)) assert.fail(`bit ${bit} of byte ${at} was flipped and the entry passes`)
        image[at]! ^= bit
        flips++
      }
  }
  // The header: one copy or the other is always whole, and that one says what both said.
  const headerFile = { read: async (target: Buffer, at: number) => image.copy(target, 0, at) }
  const whole = await readSegmentHeader(headerFile as never)
  assert.ok('header' in whole)
  for (let at = 0; at < startAfter(0); at++)
    for (let bit = 1; bit < 256; bit <<= 1) {
      image[at]! ^= bit
      const found = await readSegmentHeader(headerFile as never)
      assert.ok('header' in found)
      assert.deepEqual(found.header, whole.header)
      assert.equal(found.damage === null, at >= startAfter(0) / 2)
      image[at]! ^= bit
      flips++
    }
  assert.ok(flips >= end * 8)
  t.diagnostic(`${flips} flips, ${entries.length} transactions`)
})

it('delivers all but the damaged transaction, names it, and keeps a copy', async t => {
  const image = await imageOf(96 * 1024, 5)
  // The last transaction was not known to be durable: it stands in the next segment again.
  const entries = image.entries.slice(0, -1)
  const { end } = entries.at(-1)!
  const random = new SeededRandom(6)
  const rounds = isDeep ? 20_000 : 250
  const disk = await diskWith({ [path]: image.bytes })
  const { channel } = channelOn(disk)
  await channel.start()
  await channel.stop()
  // What is in it is durable to the end now: its successor says so.
  const door = disk.open()
  const files: Record<string, Buffer> = {}
  for (const name of await door.list('/d')) {
    const file = await door.open(`/d/${name}`, 'read')
    files[`/d/${name}`] = Buffer.alloc(await file.size())
    await file.read(files[`/d/${name}`]!, 0)
  }
  for (let round = 0; round < rounds; round++) {
    const bytes = Buffer.from(image.bytes)
    // One bit, a burst of bits, or a sector that is zero, stale or another's.
    const kind = random.below(4)
    const at = startAfter(0) + random.below(end - startAfter(0) - 1)
    const touched: [number, number] = [at, at + 1]
    if (kind <= 1) bytes[at]! ^= 1 << random.below(8)
    else if (kind === 2) {
      touched[1] = at + 2
      bytes.writeUInt16LE(bytes.readUInt16LE(at) ^ (1 + random.below(255)), at)
    } else {
      touched[0] = Math.max(startAfter(0), Math.floor(at / 512) * 512)
      touched[1] = Math.min(end, touched[0] + 512)
      if (random.chance(0.5)) bytes.fill(0, touched[0], touched[1])
      else {
        const stale = touched[0] - 4096 < startAfter(0) ? touched[0] + 4096 : touched[0] - 4096
        image.bytes.copy(bytes, touched[0], stale, stale + touched[1] - touched[0])
      }
    }
    const hit = entries.filter(
      entry =>
        entry.at < touched[1] &&
        entry.end > touched[0] &&
        bytes.compare(image.bytes, entry.at, entry.end, entry.at, entry.end) !== 0,
    )
    const lost = new Set(hit.flatMap(({ first, next }) => range(first, next)))
    const damaged = await diskWith({ ...files, [path]: bytes })
    const opened = channelOn(damaged)
    await opened.channel.start()
    const found = await numbersIn(opened.channel)
    assert.deepEqual(
      found,
      range(0, image.entries.at(-1)!.next).filter(number => !lost.has(number)),
      `round ${round}: ${touched.join(' to ')}`,
    )
    await opened.channel.stop()
    const said = opened.context.log.lines.join('\n')
    for (const { first, next } of hit)
      assert.ok(said.includes('are lost') && isNamed(said, first, next), said)
    assert.ok(
      hit.length === 0 || (await damaged.open().exists(`${path}.damaged`)),
      `round ${round}: no copy is kept`,
    )
  }
  t.diagnostic(`${rounds} rounds`)
})

it('starts the same with a checkpoint that is cut, flipped, of an earlier time, of another log, or gone', async t => {
  const disk = new SimulatedDisk(new SeededRandom(7))
  const { channel } = channelOn(disk, { segmentBytes: 64 * 1024, checkpointIntervalMs: 1000 })
  await channel.start()
  for (let first = 0; first < 1500; first += 10) {
    await channel.put(Array.from({ length: 10 }, (_, index) => eventOf(String(first + index))))
    if (first % 30 === 0) await (await channel.take({ events: 7 }, never))!.commit()
  }
  await channel.take({ events: 5 }, never)
  await (await channel.take({ events: 5 }, never))!.commit()
  await channel.stop()
  const door = disk.open()
  const contents = async (name: string): Promise<Buffer> => {
    const file = await door.open(name, 'read')
    const bytes = Buffer.alloc(await file.size())
    await file.read(bytes, 0)
    return bytes
  }
  const files: Record<string, Buffer> = {}
  for (const name of await door.list('/d')) files[`/d/${name}`] = await contents(`/d/${name}`)
  const checkpoint = await contents('/c/millrace.checkpoint')
  const ids = Object.keys(files)
    .flatMap(name => /millrace-(\d+)\.wal/.exec(name)?.[1] ?? [])
    .map(Number)
    .sort((one, other) => one - other)
  const segmentFiles = ids.map(id => ({ id, directory, path: `/d/millrace-${id}.wal` }))
  const clean = await diskWith(files)
  const outcome = async (bytes: Buffer | null): Promise<unknown> => {
    const given = bytes === null ? clean : await diskWith({ ...files, '/c/millrace.checkpoint': bytes })
    const state = await new Checkpoint(given.open(), '/c').read()
    const found = await recover(given.open(), new KeptLog(), segmentFiles, state, withoutKeys)
    const { gone, segments, nextNumber, lastId } = found
    return {
      low: gone.low,
      ranges: gone.ranges,
      nextNumber,
      lastId,
      segments: segments.map(({ id, first, start }) => [id, first, start]),
    }
  }
  const expected = await outcome(null)
  const told = (await outcome(checkpoint)) as typeof expected
  assert.deepEqual(told, expected)
  let changed = 0
  const used = checkpoint.findLastIndex(byte => byte !== 0) + 1
  for (let at = 0; at < used; at++) {
    if (checkpoint[at] === 0 && at % 97 !== 0) continue
    const bytes = Buffer.from(checkpoint)
    bytes[at]! ^= 1 << (at % 8)
    assert.deepEqual(await outcome(bytes), expected, `byte ${at} flipped`)
    assert.deepEqual(await outcome(checkpoint.subarray(0, at)), expected, `cut at ${at}`)
    changed += 2
  }
  const state = (await new Checkpoint(
    (await diskWith({ '/c/millrace.checkpoint': checkpoint })).open(),
    '/c',
  ).read())!
  for (const wrong of [
    { ...state, channelId: '00'.repeat(16) },
    { ...state, segment: state.segment + 5 },
    { ...state, mark: { at: state.mark!.at, crc: state.mark!.crc ^ 1 } },
    { ...state, mark: null },
    { ...state, segments: [] },
    { ...state, segments: state.segments.map(one => ({ ...one, salt: one.salt ^ 1 })) },
  ])
    assert.deepEqual(await outcomeOf(clean, segmentFiles, wrong), expected)
  t.diagnostic(`${changed} cuts and flips of ${used} bytes`)

  async function outcomeOf(
    given: SimulatedDisk,
    list: typeof segmentFiles,
    wrong: ChannelState,
  ): Promise<unknown> {
    const log = new KeptLog()
    const found = await recover(given.open(), log, list, wrong, withoutKeys)
    assert.match(log.lines.join('\n'), /does not belong to the log/)
    const { gone, segments, nextNumber, lastId } = found
    return {
      low: gone.low,
      ranges: gone.ranges,
      nextNumber,
      lastId,
      segments: segments.map(({ id, first, start }) => [id, first, start]),
    }
  }
})

/** Takes everything; what is lost to damage the channel gives up by itself. */
async function numbersIn(channel: FileChannel): Promise<number[]> {
  const found: number[] = []
  while (channel.size > 0) {
    const stop = new AbortController()
    const look = (): void => void (channel.size === 0 ? stop.abort() : setImmediate(look))
    look()
    const batch = await channel.take({ events: 1000 }, stop.signal)
    if (batch === null) break
    for (const event of batch.events) found.push(Number(event.body.toString().split(' ')[0]))
    await batch.commit()
  }
  return found
}

function range(from: number, end: number): number[] {
  return Array.from({ length: end - from }, (_, index) => from + index)
}

/** Whether some line says that events from at most `first` to at least `next - 1` are lost. */
function isNamed(said: string, first: number, next: number): boolean {
  for (const [, from, to] of said.matchAll(/\(numbers (\d+) to (\d+)\) are lost/g))
    if (Number(from) <= first && Number(to) >= next - 1) return true
  return false
}
