import assert from 'node:assert/strict'
import { test } from 'node:test'
import { realClock } from './clock.ts'

test('what is to come in more than 24 days does not come at once', async () => {
  let hasRung = false
  const timer = realClock.after(2 ** 31, () => void (hasRung = true))
  const over = new AbortController()
  const slept = realClock.sleep(2_147_483_647 + 35_000, over.signal).then(() => void (hasRung = true))
  await new Promise<void>(resolve => realClock.after(20, resolve))
  assert.equal(hasRung, false)
  timer.cancel()
  over.abort()
  await slept
})

test('what was due long ago comes at once, and Node warns of nothing', async () => {
  const warnings: string[] = []
  const note = ({ name }: Error) => void warnings.push(name)
  process.on('warning', note)
  await realClock.sleep(-Date.now())
  await new Promise<void>(resolve => realClock.after(-1, resolve))
  await new Promise<void>(resolve => realClock.soon(resolve))
  process.off('warning', note)
  assert.deepEqual(warnings, [])
})
