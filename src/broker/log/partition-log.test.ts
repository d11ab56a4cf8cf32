import assert from 'node:assert/strict'
import {
  appendFile,
  mkdtemp,
  readdir,
  readFile,
  rm,
  stat,
  truncate,
  unlink,
  writeFile,
} from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import test from 'node:test'
import { silentLogger, type Logger } from '../../observe/log.ts'
import type { DiskFile } from '../../system/disk.ts'
import { realSystem, type System } from '../../system/system.ts'
import { writeRecords } from '../../wire/kafka/record-set.ts'
import { readBatchHeader } from './batch-header.ts'
import { readBrokerSettings } from '../broker-settings.ts'
import { OffsetOutOfRange, type LogSettings } from './log-parts.ts'
import type { PartitionLog } from './partition-log.ts'
import { openPartitionLog } from './recovery.ts'
import { segmentName } from './segment.ts'
import { readRecords } from '../../../test/at-once.ts'

const settings: LogSettings = {
  ...readBrokerSettings('', '').settings.log,
  segmentBytes: 1_000_000,
  segmentMs: 3_600_000,
  retentionMs: -1,
  producerIdExpirationMs: 3_600_000,
}

async function inDirectory(run: (directory: string) => Promise<void>): Promise<void> {
  const directory = await mkdtemp(join(tmpdir(), 'millrace-log-'))
  try {
    await run(directory)
  } finally {
    await rm(directory, { recursive: true, force: true })
  }
}

const open = (
  directory: string,
  more: { settings?: Partial<LogSettings>; system?: System; log?: Logger } = {},
): Promise<PartitionLog> =>
  openPartitionLog({
    system: more.system ?? realSystem,
    log: more.log ?? silentLogger,
    name: 't-0',
    directory: join(directory, 't-0'),
    settings: { ...settings, ...more.settings },
  })

const batch = (values: readonly string[], timestamp = 1000, sequence = -1): Buffer =>
  writeRecords(
    values.map(value => ({ timestamp, key: null, value: Buffer.from(value) })),
    sequence < 0 ? {} : { identity: { producerId: 7, producerEpoch: 0, baseSequence: sequence } },
  )

async function valuesOf(log: PartitionLog, from = log.startOffset): Promise<string[]> {
  const values: string[] = []
  let next = from
  while (next < log.highWatermark) {
    const { records, nextOffset } = readRecords(await log.read(next, 100_000, true), next)
    values.push(...records.map(({ value }) => String(value)))
    assert.ok(nextOffset > next, 'reading goes on')
    next = nextOffset
  }
  return values
}

test('what was appended is read back from every offset, over many segments and after a start', () =>
  inDirectory(async directory => {
    const small = { settings: { segmentBytes: 3000 } }
    const log = await open(directory, small)
    const expected: string[] = []
    for (let index = 0; index < 100; index++) {
      const values = [`a${index}${'x'.repeat((index * 37) % 400)}`, `b${index}`]
      const { baseOffset, durable } = log.append(batch(values))
      assert.equal(baseOffset, expected.length)
      expected.push(...values)
      if (index % 7 === 0) await durable
    }
    await log.durableTo(200)
    assert.ok(log.segmentStarts.length > 5)
    for (const again of [log, null]) {
      const one = again ?? (await open(directory, small))
      assert.equal(one.nextOffset, 200)
      for (let from = 0; from <= 200; from += 13)
        assert.deepEqual(await valuesOf(one, from), expected.slice(from))
      await assert.rejects(one.read(201, 100, true), OffsetOutOfRange)
      assert.equal((await one.read(200, 100, true)).length, 0)
      await one.close()
    }
  }))

test('one sync serves all that is appended while another runs, and nothing is visible before it', () =>
  inDirectory(async directory => {
    let release: () => void = () => {}
    let began: () => void = () => {}
    const hasBegun = new Promise<void>(resolve => (began = resolve))
    let syncs = 0
    const system = withFiles(file => ({
      ...bound(file),
      async sync() {
        if (file.path.endsWith('.log') && ++syncs === 1) {
          began()
          await new Promise<void>(resolve => (release = resolve))
        }
        return file.sync()
      },
    }))
    const log = await open(directory, { system })
    const first = log.append(batch(['a'])).durable
    await hasBegun
    const later = Array.from({ length: 50 }, (_, index) => log.append(batch([`b${index}`])).durable)
    assert.equal(log.highWatermark, 0)
    assert.equal(log.nextOffset, 51)
    assert.equal((await log.read(0, 1000, true)).length, 0)
    release()
    await Promise.all([first, ...later])
    assert.equal(syncs, 2)
    assert.equal(log.highWatermark, 51)
    await log.close()
  }))

