// A channel that takes nothing while a source waits: told after some seconds, once a minute, and when over.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { conditionsOn, KeptLog } from '../../test/context.ts'
import { VirtualClock } from '../../test/virtual-clock.ts'
import type { Channel, FullChannel } from '../component.ts'
import { faultTable } from '../errors.ts'
import { Standstill } from './standstill.ts'

function setUp(full: FullChannel | null = null) {
  const clock = new VirtualClock()
  const log = new KeptLog()
  const { condition, health } = conditionsOn(clock, log)
  const channel: Pick<Channel, 'size' | 'capacity' | 'full'> = { size: 2000, capacity: 2000, full }
  const standstill = new Standstill({
    name: 'c1',
    channel,
    clock,
    condition,
  })
  return { clock, log, health, standstill }
}

test('two and a half minutes: begun, two reminders, over', async () => {
  const { clock, log, health, standstill } = setUp()
  standstill.begin()
  standstill.begin()
  await clock.advance(2900)
  assert.equal(log.lines.length, 0)
  await clock.advance(147_100)
  assert.match(health()[0]!, /channel c1 takes no events: it holds 2000 of 2000 events/)
  standstill.end(true)
  standstill.end(true)
  assert.deepEqual(health(), [])
  await clock.advance(100_000)
  const full = 'channel c1 takes no events: it holds 2000 of 2000 events, and the source waits for room.'
  const { remedy } = faultTable.CHANNEL_FULL
  assert.deepEqual(log.lines, [
    `WARN ${full} ${remedy}`,
    `WARN ${full} This has lasted for 63 s. ${remedy}`,
    `WARN ${full} This has lasted for 123 s. ${remedy}`,
    'INFO channel c1 takes events again, after 150.0 s',
  ])
})

test('what is used up is named, with the remedy for that', async () => {
  const { clock, log, standstill } = setUp({
    why: 'its bytes are used up (byteCapacity)',
    remedy: 'Raise it.',
  })
  standstill.begin()
  await clock.advance(3000)
  standstill.end(true)
  assert.equal(
    log.lines[0],
    'WARN channel c1 takes no events: its bytes are used up (byteCapacity), and the source waits for room. Raise it.',
  )
})

test('a channel that is full but takes something now and then is nothing to tell', async () => {
  const { clock, log, health, standstill } = setUp()
  standstill.begin()
  for (let turn = 0; turn < 100; turn++) {
    standstill.begin()
    await clock.advance(2500)
    standstill.end(true)
  }
  standstill.end(true)
  assert.deepEqual(log.lines, [])
  assert.deepEqual(health(), [])
})

test('a source that stops waiting ends it', async () => {
  const { clock, log, health, standstill } = setUp()
  standstill.begin()
  await clock.advance(5000)
  standstill.end(false)
  assert.deepEqual(health(), [])
  assert.match(log.lines.at(-1)!, /INFO nothing waits for channel c1 now/)
})
