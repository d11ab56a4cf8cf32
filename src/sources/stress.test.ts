import assert from 'node:assert/strict'
import test from 'node:test'
import { runSource } from '../../test/running-source.ts'
import { realClock, type Clock } from '../system/clock.ts'
import { realSystem } from '../system/system.ts'
import { stressSource } from './stress.ts'

test('events are of one size; the last batch is cut at the total, and whole at the successful ones', async () => {
  for (const [given, puts] of [
    [{ size: 3, maxTotalEvents: 7, batchSize: 3 }, [3, 3, 1]],
    [{ size: 3, maxSuccessfulEvents: 7, batchSize: 3 }, [3, 3, 3]],
    [{ size: 3, maxSuccessfulEvents: 7, maxTotalEvents: 2 }, [1, 1]],
  ] as const) {
    const running = await runSource(stressSource, given)
    const count = puts.reduce((sum: number, one) => sum + one, 0)
    await running.until(() => running.events.length >= count)
    await running.stop()
    assert.deepEqual(running.puts, puts)
    assert.deepEqual(new Set(running.bodies), new Set(['\x7f\x7f\x7f']))
    assert.ok(running.events.every(({ headers }) => headers.size === 0))
  }
})

test('a total of 0 makes none', async () => {
  const running = await runSource(stressSource, { maxTotalEvents: 0 })
  await running.stop()
  assert.deepEqual(running.events, [])
})

test('what a channel refuses is made again', async () => {
  let calls = 0
  const running = await runSource(stressSource, { maxTotalEvents: 5, batchSize: 2 }, async () => {
    if (calls++ === 1) throw new Error('refused')
  })
  await running.until(() => running.events.length >= 5)
  await running.stop()
  assert.ok(running.events.length >= 5)
})

test('a rate is kept to', async () => {
  let now = 0
  const clock: Clock = {
    ...realClock,
    monotonic: () => now,
    async sleep(delayMs) {
      now += delayMs
    },
  }
  const given = { maxEventsPerSecond: 10, batchSize: 2, maxTotalEvents: 30 }
  const running = await runSource(stressSource, given, undefined, { ...realSystem, clock })
  await running.until(() => running.events.length >= 30)
  // The first batch comes at once.
  assert.equal(Math.round(now), 2800)
  await running.stop()
})