test('after a failed sync the partition is offline: nothing is retried, what was synced stays', () =>
  inDirectory(async directory => {
    let fails = false
    let calls = 0
    const system = withFiles(file => ({
      ...bound(file),
      async sync() {
        if (!fails) return file.sync()
        calls++
        throw new Error('EIO: simulated')
      },
    }))
    const lines: string[] = []
    const log = await open(directory, {
      system,
      log: { ...silentLogger, error: line => void lines.push(line) },
    })
    await log.append(batch(['kept'])).durable
    fails = true
    const refused = [log.append(batch(['lost'])).durable, log.append(batch(['lost too'])).durable]
    for (const one of refused) await assert.rejects(one, /EIO/)
    fails = false
    await assert.rejects(log.append(batch(['later'])).durable, /EIO/)
    await assert.rejects(log.durableTo(3), /EIO/)
    assert.equal(calls, 1)
    assert.ok(log.offline)
    assert.equal(lines.length, 1)
    assert.match(lines[0]!, /partition t-0 is offline until the broker is started again: cannot write .*EIO/)
    assert.deepEqual(await valuesOf(log), ['kept'])
    await log.close()
  }))

test('on a full disk records are refused until there is room; then offsets and sequences go on without a gap', () =>
  inDirectory(async directory => {
    let isFull = false
    const full = async (file: DiskFile, bytes: Buffer, position: number) => {
      // Part of it fits, as on a real disk.
      if (file.path.endsWith('.log') && isFull) {
        await file.write(bytes.subarray(0, 30), position)
        throw Object.assign(new Error('ENOSPC: simulated'), { code: 'ENOSPC' })
      }
      await file.write(bytes, position)
    }
    const system = withFiles(file => ({
      ...bound(file),
      write: (bytes, position) => full(file, bytes, position),
      writeAll: (buffers, position) => full(file, Buffer.concat(buffers), position),
    }))
    const lines: string[] = []
    const log = await open(directory, {
      system,
      log: { ...silentLogger, error: line => void lines.push(line), info: line => void lines.push(line) },
    })
    await log.append(batch(['a'], 1, 0)).durable
    isFull = true
    for (let tries = 0; tries < 3; tries++) {
      const refused = [log.append(batch(['b'], 1, 1)), log.append(batch(['c'], 1, 2))]
      const duplicate = log.durableTo(2)
      for (const { durable } of refused) await assert.rejects(durable, /ENOSPC/)
      await assert.rejects(duplicate, /taken it back/)
      assert.equal(log.nextOffset, 1)
      assert.equal(log.producers.judge(readBatchHeader(batch(['b'], 1, 1), 0)).kind, 'new')
    }
    assert.ok(!log.offline)
    isFull = false
    assert.equal(log.append(batch(['b'], 1, 1)).baseOffset, 1)
    await log.append(batch(['c'], 1, 2)).durable
    assert.deepEqual(await valuesOf(log), ['a', 'b', 'c'])
    assert.equal(lines.length, 2)
    assert.match(lines[0]!, /partition t-0: the disk is full, and records are refused until there is room/)
    assert.match(lines[1]!, /takes records again/)
    await log.close()
    const again = await open(directory)
    assert.deepEqual(await valuesOf(again), ['a', 'b', 'c'])
    await again.close()
  }))

test('a checkpoint that cannot be written costs nothing but time: segments go on, the next one is tried, a start finds all', () =>
  inDirectory(async directory => {
    let fails = true
    const system = withFiles(file => ({
      ...bound(file),
      write: (bytes, position) =>
        fails && file.path.includes('checkpoint')
          ? Promise.reject(new Error('EIO: simulated'))
          : file.write(bytes, position),
    }))
    const warnings: string[] = []
    const log = await open(directory, {
      system,
      settings: { segmentBytes: 1000 },
      log: { ...silentLogger, warn: line => void warnings.push(line) },
    })
    for (let index = 0; index < 20; index++) await log.append(batch([`${index} ${'x'.repeat(200)}`])).durable
    assert.ok(log.segmentStarts.length > 4)
    assert.match(warnings[0]!, /cannot write the checkpoint of t-0: EIO/)
    const again = await open(directory)
    assert.equal((await valuesOf(again)).length, 20)
    await again.close()
    fails = false
    await log.checkpoint()
    await log.close()
  }))

