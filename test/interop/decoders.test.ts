// Every decoder under 600,000 inputs that nobody writes on purpose, others than those of npm test.
import assert from 'node:assert/strict'
import test from 'node:test'
import { fuzz, mostGrowthBytes, summaryOf } from '../hostile/fuzzing.ts'

const inputs = 600_000

test(`every decoder, ${inputs} inputs`, async t => {
  const done = await fuzz(inputs, 1_000_000_000)
  for (const line of summaryOf(done)) t.diagnostic(line)
  assert.ok(
    done.growthBytes < mostGrowthBytes,
    `a thread holds ${done.growthBytes} bytes more than after the warm-up`,
  )
})
