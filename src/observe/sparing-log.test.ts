import assert from 'node:assert/strict'
import { test } from 'node:test'
import { KeptLog } from '../../test/context.ts'
import { VirtualClock } from '../../test/virtual-clock.ts'
import { silentLogger, type Logger } from './log.ts'
import { oncePerSecond, sparing, sparingOne } from './sparing-log.ts'

test('of lines that differ in numbers alone the first is written, and one a minute with their count', async () => {
  const clock = new VirtualClock()
  const kept = new KeptLog()
  const log = sparing(kept, clock)
  for (let port = 1000; port < 1600; port++) {
    log.warn(`127.0.0.1:${port} sends nonsense`)
    await clock.advance(250)
  }
  log.error('another thing')
  await clock.advance(300_000)
  log.warn('127.0.0.1:77 sends nonsense')
  log.info('as it comes')
  log.info('as it comes')
  assert.deepEqual(kept.lines, [
    'WARN 127.0.0.1:1000 sends nonsense',
    'WARN 127.0.0.1:1239 sends nonsense (the last of 239 such lines within a minute)',
    'WARN 127.0.0.1:1479 sends nonsense (the last of 240 such lines within a minute)',
    'ERROR another thing',
    'WARN 127.0.0.1:1599 sends nonsense (the last of 120 such lines within a minute)',
    'WARN 127.0.0.1:77 sends nonsense',
    'INFO as it comes',
    'INFO as it comes',
  ])
})

test('kinds without end share one', async () => {
  const clock = new VirtualClock()
  const kept = new KeptLog()
  const log = sparing(kept, clock)
  const word = (number: number) => String.fromCharCode(97 + (number % 26), 97 + Math.floor(number / 26))
  for (let number = 0; number < 600; number++) log.warn(`a line of kind ${word(number)}`)
  assert.equal(kept.lines.length, 101)
  await clock.advance(120_000)
  assert.equal(kept.lines.length, 102, kept.lines.slice(100).join('\n'))
})

test('lines that are of one kind, whatever they say, are written once and then once a minute', async () => {
  const clock = new VirtualClock()
  const kept = new KeptLog()
  const log = sparingOne(kept, clock)
  for (const what of ['one', 'two', 'three']) log.warn(`${what} was set aside`)
  await clock.advance(120_000)
  assert.deepEqual(kept.lines, [
    'WARN one was set aside',
    'WARN three was set aside (the last of 2 such lines within a minute)',
  ])
})

test('what happens often is told at DEBUG at once, then once a second, until all of it is told', async () => {
  const clock = new VirtualClock()
  const lines: string[] = []
  const log: Logger = { ...silentLogger, debugs: true, debug: line => void lines.push(line) }
  let times = 0
  const tell = oncePerSecond(log, clock, () => {
    const line = `${times} times at ${clock.monotonic()} ms`
    times = 0
    return line
  })
  const start = clock.monotonic()
  for (let step = 0; step < 25; step++) {
    times++
    tell()
    await clock.advance(100)
  }
  await clock.advance(60_000)
  assert.deepEqual(
    lines,
    [
      [1, 0],
      [9, 1000],
      [10, 2000],
      [5, 3000],
    ].map(([count, at]) => `${count} times at ${start + at!} ms`),
  )
})