test('a tail that was torn at any byte is cut to whole batches', () =>
  inDirectory(async directory => {
    const log = await open(directory)
    await log.append(batch(['one', 'two'])).durable
    await log.close()
    const path = join(directory, 't-0', segmentName(0))
    const whole = (await stat(path)).size
    const torn = batch(['never acknowledged'])
    torn.writeUInt32BE(2, 4)
    for (const size of [1, 11, 12, 60, 61, torn.length - 1]) {
      await appendFile(path, torn.subarray(0, size))
      const warnings: string[] = []
      const again = await open(directory, {
        log: { ...silentLogger, warn: line => void warnings.push(line) },
      })
      assert.equal(again.nextOffset, 2)
      assert.equal((await stat(path)).size, whole)
      assert.match(warnings.join(), new RegExp(`cut ${size} bytes at ${whole}`))
      await again.close()
    }
    // Whole and sound: a kill came between the sync and the answer.
    await appendFile(path, torn)
    const again = await open(directory)
    assert.deepEqual(await valuesOf(again), ['one', 'two', 'never acknowledged'])
    await again.close()
  }))

test('checkpoint and indexes can be lost or damaged; all is rebuilt', () =>
  inDirectory(async directory => {
    const small = { settings: { segmentBytes: 40_000 } }
    const log = await open(directory, small)
    const expected: string[] = []
    for (let index = 0; index < 300; index++) {
      const value = `${index} ${'y'.repeat(400)}`
      expected.push(value)
      await log.append(batch([value], 1000 + index, index)).durable
    }
    await log.close()
    const folder = join(directory, 't-0')
    const damages: (() => Promise<void>)[] = [
      async () => {},
      () => unlink(join(folder, 'checkpoint')),
      () => writeFile(join(folder, 'checkpoint'), '00000000 {"version":1}'),
      async () => {
        for (const name of await readdir(folder))
          if (name.endsWith('.index')) await unlink(join(folder, name))
      },
      async () => {
        for (const name of await readdir(folder))
          if (name.endsWith('.index')) {
            const bytes = await readFile(join(folder, name))
            if (bytes.length > 30) bytes[29]! ^= 255
            await writeFile(join(folder, name), bytes)
          }
      },
    ]
    for (const damage of damages) {
      await damage()
      const again = await open(directory, small)
      assert.equal(again.nextOffset, 300)
      assert.deepEqual(await valuesOf(again, 17), expected.slice(17))
      assert.deepEqual(await again.offsetOfTime(1250), { offset: 250, timestamp: 1250 })
      const known = readBatchHeader(batch(['any'], 1299, 299), 0)
      assert.deepEqual(again.producers.judge(known), { kind: 'duplicate', firstOffset: 299, lastOffset: 299 })
      await again.close()
    }
  }))

test('a segment that is full is closed only when nobody reads it any more', () =>
  inDirectory(async directory => {
    let holdsReads = false
    let release: () => void = () => {}
    let began: () => void = () => {}
    const hasBegun = new Promise<void>(resolve => (began = resolve))
    let closedWhileRead = false
    let reads = 0
    const system = withFiles(file => ({
      ...bound(file),
      async read(target, position) {
        reads++
        if (holdsReads) {
          holdsReads = false
          began()
          await new Promise<void>(resolve => (release = resolve))
        }
        const count = await file.read(target, position)
        reads--
        return count
      },
      close() {
        if (file.path.endsWith(segmentName(0)) && reads > 0) closedWhileRead = true
        return file.close()
      },
    }))
    const log = await open(directory, { system, settings: { segmentBytes: 1000 } })
    await log.append(batch(['a'.repeat(700)])).durable
    holdsReads = true
    const reading = log.read(0, 10_000, true)
    await hasBegun
    await log.append(batch(['b'.repeat(700)])).durable
    assert.equal(log.segmentStarts.length, 2)
    release()
    assert.equal(String(readRecords(await reading).records[0]!.value), 'a'.repeat(700))
    assert.equal(closedWhileRead, false)
    await log.close()
  }))

test('damage in the middle of a segment that is not the newest is refused', () =>
  inDirectory(async directory => {
    const small = { settings: { segmentBytes: 2000 } }
    const log = await open(directory, small)
    for (let index = 0; index < 40; index++) await log.append(batch([`${index} ${'z'.repeat(300)}`])).durable
    await log.close()
    await unlink(join(directory, 't-0', 'checkpoint'))
    const path = join(directory, 't-0', segmentName(0))
    const bytes = await readFile(path)
    bytes[500]! ^= 1
    await writeFile(path, bytes)
    await assert.rejects(
      open(directory, small),
      /is damaged at byte \d+: the records from offset \d+ on cannot be read/,
    )
  }))

