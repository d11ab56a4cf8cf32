// One line when an outage begins, one a minute, one when it ends; what flaps is counted, not told.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { KeptLog } from '../../test/context.ts'
import { VirtualClock } from '../../test/virtual-clock.ts'
import { OutageLines } from './outage-lines.ts'

function setUp() {
  const clock = new VirtualClock()
  const log = new KeptLog()
  const lines = new OutageLines(clock, log)
  const fail = () =>
    lines.failed({
      level: 'warn',
      what: 'the peer',
      began: () => 'the peer is away',
      lasts: ({ seconds, tries }) => `the peer is away for ${seconds} s (${tries} tries)`,
    })
  const succeed = () => lines.succeeded((seconds, tries) => `the peer is back after ${seconds} s (${tries})`)
  return { clock, log, fail, succeed, lines }
}

test('ten minutes: one line at the beginning, one a minute, one at the end', async () => {
  const { clock, log, fail, succeed, lines } = setUp()
  for (let second = 0; second < 600; second++) {
    fail()
    await clock.advance(1000)
  }
  assert.equal(lines.isOut, true)
  succeed()
  succeed()
  assert.deepEqual(log.lines, [
    'WARN the peer is away',
    ...Array.from(
      { length: 9 },
      (_, index) => `WARN the peer is away for ${(index + 1) * 60} s (${(index + 1) * 60 + 1} tries)`,
    ),
    'INFO the peer is back after 600.0 s (600)',
  ])
})

test('what comes and goes every few seconds for ten minutes writes three lines a minute, and counts', async () => {
  const { clock, log, fail, succeed } = setUp()
  for (let turn = 0; turn < 120; turn++) {
    fail()
    await clock.advance(2000)
    succeed()
    await clock.advance(3000)
  }
  await clock.advance(60_000)
  const begun = log.lines.filter(line => line === 'WARN the peer is away').length
  const ended = log.lines.filter(line => line.startsWith('INFO the peer is back')).length
  const counted = log.lines
    .map(line =>
      /^WARN the peer came and went (\d+) more times within 60 s; at present it is there$/.exec(line),
    )
    .filter(match => match !== null)
  assert.ok(begun >= 3 && begun <= 13, `${begun} outages told`)
  assert.equal(ended, begun)
  assert.equal(log.lines.length, begun + ended + counted.length)
  assert.equal(begun + counted.reduce((sum, match) => sum + Number(match[1]), 0), 120)
})

test('one that lasts is told also where it began among many', async () => {
  const { clock, log, fail, succeed } = setUp()
  for (let turn = 0; turn < 6; turn++) {
    fail()
    succeed()
    await clock.advance(1000)
  }
  assert.equal(log.lines.length, 6)
  for (let second = 0; second < 70; second++) {
    fail()
    await clock.advance(1000)
  }
  succeed()
  assert.deepEqual(log.lines.slice(6), [
    'WARN the peer is away for 54 s (55 tries)',
    'WARN the peer came and went 3 more times within 60 s; at present it is away',
    'INFO the peer is back after 70.0 s (70)',
  ])
})
