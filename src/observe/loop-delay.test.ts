import assert from 'node:assert/strict'
import { test } from 'node:test'
import { conditionsOn, KeptLog } from '../../test/context.ts'
import type { Clock } from '../system/clock.ts'
import { LoopDelay } from './loop-delay.ts'

test('a loop that is held up is seen, reported while it matters, and kept as the longest', () => {
  let now = 0
  let ring = (): void => {}
  const clock = {
    now: () => now,
    monotonic: () => now,
    after: (_: number, run: () => void) => ((ring = run), { cancel() {} }),
  } as unknown as Clock
  const log = new KeptLog()
  const { condition } = conditionsOn(clock, log)
  const delay = new LoopDelay(clock, condition('event loop', { level: 'warn', isRed: false }))
  const after = (ms: number): void => {
    now += ms
    ring()
  }
  delay.start()
  after(100)
  after(150)
  assert.deepEqual([delay.recentMs, delay.longestMs, log.lines], [50, 50, []])
  after(2100)
  assert.deepEqual([delay.recentMs, delay.longestMs], [2000, 2000])
  assert.match(log.lines.join('\n'), /held up for 2000 ms/)
  for (let count = 0; count < 310; count++) after(100)
  assert.deepEqual([delay.recentMs, delay.longestMs], [0, 2000])
  assert.match(log.lines.at(-1)!, /runs freely again/)
})