test('producers: duplicates, gaps, epochs, and what a crash took back', () =>
  inDirectory(async directory => {
    const log = await open(directory)
    const judge = (on: PartitionLog, sequence: number) =>
      on.producers.judge(readBatchHeader(batch(['v'], 1, sequence), 0)).kind
    for (let sequence = 0; sequence < 8; sequence++) await log.append(batch(['v'], 1, sequence)).durable
    assert.equal(judge(log, 8), 'new')
    assert.equal(judge(log, 7), 'duplicate')
    assert.equal(judge(log, 3), 'duplicate')
    assert.equal(judge(log, 2), 'out-of-order', 'only five are remembered')
    assert.equal(judge(log, 9), 'out-of-order')
    await log.checkpoint()
    await log.append(batch(['v'], 1, 8)).durable
    await log.close()
    // The last batch is gone from the disk, and with it what was known of it.
    await unlink(join(directory, 't-0', 'checkpoint'))
    const path = join(directory, 't-0', segmentName(0))
    await truncate(path, (await stat(path)).size - 1)
    const again = await open(directory)
    assert.equal(again.nextOffset, 8)
    assert.equal(judge(again, 8), 'new')
    assert.equal(judge(again, 7), 'duplicate')
    await again.close()
  }))

test('a checkpoint written while a batch is on its way does not take that batch for written', () =>
  inDirectory(async directory => {
    let hangs = false
    let release: () => void = () => {}
    const system = withFiles(file => ({
      ...bound(file),
      async sync() {
        if (hangs && file.path.endsWith('.log')) await new Promise<void>(resolve => (release = resolve))
        return file.sync()
      },
    }))
    const log = await open(directory, { system })
    await log.append(batch(['v'], 1, 0)).durable
    hangs = true
    const { durable } = log.append(batch(['v'], 1, 1))
    await log.checkpoint()
    const checkpoint = join(directory, 't-0', 'checkpoint')
    const written = await readFile(checkpoint)
    release()
    await durable
    hangs = false
    await log.close()
    // Power went before the sync.
    await writeFile(checkpoint, written)
    const path = join(directory, 't-0', segmentName(0))
    await truncate(path, batch(['v']).length)
    const again = await open(directory)
    assert.equal(again.nextOffset, 1)
    assert.equal(again.producers.judge(readBatchHeader(batch(['v'], 1, 1), 0)).kind, 'new')
    await again.close()
  }))

test('retention takes whole segments, by size and by time, and never the newest; the start offset survives', () =>
  inDirectory(async directory => {
    const bySize = { settings: { segmentBytes: 1000, retentionBytes: 2500 } }
    const log = await open(directory, bySize)
    for (let index = 0; index < 30; index++) await log.append(batch(['r'.repeat(200)], 1000 + index)).durable
    assert.ok((await log.retain()) > 0)
    assert.ok(log.sizeBytes >= 2500 && log.sizeBytes < 3700, `${log.sizeBytes}`)
    const { startOffset } = log
    assert.ok(startOffset > 0)
    await assert.rejects(log.read(startOffset - 1, 100, true), OffsetOutOfRange)
    await log.close()
    const names = await readdir(join(directory, 't-0'))
    assert.equal(names.filter(name => name.endsWith('.log')).length, log.segmentStarts.length)
    const byTime = await open(directory, { settings: { segmentBytes: 1000, retentionMs: 1 } })
    assert.equal(byTime.startOffset, startOffset)
    await byTime.retain()
    assert.equal(byTime.segmentStarts.length, 1)
    assert.equal(byTime.nextOffset, 30)
    await byTime.close()
  }))

test('relaxed: an append does not wait for a sync; flush and close do it', () =>
  inDirectory(async directory => {
    let syncs = 0
    const system = withFiles(file => ({
      ...bound(file),
      async sync() {
        if (file.path.endsWith('.log')) syncs++
        return file.sync()
      },
    }))
    const log = await open(directory, { system, settings: { syncEachGroup: false } })
    await log.append(batch(['a'])).durable
    assert.equal(syncs, 0)
    assert.deepEqual(await valuesOf(log), ['a'])
    await log.flush()
    await log.flush()
    assert.equal(syncs, 1)
    await log.append(batch(['b'])).durable
    await log.close()
    assert.equal(syncs, 2)
  }))

const bound = (file: DiskFile): DiskFile => ({
  path: file.path,
  size: () => file.size(),
  read: (target, position) => file.read(target, position),
  write: (bytes, position) => file.write(bytes, position),
  writeAll: (buffers, position) => file.writeAll(buffers, position),
  truncate: size => file.truncate(size),
  sync: () => file.sync(),
  close: () => file.close(),
})

function withFiles(wrap: (file: DiskFile) => DiskFile): System {
  const { disk } = realSystem
  return { ...realSystem, disk: { ...disk, open: async (path, mode) => wrap(await disk.open(path, mode)) } }
}
