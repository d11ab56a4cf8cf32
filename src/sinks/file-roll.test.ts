import assert from 'node:assert/strict'
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import test from 'node:test'
import { contextFor, optionsFor } from '../../test/context.ts'
import { deliveriesOf } from '../../test/sink-sessions.ts'
import { Event } from '../event.ts'
import type { Clock } from '../system/clock.ts'
import type { Disk, DiskFile } from '../system/disk.ts'
import { realSystem, type System } from '../system/system.ts'
import { fileNames } from './file-roll-names.ts'
import { fileRollSink } from './file-roll.ts'

const texts = (...bodies: string[]) => bodies.map(body => Event.of({}, body))

async function inDirectory(run: (directory: string) => Promise<void>): Promise<void> {
  const directory = mkdtempSync(join(tmpdir(), 'millrace-roll-'))
  try {
    await run(directory)
  } finally {
    rmSync(directory, { recursive: true })
  }
}

function sinkFor(directory: string, given: Record<string, unknown> = {}, system: System = realSystem) {
  const context = contextFor('SINK', 'k1', fileRollSink.counters, { system })
  const options = optionsFor(fileRollSink, { 'sink.directory': directory, ...given })
  const sink = fileRollSink.create(options, context)
  return { sink, context, deliver: deliveriesOf(sink) }
}

/** What the files hold, in the order of their numbers. */
function contents(directory: string): string[] {
  const number = (name: string) => Number(/-(\d+)/.exec(name)![1])
  return readdirSync(directory)
    .sort((a, b) => number(a) - number(b))
    .map(name => readFileSync(join(directory, name), 'utf8'))
}

/** A clock whose timers the test fires. */
function handClock(): { clock: Clock; fire: () => void } {
  const runs: (() => void)[] = []
  const clock: Clock = {
    ...realSystem.clock,
    now: () => 1000,
    after: (_delayMs, run) => {
      runs.push(run)
      return { cancel: () => void runs.splice(runs.indexOf(run), 1) }
    },
  }
  return { clock, fire: () => runs.shift()?.() }
}

test('batches are written in order, counted, and no file exists before the first event', () =>
  inDirectory(async directory => {
    const { sink, context, deliver } = sinkFor(directory, {
      'sink.pathManager.prefix': 'log-',
      'sink.pathManager.extension': 'txt',
    })
    await sink.start()
    assert.deepEqual(readdirSync(directory), [])
    await Promise.all([deliver(texts('a', 'b')), deliver(texts('c'))])
    assert.deepEqual(contents(directory), ['a\nb\nc\n'])
    assert.match(readdirSync(directory)[0]!, /^log-\d+-1\.txt$/)
    await sink.stop()
    const { counters } = context
    assert.equal(counters.get('EventDrainSuccessCount'), 3)
    assert.equal(counters.get('ConnectionCreatedCount'), 1)
    assert.equal(counters.get('ConnectionClosedCount'), 1)
  }))

test('an interval ends the file; the next event begins another', () =>
  inDirectory(async directory => {
    const { clock, fire } = handClock()
    const { sink, deliver } = sinkFor(directory, {}, { ...realSystem, clock })
    await sink.start()
    await deliver(texts('a'))
    fire()
    await deliver(texts('b'))
    assert.deepEqual(readdirSync(directory).sort(), ['1000-1', '1000-2'])
    assert.deepEqual(contents(directory), ['a\n', 'b\n'])
    await sink.stop()
  }))

test('a file that is there is not overwritten', () =>
  inDirectory(async directory => {
    const { clock } = handClock()
    writeFileSync(join(directory, '1000-1'), 'kept')
    const { sink, deliver } = sinkFor(directory, { 'sink.rollInterval': 0 }, { ...realSystem, clock })
    await sink.start()
    await deliver(texts('a'))
    await sink.stop()
    assert.deepEqual(contents(directory), ['kept', 'a\n'])
  }))

test('after a write that failed half way the next try leaves each event once', () =>
  inDirectory(async directory => {
    const codes = ['EDQUOT', 'ENOSPC']
    const disk: Disk = {
      ...realSystem.disk,
      async open(path, mode) {
        const file = await realSystem.disk.open(path, mode)
        const wrapped: DiskFile = {
          path,
          size: () => file.size(),
          read: (target, position) => file.read(target, position),
          writeAll: (buffers, position) => file.writeAll(buffers, position),
          truncate: size => file.truncate(size),
          sync: () => file.sync(),
          close: () => file.close(),
          async write(bytes, position) {
            const code = position === 0 ? undefined : codes.shift()
            if (code === undefined) return file.write(bytes, position)
            await file.write(bytes.subarray(0, 3), position)
            throw Object.assign(new Error('no space left on device'), { code })
          },
        }
        return wrapped
      },
    }
    const { sink, context, deliver } = sinkFor(directory, {}, { ...realSystem, disk })
    await sink.start()
    await deliver(texts('first'))
    const second = deliver(texts('second'))
    const third = deliver(texts('third'))
    await assert.rejects(second, { code: 'DISK_FULL' })
    await assert.rejects(third, { code: 'DISK_FULL' }, 'so that order holds')
    await assert.rejects(deliver(texts('second')), { code: 'DISK_FULL' })
    assert.deepEqual(contents(directory), ['first\n'])
    await deliver(texts('second'))
    await deliver(texts('third'))
    await sink.stop()
    assert.deepEqual(contents(directory), ['first\nsecond\nthird\n'])
    assert.equal(context.counters.get('EventWriteFail'), 2)
  }))

test('a file that is removed or renamed while it is written costs no batch', () =>
  inDirectory(async directory => {
    const { sink, deliver } = sinkFor(directory)
    await sink.start()
    await deliver(texts('a'))
    const [first] = readdirSync(directory)
    renameSync(join(directory, first!), join(directory, 'moved-0'))
    await deliver(texts('b'))
    await deliver(texts('c'))
    assert.deepEqual(contents(directory), ['a\nb\n', 'c\n'])
    const [, second] = readdirSync(directory).sort((one, other) => (one < other ? 1 : -1))
    rmSync(join(directory, second!))
    await assert.rejects(deliver(texts('d')), /was removed while it was written/)
    await deliver(texts('d'))
    rmSync(directory, { recursive: true })
    await assert.rejects(deliver(texts('e')), /was removed while it was written/)
    await assert.rejects(deliver(texts('e')), /cannot create .*ENOENT/)
    mkdirSync(directory)
    await deliver(texts('e'))
    assert.deepEqual(contents(directory), ['e\n'])
    await sink.stop()
  }))

test('a missing directory refuses the start in plain words', async () => {
  const directory = join(tmpdir(), 'millrace-is-not-there')
  await assert.rejects(sinkFor(directory).sink.start(), {
    code: 'DISK',
    message: `sink.directory cannot be used: ${directory} does not exist`,
  })
})

test('ROLLTIME names count from 1 in every second', () => {
  const names = fileNames({ manager: 'ROLLTIME', prefix: 'p', extension: '' }, 0)
  const at = new Date(2026, 10, 23, 4, 5, 6).getTime()
  assert.deepEqual(
    [names(at), names(at + 10), names(at + 1000)],
    ['p20261123040506-1', 'p20261123040506-2', 'p20261123040507-1'],
  )
})
